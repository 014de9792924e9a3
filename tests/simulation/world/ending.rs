//! The end of a schedule: everything heals, and then all must agree.

use std::sync::Arc;

use super::World;
use super::actions::resolve_all;
use crate::executor::Stepped;
use crate::network::Weather;
use crate::rules;
use crate::schedule::Restores;

impl World {
    pub(super) fn heal(&mut self) {
        self.note(|| "everything heals".into());
        for device in &self.devices {
            *device.connection.weather.lock().unwrap() = Weather::default();
        }
    }

    /// Runs until every replica rests with an empty outbox, and compares the logs.
    pub(super) fn converge(&mut self) -> Result<(), String> {
        if self.restored && self.schedule.restores == Some(Restores::Stop) {
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
                    return Err("the replicas do not come to rest".into());
                }
                self.check()?;
            }
            let truth = rules::feed(&self.server.log().memory);
            if self.devices.iter().all(|device| rules::feed(&device.memory) == truth) {
                let (dropped, asked) = (self.dropped.lock().unwrap(), self.asked.lock().unwrap());
                for device in &self.devices {
                    let judge = device.judge.lock().unwrap();
                    judge.check_end(&truth, &dropped)?;
                    if !self.restored {
                        judge.check_order(&truth)?;
                        judge.check_decisions(&truth, &asked)?;
                    }
                }
                return Ok(());
            }
        }
        Err("the replicas did not converge".into())
    }

    /// A replica that had confirmed something must have noticed; whatever it had, it still has.
    fn converge_after_restore(&mut self) -> Result<(), String> {
        for at in 0..self.devices.len() {
            let engine = Arc::clone(&self.devices[at].engine);
            let task = self.executor.spawn(async move {
                // The first may find the connection broken.
                for _ in 0..3 {
                    let _ = engine.sync_now().await;
                }
            });
            while self.executor.runs(task) {
                if self.executor.step() == Stepped::Nothing {
                    return Err("nothing moves any more".into());
                }
                self.check()?;
            }
            if !self.is_stopped(at) && !self.agrees(at) {
                return Err(format!("replica {at} goes on with an endpoint that lost what it confirmed"));
            }
        }
        Ok(())
    }
}
