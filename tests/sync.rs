//! Sync from end to end in one process: real engines and replicas, the real endpoint, a connection that the
//! tests cut. Time is virtual. What chance can do to it is the simulation's.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use eventcore_web::endpoint::{Endpoint, EndpointConfig, MemorySpaces, Request};
use eventcore_web::event::{EventId, EventToWrite, EventType, Json, JsonEvent, RawEvent, SpaceId, StreamId};
use eventcore_web::store::memory::MemoryBackend;
use eventcore_web::store::{Backend, EventStore, Query, Replica, Store};
use eventcore_web::sync::{
    Conflict, Engine, Host, HostResponse, Resolution, SyncConfig, SyncState, SyncStatus,
};
use eventcore_web::version::ExpectedVersion;

/// The world of a replica: a connection that can be cut, and an app that decides.
#[derive(Clone)]
struct World {
    endpoint: Arc<Endpoint<MemorySpaces>>,
    connected: Arc<AtomicBool>,
    resolution: Resolution,
    seen: Arc<Mutex<Vec<Conflict>>>,
}

impl World {
    fn new(endpoint: &Arc<Endpoint<MemorySpaces>>) -> Self {
        Self {
            endpoint: Arc::clone(endpoint),
            connected: Arc::new(AtomicBool::new(true)),
            resolution: Resolution::Park,
            seen: Arc::default(),
        }
    }

    /// Half a way over the network.
    async fn travel(&self) -> Result<(), String> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        match self.connected.load(Ordering::SeqCst) {
            true => Ok(()),
            false => Err("the network is away".into()),
        }
    }
}

impl Host for World {
    async fn request(
        &self,
        method: &'static str,
        path: String,
        body: Option<String>,
    ) -> Result<HostResponse, String> {
        self.travel().await?;
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let request = Request {
            method: method.into(),
            path: path.into(),
            query: query.into(),
            protocol: Some("1".into()),
            body: body.unwrap_or_default().into_bytes(),
            ..Request::default()
        };
        let answer = self.endpoint.handle(request, |_, _| async { Ok(()) }).await.answer().unwrap();
        self.travel().await?;
        Ok(HostResponse { status: answer.status, body: answer.body, retry_after_ms: None })
    }

    async fn sleep(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    fn random(&self) -> f64 {
        0.5
    }

    fn status(&self, _: &SyncStatus) {}

    async fn resolve(&self, conflict: &Conflict) -> Result<Resolution, String> {
        self.seen.lock().unwrap().push(conflict.clone());
        Ok(self.resolution.clone())
    }
}

type Syncing = Engine<MemoryBackend, World>;

struct Device {
    store: Store<MemoryBackend>,
    engine: Arc<Syncing>,
    run: tokio::task::JoinHandle<()>,
}

impl Device {
    async fn over(backend: MemoryBackend, world: World) -> Self {
        let backend = Arc::new(backend);
        backend.attach(&space()).await.unwrap();
        let engine = Arc::new(Engine::new(Arc::clone(&backend), world, SyncConfig::new(space())));
        let running = Arc::clone(&engine);
        let run = tokio::spawn(async move { running.run().await.unwrap() });
        Self { store: Store::over(backend), engine, run }
    }

    async fn new(world: World) -> Self {
        Self::over(MemoryBackend::default(), world).await
    }

    async fn write(&self, stream: &str, note: &str, expected: ExpectedVersion) -> EventId {
        let result = self.store.write_events(noted(stream, note, expected)).await.unwrap();
        result.event_ids[0]
    }

    /// The feed as `(id, stream, version, position)`.
    async fn feed(&self) -> Vec<(EventId, String, u64, Option<u64>)> {
        feed(self.store.backend()).await.iter().map(line).collect()
    }
}

async fn feed(backend: &MemoryBackend) -> Vec<RawEvent> {
    backend.read_feed(&Query::default()).await.unwrap().events
}

fn line(event: &RawEvent) -> (EventId, String, u64, Option<u64>) {
    (
        event.id,
        event.stream_id.to_string(),
        event.version.get(),
        event.place.position().map(|position| position.get()),
    )
}

fn noted(stream: &str, note: &str, expected: ExpectedVersion) -> EventToWrite<JsonEvent> {
    let payload = Json::from_value(&serde_json::json!({ "note": note })).unwrap();
    let event = JsonEvent { event_type: EventType::try_new("Noted").unwrap(), payload };
    EventToWrite::new(StreamId::try_new(stream).unwrap(), event, expected)
}

fn space() -> SpaceId {
    SpaceId::try_new("team/ä").unwrap()
}

fn endpoint() -> Arc<Endpoint<MemorySpaces>> {
    Arc::new(Endpoint::new(MemorySpaces::new("endpoint-1"), EndpointConfig::default()))
}

#[tokio::test(start_paused = true)]
async fn what_is_written_offline_is_confirmed_once_the_endpoint_is_there_and_seen_by_others() {
    let endpoint = endpoint();
    let world = World::new(&endpoint);
    world.connected.store(false, Ordering::SeqCst);
    let device = Device::new(world.clone()).await;
    let first = device.write("a", "1", ExpectedVersion::NoStream).await;
    let second = device.write("a", "2", ExpectedVersion::Exact(1.try_into().unwrap())).await;
    assert_eq!(device.engine.sync_now().await.unwrap_err().code, "OFFLINE");
    assert_eq!(device.feed().await, [(first, "a".into(), 1, None), (second, "a".into(), 2, None)]);

    world.connected.store(true, Ordering::SeqCst);
    let status = device.engine.sync_now().await.unwrap();
    assert_eq!((status.state, status.pending_commits), (SyncState::Idle, 0));
    let confirmed = [(first, "a".into(), 1, Some(1)), (second, "a".into(), 2, Some(2))];
    assert_eq!(device.feed().await, confirmed);

    let other = Device::new(World::new(&endpoint)).await;
    other.engine.sync_now().await.unwrap();
    assert_eq!(other.feed().await, confirmed);
}

#[tokio::test(start_paused = true)]
async fn a_new_commit_is_pushed_without_being_asked_and_others_see_it_by_polling() {
    let endpoint = endpoint();
    let (one, two) = (Device::new(World::new(&endpoint)).await, Device::new(World::new(&endpoint)).await);
    let id = one.write("a", "1", ExpectedVersion::NoStream).await;
    let mut changed = two.store.subscribe(Default::default()).await.unwrap();
    let seen = futures_util::StreamExt::next(&mut changed).await.unwrap().unwrap();
    assert_eq!((seen.id, seen.is_pending()), (id, false));
}

#[tokio::test(start_paused = true)]
async fn what_was_written_before_the_store_became_a_replica_is_pushed_too() {
    let backend = MemoryBackend::default();
    let store: Store<MemoryBackend> = Store::over(Arc::new(backend));
    store.write_events(noted("a", "1", ExpectedVersion::NoStream)).await.unwrap();
    let backend = MemoryBackend::restore(store.backend().snapshot(), Default::default());
    let device = Device::over(backend, World::new(&endpoint())).await;
    assert_eq!(device.store.backend().state().await.unwrap().pending_commits, 1);
    device.engine.sync_now().await.unwrap();
    assert_eq!(device.feed().await.len(), 1);
    assert_eq!(device.store.backend().state().await.unwrap().pending_commits, 0);
}

/// Two devices append to one stream while offline; the second to come online is in conflict.
async fn conflicting(resolution: Resolution) -> (Device, Device, World) {
    let endpoint = endpoint();
    let (near, mut far) = (World::new(&endpoint), World::new(&endpoint));
    far.resolution = resolution;
    let one = Device::new(near).await;
    let two = Device::new(far.clone()).await;
    far.connected.store(false, Ordering::SeqCst);
    one.write("a", "one", ExpectedVersion::NoStream).await;
    one.engine.sync_now().await.unwrap();
    two.write("a", "two", ExpectedVersion::NoStream).await;
    two.write("b", "later", ExpectedVersion::NoStream).await;
    far.connected.store(true, Ordering::SeqCst);
    let _ = two.engine.sync_now().await;
    (one, two, far)
}

#[tokio::test(start_paused = true)]
async fn a_conflict_tells_what_is_needed_and_a_rebase_keeps_both() {
    let (one, two, far) = conflicting(Resolution::Rebase).await;
    let conflict = far.seen.lock().unwrap()[0].clone();
    assert_eq!(conflict.streams[0].stream_id.as_str(), "a");
    assert_eq!(conflict.streams[0].expected, ExpectedVersion::NoStream);
    assert_eq!(conflict.streams[0].actual.get(), 1);
    assert_eq!(conflict.remote_events[0].payload.text(), r#"{"note":"one"}"#);
    assert_eq!(conflict.local_events[0].payload.text(), r#"{"note":"two"}"#);
    assert_eq!(conflict.local_events.len(), 1);

    one.engine.sync_now().await.unwrap();
    let feed = two.feed().await;
    assert_eq!(feed, one.feed().await);
    let versions: Vec<_> = feed.iter().map(|(_, stream, version, _)| (stream.as_str(), *version)).collect();
    assert_eq!(versions, [("a", 1), ("a", 2), ("b", 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_parked_commit_holds_back_what_came_after_it_until_it_is_resolved() {
    let (_one, two, _far) = conflicting(Resolution::Park).await;
    assert_eq!(two.engine.status().state, SyncState::Conflicted);
    assert_eq!(two.engine.status().pending_commits, 2);
    let parked = two.engine.conflicts().await.unwrap();
    assert_eq!(parked.len(), 1);
    assert_eq!(parked[0].remote_events.len(), 1);

    two.engine.resolve(parked[0].commit_id, Resolution::Drop).await.unwrap();
    let status = two.engine.sync_now().await.unwrap();
    assert_eq!((status.state, status.pending_commits), (SyncState::Idle, 0));
    let notes: Vec<_> =
        feed(two.store.backend()).await.iter().map(|event| event.payload.text().to_owned()).collect();
    assert_eq!(notes, [r#"{"note":"one"}"#, r#"{"note":"later"}"#]);
}

#[tokio::test(start_paused = true)]
async fn another_endpoint_in_its_place_stops_the_sync_and_loses_nothing() {
    let device = Device::new(World::new(&endpoint())).await;
    device.write("a", "1", ExpectedVersion::NoStream).await;
    device.engine.sync_now().await.unwrap();
    let snapshot = device.store.backend().snapshot();

    let reset = Arc::new(Endpoint::new(MemorySpaces::new("endpoint-2"), EndpointConfig::default()));
    let world = World::new(&reset);
    let again = Device::over(MemoryBackend::restore(snapshot, Default::default()), world).await;
    let pending = again.write("a", "2", ExpectedVersion::Any).await;
    assert_eq!(again.engine.sync_now().await.unwrap_err().code, "ENDPOINT_RESET");
    assert_eq!(again.engine.status().state, SyncState::Stopped);
    assert_eq!(again.feed().await.len(), 2);
    assert_eq!(again.feed().await[1], (pending, "a".into(), 2, None));
}

#[tokio::test(start_paused = true)]
async fn a_sync_that_is_stopped_keeps_the_outbox() {
    let world = World::new(&endpoint());
    world.connected.store(false, Ordering::SeqCst);
    let device = Device::new(world).await;
    device.write("a", "1", ExpectedVersion::NoStream).await;
    device.engine.stop();
    device.run.await.unwrap();
    assert_eq!(device.engine.status().state, SyncState::Stopped);
    assert_eq!(device.store.backend().state().await.unwrap().pending_commits, 1);
}
