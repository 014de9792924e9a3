//! Sync towards JavaScript: the host brings `fetch`, timers and the app's resolver.

use std::rc::Rc;
use std::sync::Arc;

use js_sys::Promise;
use wasm_bindgen::prelude::*;

use crate::error::StoreError;
use crate::event::json::{Decode, Read, Reader, decode_members, decode_words, from_text, to_text};
use crate::event::{Commit, CommitId, Limits, SpaceId, Upcasters};
use crate::store::Backend;
use crate::sync::{
    Conflict, Engine, Host, HostResponse, Policies, Recover, Resolution, SyncConfig, SyncStatus,
};

use super::batch;
use super::error::{to_js, wire_to_js};
use super::local::LocalBackend;
use super::promise::promise;

#[wasm_bindgen]
extern "C" {
    /// What the TypeScript layer brings: see `js/sync-host.ts`.
    pub type SyncHost;

    #[wasm_bindgen(method, catch)]
    async fn request(
        this: &SyncHost,
        method: &str,
        path: &str,
        body: Option<String>,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    async fn sleep(this: &SyncHost, ms: f64) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method)]
    fn random(this: &SyncHost) -> f64;

    #[wasm_bindgen(method)]
    fn status(this: &SyncHost, json: &str);

    #[wasm_bindgen(method, catch)]
    async fn resolve(this: &SyncHost, conflict: &str) -> Result<JsValue, JsValue>;
}

/// A host, and the replica whose ids a replacement needs.
struct JsHost {
    host: SyncHost,
    replica: Arc<LocalBackend>,
}

#[wasm_bindgen]
extern "C" {
    /// What a host answers to a request.
    type SyncHostResponse;

    #[wasm_bindgen(method, getter)]
    fn status(this: &SyncHostResponse) -> u16;

    #[wasm_bindgen(method, getter)]
    fn body(this: &SyncHostResponse) -> String;

    #[wasm_bindgen(method, getter, js_name = retryAfterMs)]
    fn retry_after_ms(this: &SyncHostResponse) -> Option<f64>;
}

impl Host for JsHost {
    async fn request(
        &self,
        method: &'static str,
        path: String,
        body: Option<String>,
    ) -> Result<HostResponse, String> {
        let answer = self.host.request(method, &path, body).await.map_err(reason)?;
        let answer = answer.unchecked_into::<SyncHostResponse>();
        Ok(HostResponse {
            status: answer.status(),
            body: answer.body(),
            // Whole milliseconds; what is not a number of them counts as none.
            retry_after_ms: answer.retry_after_ms().map(|ms| ms as u64),
        })
    }

    async fn sleep(&self, ms: u64) {
        // A timer that fails is one that is over.
        let _ = self.host.sleep(ms as f64).await;
    }

    fn random(&self) -> f64 {
        self.host.random()
    }

    fn status(&self, status: &SyncStatus) {
        self.host.status(&to_text(status));
    }

    async fn resolve(&self, conflict: &Conflict) -> Result<Resolution, String> {
        let answer = self.host.resolve(&to_text(conflict)).await.map_err(reason)?;
        let answer = answer.as_string().ok_or("a resolution is a text")?;
        read_resolution(&answer, &self.replica).map_err(|error| error.to_string())
    }
}

/// Why JavaScript threw: an error's message, or the value as text.
fn reason(thrown: JsValue) -> String {
    match thrown.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.message()),
        None => thrown.as_string().unwrap_or_else(|| "what was thrown is no error".into()),
    }
}

struct WrittenResolution {
    kind: Kind,
    batch: Option<Batch>,
}

decode_members!(WrittenResolution { kind: "kind", batch: "batch" });

/// A batch, to be read like one that is written.
struct Batch(String);

impl Decode for Batch {
    fn decode(reader: &mut Reader<'_>) -> Read<Self> {
        reader.raw().map(|text| Self(text.into()))
    }
}

enum Kind {
    Rebase,
    Replace,
    Drop,
    Park,
}

decode_words!(Kind { Rebase: "rebase", Replace: "replace", Drop: "drop", Park: "park" });

fn read_resolution(text: &str, replica: &LocalBackend) -> Result<Resolution, StoreError> {
    let written: WrittenResolution =
        from_text(text).map_err(|fault| StoreError::InvalidRequest(fault.to_string()))?;
    Ok(match (written.kind, written.batch) {
        (Kind::Rebase, _) => Resolution::Rebase,
        (Kind::Drop, _) => Resolution::Drop,
        (Kind::Park, _) => Resolution::Park,
        (Kind::Replace, Some(batch)) => Resolution::Replace(Commit::prepare(
            batch::read(&batch.0)?,
            replica.ids(),
            &Limits::default(),
            &Upcasters::new(),
        )?),
        (Kind::Replace, None) => {
            return Err(StoreError::InvalidRequest("a replacement needs a batch".into()));
        }
    })
}

struct JsConfig {
    space: SpaceId,
    poll_interval_ms: Option<u64>,
    policies: Option<Policies>,
    recover: Option<Recover>,
}

decode_members!(JsConfig {
    space: "space",
    poll_interval_ms: "pollIntervalMs",
    policies: "policies",
    recover: "recover",
});

/// A sync of one store.
#[wasm_bindgen]
pub struct SyncHandle {
    engine: Rc<Engine<LocalBackend, JsHost>>,
    replica: Arc<LocalBackend>,
}

impl SyncHandle {
    pub(super) fn over(replica: Arc<LocalBackend>, config: &str, host: SyncHost) -> Result<Self, StoreError> {
        let config: JsConfig =
            from_text(config).map_err(|fault| StoreError::InvalidRequest(fault.to_string()))?;
        let mut settings = SyncConfig::new(config.space);
        settings.poll_ms = config.poll_interval_ms.unwrap_or(settings.poll_ms);
        settings.policies = config.policies.unwrap_or_default();
        settings.recover = config.recover.unwrap_or_default();
        let host = JsHost { host, replica: Arc::clone(&replica) };
        Ok(Self { engine: Rc::new(Engine::new(Arc::clone(&replica), host, settings)), replica })
    }
}

#[wasm_bindgen]
impl SyncHandle {
    /// Runs until it is stopped or ends by an error that a repetition does not mend.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn run(&self) -> Promise {
        let engine = Rc::clone(&self.engine);
        promise(async move {
            engine.run().await.map_err(to_js)?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Starts a round and waits until it rests; answers with the status as JSON.
    #[wasm_bindgen(js_name = syncNow, unchecked_return_type = "Promise<string>")]
    pub fn sync_now(&self) -> Promise {
        let engine = Rc::clone(&self.engine);
        promise(async move { Ok(to_text(&engine.sync_now().await.map_err(wire_to_js)?)) })
    }

    /// Starts a round at once: the network is back.
    pub fn wake(&self) {
        self.engine.wake();
    }

    /// The endpoint says by itself what was written from now on, or no longer.
    #[wasm_bindgen(js_name = setLive)]
    pub fn set_live(&self, live: bool) {
        self.engine.set_live(live);
    }

    /// What it said: a page of the feed as JSON.
    pub fn heard(&self, page: &str) -> Result<(), JsValue> {
        self.engine.heard(page).map_err(wire_to_js)
    }

    /// The parked commits as a JSON array of conflicts.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn conflicts(&self) -> Promise {
        let engine = Rc::clone(&self.engine);
        promise(async move { Ok(to_text(&engine.conflicts().await.map_err(to_js)?)) })
    }

    /// Resolves a parked commit.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn resolve(&self, commit_id: String, resolution: String) -> Promise {
        let (engine, replica) = (Rc::clone(&self.engine), Arc::clone(&self.replica));
        promise(async move {
            let commit_id: CommitId = commit_id.parse().map_err(StoreError::from).map_err(to_js)?;
            let resolution = read_resolution(&resolution, &replica).map_err(to_js)?;
            engine.resolve(commit_id, resolution).await.map_err(to_js)?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Ends the sync; what waits stays in the outbox.
    pub fn stop(&self) {
        self.engine.stop();
    }
}
