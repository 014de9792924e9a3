//! Laws of pages: their cursors cover everything once, are safe to store, and never pass what was not looked at.

use super::StoreFactory;
use super::evidence::*;
use crate::event::{EventToWrite, JsonEvent};
use crate::store::{After, EventStore, FeedPage, ReadOptions};
use crate::version::ExpectedVersion::NoCheck;

/// How a reader goes on after a page.
#[derive(Debug, Clone, Copy)]
enum By {
    Cursor,
    LastEvent,
}

/// Reads page by page until one is complete; a store that never says so is stopped.
async fn pages<S: EventStore<Event = JsonEvent>>(
    store: &S,
    options: &ReadOptions,
    by: By,
    limit: usize,
) -> Result<Vec<FeedPage<JsonEvent>>, String> {
    let mut pages: Vec<FeedPage<JsonEvent>> = Vec::new();
    let mut after: Option<After> = None;
    while pages.last().is_none_or(|page| !page.complete) {
        ensure!(pages.len() <= limit, "{options:?} by {by:?}: no end after {limit} pages");
        let options = match after {
            None => options.clone(),
            Some(after) => options.clone().after(after),
        };
        let page = store.read_all_events(options).await.must("a page")?;
        after = match (by, page.events.last()) {
            (By::LastEvent, Some(last)) => Some(last.id.into()),
            _ => Some(page.cursor.into()),
        };
        pages.push(page);
    }
    Ok(pages)
}

async fn mixed<S: EventStore<Event = JsonEvent>>(store: &S) -> Verdict {
    for number in 1..=11 {
        let (stream, event_type) = match number % 4 {
            0 => (A, "Rare"),
            1 => (B, "Noted"),
            _ => (A, "Noted"),
        };
        let payload = event(event_type, &format!("{{\"number\":{number}}}"));
        store.write_events(EventToWrite::new(stream, payload, NoCheck)).await.must("a write")?;
    }
    Ok(())
}

async fn cover<F: StoreFactory>(factory: &F, base: ReadOptions, order: fn(&mut Vec<u64>)) -> Verdict {
    let store = factory.create().await;
    mixed(&store).await?;
    let cases: [(ReadOptions, Vec<u64>); 5] = [
        (base.clone(), (1..=11).collect()),
        (base.clone().event_types([kind("Rare")]), vec![4, 8]),
        (base.clone().stream_prefix("b"), vec![1, 5, 9]),
        (base.clone().stream_prefix("a").event_types([kind("Noted")]), vec![2, 3, 6, 7, 10, 11]),
        (base.event_types([kind("Never")]), vec![]),
    ];
    for (options, mut expected) in cases {
        order(&mut expected);
        for size in [1, 2, 3, 5, 11, 12] {
            for by in [By::Cursor, By::LastEvent] {
                let options = options.clone().max_events(size);
                let pages = pages(&store, &options, by, 30).await?;
                let found = numbers(pages.iter().flat_map(|page| &page.events))?;
                same(&format!("{options:?} by {by:?}"), found, expected.clone())?;
                let largest = pages.iter().map(|page| page.events.len()).max();
                ensure!(largest <= Some(size), "{options:?}: a page has {largest:?} events");
            }
        }
    }
    Ok(())
}

pub(super) async fn pages_cover_everything_once<F: StoreFactory>(factory: &F) -> Verdict {
    cover(factory, ReadOptions::default(), |_| ()).await
}

pub(super) async fn pages_cover_everything_once_backwards<F: StoreFactory>(factory: &F) -> Verdict {
    cover(factory, ReadOptions::default().backwards(), |expected| expected.reverse()).await
}

pub(super) async fn a_filtered_page_passes_only_what_it_looked_at<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    mixed(&store).await?;
    let all = feed(&store).await?.events;
    let rare = ReadOptions::default().event_types([kind("Rare")]).max_events(1);
    let page = store.read_all_events(rare).await.must("a page of one rare event")?;
    same("the rare event", numbers(&page.events)?, vec![4])?;
    // Whatever the page looked at behind its event, the reader of the rest must find the next rare one.
    let rest = store.read_all_events(ReadOptions::default().after(page.cursor)).await.must("the rest")?;
    let rest = numbers(&rest.events)?;
    ensure!(rest.contains(&8), "the cursor {} passes event 8, which is wanted: {rest:?} follow", page.cursor);
    ensure!(!rest.contains(&4), "the cursor {} is before event 4, which was read", page.cursor);
    for page in pages(&store, &ReadOptions::default().max_events(3), By::Cursor, 30).await? {
        let last = page.events.last().and_then(|event| event.position()).map(|position| position.get());
        ensure!(
            last.is_none_or(|last| page.cursor.get() >= last && page.cursor.get() <= all.len() as u64),
            "a page up to position {last:?} of {} has cursor {}",
            all.len(),
            page.cursor
        );
    }
    Ok(())
}

pub(super) async fn the_cursor_of_an_empty_page_is_safe<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let rare = ReadOptions::default().event_types([kind("Rare")]);
    let mut cursor = store.read_all_events(rare.clone()).await.must("a page of an empty store")?.cursor;
    same("the cursor of an empty store", cursor.get(), 0)?;
    for round in 1..=3 {
        fill(&store, &A, 5).await?;
        let page = store.read_all_events(rare.clone().after(cursor)).await.must("a filtered page")?;
        same("a page without what is wanted", page.events, vec![])?;
        ensure!(page.cursor >= cursor, "the cursor went back from {cursor} to {}", page.cursor);
        ensure!(page.complete, "a page that found nothing in a short feed is not complete");
        cursor = page.cursor;
        let payload = event("Rare", &format!("{{\"number\":{round}}}"));
        store.write_events(EventToWrite::new(B, payload, NoCheck)).await.must("what is wanted")?;
        let page = store.read_all_events(rare.clone().after(cursor)).await.must("a page after the cursor")?;
        same("what came behind the cursor of an empty page", numbers(&page.events)?, vec![round])?;
        cursor = page.cursor;
    }
    let ahead = feed(&store).await?.cursor;
    let page = store.read_all_events(ReadOptions::default().after(ahead)).await.must("a page at the end")?;
    same("the cursor at the end stays", (page.events.len(), page.cursor), (0, ahead))
}

pub(super) async fn a_page_says_whether_it_is_complete<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let page = feed(&store).await?;
    same("an empty store", (page.complete, page.head.get(), page.cursor.get()), (true, 0, 0))?;
    fill(&store, &A, 5).await?;
    let read = |count| store.read_all_events(ReadOptions::default().max_events(count));
    let part = read(3).await.must("a page of three of five")?;
    same("three of five", (part.complete, part.head.get(), part.cursor.get()), (false, 5, 3))?;
    let whole = read(6).await.must("a page of six of five")?;
    same("all and room for one", (whole.complete, whole.head.get(), whole.cursor.get()), (true, 5, 5))
}
