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

pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter<u64, AtomicU64>>,
    seconds: Family<Labels, Histogram>,
    commits: Family<OutcomeLabels, Counter<u64, AtomicU64>>,
    events: Counter<u64, AtomicU64>,
    followers: Gauge<i64, AtomicI64>,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("eventcore");
        let requests = Family::default();
        let seconds = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(LATENCIES));
        let commits = Family::default();
        let (events, followers) = (Counter::default(), Gauge::default());
        registry.register("requests", "Requests that were answered", requests.clone());
        registry.register("request_seconds", "How long an answer took", seconds.clone());
        registry.register(
            "pushed_commits",
            "Commits that were pushed, by what became of them",
            commits.clone(),
        );
        registry.register("written_events", "Events of accepted commits, repeats included", events.clone());
        registry.register("live_followers", "Streams that are open", followers.clone());
        Self { registry, requests, seconds, commits, events, followers }
    }

    pub(super) fn answered(&self, kind: Kind, status: u16, took: Duration) {
        let labels = Labels { kind, status };
        self.requests.get_or_create(&labels).inc();
        self.seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(super) fn pushed(&self, tally: Tally) {
        for (outcome, count) in [
            ("accepted", tally.accepted),
            ("conflict", tally.conflicts),
            ("rejected", tally.rejected),
            ("not_attempted", tally.not_attempted),
        ] {
            self.commits.get_or_create(&OutcomeLabels { outcome }).inc_by(count);
        }
        self.events.inc_by(tally.events);
    }

    /// Counts a follower until it is dropped.
    pub(super) fn follower(&self) -> Following {
        self.followers.inc();
        Following(self.followers.clone())
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // A string takes what is written to it.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// A follower that is counted.
pub(super) struct Following(Gauge<i64, AtomicI64>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.dec();
    }
}
