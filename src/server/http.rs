//! HTTP to the handler's requests, and its answers back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use hyper::body::Incoming;
use hyper_util::service::TowerToHyperService;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::decompression::RequestDecompressionLayer;

use crate::endpoint::{Answer, Endpoint, Grant, Reply, Request, Spaces};
use crate::error::{StoreError, at_most};
use crate::event::EventId;
use crate::protocol;

use super::caller;
use super::cors::AllowedOrigins;
use super::live;
use super::metrics::{self, Kind, Metrics, Watched};
use super::rate::{Limiter, RateLimit, Who};
use super::stop::Stop;
use super::verifier::{Caller, Verifier};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID: usize = 128;

/// Who may use an endpoint, and how often.
pub(super) struct Access {
    /// Pages that may use it, beside its own.
    pub(super) origins: AllowedOrigins,
    /// Who verifies tokens. Without one, only requests to loopback are answered.
    pub(super) verifier: Option<Verifier>,
    /// How often a caller may ask, where that is limited.
    pub(super) rate: Option<RateLimit>,
    /// How long a request's body may take.
    pub(super) body_time: Duration,
}

struct Host<S> {
    endpoint: Endpoint<S>,
    access: Access,
    limiter: Option<Limiter>,
    metrics: Metrics,
    stop: Stop,
}

/// The endpoint as a service of hyper's.
#[derive(Clone)]
pub(super) struct App {
    plain: TowerToHyperService<Router>,
    /// The same behind layers for pages of other origins, and for bodies that are coded.
    layered: TowerToHyperService<Router>,
}

impl App {
    /// An endpoint. Streams end when `stop` says so.
    pub(super) fn new<S: Spaces + 'static>(
        endpoint: Endpoint<S>,
        access: Access,
        watched: Watched,
        stop: Stop,
    ) -> Self {
        let cors = access.origins.layer();
        let limiter = access.rate.map(Limiter::new);
        let host = Arc::new(Host { endpoint, access, limiter, metrics: Metrics::new(watched), stop });
        let plain = Router::new()
            .route("/metrics", axum::routing::get(metrics_text::<S>))
            .fallback(answer::<S>)
            .with_state(host);
        let layered = plain
            .clone()
            .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
            .layer(axum::middleware::map_request(prefer_fast_coding))
            .layer(RequestDecompressionLayer::new())
            .layer(cors);
        Self { plain: TowerToHyperService::new(plain), layered: TowerToHyperService::new(layered) }
    }

    /// Who answers a request. The layers took a fifth of the server's time for a push, also of those for which they do
    /// nothing, such as another server's.
    pub(super) fn service(&self, request: &hyper::Request<Incoming>) -> &TowerToHyperService<Router> {
        let concerned = [header::ORIGIN, header::ACCEPT_ENCODING, header::CONTENT_ENCODING];
        let is_plain = request.method() != Method::OPTIONS
            && !concerned.iter().any(|header| request.headers().contains_key(header));
        if is_plain { &self.plain } else { &self.layered }
    }
}

/// Brotli takes longer for a page of events than PostgreSQL does, even at its lowest level; who accepts gzip or zstd
/// too is answered by those.
async fn prefer_fast_coding(mut request: axum::http::Request<Body>) -> axum::http::Request<Body> {
    let accepted = request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let others = accepted.map(|accepted| {
        let codings = accepted.split(',').map(str::trim).filter(|coding| !coding.starts_with("br"));
        codings.collect::<Vec<_>>().join(", ")
    });
    let others = others.filter(|others| others.contains("gzip") || others.contains("zstd"));
    if let Some(others) = others.and_then(|others| HeaderValue::try_from(others).ok()) {
        request.headers_mut().insert(header::ACCEPT_ENCODING, others);
    }
    request
}

async fn answer<S: Spaces + 'static>(
    State(host): State<Arc<Host<S>>>,
    request: axum::http::Request<Body>,
) -> Response {
    let began = Instant::now();
    let (head, body) = request.into_parts();
    let id = request_id(&head.headers);
    let kind = kind_of(head.uri.path());
    let mut response = match host.reply(&head, body).await {
        Reply::Answer(answer) => {
            host.metrics.pushed(answer.tally);
            if answer.status >= 500 {
                tracing::error!(request_id = %id, path = head.uri.path(), body = answer.body, "failed");
            }
            respond(answer)
        }
        Reply::Live(followed) => {
            let following = host.metrics.follower();
            live::respond(followed, host.endpoint.clone(), host.stop.clone(), following)
        }
    };
    let took = began.elapsed();
    host.metrics.answered(kind, response.status().as_u16(), took);
    tracing::info!(
        request_id = %id,
        method = %head.method,
        path = head.uri.path(),
        status = response.status().as_u16(),
        ms = took.as_millis() as u64,
        "answered",
    );
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn metrics_text<S: Spaces + 'static>(State(host): State<Arc<Host<S>>>) -> Response {
    let mut response = host.metrics.text(host.endpoint.behind()).into_response();
    say(response.headers_mut(), metrics::CONTENT_TYPE);
    response
}

impl<S: Spaces + 'static> Host<S> {
    async fn reply(&self, head: &request::Parts, body: Body) -> Reply<S> {
        let mut body = body.into_data_stream();
        let reply = match self.admit(head).await {
            Ok(caller) => {
                let authorize = |space, right| async move {
                    match caller {
                        None => Ok(Grant::default()),
                        Some(Caller { rights, until, .. }) => {
                            rights.check(&space, right).map(|()| Grant { until: Some(until) })
                        }
                    }
                };
                let unread = &mut body;
                self.endpoint
                    .reply(to_request(head), authorize, move || self.read_in_time(&head.headers, unread))
                    .await
            }
            Err(error) => Reply::Answer(self.endpoint.refuse(&error)),
        };
        self.discard(body);
        reply
    }

    /// Who asks, where tokens are verified, before a byte of the body is read.
    async fn admit(&self, head: &request::Parts) -> Result<Option<Caller>, StoreError> {
        let caller = match &self.access.verifier {
            None => {
                caller::check(&head.headers, &self.access.origins)?;
                None
            }
            Some(_) if kind_of(head.uri.path()) == Kind::Other => None,
            Some(verifier) => Some(verifier.caller(&head.headers).await?),
        };
        if let Some(limiter) = self.limiter.as_ref().filter(|_| kind_of(head.uri.path()) != Kind::Other) {
            let address = head.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
            let subject = caller.as_ref().and_then(|caller| caller.subject.clone());
            limiter.check(subject.map_or(Who::Address(address), Who::Subject))?;
        }
        Ok(caller)
    }

    /// The whole body, or the answer to one that is too long or takes too long.
    async fn read_in_time(&self, headers: &HeaderMap, body: &mut BodyDataStream) -> Result<Vec<u8>, Answer> {
        let time = self.access.body_time;
        match tokio::time::timeout(time, self.read_body(headers, body)).await {
            Ok(read) => read.map_err(|error| self.endpoint.refuse(&error)),
            Err(_) => Err(self.endpoint.too_slow(time.as_secs())),
        }
    }

    /// Takes in what is left of a body that nobody wants: whoever hangs up on a caller that is still sending may cut
    /// off the answer as well.
    fn discard(&self, mut body: BodyDataStream) {
        if body.is_end_stream() {
            return;
        }
        let mut left = self.endpoint.config().body_bytes;
        tokio::spawn(tokio::time::timeout(self.access.body_time, async move {
            while let Some(Ok(chunk)) = body.next().await {
                let Some(rest) = left.checked_sub(chunk.len()) else { break };
                left = rest;
            }
        }));
    }

    /// The whole body, but never more than the limit of it.
    async fn read_body(&self, headers: &HeaderMap, body: &mut BodyDataStream) -> Result<Vec<u8>, StoreError> {
        let limit = self.endpoint.config().body_bytes;
        let stated =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        at_most("body", stated.unwrap_or(0), limit, "bytes")?;
        let mut bytes = Vec::with_capacity(stated.unwrap_or(0).min(64 << 10));
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| StoreError::InvalidRequest("the body broke off".into()))?;
            at_most("body", bytes.len() + chunk.len(), limit, "bytes")?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

fn to_request(head: &request::Parts) -> Request {
    // What is no text is no version and no id either.
    let text = |value: &HeaderValue| value.to_str().unwrap_or("?").to_owned();
    Request {
        method: head.method.as_str().into(),
        path: head.uri.path().into(),
        query: head.uri.query().unwrap_or_default().into(),
        protocol: head.headers.get(protocol::VERSION_HEADER).map(text),
        last_event_id: head.headers.get("last-event-id").map(text),
        ..Request::default()
    }
}

/// What a path asks for, as far as it is counted: a space's name is none of a metric's business.
fn kind_of(path: &str) -> Kind {
    match path.trim_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        ["v1", "spaces", _, "push"] => Kind::Push,
        ["v1", "spaces", _, "events"] => Kind::Events,
        ["v1", "spaces", _, "live"] => Kind::Live,
        _ => Kind::Other,
    }
}

/// The id that the caller gave the request, where it can stand in a log as it is; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let is_plain = |id: &&str| {
        (1..=MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let stated = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(is_plain);
    stated.map_or_else(|| EventId::new().to_string(), Into::into)
}

fn respond(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    say(headers, "application/json");
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
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
