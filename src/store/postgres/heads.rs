//! What a process remembers of a space that it writes to, and the short way of an append: one statement that writes
//! only where the space still has the head that is remembered, and the event there is the one that is remembered. Then
//! nobody else wrote, and the versions hold too. So one may be decided on top of another that is not answered yet: where
//! that one fails, this one writes nothing, even where somebody else moved the head by as much.
//!
//! It decides nothing that [`append`](super::append), the long way behind the lock, would decide otherwise: whatever
//! is not plainly accepted, an id that is stored already, or a head that moved, goes there.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use crate::error::StoreError;
use crate::event::{Commit, EventId, RawEvent, SpaceId, StreamId};
use crate::version::{Admission, EventVersion, Known, Outcome, Position};

use super::append::{Failure, Target};
use super::arrays;
use super::client::{Row, SqlClient, SqlError, SqlSession, Statement};
use super::columns::{Columns, texts};
use super::listener;
use super::sql::Sql;

/// Streams that are remembered of a space; beyond, memory is worth more than a round trip now and then.
const MAX_STREAMS: usize = 512;

/// The head of a space and the versions of some of its streams, as they were at one moment, or will be.
#[derive(Default)]
pub(super) struct Heads {
    head: Option<Position>,
    /// The event there, where it is known.
    last: Option<EventId>,
    streams: HashMap<StreamId, EventVersion>,
}

/// What becomes of runs by what is remembered.
pub(super) enum Decision {
    /// They are plainly accepted.
    Write(Plan),
    /// Too little is remembered.
    Look,
    /// The long way has to be taken.
    Ask,
}

/// What one statement is to write.
pub(super) struct Plan {
    from: Position,
    /// The event at `from`, where it is known.
    on: Option<EventId>,
    events: Vec<RawEvent>,
    pub(super) to: Position,
    pub(super) outcomes: Vec<Vec<Outcome>>,
}

impl Heads {
    /// What a transaction left that ended with this event, if it wrote any.
    pub(super) fn after(
        head: Position,
        last: Option<EventId>,
        touched: HashMap<StreamId, EventVersion>,
    ) -> Self {
        Self { head: Some(head), last, streams: touched }
    }

    /// The same a transaction later, which touched these.
    fn move_to(&mut self, head: Position, last: Option<EventId>, touched: HashMap<StreamId, EventVersion>) {
        if self.streams.len() + touched.len() > MAX_STREAMS {
            self.streams.clear();
        }
        self.streams.extend(touched);
        (self.head, self.last) = (Some(head), last);
    }

    /// What becomes of runs. Where they are to be written, what is remembered is then what the space will be.
    pub(super) fn decide(&mut self, runs: &[Cow<'_, [Commit]>]) -> Decision {
        let (Some(from), Some(heads)) = (self.head, self.of(runs)) else { return Decision::Look };
        let mut admission = Admission::confirmed(Known { heads, ..Known::default() }, from);
        let mut events = Vec::new();
        let mut outcomes = Vec::with_capacity(runs.len());
        for run in runs {
            let (outcome, mut written) = admission.run(run);
            if outcome.iter().any(|outcome| !matches!(outcome, Outcome::Accepted(_))) {
                return Decision::Ask;
            }
            outcomes.push(outcome);
            events.append(&mut written);
        }
        let Some((to, last)) = events.last().and_then(|event| Some((event.place.position()?, event.id)))
        else {
            return Decision::Ask;
        };
        let on = self.last;
        self.move_to(to, Some(last), admission.into_heads());
        Decision::Write(Plan { from, on, events, to, outcomes })
    }

    /// Reads the head and the versions that the runs need, without a lock. False where the space has no row or is gone.
    pub(super) async fn look<S: SqlSession>(
        &mut self,
        session: &S,
        sql: &Sql,
        space: &SpaceId,
        runs: &[Cow<'_, [Commit]>],
    ) -> Result<bool, Failure> {
        let touched = touched(runs);
        let asked = texts(touched.iter().map(|stream| stream.as_str()));
        let params = [space.as_str(), &asked];
        let rows = session.run(&[Statement::new(&sql.look, &params)]).await?.pop().unwrap_or_default();
        // What is not there is at version 0.
        let mut streams: HashMap<StreamId, EventVersion> =
            touched.into_iter().map(|stream| (stream.clone(), EventVersion::ZERO)).collect();
        let (head, found) = looked(rows)?;
        let Some(head) = head else { return Ok(false) };
        streams.extend(found);
        match self.head == Some(head) {
            true => self.move_to(head, self.last, streams),
            false => *self = Self::after(head, None, streams),
        }
        Ok(true)
    }

    /// The versions of the streams that the runs touch; none where one of them is not known.
    fn of(&self, runs: &[Cow<'_, [Commit]>]) -> Option<HashMap<StreamId, EventVersion>> {
        let mut known = HashMap::new();
        let mut unknown = BTreeSet::new();
        let mut created = BTreeSet::new();
        for commit in commits(runs) {
            for expectation in commit.expectations() {
                let stream = &expectation.stream_id;
                match self.streams.get(stream) {
                    Some(version) => drop(known.insert(stream.clone(), *version)),
                    None => drop(unknown.insert(stream)),
                }
                if expectation.expected.pinned() == Some(EventVersion::ZERO) {
                    created.insert(stream);
                }
            }
        }
        // Where a stream is to be new and is written to, its first version is: the tables hold that only once.
        let written = |stream: &&StreamId| {
            created.contains(*stream)
                && commits(runs).flat_map(Commit::events).any(|event| event.stream_id == **stream)
        };
        unknown.iter().all(written).then_some(known)
    }
}

/// What `look.sql` answers: the head, where the space is there and not erased, and the versions of streams that exist.
pub(super) fn looked(
    rows: Vec<Row>,
) -> Result<(Option<Position>, HashMap<StreamId, EventVersion>), StoreError> {
    let (mut head, mut streams) = (None, HashMap::new());
    for row in rows {
        let mut columns = Columns::from(row);
        head = Some(columns.position()?);
        if let Some(stream) = columns.optional_name::<StreamId>()? {
            streams.insert(stream, columns.version()?);
        }
    }
    Ok((head, streams))
}

/// The streams that runs touch: those that they expect something of.
pub(super) fn touched<'a>(runs: &'a [Cow<'_, [Commit]>]) -> BTreeSet<&'a StreamId> {
    commits(runs).flat_map(Commit::expectations).map(|expectation| &expectation.stream_id).collect()
}

pub(super) fn commits<'a>(runs: &'a [Cow<'_, [Commit]>]) -> impl Iterator<Item = &'a Commit> {
    runs.iter().flat_map(|run| run.iter())
}

impl Plan {
    /// Writes it, and tells of it. False where the long way has to be taken: the space is not as it was remembered, or
    /// something is stored already. Then nothing is written, and nothing is left of what failed.
    pub(super) async fn write<C: SqlClient>(
        &self,
        session: &C::Session,
        target: &Target<'_, C>,
    ) -> Result<bool, SqlError> {
        let &Target { sql, space, channel, .. } = target;
        let arrays = arrays::of(self.from, &self.events);
        let (news, from, to) =
            (listener::appended(space, self.to), self.from.to_string(), self.to.to_string());
        let on = self.on.map(|id| id.to_string()).unwrap_or_default();
        let answers = session
            .run(&[
                Statement::new(&sql.write, &[space.as_str(), &from, &to, &on]).with_arrays(&arrays),
                Statement::optional(&sql.notify, &[space.as_str(), &to, channel, &news]),
            ])
            .await;
        match answers {
            Err(error) if error.is_duplicate() => Ok(false),
            answers => Ok(answers?.first().is_some_and(|rows| !rows.is_empty())),
        }
    }
}
