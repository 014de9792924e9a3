//! What an operator watches, for Prometheus.

use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::endpoint::Tally;
use crate::store::postgres::PoolStatus;

/// The type of the text that [`Metrics::text`] gives.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bounds in seconds: from a push over a fast disk to what a client gives up on.
const LATENCIES: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0];

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Kind {
    Push,
    Events,
    Live,
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    kind: Kind,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

/// What is looked up when somebody asks.
#[derive(Default)]
pub(super) struct Watched {
    /// How busy the connections to the database are.
    pub(super) pool: Option<Box<dyn Fn() -> PoolStatus + Send + Sync>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConnectionLabels {
    state: &'static str,
}

/// Commits, by what became of them.
struct Commits {
    accepted: Counter<u64, AtomicU64>,
    conflicts: Counter<u64, AtomicU64>,
    rejected: Counter<u64, AtomicU64>,
    not_attempted: Counter<u64, AtomicU64>,
}

impl Commits {
    fn of(family: &Family<OutcomeLabels, Counter<u64, AtomicU64>>) -> Self {
        let of = |outcome| family.get_or_create(&OutcomeLabels { outcome }).clone();
        Self {
            accepted: of("accepted"),
            conflicts: of("conflict"),
            rejected: of("rejected"),
            not_attempted: of("not_attempted"),
        }
    }
}

pub(super) struct Metrics {
    registry: Registry,
    watched: Watched,
    connections: Family<ConnectionLabels, Gauge<i64, AtomicI64>>,
    waiting: Gauge<i64, AtomicI64>,
    behind: Gauge<i64, AtomicI64>,
    delivery: Histogram,
    requests: Family<Labels, Counter<u64, AtomicU64>>,
    seconds: Family<Labels, Histogram>,
    commits: Commits,
    events: Counter<u64, AtomicU64>,
    followers: Gauge<i64, AtomicI64>,
}

impl Metrics {
    pub(super) fn new(watched: Watched) -> Self {
        let mut registry = Registry::with_prefix("eventcore");
        let requests = Family::default();
        let seconds = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(LATENCIES));
        let commits = Family::default();
        let commits_by_outcome = Commits::of(&commits);
        let (events, followers) = (Counter::default(), Gauge::default());
        registry.register("requests", "Requests that were answered", requests.clone());
        registry.register("request_seconds", "How long an answer took", seconds.clone());
        registry.register("pushed_commits", "Commits that were pushed, by what became of them", commits);
        registry.register("written_events", "Events of accepted commits, repeats included", events.clone());
        registry.register("live_followers", "Streams that are open", followers.clone());
        let (connections, waiting, behind) = (Family::default(), Gauge::default(), Gauge::default());
        let delivery = Histogram::new(LATENCIES);
        registry.register(
            "live_behind_events",
            "Events that the follower who is furthest behind has still to be told",
            behind.clone(),
        );
        registry.register(
            "live_delivery_seconds",
            "How long a follower waited for news, from the word that there are some",
            delivery.clone(),
        );
        if watched.pool.is_some() {
            registry.register(
                "pool_connections",
                "Connections to PostgreSQL: lent, idle, and how many there may be",
                connections.clone(),
            );
            registry.register("pool_waiting", "Who waits for a connection to PostgreSQL", waiting.clone());
        }
        Self {
            registry,
            watched,
            connections,
            waiting,
            behind,
            delivery,
            requests,
            seconds,
            commits: commits_by_outcome,
            events,
            followers,
        }
    }

    pub(super) fn answered(&self, kind: Kind, status: u16, took: Duration) {
        let labels = Labels { kind, status };
        self.requests.get_or_create(&labels).inc();
        self.seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(super) fn pushed(&self, tally: Tally) {
        self.commits.accepted.inc_by(tally.accepted);
        self.commits.conflicts.inc_by(tally.conflicts);
        self.commits.rejected.inc_by(tally.rejected);
        self.commits.not_attempted.inc_by(tally.not_attempted);
        self.events.inc_by(tally.events);
    }

    /// Counts a follower until it is dropped.
    pub(super) fn follower(&self) -> Following {
        self.followers.inc();
        Following { followers: self.followers.clone(), delivery: self.delivery.clone() }
    }

    /// All of it, where the follower who is furthest behind lacks so many events.
    pub(super) fn text(&self, behind: u64) -> String {
        let gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.behind.set(gauge(behind));
        if let Some(PoolStatus { lent, idle, most, waiting }) = self.watched.pool.as_ref().map(|pool| pool())
        {
            for (state, number) in [("lent", lent), ("idle", idle), ("most", most)] {
                self.connections.get_or_create(&ConnectionLabels { state }).set(gauge(number as u64));
            }
            self.waiting.set(gauge(waiting as u64));
        }
        let mut text = String::new();
        // A string takes what is written to it.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// A follower that is counted.
pub(super) struct Following {
    followers: Gauge<i64, AtomicI64>,
    delivery: Histogram,
}

impl Following {
    /// It was told news, so long after it was woken.
    pub(super) fn told(&self, took: Duration) {
        self.delivery.observe(took.as_secs_f64());
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.followers.dec();
    }
}
