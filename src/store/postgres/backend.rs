//! One space as a [`Backend`].

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::EventListener;
use futures_util::future::{Either, select};
use futures_util::lock::{Mutex, MutexGuard};

use crate::error::StoreError;
use crate::event::{Commit, EventId, IdGenerator, Place, RawEvent, SpaceId, StreamId};
use crate::store::{Appended, Backend, FeedSlice, Query, StreamSlice, WrittenSlice};
use crate::version::{Cursor, EventVersion, Outcome, Position};

use super::append::{self, Done, Target};
use super::client::{Row, SqlClient, SqlError, SqlSession, Statement};
use super::columns::{Columns, QueryParams, behind_page, texts};
use super::flights::Flights;
use super::heads::{Decision, Heads, Plan};
use super::listener::{Listener, Signal};
use super::queue::{Answer, Queue, Taken, Waiting};
use super::sql::Sql;

/// How often a reading is tried whose connection was lost.
const READ_TRIES: usize = 3;

/// What goes from one who writes to the next.
#[derive(Default)]
struct Turn {
    /// As the space will be once all is answered that is on its way.
    heads: Heads,
    /// How often the heads were found out anew, not by what is on its way.
    restarts: u64,
}

impl Turn {
    /// What is to be written in one statement, where what is remembered is enough to accept all.
    fn plan(&mut self, waiting: &[Waiting]) -> Option<Plan> {
        if waiting.iter().any(|waiting| waiting.tried) {
            return None;
        }
        match self.heads.decide(&append::prepare(waiting, false).ok()?) {
            Decision::Write(plan) => Some(plan),
            Decision::Look | Decision::Ask => None,
        }
    }

    /// What was decided after so many restarts was not written: nor will be what was decided on top of it.
    fn restart(&mut self, restarts: u64) {
        if self.restarts == restarts {
            *self = Self { heads: Heads::default(), restarts: restarts + 1 };
        }
    }
}

/// The log of one space in PostgreSQL.
pub struct PostgresBackend<C: SqlClient> {
    client: Arc<C>,
    sql: Arc<Sql>,
    space: SpaceId,
    queue: Queue,
    /// Held by the caller that writes what waits.
    turn: Mutex<Turn>,
    flights: Flights<C::Session>,
    signal: Arc<Signal>,
    listener: Arc<Listener<C>>,
    ids: IdGenerator,
    closed: AtomicBool,
}

impl<C: SqlClient> PostgresBackend<C> {
    /// The log of a space. Nothing is read yet.
    pub(super) fn new(
        client: Arc<C>,
        sql: Arc<Sql>,
        listener: Arc<Listener<C>>,
        space: SpaceId,
        max_waiting: usize,
    ) -> Self {
        let changed = Arc::default();
        Self {
            client,
            sql,
            space,
            queue: Queue::new(max_waiting, &changed),
            turn: Mutex::default(),
            flights: Flights::new(&changed),
            signal: Arc::default(),
            listener,
            ids: IdGenerator::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// The space.
    pub const fn space(&self) -> &SpaceId {
        &self.space
    }

    /// Wakes who listens. Nobody needs to: appends by any process do it.
    pub fn wake(&self) {
        self.signal.wake();
    }

    /// Whether [`close`](Backend::close) was called.
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn open(&self) -> Result<(), StoreError> {
        if self.is_closed() { Err(StoreError::Closed) } else { Ok(()) }
    }

    fn not_erased(&self, columns: &mut Columns) -> Result<(), StoreError> {
        if columns.flag()? { Err(StoreError::SpaceErased(self.space.clone())) } else { Ok(()) }
    }

    /// The head, which each row of a page says first, and what `read` makes of the event behind it.
    fn page<T>(
        &self,
        rows: Vec<Row>,
        mut read: impl FnMut(&mut Columns) -> Result<Option<T>, StoreError>,
    ) -> Result<(Position, Vec<T>), StoreError> {
        let mut head = Position::ZERO;
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            let mut columns = Columns::from(row);
            head = columns.position()?;
            self.not_erased(&mut columns)?;
            events.extend(read(&mut columns)?);
        }
        Ok((head, events))
    }

    /// Writes runs that wait: in one statement, on top of what is on its way, or in a transaction, when that has landed.
    async fn write_waiting(&self, mut turn: MutexGuard<'_, Turn>, runs: usize) {
        let (client, sql, channel, space) = (&*self.client, &*self.sql, self.listener.channel(), &self.space);
        let target = Target { client, sql, channel, space };
        let waiting = self.queue.len();
        let taken = self.queue.take(runs);
        if taken.runs().is_empty() {
            return;
        }
        let mut failed = None;
        let plan = if C::PIPELINES { turn.plan(taken.runs()) } else { None };
        match plan {
            None => self.flights.landed().await,
            Some(plan) => {
                let restarts = turn.restarts;
                match self.flights.take_off(client, taken.runs().len(), waiting).await {
                    Ok(mut flight) => match flight.write(&target, &plan, turn).await {
                        // It has landed when all are answered: who goes next waits for them to come again.
                        Ok(true) => return self.answer(taken, Done::from(plan).answers().collect()),
                        Ok(false) => {}
                        Err(error) => failed = Some(error),
                    },
                    Err(error) => {
                        drop(turn);
                        failed = Some(error);
                    }
                }
                turn = self.turn.lock().await;
                turn.restart(restarts);
            }
        }
        let answers = append::write(&target, &mut turn.heads, taken.runs(), failed).await;
        turn.restarts += 1;
        drop(turn);
        self.answer(taken, answers);
    }

    fn answer(&self, taken: Taken<'_>, answers: Vec<Answer>) {
        let accepts = |outcome: &Outcome| matches!(outcome, Outcome::Accepted(_));
        let written = answers.iter().flatten().filter(|appended| appended.outcomes.iter().any(accepts));
        let head = written.map(|appended| appended.head).max();
        taken.answer(answers);
        if let Some(head) = head {
            self.signal.tell(head);
        }
    }

    async fn read(&self, sql: &str, params: &[&str]) -> Result<Vec<Row>, StoreError> {
        self.open()?;
        read(&*self.client, Statement::new(sql, params)).await
    }
}

/// Runs one statement that only reads, again where the connection was lost.
pub(super) async fn read<C: SqlClient>(client: &C, statement: Statement<'_>) -> Result<Vec<Row>, StoreError> {
    let mut tries = 0;
    loop {
        tries += 1;
        match read_once(client, statement).await {
            Err(error) if tries < READ_TRIES && error.is_transient() => {}
            result => return result.map_err(StoreError::from),
        }
    }
}

async fn read_once<C: SqlClient>(client: &C, statement: Statement<'_>) -> Result<Vec<Row>, SqlError> {
    let session = client.acquire().await?;
    let result = session.run(&[statement]).await;
    // Outside a transaction a statement that failed leaves nothing behind.
    if !result.as_ref().is_err_and(|error| error.connection_lost) {
        session.release();
    }
    Ok(result?.pop().unwrap_or_default())
}

impl<C: SqlClient> Backend for PostgresBackend<C> {
    async fn append(&self, run: Vec<Commit>) -> Result<Vec<Outcome>, StoreError> {
        Ok(self.append_up_to_head(run).await?.outcomes)
    }

    async fn append_up_to_head(&self, run: Vec<Commit>) -> Result<Appended, StoreError> {
        self.open()?;
        if run.is_empty() {
            return Ok(Appended { outcomes: Vec::new(), head: self.read_feed(&Query::last()).await?.head });
        }
        let unanswered = |_| StoreError::Internal("an append was given up".into());
        let mut answer = self.queue.push(run)?;
        loop {
            let returned = self.queue.returned();
            if self.queue.len() == 0 {
                match select(&mut answer, returned).await {
                    // Another caller wrote this run with its own.
                    Either::Left((answer, _)) => return answer.map_err(unanswered)?,
                    Either::Right(((), _)) => continue,
                }
            }
            let turn = match select(&mut answer, self.turn.lock()).await {
                Either::Left((answer, _)) => return answer.map_err(unanswered)?,
                Either::Right((turn, _)) => turn,
            };
            let ready = pin!(self.flights.ready(&*self.client, &self.queue));
            let runs = match select(&mut answer, ready).await {
                Either::Left((answer, _)) => return answer.map_err(unanswered)?,
                Either::Right((runs, _)) => runs,
            };
            if runs > 0 {
                self.write_waiting(turn, runs).await;
            }
        }
    }

    async fn read_streams(
        &self,
        streams: &[StreamId],
        query: &Query,
    ) -> Result<Vec<StreamSlice>, StoreError> {
        let sql = if query.backwards { &self.sql.read_streams_backwards } else { &self.sql.read_streams };
        let params = QueryParams::of(query);
        let asked = texts(streams.iter().map(StreamId::as_str));
        let rows = self
            .read(
                sql,
                &[
                    self.space.as_str(),
                    &asked,
                    &params.from_version,
                    &params.to_version,
                    &params.above,
                    &params.below,
                    &params.event_types,
                    &query.stream_prefix,
                    &params.max_events,
                ],
            )
            .await?;
        let absent = StreamSlice { version: EventVersion::ZERO, events: Vec::new() };
        let mut slices = vec![absent; streams.len()];
        for row in rows {
            let mut columns = Columns::from(row);
            let number = columns.number()?.checked_sub(1);
            let slice = number.and_then(|number| slices.get_mut(usize::try_from(number).ok()?));
            let slice =
                slice.ok_or_else(|| StoreError::Internal("a stream that was not asked for".into()))?;
            slice.version = columns.version()?;
            self.not_erased(&mut columns)?;
            slice.events.extend(columns.event()?);
        }
        for slice in &mut slices {
            in_order(&mut slice.events, query);
        }
        Ok(slices)
    }

    async fn read_feed(&self, query: &Query) -> Result<FeedSlice, StoreError> {
        let sql = if query.backwards { &self.sql.read_feed_backwards } else { &self.sql.read_feed };
        let params = QueryParams::of_page(query);
        let rows = self
            .read(
                sql,
                &[
                    self.space.as_str(),
                    &params.from_version,
                    &params.to_version,
                    &params.above,
                    &params.below,
                    &params.event_types,
                    &query.stream_prefix,
                    &params.max_events,
                ],
            )
            .await?;
        let (head, mut events) = self.page(rows, Columns::event)?;
        in_order(&mut events, query);
        Ok(FeedSlice::of(events, query, head))
    }

    async fn read_written(&self, after: Cursor, max_events: usize) -> Result<WrittenSlice, StoreError> {
        let limit = i64::try_from(max_events).unwrap_or(i64::MAX).to_string();
        let below = behind_page(after.get(), max_events).to_string();
        let params = [self.space.as_str(), &after.to_string(), &below, &limit];
        let rows = self.read(&self.sql.read_page, &params).await?;
        let (head, mut events) = self.page(rows, Columns::written)?;
        events.sort_by_key(|event| event.position);
        let complete = events.len() < max_events;
        let last = events.last().map_or(after, |event| event.position.into());
        let cursor = if complete { after.max(head.into()) } else { last };
        Ok(WrittenSlice { events, cursor, complete, head })
    }

    async fn locate(&self, id: EventId) -> Result<Option<Place>, StoreError> {
        let rows = self.read(&self.sql.locate, &[self.space.as_str(), &id.to_string()]).await?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        Ok(Some(Place::Confirmed(Columns::from(row).position()?)))
    }

    fn listen(&self) -> EventListener {
        let changed = self.signal.listen();
        // Who follows a closed log reads next, and is told.
        if !self.is_closed() {
            self.listener.follow(&self.space, &self.signal);
        }
        changed
    }

    fn ids(&self) -> &IdGenerator {
        &self.ids
    }

    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake();
    }
}

/// SQL promises an order only where it sorts; rows that come in order, as they do, are not moved.
fn in_order(events: &mut [RawEvent], query: &Query) {
    events.sort_by_key(|event| event.place);
    if query.backwards {
        events.reverse();
    }
}
