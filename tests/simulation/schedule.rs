//! What happens in a run, as far as it follows from a seed; and how a run that fails is made short.

use crate::executor::Chance;
use crate::faults::Off;
use crate::world::World;

/// Runs that shortening a failure may take.
const ATTEMPTS: usize = 300;

/// A schedule. What an action is depends on the seed and its number alone, so that others can be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub seed: u64,
    pub replicas: u64,
    /// The numbers of the actions that are carried out.
    pub actions: Vec<u64>,
    /// Whether the endpoint may come back from a backup, and then what replicas do about it.
    pub restores: Option<Restores>,
    /// Whether the network loses, repeats and delays.
    pub weather: bool,
}

/// What replicas do about an endpoint that lost what it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restores {
    /// They stop.
    Stop,
    /// They push again what it no longer has.
    Repush,
}

impl Schedule {
    /// The schedule of a seed: most are small, so that a failure is short, and some have 20 replicas.
    pub fn of(seed: u64) -> Self {
        let restores = match seed % 20 {
            9 => Some(Restores::Stop),
            19 => Some(Restores::Repush),
            _ => None,
        };
        Self {
            seed,
            replicas: 1 + seed % if seed.is_multiple_of(50) { 20 } else { 4 },
            actions: (0..20 + seed % 60).collect(),
            restores,
            weather: true,
        }
    }

    pub const fn restores(&self) -> bool {
        self.restores.is_some()
    }

    /// Chance for one action.
    pub fn chance(&self, action: u64) -> Chance {
        Chance::new(self.seed ^ action.wrapping_add(1).wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    /// Runs it to its end. An error says what rule did not hold.
    pub fn run(&self, off: Off) -> Result<(), String> {
        World::new(self, off, false).run().map_err(|failure| failure.why)
    }

    /// What a schedule that fails comes down to: the fewest replicas, actions and faults that still fail, and what
    /// happens then.
    pub fn shrunk(&self, off: Off) -> String {
        let mut least = self.clone();
        let mut attempts = 0;
        let mut accept = |least: &mut Self, smaller: Self| {
            attempts += 1;
            let fails = attempts <= ATTEMPTS && World::new(&smaller, off, false).run().is_err();
            if fails {
                *least = smaller;
            }
            fails
        };
        if let Err(failure) = World::new(&least, off, false).run() {
            // What would have come later did not matter.
            least.actions.truncate(failure.actions);
        }
        let calm = Self { weather: false, ..least.clone() };
        accept(&mut least, calm);
        for replicas in 1..least.replicas {
            let fewer = Self { replicas, ..least.clone() };
            if accept(&mut least, fewer) {
                break;
            }
        }
        let mut chunk = least.actions.len().div_ceil(2);
        while chunk > 0 {
            let mut at = 0;
            while at < least.actions.len() {
                let mut fewer = least.clone();
                fewer.actions.drain(at..(at + chunk).min(least.actions.len()));
                if !accept(&mut least, fewer) {
                    at += chunk;
                }
            }
            chunk /= 2;
        }
        let traced = World::new(&least, off, true).run();
        let (why, trace) = match traced {
            Err(failure) => (failure.why, failure.trace),
            Ok(()) => ("it does not fail when it is watched".into(), Vec::new()),
        };
        format!(
            "{why}\n  with {off:?} off, {} replicas, {} of {} actions{}:\n    {}\n  replay with SEED={}",
            least.replicas,
            least.actions.len(),
            self.actions.len(),
            if least.weather { "" } else { ", in a network without faults" },
            trace.join("\n    "),
            self.seed
        )
    }
}
