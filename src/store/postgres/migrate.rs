//! The tables, made and brought up to date step by step.

use crate::error::StoreError;

use super::client::{SqlClient, SqlError, SqlSession, Statement};
use super::columns::Columns;
use super::sql::Sql;

/// The statements of each version of the tables, in order. What was released is never changed.
const MIGRATIONS: [&[&str]; 3] = [
    &[
        include_str!("sql/schema/001-endpoint.sql"),
        include_str!("sql/schema/001-identity.sql"),
        include_str!("sql/schema/001-spaces.sql"),
        include_str!("sql/schema/001-streams.sql"),
        include_str!("sql/schema/001-events.sql"),
    ],
    &[include_str!("sql/schema/002-erased.sql")],
    &[include_str!("sql/schema/003-streams.sql")],
];

/// The version of the tables that this library knows.
pub const SCHEMA_VERSION: u32 = MIGRATIONS.len() as u32;

/// Makes the schema and its tables, or brings them up to date; in one transaction, and once however many ask.
///
/// # Errors
/// `SCHEMA_TOO_NEW` when a newer version of this library was here before; a failure of the storage.
pub async fn initialize<C: SqlClient>(client: &C, sql: &Sql) -> Result<(), StoreError> {
    let session = client.acquire().await?;
    let result = migrate(&session, sql).await;
    let end = if result.is_ok() { &sql.commit } else { &sql.rollback };
    let ended = session.run(&[Statement::new(end, &[])]).await;
    if ended.is_ok() {
        session.release();
    }
    result?;
    ended?;
    Ok(())
}

async fn migrate<S: SqlSession>(session: &S, sql: &Sql) -> Result<(), StoreError> {
    let schema = [sql.schema()];
    let answers = session
        .run(&[
            Statement::new(&sql.begin, &[]),
            Statement::new(&sql.schema_lock, &schema),
            Statement::new(&sql.schema_exists, &schema),
        ])
        .await?;
    let row = answers.into_iter().nth(2).and_then(|rows| rows.into_iter().next());
    let mut columns = Columns::from(row.ok_or_else(|| SqlError::unexpected("no answer about the schema"))?);
    let (schema_exists, tables_exist): (bool, bool) = (columns.parse()?, columns.parse()?);
    let found = if tables_exist { version(session, sql).await? } else { 0 };
    if found > SCHEMA_VERSION {
        return Err(StoreError::SchemaTooNew { found, known: SCHEMA_VERSION });
    }
    let mut steps = Vec::new();
    if !schema_exists {
        steps.push(sql.schema_create.clone());
    }
    for migration in MIGRATIONS.iter().skip(found as usize).flat_map(|statements| statements.iter()) {
        steps.push(sql.migration(migration));
    }
    for step in &steps {
        session.run(&[Statement::new(step, &[])]).await?;
    }
    if found < SCHEMA_VERSION {
        let known = SCHEMA_VERSION.to_string();
        session.run(&[Statement::new(&sql.schema_migrated, &[&known])]).await?;
    }
    Ok(())
}

async fn version<S: SqlSession>(session: &S, sql: &Sql) -> Result<u32, StoreError> {
    let answers = session.run(&[Statement::new(&sql.schema_version, &[])]).await?;
    let row = answers.into_iter().flatten().next();
    let row = row.ok_or_else(|| StoreError::StorageCorrupt("the table endpoint has no row".into()))?;
    Columns::from(row).parse()
}
