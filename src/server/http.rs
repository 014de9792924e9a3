//! HTTP to the handler's requests, and its answers back.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use crate::endpoint::{Answer, Endpoint, Reply, Request, Spaces};
use crate::error::{StoreError, at_most};
use crate::protocol;

use super::caller;
use super::cors::AllowedOrigins;
use super::live;
use super::stop::Stop;

struct Host<S> {
    endpoint: Endpoint<S>,
    origins: AllowedOrigins,
    stop: Stop,
}

/// The endpoint as a router. Who asks is not verified: see the module. Streams end when `stop` says so.
pub fn router<S: Spaces + 'static>(endpoint: Endpoint<S>, origins: AllowedOrigins, stop: Stop) -> Router {
    let cors = origins.layer();
    let host = Arc::new(Host { endpoint, origins, stop });
    Router::new().fallback(answer::<S>).layer(cors).with_state(host)
}

async fn answer<S: Spaces + 'static>(
    State(host): State<Arc<Host<S>>>,
    request: axum::http::Request<Body>,
) -> Response {
    let began = Instant::now();
    let (head, body) = request.into_parts();
    let reply = match host.read(&head, body).await {
        Ok(request) => host.endpoint.handle(request, |_, _| async { Ok(()) }).await,
        Err(error) => Reply::Answer(host.endpoint.refuse(&error)),
    };
    let answer = match reply {
        Reply::Answer(answer) => answer,
        Reply::Live(live) => return live::respond(live, host.endpoint.clone(), host.stop.clone()),
    };
    tracing::info!(
        method = %head.method,
        path = head.uri.path(),
        status = answer.status,
        ms = began.elapsed().as_millis() as u64,
    );
    if answer.status >= 500 {
        tracing::error!(path = head.uri.path(), body = answer.body, "failed");
    }
    respond(answer)
}

impl<S: Spaces> Host<S> {
    async fn read(&self, head: &request::Parts, body: Body) -> Result<Request, StoreError> {
        caller::check(&head.headers, &self.origins)?;
        let body = read_body(&head.headers, body, self.endpoint.config().body_bytes).await?;
        // What is no text is no version and no id either.
        let text = |value: &HeaderValue| value.to_str().unwrap_or("?").to_owned();
        Ok(Request {
            method: head.method.as_str().into(),
            path: head.uri.path().into(),
            query: head.uri.query().unwrap_or_default().into(),
            protocol: head.headers.get(protocol::VERSION_HEADER).map(text),
            last_event_id: head.headers.get("last-event-id").map(text),
            body,
        })
    }
}

/// The whole body, but never more than `limit` bytes of it.
async fn read_body(headers: &HeaderMap, body: Body, limit: usize) -> Result<Vec<u8>, StoreError> {
    let stated = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    at_most("body", stated.unwrap_or(0), limit, "bytes")?;
    let mut bytes = Vec::with_capacity(stated.unwrap_or(0).min(64 << 10));
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| StoreError::InvalidRequest("the body broke off".into()))?;
        at_most("body", bytes.len() + chunk.len(), limit, "bytes")?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn respond(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    say(headers, "application/json");
    if let Some(allow) = answer.allow {
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    if let Some(seconds) = answer.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The headers of every answer.
pub(super) fn say(headers: &mut HeaderMap, content_type: &'static str) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(HeaderName::from_static(protocol::VERSION_HEADER), HeaderValue::from(protocol::VERSION));
}
