//! The laws that the stores of this module are held against, for tests to run where the stores live.

mod agreement;
mod two;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wasm_bindgen::prelude::*;

use crate::store::indexeddb::{Durability, IndexedDbBackend, Opening};
use crate::store::{Backend, InMemoryEventStore, Store};
use crate::testing::contract;

use super::sql_store::SqlSpaces;

use two::TwoConnections;

/// What the laws are run over: `memory`, `indexeddb`, and `two connections` to one database.
#[wasm_bindgen]
pub fn stores() -> Vec<String> {
    ["memory", "indexeddb", "two connections"].map(String::from).into()
}

/// The names of the laws.
#[wasm_bindgen]
pub fn laws() -> Vec<String> {
    contract::laws().iter().copied().map(String::from).collect()
}

/// Holds fresh stores of a kind against a law; throws how it was broken.
#[wasm_bindgen(js_name = runLaw)]
pub async fn run_law(store: &str, law: &str) -> Result<(), JsValue> {
    let verdict = match store {
        "memory" => contract::run_law(law, &|| async { InMemoryEventStore::new() }).await,
        "indexeddb" => contract::run_law(law, &|| async { over(open(&fresh_name()).await) }).await,
        "two connections" => contract::run_law(law, &|| async { over(two_connections().await) }).await,
        _ => Err(format!("there is no store {store:?}")),
    };
    verdict.map_err(|evidence| js_sys::Error::new(&evidence).into())
}

/// Holds fresh spaces over a client of the host's against a law.
#[wasm_bindgen(js_name = runLawOverSql)]
pub async fn run_law_over_sql(spaces: &SqlSpaces, law: &str) -> Result<(), JsValue> {
    let verdict = contract::run_law(law, &|| async { spaces.fresh(&fresh_name()) }).await;
    verdict.map_err(|evidence| js_sys::Error::new(&evidence).into())
}

/// Does the same at random, by a seed, to a log in memory and to one in IndexedDB: appends, repeats, syncs,
/// conflicts, reopenings; throws where they differ.
#[wasm_bindgen(js_name = agreesWithMemory)]
pub async fn agrees_with_memory(seed: u32, steps: u32) -> Result<(), JsValue> {
    let verdict = agreement::check(seed, steps).await;
    verdict.map_err(|evidence| js_sys::Error::new(&format!("seed {seed}: {evidence}")).into())
}

/// Writes half of a commit and drops its transaction, as a failing write does.
#[wasm_bindgen(js_name = dropATransaction)]
pub async fn drop_a_transaction(name: &str) -> Result<(), JsValue> {
    open(name).await.write_and_drop().await.map_err(super::error::to_js)
}

fn over<B: Backend>(backend: B) -> Store<B> {
    Store::over(Arc::new(backend))
}

async fn two_connections() -> TwoConnections {
    let name = fresh_name();
    TwoConnections::new(open(&name).await, open(&name).await)
}

fn fresh_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("contract-{}-{}", js_sys::Date::now(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A test cannot go on without its store.
async fn open(name: &str) -> IndexedDbBackend {
    match IndexedDbBackend::open(name, Durability::Relaxed, Opening::default()).await {
        Ok(backend) => backend,
        Err(error) => wasm_bindgen::throw_str(&format!("the database cannot be opened: {error}")),
    }
}
