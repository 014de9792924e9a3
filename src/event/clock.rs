//! Where ids come from: a hybrid logical clock in the form of UUIDv7.
//!
//! An id is 48 bits of milliseconds, a counter of 26 bits (`rand_a` and the top of `rand_b`) and 48 random
//! bits. What a generator makes is always above all that it made, resumed or, within a minute of the wall
//! clock, observed; a wall clock that stands still or goes back does not matter.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{CommitId, EventId};

/// How far, in milliseconds, an observed id may pull the clock ahead of the wall clock.
const MAX_AHEAD: u64 = 60_000;
const MAX_MILLIS: u64 = (1 << 48) - 1;
const MAX_COUNTER: u32 = (1 << 26) - 1;

/// Makes ids that strictly increase; one per store, shared by reference.
///
/// Whenever the wall clock has moved on, the random bits come anew from the platform's random numbers
/// (`crypto.getRandomValues`, `getrandom`); within a millisecond they are stretched by SplitMix64. So ids of
/// different devices differ, but for a chance of one in 2^48 even where millisecond and counter agree; they
/// are no secrets.
pub struct IdGenerator {
    wall: Box<dyn Fn() -> u64 + Send + Sync>,
    entropy: Box<dyn Fn() -> u128 + Send + Sync>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tick: Tick,
    /// State of SplitMix64; none before the first id, since an edge worker has no entropy while it starts.
    random: Option<u64>,
    /// Random bits that were asked for and not used yet.
    spare: Option<u64>,
    last: Option<EventId>,
}

/// The part of an id that orders it, but for its random bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Tick {
    millis: u64,
    counter: u32,
}

impl IdGenerator {
    /// A generator on this machine's clock and random numbers.
    pub fn new() -> Self {
        Self::with(now_millis, || Uuid::new_v4().as_u128())
    }

    /// A generator on a given wall clock (milliseconds since 1970) and source of random bits.
    pub fn with(
        wall: impl Fn() -> u64 + Send + Sync + 'static,
        entropy: impl Fn() -> u128 + Send + Sync + 'static,
    ) -> Self {
        Self { wall: Box::new(wall), entropy: Box::new(entropy), state: Mutex::default() }
    }

    /// A generator for simulations: the same clock and seed make the same ids.
    pub fn seeded(wall: impl Fn() -> u64 + Send + Sync + 'static, seed: u64) -> Self {
        let calls = AtomicU64::new(0);
        Self::with(wall, move || {
            let mut random = split_mix(&mut seed.clone()) ^ calls.fetch_add(1, Ordering::Relaxed);
            u128::from(split_mix(&mut random)) << 64 | u128::from(split_mix(&mut random))
        })
    }

    /// The next id, above every one before it.
    pub fn next(&self) -> EventId {
        EventId::made(self.next_uuid())
    }

    /// Asks for the random bits of the next id, so that whoever needs it does not wait for them.
    #[cfg(any(test, all(target_family = "wasm", feature = "client")))]
    pub(crate) fn prepare(&self) {
        let mut state = self.lock();
        if state.spare.is_none() {
            state.spare = Some((self.entropy)() as u64);
        }
    }

    /// The next id, for a commit; of the same sequence.
    pub fn next_commit(&self) -> CommitId {
        CommitId::made(self.next_uuid())
    }

    /// Moves past an id of another device, but at most to one minute ahead of the wall clock, so that one
    /// bad clock does not drag the others.
    pub fn observe(&self, remote: EventId) {
        let tick = Tick::of(remote);
        let mut state = self.lock();
        if tick > state.tick {
            let limit = Tick { millis: (self.wall)().saturating_add(MAX_AHEAD), counter: 0 };
            let allowed = if tick.millis > limit.millis { limit } else { tick };
            state.tick = state.tick.max(allowed);
        }
    }

    /// Moves past the last id that a store holds of its own, however far ahead that is.
    pub fn resume(&self, last: EventId) {
        let mut state = self.lock();
        state.tick = state.tick.max(Tick::of(last));
        state.last = state.last.max(Some(last));
    }

    /// The highest id that was made here or resumed from; what is observed does not count.
    pub fn last(&self) -> Option<EventId> {
        self.lock().last
    }

    pub(super) fn next_uuid(&self) -> Uuid {
        let mut state = self.lock();
        let now = (self.wall)().min(MAX_MILLIS);
        let later = now > state.tick.millis;
        let mut random = match state.random {
            Some(random) if !later => random,
            _ => state.spare.take().unwrap_or_else(|| (self.entropy)() as u64),
        };
        let bits = split_mix(&mut random);
        // 16 bits, and the low 48 go into the id: 67 million ids are left in the millisecond.
        let start = (bits >> 48) as u32;
        let tick = if later { Tick { millis: now, counter: start } } else { state.tick.after(start) };
        let uuid = tick.with_random(bits);
        let (random, last) = (Some(random), Some(EventId::made(uuid)));
        *state = State { tick, random, last, ..*state };
        uuid
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is replaced as a whole, so it is sound even if an injected clock panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tick {
    fn of(id: EventId) -> Self {
        let bits = id.as_uuid().as_u128();
        let (high, low) = ((bits >> 64) as u32 & 0xFFF, (bits >> 48) as u32 & 0x3FFF);
        Self { millis: id.timestamp_millis(), counter: high << 14 | low }
    }

    /// The tick after this one. When the counter is full the next millisecond is begun early; after the
    /// last of them, in the year 10889, time stands still.
    fn after(self, start: u32) -> Self {
        match self {
            Self { millis, counter } if counter < MAX_COUNTER => Self { millis, counter: counter + 1 },
            Self { millis, .. } if millis < MAX_MILLIS => Self { millis: millis + 1, counter: start },
            last => last,
        }
    }

    fn with_random(self, random: u64) -> Uuid {
        const VERSION: u128 = 7 << 76;
        const VARIANT: u128 = 0b10 << 62;
        let (high, low) = (u128::from(self.counter >> 14), u128::from(self.counter & 0x3FFF));
        let random = u128::from(random & ((1 << 48) - 1));
        Uuid::from_u128(u128::from(self.millis) << 80 | VERSION | high << 64 | VARIANT | low << 48 | random)
    }
}

impl Default for IdGenerator {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for IdGenerator {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("IdGenerator").field("last", &self.last()).finish_non_exhaustive()
    }
}

/// One step of SplitMix64 (Steele, Lea, Flood 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// The generator of ids that no store makes.
pub(super) fn process() -> &'static IdGenerator {
    static PROCESS: LazyLock<IdGenerator> = LazyLock::new(IdGenerator::new);
    &PROCESS
}

/// The wall clock, in milliseconds since 1970.
pub fn now_millis() -> u64 {
    #[cfg(target_family = "wasm")]
    return js_sys::Date::now() as u64;
    #[cfg(not(target_family = "wasm"))]
    return std::time::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_millis() as u64);
}

/// Milliseconds since 1970 as a date.
pub(crate) fn date_time(millis: u64) -> DateTime<Utc> {
    // Within reach of chrono for every 48 bits of milliseconds.
    DateTime::from_timestamp_millis(millis.min(MAX_MILLIS) as i64).unwrap_or_default()
}

#[cfg(test)]
mod tests;
