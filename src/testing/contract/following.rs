//! Laws of subscriptions: what is there, then what comes, each event once and in order.

use futures_util::future::{join, join_all};

use super::StoreFactory;
use super::evidence::*;
use crate::event::{EventId, EventToWrite, JsonEvent};
use crate::store::{EventStore, EventSubscription, ReadOptions, SubscriptionOptions};
use crate::version::ExpectedVersion::NoCheck;

/// An event that tells a reader that nothing stands before it any more.
const LAST: u64 = 9_999;

/// Reads up to the event [`LAST`], which is written now: nothing may come twice, nothing may be missing.
async fn rest<S: EventStore<Event = JsonEvent>>(
    store: &S,
    subscription: &mut EventSubscription<JsonEvent>,
) -> Result<Vec<u64>, String> {
    store.write_events(note(&A, NoCheck, LAST)).await.must("the last event")?;
    let mut found = Vec::new();
    while found.last() != Some(&LAST) {
        let event = next(subscription).await.map_err(|evidence| format!("after {found:?}: {evidence}"))?;
        found.extend(numbers([&event])?);
    }
    found.pop();
    Ok(found)
}

pub(super) async fn a_subscription_delivers_what_is_there_then_what_comes<F: StoreFactory>(
    factory: &F,
) -> Verdict {
    let store = factory.create().await;
    fill(&store, &A, 3).await?;
    let mut subscription = store.subscribe(SubscriptionOptions::default()).await.must("a subscription")?;
    let there = take(&mut subscription, 3).await?;
    same("what is there", numbers(&there)?, vec![1, 2, 3])?;
    for number in 4..=6 {
        // The reader waits before the write begins.
        let write = async {
            pause().await;
            store.write_events(note(&B, NoCheck, number)).await.must("a write")
        };
        let (event, written) = join(next(&mut subscription), write).await;
        written?;
        same("what comes", numbers([&event?])?, vec![number])?;
    }
    let batch = vec![note(&A, NoCheck, 7), note(&B, NoCheck, 8)];
    store.write_events(batch).await.must("a batch")?;
    same("the rest", rest(&store, &mut subscription).await?, vec![7, 8])?;
    let mut again = store.subscribe(SubscriptionOptions::default()).await.must("another subscription")?;
    let delivered = take(&mut again, 9).await?;
    same("a later subscription and the feed", delivered, feed(&store).await?.events)
}

pub(super) async fn nothing_is_lost_or_repeated_at_the_seam<F: StoreFactory>(factory: &F) -> Verdict {
    // The seam falls elsewhere with every number of events that are there before and with every buffer.
    for (before, buffer) in [(0, None), (1, Some(1)), (5, Some(2)), (7, Some(7)), (20, None)] {
        let store = factory.create().await;
        fill(&store, &B, before).await?;
        let options = SubscriptionOptions::default();
        let options = if let Some(buffer) = buffer { options.buffer(buffer) } else { options };
        let write = join_all((1..=4).map(|writer| {
            let store = &store;
            async move {
                for round in 0..5 {
                    store.write_events(note(&A, NoCheck, writer * 100 + round)).await.must("a write")?;
                    pause().await;
                }
                Ok::<(), String>(())
            }
        }));
        let read = async {
            let mut subscription = store.subscribe(options).await.must("a subscription")?;
            // Some while the writers write; the rest when all is written, up to an event that must come.
            let events = take(&mut subscription, before as usize + 5).await?;
            Ok::<_, String>((numbers(&events)?, subscription))
        };
        let (written, read) = join(write, read).await;
        written.into_iter().collect::<Result<(), _>>()?;
        let (mut delivered, mut subscription) = read?;
        let in_feed = numbers(&feed(&store).await?.events)?;
        delivered.extend(rest(&store, &mut subscription).await?);
        let what =
            format!("{before} events before, a buffer of {buffer:?}: what was delivered, against the feed");
        same(&what, delivered, in_feed)?;
    }
    Ok(())
}

pub(super) async fn a_subscription_filters<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let write = |number: u64| {
        let stream = if number.is_multiple_of(2) { "a_1" } else { "aX1" };
        let payload = event(
            if number.is_multiple_of(3) { "Rare" } else { "Noted" },
            &format!("{{\"number\":{number}}}"),
        );
        stream.parse().map(|stream| EventToWrite::new(stream, payload, NoCheck)).map_err(|_| "a stream id")
    };
    for number in 1..=12 {
        store.write_events(write(number)?).await.must("a write")?;
    }
    let options = [
        SubscriptionOptions::default().event_types([kind("Rare")]),
        SubscriptionOptions::default().stream_prefix("a_"),
        SubscriptionOptions::default()
            .stream_prefix("a_")
            .event_types([kind("Rare"), kind("Never")])
            .buffer(1),
    ];
    let mut subscriptions = Vec::new();
    for options in options {
        subscriptions.push(store.subscribe(options).await.must("a subscription")?);
    }
    for number in 13..=24 {
        store.write_events(write(number)?).await.must("a write")?;
    }
    let expected: [Vec<u64>; 3] = [
        (1..=24_u64).filter(|number| number.is_multiple_of(3)).collect(),
        (1..=24_u64).filter(|number| number.is_multiple_of(2)).collect(),
        (1..=24).filter(|number| number % 6 == 0).collect(),
    ];
    for (subscription, expected) in subscriptions.iter_mut().zip(expected) {
        let events = take(subscription, expected.len()).await?;
        same("what a filter lets through", numbers(&events)?, expected)?;
    }
    Ok(())
}

pub(super) async fn a_subscription_starts_after_a_cursor_or_an_event<F: StoreFactory>(
    factory: &F,
) -> Verdict {
    let store = factory.create().await;
    fill(&store, &B, 6).await?;
    let third = feed(&store).await?.events[2].id;
    let page = store.read_all_events(ReadOptions::default().max_events(4)).await.must("a page of four")?;
    let mut after_event =
        store.subscribe(SubscriptionOptions::default().after(third)).await.must("a subscription")?;
    same("after the third event", rest(&store, &mut after_event).await?, vec![4, 5, 6])?;
    let mut after_cursor =
        store.subscribe(SubscriptionOptions::default().after(page.cursor)).await.must("a subscription")?;
    same("after four events", rest(&store, &mut after_cursor).await?, vec![5, 6])?;
    let end = feed(&store).await?.cursor;
    let mut at_end =
        store.subscribe(SubscriptionOptions::default().after(end)).await.must("a subscription")?;
    same("at the end", rest(&store, &mut at_end).await?, vec![])
}

pub(super) async fn a_subscription_cannot_start_after_an_unknown_event<F: StoreFactory>(
    factory: &F,
) -> Verdict {
    let store = factory.create().await;
    fill(&store, &A, 1).await?;
    let subscription = store.subscribe(SubscriptionOptions::default().after(EventId::new())).await;
    refused("a subscription", subscription.map(|_| "it began"), "UNKNOWN_EVENT")
}

pub(super) async fn a_slow_reader_gets_everything<F: StoreFactory>(factory: &F) -> Verdict {
    for buffer in [1, 3] {
        let store = factory.create().await;
        let options = SubscriptionOptions::default().buffer(buffer);
        let mut subscription = store.subscribe(options).await.must("a subscription")?;
        let mut found = Vec::new();
        for round in 0..6 {
            let batch: Vec<_> = (1..=10).map(|number| note(&B, NoCheck, round * 10 + number)).collect();
            store.write_events(batch).await.must("a batch")?;
            // One event is read where ten are written.
            found.extend(numbers([&next(&mut subscription).await?])?);
        }
        found.extend(rest(&store, &mut subscription).await?);
        same(&format!("what a slow reader with a buffer of {buffer} gets"), found, (1..=60).collect())?;
    }
    Ok(())
}

pub(super) async fn a_dropped_subscription_leaves_the_store_alone<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    fill(&store, &A, 5).await?;
    for read in [0, 1, 5] {
        let mut subscription =
            store.subscribe(SubscriptionOptions::default()).await.must("a subscription")?;
        take(&mut subscription, read).await?;
        drop(subscription);
        fill(&store, &B, 1).await?;
    }
    same("the events afterwards", feed(&store).await?.events.len(), 8)?;
    let mut waiting = store.subscribe(SubscriptionOptions::default()).await.must("a subscription")?;
    take(&mut waiting, 8).await?;
    // Dropped while it waits for an event.
    let wait = futures_util::future::select(Box::pin(next(&mut waiting)), Box::pin(pause())).await;
    drop(wait);
    drop(waiting);
    fill(&store, &B, 1).await?;
    same("the events at last", feed(&store).await?.events.len(), 9)
}

pub(super) async fn subscriptions_do_not_share_events<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let mut one = store.subscribe(SubscriptionOptions::default()).await.must("a subscription")?;
    fill(&store, &A, 3).await?;
    let mut other = store.subscribe(SubscriptionOptions::default()).await.must("another subscription")?;
    fill(&store, &A, 3).await?;
    let (first, second) = join(take(&mut one, 6), take(&mut other, 6)).await;
    same("what two readers get", numbers(&first?)?, vec![1, 2, 3, 1, 2, 3])?;
    same("what two readers get", numbers(&second?)?, vec![1, 2, 3, 1, 2, 3])
}
