//! The endpoint towards JavaScript: the host brings HTTP, a PostgreSQL client and who may do what.

use std::cell::Cell;
use std::sync::Arc;

use event_listener::Event as Wakeup;
use futures_util::future::{Either, select};
use futures_util::lock::Mutex;
use futures_util::pin_mut;
use js_sys::{Function, JsString, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::endpoint::{Answer, Endpoint, EndpointConfig, Grant, Live, Reply, Request, Right};
use crate::error::{StoreError, TooLarge};
use crate::event::SpaceId;
use crate::protocol;
use crate::store::postgres::{Form, PostgresSpaces, Sql};

use super::error::to_js;
use super::sql::{JsClient, SqlHost};

type JsSpaces = PostgresSpaces<JsClient>;

/// An answer: its body, or messages that follow.
#[wasm_bindgen]
pub struct HostAnswer {
    answer: Answer,
    live: Option<HostLive>,
}

#[wasm_bindgen]
impl HostAnswer {
    /// The status.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> u16 {
        self.answer.status
    }

    /// The body; empty where messages follow.
    #[wasm_bindgen(getter)]
    pub fn body(&self) -> String {
        self.answer.body.clone()
    }

    /// `Allow`.
    #[wasm_bindgen(getter)]
    pub fn allow(&self) -> Option<String> {
        self.answer.allow.map(Into::into)
    }

    /// `Retry-After`, in seconds.
    #[wasm_bindgen(getter, js_name = retryAfter)]
    pub fn retry_after(&self) -> Option<f64> {
        self.answer.retry_after.map(|seconds| seconds as f64)
    }

    /// The version of the protocol.
    #[wasm_bindgen(getter)]
    pub fn protocol(&self) -> u32 {
        protocol::VERSION
    }

    /// The messages that follow, once.
    #[wasm_bindgen(js_name = takeLive)]
    pub fn take_live(&mut self) -> Option<HostLive> {
        self.live.take()
    }
}

impl From<Answer> for HostAnswer {
    fn from(answer: Answer) -> Self {
        Self { answer, live: None }
    }
}

/// The messages to one follower.
#[wasm_bindgen]
pub struct HostLive {
    live: Mutex<Live<JsSpaces>>,
    endpoint: Endpoint<JsSpaces>,
    until: Option<u64>,
    closed: Cell<bool>,
    closing: Wakeup,
}

#[wasm_bindgen]
impl HostLive {
    /// When the follower's right ends, in milliseconds since 1970.
    #[wasm_bindgen(getter)]
    pub fn until(&self) -> Option<f64> {
        self.until.map(|until| until as f64)
    }

    /// The next message, as soon as there is one; none behind the last.
    pub async fn next(&self) -> Option<String> {
        if self.closed.get() {
            return None;
        }
        let closing = self.closing.listen();
        let next = async { self.live.lock().await.next().await };
        pin_mut!(next);
        match select(next, closing).await {
            Either::Left((message, _)) => message.map(|message| message.to_string()),
            Either::Right(_) => None,
        }
    }

    /// What to say last where the follower's right ended.
    pub fn expired(&self) -> String {
        let expired = StoreError::Unauthorized("the token expired; come back with another".into());
        self.endpoint.last_words(&expired).to_string()
    }

    /// Ends it: nothing more is said.
    pub fn close(&self) {
        self.closed.set(true);
        self.closing.notify(usize::MAX);
    }
}

/// An endpoint on a client that the host lends.
#[wasm_bindgen]
pub struct EndpointHost {
    endpoint: Endpoint<JsSpaces>,
    initialized: Cell<bool>,
    body_seconds: u32,
}

impl EndpointHost {
    /// Makes the tables, if that did not succeed before. Two requests may both do it: it is safe to repeat.
    async fn ensure(&self) -> Result<(), StoreError> {
        if !self.initialized.get() {
            self.endpoint.spaces().initialize().await?;
            self.initialized.set(true);
        }
        Ok(())
    }

    /// The request's body, which the host reads: bytes, or how many they are where that is over the limit; else a
    /// word.
    async fn read(&self, body: Function) -> Result<Vec<u8>, Answer> {
        let limit = self.endpoint.config().body_bytes;
        let broken = || self.endpoint.refuse(&StoreError::InvalidRequest("the body broke off".into()));
        let reading = body.call0(&JsValue::UNDEFINED).map_err(|_| broken())?;
        let read = JsFuture::from(Promise::resolve(&reading)).await.map_err(|_| broken())?;
        if let Some(size) = read.as_f64() {
            let (what, size, unit) = ("body", size as usize, "bytes");
            let large = TooLarge { what, size, limit, unit };
            return Err(self.endpoint.refuse(&StoreError::PayloadTooLarge(large.into())));
        }
        match read.as_string().as_deref() {
            Some("late") => Err(self.endpoint.too_slow(self.body_seconds.into())),
            Some(_) => Err(broken()),
            None => Ok(Uint8Array::from(read).to_vec()),
        }
    }
}

#[wasm_bindgen]
impl EndpointHost {
    /// An endpoint over a schema, which gives a body so many seconds. Nothing is asked of the client yet.
    #[wasm_bindgen(constructor)]
    pub fn new(client: SqlHost, schema: &str, body_seconds: u32) -> Result<Self, JsValue> {
        let sql = Sql::new(schema, Form::Text).map_err(to_js)?;
        let spaces = PostgresSpaces::new(Arc::new(JsClient::new(client)), Arc::new(sql));
        let endpoint = Endpoint::new(spaces, EndpointConfig::default());
        Ok(Self { endpoint, initialized: Cell::new(false), body_seconds })
    }

    /// Makes the tables or brings them up to date; without a call, the first request that needs them does it.
    pub async fn initialize(&self) -> Result<(), JsValue> {
        self.ensure().await.map_err(to_js)
    }

    /// Whether the tables are as this version knows them.
    #[wasm_bindgen(getter)]
    pub fn initialized(&self) -> bool {
        self.initialized.get()
    }

    /// Likewise, known from elsewhere.
    #[wasm_bindgen(setter)]
    pub fn set_initialized(&self, initialized: bool) {
        self.initialized.set(initialized);
    }

    /// Bytes that a request's body may have at most; a longer one need not be read.
    #[wasm_bindgen(getter, js_name = maxBodyBytes)]
    pub fn max_body_bytes(&self) -> usize {
        self.endpoint.config().body_bytes
    }

    /// Answers a request. `authorize` takes a space and `read` or `write`; `body` reads the body, as [`read`] takes it.
    ///
    /// [`read`]: Self::read
    #[expect(clippy::too_many_arguments, reason = "an object would cost more to cross than to spell out")]
    pub async fn handle(
        &self,
        method: String,
        path: String,
        query: String,
        protocol: Option<String>,
        last_event_id: Option<String>,
        authorize: Option<Function>,
        body: Function,
    ) -> HostAnswer {
        // Whoever may ask for something of a space needs its tables; so does who asks whether they are there.
        let admit = |space, right| async move {
            let grant = allowed(authorize, space, right).await?;
            self.ensure().await.map(|()| grant)
        };
        if path == "/readyz"
            && let Err(error) = self.ensure().await
        {
            return self.endpoint.refuse(&error).into();
        }
        let head = Request { method, path, query, protocol, last_event_id, ..Request::default() };
        match self.endpoint.reply(head, admit, || self.read(body)).await {
            Reply::Answer(answer) => answer.into(),
            Reply::Live(live) => HostAnswer {
                answer: Answer { status: 200, ..Answer::default() },
                live: Some(HostLive {
                    until: live.until(),
                    live: Mutex::new(live),
                    endpoint: self.endpoint.clone(),
                    closed: Cell::new(false),
                    closing: Wakeup::new(),
                }),
            },
        }
    }

    /// The answer to a request that the host does not let in.
    pub fn forbidden(&self, reason: String) -> HostAnswer {
        self.endpoint.refuse(&StoreError::Forbidden(reason)).into()
    }
}

/// Asks the host, which answers as `Authorization` in `js/server/handler.ts`.
async fn allowed(authorize: Option<Function>, space: SpaceId, right: Right) -> Result<Grant, StoreError> {
    let Some(authorize) = authorize else { return Ok(Grant::default()) };
    let failed = |_| StoreError::Internal("the host's authorize failed".into());
    let (name, right) = (JsString::from(space.as_str()), right.as_str());
    let said = authorize.call2(&JsValue::UNDEFINED, &name, &right.into()).map_err(failed)?;
    let said = JsFuture::from(Promise::resolve(&said)).await.map_err(failed)?;
    let number = |name: &str| Reflect::get(&said, &name.into()).ok().and_then(|value| value.as_f64());
    if said.as_bool() == Some(true) {
        return Ok(Grant::default());
    }
    if said.as_string().as_deref() == Some("unauthorized") {
        return Err(StoreError::Unauthorized("the endpoint does not know you".into()));
    }
    if let Some(until) = number("until") {
        // Whole milliseconds; what lies before 1970 is over as well.
        return Ok(Grant { until: Some(until as u64) });
    }
    if let Some(retry_after_ms) = number("retryAfterMs") {
        return Err(StoreError::RateLimited { retry_after_ms: retry_after_ms as u64 });
    }
    Err(StoreError::Forbidden(format!("you may not {right} space {:?}", space.as_str())))
}
