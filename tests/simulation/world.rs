//! One schedule: replicas that write, an endpoint, a network, crashes. Everything by chance, all of it by one seed.

mod actions;
mod ending;

use std::collections::HashSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use event_listener::EventListener;
use eventcore_web::endpoint::Endpoint;
use eventcore_web::event::{CommitId, IdGenerator, RawEvent};
use eventcore_web::store::memory::{MemoryBackend, Snapshot};
use eventcore_web::store::{Backend, Replica};
use eventcore_web::sync::{Engine, Recover, SyncConfig, SyncState};
use futures_util::FutureExt;

use crate::disk::Disk;
use crate::executor::{Chance, Executor, TaskId};
use crate::faults::Off;
use crate::network::{Connection, Server, Trace, Weather, space};
use crate::rules::{self, Memory};
use crate::schedule::{Restores, Schedule};

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
    /// What it held when it was looked at last.
    feed: Vec<RawEvent>,
}

pub struct World {
    schedule: Schedule,
    off: Off,
    chance: Chance,
    executor: Executor,
    server: Arc<Server>,
    endpoint: Arc<Endpoint<Arc<Server>>>,
    devices: Vec<Device>,
    late: Arc<Mutex<Vec<eventcore_web::endpoint::Request>>>,
    dropped: Arc<Mutex<HashSet<CommitId>>>,
    asked: Arc<Mutex<HashSet<CommitId>>>,
    trace: Trace,
    backup: Option<Snapshot>,
    restored: bool,
    log_changed: Option<EventListener>,
    /// What the endpoint held when it was looked at last.
    truth: Vec<RawEvent>,
}

/// How a run failed.
pub struct Failure {
    pub why: String,
    /// How many actions were carried out until then.
    pub actions: usize,
    /// What happened, where that was watched.
    pub trace: Vec<String>,
}

impl World {
    pub fn new(schedule: &Schedule, off: Off, watched: bool) -> Self {
        let chance = Chance::new(schedule.seed);
        let server = Arc::new(Server::new(off));
        let mut world = Self {
            schedule: schedule.clone(),
            off,
            executor: Executor::new(chance.clone()),
            endpoint: Connection::endpoint(&server),
            server,
            devices: Vec::new(),
            late: Arc::default(),
            dropped: Arc::default(),
            asked: Arc::default(),
            trace: Trace(watched.then(Arc::default)),
            backup: None,
            restored: false,
            log_changed: None,
            truth: Vec::new(),
            chance,
        };
        for number in 0..schedule.replicas {
            let skew = Arc::new(Mutex::new(0));
            let memory = MemoryBackend::with_ids(world.ids(number, &skew));
            memory.attach(&space()).now_or_never().expect("memory answers at once").expect("a fresh store");
            let device = world.boot(number, Arc::new(memory), skew, Arc::default());
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

    fn weather(&self, chance: &Chance) -> Weather {
        if !self.schedule.weather {
            return Weather::default();
        }
        Weather {
            offline: chance.percent(20),
            lost: chance.below(30),
            repeated: chance.below(15),
            delay: chance.below(400),
        }
    }

    fn boot(
        &mut self,
        replica: u64,
        memory: Arc<MemoryBackend>,
        skew: Arc<Mutex<i64>>,
        judge: Arc<Mutex<Memory>>,
    ) -> Device {
        let connection = Connection {
            replica,
            trace: self.trace.clone(),
            connected: Arc::new(AtomicU64::new(self.server.starts())),
            endpoint: Arc::clone(&self.endpoint),
            weather: Arc::new(Mutex::new(self.weather(&self.chance))),
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
        if self.schedule.restores == Some(Restores::Repush) {
            config.recover = Recover::Repush;
        }
        let engine = Arc::new(Engine::new(disk, connection.clone(), config));
        let running = Arc::clone(&engine);
        let run = self.executor.spawn(async move {
            let _ = running.run().await;
        });
        let (changed, feed) = (None, Vec::new());
        Device { memory, engine, connection, tasks: vec![run], skew, judge, changed, feed }
    }

    fn note(&self, what: impl FnOnce() -> String) {
        self.trace.note(&self.executor.time, what);
    }

    /// Runs the schedule to its end.
    pub fn run(mut self) -> Result<(), Failure> {
        let mut done = 0;
        self.run_to_its_end(&mut done).map_err(|why| {
            let trace = self.trace.0.as_ref().map(|lines| lines.lock().unwrap().clone());
            Failure { why, actions: done, trace: trace.unwrap_or_default() }
        })
    }

    fn run_to_its_end(&mut self, done: &mut usize) -> Result<(), String> {
        for action in self.schedule.actions.clone() {
            let chance = self.schedule.chance(action);
            *done += 1;
            for _ in 0..chance.below(40) {
                self.step()?;
            }
            self.act(&chance);
            self.check()?;
        }
        self.heal();
        self.converge()
    }

    fn step(&mut self) -> Result<(), String> {
        self.executor.step();
        self.check()
    }

    /// Holds the rules against what is stored, wherever something changed since the last time.
    fn check(&mut self) -> Result<(), String> {
        let log = self.server.log();
        let server_changed = has_changed(&mut self.log_changed, &log.memory);
        if server_changed {
            self.truth = rules::feed(&log.memory);
            rules::check_log(&self.truth).map_err(|why| format!("the endpoint's log: {why}"))?;
        }
        for at in 0..self.devices.len() {
            let device = &mut self.devices[at];
            let changed = has_changed(&mut device.changed, &device.memory);
            if changed {
                device.feed = rules::feed(&device.memory);
            }
            if changed || server_changed {
                self.check_device(at, server_changed).map_err(|why| format!("replica {at}: {why}"))?;
            }
        }
        Ok(())
    }

    fn check_device(&self, at: usize, server_changed: bool) -> Result<(), String> {
        let device = &self.devices[at];
        let mut judge = device.judge.lock().unwrap();
        judge.check_kept(&device.feed, &self.dropped.lock().unwrap())?;
        let shares = judge.shares(&device.feed, &self.truth);
        if self.restored {
            // One that has not met the restored endpoint yet, or has stopped at it, has its own history; and who
            // pushes again what was lost is no longer who wrote it.
            return Ok(());
        }
        if !shares {
            return Err("the confirmed log is not how the endpoint's log begins".into());
        }
        if server_changed {
            judge.check_order(&self.truth)?;
            judge.check_decisions(&self.truth, &self.asked.lock().unwrap())?;
        }
        Ok(())
    }

    /// Whether a replica's confirmed log is how the endpoint's begins.
    fn agrees(&self, at: usize) -> bool {
        let truth = rules::feed(&self.server.log().memory);
        Memory::default().shares(&rules::feed(&self.devices[at].memory), &truth)
    }

    fn is_stopped(&self, at: usize) -> bool {
        self.devices[at].engine.status().state == SyncState::Stopped
    }
}

/// Whether a log changed since this was asked last.
fn has_changed(listener: &mut Option<EventListener>, log: &MemoryBackend) -> bool {
    let changed = listener.as_mut().is_none_or(|listener| listener.now_or_never().is_some());
    if changed {
        *listener = Some(log.listen());
    }
    changed
}
