//! The rules that hold after every step, as a judge who sees everything checks them.

use std::collections::{HashMap, HashSet};

use eventcore_web::event::{CommitId, EventId, RawEvent, StreamId};
use eventcore_web::store::memory::MemoryBackend;
use eventcore_web::store::{Backend, Query, Replica};
use futures_util::FutureExt;

/// What the judge remembers of one replica.
#[derive(Default)]
pub struct Memory {
    /// Events whose write was acknowledged, by commit.
    pub acknowledged: HashMap<CommitId, Vec<EventId>>,
    /// What each commit was decided upon: the events of the streams that it expects at a version.
    pub seen: HashMap<CommitId, Vec<(StreamId, Vec<EventId>)>>,
    /// Its commits in the order in which they entered the outbox.
    order: Vec<CommitId>,
    known: HashSet<CommitId>,
    /// How many confirmed events were compared with the endpoint's, field by field.
    agreed: usize,
}

/// Every event, confirmed and pending.
pub fn feed(log: &MemoryBackend) -> Vec<RawEvent> {
    log.read_feed(&Query::default())
        .now_or_never()
        .expect("memory answers at once")
        .expect("memory is open")
        .events
}

pub fn outbox(log: &MemoryBackend) -> Vec<CommitId> {
    let waiting = log.outbox(usize::MAX, usize::MAX).now_or_never().expect("memory answers at once");
    waiting.expect("memory is open").iter().map(|waiting| waiting.commit.id()).collect()
}

/// The endpoint's own log: positions dense, versions without holes, no event twice.
pub fn check_log(log: &[RawEvent]) -> Result<(), String> {
    let mut ids = HashSet::new();
    let mut versions: HashMap<&StreamId, u64> = HashMap::new();
    for (event, position) in log.iter().zip(1..) {
        if event.place.position().map(|position| position.get()) != Some(position) {
            return Err(format!("event {} is not at position {position}", event.id));
        }
        let version = versions.entry(&event.stream_id).or_default();
        *version += 1;
        if event.version.get() != *version {
            return Err(format!("{:?} has a hole before version {}", event.stream_id, event.version));
        }
        if !ids.insert(event.id) {
            return Err(format!("event {} is there twice", event.id));
        }
    }
    Ok(())
}

impl Memory {
    /// What was acknowledged is there, once: confirmed or pending.
    pub fn check_kept(&mut self, feed: &[RawEvent], dropped: &HashSet<CommitId>) -> Result<(), String> {
        let mut ids = HashSet::with_capacity(feed.len());
        if let Some(twice) = feed.iter().find(|event| !ids.insert(event.id)) {
            return Err(format!("event {} is confirmed and pending, or twice one of them", twice.id));
        }
        for (commit, events) in &self.acknowledged {
            if dropped.contains(commit) {
                continue;
            }
            if let Some(lost) = events.iter().find(|id| !ids.contains(*id)) {
                return Err(format!("event {lost} of commit {commit} was acknowledged and is lost"));
            }
        }
        for event in feed.iter().filter(|event| event.place.position().is_none()) {
            if self.known.insert(event.commit_id) {
                self.order.push(event.commit_id);
            }
        }
        Ok(())
    }

    /// Whether the confirmed log of a replica is how the endpoint's log begins.
    pub fn shares(&mut self, feed: &[RawEvent], truth: &[RawEvent]) -> bool {
        let confirmed = feed.iter().take_while(|event| event.place.position().is_some()).count();
        if truth.len() < confirmed {
            return false;
        }
        // Logs only grow: what agreed once is known again by its ids.
        let old = self.agreed.min(confirmed);
        let same = feed[..old].iter().zip(truth).all(|(here, there)| here.id == there.id)
            && feed[old..confirmed] == truth[old..confirmed];
        self.agreed = if same { confirmed } else { 0 };
        same
    }

    /// The order in which a replica made its commits is the order in which they stand in the log.
    pub fn check_order(&self, truth: &[RawEvent]) -> Result<(), String> {
        let mut seen = HashSet::new();
        let confirmed: Vec<CommitId> = truth
            .iter()
            .map(|event| event.commit_id)
            .filter(|commit| self.known.contains(commit) && seen.insert(*commit))
            .collect();
        let expected: Vec<CommitId> =
            self.order.iter().copied().filter(|commit| seen.contains(commit)).collect();
        match confirmed == expected {
            true => Ok(()),
            false => Err(format!("commits were made as {expected:?} and stand as {confirmed:?}")),
        }
    }

    /// What was confirmed without a question to the app stands upon exactly what it was decided upon.
    pub fn check_decisions(&self, truth: &[RawEvent], asked: &HashSet<CommitId>) -> Result<(), String> {
        let mut history: HashMap<&StreamId, Vec<EventId>> = HashMap::new();
        for events in truth.chunk_by(|one, other| one.commit_id == other.commit_id) {
            let commit = events[0].commit_id;
            for (stream, seen) in
                self.seen.get(&commit).filter(|_| !asked.contains(&commit)).into_iter().flatten()
            {
                let there = history.get(stream).map_or(&[][..], Vec::as_slice);
                if there != seen.as_slice() {
                    return Err(format!(
                        "commit {commit} was decided upon {seen:?} of {stream:?}, stands upon {there:?}, and nobody \
                         was asked"
                    ));
                }
            }
            for event in events {
                history.entry(&event.stream_id).or_default().push(event.id);
            }
        }
        Ok(())
    }

    /// Every acknowledged event that was not given up stands in the endpoint's log, once.
    pub fn check_end(&self, truth: &[RawEvent], dropped: &HashSet<CommitId>) -> Result<(), String> {
        let ids: HashSet<EventId> = truth.iter().map(|event| event.id).collect();
        for (commit, events) in &self.acknowledged {
            let there = events.iter().filter(|id| ids.contains(*id)).count();
            if there != events.len() && (there > 0 || !dropped.contains(commit)) {
                return Err(format!("of commit {commit} {there} of {} events arrived", events.len()));
            }
        }
        Ok(())
    }
}
