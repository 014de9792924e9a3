//! The log in memory as the measure of the log in IndexedDB: the same steps, chosen by a seed, must have the
//! same outcomes, and leave both with the same contents.

use std::collections::HashMap;
use std::fmt::Debug;

use futures_util::future::join_all;

use super::{fresh_name, open};
use crate::event::{
    Batch, Commit, EventId, EventToWrite, EventType, IdGenerator, Json, JsonEvent, Limits, Place, RawEvent,
    SpaceId, StreamId, Upcasters,
};
use crate::protocol::ErrorBody;
use crate::store::indexeddb::IndexedDbBackend;
use crate::store::memory::MemoryBackend;
use crate::store::{Backend, Query, Refusal, Replica, Rewrite, Settlement};
use crate::version::{Cursor, EventVersion, ExpectedVersion, Position};

const STREAMS: u64 = 5;

struct World {
    random: u64,
    ids: IdGenerator,
    name: String,
    memory: MemoryBackend,
    /// Connections to one database, as two tabs have them: what one writes, the other must see.
    disks: [IndexedDbBackend; 2],
    /// Which of them is used.
    at: usize,
    /// Some of the commits that were tried, to be repeated.
    tried: Vec<Commit>,
}

pub(super) async fn check(seed: u32, steps: u32) -> Result<(), String> {
    let name = fresh_name();
    let mut world = World {
        random: u64::from(seed) << 32 | 0x9E37,
        ids: IdGenerator::new(),
        memory: MemoryBackend::default(),
        disks: [open(&name).await, open(&name).await],
        at: 0,
        name,
        tried: Vec::new(),
    };
    for step in 0..steps {
        world.step().await.map_err(|evidence| format!("step {step}: {evidence}"))?;
    }
    Ok(())
}

impl World {
    /// SplitMix64.
    fn below(&mut self, limit: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }

    const fn disk(&self) -> &IndexedDbBackend {
        &self.disks[self.at]
    }

    async fn step(&mut self) -> Result<(), String> {
        if self.below(4) == 0 {
            self.at = 1 - self.at;
        }
        match self.below(16) {
            0..=4 => self.append().await?,
            5 => self.repeat().await?,
            6..=8 => self.read_streams().await?,
            9..=10 => self.read_feed().await?,
            11 => self.locate().await?,
            12 => {
                self.disk().close();
                self.disks[self.at] = open(&self.name).await;
            }
            13 => self.settle().await?,
            14 => self.rewrite().await?,
            _ => match self.below(8) {
                0..=1 => self.attach().await?,
                2 if self.memory.state().await.is_ok_and(|state| state.space.is_some()) => {
                    self.rewind().await?
                }
                _ => {}
            },
        }
        same("the state", self.memory.state().await, self.disk().state().await)?;
        same("the outbox", outbox(&self.memory).await, outbox(self.disk()).await)
    }

    async fn append(&mut self) -> Result<(), String> {
        let mut runs = Vec::new();
        for _ in 0..=self.below(4) {
            let mut run = Vec::new();
            for _ in 0..=self.below(2) {
                run.push(self.commit().await?);
            }
            runs.push(run);
        }
        self.tried.extend(runs.iter().flatten().filter(|commit| !commit.is_fresh()).cloned());
        // Those in IndexedDB arrive together and share a transaction.
        let disk = join_all(runs.iter().map(|run| self.disk().append(run.clone()))).await;
        let mut memory = Vec::new();
        for run in runs {
            memory.push(self.memory.append(run).await);
        }
        same("the outcomes", memory, disk)
    }

    async fn repeat(&mut self) -> Result<(), String> {
        if self.tried.is_empty() {
            return Ok(());
        }
        let at = self.below(self.tried.len() as u64) as usize;
        let run = vec![self.tried[at].clone()];
        same("a repeat", self.memory.append(run.clone()).await, self.disk().append(run).await)
    }

    async fn commit(&mut self) -> Result<Commit, String> {
        let count = match self.below(40) {
            0 => 300,
            1..=4 => 20,
            some => some % 3 + 1,
        };
        let given = self.below(3) == 0;
        let mut expected: HashMap<StreamId, ExpectedVersion> = HashMap::new();
        let mut events = Vec::new();
        for _ in 0..count {
            let stream = self.stream();
            let expected = match expected.get(&stream) {
                Some(expected) => *expected,
                None => {
                    let stated = self.expectation(&stream).await?;
                    *expected.entry(stream.clone()).or_insert(stated)
                }
            };
            let text = format!(
                "{{\"n\":{},\"text\":\"ä{}\"}}",
                self.below(1000),
                "x".repeat(self.below(50) as usize)
            );
            let payload = JsonEvent {
                event_type: EventType::try_new(format!("T{}", self.below(3))).map_err(|e| e.to_string())?,
                payload: Json::parse(&text).map_err(|error| error.to_string())?,
            };
            let event = EventToWrite::new(stream, payload, expected);
            events.push(if given { event.with_id(self.ids.next()) } else { event });
        }
        let (ids, limits) = (&self.ids, Limits::default());
        Commit::prepare(Batch::new(events), ids, &limits, &Upcasters::new())
            .map_err(|error| error.to_string())
    }

    async fn expectation(&mut self, stream: &StreamId) -> Result<ExpectedVersion, String> {
        let version = self.version(stream, true).await?;
        Ok(match self.below(8) {
            0 => ExpectedVersion::NoStream,
            1 => ExpectedVersion::Any,
            2 => ExpectedVersion::Exact(version.next()),
            3..=5 => ExpectedVersion::Exact(version),
            _ => ExpectedVersion::NoCheck,
        })
    }

    async fn version(&self, stream: &StreamId, pending: bool) -> Result<EventVersion, String> {
        let query = Query { pending, ..Query::default() };
        let slices = self.memory.read_streams(std::slice::from_ref(stream), &query).await;
        Ok(slices.map_err(|error| error.to_string())?[0].version)
    }

    fn stream(&mut self) -> StreamId {
        const NAMES: [StreamId; STREAMS as usize] = [
            StreamId::from_static("a"),
            StreamId::from_static("a-1"),
            StreamId::from_static("b"),
            StreamId::from_static("b 2"),
            StreamId::from_static("c"),
        ];
        NAMES[self.below(STREAMS) as usize].clone()
    }

    fn query(&mut self) -> Query {
        let mut query = Query::default();
        if self.below(3) == 0 {
            query.from_version = EventVersion::new(self.below(40));
        }
        if self.below(3) == 0 {
            query.to_version = EventVersion::new(self.below(60));
        }
        if self.below(2) == 0 {
            query.max_events = 1 + self.below(300) as usize;
        }
        query.backwards = self.below(2) == 0;
        query.after = match self.below(6) {
            0 => Some(Place::Confirmed(Position::new(self.below(500)))),
            1 => Some(Place::Pending(self.below(20))),
            _ => None,
        };
        if self.below(4) == 0 {
            query.event_types.extend(EventType::try_new("T1"));
        }
        if self.below(4) == 0 {
            query.stream_prefix = "a".into();
        }
        query.pending = self.below(3) != 0;
        query
    }

    async fn read_streams(&mut self) -> Result<(), String> {
        let streams = [self.stream(), self.stream(), StreamId::from_static("absent")];
        let query = self.query();
        let (memory, disk) = (
            self.memory.read_streams(&streams, &query).await,
            self.disk().read_streams(&streams, &query).await,
        );
        same(&format!("streams {streams:?} by {query:?}"), memory, disk)
    }

    async fn read_feed(&mut self) -> Result<(), String> {
        let query = self.query();
        let (memory, disk) = (self.memory.read_feed(&query).await, self.disk().read_feed(&query).await);
        same(&format!("the feed by {query:?}"), memory, disk)
    }

    async fn locate(&mut self) -> Result<(), String> {
        let feed = self.memory.read_feed(&Query::default()).await.map_err(|error| error.to_string())?;
        let known = feed.events.len() as u64;
        let at = self.below(known + 1) as usize;
        let id = feed.events.get(at).map_or_else(EventId::new, |event| event.id);
        same("where an event is", self.memory.locate(id).await, self.disk().locate(id).await)
    }

    async fn attach(&mut self) -> Result<(), String> {
        let space = SpaceId::try_new("space").map_err(|error| error.to_string())?;
        same("attaching", self.memory.attach(&space).await, self.disk().attach(&space).await)
    }

    /// Confirms the first commits of the outbox, between events of others.
    async fn settle(&mut self) -> Result<(), String> {
        let state = self.memory.state().await.map_err(|error| error.to_string())?;
        if state.space.is_none() {
            return Ok(());
        }
        let count = self.below(3) as usize;
        let outbox = self.memory.outbox(usize::MAX, usize::MAX).await.map_err(|error| error.to_string())?;
        let mut commits: Vec<Commit> = outbox.into_iter().take(count).map(|waiting| waiting.commit).collect();
        let at = self.below(commits.len() as u64 + 1) as usize;
        commits.insert(at, self.commit().await?);
        let after = match self.below(8) {
            0 => Position::from(state.cursor).next(),
            _ => state.cursor.into(),
        };
        let mut heads: HashMap<StreamId, EventVersion> = HashMap::new();
        let mut events = Vec::new();
        let mut position = after;
        for commit in &commits {
            for event in commit.events() {
                let head = match heads.get(&event.stream_id) {
                    Some(head) => *head,
                    None => self.version(&event.stream_id, false).await?,
                };
                heads.insert(event.stream_id.clone(), head.next());
                position = position.next();
                events.push(RawEvent {
                    place: Place::Confirmed(position),
                    id: event.id,
                    commit_id: commit.id(),
                    stream_id: event.stream_id.clone(),
                    version: head.next(),
                    event_type: event.event_type.clone(),
                    payload: event.payload.clone(),
                    metadata: event.metadata.clone(),
                    occurred_at: event.occurred_at,
                });
            }
        }
        let settlement = Settlement { backend_id: "endpoint".into(), after: after.into(), events };
        same("settling", self.memory.settle(settlement.clone()).await, self.disk().settle(settlement).await)
    }

    async fn rewrite(&mut self) -> Result<(), String> {
        let outbox = self.memory.outbox(usize::MAX, usize::MAX).await.map_err(|error| error.to_string())?;
        let at = self.below(outbox.len() as u64 + 1) as usize;
        let commit = match outbox.get(at) {
            Some(waiting) => waiting.commit.id(),
            None => self.ids.next_commit(),
        };
        let refusal = Refusal::Rejected(ErrorBody { code: "FORBIDDEN".into(), message: "no".into() });
        let rewrite = match self.below(4) {
            0 => Rewrite::Rebase,
            1 => Rewrite::Replace(self.commit().await?),
            2 => Rewrite::Drop,
            _ => Rewrite::Park(refusal),
        };
        let rewrites = vec![(commit, rewrite)];
        let memory = self.memory.rewrite(rewrites.clone()).await;
        same(&format!("{rewrites:?}"), memory, self.disk().rewrite(rewrites).await)
    }

    /// Back to where some commit ends.
    async fn rewind(&mut self) -> Result<(), String> {
        let confirmed = Query { pending: false, ..Query::default() };
        let events = self.memory.read_feed(&confirmed).await.map_err(|error| error.to_string())?.events;
        let ends = events.windows(2).filter(|pair| pair[0].commit_id != pair[1].commit_id);
        let ends: Vec<Place> = ends.map(|pair| pair[0].place).collect();
        let end = ends.get(self.below(ends.len() as u64 + 1) as usize).and_then(|place| place.position());
        let to = Cursor::from(end.unwrap_or_default());
        same(&format!("rewinding to {to}"), self.memory.rewind(to).await, self.disk().rewind(to).await)
    }
}

/// The outbox as it is written; whether a commit was made just now is not.
async fn outbox(replica: &impl Replica) -> Result<Vec<String>, String> {
    let waiting = replica.outbox(usize::MAX, usize::MAX).await.map_err(|error| error.to_string())?;
    let written = waiting.iter().map(|it| {
        let commit = serde_json::to_string(&it.commit).map_err(|error| error.to_string())?;
        Ok(format!("{commit} {:?}", it.refused))
    });
    written.collect()
}

fn same<T: PartialEq + Debug>(what: &str, memory: T, disk: T) -> Result<(), String> {
    if memory == disk {
        return Ok(());
    }
    let cut = |value: &T| format!("{value:?}").chars().take(4_000).collect::<String>();
    Err(format!("{what} differs\n  memory: {}\n  IndexedDB: {}", cut(&memory), cut(&disk)))
}
