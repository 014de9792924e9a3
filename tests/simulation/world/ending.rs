//! The end of a schedule: everything heals, and then all must agree.

use std::collections::HashSet;
use std::sync::Arc;

use eventcore_web::event::{CommitId, EventId};
use eventcore_web::sync::SyncState;

use super::{World, resolve_all, shares_history};
use crate::executor::Stepped;
use crate::network::Weather;
use crate::rules;

impl World {
    pub(super) fn heal(&mut self) {
        self.note(|| "everything heals".into());
        for device in &self.devices {
            *device.connection.weather.lock().unwrap() = Weather::default();
        }
    }

    /// Runs until every replica rests with an empty outbox, and compares the logs.
    pub(super) fn converge(&mut self) -> Result<(), String> {
        if self.restored {
            return self.converge_after_restore();
        }
        for _ in 0..40 {
            let mut tasks = Vec::new();
            for device in &self.devices {
                let engine = Arc::clone(&device.engine);
                tasks.push(self.executor.spawn(async move {
                    resolve_all(&engine).await;
                    let _ = engine.sync_now().await;
                }));
            }
            let mut steps = 0;
            while tasks.iter().any(|task| self.executor.runs(*task)) {
                steps += 1;
                if self.executor.step() == Stepped::Nothing || steps > 30_000 {
                    return self.fail("the replicas do not come to rest");
                }
                self.check()?;
            }
            let truth = rules::feed(&self.server.log().memory);
            if self.devices.iter().all(|device| rules::feed(&device.memory) == truth) {
                let dropped: HashSet<CommitId> = self.dropped.lock().unwrap().iter().copied().collect();
                for device in &self.devices {
                    let verdict = device.judge.lock().unwrap().check_end(&truth, &dropped);
                    if let Err(why) = verdict {
                        return self.fail(why);
                    }
                }
                return Ok(());
            }
        }
        self.fail("the replicas did not converge")
    }

    /// A replica that had confirmed something must have noticed; whatever it had, it still has.
    fn converge_after_restore(&mut self) -> Result<(), String> {
        for at in 0..self.devices.len() {
            let engine = Arc::clone(&self.devices[at].engine);
            let task = self.executor.spawn(async move {
                let _ = engine.sync_now().await;
            });
            while self.executor.runs(task) {
                if self.executor.step() == Stepped::Nothing {
                    return self.fail("nothing moves any more");
                }
            }
            let truth = rules::feed(&self.server.log().memory);
            let stopped = self.devices[at].engine.status().state == SyncState::Stopped;
            if !stopped && !shares_history(&self.devices[at].memory, &truth) {
                return self
                    .fail(format!("replica {at} goes on with an endpoint that lost what it confirmed"));
            }
            let ids: HashSet<EventId> =
                rules::feed(&self.devices[at].memory).iter().map(|event| event.id).collect();
            let dropped: HashSet<CommitId> = self.dropped.lock().unwrap().iter().copied().collect();
            let judge = self.devices[at].judge.lock().unwrap();
            for (commit, events) in &judge.acknowledged {
                if !dropped.contains(commit) && events.iter().any(|id| !ids.contains(id)) {
                    return self.fail(format!("replica {at} lost commit {commit} to the reset"));
                }
            }
        }
        Ok(())
    }
}
