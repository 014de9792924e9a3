//! Laws of what fits: payloads, metadata and batches up to their default limits, and every valid stream id.

use super::StoreFactory;
use super::evidence::*;
use crate::event::{EventMetadata, EventToWrite, Limits, StreamId};
use crate::store::{EventStore, ReadOptions};
use crate::version::ExpectedVersion::{NoCheck, NoStream};

/// A JSON string whose text has so many bytes.
fn string_of(bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(bytes - 2))
}

pub(super) async fn a_payload_fits_up_to_its_limit<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let limit = Limits::default().payload_bytes;
    let write = |bytes| EventToWrite::new(A, event("Grown", &string_of(bytes)), NoCheck);
    store.write_events(write(limit)).await.must("a payload at its limit")?;
    let read = store.read_stream(&A, ReadOptions::default()).await.must("a read of it")?;
    let back = read.events.first().map(|event| event.payload.payload.text().len());
    same("the bytes of the payload that came back", back, Some(limit))?;
    let before = feed(&store).await?;
    let over = vec![note(&B, NoStream, 1), write(limit + 1)];
    refused("a payload over its limit", store.write_events(over).await, "PAYLOAD_TOO_LARGE")?;
    unchanged(&store, &before).await
}

pub(super) async fn metadata_fits_up_to_its_limit<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let limit = Limits::default().metadata_bytes;
    let with = |bytes: usize| {
        let metadata = EventMetadata::new().with_custom("note", "x".repeat(bytes));
        note(&A, NoCheck, 1).with_metadata(metadata)
    };
    // The rest of the metadata takes a few dozen bytes.
    store.write_events(with(limit - 200)).await.must("metadata just within its limit")?;
    let before = feed(&store).await?;
    refused("metadata over its limit", store.write_events(with(limit)).await, "PAYLOAD_TOO_LARGE")?;
    unchanged(&store, &before).await
}

pub(super) async fn a_batch_has_its_limits<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let Limits { payload_bytes, batch_events, batch_bytes, .. } = Limits::default();
    let many: Vec<_> = (0..=batch_events as u64).map(|number| note(&A, NoCheck, number)).collect();
    refused("a batch of too many events", store.write_events(many).await, "PAYLOAD_TOO_LARGE")?;
    let large = event("Grown", &string_of(payload_bytes));
    let heavy: Vec<_> =
        (0..=batch_bytes / payload_bytes).map(|_| EventToWrite::new(A, large.clone(), NoCheck)).collect();
    refused("a batch of too many bytes", store.write_events(heavy).await, "PAYLOAD_TOO_LARGE")?;
    same("the feed", feed(&store).await?.events, vec![])
}

pub(super) async fn every_stream_id_is_a_stream_of_its_own<F: StoreFactory>(factory: &F) -> Verdict {
    let store = factory.create().await;
    let longest_ascii = "x".repeat(255);
    let longest_wide = "🦀".repeat(255);
    let ids = [
        "a",
        "A",
        "a_",
        "a%",
        "a*",
        "a?",
        "a.",
        "a/b",
        "a\\b",
        "a'b",
        "a\"b",
        "a`b",
        "a b",
        "a  b",
        "[a]",
        "$a",
        "'; drop table events; --",
        "1",
        "01",
        "1.0",
        "null",
        "undefined",
        "__proto__",
        "constructor",
        "ä",
        "a\u{308}",
        "ß",
        "ss",
        "ﬁ",
        "日本語",
        "🦀",
        "👩‍👩‍👧",
        "\u{FEFF}a",
        "a\u{200B}",
        "\u{FFFF}",
        "\u{10FFFF}",
        &longest_ascii,
        &longest_wide,
    ];
    let ids: Vec<StreamId> = ids
        .iter()
        .map(|id| StreamId::try_new(id).map_err(|error| format!("a law states an invalid id: {error}")))
        .collect::<Result<_, _>>()?;
    for (number, id) in ids.iter().enumerate() {
        let written = store.write_events(note(id, NoStream, number as u64)).await;
        written.must(&format!("the first event of stream {id:?}"))?;
    }
    for (number, id) in ids.iter().enumerate() {
        same(&format!("stream {id:?}"), stream(&store, id).await?, vec![number as u64])?;
    }
    let in_feed: Vec<StreamId> =
        feed(&store).await?.events.into_iter().map(|event| event.stream_id).collect();
    same("the streams in the feed", in_feed, ids)
}
