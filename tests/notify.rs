//! Following a space that another process appends to, on a real PostgreSQL.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may stop at the first surprise")]

use std::time::Duration;

use eventcore_web::StoreError;
use eventcore_web::event::{EventToWrite, JsonEvent, SpaceId};
use eventcore_web::store::{EventStore, EventSubscription, SubscriptionOptions};
use eventcore_web::version::ExpectedVersion;
use futures_util::StreamExt;

mod schema;

use schema::{connect, in_schema};

const PATIENCE: Duration = Duration::from_secs(60);

fn note(number: u64) -> EventToWrite<JsonEvent> {
    schema::event("s", &number.to_string(), ExpectedVersion::NoCheck)
}

/// The position of the next event that the subscription delivers.
async fn next(subscription: &mut EventSubscription<JsonEvent>) -> u64 {
    let event = tokio::time::timeout(PATIENCE, subscription.next()).await.expect("it is woken in time");
    event.unwrap().unwrap().position().unwrap().get()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_appends_wakes_who_follows() {
    in_schema(|config| async move {
        let (here, there) = (schema::store(config.clone()).await?, schema::store(config).await?);
        let mut following = here.subscribe(SubscriptionOptions::default()).await?;
        for number in 1..=20 {
            let (delivered, written) = tokio::join!(next(&mut following), there.write_events(note(number)));
            assert_eq!(delivered, written?.positions.unwrap().first.get());
        }
        Ok(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listening_connection_that_is_cut_is_replaced_and_nothing_is_missed() {
    in_schema(|config| async move {
        let admin = connect().await;
        let (here, there) = (schema::store(config.clone()).await?, schema::store(config).await?);
        let mut following = here.subscribe(SubscriptionOptions::default()).await?;
        let (first, written) = tokio::join!(next(&mut following), there.write_events(note(1)));
        written?;
        assert_eq!(first, 1);
        for number in 2..=4 {
            // Every listener: other tests that listen at the same time have theirs replaced as well.
            let cut =
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where query like 'listen %'";
            let (delivered, written) = tokio::join!(next(&mut following), async {
                admin.query_one(cut, &[]).await.unwrap();
                there.write_events(note(number)).await
            });
            written?;
            assert_eq!(delivered, number);
        }
        Ok(())
    })
    .await;
}

/// A thousand followers of a hundred spaces: one connection listens, and while nothing is written nothing is asked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_followers_ask_nothing_and_share_one_connection() {
    in_schema(|config| async move {
        let admin = connect().await;
        let name = format!("idle-{}", config.schema());
        let url = format!("{}?application_name={name}", schema::url());
        let config = eventcore_web::store::postgres::PostgresConfig::new(url).with_schema(config.schema());
        let store = schema::store(config).await?;
        let mut following = Vec::new();
        for number in 0..1_000 {
            let space = SpaceId::try_new(format!("space-{}", number % 100)).unwrap();
            let options = SubscriptionOptions::default().confirmed_only();
            let subscription = store.space(&space).subscribe(options).await?;
            following.push(tokio::spawn(async move {
                let mut subscription = subscription;
                next(&mut subscription).await
            }));
        }
        let listening =
            "select count(*) from pg_stat_activity where application_name = $1 and query like 'listen %'";
        let last = "select max(query_start)::text from pg_stat_activity where application_name = $1";
        // Idle is when a second has passed in which nobody asked anything.
        let mut asked: Option<String> = None;
        for attempt in 0.. {
            assert!(attempt < 60, "the followers never came to rest");
            tokio::time::sleep(Duration::from_secs(1)).await;
            let now: Option<String> = admin.query_one(last, &[&name]).await.unwrap().get(0);
            let listeners: i64 = admin.query_one(listening, &[&name]).await.unwrap().get(0);
            if listeners == 1 && now == asked {
                break;
            }
            asked = now;
        }
        for number in 0..100 {
            let space = SpaceId::try_new(format!("space-{number}")).unwrap();
            store.space(&space).write_events(note(1)).await?;
        }
        for one in following {
            assert_eq!(one.await.unwrap(), 1);
        }
        Ok::<_, StoreError>(())
    })
    .await;
}
