//! The endpoint towards JavaScript: the host brings HTTP, a PostgreSQL client and who may do what.

use std::cell::Cell;
use std::sync::Arc;

use js_sys::{Array, Function, JsString, Promise};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::endpoint::{Answer, Endpoint, EndpointConfig, Request, Right};
use crate::error::StoreError;
use crate::event::SpaceId;
use crate::protocol;
use crate::store::postgres::{PostgresSpaces, Row, Sql, SqlClient, SqlError, SqlSession, Statement};

use super::error::to_js;

#[wasm_bindgen]
extern "C" {
    /// A PostgreSQL client, as `js/server/sql.ts` wraps the ones that it knows.
    pub type SqlHost;

    #[wasm_bindgen(method, catch)]
    async fn acquire(this: &SqlHost) -> Result<JsValue, JsValue>;

    /// A connection that it lends.
    pub type SqlHostSession;

    /// Takes pairs of SQL and parameters; answers with JSON: the rows of each.
    #[wasm_bindgen(method, catch)]
    async fn run(this: &SqlHostSession, statements: Array) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method)]
    fn release(this: &SqlHostSession, broken: bool);
}

/// Whoever asks whether the process is alive does not ask about its database.
const HEALTH: &str = "/healthz";

struct JsClient(SqlHost);

struct JsSession(Option<SqlHostSession>);

impl SqlClient for JsClient {
    type Session = JsSession;

    async fn acquire(&self) -> Result<JsSession, SqlError> {
        Ok(JsSession(Some(self.0.acquire().await.map_err(thrown)?.unchecked_into())))
    }
}

impl SqlSession for JsSession {
    async fn run(&mut self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, SqlError> {
        let session = self.0.as_ref().ok_or_else(|| SqlError::lost("the session was given back"))?;
        let text = |text: &&str| JsValue::from_str(text);
        let pairs = statements.iter().map(|statement| {
            let params: Array = statement.params.iter().map(text).collect();
            Array::of2(&JsValue::from_str(statement.sql), &params)
        });
        let rows = session.run(pairs.collect()).await.map_err(thrown)?;
        let rows = rows.as_string().ok_or_else(|| SqlError::lost("the client answered with no text"))?;
        serde_json::from_str(&rows).map_err(|error| SqlError::lost(error.to_string()))
    }

    fn release(mut self) {
        if let Some(session) = self.0.take() {
            session.release(false);
        }
    }
}

impl Drop for JsSession {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            session.release(true);
        }
    }
}

/// What `js/server/sql.ts` throws; without PostgreSQL's code there was no answer.
#[derive(Deserialize)]
struct Thrown {
    sqlstate: Option<String>,
    message: String,
}

fn thrown(error: JsValue) -> SqlError {
    match serde_wasm_bindgen::from_value(error) {
        Ok(Thrown { sqlstate: Some(code), message }) => SqlError::answered(code, message),
        Ok(Thrown { sqlstate: None, message }) => SqlError::lost(message),
        Err(error) => SqlError::lost(error.to_string()),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JsAnswer {
    status: u16,
    body: String,
    allow: Option<&'static str>,
    retry_after: Option<u64>,
    protocol: u32,
}

/// An endpoint on a client that the host lends.
#[wasm_bindgen]
pub struct EndpointHost {
    endpoint: Endpoint<PostgresSpaces<JsClient>>,
    initialized: Cell<bool>,
}

impl EndpointHost {
    /// Makes the tables, if that did not succeed before. Two requests may both do it: it is safe to repeat.
    async fn initialized(&self) -> Result<(), StoreError> {
        if !self.initialized.get() {
            self.endpoint.spaces().initialize().await?;
            self.initialized.set(true);
        }
        Ok(())
    }
}

#[wasm_bindgen]
impl EndpointHost {
    /// An endpoint over a schema. Nothing is asked of the client yet.
    #[wasm_bindgen(constructor)]
    pub fn new(client: SqlHost, schema: &str) -> Result<Self, JsValue> {
        let sql = Sql::new(schema).map_err(to_js)?;
        let spaces = PostgresSpaces::new(Arc::new(JsClient(client)), Arc::new(sql));
        let endpoint = Endpoint::new(spaces, EndpointConfig::default());
        Ok(Self { endpoint, initialized: Cell::new(false) })
    }

    /// Makes the tables or brings them up to date; without a call, the first request that needs them does it.
    pub async fn initialize(&self) -> Result<(), JsValue> {
        self.initialized().await.map_err(to_js)
    }

    /// Bytes that a request's body may have at most; a longer one need not be read.
    #[wasm_bindgen(getter, js_name = maxBodyBytes)]
    pub fn max_body_bytes(&self) -> usize {
        self.endpoint.config().body_bytes
    }

    /// Answers a request. `authorize` takes a space and `read` or `write`.
    pub async fn handle(
        &self,
        method: String,
        path: String,
        query: String,
        protocol: Option<String>,
        body: Vec<u8>,
        authorize: Option<Function>,
    ) -> Result<JsValue, JsValue> {
        if path != HEALTH
            && let Err(error) = self.initialized().await
        {
            return to_object(Answer::error(&error));
        }
        let request = Request { method, path, query, protocol, body };
        let answer = self.endpoint.handle(request, |space, right| allowed(authorize, space, right)).await;
        to_object(answer)
    }

    /// The answer to a body over the limit, which the host did not read to its end.
    #[wasm_bindgen(js_name = tooLarge)]
    pub fn too_large(&self, size: usize) -> Result<JsValue, JsValue> {
        let limit = self.endpoint.config().body_bytes;
        to_object(Answer::error(&StoreError::PayloadTooLarge { what: "body", size, limit, unit: "bytes" }))
    }

    /// The answer to a request that the host does not let in.
    pub fn forbidden(&self, reason: String) -> Result<JsValue, JsValue> {
        to_object(Answer::error(&StoreError::Forbidden(reason)))
    }
}

fn to_object(answer: Answer) -> Result<JsValue, JsValue> {
    let Answer { status, allow, retry_after, body } = answer;
    Ok(serde_wasm_bindgen::to_value(&JsAnswer {
        status,
        body,
        allow,
        retry_after,
        protocol: protocol::VERSION,
    })?)
}

/// Asks the host: `true` lets the caller in, `unauthorized` is a caller that it does not know.
async fn allowed(authorize: Option<Function>, space: SpaceId, right: Right) -> Result<(), StoreError> {
    let Some(authorize) = authorize else { return Ok(()) };
    let failed = |_| StoreError::Internal("the host's authorize failed".into());
    let (name, right) = (JsString::from(space.as_str()), right.as_str());
    let said = authorize.call2(&JsValue::UNDEFINED, &name, &right.into()).map_err(failed)?;
    let said = JsFuture::from(Promise::resolve(&said)).await.map_err(failed)?;
    match (said.as_bool(), said.as_string().as_deref()) {
        (Some(true), _) => Ok(()),
        (_, Some("unauthorized")) => Err(StoreError::Unauthorized("the endpoint does not know you".into())),
        _ => Err(StoreError::Forbidden(format!("you may not {right} space {:?}", space.as_str()))),
    }
}
