//! Laws of reading streams: ranges, limits, direction, filters, several at once.

use super::StoreFactory;
use super::evidence::*;
use crate::event::{EventToWrite, JsonEvent};
use crate::store::{EventStore, ReadOptions};
use crate::version::EventVersion;
use crate::version::ExpectedVersion::NoCheck;

const fn version(number: u64) -> EventVersion {
    EventVersion::new(number)
}

/// The numbers that a read of stream `a` finds; the stream's version must be as given.
async fn read<S: EventStore<Event = JsonEvent>>(
    store: &S,
    options: ReadOptions,
    events: u64,
) -> Result<Vec<u64>, String> {
    let what = format!("a read with {options:?}");
    let read = store.read_stream(&A, options).await.must(&what)?;
    same(&format!("{what}: the version of the stream"), read.version, version(events))?;
    numbers(&read.events).map_err(|evidence| format!("{what}: {evidence}"))
}

pub(super) async fn an_absent_stream_is_empty<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    for options in [
        ReadOptions::default(),
        ReadOptions::default().backwards().max_events(1),
        ReadOptions::default().from_version(version(3)),
    ] {
        same("an absent stream", read(&store, options, 0).await?, vec![])?;
    }
    fill(&store, &B, 1).await?;
    same("an absent stream beside another", read(&store, ReadOptions::default(), 0).await?, vec![])
}

pub(super) async fn a_read_sees_every_write_before_it<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    for number in 1..=6 {
        store.write_events(note(&A, at(number - 1), number)).await.must("a write")?;
        // Twice: a store may answer from what it read before.
        for _ in 0..2 {
            let all: Vec<u64> = (1..=number).collect();
            same("a whole read", read(&store, ReadOptions::default(), number).await?, all.clone())?;
            let last = ReadOptions::default().backwards().max_events(1);
            same("a read of the last event", read(&store, last, number).await?, vec![number])?;
            let later = ReadOptions::default().from_version(version(number));
            same("a read from the last version", read(&store, later, number).await?, vec![number])?;
            same("the feed", numbers(&feed(&store).await?.events)?, all)?;
        }
    }
    let batch = vec![note(&B, NoCheck, 8), note(&A, NoCheck, 7)];
    store.write_events(batch).await.must("a batch over two streams")?;
    same("a whole read", read(&store, ReadOptions::default(), 7).await?, (1..=7).collect())?;
    let both = store.read_streams(&[B, A], ReadOptions::default()).await.must("a read of both")?;
    let lengths: Vec<usize> = both.iter().map(|stream| stream.events.len()).collect();
    same("a read of both", lengths, vec![1, 7])
}

pub(super) async fn version_ranges_include_both_ends<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    fill(&store, &A, 9).await?;
    for (from, to, expected) in [
        (0, 9, 1..10),
        (1, 1, 1..2),
        (3, 5, 3..6),
        (9, 9, 9..10),
        (8, 100, 8..10),
        (10, 100, 1..1),
        (5, 4, 1..1),
        (0, 0, 1..1),
    ] {
        let range = ReadOptions::default().from_version(version(from)).to_version(version(to));
        let what = format!("versions {from} to {to}");
        same(&what, read(&store, range.clone(), 9).await?, expected.clone().collect())?;
        same(&what, read(&store, range.backwards(), 9).await?, expected.rev().collect())?;
    }
    let from = ReadOptions::default().from_version(version(7));
    same("from version 7", read(&store, from, 9).await?, vec![7, 8, 9])?;
    let to = ReadOptions::default().to_version(version(2));
    same("to version 2", read(&store, to, 9).await?, vec![1, 2])
}

pub(super) async fn at_most_so_many_events_are_read<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    fill(&store, &A, 5).await?;
    for count in 1..=7_u64 {
        let options = ReadOptions::default().max_events(count as usize);
        let first: Vec<u64> = (1..=count.min(5)).collect();
        same(&format!("the first {count}"), read(&store, options.clone(), 5).await?, first)?;
        let last: Vec<u64> = (1..=5).rev().take(count as usize).collect();
        same(&format!("the last {count}"), read(&store, options.backwards(), 5).await?, last)?;
    }
    let range = ReadOptions::default().from_version(version(2)).to_version(version(4)).max_events(2);
    same("two of a range", read(&store, range.clone(), 5).await?, vec![2, 3])?;
    same("two of a range, backwards", read(&store, range.backwards(), 5).await?, vec![4, 3])
}

pub(super) async fn backwards_is_the_reverse<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let batch: Vec<_> =
        (1..=4).flat_map(|number| [note(&A, NoCheck, number), note(&B, NoCheck, 0)]).collect();
    store.write_events(batch).await.must("a batch")?;
    fill(&store, &A, 3).await?;
    let forwards = read(&store, ReadOptions::default(), 7).await?;
    let mut backwards = read(&store, ReadOptions::default().backwards(), 7).await?;
    same("the last event, backwards", backwards.first().copied(), Some(3))?;
    backwards.reverse();
    same("backwards, reversed", backwards, forwards)
}

pub(super) async fn the_version_is_that_of_the_whole_stream<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    fill(&store, &A, 5).await?;
    fill(&store, &B, 7).await?;
    for options in [
        ReadOptions::default().max_events(1),
        ReadOptions::default().to_version(version(2)),
        ReadOptions::default().from_version(version(20)),
        ReadOptions::default().event_types([kind("Never")]),
        ReadOptions::default().backwards().max_events(2),
    ] {
        read(&store, options, 5).await?;
    }
    Ok(())
}

pub(super) async fn a_stream_can_be_filtered<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let types = ["Opened", "Paid", "Paid", "Closed", "Paid"];
    for (number, event_type) in types.into_iter().enumerate() {
        let payload = event(event_type, &format!("{{\"number\":{}}}", number + 1));
        store.write_events(EventToWrite::new(A, payload, NoCheck)).await.must("a write")?;
    }
    let paid = ReadOptions::default().event_types([kind("Paid")]);
    same("of one type", read(&store, paid.clone(), 5).await?, vec![2, 3, 5])?;
    same("the last of one type", read(&store, paid.clone().backwards().max_events(1), 5).await?, vec![5])?;
    same("of one type, in a range", read(&store, paid.to_version(version(4)), 5).await?, vec![2, 3])?;
    let two = ReadOptions::default().event_types([kind("Closed"), kind("Opened"), kind("Never")]);
    same("of two types", read(&store, two, 5).await?, vec![1, 4])?;
    let third = feed(&store).await?.events[2].id;
    let after = ReadOptions::default().after(third);
    same("after the third event", read(&store, after.clone(), 5).await?, vec![4, 5])?;
    same("before the third event", read(&store, after.backwards(), 5).await?, vec![2, 1])
}

pub(super) async fn streams_come_in_the_order_asked_for<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let batch = vec![note(&A, NoCheck, 1), note(&B, NoCheck, 2), note(&A, NoCheck, 3)];
    store.write_events(batch).await.must("a batch")?;
    let asked = [B, C, A, B];
    let read = store.read_streams(&asked, ReadOptions::default()).await.must("a read of streams")?;
    let ids: Vec<_> = read.iter().map(|stream| stream.stream_id.clone()).collect();
    same("the streams", ids, asked.to_vec())?;
    let found: Vec<_> = read.iter().map(|stream| numbers(&stream.events)).collect::<Result<_, _>>()?;
    same("their events", found, vec![vec![2], vec![], vec![1, 3], vec![2]])?;
    let versions: Vec<u64> = read.iter().map(|stream| stream.version.get()).collect();
    same("their versions", versions, vec![1, 0, 2, 1])?;
    let limited = store.read_streams(&asked, ReadOptions::default().max_events(1).backwards()).await;
    let limited = limited.must("a limited read of streams")?;
    let found: Vec<_> = limited.iter().map(|stream| numbers(&stream.events)).collect::<Result<_, _>>()?;
    same("the last event of each", found, vec![vec![2], vec![], vec![3], vec![2]])?;
    let none = store.read_streams(&[], ReadOptions::default()).await.must("a read of no streams")?;
    same("a read of no streams", none, vec![])
}

pub(super) async fn streams_merge_in_feed_order<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    for number in 1..=4 {
        let batch = vec![note(&B, NoCheck, number * 10), note(&A, NoCheck, number), note(&C, NoCheck, 0)];
        store.write_events(batch).await.must("a batch")?;
    }
    let twice_a = [A, B, A];
    let merged = |options| store.read_streams_merged(&twice_a, options);
    let all = merged(ReadOptions::default()).await.must("a merged read")?;
    same("two streams merged", numbers(&all)?, vec![10, 1, 20, 2, 30, 3, 40, 4])?;
    let last = merged(ReadOptions::default().backwards().max_events(3)).await.must("a merged read")?;
    same("the last three", numbers(&last)?, vec![4, 40, 3])?;
    let first = merged(ReadOptions::default().max_events(3)).await.must("a merged read")?;
    same("the first three", numbers(&first)?, vec![10, 1, 20])
}
