//! The contract over what is built on memory: the store itself, and the stores that wrap another.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use eventcore_web::event::{EventToWrite, EventType, Json, JsonEvent, StreamId};
use eventcore_web::store::{
    CachedEventStore, ChaosConfig, ChaosEventStore, EventStore, InMemoryEventStore, ReadOptions,
};
use eventcore_web::testing::{assertions, block_on, contract};
use eventcore_web::version::ExpectedVersion;

contract::suite!(memory, || async { InMemoryEventStore::new() });

contract::suite!(cached, || async { CachedEventStore::new(InMemoryEventStore::new(), 1_000) });

// So small that streams are thrown out all the time.
contract::suite!(cached_tightly, || async { CachedEventStore::new(InMemoryEventStore::new(), 3) });

contract::suite!(behind_chaos_that_does_nothing, || async {
    ChaosEventStore::new(InMemoryEventStore::new(), ChaosConfig::default())
});

// Latency on every operation interleaves what is concurrent in another way each time.
contract::suite!(slow, || async {
    let config = ChaosConfig { latency_ms: Some(0..2), ..ChaosConfig::default() };
    CachedEventStore::new(InMemoryEventStore::new().with_chaos(config), 1_000)
});

contract::suite!(on_tokio, || async { InMemoryEventStore::new() }, |law| {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(law)
});

#[test]
fn threads_write_as_futures_do() {
    const STREAM: StreamId = StreamId::from_static("counter");
    let store = InMemoryEventStore::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    block_on(increment(&store, &STREAM));
                }
            });
        }
    });
    let read = block_on(store.read_stream(&STREAM, ReadOptions::default())).unwrap();
    assert_eq!(read.version.get(), 400);
    assertions::assert_events_ordered(&read.events);
    assertions::assert_unique_event_ids(&read.events);
    assertions::assert_stream_version_progression(&read.events, &STREAM);
}

/// Writes with the version that was read, until it succeeds.
async fn increment(store: &InMemoryEventStore, stream: &StreamId) {
    let payload = Json::parse("{}").unwrap();
    let event = JsonEvent { event_type: EventType::try_new("Incremented").unwrap(), payload };
    loop {
        let last = ReadOptions::default().backwards().max_events(1);
        let version = store.read_stream(stream, last).await.unwrap().version;
        let write = EventToWrite::new(stream.clone(), event.clone(), ExpectedVersion::Exact(version));
        match store.write_events(write).await {
            Ok(_) => return,
            Err(error) => assert_eq!(error.code(), "VERSION_CONFLICT"),
        }
    }
}
