//! The database's stores and indexes, and how it is opened, upgraded and deleted.
//!
//! A newer schema than this version knows is never touched.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::Poll;

use futures_channel::oneshot;
use futures_util::future::{self, Either};
use idb::event::VersionChangeEvent;
use idb::{Database, DatabaseEvent, Factory, IndexParams, KeyPath};
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::IdbDatabase;

use super::failure::{failed, is_version_error, unavailable};
use super::state::{STATE, State};
use super::tail;
use super::transaction::Answer;
use crate::error::StoreError;
use crate::event::json::quoted;

/// The schema that this version writes.
pub(super) const SCHEMA: u32 = 3;
/// Records of confirmed events, by the position of their first.
pub(super) const LOG: &str = "log";
/// Commits that wait, by their number.
pub(super) const OUTBOX: &str = "outbox";
/// What the last transactions did, by their keys; see `tail`.
pub(super) const TAIL: &str = "tail";
/// What is known of the whole, as schema 1 had it.
const META: &str = "meta";
pub(super) const STORES: [&str; 3] = [LOG, OUTBOX, TAIL];
/// What apps keep beside the log, by names.
pub(super) const SNAPSHOTS: &str = "snapshots";
/// Of the log: `[stream, last version of it in the record]`, for every stream of a record.
pub(super) const BY_STREAM: &str = "streams";
/// Of the log: the moments in which the ids of a record's events were made.
pub(super) const BY_MOMENT: &str = "moments";

/// How long others have to let go of a database, in milliseconds.
const PATIENCE: u32 = 5_000;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_name = setTimeout)]
    fn set_timeout(callback: &Function, milliseconds: u32) -> Result<JsValue, JsValue>;

    /// What Chromium says of an upgrade beside its versions.
    type Upgrade;

    #[wasm_bindgen(method, getter, js_name = dataLoss)]
    fn data_loss(this: &Upgrade) -> Option<String>;

    #[wasm_bindgen(method, getter, js_name = dataLossMessage)]
    fn data_loss_message(this: &Upgrade) -> JsValue;
}

/// Functions of the app's that are called while a database is opened; it is the app's to see that they do not throw.
#[derive(Default)]
pub struct Opening {
    /// Where an older connection does not make way: then it is waited for, and else for 5 seconds.
    pub blocked: Option<Function>,
    /// Where the browser found its files damaged and has emptied all databases of the origin, with why. Chromium says
    /// so; other browsers do not.
    pub emptied: Option<Function>,
}

/// Opens a database, and upgrades it; where there is none, it is created, or it is an error that it is gone.
pub(super) async fn open(
    name: &str,
    creates: bool,
    Opening { blocked, emptied }: Opening,
) -> Result<IdbDatabase, StoreError> {
    let mut request = Factory::new().and_then(|f| f.open(name, Some(SCHEMA))).map_err(unavailable)?;
    let fault = Fault::default();
    let found = Rc::clone(&fault);
    request.on_upgrade_needed(move |event| {
        tell_of_loss(&event, emptied);
        let is_gone = !creates && matches!(event.old_version(), Ok(0));
        let upgraded = match is_gone {
            true => {
                Err(StoreError::StorageUnavailable("the database is gone, as when data are cleared".into()))
            }
            false => upgrade(&event, &found).map_err(failed),
        };
        if let Err(error) = upgraded {
            fail(&event, &found, error);
        }
    });
    let (is_blocked, on_blocked) = patience(blocked);
    request.on_blocked(on_blocked);
    match future::select(request.into_future(), Box::pin(out_of_patience(is_blocked))).await {
        Either::Left((Ok(database), _)) => checked(name, database),
        Either::Left((Err(error), _)) if is_version_error(&error) => Err(too_new(name).await),
        Either::Left((Err(error), _)) => Err(fault.take().unwrap_or_else(|| unavailable(error))),
        Either::Right(((), opening)) => {
            spawn_local(async move {
                if let Ok(database) = opening.await {
                    database.close();
                }
            });
            Err(in_use(name))
        }
    }
}

fn tell_of_loss(event: &VersionChangeEvent, told: Option<Function>) {
    let upgrade = JsValue::from(event.clone()).unchecked_into::<Upgrade>();
    if let Some(told) = told.filter(|_| upgrade.data_loss().is_some_and(|loss| loss != "none")) {
        let _ = told.call1(&JsValue::UNDEFINED, &upgrade.data_loss_message());
    }
}

/// Deletes a database with all that is in it; `blocked` as for [`open`].
pub(super) async fn delete(name: &str, blocked: Option<Function>) -> Result<(), StoreError> {
    let mut request = Factory::new().and_then(|f| f.delete(name)).map_err(unavailable)?;
    let (is_blocked, on_blocked) = patience(blocked);
    request.on_blocked(on_blocked);
    match future::select(request.into_future(), Box::pin(out_of_patience(is_blocked))).await {
        Either::Left((result, _)) => result.map_err(unavailable),
        Either::Right(_) => Err(in_use(name)),
    }
}

/// What to wait for, and what to do when a request is blocked: either tells the app, which sees to it, or runs out
/// of patience.
fn patience(told: Option<Function>) -> (oneshot::Receiver<()>, impl FnOnce(VersionChangeEvent)) {
    let (blocked, is_blocked) = oneshot::channel();
    let on_blocked = move |_| match told {
        // It is the app's to see that it does not throw.
        Some(told) => drop(told.call0(&JsValue::UNDEFINED)),
        None => drop(blocked.send(())),
    };
    (is_blocked, on_blocked)
}

/// Why an upgrade failed.
type Fault = Rc<RefCell<Option<StoreError>>>;

/// One step for each schema, from whichever is on disk. All of them are one transaction, which an upgrade that is
/// killed leaves undone; none reads the log, so that a large one does not take longer.
fn upgrade(event: &VersionChangeEvent, fault: &Fault) -> Result<(), idb::Error> {
    let database = event.database()?;
    let version = event.old_version()?;
    let create = |store| database.create_object_store(store, idb::ObjectStoreParams::new());
    if version < 1 {
        let log = create(LOG)?;
        let mut several = IndexParams::new();
        several.multi_entry(true);
        log.create_index(BY_STREAM, KeyPath::new_single("s"), Some(several.clone()))?;
        log.create_index(BY_MOMENT, KeyPath::new_single("m"), Some(several))?;
        create(OUTBOX)?;
    }
    if version < 2 {
        create(TAIL)?;
    }
    if version == 1 {
        let state = Answer::of(transaction(event)?.object_store(META)?.get(JsValue::from(STATE))?);
        let (event, fault) = (event.clone(), Rc::clone(fault));
        // The transaction goes on while this request is answered.
        spawn_local(async move {
            if let Err(error) = move_state(&event, state).await {
                fail(&event, &fault, error);
            }
        });
    }
    if version < 3 {
        create(SNAPSHOTS)?;
    }
    Ok(())
}

/// From schema 1 to 2: the state becomes the tail's first record.
async fn move_state(event: &VersionChangeEvent, state: Answer) -> Result<(), StoreError> {
    let state = State::of_schema_1(&state.await?)?;
    let (key, value) = tail::first_record(&state);
    let tail = transaction(event).and_then(|transaction| transaction.object_store(TAIL)).map_err(failed)?;
    tail.add(&value, Some(&key)).map_err(failed)?;
    event.database().and_then(|database| database.delete_object_store(META)).map_err(failed)
}

fn fail(event: &VersionChangeEvent, fault: &Fault, error: StoreError) {
    // Where there is no transaction there is nothing to abort.
    let _ = transaction(event).and_then(idb::Transaction::abort);
    fault.borrow_mut().get_or_insert(error);
}

fn transaction(event: &VersionChangeEvent) -> Result<idb::Transaction, idb::Error> {
    use idb::{Event, Request};
    event.target()?.transaction().ok_or(idb::Error::TransactionNotFound)
}

fn checked(name: &str, database: Database) -> Result<IdbDatabase, StoreError> {
    let stores = database.store_names();
    if let Some(lacking) = STORES.iter().find(|store| !stores.iter().any(|there| there == *store)) {
        database.close();
        return Err(StoreError::StorageCorrupt(format!(
            "database {} lacks the object store {lacking}",
            quoted(name)
        )));
    }
    Ok(database.into())
}

async fn too_new(name: &str) -> StoreError {
    let opened = async { Factory::new()?.open(name, None)?.await };
    match opened.await {
        Ok(database) => {
            let found = database.version().unwrap_or(SCHEMA + 1);
            database.close();
            StoreError::SchemaTooNew { found, known: SCHEMA }
        }
        Err(error) => unavailable(error),
    }
}

fn in_use(name: &str) -> StoreError {
    StoreError::StorageUnavailable(format!("another tab keeps database {} open; close it", quoted(name)))
}

/// Resolves some time after a request is blocked by other connections; never, where it is not.
async fn out_of_patience(blocked: oneshot::Receiver<()>) {
    if blocked.await.is_err() {
        future::poll_fn(|_| Poll::<()>::Pending).await;
    }
    let timer = Promise::new(&mut |resolve, _| {
        // Without timers it is given up at once.
        if set_timeout(&resolve, PATIENCE).is_err() {
            let _ = resolve.call0(&JsValue::NULL);
        }
    });
    let _ = JsFuture::from(timer).await;
}
