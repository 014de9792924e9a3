//! Given what happened, when a decision is made, then this happens: decisions of
//! [`execute`](crate::state::execute) without a store.

use std::collections::HashMap;
use std::fmt::Debug;

use super::builders::StoredEventBuilder;
use crate::event::{Event, StoredEvent, StreamEvents, StreamId};
use crate::state::Decision;
use crate::version::EventVersion;

/// What happened before.
#[derive(Debug, Clone)]
pub struct Given<E> {
    events: Vec<StoredEvent<E>>,
}

/// These events happened, in this order.
///
/// ```
/// use eventcore_web::event::{StreamEvents, StreamId};
/// use eventcore_web::state::Decision;
/// use eventcore_web::testing::given;
///
/// #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
/// enum Account { Opened, Closed }
///
/// const ALICE: StreamId = StreamId::from_static("account-alice");
///
/// fn close(streams: &[StreamEvents<Account>]) -> Result<Decision<Account>, &'static str> {
///     match streams[0].events.last().map(|event| &event.payload) {
///         Some(Account::Opened) => Ok(Decision::nothing().emit(ALICE, Account::Closed)),
///         _ => Err("there is no open account"),
///     }
/// }
///
/// given([(ALICE, Account::Opened)]).when(&[ALICE], close).then([(ALICE, Account::Closed)]);
/// given([(ALICE, Account::Closed)]).when(&[ALICE], close).then_fails_with(&"there is no open account");
/// ```
pub fn given<E: Event>(events: impl IntoIterator<Item = (StreamId, E)>) -> Given<E> {
    given_nothing().and(events)
}

/// Nothing happened.
pub const fn given_nothing<E: Event>() -> Given<E> {
    Given { events: Vec::new() }
}

impl<E: Event> Given<E> {
    /// These happened as well, later.
    #[must_use]
    pub fn and(mut self, events: impl IntoIterator<Item = (StreamId, E)>) -> Self {
        let mut heads: HashMap<StreamId, EventVersion> =
            self.events.iter().map(|event| (event.stream_id.clone(), event.version)).collect();
        for (stream_id, payload) in events {
            let head = heads.entry(stream_id.clone()).or_default();
            *head = head.next();
            let event = StoredEventBuilder::new().with_stream_id(stream_id).with_version(*head);
            self.events.push(event.with_payload(payload).build());
        }
        self
    }

    /// What happened, numbered as a store would.
    pub fn events(&self) -> &[StoredEvent<E>] {
        &self.events
    }

    /// Decides over these streams, as [`execute`](crate::state::execute) would.
    pub fn when<X>(
        self,
        streams: &[StreamId],
        decide: impl FnOnce(&[StreamEvents<E>]) -> Result<Decision<E>, X>,
    ) -> Then<E, X> {
        let read: Vec<StreamEvents<E>> = streams
            .iter()
            .map(|stream_id| {
                let of_stream = self.events.iter().filter(|event| event.stream_id == *stream_id);
                let events: Vec<_> = of_stream.cloned().collect();
                let version = events.last().map_or(EventVersion::ZERO, |event| event.version);
                StreamEvents { stream_id: stream_id.clone(), version, events }
            })
            .collect();
        Then { streams: streams.to_vec(), decided: decide(&read) }
    }
}

/// What was decided. Without a check nothing is tested.
#[derive(Debug)]
#[must_use = "say what should have been decided"]
pub struct Then<E, X> {
    streams: Vec<StreamId>,
    decided: Result<Decision<E>, X>,
}

impl<E: Event + PartialEq + Debug, X: Debug> Then<E, X> {
    /// Exactly these events were emitted, in this order.
    ///
    /// # Panics
    /// With the first event that differs, with the refusal, or with a stream that was not read.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = (StreamId, E)>) {
        let emitted = self.emitted();
        let expected: Vec<_> = expected.into_iter().collect();
        for at in 0..emitted.len().max(expected.len()) {
            assert!(
                emitted.get(at) == expected.get(at),
                "the decision differs at event {at}:\n  expected {}\n  emitted  {}",
                show(expected.get(at)),
                show(emitted.get(at)),
            );
        }
    }

    /// Nothing was emitted, and that is well.
    ///
    /// # Panics
    /// With what was emitted, or with the refusal.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then([]);
    }

    /// The decision was refused for this reason.
    ///
    /// # Panics
    /// With the other reason, or with what was emitted.
    #[track_caller]
    pub fn then_fails_with(self, expected: &X)
    where
        X: PartialEq,
    {
        let found = self.then_fails();
        assert!(
            found == *expected,
            "refused for another reason:\n  expected {expected:?}\n  found    {found:?}"
        );
    }

    /// The decision was refused; answers with the reason.
    ///
    /// # Panics
    /// With what was emitted.
    #[track_caller]
    pub fn then_fails(self) -> X {
        match self.decided {
            Err(reason) => reason,
            Ok(decision) => panic!("the decision was not refused, it is {decision:?}"),
        }
    }

    #[track_caller]
    fn emitted(self) -> Vec<(StreamId, E)> {
        match self.decided {
            Err(reason) => panic!("the decision was refused: {reason:?}"),
            Ok(decision) => {
                if let Err(error) = decision.check(&self.streams) {
                    panic!("{error}");
                }
                decision.into_events().map(|event| (event.stream_id, event.payload)).collect()
            }
        }
    }
}

fn show<E: Debug>(event: Option<&(StreamId, E)>) -> String {
    match event {
        Some((stream_id, payload)) => format!("{payload:?} in stream {stream_id:?}"),
        None => "no more".into(),
    }
}
