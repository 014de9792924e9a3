//! What a sync needs of the world: a connection, a timer, chance, and an app to ask.

use crate::maybe::{MaybeSend, MaybeSync};

use super::{Conflict, Resolution, SyncStatus};

/// An answer of the endpoint, or of whatever stands in its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostResponse {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// What `Retry-After` says, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

/// The world of a sync.
pub trait Host: MaybeSend + MaybeSync {
    /// Sends a request: method, path with query below the endpoint's address, JSON body.
    ///
    /// # Errors
    /// Why there is no answer at all.
    fn request(
        &self,
        method: &'static str,
        path: String,
        body: Option<String>,
    ) -> impl Future<Output = Result<HostResponse, String>> + MaybeSend;

    /// Waits so many milliseconds.
    fn sleep(&self, ms: u64) -> impl Future<Output = ()> + MaybeSend;

    /// A number from 0 to 1, by chance.
    fn random(&self) -> f64;

    /// Takes note of the status, whenever it changed.
    fn status(&self, status: &SyncStatus);

    /// Asks the app what becomes of a commit. An error parks it.
    fn resolve(&self, conflict: &Conflict) -> impl Future<Output = Result<Resolution, String>> + MaybeSend;
}
