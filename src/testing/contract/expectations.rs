//! Laws of expected versions: when each holds, what a conflict says, what a success says.

use super::StoreFactory;
use super::evidence::*;
use crate::error::StoreError;
use crate::event::Batch;
use crate::store::{EventStore, ReadOptions};
use crate::version::ExpectedVersion::{Any, NoCheck, NoStream};
use crate::version::{EventVersion, ExpectedVersion, Positions, StreamConflict};

/// Tries an expectation on a stream of so many events; a success adds one, a conflict says what is there.
async fn attempt<F: StoreFactory>(
    factory: &F,
    events: u64,
    expected: ExpectedVersion,
    holds: bool,
) -> Verdict {
    let store = factory.create().await;
    fill(&store, &A, events).await?;
    let what = format!("{expected:?} on a stream of {events} events");
    let result = store.write_events(note(&A, expected, events + 1)).await;
    if holds {
        let result = result.must(&what)?;
        same(&what, result.versions.get(&A).copied(), Some(EventVersion::new(events + 1)))?;
        return same(&what, stream(&store, &A).await?, (1..=events + 1).collect());
    }
    let Err(StoreError::VersionConflict(conflict)) = result else {
        return Err(format!("{what}: expected VERSION_CONFLICT, got {result:?}"));
    };
    let actual = EventVersion::new(events);
    same(&what, conflict.streams, vec![StreamConflict { stream_id: A, expected, actual }])?;
    same(&what, stream(&store, &A).await?, (1..=events).collect())
}

pub(super) async fn no_stream_holds_only_of_an_absent_stream<F: StoreFactory>(factory: &F) -> Verdict {
    attempt(factory, 0, NoStream, true).await?;
    attempt(factory, 1, NoStream, false).await?;
    attempt(factory, 3, NoStream, false).await
}

pub(super) async fn exact_holds_only_at_that_version<F: StoreFactory>(factory: &F) -> Verdict {
    for (events, expected, holds) in [
        (0, 0, true),
        (0, 1, false),
        (1, 0, false),
        (1, 1, true),
        (3, 2, false),
        (3, 3, true),
        (3, 4, false),
        (3, EventVersion::MAX.get(), false),
    ] {
        attempt(factory, events, at(expected), holds).await?;
    }
    Ok(())
}

pub(super) async fn any_holds_only_of_a_present_stream<F: StoreFactory>(factory: &F) -> Verdict {
    attempt(factory, 0, Any, false).await?;
    attempt(factory, 1, Any, true).await?;
    attempt(factory, 3, Any, true).await
}

pub(super) async fn no_check_always_holds<F: StoreFactory>(factory: &F) -> Verdict {
    attempt(factory, 0, NoCheck, true).await?;
    attempt(factory, 3, NoCheck, true).await
}

pub(super) async fn versions_count_from_one<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    for number in 1..=5 {
        let result = store.write_events(note(&A, at(number - 1), number)).await.must("the next event")?;
        same("the version after a write", result.versions[&A], EventVersion::new(number))?;
        fill(&store, &B, 1).await?;
    }
    let read = store.read_stream(&A, ReadOptions::default()).await.must("a read")?;
    let versions: Vec<u64> = read.events.iter().map(|event| event.version.get()).collect();
    same("the versions of a stream", versions, vec![1, 2, 3, 4, 5])?;
    same("the stream of each event", read.events.iter().all(|event| event.stream_id == A), true)
}

pub(super) async fn a_conflict_names_the_streams_that_are_not_as_expected<F: StoreFactory>(
    factory: &F,
) -> Verdict {
    let store = factory.create().await;
    fill(&store, &A, 2).await?;
    fill(&store, &B, 1).await?;
    let before = feed(&store).await?;
    let batch = Batch::new(vec![note(&A, at(1), 0), note(&B, at(1), 0), note(&C, NoStream, 0)])
        .with_precondition("d".parse().map_err(|_| "a stream id")?, Any);
    let Err(StoreError::VersionConflict(mut conflict)) = store.write_events(batch).await else {
        return Err("a batch with two stale streams was not answered with VERSION_CONFLICT".into());
    };
    conflict.streams.sort_by(|one, other| one.stream_id.cmp(&other.stream_id));
    let streams: Vec<_> = conflict
        .streams
        .iter()
        .map(|stream| (stream.stream_id.as_str(), stream.expected, stream.actual.get()))
        .collect();
    same("the streams of the conflict", streams, vec![("a", at(1), 2), ("d", Any, 0)])?;
    unchanged(&store, &before).await
}

pub(super) async fn the_result_tells_versions_positions_and_ids<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    fill(&store, &B, 2).await?;
    let batch = vec![note(&A, NoStream, 1), note(&B, at(2), 2), note(&A, NoStream, 3)];
    let result = store.write_events(batch).await.must("a batch over two streams")?;
    let versions: Vec<_> = result.versions.iter().map(|(id, version)| (id.as_str(), version.get())).collect();
    same("the versions of the result", versions, vec![("a", 2), ("b", 3)])?;
    let written = &feed(&store).await?.events[2..];
    same("the ids of the result", result.event_ids, written.iter().map(|event| event.id).collect())?;
    same("the numbers of what was written", numbers(written)?, vec![1, 2, 3])?;
    same("the commit of each event", written.iter().all(|event| event.commit_id == result.commit_id), true)?;
    // A store that waits for an endpoint has no positions yet.
    let first = written.first().and_then(|event| event.position());
    let last = written.last().and_then(|event| event.position());
    let positions = first.zip(last).map(|(first, last)| Positions { first, last });
    same("the positions of the result", result.positions, positions)
}
