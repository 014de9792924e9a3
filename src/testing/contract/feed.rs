//! Laws of the feed: dense positions, literal prefixes, exact types, where a reading goes on.

use super::StoreFactory;
use super::evidence::*;
use crate::event::{EventId, EventToWrite, StreamId};
use crate::store::{EventStore, ReadOptions};
use crate::version::ExpectedVersion::NoCheck;
use crate::version::Position;

pub(super) async fn positions_are_dense_and_in_commit_order<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    same("the head of an empty store", feed(&store).await?.head, Position::ZERO)?;
    let mut ids = Vec::new();
    for number in 0..10_u64 {
        let batch: Vec<_> = (0..=number % 3).map(|_| note(&A, NoCheck, number)).collect();
        let result = store.write_events(batch).await.must("a write")?;
        // What is refused leaves no hole.
        refused("a stale write", store.write_events(note(&A, at(0), 0)).await, "VERSION_CONFLICT")?;
        let positions = result.positions.ok_or("a write had no positions")?;
        same("the first position of a write", positions.first.get(), ids.len() as u64 + 1)?;
        ids.extend(result.event_ids);
        same("the last position of a write", positions.last.get(), ids.len() as u64)?;
    }
    let page = feed(&store).await?;
    same("the ids in the feed", page.events.iter().map(|event| event.id).collect(), ids)?;
    let positions: Vec<u64> =
        page.events.iter().filter_map(|event| event.position()).map(Position::get).collect();
    same("the positions", positions, (1..=page.events.len() as u64).collect())?;
    same("the head", page.head.get(), page.events.len() as u64)?;
    let in_stream = store.read_stream(&A, ReadOptions::default()).await.must("a read of the stream")?;
    same("the events as the stream has them", in_stream.events, page.events)
}

pub(super) async fn a_prefix_is_literal<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let ids = [
        "a_1",
        "aX1",
        "a%1",
        "a*1",
        "a?1",
        "a.1",
        "a\\1",
        "a\\_1",
        "a'1",
        "a\"1",
        "a[1",
        "a1",
        "A_1",
        "ab",
        "b",
        "ä1",
        "äx",
        "a\u{308}1",
        "日本",
        "日本語",
        "🦀1",
        "🦁1",
        "\u{FFFF}",
        "\u{10FFFF}",
        "\u{10FFFF}x",
    ];
    let ids: Vec<StreamId> = ids
        .iter()
        .map(|id| StreamId::try_new(id).map_err(|error| error.to_string()))
        .collect::<Result<_, _>>()?;
    for id in &ids {
        store.write_events(note(id, NoCheck, 1)).await.must(&format!("an event of stream {id:?}"))?;
    }
    for prefix in [
        "",
        "a",
        "a_",
        "a%",
        "a*",
        "a?",
        "a.",
        "a\\",
        "a\\_",
        "a'",
        "a\"",
        "a[",
        "A",
        "ä",
        "日本",
        "🦀",
        "\u{FFFF}",
        "\u{10FFFF}",
        "%",
        "_",
        "a_1",
        "a_12",
        "b",
        "'; --",
    ] {
        let expected: Vec<&str> =
            ids.iter().map(StreamId::as_str).filter(|id| id.starts_with(prefix)).collect();
        let page = store.read_all_events(ReadOptions::default().stream_prefix(prefix)).await;
        let page = page.must(&format!("a read with prefix {prefix:?}"))?;
        let found: Vec<&str> = page.events.iter().map(|event| event.stream_id.as_str()).collect();
        same(&format!("the streams with prefix {prefix:?}"), found, expected)?;
    }
    Ok(())
}

pub(super) async fn types_select_exactly<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let types = ["Paid", "paid", "Paid_", "Pai", "PaidX", "Paid%", "P'd", "Ünpaid"];
    for (number, event_type) in types.iter().enumerate() {
        let stream = if number % 2 == 0 { A } else { B };
        let payload = event(event_type, "{}");
        store.write_events(EventToWrite::new(stream, payload, NoCheck)).await.must("a write")?;
    }
    for wanted in
        [vec!["Paid"], vec!["Paid_"], vec!["Paid%"], vec!["P'd", "Ünpaid", "Pai"], vec!["None"], vec![]]
    {
        let options = ReadOptions::default().event_types(wanted.iter().map(|wanted| kind(wanted)));
        let page = store.read_all_events(options).await.must(&format!("a read of types {wanted:?}"))?;
        let found: Vec<&str> = page.events.iter().map(|event| event.event_type.as_str()).collect();
        let expected: Vec<&str> =
            types.iter().copied().filter(|found| wanted.is_empty() || wanted.contains(found)).collect();
        same(&format!("events of types {wanted:?}"), found, expected)?;
    }
    let both = ReadOptions::default().event_types([kind("Paid"), kind("paid")]).stream_prefix("b");
    let page = store.read_all_events(both).await.must("a read by type and prefix")?;
    same(
        "events by type and prefix",
        page.events.iter().map(|event| event.event_type.as_str()).collect(),
        vec!["paid"],
    )
}

pub(super) async fn after_an_event_goes_on_behind_it<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    // The ids go down while the positions go up: an event's id says nothing of its place.
    let mut ids: Vec<EventId> = (0..6).map(|_| EventId::new()).collect();
    ids.reverse();
    for (number, id) in ids.iter().enumerate() {
        let stream = if number % 2 == 0 { A } else { B };
        store.write_events(note(&stream, NoCheck, number as u64).with_id(*id)).await.must("a write")?;
    }
    for (number, id) in ids.iter().enumerate() {
        let number = number as u64;
        let options = ReadOptions::default().after(*id);
        let page = store.read_all_events(options.clone()).await.must("a read after an event")?;
        same(&format!("after event {number}"), numbers(&page.events)?, (number + 1..6).collect())?;
        let page = store.read_all_events(options.clone().backwards()).await.must("a read before an event")?;
        same(&format!("before event {number}"), numbers(&page.events)?, (0..number).rev().collect())?;
        let page = store.read_all_events(options.stream_prefix("b")).await.must("a filtered read")?;
        let later: Vec<u64> = (number + 1..6).filter(|number| number % 2 == 1).collect();
        same(&format!("after event {number}, in one stream"), numbers(&page.events)?, later)?;
    }
    Ok(())
}

pub(super) async fn after_an_unknown_event_is_an_error<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    fill(&store, &A, 2).await?;
    let options = ReadOptions::default().after(EventId::new());
    refused("the feed", store.read_all_events(options.clone()).await, "UNKNOWN_EVENT")?;
    refused("a stream", store.read_stream(&A, options).await, "UNKNOWN_EVENT")
}

pub(super) async fn the_feed_reads_backwards<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    fill(&store, &A, 3).await?;
    fill(&store, &B, 3).await?;
    let backwards = ReadOptions::default().backwards();
    let all = store.read_all_events(backwards.clone()).await.must("a read backwards")?;
    let mut events = all.events;
    events.reverse();
    same("backwards, reversed", events, feed(&store).await?.events)?;
    let last = store.read_all_events(backwards.max_events(2)).await.must("a limited read backwards")?;
    same("the last two", numbers(&last.events)?, vec![3, 2])
}
