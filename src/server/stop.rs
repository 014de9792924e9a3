//! The word to stop, for everything that would otherwise go on.

use tokio::sync::watch;

/// Whether the server is told to stop. Clones hear the same word.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<()>);

/// Says the word when it is dropped.
#[derive(Debug)]
pub struct Stopper(#[expect(dead_code, reason = "dropping it is what it is for")] watch::Sender<()>);

impl Stop {
    /// The word, and who says it.
    pub fn new() -> (Stopper, Self) {
        let (sender, receiver) = watch::channel(());
        (Stopper(sender), Self(receiver))
    }

    /// Done when the word was said.
    pub async fn said(&mut self) {
        // The sender never sends: it goes away.
        while self.0.changed().await.is_ok() {}
    }
}
