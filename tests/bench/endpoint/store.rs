//! The store without HTTP.

use std::time::Instant;

use eventcore_web::event::{EventToWrite, EventType, Json, JsonEvent, StreamId};
use eventcore_web::store::postgres::{PostgresConfig, PostgresEventStore};
use eventcore_web::store::{EventStore, ReadOptions};
use eventcore_web::version::{Cursor, EventVersion, ExpectedVersion};

use super::{Calls, Load, Measured, STREAM, payload};

pub(super) fn measure(url: &str, schema: &str, row: &str, load: Load) -> Measured {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let config = PostgresConfig::new(url).with_schema(schema);
    runtime.block_on(async {
        let store = PostgresEventStore::<JsonEvent>::new(config).await.unwrap();
        store.initialize().await.unwrap();
        // The time begins when there is a connection.
        let load = Load { began: Instant::now(), ..load };
        let callers = (0..load.callers).map(|caller| {
            let (store, row) = (store.clone(), row.to_owned());
            tokio::spawn(async move {
                match load.commit {
                    Some(commit) => write(&store, load, &format!("{row}-{caller}"), commit).await,
                    None => read(&store, load).await,
                }
            })
        });
        let mut calls = Vec::new();
        for caller in callers.collect::<Vec<_>>() {
            calls.push(caller.await.unwrap());
        }
        Measured::of(load, calls)
    })
}

async fn write(store: &PostgresEventStore<JsonEvent>, load: Load, name: &str, commit: usize) -> Calls {
    let mut calls = Calls::default();
    let event_type = EventType::try_new("OrderPlaced").unwrap();
    for number in 0.. {
        if load.is_over() {
            break;
        }
        let stream_id = StreamId::try_new(format!("{name}-{}", number / STREAM)).unwrap();
        let expected = ExpectedVersion::Exact(EventVersion::new((number % STREAM * commit) as u64));
        let began = Instant::now();
        let events = (0..commit).map(|at| {
            let payload = Json::parse(&payload(number * commit + at)).unwrap();
            let event = JsonEvent { event_type: event_type.clone(), payload };
            EventToWrite::new(stream_id.clone(), event, expected)
        });
        store.write_events(events.collect::<Vec<_>>()).await.unwrap();
        calls.add(load, began, commit);
    }
    calls
}

async fn read(store: &PostgresEventStore<JsonEvent>, load: Load) -> Calls {
    let mut calls = Calls::default();
    let mut cursor = Cursor::ZERO;
    while !load.is_over() {
        let began = Instant::now();
        let page = store.read_all_events(ReadOptions::default().after(cursor).max_events(1_000)).await;
        let page = page.unwrap();
        calls.add(load, began, page.events.len());
        cursor = if page.complete { Cursor::ZERO } else { page.cursor };
    }
    calls
}
