//! One schedule: replicas that write, an endpoint, a network, crashes. Everything by chance, all of it by one seed.

mod ending;

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use event_listener::EventListener;
use eventcore_web::StoreError;
use eventcore_web::endpoint::Endpoint;
use eventcore_web::event::{
    Batch, CommitId, EventToWrite, EventType, IdGenerator, Json, JsonEvent, StreamId,
};
use eventcore_web::store::memory::MemoryBackend;
use eventcore_web::store::{Backend, EventStore, ReadOptions, Replica, Store};
use eventcore_web::sync::{Engine, Resolution, SyncConfig, SyncState};
use eventcore_web::version::ExpectedVersion;
use futures_util::FutureExt;

use crate::disk::Disk;
use crate::executor::{Chance, Executor, TaskId};
use crate::faults::Off;
use crate::network::{Connection, Server, Weather, space};
use crate::rules::{self, Memory};

/// How large a schedule is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub replicas: u64,
    pub actions: u64,
    /// Whether the endpoint may come back from a backup.
    pub restores: bool,
}

type Syncing = Engine<Disk, Connection>;

struct Device {
    memory: Arc<MemoryBackend>,
    engine: Arc<Syncing>,
    connection: Connection,
    tasks: Vec<TaskId>,
    /// Milliseconds that its clock is off.
    skew: Arc<Mutex<i64>>,
    judge: Arc<Mutex<Memory>>,
    changed: Option<EventListener>,
}

pub struct World {
    seed: u64,
    off: Off,
    chance: Chance,
    executor: Executor,
    server: Arc<Server>,
    endpoint: Arc<Endpoint<Arc<Server>>>,
    devices: Vec<Device>,
    late: Arc<Mutex<Vec<eventcore_web::endpoint::Request>>>,
    dropped: Arc<Mutex<Vec<CommitId>>>,
    asked: Arc<Mutex<HashSet<CommitId>>>,
    trace: Vec<String>,
    restored: bool,
    log_changed: Option<EventListener>,
}

impl World {
    pub fn new(seed: u64, size: Size, off: Off) -> Self {
        let chance = Chance::new(seed);
        let server = Arc::new(Server::new(off));
        let mut world = Self {
            seed,
            off,
            executor: Executor::new(chance.clone()),
            endpoint: Connection::endpoint(&server),
            server,
            devices: Vec::new(),
            late: Arc::default(),
            dropped: Arc::default(),
            asked: Arc::default(),
            trace: Vec::new(),
            restored: false,
            log_changed: None,
            chance,
        };
        for number in 0..size.replicas {
            let skew = Arc::new(Mutex::new(0));
            let memory = MemoryBackend::with_ids(world.ids(number, &skew));
            memory.attach(&space()).now_or_never().expect("memory answers at once").expect("a fresh store");
            let device = world.boot(Arc::new(memory), skew, Arc::default());
            world.devices.push(device);
        }
        world
    }

    fn ids(&self, number: u64, skew: &Arc<Mutex<i64>>) -> IdGenerator {
        let (time, skew) = (self.executor.time.clone(), Arc::clone(skew));
        let wall = move || {
            1_700_000_000_000_u64.saturating_add(time.now()).saturating_add_signed(*skew.lock().unwrap())
        };
        IdGenerator::seeded(wall, self.chance.next() ^ number)
    }

    fn weather(&self) -> Weather {
        Weather {
            offline: self.chance.percent(20),
            lost: self.chance.below(30),
            repeated: self.chance.below(15),
            delay: self.chance.below(400),
        }
    }

    fn boot(
        &mut self,
        memory: Arc<MemoryBackend>,
        skew: Arc<Mutex<i64>>,
        judge: Arc<Mutex<Memory>>,
    ) -> Device {
        let connection = Connection {
            endpoint: Arc::clone(&self.endpoint),
            weather: Arc::new(Mutex::new(self.weather())),
            time: self.executor.time.clone(),
            chance: self.chance.clone(),
            late: Arc::clone(&self.late),
            dropped: Arc::clone(&self.dropped),
            asked: Arc::clone(&self.asked),
            off: self.off,
        };
        let disk = Arc::new(Disk::new(Arc::clone(&memory), self.executor.time.clone(), self.off));
        let mut config = SyncConfig::new(space());
        config.push_commits = 1 + self.chance.below(5) as usize;
        config.poll_ms = 1_000;
        let engine = Arc::new(Engine::new(disk, connection.clone(), config));
        let running = Arc::clone(&engine);
        let run = self.executor.spawn(async move {
            let _ = running.run().await;
        });
        Device { memory, engine, connection, tasks: vec![run], skew, judge, changed: None }
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        self.trace.push(format!("{:>7} ms  {}", self.executor.time.now(), what()));
    }

    fn fail<T>(&self, why: impl std::fmt::Display) -> Result<T, String> {
        let last = self.trace.len().saturating_sub(25);
        Err(format!(
            "{why}\n  with {:?} off; the last actions:\n    {}\n  replay with SEED={}",
            self.off,
            self.trace[last..].join("\n    "),
            self.seed
        ))
    }

    /// Runs the schedule to its end.
    pub fn run(mut self, size: Size) -> Result<(), String> {
        for _ in 0..size.actions {
            for _ in 0..self.chance.below(40) {
                self.step()?;
            }
            self.act(size);
            self.check()?;
        }
        self.heal();
        self.converge()
    }

    fn step(&mut self) -> Result<(), String> {
        self.executor.step();
        self.check()
    }

    fn act(&mut self, size: Size) {
        let at = self.chance.below(self.devices.len() as u64) as usize;
        match self.chance.below(20) {
            0..=1 => self.crash(at),
            2..=3 => {
                let weather = self.weather();
                *self.devices[at].connection.weather.lock().unwrap() = weather;
                self.note(|| format!("replica {at}: {weather:?}"));
            }
            4 => {
                let hours = self.chance.below(5) as i64 - 2;
                *self.devices[at].skew.lock().unwrap() += hours * 3_600_000;
                self.note(|| format!("replica {at}: its clock jumps by {hours} h"));
            }
            5..=6 => self.deliver_late(),
            7 => self.resolve_parked(at),
            8 if size.restores && !self.restored => self.restore(),
            _ => self.write(at),
        }
    }

    fn write(&mut self, at: usize) {
        let device = &self.devices[at];
        let store: Store<Disk> = Store::over(Arc::new(Disk::new(
            Arc::clone(&device.memory),
            self.executor.time.clone(),
            self.off,
        )));
        let (chance, judge) = (self.chance.clone(), Arc::clone(&device.judge));
        let streams: Vec<StreamId> = (0..1 + chance.below(2))
            .map(|_| StreamId::try_new(format!("stream-{}", chance.below(4))).expect("a stream id"))
            .collect::<HashSet<_>>()
            .into_iter()
            .collect();
        let mut streams = streams;
        streams.sort();
        self.note(|| format!("replica {at}: writes to {streams:?}"));
        let task = self.executor.spawn(async move {
            let Ok(read) = store.read_streams(&streams, ReadOptions::default()).await else { return };
            let mut events = Vec::new();
            let mut preconditions = Vec::new();
            let mut seen = Vec::new();
            for (number, stream) in read.into_iter().enumerate() {
                let expected = match chance.below(4) {
                    0 => ExpectedVersion::NoCheck,
                    1 if !stream.version.is_zero() => ExpectedVersion::Any,
                    _ => ExpectedVersion::Exact(stream.version),
                };
                if matches!(expected, ExpectedVersion::Exact(_)) {
                    let events = stream.events.iter().map(|event| event.id).collect();
                    seen.push((stream.stream_id.clone(), events));
                }
                if number > 0 && chance.percent(40) {
                    preconditions.push((stream.stream_id, expected));
                    continue;
                }
                for _ in 0..1 + chance.below(3) {
                    events.push(EventToWrite::new(stream.stream_id.clone(), noted(chance.next()), expected));
                }
            }
            let mut batch = Batch::new(events);
            for (stream_id, expected) in preconditions {
                batch = batch.with_precondition(stream_id, expected);
            }
            match store.write_events(batch).await {
                Ok(result) => {
                    let mut judge = judge.lock().unwrap();
                    judge.seen.insert(result.commit_id, seen);
                    judge.acknowledged.insert(result.commit_id, result.event_ids);
                }
                // Another write of the same replica was faster.
                Err(StoreError::VersionConflict(_)) => {}
                Err(error) => panic!("a write failed: {error}"),
            }
        });
        self.devices[at].tasks.push(task);
    }

    /// The process dies where it stands and starts again from what was stored.
    fn crash(&mut self, at: usize) {
        self.note(|| format!("replica {at}: crashes"));
        for task in std::mem::take(&mut self.devices[at].tasks) {
            self.executor.kill(task);
        }
        let snapshot = self.devices[at].memory.snapshot();
        let skew = Arc::clone(&self.devices[at].skew);
        let ids = self.ids(at as u64, &skew);
        if let Some(last) = rules::feed(&self.devices[at].memory).iter().map(|event| event.id).max() {
            ids.resume(last);
        }
        let memory = MemoryBackend::restore(snapshot, ids);
        if self.off == Off::OutboxPersistence {
            for commit in rules::outbox(&memory) {
                let dropped =
                    memory.rewrite(vec![(commit, eventcore_web::store::Rewrite::Drop)]).now_or_never();
                dropped.expect("memory answers at once").expect("memory is open");
            }
        }
        let judge = Arc::clone(&self.devices[at].judge);
        self.devices[at] = self.boot(Arc::new(memory), skew, judge);
    }

    /// A request that was sent before arrives again.
    fn deliver_late(&mut self) {
        let mut late = self.late.lock().unwrap();
        if late.is_empty() {
            return;
        }
        let at = self.chance.below(late.len() as u64) as usize;
        let request = late.swap_remove(at);
        drop(late);
        self.note(|| format!("{} {} arrives again", request.method, request.path));
        let endpoint = Arc::clone(&self.endpoint);
        self.executor.spawn(async move {
            endpoint.handle(request, |_, _| async { Ok(()) }).await;
        });
    }

    fn resolve_parked(&mut self, at: usize) {
        let engine = Arc::clone(&self.devices[at].engine);
        let task = self.executor.spawn(async move { resolve_all(&engine).await });
        self.devices[at].tasks.push(task);
    }

    /// The endpoint loses what came after a backup. From then on no replica may believe what it confirmed.
    fn restore(&mut self) {
        self.note(|| "the endpoint comes back empty, under another identity".into());
        self.restored = true;
        let empty = MemoryBackend::default().snapshot();
        self.server.restore(empty, true);
        self.log_changed = None;
    }

    /// Holds the rules against what is stored, wherever something changed since the last time.
    fn check(&mut self) -> Result<(), String> {
        let log = self.server.log();
        let mut server_changed = false;
        if self.log_changed.as_mut().is_none_or(|listener| listener.now_or_never().is_some()) {
            self.log_changed = Some(log.memory.listen());
            server_changed = true;
        }
        let changed: Vec<usize> = (0..self.devices.len())
            .filter(|at| {
                let device = &mut self.devices[*at];
                let changed =
                    device.changed.as_mut().is_none_or(|listener| listener.now_or_never().is_some());
                if changed {
                    device.changed = Some(device.memory.listen());
                }
                changed || server_changed
            })
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let truth = rules::feed(&self.server.log().memory);
        let dropped: HashSet<CommitId> = self.dropped.lock().unwrap().iter().copied().collect();
        if let Err(why) = rules::check_log(&truth) {
            return self.fail(format!("the endpoint's log: {why}"));
        }
        for at in changed {
            let mut judge = self.devices[at].judge.lock().unwrap();
            let stopped = self.devices[at].engine.status().state == SyncState::Stopped;
            // A replica that has not met the restored endpoint yet, or has stopped at it, has its own history.
            if self.restored && (stopped || !shares_history(&self.devices[at].memory, &truth)) {
                continue;
            }
            let verdict = judge.check(&self.devices[at].memory, &truth, &dropped);
            let verdict = verdict.and_then(|()| judge.check_order(&truth));
            let asked = self.asked.lock().unwrap();
            let verdict = verdict.and_then(|()| judge.check_decisions(&truth, &asked));
            drop(asked);
            drop(judge);
            if let Err(why) = verdict {
                return self.fail(format!("replica {at}: {why}"));
            }
        }
        Ok(())
    }
}

/// Whether the confirmed log of a replica is how this log begins.
fn shares_history(replica: &MemoryBackend, truth: &[eventcore_web::event::RawEvent]) -> bool {
    let feed = rules::feed(replica);
    let confirmed = feed.iter().take_while(|event| event.place.position().is_some()).count();
    truth.len() >= confirmed && feed[..confirmed] == truth[..confirmed]
}

async fn resolve_all(engine: &Syncing) {
    let Ok(conflicts) = engine.conflicts().await else { return };
    for conflict in conflicts {
        let resolution = match engine.host().decide(conflict.commit_id) {
            Resolution::Park => Resolution::Rebase,
            decided => decided,
        };
        // It may have been resolved meanwhile.
        let _ = engine.resolve(conflict.commit_id, resolution).await;
    }
}

fn noted(number: u64) -> JsonEvent {
    let payload = Json::from_value(&serde_json::json!({ "number": number >> 11 })).expect("JSON");
    JsonEvent { event_type: EventType::try_new("Noted").expect("a name"), payload }
}
