//! An event store on a PostgreSQL client that the host lends.

use std::sync::Arc;

use wasm_bindgen::prelude::*;

use crate::event::{SpaceId, StreamId};
use crate::store::postgres::{Form, PostgresBackend, PostgresSpaces, Sql};
use crate::store::{Backend, Query, Store};

use super::error::to_js;
use super::face::{self, Following};
use super::sql::{JsClient, SqlHost};

/// The spaces of a schema.
#[wasm_bindgen]
pub struct SqlSpaces(PostgresSpaces<JsClient>);

#[wasm_bindgen]
impl SqlSpaces {
    /// Spaces over a schema. Nothing is asked of the client yet.
    #[wasm_bindgen(constructor)]
    pub fn new(client: SqlHost, schema: &str) -> Result<SqlSpaces, JsValue> {
        let sql = Sql::new(schema, Form::Text).map_err(to_js)?;
        Ok(Self(PostgresSpaces::new(Arc::new(JsClient::new(client)), Arc::new(sql))))
    }

    /// Makes the tables or brings them up to date.
    pub async fn initialize(&self) -> Result<(), JsValue> {
        self.0.initialize().await.map_err(to_js)
    }

    /// The store of a space.
    pub fn space(&self, name: &str) -> Result<SqlStore, JsValue> {
        let space = SpaceId::try_new(name).map_err(|error| to_js(error.into()))?;
        Ok(SqlStore(Store::over(self.0.space(&space))))
    }

    /// Closes the log of every space.
    pub fn close(&self) {
        self.0.close();
    }
}

#[cfg(feature = "contract")]
impl SqlSpaces {
    /// The store of a space that nobody else uses. A test cannot go on without it.
    pub(super) fn fresh(&self, name: &str) -> Store<PostgresBackend<JsClient>> {
        match SpaceId::try_new(name) {
            Ok(space) => Store::over(self.0.space(&space)),
            Err(error) => wasm_bindgen::throw_str(&error.to_string()),
        }
    }
}

/// The store of one space.
#[wasm_bindgen]
pub struct SqlStore(Store<PostgresBackend<JsClient>>);

#[wasm_bindgen]
impl SqlStore {
    /// An id for an event or a commit that may have to be written again.
    #[wasm_bindgen(js_name = newId)]
    pub fn new_id(&self) -> String {
        self.0.backend().ids().next().to_string()
    }

    /// Writes a batch, given as JSON; answers with what it did, as JSON.
    #[wasm_bindgen(js_name = writeEvents)]
    pub async fn write_events(&self, batch: &str) -> Result<String, JsValue> {
        face::write_events(&self.0, batch).await
    }

    /// Reads streams; answers with a JSON array in the order asked for.
    #[wasm_bindgen(js_name = readStreams)]
    pub async fn read_streams(&self, ids: Vec<String>, options: JsValue) -> Result<String, JsValue> {
        let read =
            async |log: &_, ids: &[StreamId], query: &Query| Backend::read_streams(log, ids, query).await;
        face::read_streams(&self.0, ids, options, read).await
    }

    /// Reads a page of the feed; answers with it as JSON.
    #[wasm_bindgen(js_name = readAllEvents)]
    pub async fn read_all_events(&self, options: JsValue) -> Result<String, JsValue> {
        let read = async |log: &_, query: &Query| Backend::read_feed(log, query).await;
        face::read_all_events(&self.0, options, read).await
    }

    /// Follows the feed.
    pub async fn subscribe(&self, options: JsValue) -> Result<SqlSubscription, JsValue> {
        Following::of(&self.0, options).await.map(SqlSubscription)
    }
}

/// A following of the feed.
#[wasm_bindgen]
pub struct SqlSubscription(Following<PostgresBackend<JsClient>>);

#[wasm_bindgen]
impl SqlSubscription {
    /// The next events as a JSON array of at least one; nothing once it is closed. One call at a time.
    pub async fn next(&self) -> Result<Option<String>, JsValue> {
        self.0.next().await
    }

    /// Ends it; a call of `next` that waits answers with nothing.
    pub fn close(&self) {
        self.0.close();
    }
}
