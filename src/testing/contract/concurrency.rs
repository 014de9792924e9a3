//! Laws of many at once. The futures of a law run interleaved on one thread: a store that checks, waits and
//! then writes lets them see each other's gaps.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{join, join_all};

use super::StoreFactory;
use super::evidence::*;
use crate::event::{Batch, EventToWrite, JsonEvent, StreamId};
use crate::store::{EventStore, ReadOptions};
use crate::version::ExpectedVersion;
use crate::version::ExpectedVersion::{NoCheck, NoStream};
use crate::version::{Cursor, Position};

const WRITERS: u64 = 8;

/// Many writers of one stream with one expectation: one wins, the others learn what is there.
async fn race<F: StoreFactory>(factory: &F, events: u64, expected: ExpectedVersion) -> Verdict {
    let store = factory.create().await;
    fill(&store, &A, events).await?;
    let writers = (1..=WRITERS).map(|writer| store.write_events(note(&A, expected, 100 + writer)));
    let mut winners = Vec::new();
    for (writer, result) in (1..).zip(join_all(writers).await) {
        match result {
            Ok(_) => winners.push(100 + writer),
            refusal => refused(&format!("writer {writer}"), refusal, "VERSION_CONFLICT")?,
        }
    }
    same(&format!("the winners of {WRITERS} writers that expect {expected:?}"), winners.len(), 1)?;
    let all: Vec<u64> = (1..=events).chain(winners).collect();
    same("the stream after the race", stream(&store, &A).await?, all)?;
    same("the head after the race", feed(&store).await?.head.get(), events + 1)
}

pub(super) async fn of_writers_with_one_expectation_one_wins<F: StoreFactory>(factory: &F) -> Verdict {
    race(factory, 1, at(1)).await?;
    race(factory, 4, at(4)).await
}

pub(super) async fn of_writers_that_create_a_stream_one_wins<F: StoreFactory>(factory: &F) -> Verdict {
    race(factory, 0, NoStream).await
}

/// The positions and versions of the whole feed are dense, and each event is there once.
async fn sound<S: EventStore<Event = JsonEvent>>(store: &S, streams: &[StreamId], events: u64) -> Verdict {
    let page = feed(store).await?;
    let positions: Vec<u64> =
        page.events.iter().filter_map(|event| event.position()).map(Position::get).collect();
    same("the positions", positions, (1..=events).collect())?;
    let mut found = numbers(&page.events)?;
    found.sort_unstable();
    same("the events, sorted", found, (1..=events).collect())?;
    for stream in streams {
        let of_stream = page.events.iter().filter(|event| event.stream_id == *stream);
        let versions: Vec<u64> = of_stream.map(|event| event.version.get()).collect();
        let dense = (1..=versions.len() as u64).collect();
        same(&format!("the versions of stream {stream:?} in feed order"), versions, dense)?;
    }
    Ok(())
}

pub(super) async fn writers_without_expectation_all_win<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let writers = (0..WRITERS).map(|writer| {
        let store = &store;
        async move {
            for round in 0..5 {
                let number = 1 + writer * 5 + round;
                let stream = if number % 2 == 0 { A } else { B };
                store.write_events(note(&stream, NoCheck, number)).await.must("a write without a check")?;
                pause().await;
            }
            Ok::<(), String>(())
        }
    });
    join_all(writers).await.into_iter().collect::<Result<(), _>>()?;
    sound(&store, &[A, B], WRITERS * 5).await
}

pub(super) async fn preconditions_prevent_write_skew<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    fill(&store, &A, 1).await?;
    fill(&store, &B, 1).await?;
    // Each writes one stream because of what it read in the other.
    let one = Batch::new(vec![note(&A, at(1), 2)]).with_precondition(B, at(1));
    let other = Batch::new(vec![note(&B, at(1), 2)]).with_precondition(A, at(1));
    let (one, other) = join(store.write_events(one), store.write_events(other)).await;
    match (one, other) {
        (Ok(_), refusal) | (refusal, Ok(_)) => refused("the other of two", refusal, "VERSION_CONFLICT")?,
        (one, other) => return Err(format!("neither won: {one:?}, {other:?}")),
    }
    same("the head", feed(&store).await?.head.get(), 3)
}

pub(super) async fn commits_of_several_streams_do_not_interleave<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let writers = (0..WRITERS).map(|writer| {
        let first = 1 + writer * 3;
        let order = if writer % 2 == 0 { [A, B, A] } else { [B, A, B] };
        let batch: Vec<_> =
            order.iter().zip(first..).map(|(stream, number)| note(stream, NoCheck, number)).collect();
        store.write_events(batch)
    });
    for result in join_all(writers).await {
        let result = result.must("a batch over two streams")?;
        let positions = result.positions.ok_or("a write had no positions")?;
        same("positions between first and last", positions.last.get() - positions.first.get(), 2)?;
    }
    sound(&store, &[A, B], WRITERS * 3).await?;
    let found = numbers(&feed(&store).await?.events)?;
    for commit in found.chunks(3) {
        let first = commit[0];
        same("three events of one commit in a row", commit.to_vec(), vec![first, first + 1, first + 2])?;
    }
    Ok(())
}

pub(super) async fn readers_see_whole_commits<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let done = AtomicBool::new(false);
    let write = async {
        let mut result = Ok(());
        for number in 1..=15 {
            let batch = vec![note(&A, NoCheck, number), note(&B, NoCheck, number)];
            if let Err(evidence) = store.write_events(batch).await.must("a batch") {
                result = Err(evidence);
                break;
            }
            pause().await;
        }
        done.store(true, Ordering::SeqCst);
        result
    };
    let read = async {
        while !done.load(Ordering::SeqCst) {
            let both = store.read_streams(&[A, B], ReadOptions::default()).await.must("a read of both")?;
            let versions: Vec<u64> = both.iter().map(|stream| stream.version.get()).collect();
            ensure!(versions[0] == versions[1], "half of a commit was seen: versions {versions:?}");
            let page = feed(&store).await?;
            ensure!(page.events.len() % 2 == 0, "half of a commit was seen: {} events", page.events.len());
            pause().await;
        }
        Ok::<(), String>(())
    };
    let (written, read) = join(write, read).await;
    written.and(read)
}

pub(super) async fn a_conflict_leaves_nothing_behind<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    // Every batch writes a stream of its own and one that all want; the losers' own streams stay absent.
    let own: Vec<StreamId> = (1..=WRITERS)
        .map(|writer| StreamId::try_new(format!("own-{writer}")).map_err(|error| error.to_string()))
        .collect::<Result<_, _>>()?;
    let writers = own.iter().map(|own| {
        let batch = vec![note(own, NoStream, 1), note(&A, NoStream, 2), note(own, NoStream, 3)];
        store.write_events(batch)
    });
    for (own, result) in own.iter().zip(join_all(writers).await) {
        let expected = if result.is_ok() { vec![1, 3] } else { vec![] };
        same(&format!("stream {own:?} after {result:?}"), stream(&store, own).await?, expected)?;
    }
    same("the contended stream", stream(&store, &A).await?, vec![2])?;
    same("the head", feed(&store).await?.head.get(), 3)
}

pub(super) async fn readers_skip_nothing_while_others_write<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let done = AtomicBool::new(false);
    let write = async {
        let writers = (0..WRITERS).map(|writer| {
            let store = &store;
            async move {
                for round in 0..6 {
                    let number = writer * 10 + round;
                    let payload = event(
                        if round % 3 == 0 { "Rare" } else { "Noted" },
                        &format!("{{\"number\":{number}}}"),
                    );
                    let batch = vec![EventToWrite::new(A, payload, NoCheck), note(&B, NoCheck, number)];
                    store.write_events(batch).await.must("a write")?;
                    pause().await;
                }
                Ok::<(), String>(())
            }
        });
        let result = join_all(writers).await.into_iter().collect::<Result<(), _>>();
        done.store(true, Ordering::SeqCst);
        result
    };
    let every = ReadOptions::default().max_events(3);
    let rare = ReadOptions::default().max_events(2).event_types([kind("Rare")]);
    let read = join(poll(&store, &done, every), poll(&store, &done, rare));
    let (written, (every, rare)) = join(write, read).await;
    written?;
    let all = feed(&store).await?.events;
    let ids: Vec<_> = all.iter().map(|event| event.id).collect();
    same("the feed as a reader saw it, against the feed afterwards", every?, ids)?;
    let of_type = all.iter().filter(|event| event.event_type.as_str() == "Rare");
    same("the filtered feed as a reader saw it", rare?, of_type.map(|event| event.id).collect())
}

/// The ids that a reader sees who goes from cursor to cursor until the writers are done.
async fn poll<S: EventStore<Event = JsonEvent>>(
    store: &S,
    done: &AtomicBool,
    options: ReadOptions,
) -> Result<Vec<crate::event::EventId>, String> {
    let mut seen = Vec::new();
    let mut cursor = Cursor::ZERO;
    loop {
        let last_round = done.load(Ordering::SeqCst);
        let page = store.read_all_events(options.clone().after(cursor)).await.must("a page")?;
        cursor = page.cursor;
        seen.extend(page.events.iter().map(|event| event.id));
        if page.complete && last_round {
            return Ok(seen);
        }
        pause().await;
    }
}
