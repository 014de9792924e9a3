//! The connection to a database. It makes way for whoever deletes or upgrades the database; and where the browser
//! ends it, it is opened once more.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::IdbDatabase;

use super::Signals;
use super::schema::{self, Opening};
use crate::error::StoreError;

pub(super) struct Connection {
    name: String,
    database: RefCell<IdbDatabase>,
    signals: Rc<Signals>,
    state: Cell<State>,
    /// Of the database: kept as long as it may call them.
    callbacks: RefCell<Vec<Closure<dyn FnMut()>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It was used since it was opened.
    Proven,
    /// It was opened again: what was known of the database may be true no longer.
    Reopened,
    /// That was forgotten, and the connection was of no use yet.
    Tried,
    /// The browser ended it; it is being opened again.
    Lost,
}

impl Connection {
    /// # Errors
    /// As [`schema::open`].
    pub(super) async fn open(
        name: &str,
        opening: Opening,
        signals: &Rc<Signals>,
    ) -> Result<Rc<Self>, StoreError> {
        let database = schema::open(name, true, opening).await?;
        let connection = Rc::new(Self {
            name: name.into(),
            database: RefCell::new(database),
            signals: Rc::clone(signals),
            state: Cell::new(State::Proven),
            callbacks: RefCell::default(),
        });
        connection.watch();
        Ok(connection)
    }

    /// The database, for a transaction to begin at once.
    pub(super) fn database(&self) -> IdbDatabase {
        self.database.borrow().clone()
    }

    /// Waits while it is being opened again. Answers whether it was: then nothing that was known of the database is.
    ///
    /// # Errors
    /// Why it is closed, if it is.
    pub(super) async fn ready(&self) -> Result<bool, StoreError> {
        loop {
            self.signals.check()?;
            match self.state.get() {
                State::Proven | State::Tried => return Ok(false),
                State::Reopened => {
                    self.state.set(State::Tried);
                    return Ok(true);
                }
                State::Lost => self.signals.changed.listen().await,
            }
        }
    }

    /// A transaction was answered: the connection works, unless the transaction is of the one before, which may be
    /// answered after the loss.
    pub(super) fn proven(&self) {
        if self.state.get() == State::Tried {
            self.state.set(State::Proven);
        }
    }

    /// Ends it when the transactions that are under way are complete.
    pub(super) fn close(&self) {
        let database = self.database.borrow();
        database.set_onversionchange(None);
        database.set_onclose(None);
        database.close();
    }

    fn watch(self: &Rc<Self>) {
        let calls = |call: fn(Rc<Self>)| {
            let connection = Rc::downgrade(self);
            Closure::<dyn FnMut()>::new(move || {
                if let Some(connection) = Weak::upgrade(&connection) {
                    call(connection);
                }
            })
        };
        let (makes_way, lost) = (calls(Self::make_way), calls(Self::lost));
        let database = self.database.borrow();
        database.set_onversionchange(Some(makes_way.as_ref().unchecked_ref()));
        database.set_onclose(Some(lost.as_ref().unchecked_ref()));
        self.callbacks.replace(vec![makes_way, lost]);
    }

    /// Someone deletes or upgrades the database: they need not wait.
    fn make_way(self: Rc<Self>) {
        self.database.borrow().close();
        self.signals.close(StoreError::Closed);
    }

    /// The browser took the database away: as when a person clears the site's data, or its storage crashed.
    fn lost(self: Rc<Self>) {
        if self.state.replace(State::Lost) != State::Proven {
            let why = "the browser closed the database twice; open it again";
            return self.signals.close(StoreError::StorageUnavailable(why.into()));
        }
        spawn_local(async move {
            match schema::open(&self.name, false, Opening::default()).await {
                Ok(database) if self.signals.check().is_ok() => {
                    self.database.replace(database);
                    self.watch();
                    self.state.set(State::Reopened);
                    self.signals.changed.notify(usize::MAX);
                }
                Ok(database) => database.close(),
                Err(why) => self.signals.close(why),
            }
        });
    }
}
