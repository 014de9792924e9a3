//! What an engine does about an endpoint that lost what it had confirmed, or is another one than before.

use crate::event::{Place, RawEvent};
use crate::maybe::MaybeSend;
use crate::protocol::EventsAnswer;
use crate::store::{Query, Replica};
use crate::version::{Cursor, Position};

use super::answer::storage;
use super::machine::Failure;

/// Takes back into the outbox what the endpoint no longer has. Logs only grow, so where two of them are the same at
/// a position, they are the same up to it: the last such position is found by halves.
pub(super) async fn rewind<R, F>(replica: &R, page: impl Fn(Cursor) -> F + MaybeSend) -> Result<(), Failure>
where
    R: Replica,
    F: Future<Output = Result<EventsAnswer, Failure>> + MaybeSend,
{
    let (mut same, mut end) = (0, replica.state().await.map_err(storage)?.cursor.get());
    while same < end {
        let middle = end - (end - same) / 2;
        let here = event_at(replica, Cursor::new(middle)).await?;
        let there = page(Cursor::new(middle - 1)).await?;
        match is_at(here.as_ref(), &there) {
            true => same = middle,
            false => end = middle - 1,
        }
    }
    replica.rewind(Cursor::new(same)).await.map_err(storage)
}

/// Whether a page begins with an event.
pub(super) fn is_at(event: Option<&RawEvent>, page: &EventsAnswer) -> bool {
    let first = page.events.first();
    event.zip(first).is_some_and(|(here, there)| here.id == there.id && here.place == there.place)
}

/// The confirmed event at a position.
pub(super) async fn event_at<R: Replica>(replica: &R, at: Cursor) -> Result<Option<RawEvent>, Failure> {
    let query = Query {
        after: Some(Place::Confirmed(Position::from(at).next())),
        max_events: 1,
        backwards: true,
        pending: false,
        ..Query::default()
    };
    Ok(replica.read_feed(&query).await.map_err(storage)?.events.pop())
}
