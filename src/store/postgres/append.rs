//! The transaction of an append: lock the space, look, decide by the one rule, write, commit. Where a process wrote
//! to the space before and nobody else did since, [`heads`] does the same in one statement.

use std::borrow::Cow;

use crate::error::StoreError;
use crate::event::{Commit, EventId, Limits, SpaceId};
use crate::store::Appended;
use crate::timer::sleep;
use crate::version::{Admission, Known, Outcome, Position};

use super::arrays;
use super::client::{SqlClient, SqlError, SqlSession, Statement};
use super::columns::{Columns, json, texts};
use super::heads::{self, Decision, Heads, Plan};
use super::listener;
use super::queue::{Answer, Waiting};
use super::sql::Sql;

/// How often a transaction is tried that lost a race or its connection.
const TRIES: usize = 4;

/// How long to wait before the second try; twice as long each time. A failover takes a moment.
const PAUSE_MS: u64 = 10;

/// What is checked already is not checked again.
const NO_LIMITS: Limits = Limits {
    payload_bytes: usize::MAX,
    metadata_bytes: usize::MAX,
    batch_events: usize::MAX,
    batch_bytes: usize::MAX,
};

/// Why a transaction did not come to its end.
pub(super) enum Failure {
    Sql(SqlError),
    Store(StoreError),
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Where appends go.
pub(super) struct Target<'a, C> {
    pub(super) client: &'a C,
    pub(super) sql: &'a Sql,
    pub(super) channel: &'a str,
    pub(super) space: &'a SpaceId,
}

/// What became of several runs, and the head of the space behind them.
pub(super) struct Done {
    outcomes: Vec<Vec<Outcome>>,
    head: Position,
}

impl From<Plan> for Done {
    /// Of what is written.
    fn from(Plan { outcomes, to, .. }: Plan) -> Self {
        Self { outcomes, head: to }
    }
}

impl Done {
    pub(super) fn answers(self) -> impl Iterator<Item = Answer> {
        let head = self.head;
        self.outcomes.into_iter().map(move |outcomes| Ok(Appended { outcomes, head }))
    }
}

/// Writes runs, together where that works, each standing for itself; `failed` says how they were tried before. `heads`
/// is what this process remembers of the space; it is empty afterwards where that is not known any more.
pub(super) async fn write<C: SqlClient>(
    target: &Target<'_, C>,
    heads: &mut Heads,
    waiting: &[Waiting],
    failed: Option<SqlError>,
) -> Vec<Answer> {
    let alone = match with_retries(target, heads, waiting, failed).await {
        Ok(done) => return done.answers().collect(),
        Err(Failure::Sql(error)) if waiting.len() > 1 && error.is_about_content() => None,
        Err(Failure::Sql(error)) => Some(error.into()),
        Err(Failure::Store(error)) => Some(error),
    };
    if let Some(error) = alone {
        return waiting.iter().map(|_| Err::<_, StoreError>(error.clone())).collect();
    }
    // One of them holds what PostgreSQL refuses: the others must not fail with it.
    let mut answers = Vec::with_capacity(waiting.len());
    for one in waiting {
        match with_retries(target, heads, std::slice::from_ref(one), None).await {
            Ok(done) => answers.extend(done.answers()),
            Err(Failure::Sql(error)) => answers.push(Err(error.into())),
            Err(Failure::Store(error)) => answers.push(Err(error)),
        }
    }
    answers
}

async fn with_retries<C: SqlClient>(
    target: &Target<'_, C>,
    heads: &mut Heads,
    waiting: &[Waiting],
    mut failed: Option<SqlError>,
) -> Result<Done, Failure> {
    let mut tries = 0;
    let mut unknown = None;
    loop {
        let result = match failed.take() {
            Some(error) => Err(error.into()),
            None => {
                // What may be stored already is looked for.
                let is_new = tries == 0 && waiting.iter().all(|waiting| !waiting.tried);
                once(target, heads, &prepare(waiting, tries > 0)?, is_new).await
            }
        };
        tries += 1;
        match result {
            // A duplicate is what an earlier try wrote; the next one looks for it.
            Err(Failure::Sql(error)) if tries < TRIES && (error.is_transient() || error.is_duplicate()) => {
                unknown = Some(error).filter(|error| error.connection_lost).or(unknown);
                sleep(PAUSE_MS << tries).await;
            }
            // That nothing was written holds of this try; of the one before it that is not known.
            Err(Failure::Sql(error)) => return Err(Failure::Sql(unknown.unwrap_or(error))),
            result => return result,
        }
    }
}

/// The runs as they must be looked at: after a try, even ids that were made for it may be stored.
pub(super) fn prepare(waiting: &[Waiting], retried: bool) -> Result<Vec<Cow<'_, [Commit]>>, StoreError> {
    waiting.iter().map(|waiting| prepare_one(waiting, retried)).collect()
}

fn prepare_one(waiting: &Waiting, retried: bool) -> Result<Cow<'_, [Commit]>, StoreError> {
    if !(retried || waiting.tried) || waiting.run.iter().all(|commit| !commit.is_fresh()) {
        return Ok(Cow::Borrowed(&waiting.run));
    }
    let known = |commit: &Commit| {
        let (events, expectations) = (commit.events().to_vec(), commit.expectations().to_vec());
        Commit::from_parts(commit.id(), events, expectations, &NO_LIMITS)
    };
    waiting.run.iter().map(known).collect::<Result<_, _>>().map(Cow::Owned)
}

/// One transaction, on one session.
async fn once<C: SqlClient>(
    target: &Target<'_, C>,
    heads: &mut Heads,
    runs: &[Cow<'_, [Commit]>],
    is_new: bool,
) -> Result<Done, Failure> {
    let session = target.client.acquire().await?;
    // Taken: a caller that goes away in the middle leaves nothing to rely on.
    let mut remembered = std::mem::take(heads);
    if is_new {
        match short(&session, target, &mut remembered, runs).await {
            Ok(Some(done)) => {
                session.release();
                *heads = remembered;
                return Ok(done);
            }
            Ok(None) => {}
            Err(failure) => {
                if !matches!(&failure, Failure::Sql(error) if error.connection_lost) {
                    session.release();
                }
                return Err(failure);
            }
        }
    }
    let result = transaction(&session, target, runs).await;
    let clean = match &result {
        Ok(_) => true,
        // A session that is not released is not used again, so its transaction is undone in any case.
        Err(_) => session.run(&[Statement::new(&target.sql.rollback, &[])]).await.is_ok(),
    };
    if clean {
        session.release();
    }
    let (done, after) = result?;
    *heads = after;
    Ok(done)
}

/// Tries the short way; none where the long one has to be taken, and then nothing is written.
async fn short<C: SqlClient>(
    session: &C::Session,
    target: &Target<'_, C>,
    heads: &mut Heads,
    runs: &[Cow<'_, [Commit]>],
) -> Result<Option<Done>, Failure> {
    let mut decision = heads.decide(runs);
    if matches!(decision, Decision::Look) && heads.look(session, target.sql, target.space, runs).await? {
        decision = heads.decide(runs);
    }
    let Decision::Write(plan) = decision else { return Ok(None) };
    Ok(plan.write(session, target).await?.then(|| plan.into()))
}

async fn transaction<C: SqlClient>(
    session: &C::Session,
    target: &Target<'_, C>,
    runs: &[Cow<'_, [Commit]>],
) -> Result<(Done, Heads), Failure> {
    let &Target { sql, space, channel, .. } = target;
    let (head, known) = lock(session, sql, space, runs).await?;
    let mut admission = Admission::confirmed(known, head);
    let mut written = Vec::new();
    let mut outcomes = Vec::with_capacity(runs.len());
    for run in runs {
        let (outcome, mut events) = admission.run(run);
        outcomes.push(outcome);
        written.append(&mut events);
    }
    let last = written.last().map(|event| event.id);
    let new_head = written.last().and_then(|event| event.place.position());
    let to = new_head.unwrap_or(head);
    let (news, at) = (listener::appended(space, to), to.to_string());
    let told = [space.as_str(), &at, channel, &news];
    let tell = Statement::optional(&sql.notify, &told);
    if new_head.is_none() {
        // Whoever wrote what is repeated here may not have come to tell of it.
        let is_repeat = outcomes.iter().flatten().any(|outcome| matches!(outcome, Outcome::Accepted(_)));
        session.run(&[Statement::new(&sql.rollback, &[]), tell][..1 + usize::from(is_repeat)]).await?;
    } else {
        let (arrays, from) = (arrays::of(head, &written), head.to_string());
        let params = [space.as_str(), &from, &at, ""];
        let write = Statement::new(&sql.write, &params).with_arrays(&arrays);
        let answers = session.run(&[write, Statement::new(&sql.commit, &[]), tell]).await?;
        if answers.first().is_none_or(Vec::is_empty) {
            return Err(SqlError::unexpected("the space's head moved under its lock").into());
        }
    }
    Ok((Done { outcomes, head: to }, Heads::after(to, last, admission.into_heads())))
}

/// Begins, locks the space and reads what the runs touch: its head, and what [`Admission`] must know.
async fn lock<S: SqlSession>(
    session: &S,
    sql: &Sql,
    space: &SpaceId,
    runs: &[Cow<'_, [Commit]>],
) -> Result<(Position, Known), Failure> {
    let streams = heads::touched(runs);
    let ids: Vec<EventId> = heads::commits(runs)
        .filter(|commit| !commit.is_fresh())
        .flat_map(Commit::events)
        .map(|event| event.id)
        .collect();
    let (streams, ids) = (texts(streams.iter().map(|stream| stream.as_str())), json(&ids));
    let (of_space, of_streams, of_ids) =
        ([space.as_str()], [space.as_str(), &streams], [space.as_str(), &ids]);
    let mut statements = vec![
        Statement::new(&sql.begin, &[]),
        Statement::new(&sql.lock_space, &of_space),
        Statement::new(&sql.look, &of_streams),
    ];
    if ids != "[]" {
        statements.push(Statement::new(&sql.known_events, &of_ids));
    }
    let mut answers = session.run(&statements).await?;
    if answers.get(1).is_some_and(Vec::is_empty) {
        // The first write to this space; what was read without the lock is read again.
        statements[0] = Statement::new(&sql.ensure_space, &of_space);
        answers = session.run(&statements).await?;
    }
    let mut answers = answers.into_iter().skip(1);
    let locked = answers.next().and_then(|rows| rows.into_iter().next());
    let locked = locked.ok_or_else(|| SqlError::unexpected("the space has no row"))?;
    let mut locked = Columns::from(locked);
    let head = locked.position()?;
    if locked.flag()? {
        return Err(StoreError::SpaceErased(space.clone()).into());
    }
    let (_, heads) = heads::looked(answers.next().unwrap_or_default())?;
    let mut known = Known { heads, ..Known::default() };
    for row in answers.next().unwrap_or_default() {
        if let Some(event) = Columns::from(row).event()? {
            known.events.insert(event.id, event);
        }
    }
    Ok((head, known))
}
