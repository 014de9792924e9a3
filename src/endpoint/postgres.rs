//! Spaces in PostgreSQL.

use std::sync::Arc;

use crate::error::StoreError;
use crate::event::SpaceId;
use crate::store::postgres::{PostgresBackend, PostgresSpaces, SqlClient};

use super::Spaces;

impl<C: SqlClient> Spaces for PostgresSpaces<C> {
    type Log = PostgresBackend<C>;

    fn space(&self, space: &SpaceId) -> Arc<PostgresBackend<C>> {
        self.space(space)
    }

    async fn backend_id(&self) -> Result<String, StoreError> {
        self.backend_id().await
    }
}
