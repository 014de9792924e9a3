//! The tables of PostgreSQL: made once, brought up to date from every earlier version, refused where they are newer.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

use eventcore_web::StoreError;
use eventcore_web::event::JsonEvent;
use eventcore_web::store::postgres::{PostgresEventStore, SCHEMA_VERSION};
use eventcore_web::store::{EventStore, ReadOptions};
use eventcore_web::version::{EventVersion, ExpectedVersion};

mod schema;

use schema::{connect, event, in_schema};

/// The statements of each version after which tables may have been left.
const EARLIER: [&[&str]; 2] = [
    &[
        include_str!("../src/store/postgres/sql/schema/001-endpoint.sql"),
        include_str!("../src/store/postgres/sql/schema/001-identity.sql"),
        include_str!("../src/store/postgres/sql/schema/001-spaces.sql"),
        include_str!("../src/store/postgres/sql/schema/001-streams.sql"),
        include_str!("../src/store/postgres/sql/schema/001-events.sql"),
    ],
    &[include_str!("../src/store/postgres/sql/schema/002-erased.sql")],
];

/// Two events of one stream, as the first version wrote them.
const WRITTEN: &str = "
    insert into {schema}.spaces (space, head) values ('default', 2);
    insert into {schema}.streams (space, stream_id, version) values ('default', 's', 2);
    insert into {schema}.events
      (space, position, id, commit_id, stream_id, version, event_type, payload, metadata, occurred_at)
    select 'default', n, id, id, 's', n, 'Noted', to_jsonb(n), jsonb_build_object('correlationId', id), now()
    from generate_series(1, 2) n, cast('01900000-0000-7000-8000-00000000000' || n as uuid) id;";

#[tokio::test]
async fn tables_of_every_earlier_version_are_brought_up_to_date_with_what_is_in_them() {
    assert_eq!(EARLIER.len() + 1, SCHEMA_VERSION as usize, "every earlier version is tried");
    for version in 1..=EARLIER.len() {
        in_schema(|config| async move {
            let quoted = schema::quoted(&config);
            let admin = connect().await;
            let steps: Vec<&str> = EARLIER[..version].iter().flat_map(|steps| steps.iter().copied()).collect();
            let tables = format!(
                "create schema {{schema}}; {}; update {{schema}}.endpoint set schema_version = {version}; {WRITTEN}",
                steps.join(";\n"),
            );
            admin.batch_execute(&tables.replace("{schema}", &quoted)).await.unwrap();

            let store = schema::store(config).await?;
            let feed = store.read_all_events(ReadOptions::default()).await?;
            assert_eq!(feed.events.iter().map(|event| event.version.get()).collect::<Vec<_>>(), [1, 2]);
            let error = store.write_events(event("s", "3", ExpectedVersion::NoStream)).await.unwrap_err();
            let StoreError::VersionConflict(conflict) = error else { panic!("{error}") };
            assert_eq!(conflict.streams[0].actual.get(), 2);
            let written = store.write_events(event("s", "3", ExpectedVersion::Exact(EventVersion::new(2)))).await?;
            assert_eq!(written.positions.unwrap().last.get(), 3);
            let found = format!("select schema_version from {quoted}.endpoint");
            let found: i32 = admin.query_one(&found, &[]).await.unwrap().get(0);
            assert_eq!(found.cast_unsigned(), SCHEMA_VERSION);
            Ok(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_replicas_migrate_at_once_and_agree_on_the_identity() {
    in_schema(|config| async move {
        let starts = (0..8).map(|_| {
            let config = config.clone();
            tokio::spawn(async move {
                let spaces = config.spaces()?;
                spaces.initialize().await?;
                spaces.initialize().await?;
                spaces.backend_id().await
            })
        });
        let mut identities = Vec::new();
        for start in starts.collect::<Vec<_>>() {
            identities.push(start.await.unwrap()?);
        }
        identities.dedup();
        assert_eq!(identities.len(), 1);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_schema_of_a_newer_version_is_refused() {
    in_schema(|config| async move {
        let quoted = schema::quoted(&config);
        let store = schema::store(config).await?;
        let admin = connect().await;
        admin.batch_execute(&format!("update {quoted}.endpoint set schema_version = 99")).await.unwrap();
        assert_eq!(
            store.initialize().await,
            Err(StoreError::SchemaTooNew { found: 99, known: SCHEMA_VERSION })
        );
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn a_schema_that_was_not_initialized_says_so() {
    in_schema(|config| async move {
        let store = PostgresEventStore::<JsonEvent>::new(config).await?;
        let error = store.write_events(event("s", "{}", ExpectedVersion::NoCheck)).await.unwrap_err();
        assert_eq!(error.code(), "STORAGE_UNAVAILABLE");
        assert!(error.to_string().contains("initialize"), "{error}");
        Ok(())
    })
    .await;
}
