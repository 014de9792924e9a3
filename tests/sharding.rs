//! The tables distribute by `space` as they are: every statement names one space, and none touches another's rows.
//!
//! Shown in two ways: by the text of each statement, and by running every part of the port over tables that are
//! partitioned by space, as a sharded PostgreSQL would, and asking which partitions were touched.
#![cfg(all(feature = "server", not(target_family = "wasm")))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod schema;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use eventcore_web::event::{EventId, EventToWrite, EventType, Json, JsonEvent, SpaceId, StreamId};
use eventcore_web::store::{EventStore, ReadOptions};
use eventcore_web::version::EventVersion;
use eventcore_web::version::ExpectedVersion::{Exact, NoCheck, NoStream};
use schema::{connect, in_schema, quoted, store};

const TABLES: [&str; 2] = ["spaces", "events"];
/// Enough that a few spaces fall into partitions of their own.
const PARTITIONS: u32 = 64;

/// The statements in a folder, by file, without their comments.
fn statements(folder: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let sql = files.filter(|path| path.extension().is_some_and(|extension| extension == "sql"));
    sql.map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect();
        let words = code.join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        (path.file_name().unwrap().to_string_lossy().into_owned(), words)
    })
    .collect()
}

/// Whether every mention of a table in a statement is bound to the space that the statement names.
fn names_one_space(statement: &str) -> Result<(), String> {
    let mut bound = Vec::new();
    for (at, _) in statement.match_indices("{schema}.") {
        let mention = &statement[at + "{schema}.".len()..];
        let mut words = mention.split([' ', '(', ',', ')']).filter(|word| !word.is_empty());
        let table = words.next().unwrap_or_default();
        if !TABLES.contains(&table) {
            continue;
        }
        let before = statement[..at].trim_end();
        if before.ends_with("insert into") {
            let values = ["values ($1::text", "select $1::text"];
            let columns = mention[table.len()..].trim_start();
            if columns.starts_with("(space,") && values.iter().any(|value| columns.contains(value)) {
                bound.push(table);
                continue;
            }
            return Err(format!("{table} is written without the space first: {statement}"));
        }
        let alias = words.next().filter(|word| !["where", "set", "for", "left", "on"].contains(word));
        let condition = match alias {
            Some(alias) => format!("{alias}.space = $1::text"),
            None => "where space = $1::text".into(),
        };
        if !mention.contains(&condition) {
            return Err(format!("{table} is not bound by {condition:?}: {statement}"));
        }
        bound.push(table);
    }
    let said = statement.contains("$1::text");
    if bound.is_empty() || said { Ok(()) } else { Err(format!("no space is named: {statement}")) }
}

#[test]
fn every_statement_names_one_space() {
    let statements = statements("src/store/postgres/sql");
    let bound = statements
        .iter()
        .filter(|(_, text)| TABLES.iter().any(|t| text.contains(&format!("{{schema}}.{t}"))));
    assert!(bound.count() >= 7, "the statements were found");
    for (file, text) in &statements {
        names_one_space(text).unwrap_or_else(|problem| panic!("{file}: {problem}"));
    }
}

#[test]
fn a_statement_that_crosses_spaces_is_found() {
    for crossing in [
        "select position::text from {schema}.events where id = $2::text::uuid",
        "select e.id from {schema}.events e join {schema}.spaces s on s.space = $1::text where e.version = 1",
        "insert into {schema}.spaces (head, space) values ($2::text::bigint, $1::text)",
        "update {schema}.spaces set head = 0",
        "delete from {schema}.events where space like $1::text",
    ] {
        assert!(names_one_space(crossing).is_err(), "{crossing}");
    }
}

#[test]
fn every_key_leads_with_the_space() {
    let tables = statements("src/store/postgres/sql/schema");
    let of_spaces = tables.iter().filter(|(_, text)| {
        TABLES.iter().any(|table| text.starts_with(&format!("create table {{schema}}.{table} ")))
    });
    let mut found = 0;
    for (file, text) in of_spaces {
        found += 1;
        assert!(text.contains("space text collate \"C\""), "{file} has no space");
        for key in ["primary key (", "unique ("] {
            for (at, _) in text.match_indices(key) {
                assert!(text[at + key.len()..].starts_with("space"), "a key of {file} does not lead with it");
            }
        }
    }
    assert_eq!(found, TABLES.len());
}

fn noted(stream: &StreamId, expected: eventcore_web::version::ExpectedVersion) -> EventToWrite<JsonEvent> {
    let event_type = EventType::try_new("Noted").unwrap();
    let payload = Json::from_value(&serde_json::json!({ "n": 1 })).unwrap();
    EventToWrite::new(stream.clone(), JsonEvent { event_type, payload }, expected)
}

/// How often each partition was read or written.
async fn touches(admin: &tokio_postgres::Client, schema: &str) -> HashMap<String, i64> {
    let sql = "select relname::text, coalesce(seq_scan, 0) + coalesce(idx_scan, 0) + n_tup_ins \
               from pg_stat_all_tables \
               where schemaname = $1 and relname ~ '^(spaces|events)_[0-9]+$'";
    let rows = admin.query(sql, &[&schema]).await.unwrap();
    rows.into_iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn no_part_of_the_port_touches_the_rows_of_another_space() {
    in_schema(|config| async move {
        let schema = quoted(&config);
        let postgres = store(config.clone().with_pool_size(2)).await?;
        let admin = connect().await;
        for table in TABLES {
            let plain = format!("{schema}.{table}");
            let sql = format!(
                "alter table {plain} rename to {table}_plain; \
                 create table {plain} (like {schema}.{table}_plain including all) partition by hash (space)"
            );
            admin.batch_execute(&sql).await.unwrap();
            for number in 0..PARTITIONS {
                let partition = format!(
                    "create table {schema}.{table}_{number} partition of {plain} \
                     for values with (modulus {PARTITIONS}, remainder {number})"
                );
                admin.batch_execute(&partition).await.unwrap();
            }
        }

        // Making an index reads a table; that is no reading of a statement's.
        admin.batch_execute("select pg_stat_force_next_flush()").await.unwrap();
        let before = touches(&admin, &schema).await;

        let spaces: Vec<SpaceId> =
            (0..3).map(|number| SpaceId::try_new(format!("space-{number}")).unwrap()).collect();
        let (a, b) = (StreamId::from_static("a"), StreamId::from_static("b"));
        for space in &spaces {
            let log = postgres.space(space);
            let id = EventId::new();
            let first = EventToWrite { id: Some(id), ..noted(&a, NoStream) };
            log.write_events(vec![first.clone(), noted(&b, NoCheck)]).await?;
            log.write_events(noted(&a, Exact(EventVersion::new(1)))).await?;
            log.write_events(noted(&a, NoStream)).await.unwrap_err();
            let streams = [a.clone(), b.clone()];
            assert_eq!(log.read_streams(&streams, ReadOptions::default()).await?[0].events.len(), 2);
            log.read_streams(&streams, ReadOptions::default().backwards().max_events(1)).await?;
            assert_eq!(log.read_all_events(ReadOptions::default()).await?.events.len(), 3);
            assert_eq!(log.read_all_events(ReadOptions::default().after(id)).await?.events.len(), 2);
            log.read_all_events(ReadOptions::default().backwards()).await?;
        }
        postgres.close();
        drop(postgres);

        let mut mine = Vec::new();
        for space in &spaces {
            let sql =
                format!("select tableoid::regclass::text from {schema}.events where space = $1 limit 1");
            let partition: String = admin.query_one(&sql, &[&space.as_str()]).await.unwrap().get(0);
            mine.push(partition.rsplit('_').next().unwrap().to_owned());
        }
        let mut expected: Vec<String> = TABLES
            .iter()
            .flat_map(|table| mine.iter().map(move |number| format!("{table}_{number}")))
            .collect();
        expected.sort();
        expected.dedup();

        // What a connection counted is told a moment after it ended.
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let now = touches(&admin, &schema).await;
            let mut found: Vec<String> = now
                .into_iter()
                .filter(|(table, count)| before[table] < *count)
                .map(|(table, _)| table)
                .collect();
            found.sort();
            if found.len() >= expected.len() || Instant::now() > deadline {
                assert_eq!(found, expected, "the partitions that were touched, and those of the spaces");
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    })
    .await;
}
