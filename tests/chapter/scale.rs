//! What keeps a large store fast: batches, partitions and caches.

use std::num::NonZeroUsize;

use eventcore_web::event::StreamId;
use eventcore_web::store::{CachedEventStore, EventStore, InMemoryEventStore, ReadOptions, write_in_batches};
use eventcore_web::testing::block_on;
use eventcore_web::version::ExpectedVersion;

use super::{ACCOUNT, MoneyDeposited, bank, write};

#[test]
fn batch_writing() {
    block_on(async {
        let event_store = InMemoryEventStore::new();
        let large_dataset = 0..1_050_u64;
        let items = large_dataset.map(|item| {
            let stream_id = StreamId::partitioned("account", &item, 8).unwrap();
            write(stream_id, MoneyDeposited { amount: item }, ExpectedVersion::NoCheck)
        });
        let mut reported = Vec::new();
        let size = NonZeroUsize::new(100).unwrap();
        let written = write_in_batches(&event_store, items, size, |progress| reported.push(progress.events))
            .await
            .unwrap();
        assert_eq!((written.events, written.batches), (1_050, 11));
        assert_eq!(reported, (1..=10).map(|batch| batch * 100).chain([1_050]).collect::<Vec<_>>());
        assert_eq!(event_store.read_all_events(ReadOptions::default()).await.unwrap().head.get(), 1_050);
    });
}

#[test]
fn stream_partitioning() {
    let mut partitions: Vec<String> = (0..1_000)
        .map(|order_id| StreamId::partitioned("orders", &order_id, 16).unwrap().to_string())
        .collect();
    assert_eq!(partitions[7], StreamId::partitioned("orders", "7", 16).unwrap().as_str());
    partitions.sort();
    let mut sizes: Vec<usize> = partitions.chunk_by(|one, other| one == other).map(<[_]>::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes.len(), 16);
    assert!(sizes[0] > 30 && sizes[15] < 100, "1,000 keys over 16 partitions: {sizes:?}");
}

#[test]
fn caching_strategies() {
    block_on(async {
        let inner = bank(3).await;
        let cached = CachedEventStore::new(inner.clone(), 1_000);
        for amount in 0..3 {
            let read = cached.read_stream(&ACCOUNT, ReadOptions::default()).await.unwrap();
            assert_eq!(read, inner.read_stream(&ACCOUNT, ReadOptions::default()).await.unwrap());
            // The chapter's cache would not notice either of these.
            cached
                .write_events(write(ACCOUNT, MoneyDeposited { amount }, ExpectedVersion::Any))
                .await
                .unwrap();
            inner
                .write_events(write(ACCOUNT, MoneyDeposited { amount }, ExpectedVersion::Any))
                .await
                .unwrap();
        }
        assert_eq!(cached.cached_events(), 8);
    });
}
