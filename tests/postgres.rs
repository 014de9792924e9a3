//! The PostgreSQL adapter on a real database: `TEST_DATABASE_URL` names one; each test has a schema of its own.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

use std::sync::Arc;

use chrono::{DateTime, Utc};
use eventcore_web::StoreError;
use eventcore_web::event::{
    Batch, EventId, EventToWrite, EventType, Json, JsonEvent, RawEvent, SpaceId, StreamId,
};
use eventcore_web::store::postgres::{PostgresConfig, PostgresEventStore};
use eventcore_web::store::{Backend, EventStore, Query, ReadOptions};
use eventcore_web::testing::contract;
use eventcore_web::version::{Cursor, EventVersion, ExpectedVersion, Position, Positions};

mod schema;

use schema::{connect, event, in_schema, in_schema_named};

contract::suite!(laws, || async { schema::empty_store().await }, schema::on_runtime);

fn note(stream: &str) -> EventToWrite<JsonEvent> {
    event(stream, "{}", ExpectedVersion::NoCheck)
}

fn stream(name: &str) -> StreamId {
    StreamId::try_new(name).unwrap()
}

#[tokio::test]
async fn what_is_written_is_read_back_unchanged() {
    in_schema(|config| async move {
        let store = schema::store(config).await?;
        let payloads = [
            r#"{"b":[1,2.50,null,true],"a":"ä \"quoted\" \\ \u00ff 🦀"}"#,
            "null",
            "\"text\"",
            "[[],{}]",
            "1e300",
            "-0.000000000000000000000000000000000000012345",
            "9007199254740991",
        ];
        let old = DateTime::from_timestamp_millis(-62_000_000_000_001).unwrap();
        let far = "9999-12-31T23:59:59.999Z".parse::<DateTime<Utc>>().unwrap();
        let year_0 = "0000-01-01T00:00:00.001Z".parse::<DateTime<Utc>>().unwrap();
        let times = [old, far, year_0];
        for (number, payload) in payloads.into_iter().enumerate() {
            let write = event("s", payload, ExpectedVersion::Exact(EventVersion::new(number as u64)));
            store.write_events(write.at(times[number % times.len()])).await?;
        }
        let read = store.read_stream(&stream("s"), ReadOptions::default()).await?;
        assert_eq!(read.version.get(), payloads.len() as u64);
        for (number, (event, payload)) in read.events.iter().zip(payloads).enumerate() {
            assert_eq!(event.payload.payload, Json::parse(payload).unwrap());
            assert!(Json::parse(event.payload.payload.text()).is_ok(), "{payload} keeps the rules of JSON");
            assert_eq!(event.occurred_at, times[number % times.len()]);
            assert_eq!(event.position().map(Position::get), Some(number as u64 + 1));
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_repeat_answers_with_the_first_result_and_other_content_is_refused() {
    in_schema(|config| async move {
        let store = schema::store(config).await?;
        let id = EventId::new();
        let write = || event("s", r#"{"n":1.0}"#, ExpectedVersion::NoStream).with_id(id);
        let first = store.write_events(write()).await?;
        store.write_events(note("s")).await?;
        assert_eq!(store.write_events(write()).await?, first, "whatever the version is now");
        let other = store.write_events(event("s", r#"{"n":2}"#, ExpectedVersion::NoCheck).with_id(id)).await;
        assert_eq!(other, Err(StoreError::EventIdReused(id.into())));
        // The same id in another space is another event.
        let elsewhere = store.space(&SpaceId::try_new("elsewhere").unwrap());
        assert_eq!(elsewhere.write_events(write()).await?.positions, first.positions);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_conflict_names_every_stream_and_writes_nothing() {
    in_schema(|config| async move {
        let store = schema::store(config).await?;
        store.write_events(note("a")).await?;
        let batch = Batch::new(vec![
            event("a", "1", ExpectedVersion::NoStream),
            event("b", "2", ExpectedVersion::NoStream),
        ]);
        let batch = batch.with_precondition(stream("c"), ExpectedVersion::Any);
        let Err(StoreError::VersionConflict(conflict)) = store.write_events(batch).await else {
            panic!("expected a conflict")
        };
        let streams: Vec<_> = conflict.streams.iter().map(|stream| stream.stream_id.as_str()).collect();
        assert_eq!(streams, ["a", "c"]);
        let page = store.read_all_events(ReadOptions::default()).await?;
        assert_eq!((page.events.len(), page.head.get(), page.cursor.get()), (1, 1, 1));
        Ok(())
    })
    .await;
}

/// 32 writers race for one space through two pools, as two replicas of an endpoint would, while a reader follows
/// by cursor. Positions are dense, and the reader misses none.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_leave_no_hole_and_a_reader_misses_nothing() {
    const WRITERS: usize = 32;
    const WRITES: usize = 20;
    in_schema(|config| async move {
        let stores = [schema::store(config.clone()).await?, schema::store(config.clone()).await?];
        let reader = schema::store(config).await?;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let store = stores[writer % 2].clone();
                tokio::spawn(async move {
                    let mut results = Vec::new();
                    for _ in 0..WRITES {
                        let own = format!("writer-{writer}");
                        let batch = Batch::new(vec![note(&own), note("shared"), note(&own)]);
                        results.push(store.write_events(batch).await?.positions.unwrap());
                    }
                    Ok::<_, StoreError>(results)
                })
            })
            .collect();
        let total = WRITERS * WRITES * 3;
        let mut seen: Vec<u64> = Vec::new();
        let mut cursor = Cursor::ZERO;
        while seen.len() < total {
            let page = reader.read_all_events(ReadOptions::default().after(cursor).max_events(50)).await?;
            seen.extend(page.events.iter().map(|event| event.position().unwrap().get()));
            cursor = page.cursor;
        }
        assert_eq!(seen, (1..=total as u64).collect::<Vec<_>>());
        let mut commits: Vec<Positions> = Vec::new();
        for writer in writers {
            commits.extend(writer.await.unwrap()?);
        }
        commits.sort_by_key(|positions| positions.first);
        assert!(commits.iter().all(|of| of.last.get() == of.first.get() + 2), "a commit's events are dense");
        assert!(commits.windows(2).all(|two| two[1].first.get() == two[0].last.get() + 1));
        let shared = reader.read_stream(&stream("shared"), ReadOptions::default()).await?;
        let versions: Vec<u64> = shared.events.iter().map(|event| event.version.get()).collect();
        assert_eq!(versions, (1..=(WRITERS * WRITES) as u64).collect::<Vec<_>>());
        Ok(())
    })
    .await;
}

/// Runs that share a transaction stand alone: of all who expect the same version one wins.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_gathered_writers_with_one_expectation_one_wins() {
    in_schema(|config| async move {
        let store = schema::store(config).await?;
        let races = (0..40).map(|racer| {
            let store = store.clone();
            tokio::spawn(async move {
                store.write_events(event("raced", &racer.to_string(), ExpectedVersion::NoStream)).await
            })
        });
        let mut won = 0;
        for race in races.collect::<Vec<_>>() {
            match race.await.unwrap() {
                Ok(_) => won += 1,
                Err(error) => assert_eq!(error.code(), "VERSION_CONFLICT"),
            }
        }
        assert_eq!(won, 1);
        Ok(())
    })
    .await;
}

/// A caller that goes away in the middle of an append holds nobody up, and no connection stays in a transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_caller_that_goes_away_leaves_the_others_their_turn() {
    in_schema(|config| async move {
        let store = schema::store(config.with_pool_size(2)).await?;
        for round in 0..40 {
            let (leaving, staying) = (store.clone(), store.clone());
            let leaving = tokio::spawn(async move { leaving.write_events(note("left")).await });
            let staying = tokio::spawn(async move { staying.write_events(note("stayed")).await });
            tokio::time::sleep(std::time::Duration::from_micros(100 * round)).await;
            leaving.abort();
            let result = tokio::time::timeout(std::time::Duration::from_secs(10), staying).await;
            result.expect("somebody takes the turn").unwrap()?;
        }
        let page = store.read_all_events(ReadOptions::default()).await?;
        assert_eq!(page.head.get(), page.events.len() as u64);
        let stayed = store.read_stream(&stream("stayed"), ReadOptions::default()).await?;
        assert_eq!(stayed.version.get(), 40);
        Ok(())
    })
    .await;
}

/// Two processes write one space in turns, so that what each remembers of it is never true: not its head, nor the
/// versions, nor that a stream is new. What they write in between on their own, they write from memory.
#[tokio::test]
async fn what_a_process_remembers_is_never_taken_for_what_is_there() {
    in_schema(|config| async move {
        let stores = [schema::store(config.clone()).await?, schema::store(config).await?];
        let exact = |version| ExpectedVersion::Exact(EventVersion::new(version));
        let mut versions = [0, 0];
        for round in 0..40_u64 {
            let (here, there) = (&stores[(round % 2) as usize], &stores[((round + 1) % 2) as usize]);
            for (at, name) in ["a", "b"].into_iter().enumerate() {
                here.write_events(event(name, "1", exact(versions[at]))).await?;
                versions[at] += 1;
                let stale = there.write_events(event(name, "2", exact(versions[at] - 1))).await;
                assert_eq!(stale.map_err(|error| error.code()), Err("VERSION_CONFLICT"), "{name}, {round}");
            }
            let new = format!("new-{round}");
            let id = EventId::new();
            let create = || event(&new, "3", ExpectedVersion::NoStream).with_id(id);
            let created = here.write_events(create()).await?;
            assert_eq!(there.write_events(create()).await?, created, "a repeat");
            assert_eq!(here.write_events(create()).await?, created, "a repeat");
            let other = there.write_events(event(&new, "4", ExpectedVersion::NoStream)).await;
            assert_eq!(other.map_err(|error| error.code()), Err("VERSION_CONFLICT"), "{round}");
            let reused = there.write_events(event("else", "5", ExpectedVersion::NoCheck).with_id(id)).await;
            assert_eq!(reused, Err(StoreError::EventIdReused(id.into())));
            // A stream that is only looked at counts as much as one that is written.
            let guarded =
                Batch::from(note("guarded")).with_precondition(stream(&new), ExpectedVersion::NoStream);
            assert_eq!(
                here.write_events(guarded).await.map_err(|error| error.code()),
                Err("VERSION_CONFLICT")
            );
        }
        let page = stores[0].read_all_events(ReadOptions::default()).await?;
        assert_eq!((page.events.len(), page.head.get()), (120, 120));
        Ok(())
    })
    .await;
}

/// More streams than are remembered, in commits that touch old and new ones.
#[tokio::test]
async fn streams_that_were_forgotten_are_looked_up_again() {
    in_schema(|config| async move {
        let store = schema::store(config).await?;
        for round in 0..3_u64 {
            for first in (0..1_200).step_by(100) {
                let expected = ExpectedVersion::Exact(EventVersion::new(round));
                let batch = (first..first + 100).map(|number| event(&format!("s-{number}"), "{}", expected));
                store.write_events(batch.collect::<Vec<_>>()).await?;
            }
        }
        assert_eq!(store.read_all_events(ReadOptions::default()).await?.head.get(), 3_600);
        Ok(())
    })
    .await;
}

/// What is passed on unread is what a reader gets, numbers that `jsonb` writes out among it.
#[tokio::test]
async fn the_feed_as_text_is_the_feed() {
    in_schema(|config| async move {
        let store = schema::store(config).await?;
        let log = Arc::clone(store.space(&SpaceId::try_new("text").unwrap()).backend());
        let space = store.space(&SpaceId::try_new("text").unwrap());
        let plain =
            ["null", "\"\u{feff}\"", "0.30000000000000004", r#"{"a":"12345678901234567890","b":[-1.5]}"#];
        let long = ["1e300", "-1e22", r#"[1, 123456789012345680000]"#, "2e-320"];
        for payloads in [&plain[..], &long[..]] {
            for payload in payloads {
                let name = "\u{feff}ä \"quoted\" \\ {stream}";
                let mut write = event(name, payload, ExpectedVersion::NoCheck);
                write.payload.event_type = EventType::try_new("\u{feff}It's, \"said\"").unwrap();
                let year_0 = "0000-01-01T00:00:00.001Z".parse::<DateTime<Utc>>().unwrap();
                space.write_events(write.at(year_0)).await?;
            }
            let (events, written) =
                (log.read_feed(&Query::default()).await?, log.read_written(Cursor::ZERO, 100).await?);
            assert_eq!((written.cursor, written.complete, written.head), (events.cursor, true, events.head));
            assert_eq!(events.events.len(), written.events.len());
            for (event, written) in events.events.iter().zip(&written.events) {
                assert_eq!(serde_json::from_str::<RawEvent>(&written.text).unwrap(), *event);
                assert_eq!(
                    (Some(written.position), written.commit_id),
                    (event.place.position(), event.commit_id)
                );
            }
        }
        let page = log.read_written(Cursor::new(2), 3).await?;
        let positions: Vec<u64> = page.events.iter().map(|event| event.position.get()).collect();
        assert_eq!((positions, page.cursor.get(), page.complete), (vec![3, 4, 5], 5, false));
        let behind = log.read_written(Cursor::new(8), 3).await?;
        assert_eq!((behind.events.len(), behind.cursor.get(), behind.complete), (0, 8, true));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_prefix_is_literal_and_filtered_pages_move_on() {
    in_schema(|config| async move {
        let store = schema::store(config).await?;
        for name in ["a_1", "aXb", "a%", "A_1", "a_2", "ä_1"] {
            store.write_events(note(name)).await?;
        }
        let page = store.read_all_events(ReadOptions::default().stream_prefix("a_")).await?;
        let found: Vec<_> = page.events.iter().map(|event| event.stream_id.as_str()).collect();
        assert_eq!(found, ["a_1", "a_2"]);
        assert_eq!((page.cursor.get(), page.complete), (6, true));
        let page = store.read_all_events(ReadOptions::default().stream_prefix("a_").max_events(1)).await?;
        assert_eq!((page.cursor.get(), page.complete), (1, false));
        let none = store.read_all_events(ReadOptions::default().stream_prefix("z").max_events(1)).await?;
        assert_eq!((none.events.len(), none.cursor.get(), none.complete), (0, 6, true));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn streams_are_read_by_versions_backwards_and_as_often_as_asked() {
    in_schema(|config| async move {
        let store = schema::store(config).await?;
        store.write_events((0..5).map(|_| note("s")).collect::<Vec<_>>()).await?;
        let options = ReadOptions::default().from_version(EventVersion::new(2)).backwards().max_events(3);
        let asked = [stream("s"), stream("none"), stream("s")];
        let read = store.read_streams(&asked, options).await?;
        let versions =
            |at: usize| read[at].events.iter().map(|event| event.version.get()).collect::<Vec<_>>();
        assert_eq!((versions(0), versions(1), versions(2)), (vec![5, 4, 3], vec![], vec![5, 4, 3]));
        assert_eq!(read.iter().map(|stream| stream.version.get()).collect::<Vec<_>>(), [5, 0, 5]);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_statement_that_postgresql_refuses_fails_for_its_writer_alone() {
    in_schema(|config| async move {
        let admin = connect().await;
        let sql = format!(
            "alter table {}.events add constraint refused check (event_type <> 'Refused')",
            schema::quoted(&config)
        );
        let store = schema::store(config).await?;
        admin.batch_execute(&sql).await.unwrap();
        let writes = (0..20).map(|writer| {
            let store = store.clone();
            let mut write = note(&format!("s-{writer}"));
            if writer == 7 {
                write.payload.event_type = EventType::try_new("Refused").unwrap();
            }
            async move { store.write_events(write).await.map(|_| writer) }
        });
        let results = futures_util::future::join_all(writes).await;
        for (writer, result) in results.into_iter().enumerate() {
            assert_eq!(result.is_err(), writer == 7, "{writer}");
        }
        let head = store.read_all_events(ReadOptions::default()).await?.head;
        assert_eq!(head.get(), 19);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_schema_may_have_any_name() {
    for name in ["Quoted \"Name\"", "x\"; drop schema public cascade; --", "{schema} $1 'y'", "ünïcode.dot"]
    {
        in_schema_named(name.into(), |config| async move {
            let store = schema::store(config).await?;
            store.write_events(note("s")).await?;
            assert_eq!(store.read_all_events(ReadOptions::default()).await?.head.get(), 1);
            Ok(())
        })
        .await;
    }
}

/// Connections that the server closes are replaced, and what was under way is done again.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn lost_connections_are_replaced_and_nothing_is_written_twice() {
    in_schema(|config| async move {
        let admin = connect().await;
        let own = format!("%\"{}\".%", schema::quoted(&config));
        let store = schema::store(config).await?;
        let backend = Arc::clone(store.space(&SpaceId::try_new("lossy").unwrap()).backend());
        let space = store.space(&SpaceId::try_new("lossy").unwrap());
        let writers: Vec<_> = (0..8)
            .map(|writer| {
                let space = space.clone();
                tokio::spawn(async move {
                    let mut acknowledged = 0;
                    for _ in 0..60 {
                        let own = format!("writer-{writer}");
                        let expected = ExpectedVersion::Exact(EventVersion::new(acknowledged));
                        match space.write_events(event(&own, "{}", expected)).await {
                            Ok(_) => acknowledged += 1,
                            // Its outcome is unknown: a writer that cares repeats it with the same ids.
                            Err(error) => {
                                assert_eq!(error.code(), "STORAGE_UNAVAILABLE", "{error}");
                                let read = space.read_stream(&stream(&own), ReadOptions::default()).await?;
                                acknowledged = read.version.get();
                            }
                        }
                    }
                    Ok::<_, StoreError>((format!("writer-{writer}"), acknowledged))
                })
            })
            .collect();
        for _ in 0..10 {
            tokio::time::sleep(std::time::Duration::from_millis(15)).await;
            let kill = "select pg_terminate_backend(pid) from pg_stat_activity \
                        where pid <> pg_backend_pid() and query like $1";
            admin.query(kill, &[&own]).await.unwrap();
        }
        for writer in writers {
            let (name, acknowledged) = writer.await.unwrap()?;
            let read = space.read_stream(&stream(&name), ReadOptions::default()).await?;
            assert_eq!(read.version.get(), acknowledged, "{name}");
        }
        let feed = backend.read_feed(&Query::default()).await?;
        assert_eq!(feed.head.get(), feed.events.len() as u64);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_not_there_is_a_typed_error() {
    let nowhere = PostgresConfig::new("postgresql://nobody@127.0.0.1:1/nothing");
    let error = PostgresEventStore::<JsonEvent>::new(nowhere).await.err().unwrap();
    assert_eq!(error.code(), "STORAGE_UNAVAILABLE", "{error}");
    let invalid = PostgresConfig::new("mysql://secret@host");
    let error = PostgresEventStore::<JsonEvent>::new(invalid).await.err().unwrap();
    assert_eq!(error.code(), "INVALID_REQUEST");
    assert!(!error.to_string().contains("secret"), "{error}");
}
