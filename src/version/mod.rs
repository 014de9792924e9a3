//! The one rule for versions: what may follow what. No I/O; every store calls it inside its transaction.

mod admission;
mod number;
mod plan;
#[cfg(test)]
mod tests;

pub use admission::{Admission, Known, Outcome, Positions, WriteResult};
pub use number::{Cursor, EventVersion, NumberTooLarge, Position};
pub use plan::{ExpectedVersion, Mismatch, Plan, StreamConflict, VersionConflict, plan};
