//! Appends that are on their way at once, on a real PostgreSQL: each is decided by what the one before it will leave,
//! and that may turn out otherwise.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

use std::collections::HashMap;
use std::time::Duration;

use eventcore_web::StoreError;
use eventcore_web::event::{EventId, EventToWrite, JsonEvent, StreamId};
use eventcore_web::store::postgres::{PostgresConfig, PostgresEventStore};
use eventcore_web::store::{EventStore, ReadOptions};
use eventcore_web::version::ExpectedVersion;
use tokio::task::JoinSet;

mod schema;

/// Of each process; so many that half of them are worth a statement of their own.
const CALLERS: usize = 24;
const APPENDS: usize = 40;
/// Streams that all callers write to.
const SHARED: usize = 5;

/// An event's id, its stream, and its version there.
type Written = (EventId, StreamId, u64);

fn note(stream: &str) -> EventToWrite<JsonEvent> {
    schema::event(stream, "{}", ExpectedVersion::NoCheck)
}

/// Appends one after the other, and takes a moment in between, as callers through HTTP do.
async fn append(store: PostgresEventStore<JsonEvent>, caller: usize) -> Result<Vec<Written>, StoreError> {
    let mut written = Vec::new();
    for number in 0..APPENDS {
        let event = note(&format!("s-{}", (caller + number) % SHARED)).with_id(EventId::new());
        let result = loop {
            match store.write_events(event.clone()).await {
                // Lost once more often than it was tried: a caller comes again with the same.
                Err(StoreError::StorageUnavailable(_)) => {}
                result => break result?,
            }
        };
        let (stream, version) = result.versions.into_iter().next().unwrap();
        written.push((result.event_ids[0], stream, version.get()));
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    Ok(written)
}

/// Two processes with callers of their own in one space; some of them go away in the middle of an append.
async fn written_by_two(config: &PostgresConfig, leaving: usize) -> Result<Vec<Written>, StoreError> {
    let mut callers = JoinSet::new();
    let mut leavers = Vec::new();
    for _ in 0..2 {
        let store = schema::store(config.clone()).await?;
        for caller in 0..CALLERS {
            callers.spawn(append(store.clone(), caller));
        }
        for caller in 0..leaving {
            leavers.push(tokio::spawn(append(store.clone(), caller)));
        }
    }
    for (number, leaver) in leavers.into_iter().enumerate() {
        tokio::time::sleep(Duration::from_micros(1_700 * (number as u64 % 3 + 1))).await;
        leaver.abort();
    }
    let mut written = Vec::new();
    for caller in callers.join_all().await {
        written.extend(caller?);
    }
    Ok(written)
}

/// What was acknowledged is there, where it was said to be; positions and versions have no holes.
async fn assert_whole(config: PostgresConfig, acknowledged: Vec<Written>) -> Result<(), StoreError> {
    assert_eq!(acknowledged.len(), 2 * CALLERS * APPENDS);
    let store = schema::store(config).await?;
    let mut versions: HashMap<StreamId, u64> = HashMap::new();
    let mut places = HashMap::new();
    let mut options = ReadOptions::default();
    loop {
        let page = store.read_all_events(options).await?;
        for event in page.events {
            let version = versions.entry(event.stream_id.clone()).or_default();
            *version += 1;
            assert_eq!(event.version.get(), *version, "{} has no holes", event.stream_id);
            assert_eq!(event.position().unwrap().get(), places.len() as u64 + 1, "positions have no holes");
            let before = places.insert(event.id, (event.stream_id, *version));
            assert!(before.is_none(), "an event is there once");
        }
        if page.complete {
            break;
        }
        options = ReadOptions::default().after(page.cursor);
    }
    for (id, stream, version) in acknowledged {
        assert_eq!(places.get(&id), Some(&(stream, version)), "what was acknowledged is where it was said");
    }
    Ok(())
}

/// As it would be where one append failed, and somebody else then wrote as much: what is remembered of the streams holds no
/// longer.
#[tokio::test]
async fn a_head_that_is_as_high_by_chance_is_no_proof() {
    schema::in_schema(|config| async move {
        let (one, other) = (schema::store(config.clone()).await?, schema::store(config.clone()).await?);
        one.write_events(note("s")).await?;
        let name = schema::quoted(&config);
        let undo = format!("truncate {name}.events, {name}.spaces");
        schema::connect().await.batch_execute(&undo).await.unwrap();
        other.write_events(note("t")).await?;
        let written = one.write_events(note("s")).await?;
        assert_eq!(written.versions.values().map(|version| version.get()).collect::<Vec<_>>(), [1]);
        assert_eq!(written.positions.unwrap().last.get(), 2);
        Ok(())
    })
    .await;
}

/// Where one moved the head, the other's append fails, and with it the one on top; by how much it moved is no proof.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_in_one_space_leave_no_holes() {
    schema::in_schema(|config| async move {
        let written = written_by_two(&config, 0).await?;
        assert_whole(config, written).await
    })
    .await;
}

/// Nobody knows what became of what they had sent, and what is on its way on top of it goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_go_away_leave_whole_appends() {
    schema::in_schema(|config| async move {
        let written = written_by_two(&config, 12).await?;
        assert_whole(config, written).await
    })
    .await;
}

/// Connections are cut with two appends on their way on them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_lose_nothing() {
    schema::in_schema(|config| async move {
        let cutting = {
            let own = format!("with moved%\"{}\".%", schema::quoted(&config));
            tokio::spawn(async move {
                let admin = schema::connect().await;
                let cut = "select pg_terminate_backend(pid) from pg_stat_activity where query like $1 and pid <> pg_backend_pid()";
                loop {
                    admin.query(cut, &[&own]).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(60)).await;
                }
            })
        };
        let written = written_by_two(&config, 0).await?;
        cutting.abort();
        assert_whole(config, written).await
    })
    .await;
}

/// What PostgreSQL refuses for its content fails alone, though it is on its way with others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_fails_alone() {
    schema::in_schema(|config| async move {
        let name = schema::quoted(&config);
        let store = schema::store(config.clone()).await?;
        let admin = schema::connect().await;
        let refuse = format!("alter table {name}.events add check (stream_id not like 'refused%')");
        admin.batch_execute(&refuse).await.unwrap();
        let refused = tokio::spawn(async move {
            let mut failed = 0;
            for number in 0..APPENDS {
                failed += usize::from(store.write_events(note(&format!("refused-{number}"))).await.is_err());
            }
            failed
        });
        let written = written_by_two(&config, 0).await?;
        assert_eq!(refused.await.unwrap(), APPENDS);
        assert_whole(config, written).await
    })
    .await;
}
