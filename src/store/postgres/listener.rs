//! Hearing of what other processes append: one listening connection for all spaces, however many follow them.
//!
//! A notification says a space and its new head. It is no promise: whoever is woken reads. What was appended while
//! nobody listened is noticed by waking everybody as soon as somebody listens again.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use event_listener::{Event as Wakeup, EventListener};
use futures_channel::oneshot;
use futures_util::future::select;

use crate::event::{Digest, SpaceId};
use crate::timer::sleep;
use crate::version::Position;

use super::client::{SqlClient, SqlNotifications as _};

/// How long to wait before listening again after a connection was lost or refused; twice as long each time.
const FIRST_PAUSE_MS: u64 = 100;
const LONGEST_PAUSE_MS: u64 = 5_000;
/// How often followers look for themselves where the client cannot listen.
const POLL_MS: u64 = 1_000;
/// Spaces that are noted before those that nobody follows any more are thrown out.
const TIDY_ABOVE: usize = 1_000;

/// Wakes who follows one space.
#[derive(Default)]
pub(super) struct Signal {
    changed: Wakeup,
    /// The highest head that was told. The process that appends tells its own followers, so that what comes back
    /// to it as a notification is old news.
    told: AtomicU64,
}

impl Signal {
    pub(super) fn listen(&self) -> EventListener {
        self.changed.listen()
    }

    /// Something changed, whatever it is.
    pub(super) fn wake(&self) {
        self.changed.notify(usize::MAX);
    }

    /// The space has this head now, or had it a moment ago.
    pub(super) fn tell(&self, head: Position) {
        if self.told.fetch_max(head.get(), Ordering::AcqRel) < head.get() {
            self.wake();
        }
    }

    /// Wakes everybody and forgets what was told: the database may be another one than before.
    fn start_over(&self) {
        self.told.store(0, Ordering::Release);
        self.wake();
    }
}

/// The channel that processes over one schema of a database share. Its name fits PostgreSQL's limit, whatever the
/// schema's is.
pub(super) fn channel(schema: &str) -> String {
    format!("eventcore_{:.32}", Digest::of([schema]).to_string())
}

/// What is said on the channel about an append.
pub(super) fn appended(space: &SpaceId, head: Position) -> String {
    format!("{head} {space}")
}

#[derive(Default)]
struct Followed(Mutex<HashMap<SpaceId, Weak<Signal>>>);

impl Followed {
    fn add(&self, space: &SpaceId, signal: &Arc<Signal>) {
        let mut spaces = self.lock();
        if spaces.get(space).is_some_and(|known| known.as_ptr() == Arc::as_ptr(signal)) {
            return;
        }
        if spaces.len() >= TIDY_ABOVE {
            spaces.retain(|_, signal| signal.strong_count() > 0);
        }
        spaces.insert(space.clone(), Arc::downgrade(signal));
    }

    /// Takes in what was said on the channel; what nobody here follows is nothing to us.
    fn hear(&self, payload: &str) {
        let Some((head, space)) = payload.split_once(' ') else { return };
        let Ok(space) = SpaceId::try_new(space) else { return };
        let signal = self.lock().get(&space).and_then(Weak::upgrade);
        let Some(signal) = signal else { return };
        match head.parse::<u64>().map(Position::try_from) {
            Ok(Ok(head)) => signal.tell(head),
            _ => signal.wake(),
        }
    }

    fn start_over(&self) {
        let signals: Vec<_> = self.lock().values().filter_map(Weak::upgrade).collect();
        signals.iter().for_each(|signal| signal.start_over());
    }

    // A panic elsewhere leaves a whole map.
    fn lock(&self) -> MutexGuard<'_, HashMap<SpaceId, Weak<Signal>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one who listens, from when the first space is followed until it is dropped.
pub(super) struct Listener<C> {
    client: Arc<C>,
    channel: String,
    followed: Arc<Followed>,
    /// Gone with this listener, and its work then ends.
    work: Mutex<Option<oneshot::Sender<()>>>,
}

impl<C: SqlClient> Listener<C> {
    pub(super) fn new(client: Arc<C>, schema: &str) -> Self {
        Self { client, channel: channel(schema), followed: Arc::default(), work: Mutex::default() }
    }

    /// The channel's name.
    pub(super) fn channel(&self) -> &str {
        &self.channel
    }

    /// From now on the signal is told of what anybody appends to the space.
    pub(super) fn follow(&self, space: &SpaceId, signal: &Arc<Signal>) {
        self.followed.add(space, signal);
        let mut work = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        if work.as_ref().is_none_or(oneshot::Sender::is_canceled) {
            let (ended, end) = oneshot::channel();
            let (client, channel) = (Arc::clone(&self.client), self.channel.clone());
            let followed = Arc::clone(&self.followed);
            self.client.spawn(async move {
                select(pin!(listen(&*client, &channel, &followed)), end).await;
            });
            *work = Some(ended);
        }
    }
}

/// Listens for good.
async fn listen<C: SqlClient>(client: &C, channel: &str, followed: &Followed) {
    let mut pause = FIRST_PAUSE_MS;
    loop {
        match client.listen(channel).await {
            Ok(Some(mut notifications)) => {
                followed.start_over();
                while let Ok(payload) = notifications.next().await {
                    pause = FIRST_PAUSE_MS;
                    followed.hear(&payload);
                }
            }
            Ok(None) => {
                sleep(POLL_MS).await;
                followed.start_over();
                continue;
            }
            // Who follows waits meanwhile, and who reads is told by the reading.
            Err(_) => {}
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(number: u64) -> Position {
        Position::try_from(number).unwrap()
    }

    #[test]
    fn a_channel_fits_and_differs_by_schema() {
        let names = [channel("a"), channel(&"x".repeat(63)), channel("A")];
        assert!(names.iter().all(|name| name.len() <= 63));
        assert_ne!(names[0], names[2]);
        assert!(names[0].chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "it needs no quotes");
    }

    #[test]
    fn news_wakes_once_and_old_news_does_not() {
        let followed = Followed::default();
        let space = SpaceId::try_new("a b").unwrap();
        let signal = Arc::new(Signal::default());
        followed.add(&space, &signal);
        let woken = |payload: &str| {
            let mut listener = std::pin::pin!(signal.listen());
            followed.hear(payload);
            futures_util::FutureExt::now_or_never(listener.as_mut()).is_some()
        };
        signal.tell(position(5));
        assert!(!woken(&appended(&space, position(5))), "told by itself already");
        assert!(woken(&appended(&space, position(6))));
        assert!(!woken("7 a"), "another space");
        for noise in ["", "7", "x\ny", "7 "] {
            assert!(!woken(noise), "{noise:?}");
        }
        assert!(woken("erased a b"), "what has no head wakes in any case");
        followed.start_over();
        assert!(woken("1 a b"), "a database that was restored may be behind");
    }
}
