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
mod schedule;
mod world;

use faults::Off;
use schedule::Schedule;

/// Schedules of a plain `cargo test`.
const SEEDS: u64 = 2_000;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// Fails with the shortest form of the schedule that still fails.
fn hold(seed: u64) {
    let schedule = Schedule::of(seed);
    if schedule.run(Off::Nothing).is_err() {
        panic!("{}", schedule.shrunk(Off::Nothing));
    }
}

#[test]
fn the_rules_hold_in_every_schedule() {
    if let Some(seed) = number("SEED") {
        return hold(seed);
    }
    let (first, count) = (number("FROM").unwrap_or(0), number("SEEDS").unwrap_or(SEEDS));
    for seed in first..first + count {
        hold(seed);
        let done = seed - first + 1;
        if done.is_multiple_of((count / 10).clamp(1, 1_000)) {
            println!("{done} of {count} schedules");
        }
    }
}

/// Each of the parts that make the rules hold is missed within a few hundred schedules when it is off.
fn caught(off: Off) {
    // A reset can be overlooked only where there is one.
    let matters = |schedule: &Schedule| off != Off::ResetCheck || schedule.restores();
    let mut schedules = (0..).map(Schedule::of).filter(matters).take(400);
    let caught = schedules.find_map(|schedule| schedule.run(off).err().map(|why| (schedule.seed, why)));
    println!("{:?}", caught.unwrap_or_else(|| panic!("{off:?} can be switched off and nothing notices")));
}

#[test]
fn a_failure_is_told_by_its_shortest_form() {
    let off = Off::AtomicAcknowledgement;
    let schedule = (0..).map(Schedule::of).find(|schedule| schedule.run(off).is_err()).unwrap();
    let told = schedule.shrunk(off);
    println!("{told}");
    assert!(told.contains("1 replicas, 1 of "), "{told}");
    assert!(told.contains("POST /v1/spaces/space/push"), "{told}");
    assert!(told.ends_with(&format!("replay with SEED={}", schedule.seed)), "{told}");
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
