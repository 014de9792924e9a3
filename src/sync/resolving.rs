//! What becomes of commits that the endpoint did not take: the policies, or the app, now or later, decide.

use crate::error::StoreError;
use crate::event::CommitId;
use crate::store::{Refusal, Replica, Rewrite};

use super::conflict::{Conflict, Resolution, pending_events};
use super::engine::Engine;
use super::host::Host;

impl<R: Replica, H: Host> Engine<R, H> {
    /// The parked commits, each with what is needed to resolve it.
    ///
    /// # Errors
    /// A failure of the storage.
    pub async fn conflicts(&self) -> Result<Vec<Conflict>, StoreError> {
        let mut conflicts = Vec::new();
        // What came after a parked commit waits, and mostly only one is parked: the first.
        if self.replica.outbox(1, usize::MAX).await?.iter().all(|first| first.refused.is_none()) {
            return Ok(conflicts);
        }
        let pending = pending_events(&*self.replica).await?;
        for waiting in self.replica.outbox(usize::MAX, usize::MAX).await? {
            if let Some(refusal) = waiting.parked() {
                let id = waiting.commit.id();
                conflicts.push(Conflict::gather(&*self.replica, id, refusal, &pending).await?);
            }
        }
        Ok(conflicts)
    }

    /// Resolves a parked commit.
    ///
    /// # Errors
    /// `INVALID_REQUEST` where no such commit is parked; a failure of the storage.
    pub async fn resolve(&self, commit: CommitId, resolution: Resolution) -> Result<(), StoreError> {
        let outbox = self.replica.outbox(usize::MAX, usize::MAX).await?;
        let parked = outbox.into_iter().find(|waiting| waiting.commit.id() == commit);
        let Some(refusal) = parked.and_then(|waiting| waiting.refused) else {
            return Err(StoreError::InvalidRequest(format!("commit {commit} is not parked")));
        };
        self.replica.rewrite(vec![(commit, rewrite(refusal, resolution))]).await?;
        self.wake();
        Ok(())
    }

    /// Asks what becomes of a commit, and of those that this leaves behind: all of them before the first is pushed,
    /// while what they are about is the same.
    pub(super) async fn ask(&self, commit: CommitId, refusal: Refusal) -> Result<(), StoreError> {
        let mut asking = vec![(commit, refusal)];
        while !asking.is_empty() {
            let pending = pending_events(&*self.replica).await?;
            let mut rewrites = Vec::with_capacity(asking.len());
            for (commit, refusal) in asking {
                let conflict = Conflict::gather(&*self.replica, commit, &refusal, &pending).await?;
                let resolution = match self.config.policies.decide(&conflict) {
                    Some(resolution) => resolution,
                    None => self.host.resolve(&conflict).await.unwrap_or(Resolution::Park),
                };
                let parks = resolution == Resolution::Park;
                rewrites.push((commit, rewrite(refusal, resolution)));
                if parks {
                    break;
                }
            }
            self.replica.rewrite(rewrites).await?;
            let outbox = self.replica.outbox(usize::MAX, usize::MAX).await?;
            let unparked = outbox.into_iter().take_while(|waiting| waiting.parked().is_none());
            asking = unparked
                .filter_map(|waiting| waiting.refused.map(|refusal| (waiting.commit.id(), refusal)))
                .collect();
        }
        Ok(())
    }
}

/// What an answer of the app does to the outbox.
fn rewrite(refusal: Refusal, resolution: Resolution) -> Rewrite {
    match (resolution, refusal) {
        (Resolution::Rebase, _) => Rewrite::Rebase,
        (Resolution::Replace(commit), _) => Rewrite::Replace(commit),
        (Resolution::Drop, _) => Rewrite::Drop,
        (Resolution::Park, Refusal::Behind { conflict, .. }) => {
            Rewrite::Park(Refusal::Behind { conflict, asked: true })
        }
        (Resolution::Park, refusal) => Rewrite::Park(refusal),
    }
}
