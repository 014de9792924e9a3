//! What a process remembers of a space that it writes to, and the short way of an append: one statement that writes
//! only where the space still has the head that is remembered. Then nobody else wrote, and the versions hold too.
//!
//! It decides nothing that [`append`](super::append), the long way behind the lock, would decide otherwise: whatever
//! is not plainly accepted, an id that is stored already, or a head that moved, goes there.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use crate::event::{Commit, SpaceId, StreamId};
use crate::version::{Admission, EventVersion, Known, Outcome, Position};

use super::append::{Failure, Target};
use super::arrays;
use super::client::{SqlClient, SqlSession, Statement};
use super::columns::{Columns, texts};
use super::listener;
use super::sql::Sql;

/// Streams that are remembered of a space; beyond, memory is worth more than a round trip now and then.
const MAX_STREAMS: usize = 512;

/// The head of a space and the versions of some of its streams, as they were at one moment.
#[derive(Default)]
pub(super) struct Heads {
    head: Option<Position>,
    streams: HashMap<StreamId, EventVersion>,
}

impl Heads {
    /// What a transaction left.
    pub(super) fn after(head: Position, touched: HashMap<StreamId, EventVersion>) -> Self {
        Self { head: Some(head), streams: touched }
    }

    /// The same a transaction later, which touched these.
    fn moved_to(mut self, head: Position, touched: HashMap<StreamId, EventVersion>) -> Self {
        if self.streams.len() + touched.len() > MAX_STREAMS {
            return Self::after(head, touched);
        }
        self.streams.extend(touched);
        self.head = Some(head);
        self
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

fn commits<'a>(runs: &'a [Cow<'_, [Commit]>]) -> impl Iterator<Item = &'a Commit> {
    runs.iter().flat_map(|run| run.iter())
}

/// What runs came to: the outcomes of each, the head behind them, and what there is to remember.
pub(super) type Done = (Vec<Vec<Outcome>>, Position, Heads);

/// Tries the short way; none where the long one has to be taken, and then nothing is written.
pub(super) async fn write<C: SqlClient>(
    session: &mut C::Session,
    target: &Target<'_, C>,
    remembered: Heads,
    runs: &[Cow<'_, [Commit]>],
) -> Result<Option<Done>, Failure> {
    let &Target { sql, space, channel, .. } = target;
    let (remembered, touched) = match (remembered.head, remembered.of(runs)) {
        (Some(_), Some(touched)) => (remembered, touched),
        _ => match look(session, sql, space, remembered, runs).await? {
            Some(seen) => {
                let touched = seen.of(runs).unwrap_or_default();
                (seen, touched)
            }
            None => return Ok(None),
        },
    };
    let Some(head) = remembered.head else { return Ok(None) };
    let mut admission = Admission::confirmed(Known { heads: touched, ..Known::default() }, head);
    let mut written = Vec::new();
    let mut outcomes = Vec::with_capacity(runs.len());
    for run in runs {
        let (outcome, mut events) = admission.run(run);
        if outcome.iter().any(|outcome| !matches!(outcome, Outcome::Accepted(_))) {
            return Ok(None);
        }
        outcomes.push(outcome);
        written.append(&mut events);
    }
    let Some(new_head) = written.last().and_then(|event| event.place.position()) else { return Ok(None) };
    let arrays = arrays::of(&written);
    let (news, from, to) = (listener::appended(space, new_head), head.to_string(), new_head.to_string());
    let answers = session
        .run(&[
            Statement::new(&sql.write, &[space.as_str(), &from, &to]).with_arrays(&arrays),
            Statement::optional(&sql.notify, &[space.as_str(), &to, channel, &news]),
        ])
        .await?;
    if answers.first().is_none_or(Vec::is_empty) {
        return Ok(None);
    }
    Ok(Some((outcomes, new_head, remembered.moved_to(new_head, admission.into_heads()))))
}

/// Reads the head and the versions that the runs need, without a lock; none where the space has no row or is gone.
async fn look<S: SqlSession>(
    session: &mut S,
    sql: &Sql,
    space: &SpaceId,
    remembered: Heads,
    runs: &[Cow<'_, [Commit]>],
) -> Result<Option<Heads>, Failure> {
    let touched: BTreeSet<&StreamId> =
        commits(runs).flat_map(Commit::expectations).map(|expectation| &expectation.stream_id).collect();
    let asked = texts(touched.iter().map(|stream| stream.as_str()));
    let params = [space.as_str(), &asked];
    let rows = session.run(&[Statement::new(&sql.look, &params)]).await?.pop().unwrap_or_default();
    // What is not there is at version 0.
    let mut streams: HashMap<StreamId, EventVersion> =
        touched.into_iter().map(|stream| (stream.clone(), EventVersion::ZERO)).collect();
    let mut head = None;
    for row in rows {
        let mut columns = Columns::from(row);
        head = Some(columns.position()?);
        if let Some(stream) = columns.optional_name::<StreamId>()? {
            streams.insert(stream, columns.version()?);
        }
    }
    let Some(head) = head else { return Ok(None) };
    Ok(Some(match remembered.head == Some(head) {
        true => remembered.moved_to(head, streams),
        false => Heads::after(head, streams),
    }))
}
