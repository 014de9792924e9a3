//! Laws of ids: kept, unique, and the key by which a repeated write is recognised.

use std::collections::HashSet;

use futures_util::future::join_all;

use super::StoreFactory;
use super::evidence::*;
use crate::event::{Batch, CommitId, EventId, EventMetadata, EventToWrite, StreamId};
use crate::store::EventStore;
use crate::version::ExpectedVersion::{NoCheck, NoStream};

pub(super) async fn ids_are_unique_and_increase<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let mut ids = Vec::new();
    let mut commits = HashSet::new();
    for number in 0..20 {
        let batch = vec![note(&A, NoCheck, number), note(&B, NoCheck, number)];
        let result = store.write_events(batch).await.must("a write")?;
        ids.extend(result.event_ids);
        ensure!(commits.insert(result.commit_id), "commit id {} was given twice", result.commit_id);
    }
    if let Some(pair) = ids.windows(2).find(|pair| pair[0] >= pair[1]) {
        return Err(format!("id {} was given after {}", pair[1], pair[0]));
    }
    let in_feed: Vec<EventId> = feed(&store).await?.events.iter().map(|event| event.id).collect();
    same("the ids in the feed", in_feed, ids)
}

pub(super) async fn a_given_id_is_kept<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    // Given in the order in which they are not written: ids of an outbox are old when they arrive.
    let (older, newer, commit) = (EventId::new(), EventId::new(), CommitId::new());
    store.write_events(note(&A, NoStream, 1).with_id(newer)).await.must("a write with an id")?;
    let batch = Batch { commit_id: Some(commit), ..vec![note(&A, at(1), 2).with_id(older)].into() };
    let result = store.write_events(batch).await.must("a write with an older id")?;
    same("the ids of the result", (result.commit_id, result.event_ids), (commit, vec![older]))?;
    let events = feed(&store).await?.events;
    let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
    same("the ids in the feed, in commit order", ids, vec![newer, older])?;
    same("the commit of the second", events[1].commit_id, commit)
}

pub(super) async fn a_repeat_answers_with_the_first_result<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let ids = [EventId::new(), EventId::new(), EventId::new()];
    let batch = || {
        vec![
            note(&A, NoStream, 1).with_id(ids[0]),
            note(&B, NoStream, 2).with_id(ids[1]),
            note(&A, NoStream, 3).with_id(ids[2]),
        ]
    };
    let first = store.write_events(batch()).await.must("the first write")?;
    let before = feed(&store).await?;
    for _ in 0..2 {
        let again = store.write_events(batch()).await.must("the same write again")?;
        same("the result of a repeat", again, first.clone())?;
        unchanged(&store, &before).await?;
    }
    // A store that was synced or reopened meanwhile may hear of it under another commit id.
    let renamed = Batch { commit_id: Some(CommitId::new()), ..batch().into() };
    let again = store.write_events(renamed).await.must("the same events under another commit id")?;
    same("the result of a repeat under another commit id", again, first)?;
    unchanged(&store, &before).await
}

pub(super) async fn a_repeat_comes_before_any_version_check<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let id = EventId::new();
    let batch = || Batch::new(vec![note(&A, NoStream, 1).with_id(id)]).with_precondition(B, NoStream);
    let first = store.write_events(batch()).await.must("the first write")?;
    fill(&store, &A, 3).await?;
    fill(&store, &B, 3).await?;
    let before = feed(&store).await?;
    let again = store.write_events(batch()).await.must("a repeat after its streams moved on")?;
    same("the result of a late repeat", again, first.clone())?;
    let other_expectation = note(&A, at(77), 1).with_id(id);
    let again = store.write_events(other_expectation).await.must("a repeat with another expectation")?;
    same("the result of a repeat with another expectation", again, first)?;
    unchanged(&store, &before).await
}

pub(super) async fn a_repeat_may_spell_its_content_otherwise<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let id = EventId::new();
    let write = |json| {
        let metadata = EventMetadata::correlated(id.into()).with_custom("a", 1).with_custom("b", 2);
        EventToWrite::new(A, event("Noted", json), NoStream).with_id(id).with_metadata(metadata)
    };
    let first = store.write_events(write(r#"{"a": 1, "b": [1.50, "ä/"]}"#)).await.must("the first write")?;
    for json in [r#"{"b":[1.5,"ä/"],"a":1}"#, "{ \"a\" : 1.0,\n \"b\": [15e-1, \"\\u00e4\\/\"] }"] {
        let again = store.write_events(write(json)).await.must(&format!("the same content as {json}"))?;
        same("the result", again, first.clone())?;
    }
    same("the number of events", feed(&store).await?.events.len(), 1)
}

pub(super) async fn an_id_with_other_content_is_refused<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let id = EventId::new();
    let write = |stream: &StreamId| note(stream, NoCheck, 1).with_id(id);
    store.write_events(write(&A)).await.must("the first write")?;
    let before = feed(&store).await?;
    let other_time = id.timestamp() + chrono::TimeDelta::milliseconds(1);
    let others = [
        ("payload", note(&A, NoCheck, 2).with_id(id)),
        ("type", EventToWrite::new(A, event("Other", r#"{"number":1}"#), NoCheck).with_id(id)),
        ("stream", write(&B)),
        ("metadata", write(&A).with_metadata(EventMetadata::new())),
        ("time", write(&A).at(other_time)),
    ];
    for (what, other) in others {
        let result = store.write_events(other.clone()).await;
        refused(&format!("a known id with another {what}"), result, "EVENT_ID_REUSED")?;
        let batch = vec![note(&C, NoStream, 1), other];
        let result = store.write_events(batch).await;
        refused(&format!("a batch with a known id and another {what}"), result, "EVENT_ID_REUSED")?;
        unchanged(&store, &before).await?;
    }
    store.write_events(write(&A)).await.must("the first write again, after the refusals")?;
    unchanged(&store, &before).await
}

pub(super) async fn part_of_a_commit_is_no_repeat<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let ids = [EventId::new(), EventId::new()];
    // What the batch leaves out follows from its first event, so the metadata is stated.
    let metadata = EventMetadata::new();
    let event = |at: usize| note(&A, NoCheck, at as u64).with_id(ids[at]).with_metadata(metadata.clone());
    store.write_events(event(0)).await.must("the first commit")?;
    store.write_events(event(1)).await.must("the second commit")?;
    let before = feed(&store).await?;
    let new = note(&B, NoCheck, 9).with_metadata(metadata.clone());
    let known_and_new = store.write_events(vec![event(0), new]).await;
    refused("a known event beside a new one", known_and_new, "EVENT_ID_REUSED")?;
    let both = store.write_events(vec![event(0), event(1)]).await;
    refused("the events of two commits as one", both, "EVENT_ID_REUSED")?;
    unchanged(&store, &before).await
}

pub(super) async fn concurrent_repeats_write_once<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let (id, second) = (EventId::new(), EventId::new());
    let write =
        || store.write_events(vec![note(&A, NoStream, 1).with_id(id), note(&B, NoCheck, 2).with_id(second)]);
    let results = join_all((0..8).map(|_| write())).await;
    let mut first = None;
    for result in results {
        let result = result.must("one of eight equal writes at once")?;
        same("its result", &result, first.get_or_insert_with(|| result.clone()))?;
    }
    same("stream a", stream(&store, &A).await?, vec![1])?;
    same("stream b", stream(&store, &B).await?, vec![2])
}
