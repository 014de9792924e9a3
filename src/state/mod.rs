//! State is a fold over events. [`fold`] computes it, [`execute`] decides by it and writes what was decided,
//! and a [`Projection`] keeps it up to date.

mod decision;
mod execute;
mod fold;
mod projection;

pub use decision::{Decision, Emitted};
pub use execute::{ExecuteError, ExecuteOptions, Executed, execute, execute_with};
pub use fold::fold;
pub use projection::{Checkpoint, Projection};
