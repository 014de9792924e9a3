//! Hearing of what other processes append: one listening connection for all spaces, however many follow them.
//!
//! Nobody listens while nobody follows. A notification says a space and its new head. It is no promise: whoever is woken reads. What was appended while
//! nobody listened is noticed by waking everybody as soon as somebody listens again.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use event_listener::{Event as Wakeup, EventListener};
use futures_channel::oneshot;
use futures_util::future::{Either, select};

use crate::event::{Digest, SpaceId};
use crate::timer::sleep;
use crate::version::Position;

use super::client::{SqlClient, SqlNotifications};

/// How long to wait before listening again after a connection was lost or refused; twice as long each time.
const FIRST_PAUSE_MS: u64 = 100;
const LONGEST_PAUSE_MS: u64 = 5_000;
/// How often followers look for themselves where the client cannot listen.
const POLL_MS: u64 = 1_000;
/// How often the listener looks whether anybody follows still.
const LOOK_MS: u64 = 1_000;
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

    /// Whether somebody waits.
    fn is_awaited(&self) -> bool {
        self.changed.total_listeners() > 0
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

/// The spaces that are followed here, and whether somebody listens for them.
#[derive(Default)]
struct Followed(Mutex<State>);

/// What is said on the channel about a space that is gone.
pub(super) fn erased(space: &SpaceId) -> String {
    format!("erased {space}")
}

#[derive(Default)]
struct State {
    signals: HashMap<SpaceId, Weak<Signal>>,
    listening: bool,
}

impl Followed {
    /// Notes a space; answers whether somebody has to begin to listen.
    fn add(&self, space: &SpaceId, signal: &Arc<Signal>) -> bool {
        let mut state = self.lock();
        let signals = &mut state.signals;
        if signals.get(space).is_none_or(|known| known.as_ptr() != Arc::as_ptr(signal)) {
            if signals.len() >= TIDY_ABOVE {
                signals.retain(|_, signal| signal.strong_count() > 0);
            }
            signals.insert(space.clone(), Arc::downgrade(signal));
        }
        !std::mem::replace(&mut state.listening, true)
    }

    /// Whether nobody waits any more. Then nobody listens from now on, and who comes next has to begin anew.
    fn is_abandoned(&self) -> bool {
        let mut state = self.lock();
        let waits = |signal: &Weak<Signal>| signal.upgrade().is_some_and(|signal| signal.is_awaited());
        state.listening = state.signals.values().any(waits);
        !state.listening
    }

    /// Takes in what was said on the channel; what nobody here follows is nothing to us.
    fn hear(&self, payload: &str) {
        let Some((head, space)) = payload.split_once(' ') else { return };
        let Ok(space) = SpaceId::try_new(space) else { return };
        let signal = self.lock().signals.get(&space).and_then(Weak::upgrade);
        let Some(signal) = signal else { return };
        match head.parse::<u64>().map(Position::try_from) {
            Ok(Ok(head)) => signal.tell(head),
            _ => signal.wake(),
        }
    }

    fn start_over(&self) {
        let signals: Vec<_> = self.lock().signals.values().filter_map(Weak::upgrade).collect();
        signals.iter().for_each(|signal| signal.start_over());
    }

    // A panic elsewhere leaves a whole map.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one who listens, while somebody follows a space.
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

    /// Gives the connection back; who follows is told nothing more.
    pub(super) fn stop(&self) {
        drop(self.work.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// From now on the signal, which somebody awaits, is told of what anybody appends to the space.
    pub(super) fn follow(&self, space: &SpaceId, signal: &Arc<Signal>) {
        if !self.followed.add(space, signal) {
            return;
        }
        let (ended, end) = oneshot::channel();
        let (client, channel) = (Arc::clone(&self.client), self.channel.clone());
        let followed = Arc::clone(&self.followed);
        self.client.spawn(async move {
            select(pin!(listen(&*client, &channel, &followed)), end).await;
        });
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
    }
}

/// Listens until nobody follows any more.
async fn listen<C: SqlClient>(client: &C, channel: &str, followed: &Followed) {
    let mut pause = FIRST_PAUSE_MS;
    loop {
        match client.listen(channel).await {
            Ok(Some(notifications)) => {
                followed.start_over();
                match hear(notifications, followed).await {
                    End::Abandoned => return,
                    End::Lost { heard: true } => pause = FIRST_PAUSE_MS,
                    End::Lost { heard: false } => {}
                }
            }
            Ok(None) => {
                sleep(POLL_MS).await;
                followed.start_over();
                pause = 0;
            }
            // Who follows waits meanwhile, and who reads is told by the reading.
            Err(_) => {}
        }
        if followed.is_abandoned() {
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).clamp(FIRST_PAUSE_MS, LONGEST_PAUSE_MS);
    }
}

/// Why hearing ended.
enum End {
    /// Nobody follows.
    Abandoned,
    /// The connection is lost; whether it had brought anything.
    Lost { heard: bool },
}

async fn hear(mut notifications: impl SqlNotifications, followed: &Followed) -> End {
    let mut heard = false;
    loop {
        // Kept over the looks: what a client has handed over already must not be dropped.
        let mut next = pin!(notifications.next());
        let payload = loop {
            match select(next.as_mut(), pin!(sleep(LOOK_MS))).await {
                Either::Left((payload, _)) => break payload,
                Either::Right(_) if followed.is_abandoned() => return End::Abandoned,
                Either::Right(_) => {}
            }
        };
        let Ok(payload) = payload else { return End::Lost { heard } };
        heard = true;
        followed.hear(&payload);
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

    #[test]
    fn who_follows_after_the_listener_left_has_to_begin_anew() {
        let (followed, space, signal) =
            (Followed::default(), SpaceId::try_new("s").unwrap(), Arc::new(Signal::default()));
        let waiting = signal.listen();
        assert!(followed.add(&space, &signal));
        assert!(!followed.add(&space, &signal), "somebody listens");
        assert!(!followed.is_abandoned());
        drop(waiting);
        assert!(followed.is_abandoned());
        assert!(followed.add(&space, &signal));
    }
}
