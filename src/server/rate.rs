//! How often a caller may ask.

use std::net::IpAddr;
use std::num::NonZeroU32;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use crate::error::StoreError;

/// After so many requests, callers that have not asked for a while are forgotten.
const FORGET_EVERY: usize = 10_000;

/// A limit of requests per caller: a steady rate, and a burst on top of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests per second in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once.
    pub burst: NonZeroU32,
}

/// Who is counted: a token's subject, or an address where there is none.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Who {
    Subject(String),
    Address(Option<IpAddr>),
}

pub(super) struct Limiter {
    limiter: DefaultKeyedRateLimiter<Who>,
    clock: DefaultClock,
    asked: std::sync::atomic::AtomicUsize,
}

impl Limiter {
    pub(super) fn new(limit: RateLimit) -> Self {
        let quota = Quota::per_second(limit.per_second).allow_burst(limit.burst);
        Self {
            limiter: DefaultKeyedRateLimiter::keyed(quota),
            clock: DefaultClock::default(),
            asked: Default::default(),
        }
    }

    pub(super) fn check(&self, who: Who) -> Result<(), StoreError> {
        let asked = self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if asked % FORGET_EVERY == FORGET_EVERY - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&who).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now()).as_millis();
            StoreError::RateLimited { retry_after_ms: u64::try_from(wait).unwrap_or(u64::MAX).max(1) }
        })
    }
}
