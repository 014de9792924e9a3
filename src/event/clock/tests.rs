use std::sync::Arc;

use super::*;

const NOW: u64 = 1_800_000_000_000;

/// A generator whose wall clock is set by hand.
fn at(millis: u64) -> (IdGenerator, Arc<AtomicU64>) {
    let wall = Arc::new(AtomicU64::new(millis));
    let read = wall.clone();
    (IdGenerator::seeded(move || read.load(Ordering::Relaxed), 7), wall)
}

fn id(millis: u64, counter: u32) -> EventId {
    EventId::made(Tick { millis, counter }.with_random(u64::MAX))
}

#[test]
fn an_id_holds_its_tick_and_its_random_bits() {
    let tick = Tick { millis: NOW, counter: 0x2AB_CDEF };
    let uuid = tick.with_random(0xFFFF_1234_5678_9ABC);
    assert_eq!(uuid.to_string(), "01a3185c-5000-7aaf-8def-123456789abc");
    let id = EventId::try_from(uuid).unwrap();
    assert_eq!((Tick::of(id), id.timestamp_millis()), (tick, NOW));
}

#[test]
fn ten_million_ids_strictly_increase() {
    let ids = IdGenerator::new();
    let mut last = ids.next();
    for _ in 1..10_000_000 {
        let next = ids.next();
        assert!(next > last, "{next} after {last}");
        last = next;
    }
    assert_eq!(ids.last(), Some(last));
    assert!(EventId::try_from(last.as_uuid()).is_ok());
    assert!(last.timestamp_millis() <= now_millis(), "no millisecond was used up");
}

#[test]
fn what_is_made_is_a_uuid_of_version_7_now() {
    let ids = IdGenerator::new();
    let before = now_millis();
    let id = EventId::try_from(ids.next().as_uuid()).unwrap();
    assert!((before..=now_millis()).contains(&id.timestamp_millis()));
}

#[test]
fn random_bits_that_were_asked_for_ahead_are_used_once() {
    let (wall, asked) = (Arc::new(AtomicU64::new(NOW)), Arc::new(AtomicU64::new(0)));
    let (read, counts) = (wall.clone(), asked.clone());
    let ids = IdGenerator::with(
        move || read.fetch_add(1, Ordering::Relaxed),
        move || counts.fetch_add(1, Ordering::Relaxed).into(),
    );
    let random = |id: EventId| id.as_uuid().as_u128() & ((1 << 48) - 1);
    let expected: Vec<u128> =
        (0..3).map(|asked| (split_mix(&mut { asked }) & ((1 << 48) - 1)).into()).collect();
    ids.prepare();
    ids.prepare();
    assert_eq!(asked.load(Ordering::Relaxed), 1, "what is there is not asked for again");
    let made = [random(ids.next()), random(ids.next())];
    ids.prepare();
    assert_eq!([made[0], made[1], random(ids.next())], expected[..]);
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[cfg(not(target_family = "wasm"))]
#[test]
fn eight_threads_never_repeat_an_id() {
    const EACH: usize = 20_000;
    let ids = IdGenerator::new();
    let mut all: Vec<EventId> = std::thread::scope(|scope| {
        let make = || (0..EACH).map(|_| ids.next()).collect::<Vec<_>>();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
        threads
            .into_iter()
            .flat_map(|thread| {
                let made = thread.join().unwrap();
                assert!(made.is_sorted_by(|one, other| one < other));
                made
            })
            .collect()
    });
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 8 * EACH);
}

#[test]
fn a_wall_clock_set_back_an_hour_does_not_matter() {
    let (ids, wall) = at(NOW);
    let before = ids.next();
    wall.store(NOW - 3_600_000, Ordering::Relaxed);
    let after = ids.next();
    assert!(after > before);
    assert_eq!(after.timestamp_millis(), NOW);
    wall.store(NOW + 1, Ordering::Relaxed);
    assert_eq!(ids.next().timestamp_millis(), NOW + 1);
}

#[test]
fn a_new_millisecond_starts_the_counter_anew_with_room() {
    let (ids, wall) = at(NOW);
    for later in 0..100 {
        wall.store(NOW + later, Ordering::Relaxed);
        let (first, second) = (Tick::of(ids.next()), Tick::of(ids.next()));
        assert!(first.counter < 1 << 16);
        assert_eq!(second, Tick { millis: NOW + later, counter: first.counter + 1 });
    }
}

#[test]
fn a_reopened_store_goes_on_after_its_last_id_however_far_ahead() {
    let (ids, _) = at(NOW);
    let last = ids.next();
    let (reopened, _) = at(NOW - 3_600_000);
    assert_eq!(reopened.last(), None);
    reopened.resume(last);
    assert_eq!(reopened.last(), Some(last));
    assert!(reopened.next() > last);

    let far = id(NOW + 86_400_000, 5);
    reopened.resume(far);
    assert!(reopened.next() > far);
    reopened.resume(last);
    assert!(reopened.last() > Some(far), "an older id does not move it back");
}

#[test]
fn an_observed_id_moves_the_clock_at_most_a_minute_ahead() {
    let (ids, _) = at(NOW);
    let near = id(NOW + 60_000, 9);
    ids.observe(near);
    assert_eq!(ids.last(), None);
    assert_eq!(Tick::of(ids.next()), Tick { millis: NOW + 60_000, counter: 10 });

    let (ids, wall) = at(NOW);
    let far = id(NOW + 60_001, 9);
    ids.observe(far);
    let next = ids.next();
    assert!(next < far);
    assert_eq!(Tick::of(next), Tick { millis: NOW + 60_000, counter: 1 });
    ids.observe(id(NOW - 1, 0));
    assert!(ids.next() > next, "an older id does not move it back");
    wall.store(NOW + 60_001, Ordering::Relaxed);
    ids.observe(far);
    assert!(ids.next() > far);
}

#[test]
fn a_full_counter_begins_the_next_millisecond_early() {
    let (ids, _) = at(NOW);
    let full = id(NOW, MAX_COUNTER);
    ids.resume(full);
    let next = ids.next();
    assert!(next > full);
    assert_eq!(next.timestamp_millis(), NOW + 1);
    assert!(ids.next() > next);
    ids.resume(id(MAX_MILLIS, MAX_COUNTER));
    assert_eq!(Tick::of(ids.next()), Tick { millis: MAX_MILLIS, counter: MAX_COUNTER });
}

#[test]
fn a_seed_makes_the_same_ids_and_another_seed_others() {
    let make = |seed| {
        let ids = IdGenerator::seeded(|| NOW, seed);
        (0..100).map(|_| ids.next()).collect::<Vec<_>>()
    };
    assert_eq!(make(1), make(1));
    let (one, other) = (make(1), make(2));
    assert!(one.iter().all(|id| !other.contains(id)));
}

#[test]
fn a_clock_that_panicked_leaves_the_generator_usable() {
    let calls = AtomicU64::new(0);
    let ids = IdGenerator::seeded(
        move || {
            assert_ne!(calls.fetch_add(1, Ordering::Relaxed), 1, "the second reading fails");
            NOW
        },
        7,
    );
    let first = ids.next();
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ids.next())).is_err());
    assert!(ids.next() > first);
}

#[cfg(not(target_family = "wasm"))]
mod laws {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Next,
        Wall(u64),
        Observe(u64, u32),
        Resume(u64, u32),
    }

    fn step() -> impl Strategy<Value = Step> {
        let millis = prop_oneof![NOW - 200_000..NOW + 200_000, NOW..NOW + 3];
        let counter = prop_oneof![0..4_u32, MAX_COUNTER - 3..=MAX_COUNTER];
        let tick = (millis.clone(), counter);
        prop_oneof![
            3 => Just(Step::Next),
            1 => millis.prop_map(Step::Wall),
            1 => tick.clone().prop_map(|(millis, counter)| Step::Observe(millis, counter)),
            1 => tick.prop_map(|(millis, counter)| Step::Resume(millis, counter)),
        ]
    }

    proptest! {
        #[test]
        fn ids_increase_whatever_happens(steps in prop::collection::vec(step(), 0..200)) {
            let (ids, wall) = at(NOW);
            let mut floor = None;
            for step in steps {
                match step {
                    Step::Next => {
                        let next = ids.next();
                        prop_assert!(Some(next) > floor);
                        floor = Some(next);
                    }
                    Step::Wall(millis) => wall.store(millis, Ordering::Relaxed),
                    Step::Observe(millis, counter) => {
                        ids.observe(id(millis, counter));
                        if millis <= wall.load(Ordering::Relaxed) + MAX_AHEAD {
                            floor = floor.max(Some(id(millis, counter)));
                        }
                    }
                    Step::Resume(millis, counter) => {
                        ids.resume(id(millis, counter));
                        floor = floor.max(Some(id(millis, counter)));
                    }
                }
            }
        }
    }
}
