//! The four guarantees.

use eventcore_web::StoreError;
use eventcore_web::store::{EventStore, InMemoryEventStore, ReadOptions};
use eventcore_web::testing::block_on;
use eventcore_web::version::ExpectedVersion;

use super::{ACCOUNT, BankEvent, MoneyDeposited, MoneyWithdrawn, OTHER, bank, exact, opened, write};

#[test]
fn guarantee_1_atomicity() {
    block_on(async {
        let event_store = bank(0).await;
        let transfer = |expected| {
            vec![
                write(ACCOUNT, MoneyWithdrawn { amount: 100 }, exact(1)),
                write(OTHER, MoneyDeposited { amount: 100 }, expected),
            ]
        };
        assert_eq!(
            event_store.write_events(transfer(exact(7))).await.unwrap_err().code(),
            "VERSION_CONFLICT"
        );
        assert_eq!(event_store.read_stream(&ACCOUNT, ReadOptions::default()).await.unwrap().version.get(), 1);
        event_store.write_events(transfer(ExpectedVersion::NoStream)).await.unwrap();
        let both = event_store.read_streams(&[ACCOUNT, OTHER], ReadOptions::default()).await.unwrap();
        assert_eq!(both.iter().map(|stream| stream.version.get()).collect::<Vec<_>>(), [2, 1]);
    });
}

#[test]
fn guarantee_2_consistency() {
    block_on(async {
        let event_store = bank(4).await;
        let command1_events = vec![write(ACCOUNT, MoneyWithdrawn { amount: 1 }, exact(5))];
        let command2_events = vec![write(ACCOUNT, MoneyWithdrawn { amount: 2 }, exact(5))];
        event_store.write_events(command1_events).await.unwrap();
        let Err(StoreError::VersionConflict(conflict)) = event_store.write_events(command2_events).await
        else {
            panic!("the second command was written")
        };
        let stream = &conflict.streams[0];
        assert_eq!((&stream.stream_id, stream.expected, stream.actual.get()), (&ACCOUNT, exact(5), 6));
    });
}

#[test]
fn guarantee_3_durability() {
    // In memory: what was acknowledged is there for whoever holds the store. Crashes are the other adapters'.
    block_on(async {
        let event_store = bank(0).await;
        let result =
            event_store.write_events(write(ACCOUNT, MoneyDeposited { amount: 1 }, exact(1))).await.unwrap();
        let snapshot = event_store.backend().snapshot();
        let ids = eventcore_web::event::IdGenerator::new();
        let restored = eventcore_web::store::memory::MemoryBackend::restore(snapshot, ids);
        let reopened = InMemoryEventStore::<BankEvent>::over(restored.into());
        let read = reopened.read_stream(&ACCOUNT, ReadOptions::default()).await.unwrap();
        assert_eq!(read.events[1].id, result.event_ids[0]);
    });
}

#[test]
fn guarantee_4_ordering() {
    block_on(async {
        let event_store = bank(3).await;
        event_store.write_events(write(OTHER, opened(), ExpectedVersion::NoStream)).await.unwrap();
        let stream_events = event_store.read_stream(&ACCOUNT, ReadOptions::default()).await.unwrap();
        assert!(stream_events.events[0].version < stream_events.events[1].version);
        let all_events = event_store.read_all_events(ReadOptions::default()).await.unwrap().events;
        assert!(all_events.windows(2).all(|pair| pair[0].position() < pair[1].position()));
        // Without other replicas the ids follow the positions.
        assert!(all_events.windows(2).all(|pair| pair[0].id < pair[1].id));
    });
}
