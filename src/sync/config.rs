//! How a replica is synced.

use crate::event::SpaceId;
use crate::event::json::decode_words;

use super::policy::Policies;

/// How a replica is synced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncConfig {
    /// The space.
    pub space: SpaceId,
    /// How often to look for what others wrote, in milliseconds.
    pub poll_ms: u64,
    /// Commits of one push at most.
    pub push_commits: usize,
    /// Bytes of payload of one push, about.
    pub push_bytes: usize,
    /// Events of one pull at most.
    pub pull_events: usize,
    /// Standing answers to conflicts; where they have none, the host is asked.
    pub policies: Policies,
    /// What to do where the endpoint lost what it had confirmed.
    pub recover: Recover,
}

/// What to do where the endpoint lost what it had confirmed, or is another one than before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Recover {
    /// Stop with `ENDPOINT_RESET`, and keep everything.
    #[default]
    Stop,
    /// Push again what the endpoint no longer has, whoever wrote it.
    Repush,
}

decode_words!(Recover { Stop: "stop", Repush: "repush" });

impl SyncConfig {
    /// The defaults for a space.
    pub fn new(space: SpaceId) -> Self {
        Self {
            space,
            poll_ms: 5_000,
            push_commits: 1_000,
            push_bytes: 1 << 20,
            pull_events: 1_000,
            policies: Policies::default(),
            recover: Recover::Stop,
        }
    }
}
