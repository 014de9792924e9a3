//! The parts that make the rules hold, and how to switch each of them off, so that the simulation can be shown
//! to notice.

/// What is switched off in a run; nothing, in a run that must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Off {
    /// Everything is on.
    Nothing,
    /// A crash loses the outbox.
    OutboxPersistence,
    /// The endpoint writes a commit again when it comes again.
    Idempotency,
    /// An acknowledgement takes commits out of the outbox first and into the log later.
    AtomicAcknowledgement,
    /// The endpoint goes on after a commit that it refused.
    Order,
    /// A resolved conflict leaves nothing behind it marked.
    LeftBehind,
    /// A replica does not look at who answers.
    ResetCheck,
}
