//! The chapter, block by block: each test is named after its section and does what the block there shows, as the
//! design decides. PostgreSQL's blocks are in `tests/postgres.rs`, evolution's in `tests/evolution.rs`.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod events;
mod guarantees;
mod scale;
mod stores;

use eventcore_web::event::{EventToWrite, StreamId};
use eventcore_web::store::{EventStore, InMemoryEventStore};
use eventcore_web::version::{EventVersion, ExpectedVersion};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum BankEvent {
    AccountOpened { owner: String, initial_balance: u64 },
    MoneyDeposited { amount: u64 },
    MoneyWithdrawn { amount: u64 },
}

use BankEvent::{AccountOpened, MoneyDeposited, MoneyWithdrawn};

const ACCOUNT: StreamId = StreamId::from_static("account-123");
const OTHER: StreamId = StreamId::from_static("account-456");

fn opened() -> BankEvent {
    AccountOpened { owner: "Alice".into(), initial_balance: 1000 }
}

fn write(stream_id: StreamId, payload: BankEvent, expected: ExpectedVersion) -> EventToWrite<BankEvent> {
    EventToWrite::new(stream_id, payload, expected)
}

/// A store with an account and so many deposits on it, of 1, 2, 3 and so on.
async fn bank(deposits: u64) -> InMemoryEventStore<BankEvent> {
    let store = InMemoryEventStore::new();
    let first = write(ACCOUNT, opened(), ExpectedVersion::NoStream);
    let rest =
        (1..=deposits).map(|amount| write(ACCOUNT, MoneyDeposited { amount }, ExpectedVersion::NoStream));
    store.write_events([first].into_iter().chain(rest).collect::<Vec<_>>()).await.unwrap();
    store
}

fn exact(version: u64) -> ExpectedVersion {
    ExpectedVersion::Exact(EventVersion::new(version))
}
