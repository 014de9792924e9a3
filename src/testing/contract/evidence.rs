//! What laws are written with: events to write, and findings that show what was expected and what was found.

use std::fmt::Debug;
use std::pin::pin;
use std::task::Poll;

use futures_util::future::{self, Either};
use futures_util::{Stream, StreamExt};

use crate::error::StoreError;
use crate::event::{EventToWrite, EventType, Json, JsonEvent, StoredEvent, StreamId};
use crate::store::{EventStore, FeedPage, ReadOptions};
use crate::version::ExpectedVersion::{Exact, NoCheck};
use crate::version::{EventVersion, ExpectedVersion, WriteResult};

/// What became of a law: kept, or how it was broken.
pub(super) type Verdict = Result<(), String>;

/// Milliseconds that a subscription may take to deliver an event.
const PATIENCE: u64 = 20_000;

pub(super) const A: StreamId = StreamId::from_static("a");
pub(super) const B: StreamId = StreamId::from_static("b");
pub(super) const C: StreamId = StreamId::from_static("c");

/// Breaks a law unless a condition holds.
macro_rules! ensure {
    ($holds:expr, $($evidence:tt)+) => {
        if !$holds {
            return Err(format!($($evidence)+));
        }
    };
}
pub(super) use ensure;

/// Two things that must be equal.
pub(super) fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Verdict {
    ensure!(found == expected, "{what}: expected {expected:?}, found {found:?}");
    Ok(())
}

/// What must succeed, with what it was to do.
pub(super) trait Must<T> {
    fn must(self, what: &str) -> Result<T, String>;
}

impl<T> Must<T> for Result<T, StoreError> {
    fn must(self, what: &str) -> Result<T, String> {
        self.map_err(|error| format!("{what}: failed with {}: {error}", error.code()))
    }
}

/// What must fail with this code.
pub(super) fn refused<T: Debug>(what: &str, result: Result<T, StoreError>, code: &str) -> Verdict {
    match result {
        Err(error) if error.code() == code => Ok(()),
        Err(error) => Err(format!("{what}: expected {code}, failed with {}: {error}", error.code())),
        Ok(done) => Err(format!("{what}: expected {code}, but it was done: {done:?}")),
    }
}

/// An expectation of a number of events.
pub(super) const fn at(version: u64) -> ExpectedVersion {
    Exact(EventVersion::new(version))
}

/// An event of this type with this JSON; both are the law's own and valid.
pub(super) fn event(event_type: &str, json: &str) -> JsonEvent {
    match (EventType::try_new(event_type), Json::parse(json)) {
        (Ok(event_type), Ok(payload)) => JsonEvent { event_type, payload },
        (event_type, payload) => panic!("a law states an invalid event: {event_type:?}, {payload:?}"),
    }
}

/// An event type that is the law's own and valid.
pub(super) fn kind(event_type: &str) -> EventType {
    event(event_type, "null").event_type
}

/// An event to write, told apart from others by a number.
pub(super) fn note(stream: &StreamId, expected: ExpectedVersion, number: u64) -> EventToWrite<JsonEvent> {
    let payload = event("Noted", &format!("{{\"number\":{number}}}"));
    EventToWrite::new(stream.clone(), payload, expected)
}

/// The numbers of [`note`]s.
pub(super) fn numbers<'a>(
    events: impl IntoIterator<Item = &'a StoredEvent<JsonEvent>>,
) -> Result<Vec<u64>, String> {
    #[derive(serde::Deserialize)]
    struct Note {
        number: u64,
    }
    let number =
        |event: &StoredEvent<JsonEvent>| {
            event.payload.payload.to().map(|note: Note| note.number).map_err(|error| {
                format!("event {} came back as {:?}: {error}", event.id, event.payload.payload)
            })
        };
    events.into_iter().map(number).collect()
}

/// Writes so many notes to a stream, one commit each, numbered from 1, without a check.
pub(super) async fn fill<S: EventStore<Event = JsonEvent>>(
    store: &S,
    stream: &StreamId,
    count: u64,
) -> Result<Vec<WriteResult>, String> {
    let mut results = Vec::new();
    for number in 1..=count {
        results
            .push(store.write_events(note(stream, NoCheck, number)).await.must("a write without a check")?);
    }
    Ok(results)
}

/// The whole feed, in one page.
pub(super) async fn feed<S: EventStore<Event = JsonEvent>>(store: &S) -> Result<FeedPage<JsonEvent>, String> {
    store.read_all_events(ReadOptions::default().max_events(100_000)).await.must("a read of the feed")
}

/// A whole stream's numbers.
pub(super) async fn stream<S: EventStore<Event = JsonEvent>>(
    store: &S,
    stream: &StreamId,
) -> Result<Vec<u64>, String> {
    let read = store.read_stream(stream, ReadOptions::default()).await.must("a read of a stream")?;
    same("the version of a stream and its number of events", read.version.get(), read.events.len() as u64)?;
    numbers(&read.events)
}

/// That a refused write left nothing: the feed is as it was.
pub(super) async fn unchanged<S: EventStore<Event = JsonEvent>>(
    store: &S,
    before: &FeedPage<JsonEvent>,
) -> Verdict {
    let after = feed(store).await?;
    same("the head after a refused write", after.head, before.head)?;
    same("the feed after a refused write", &after.events, &before.events)
}

/// The next event of a subscription, which must come.
pub(super) async fn next<T>(
    subscription: &mut (impl Stream<Item = Result<T, StoreError>> + Unpin),
) -> Result<T, String> {
    let limit = pin!(crate::timer::sleep(PATIENCE));
    match future::select(subscription.next(), limit).await {
        Either::Left((Some(event), _)) => event.must("following the feed"),
        Either::Left((None, _)) => Err("the subscription ended by itself".into()),
        Either::Right(_) => Err(format!("the subscription delivered nothing for {PATIENCE} ms")),
    }
}

/// So many events of a subscription, which must come.
pub(super) async fn take<T>(
    subscription: &mut (impl Stream<Item = Result<T, StoreError>> + Unpin),
    count: usize,
) -> Result<Vec<T>, String> {
    let mut events = Vec::with_capacity(count);
    while events.len() < count {
        let number = events.len() + 1;
        let event = next(subscription).await;
        events.push(event.map_err(|evidence| format!("event {number} of {count}: {evidence}"))?);
    }
    Ok(events)
}

/// Lets the other futures of a law go on.
pub(super) async fn pause() {
    let mut paused = false;
    future::poll_fn(|context| {
        if std::mem::replace(&mut paused, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
