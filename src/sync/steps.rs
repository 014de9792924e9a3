//! How the engine carries out a step of the machine.

use std::pin::Pin;

use futures_util::future::{self, Either};

use crate::event::json::to_text;
use crate::maybe::MaybeSend;
use crate::protocol::{EventsAnswer, PushRequest};
use crate::store::Replica;
use crate::version::Cursor;

use super::answer::{offline, read, storage};
use super::engine::Engine;
use super::host::{Host, HostResponse};
use super::machine::{Failure, Input, Step};
use super::recovery::{event_at, is_at, rewind};

/// A request that is given up where the app ends the sync: boxed, so that what waits for it is compiled once.
type Request<'a> = Pin<Box<dyn Answered + 'a>>;

trait Answered: Future<Output = Result<Input, Failure>> + MaybeSend {}

impl<F: Future<Output = Result<Input, Failure>> + MaybeSend> Answered for F {}

impl<R: Replica, H: Host> Engine<R, H> {
    pub(super) async fn carry_out(&self, step: Step) -> Result<Input, Failure> {
        match step {
            Step::ReadReplica => {
                let state = self.replica.state().await.map_err(storage)?;
                let (commits, bytes) = (self.config.push_commits, self.config.push_bytes);
                let outbox = match state.pending_commits {
                    0 => Vec::new(),
                    _ => self.replica.outbox(commits, bytes).await.map_err(storage)?,
                };
                Ok(Input::Replica(state, outbox))
            }
            Step::Push(commits) => {
                let body = to_text(&PushRequest { commits });
                let push = async { read(self.send("POST", "push", Some(body)).await?).map(Input::Pushed) };
                self.unless_stopped(Box::pin(push)).await
            }
            Step::Pull { after, verify } => self.unless_stopped(self.pull(after, verify)).await,
            Step::Rewind => {
                let rewind = async {
                    rewind(&*self.replica, |after| self.page(after, 1)).await.map(|()| Input::Rewound)
                };
                self.unless_stopped(Box::pin(rewind)).await
            }
            Step::Settle { settlement, ahead } => {
                let settle = self.replica.settle(settlement);
                let (taken, ahead) = future::join(settle, self.pull_ahead(ahead)).await;
                Ok(Input::Settled { taken: taken.map_err(storage)?, ahead })
            }
            Step::Ask(commit, refusal) => {
                self.ask(commit, refusal).await.map(|()| Input::Resolved).map_err(storage)
            }
            Step::Rest(_) | Step::End => Ok(Input::Wake { pull: false }),
        }
    }

    fn pull(&self, after: Cursor, verify: bool) -> Request<'_> {
        Box::pin(self.pulled(after, verify))
    }

    async fn pulled(&self, after: Cursor, verify: bool) -> Result<Input, Failure> {
        if !verify {
            return self.page(after, self.config.pull_events).await.map(Input::Pulled);
        }
        // With the last event that is here: the endpoint must still have it.
        let before = Cursor::new(after.get() - 1);
        let mut answer = self.page(before, self.config.pull_events.saturating_add(1)).await?;
        let last = event_at(&*self.replica, after).await?;
        if answer.head >= after.into() && !is_at(last.as_ref(), &answer) {
            return Ok(Input::Diverged);
        }
        if !answer.events.is_empty() {
            answer.events.remove(0);
        }
        if answer.events.is_empty() && answer.head > after.into() {
            // The next commit did not fit into the page beside it.
            answer = self.page(after, self.config.pull_events).await?;
        }
        Ok(Input::Pulled(answer))
    }

    /// Pulls what follows a page while that is taken in: the network and the disk work at once.
    async fn pull_ahead(&self, after: Option<Cursor>) -> Option<(Cursor, Box<Input>)> {
        let after = after?;
        let input = match self.unless_stopped(self.pull(after, false)).await {
            Ok(input) => input,
            Err(failure) => Input::Failed(failure, self.host.random()),
        };
        Some((after, Box::new(input)))
    }

    async fn page(&self, after: Cursor, limit: usize) -> Result<EventsAnswer, Failure> {
        read(self.send("GET", &format!("events?after={after}&limit={limit}"), None).await?)
    }

    async fn send(
        &self,
        method: &'static str,
        path: &str,
        body: Option<String>,
    ) -> Result<HostResponse, Failure> {
        let path = format!("/v1/spaces/{}/{path}", percent_encode(self.config.space.as_str()));
        self.host.request(method, path, body).await.map_err(offline)
    }

    /// The answer to a request, unless the app ends the sync before it comes.
    async fn unless_stopped(&self, mut request: Request<'_>) -> Result<Input, Failure> {
        loop {
            let ordered = self.ordered.listen();
            if self.is_stopping() {
                return Ok(Input::Stop);
            }
            match future::select(request.as_mut(), ordered).await {
                Either::Left((answer, _)) => return answer,
                Either::Right(_) => {}
            }
        }
    }
}

/// Everything but unreserved characters, so that any space is one segment of the path.
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
        encoded
    })
}
