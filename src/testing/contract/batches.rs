//! Laws of batches: several events of a stream, several streams, all or nothing, streams that are only read.

use super::StoreFactory;
use super::evidence::*;
use crate::event::{Batch, EventId, StreamId};
use crate::store::{EventStore, ReadOptions};
use crate::version::ExpectedVersion;
use crate::version::ExpectedVersion::{Any, NoCheck, NoStream};

pub(super) async fn a_batch_numbers_the_events_of_each_stream<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    fill(&store, &A, 2).await?;
    let batch = vec![
        note(&B, NoStream, 10),
        note(&A, at(2), 11),
        note(&C, NoCheck, 12),
        note(&B, NoStream, 13),
        note(&A, at(2), 14),
        note(&B, NoStream, 15),
    ];
    store.write_events(batch).await.must("an interleaved batch over three streams")?;
    same("stream a", stream(&store, &A).await?, vec![1, 2, 11, 14])?;
    same("stream b", stream(&store, &B).await?, vec![10, 13, 15])?;
    same("stream c", stream(&store, &C).await?, vec![12])?;
    let read = store.read_streams(&[A, B], ReadOptions::default()).await.must("a read of two streams")?;
    for stream in read {
        let versions: Vec<u64> = stream.events.iter().map(|event| event.version.get()).collect();
        let expected: Vec<u64> = (1..=stream.version.get()).collect();
        same(&format!("the versions of stream {:?}", stream.stream_id), versions, expected)?;
    }
    let order = numbers(&feed(&store).await?.events)?;
    same("the feed, in the order of the batch", order, vec![1, 2, 10, 11, 12, 13, 14, 15])
}

pub(super) async fn a_later_event_repeats_the_expectation_or_runs_on<F: StoreFactory>(
    factory: &F,
) -> Verdict {
    for (events, stated) in [
        (0, [NoStream, NoStream, NoStream]),
        (0, [NoStream, at(1), at(2)]),
        (0, [at(0), NoStream, at(0)]),
        (2, [at(2), at(2), at(2)]),
        (2, [at(2), at(3), at(4)]),
        (2, [at(2), at(2), at(4)]),
        (2, [Any, Any, Any]),
        (0, [NoCheck, NoCheck, NoCheck]),
    ] {
        let store = factory.create().await;
        fill(&store, &A, events).await?;
        let batch: Vec<_> = stated.iter().map(|expected| note(&A, *expected, 9)).collect();
        store.write_events(batch).await.must(&format!("{stated:?} on a stream of {events} events"))?;
        same("the number of events", stream(&store, &A).await?.len() as u64, events + 3)?;
    }
    Ok(())
}

pub(super) async fn a_contradiction_is_refused_before_anything_is_written<F: StoreFactory>(
    factory: &F,
) -> Verdict {
    let store = factory.create().await;
    fill(&store, &A, 2).await?;
    let before = feed(&store).await?;
    let contradictions: [[ExpectedVersion; 2]; 7] = [
        [at(2), at(4)],
        [at(2), at(1)],
        [at(2), NoStream],
        [at(2), Any],
        [Any, at(2)],
        [Any, NoCheck],
        [NoCheck, at(3)],
    ];
    for stated in contradictions {
        // What stands before the contradiction would be allowed by itself.
        let batch = vec![note(&B, NoStream, 1), note(&A, stated[0], 2), note(&A, stated[1], 3)];
        refused(&format!("{stated:?}"), store.write_events(batch).await, "INVALID_BATCH")?;
        unchanged(&store, &before).await?;
    }
    Ok(())
}

pub(super) async fn an_empty_batch_is_refused<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    refused("a batch of nothing", store.write_events(vec![]).await, "INVALID_BATCH")?;
    let only_reads = Batch::new(vec![]).with_precondition(A, NoStream);
    refused("a batch of preconditions", store.write_events(only_reads).await, "INVALID_BATCH")?;
    same("the feed", feed(&store).await?.events, vec![])
}

pub(super) async fn an_id_stands_once_in_a_batch<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let id = EventId::new();
    let twice = vec![note(&A, NoCheck, 1).with_id(id), note(&B, NoCheck, 1).with_id(id)];
    refused("an id that stands twice", store.write_events(twice).await, "INVALID_BATCH")?;
    same("the feed", feed(&store).await?.events, vec![])
}

pub(super) async fn one_stale_stream_refuses_the_whole_batch<F: StoreFactory>(factory: &F) -> Verdict {
    for stale in 0..3 {
        let store = factory.create().await;
        let streams = [A, B, C];
        for stream in &streams {
            fill(&store, stream, 2).await?;
        }
        let before = feed(&store).await?;
        let batch = streams.iter().enumerate().flat_map(|(number, stream)| {
            let expected = if number == stale { at(1) } else { at(2) };
            [note(stream, expected, 8), note(stream, expected, 9)]
        });
        let what = format!("a batch whose stream {:?} is stale", streams[stale]);
        refused(&what, store.write_events(batch.collect::<Vec<_>>()).await, "VERSION_CONFLICT")?;
        unchanged(&store, &before).await?;
        for stream_id in &streams {
            same(&format!("{what}: stream {stream_id:?}"), stream(&store, stream_id).await?, vec![1, 2])?;
        }
    }
    Ok(())
}

pub(super) async fn a_precondition_guards_a_stream_that_is_only_read<F: StoreFactory>(
    factory: &F,
) -> Verdict {
    for (events, expected, holds) in [
        (0, NoStream, true),
        (2, NoStream, false),
        (0, at(0), true),
        (2, at(2), true),
        (2, at(1), false),
        (2, at(3), false),
        (0, Any, false),
        (2, Any, true),
        (0, NoCheck, true),
        (2, NoCheck, true),
    ] {
        let store = factory.create().await;
        fill(&store, &B, events).await?;
        let what = format!("a precondition {expected:?} on a stream of {events} events");
        let batch = Batch::new(vec![note(&A, NoStream, 1)]).with_precondition(B, expected);
        let result = store.write_events(batch).await;
        if holds {
            let result = result.must(&what)?;
            let written: Vec<&StreamId> = result.versions.keys().collect();
            same(&format!("{what}: the streams written"), written, vec![&A])?;
        } else {
            refused(&what, result, "VERSION_CONFLICT")?;
        }
        same(&what, stream(&store, &A).await?.len(), usize::from(holds))?;
        same(&format!("{what}: the stream itself"), stream(&store, &B).await?.len() as u64, events)?;
    }
    Ok(())
}

pub(super) async fn a_failed_precondition_refuses_the_whole_batch<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    fill(&store, &C, 3).await?;
    let before = feed(&store).await?;
    for stale in [NoStream, at(2)] {
        let batch = Batch::new(vec![note(&A, NoStream, 1), note(&B, NoCheck, 2)])
            .with_precondition("d".parse().map_err(|_| "a stream id")?, NoStream)
            .with_precondition(C, stale);
        refused(&format!("{stale:?}"), store.write_events(batch).await, "VERSION_CONFLICT")?;
        unchanged(&store, &before).await?;
    }
    Ok(())
}

pub(super) async fn a_precondition_does_not_contradict_an_event<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    fill(&store, &A, 2).await?;
    let before = feed(&store).await?;
    for stated in [Any, NoCheck, NoStream, at(1), at(3)] {
        let batch = Batch::new(vec![note(&A, at(2), 3)]).with_precondition(A, stated);
        let what = format!("a precondition {stated:?} beside an event that expects version 2");
        refused(&what, store.write_events(batch).await, "INVALID_BATCH")?;
        unchanged(&store, &before).await?;
    }
    let twice = Batch::new(vec![note(&B, NoCheck, 1)]).with_precondition(A, at(2)).with_precondition(A, Any);
    refused("two preconditions of one stream", store.write_events(twice).await, "INVALID_BATCH")?;
    unchanged(&store, &before).await?;
    let agreeing = Batch::new(vec![note(&A, at(2), 3)]).with_precondition(A, at(2));
    store.write_events(agreeing).await.must("a precondition that repeats what an event expects")?;
    same("the stream", stream(&store, &A).await?, vec![1, 2, 3])
}
