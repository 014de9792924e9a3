//! The simulation: many replicas, the real engine and the real endpoint, chance in every step, the rules checked
//! after each. A failure prints its seed; `SEED=… cargo test --test simulation` replays it.
//!
//! `SEEDS=… FROM=…` runs as many schedules as asked for; `npm run simulate` does that with progress.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "a test program has no outside")]

mod disk;
mod executor;
mod faults;
mod network;
mod rules;
mod world;

use faults::Off;
use world::{Size, World};

/// Schedules of a plain `cargo test`.
const SEEDS: u64 = 300;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// The size of a schedule follows from its seed: most are small, so that a failure is short.
fn size(seed: u64) -> Size {
    Size {
        replicas: 1 + seed % if seed.is_multiple_of(50) { 20 } else { 4 },
        actions: 20 + seed % 60,
        restores: seed % 10 == 9,
    }
}

fn run(seed: u64, off: Off) -> Result<(), String> {
    let size = size(seed);
    World::new(seed, size, off).run(size)
}

#[test]
fn the_rules_hold_in_every_schedule() {
    if let Some(seed) = number("SEED") {
        return run(seed, Off::Nothing).unwrap_or_else(|why| panic!("{why}"));
    }
    let (first, count) = (number("FROM").unwrap_or(0), number("SEEDS").unwrap_or(SEEDS));
    for seed in first..first + count {
        run(seed, Off::Nothing).unwrap_or_else(|why| panic!("{why}"));
        let done = seed - first + 1;
        if done.is_multiple_of(1_000) {
            println!("{done} of {count} schedules");
        }
    }
}

/// Each of the parts that make the rules hold is missed within a few hundred schedules when it is off.
fn caught(off: Off) {
    // A reset can be overlooked only where there is one.
    let matters = |seed: &u64| off != Off::ResetCheck || size(*seed).restores;
    let caught = (0..).filter(matters).take(400).map(|seed| run(seed, off)).find_map(Result::err);
    println!("{}", caught.unwrap_or_else(|| panic!("{off:?} can be switched off and nothing notices")));
}

#[test]
fn an_outbox_that_is_not_persisted_is_caught() {
    caught(Off::OutboxPersistence);
}

#[test]
fn an_endpoint_without_idempotency_is_caught() {
    caught(Off::Idempotency);
}

#[test]
fn an_acknowledgement_that_is_not_atomic_is_caught() {
    caught(Off::AtomicAcknowledgement);
}

#[test]
fn an_endpoint_that_goes_on_after_a_refusal_is_caught() {
    caught(Off::Order);
}

#[test]
fn a_commit_that_a_resolution_leaves_behind_unmarked_is_caught() {
    caught(Off::LeftBehind);
}

#[test]
fn a_replica_that_does_not_notice_a_reset_is_caught() {
    caught(Off::ResetCheck);
}
