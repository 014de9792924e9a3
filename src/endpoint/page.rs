//! Pages of the feed, as they go out: the events are text from the storage to the socket.

use crate::error::StoreError;
use crate::event::json::to_text;
use crate::store::{Backend, WrittenSlice};
use crate::version::{Cursor, Position};

use super::handler::{Endpoint, Spaces};

/// An [`EventsAnswer`](crate::protocol::EventsAnswer) as text.
pub(super) struct Page {
    pub(super) cursor: Cursor,
    pub(super) complete: bool,
    pub(super) head: Position,
    pub(super) text: String,
}

impl Page {
    fn of(backend_id: &str, slice: &WrittenSlice) -> Self {
        let &WrittenSlice { ref events, cursor, complete, head } = slice;
        let backend_id = to_text(&backend_id);
        let room = events.iter().map(|event| event.text.len() + 1).sum::<usize>() + backend_id.len() + 128;
        let mut text = String::with_capacity(room);
        text += &format!(
            r#"{{"backendId":{backend_id},"head":{head},"cursor":{cursor},"complete":{complete},"events":["#
        );
        for (at, event) in events.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            text += &event.text;
        }
        text += "]}";
        Self { cursor, complete, head, text }
    }
}

impl<S: Spaces> Endpoint<S> {
    pub(super) async fn page(
        &self,
        log: &S::Log,
        after: Cursor,
        limit: Option<usize>,
    ) -> Result<Page, StoreError> {
        let most = self.config().page_events;
        let slice = whole_commits(log, after, limit.map_or(most, |limit| limit.clamp(1, most))).await?;
        Ok(Page::of(&self.identity().await?, &slice))
    }
}

/// A page of the feed that ends where a commit ends: a replica never holds half of one, not even for a moment.
/// It has about `limit` events; more only where a single commit has more.
async fn whole_commits<B: Backend>(log: &B, after: Cursor, limit: usize) -> Result<WrittenSlice, StoreError> {
    let mut room = limit;
    loop {
        // One event more than fits tells whether the last commit that fits goes on behind it.
        let mut page = log.read_written(after, room.saturating_add(1)).await?;
        let Some(behind) = page.events.get(room) else { return Ok(page) };
        let next = behind.commit_id;
        let whole = page.events.iter().position(|event| event.commit_id == next).unwrap_or(room);
        page.events.truncate(whole);
        if let Some(last) = page.events.last() {
            return Ok(WrittenSlice { cursor: last.position.into(), complete: false, ..page });
        }
        room = room.saturating_mul(2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CommitId, EventId, RawEvent};
    use crate::protocol::EventsAnswer;
    use crate::store::WrittenEvent;

    #[test]
    fn a_page_is_written_as_the_protocol_has_it() {
        let event = format!(
            r#"{{"position":7,"id":"{id}","commitId":"{id}","streamId":"s","version":1,"type":"T","payload":null,"metadata":{{"correlationId":"c"}},"occurredAt":"2026-01-31T23:59:59.999Z"}}"#,
            id = EventId::new(),
        );
        let raw: RawEvent = serde_json::from_str(&event).unwrap();
        let written = WrittenEvent::of(&raw).unwrap();
        assert_eq!(written.text, event);
        let commit_id: CommitId = raw.commit_id;
        assert_eq!((written.position, written.commit_id), (Position::new(7), commit_id));
        let (cursor, head) = (Cursor::new(8), Position::new(9));
        for count in 0..3 {
            let events = vec![written.clone(); count];
            let slice = WrittenSlice { events, cursor, complete: false, head };
            let page = Page::of("it's \"mine\"", &slice);
            let same = EventsAnswer {
                backend_id: "it's \"mine\"".into(),
                head,
                cursor,
                complete: false,
                events: vec![raw.clone(); count],
            };
            assert_eq!(page.text, to_text(&same));
        }
    }
}
