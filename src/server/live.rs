//! A follower's stream: messages as they come, a comment when there was none for a while, and an end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use tokio::time::{Instant, sleep_until};

use crate::endpoint::{Endpoint, HEARTBEAT, HEARTBEAT_MS, LIVE_CONTENT_TYPE, Live, PREAMBLE, Said, Spaces};
use crate::error::StoreError;
use crate::event::now_millis;

use super::http::say;
use super::metrics::Following;
use super::stop::Stop;

/// How far ahead an end may lie to be waited for; a stream lives shorter than this anyway.
const FAR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

struct Follower<S: Spaces> {
    live: Live<S>,
    endpoint: Endpoint<S>,
    until: Instant,
    stop: Stop,
    over: bool,
    /// Counts it as long as it lives.
    following: Following,
}

/// The answer to who follows a space.
pub(super) fn respond<S: Spaces + 'static>(
    live: Live<S>,
    endpoint: Endpoint<S>,
    stop: Stop,
    following: Following,
) -> Response {
    let left = live.until().map(|until| Duration::from_millis(until.saturating_sub(now_millis())));
    let until = Instant::now() + left.unwrap_or(FAR).min(FAR);
    let follower = Follower { live, endpoint, until, stop, over: false, following };
    let preamble = stream::iter([Ok::<_, Infallible>(Bytes::from_static(PREAMBLE.as_bytes()))]);
    let messages = stream::unfold(follower, |mut follower| async {
        let message = follower.next().await?;
        Some((Ok(message), follower))
    });
    let mut response = Body::from_stream(preamble.chain(messages)).into_response();
    say(response.headers_mut(), LIVE_CONTENT_TYPE);
    // Proxies that gather answers before they pass them on are asked not to.
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// A message that many followers are told is held once.
fn bytes(message: Arc<str>) -> Bytes {
    Bytes::from_owner(Arc::<[u8]>::from(message))
}

/// The next message, and how long it took from the word that there is one.
async fn told<S: Spaces>(live: &mut Live<S>, following: &Following) -> Option<Arc<str>> {
    loop {
        live.changed().await;
        let woken = Instant::now();
        match live.read_on().await {
            Said::News(message) => {
                following.told(woken.elapsed());
                return Some(message);
            }
            Said::Nothing => {}
            Said::Over => return None,
        }
    }
}

impl<S: Spaces> Follower<S> {
    async fn next(&mut self) -> Option<Bytes> {
        if self.over {
            return None;
        }
        let silent = Instant::now() + Duration::from_millis(HEARTBEAT_MS);
        tokio::select! {
            biased;
            () = self.stop.said() => None,
            () = sleep_until(self.until) => {
                self.over = true;
                let expired = StoreError::Unauthorized("the token expired; come back with another".into());
                Some(bytes(self.endpoint.last_words(&expired)))
            }
            message = told(&mut self.live, &self.following) => message.map(bytes),
            () = sleep_until(silent) => Some(Bytes::from_static(HEARTBEAT.as_bytes())),
        }
    }
}
