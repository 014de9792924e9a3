//! A PostgreSQL client of the host's, as the core sees it.

use futures_channel::oneshot;
use js_sys::Array;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

use crate::store::postgres::{Row, SqlClient, SqlError, SqlNotifications, SqlSession, Statement, Value};

#[wasm_bindgen]
extern "C" {
    /// A PostgreSQL client, as `js/server/sql.ts` wraps the ones that it knows.
    #[derive(Clone)]
    pub type SqlHost;

    #[wasm_bindgen(method, catch)]
    async fn acquire(this: &SqlHost) -> Result<JsValue, JsValue>;

    /// A connection that it lends.
    pub type SqlHostSession;

    /// Takes triples of SQL, parameters and whether it may fail; answers with JSON: the rows of each.
    #[wasm_bindgen(method, catch)]
    async fn run(this: &SqlHostSession, statements: Array) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method)]
    fn release(this: &SqlHostSession, broken: bool);

    /// A connection that listens, or nothing where the client has none.
    #[wasm_bindgen(method, catch)]
    async fn listen(this: &SqlHost, channel: &str) -> Result<JsValue, JsValue>;

    /// What comes in on a channel.
    pub type SqlHostNotifications;

    /// The payload of the next notification.
    #[wasm_bindgen(method, catch)]
    async fn next(this: &SqlHostNotifications) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method)]
    fn end(this: &SqlHostNotifications);
}

/// A client that the host lends.
pub(super) struct JsClient(SqlHost);

impl JsClient {
    pub(super) const fn new(host: SqlHost) -> Self {
        Self(host)
    }
}

/// A connection, lent; broken unless it is released.
pub(super) struct JsSession(Option<SqlHostSession>);

impl SqlClient for JsClient {
    type Session = JsSession;
    type Notifications = JsNotifications;

    async fn acquire(&self) -> Result<JsSession, SqlError> {
        let host = self.0.clone();
        let lend = async move { host.acquire().await };
        let session = lent(lend, |session| JsSession(Some(session.unchecked_into())).release()).await?;
        Ok(JsSession(Some(session.unchecked_into())))
    }

    async fn listen(&self, channel: &str) -> Result<Option<JsNotifications>, SqlError> {
        let (host, channel) = (self.0.clone(), channel.to_owned());
        let lend = async move { host.listen(&channel).await };
        let listening = lent(lend, |listening| {
            if listening.is_object() {
                drop(JsNotifications(listening.unchecked_into()));
            }
        })
        .await?;
        Ok(listening.is_object().then(|| JsNotifications(listening.unchecked_into())))
    }

    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        wasm_bindgen_futures::spawn_local(work);
    }
}

/// What the host lends. JavaScript goes on with what it began, so that a caller that went away meanwhile must not
/// leave a connection behind: what comes then is given back.
async fn lent(
    lend: impl Future<Output = Result<JsValue, JsValue>> + 'static,
    give_back: fn(JsValue),
) -> Result<JsValue, SqlError> {
    let (answer, answered) = oneshot::channel();
    wasm_bindgen_futures::spawn_local(async move {
        if let Err(Ok(unwanted)) = answer.send(lend.await) {
            give_back(unwanted);
        }
    });
    answered.await.map_err(|_| SqlError::lost("the host was stopped"))?.map_err(thrown)
}

/// A connection that listens.
pub(super) struct JsNotifications(SqlHostNotifications);

impl SqlNotifications for JsNotifications {
    async fn next(&mut self) -> Result<String, SqlError> {
        let payload = self.0.next().await.map_err(thrown)?;
        payload.as_string().ok_or_else(|| SqlError::lost("the listening connection ended"))
    }
}

impl Drop for JsNotifications {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl SqlSession for JsSession {
    async fn run(&self, statements: &[Statement<'_>]) -> Result<Vec<Vec<Row>>, SqlError> {
        let session = self.0.as_ref().ok_or_else(|| SqlError::lost("the session was given back"))?;
        let pairs = statements.iter().map(|statement| {
            let texts = statement.params.iter().map(|text| JsValue::from_str(text));
            let arrays = statement.arrays.iter().map(|array| JsValue::from_str(&array.to_text()));
            let params: Array = texts.chain(arrays).collect();
            Array::of3(&JsValue::from_str(statement.sql), &params, &statement.optional.into())
        });
        let rows = session.run(pairs.collect()).await.map_err(thrown)?;
        let rows = rows.as_string().ok_or_else(|| SqlError::lost("the client answered with no text"))?;
        let rows: Vec<Vec<Vec<Option<String>>>> =
            serde_json::from_str(&rows).map_err(|error| SqlError::lost(error.to_string()))?;
        let row = |row: Vec<Option<String>>| row.into_iter().map(|text| text.map(Value::Written)).collect();
        Ok(rows.into_iter().map(|rows| rows.into_iter().map(row).collect()).collect())
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
