//! The end of a space, on a real PostgreSQL.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

use std::time::Duration;

use eventcore_web::StoreError;
use eventcore_web::event::{EventToWrite, JsonEvent, SpaceId, StreamId};
use eventcore_web::store::{EventStore, ReadOptions, Store, SubscriptionOptions};
use eventcore_web::version::ExpectedVersion;
use futures_util::{StreamExt, TryStreamExt};

mod schema;

fn note(number: usize) -> EventToWrite<JsonEvent> {
    schema::event("s", &number.to_string(), ExpectedVersion::NoCheck)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_space_is_exported_whole_then_erased_and_everybody_is_told() {
    schema::in_schema(|config| async move {
        schema::store(config.clone()).await?;
        let (here, there) = (config.spaces()?, config.spaces()?);
        let (gone, kept) = (SpaceId::try_new("gone").unwrap(), SpaceId::try_new("kept").unwrap());
        let store = |space| Store::<_, JsonEvent>::over(there.space(space));
        for space in [&gone, &kept] {
            store(space).write_events((1..=2_500).map(note).collect::<Vec<_>>()).await?;
        }
        let pages: Vec<String> = here.export(&gone).try_collect().await?;
        let lines: Vec<serde_json::Value> =
            pages.concat().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((pages.len(), lines.len()), (3, 2_500));
        for (at, line) in lines.iter().enumerate() {
            assert_eq!((&line["position"], &line["payload"]), (&(at + 1).into(), &(at + 1).into()));
        }

        let end = store(&gone).read_all_events(ReadOptions::default().max_events(2_500)).await?.cursor;
        let mut following = store(&gone).subscribe(SubscriptionOptions::default().after(end)).await?;
        let (told, erased) = tokio::join!(following.next(), here.erase(&gone));
        erased?;
        let is_gone = Err(StoreError::SpaceErased(gone.clone()));
        assert_eq!(
            told.map(|event| event.map(|_| ())),
            Some(is_gone.clone()),
            "who follows in another process"
        );
        here.erase(&gone).await?;
        let store_of_gone = store(&gone);
        assert_eq!(store_of_gone.write_events(note(1)).await.map(|_| ()), is_gone);
        assert_eq!(store_of_gone.read_all_events(ReadOptions::default()).await.map(|_| ()), is_gone);
        let stream = StreamId::from_static("s");
        assert_eq!(store_of_gone.read_stream(&stream, ReadOptions::default()).await.map(|_| ()), is_gone);
        assert_eq!(here.export(&gone).try_collect::<Vec<_>>().await.map(|_| ()), is_gone);

        let page = store(&kept).read_all_events(ReadOptions::default()).await?;
        assert_eq!((page.head.get(), page.events.len()), (2_500, 1_000), "the other space is untouched");
        let never = SpaceId::try_new("never written").unwrap();
        here.erase(&never).await?;
        let refused = store(&never).write_events(note(1)).await;
        assert_eq!(refused.map(|_| ()), Err(StoreError::SpaceErased(never)));
        tokio::time::timeout(Duration::from_secs(60), following.next()).await.expect("it has ended");
        Ok(())
    })
    .await;
}
