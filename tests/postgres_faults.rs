//! What PostgreSQL does to a transaction that is nobody's fault, on a real one: lost races, deadlocks, slowness.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

use std::time::{Duration, Instant};

use eventcore_web::StoreError;
use eventcore_web::event::{EventToWrite, JsonEvent, SpaceId};
use eventcore_web::store::postgres::PostgresConfig;
use eventcore_web::store::{EventStore, ReadOptions, Store};
use eventcore_web::version::{EventVersion, ExpectedVersion};
use futures_util::future::join_all;

mod schema;

const PATIENCE: Duration = Duration::from_secs(60);

fn note(stream: &str, expected: ExpectedVersion) -> EventToWrite<JsonEvent> {
    schema::event(stream, "{}", expected)
}

/// Waits until a connection of the store waits for a lock.
async fn until_locked_out(admin: &tokio_postgres::Client, schema: &str) {
    let began = Instant::now();
    let waits =
        "select exists (select from pg_stat_activity where wait_event_type = 'Lock' and query like $1)";
    let own = format!("%\"{schema}\".%");
    while !admin.query_one(waits, &[&own]).await.unwrap().get::<_, bool>(0) {
        assert!(began.elapsed() < PATIENCE, "a statement of the store waits for the lock");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The first statements that write fail as PostgreSQL lets them fail under load. They are done again.
#[tokio::test]
async fn a_transaction_that_lost_a_race_is_done_again() {
    for code in ["40001", "40P01"] {
        schema::in_schema(|config| async move {
            let admin = schema::connect().await;
            let name = schema::quoted(&config);
            let store = schema::store(config).await?;
            let sql = format!(
                "create sequence {name}.lost;
                 create function {name}.lose() returns trigger language plpgsql as $$ begin
                   if nextval('{name}.lost') in (1, 2, 4) then
                     raise exception 'lost' using errcode = '{code}';
                   end if;
                   return null;
                 end $$;
                 create trigger lose before insert on {name}.events execute function {name}.lose();"
            );
            admin.batch_execute(&sql).await.unwrap();
            for version in 0..5 {
                let expected = ExpectedVersion::Exact(EventVersion::new(version));
                store.write_events(note("s", expected)).await?;
            }
            let tries = admin.query_one(&format!("select last_value from {name}.lost"), &[]).await.unwrap();
            assert_eq!(tries.get::<_, i64>(0), 8, "five that held, three that were lost");
            assert_eq!(store.read_all_events(ReadOptions::default()).await?.head.get(), 5);
            Ok(())
        })
        .await;
    }
}

/// Two pools at the strictest isolation that a database's owner may have made its default.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_of_two_processes_get_on_whatever_the_default_isolation_is() {
    schema::in_schema(|config| async move {
        let name = schema::quoted(&config);
        let store = schema::store(config).await?;
        let separator = if schema::url().contains('?') { '&' } else { '?' };
        let strict =
            format!("{}{separator}options=-c%20default_transaction_isolation%3Dserializable", schema::url());
        let strict = PostgresConfig::new(strict).with_schema(&name);
        let stores = [schema::store(strict.clone()).await?, schema::store(strict).await?];
        let writers = (0..16).map(|writer| {
            let store = stores[writer % 2].clone();
            tokio::spawn(async move {
                for version in 0..10 {
                    let expected = ExpectedVersion::Exact(EventVersion::new(version));
                    store.write_events(note(&format!("s-{writer}"), expected)).await?;
                }
                Ok::<_, StoreError>(())
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.unwrap()?;
        }
        let page = store.read_all_events(ReadOptions::default()).await?;
        assert_eq!((page.head.get(), page.events.len()), (160, 160));
        Ok(())
    })
    .await;
}

/// Somebody else takes the next position first and the space then, against the order of an append.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_costs_time_and_nothing_else() {
    schema::in_schema(|config| async move {
        let (admin, watcher) = (schema::connect().await, schema::connect().await);
        let name = schema::quoted(&config);
        let store = schema::store(config).await?;
        store.write_events(note("s", ExpectedVersion::NoStream)).await?;
        let deadlocks = async || -> i64 {
            let count = "select deadlocks from pg_stat_database where datname = current_database()";
            watcher.query_one(count, &[]).await.unwrap().get(0)
        };
        let before = deadlocks().await;
        let next = format!(
            "begin; insert into {name}.events \
               (space, position, id, commit_id, stream_id, version, event_type, payload, metadata, occurred_at) \
             select space, 2, gen_random_uuid(), commit_id, stream_id, 2, event_type, payload, metadata, occurred_at \
             from {name}.events"
        );
        admin.batch_execute(&next).await.unwrap();
        let writing = {
            let store = store.clone();
            tokio::spawn(async move {
                store.write_events(note("s", ExpectedVersion::Exact(EventVersion::new(1)))).await
            })
        };
        until_locked_out(&watcher, &name).await;
        // One of the two is the victim; either way the other goes on, and the append comes to its end.
        let _ = admin.batch_execute(&format!("update {name}.spaces set head = head")).await;
        admin.batch_execute("rollback").await.unwrap();
        let written =
            tokio::time::timeout(PATIENCE, writing).await.expect("nobody waits for ever").unwrap()?;
        assert_eq!(written.positions.unwrap().last.get(), 2);
        let began = Instant::now();
        while deadlocks().await == before {
            assert!(began.elapsed() < PATIENCE, "there was a deadlock");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    })
    .await;
}

/// A space whose row somebody holds: the appends that wait are as many as may, and each ends in time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_space_that_is_stuck_sheds_its_appends_and_holds_up_no_other() {
    schema::in_schema(|config| async move {
        const WAITING: usize = 20;
        let (admin, watcher) = (schema::connect().await, schema::connect().await);
        let name = schema::quoted(&config);
        schema::store(config.clone()).await?;
        let spaces = config
            .with_pool_size(4)
            .with_max_waiting(WAITING)
            .with_statement_timeout(Duration::from_secs(2))
            .spaces()?;
        let store =
            |space: &str| Store::<_, JsonEvent>::over(spaces.space(&SpaceId::try_new(space).unwrap()));
        let write = |store: &Store<_, JsonEvent>| {
            let store = store.clone();
            tokio::spawn(async move { store.write_events(note("s", ExpectedVersion::NoCheck)).await })
        };
        let (stuck, free) = (store("stuck"), store("free"));
        stuck.write_events(note("s", ExpectedVersion::NoCheck)).await?;
        admin
            .batch_execute(&format!("begin; select from {name}.spaces where space = 'stuck' for update"))
            .await
            .unwrap();

        let first = write(&stuck);
        until_locked_out(&watcher, &name).await;
        let others = join_all((0..2 * WAITING).map(|_| write(&stuck)));
        for _ in 0..10 {
            write(&free).await.unwrap()?;
        }
        let results: Vec<_> = others.await.into_iter().map(Result::unwrap).collect();
        let shed = |result: &Result<_, StoreError>| matches!(result, Err(StoreError::Overloaded(_)));
        assert!(results.iter().all(shed), "{results:?}");
        assert!(shed(&first.await.unwrap()), "PostgreSQL gave the statement up");
        admin.batch_execute("rollback").await.unwrap();
        stuck.write_events(note("s", ExpectedVersion::NoCheck)).await?;
        let head = stuck.read_all_events(ReadOptions::default()).await?.head;
        assert_eq!(head.get(), 2, "what was shed was not written");
        Ok(())
    })
    .await;
}
