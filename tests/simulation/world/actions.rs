//! What can happen to a world: replicas write, crash and decide; the network changes, clocks jump, a request comes
//! again, the endpoint comes back from a backup.

use std::collections::HashSet;
use std::sync::Arc;

use eventcore_web::StoreError;
use eventcore_web::event::{Batch, EventToWrite, EventType, Json, JsonEvent, StreamId};
use eventcore_web::store::memory::MemoryBackend;
use eventcore_web::store::{EventStore, ReadOptions, Replica, Store};
use eventcore_web::sync::Resolution;
use eventcore_web::version::ExpectedVersion;
use futures_util::FutureExt;

use super::{Syncing, World};
use crate::disk::Disk;
use crate::executor::Chance;
use crate::faults::Off;
use crate::rules;

impl World {
    pub(super) fn act(&mut self, chance: &Chance) {
        let at = chance.below(self.devices.len() as u64) as usize;
        match chance.below(20) {
            0..=1 => self.crash(at),
            2..=3 => {
                let weather = self.weather(chance);
                *self.devices[at].connection.weather.lock().unwrap() = weather;
                self.note(|| format!("replica {at}: {weather:?}"));
            }
            4 => {
                let hours = chance.below(5) as i64 - 2;
                *self.devices[at].skew.lock().unwrap() += hours * 3_600_000;
                self.note(|| format!("replica {at}: its clock jumps by {hours} h"));
            }
            5..=6 => self.deliver_late(),
            7 => self.resolve_parked(at),
            8 if self.schedule.restores() && !self.restored => match chance.below(3) {
                0 => {
                    self.note(|| "a backup is made".into());
                    self.backup = Some(self.server.log().memory.snapshot());
                }
                _ => self.restore(chance.percent(50)),
            },
            _ => self.write(at, chance),
        }
    }

    fn write(&mut self, at: usize, chance: &Chance) {
        let device = &self.devices[at];
        let store: Store<Disk> = Store::over(Arc::new(Disk::new(
            Arc::clone(&device.memory),
            self.executor.time.clone(),
            self.off,
        )));
        let (chance, judge) = (chance.clone(), Arc::clone(&device.judge));
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
        self.devices[at] = self.boot(at as u64, Arc::new(memory), skew, judge);
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

    /// The endpoint is put back to what a backup held, or lost everything; an operator who knows gives it another
    /// identity. From then on no replica may believe what it confirmed.
    fn restore(&mut self, known: bool) {
        let identity = if known { "under another identity" } else { "as if nothing had been" };
        self.note(|| format!("the endpoint comes back with what the last backup holds, {identity}"));
        self.restored = true;
        let backup = self.backup.take().unwrap_or_else(|| MemoryBackend::default().snapshot());
        self.server.restore(backup, known);
        self.log_changed = None;
    }
}

pub(super) async fn resolve_all(engine: &Syncing) {
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
