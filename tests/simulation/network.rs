//! The endpoint behind a connection that loses, repeats, delays and reorders.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use event_listener::EventListener;
use eventcore_web::StoreError;
use eventcore_web::endpoint::{Endpoint, EndpointConfig, Request, Spaces};
use eventcore_web::event::{Commit, CommitId, EventId, IdGenerator, NewEvent, Place, SpaceId, StreamId};
use eventcore_web::store::memory::{MemoryBackend, Snapshot};
use eventcore_web::store::{Backend, FeedSlice, Query, StreamSlice};
use eventcore_web::sync::{Conflict, Host, HostResponse, Resolution, SyncStatus};
use eventcore_web::version::Outcome;

use crate::executor::{Chance, Time};
use crate::faults::Off;

pub fn space() -> SpaceId {
    SpaceId::try_new("space").unwrap()
}

/// The endpoint's storage: one space, which can be put back to what a backup held.
pub struct Server {
    state: Mutex<(String, Arc<Log>)>,
    /// How often it was started again, which breaks every connection.
    starts: AtomicU64,
    off: Off,
}

/// The log of the space, as the endpoint sees it.
pub struct Log {
    pub memory: MemoryBackend,
    off: Off,
}

impl Server {
    pub fn new(off: Off) -> Self {
        let log = Log { memory: MemoryBackend::default(), off };
        let state = Mutex::new(("endpoint-1".into(), Arc::new(log)));
        Self { state, starts: AtomicU64::new(0), off }
    }

    pub fn starts(&self) -> u64 {
        self.starts.load(Ordering::Relaxed)
    }

    pub fn log(&self) -> Arc<Log> {
        Arc::clone(&self.state.lock().unwrap().1)
    }

    /// The endpoint comes back with what a backup held; an operator who knows gives it another identity.
    pub fn restore(&self, backup: Snapshot, known: bool) {
        let mut state = self.state.lock().unwrap();
        let memory = MemoryBackend::restore(backup, IdGenerator::new());
        state.1 = Arc::new(Log { memory, off: self.off });
        if known {
            state.0 = "endpoint-2".into();
        }
        self.starts.fetch_add(1, Ordering::Relaxed);
    }
}

impl Spaces for Server {
    type Log = Log;

    fn space(&self, _: &SpaceId) -> Arc<Log> {
        self.log()
    }

    async fn backend_id(&self) -> Result<String, StoreError> {
        Ok(self.state.lock().unwrap().0.clone())
    }
}

impl Backend for Log {
    async fn append(&self, run: Vec<Commit>) -> Result<Vec<Outcome>, StoreError> {
        match self.off {
            Off::Order => {
                let mut outcomes = Vec::new();
                for commit in run {
                    outcomes.extend(self.memory.append(vec![commit]).await?);
                }
                Ok(outcomes)
            }
            Off::Idempotency => self.memory.append(run.iter().map(forgotten).collect()).await,
            _ => self.memory.append(run).await,
        }
    }

    async fn read_streams(
        &self,
        streams: &[StreamId],
        query: &Query,
    ) -> Result<Vec<StreamSlice>, StoreError> {
        self.memory.read_streams(streams, query).await
    }

    async fn read_feed(&self, query: &Query) -> Result<FeedSlice, StoreError> {
        self.memory.read_feed(query).await
    }

    async fn locate(&self, id: EventId) -> Result<Option<Place>, StoreError> {
        self.memory.locate(id).await
    }

    fn listen(&self) -> EventListener {
        self.memory.listen()
    }

    fn ids(&self) -> &IdGenerator {
        self.memory.ids()
    }

    fn close(&self) {
        self.memory.close();
    }
}

/// The commit under ids that no store has seen: an endpoint without idempotency does not recognise it.
fn forgotten(commit: &Commit) -> Commit {
    let events =
        commit.events().iter().map(|event| NewEvent { id: EventId::new(), ..event.clone() }).collect();
    let expectations = commit.expectations().to_vec();
    Commit::from_parts(CommitId::new(), events, expectations, &Default::default()).unwrap()
}

/// How bad the connection of a replica is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    pub offline: bool,
    /// Of a hundred requests, and of a hundred answers.
    pub lost: u64,
    /// Of a hundred requests, those that arrive a second time, later.
    pub repeated: u64,
    /// Milliseconds at most.
    pub delay: u64,
}

/// What happened, line by line; nobody writes where nobody watches.
#[derive(Clone, Default)]
pub struct Trace(pub Option<Arc<Mutex<Vec<String>>>>);

impl Trace {
    pub fn note(&self, time: &Time, what: impl FnOnce() -> String) {
        if let Some(lines) = &self.0 {
            lines.lock().unwrap().push(format!("{:>7} ms  {}", time.now(), what()));
        }
    }
}

/// The world of one replica's sync.
#[derive(Clone)]
pub struct Connection {
    /// Whose it is.
    pub replica: u64,
    pub trace: Trace,
    /// The start of the endpoint that it is connected to.
    pub connected: Arc<AtomicU64>,
    pub endpoint: Arc<Endpoint<Arc<Server>>>,
    pub weather: Arc<Mutex<Weather>>,
    pub time: Time,
    pub chance: Chance,
    /// Requests that arrive again, to be delivered by whoever runs the world.
    pub late: Arc<Mutex<Vec<Request>>>,
    /// Commits that the app gave up.
    pub dropped: Arc<Mutex<HashSet<CommitId>>>,
    /// Commits that it was asked about.
    pub asked: Arc<Mutex<HashSet<CommitId>>>,
    pub off: Off,
}

impl Connection {
    pub fn endpoint(server: &Arc<Server>) -> Arc<Endpoint<Arc<Server>>> {
        Arc::new(Endpoint::new(Arc::clone(server), EndpointConfig { page_events: 5, ..Default::default() }))
    }

    fn weather(&self) -> Weather {
        *self.weather.lock().unwrap()
    }

    fn lost(&self) -> bool {
        self.weather().offline || self.chance.percent(self.weather().lost)
    }

    /// What an app might decide.
    pub fn decide(&self, commit: CommitId) -> Resolution {
        self.asked.lock().unwrap().insert(commit);
        let resolution = match self.chance.below(4) {
            0 => {
                self.dropped.lock().unwrap().insert(commit);
                Resolution::Drop
            }
            1 => Resolution::Park,
            _ => Resolution::Rebase,
        };
        self.note(|| format!("about commit {commit}: {resolution:?}"));
        resolution
    }

    fn note(&self, what: impl FnOnce() -> String) {
        self.trace.note(&self.time, || format!("replica {}: {}", self.replica, what()));
    }

    /// Whether the endpoint was started again since this was asked last.
    fn broke(&self) -> bool {
        let starts = self.endpoint.spaces().starts();
        self.connected.swap(starts, Ordering::Relaxed) != starts
    }

    fn fail<T>(&self, why: &str) -> Result<T, String> {
        self.note(|| why.into());
        Err(why.into())
    }
}

impl Host for Connection {
    async fn request(
        &self,
        method: &'static str,
        path: String,
        body: Option<String>,
    ) -> Result<HostResponse, String> {
        self.note(|| format!("{method} {path} {}", body.as_deref().map_or("", summary)));
        self.time.sleep(self.chance.below(self.weather().delay)).await;
        if self.broke() {
            return self.fail("the connection broke");
        }
        if self.lost() {
            return self.fail("the request was lost");
        }
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let request = Request {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            protocol: Some("1".into()),
            body: body.unwrap_or_default().into_bytes(),
            ..Request::default()
        };
        if self.chance.percent(self.weather().repeated) {
            self.late.lock().unwrap().push(request.clone());
        }
        let answer = self.endpoint.handle(request, |_, _| async { Ok(()) }).await.answer().unwrap();
        self.time.sleep(self.chance.below(self.weather().delay)).await;
        if self.broke() {
            return self.fail("the connection broke");
        }
        if self.lost() {
            return self.fail("the answer was lost");
        }
        self.note(|| format!("is answered {} {}", answer.status, summary(&answer.body)));
        let mut body = answer.body;
        if self.off == Off::ResetCheck {
            body = body.replace("endpoint-2", "endpoint-1");
        }
        Ok(HostResponse { status: answer.status, body, retry_after_ms: None })
    }

    async fn sleep(&self, ms: u64) {
        self.time.sleep(ms).await;
    }

    fn random(&self) -> f64 {
        self.chance.below(1_000) as f64 / 1_000.0
    }

    fn status(&self, _: &SyncStatus) {}

    async fn resolve(&self, conflict: &Conflict) -> Result<Resolution, String> {
        self.time.pause().await;
        match self.chance.below(20) {
            0 => Err("the app's resolver failed".into()),
            _ => Ok(self.decide(conflict.commit_id)),
        }
    }
}

/// The beginning of a body.
fn summary(body: &str) -> &str {
    body.get(..160).unwrap_or(body)
}
