//! An executor in which chance decides who goes next and time is a number: the same seed, the same run.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

/// SplitMix64.
#[derive(Clone)]
pub struct Chance(Arc<Mutex<u64>>);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    pub fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub fn percent(&self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

pub type TaskId = u64;

#[derive(Default)]
struct Shared {
    now: u64,
    ready: Vec<TaskId>,
    timers: BinaryHeap<Reverse<(u64, u64)>>,
    wakers: BTreeMap<u64, Waker>,
    next_timer: u64,
}

/// Time in this world, in milliseconds.
#[derive(Clone, Default)]
pub struct Time(Arc<Mutex<Shared>>);

impl Time {
    pub fn now(&self) -> u64 {
        self.0.lock().unwrap().now
    }

    pub fn sleep(&self, ms: u64) -> Sleep {
        Sleep { time: self.clone(), deadline: self.now().saturating_add(ms), timer: None }
    }

    /// Lets others go first: chance decides how many.
    pub async fn pause(&self) {
        let mut paused = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut paused, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

pub struct Sleep {
    time: Time,
    deadline: u64,
    timer: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let time = self.time.clone();
        let mut shared = time.0.lock().unwrap();
        if shared.now >= self.deadline {
            return Poll::Ready(());
        }
        let deadline = self.deadline;
        let timer = *self.timer.get_or_insert_with(|| {
            shared.next_timer += 1;
            let timer = shared.next_timer;
            shared.timers.push(Reverse((deadline, timer)));
            timer
        });
        shared.wakers.insert(timer, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer {
            self.time.0.lock().unwrap().wakers.remove(&timer);
        }
    }
}

struct TaskWaker {
    id: TaskId,
    time: Time,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut shared = self.time.0.lock().unwrap();
        if !shared.ready.contains(&self.id) {
            shared.ready.push(self.id);
        }
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tasks, and who goes next.
pub struct Executor {
    pub time: Time,
    chance: Chance,
    tasks: BTreeMap<TaskId, Task>,
    next_task: TaskId,
}

/// What one step did.
#[derive(Debug, PartialEq, Eq)]
pub enum Stepped {
    Task(TaskId),
    Time,
    Nothing,
}

impl Executor {
    pub fn new(chance: Chance) -> Self {
        Self { time: Time::default(), chance, tasks: BTreeMap::new(), next_task: 0 }
    }

    pub fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) -> TaskId {
        self.next_task += 1;
        self.tasks.insert(self.next_task, Box::pin(task));
        self.time.0.lock().unwrap().ready.push(self.next_task);
        self.next_task
    }

    /// Ends a task where it stands: a crash.
    pub fn kill(&mut self, id: TaskId) {
        drop(self.tasks.remove(&id));
    }

    pub fn runs(&self, id: TaskId) -> bool {
        self.tasks.contains_key(&id)
    }

    /// Polls one task that is ready, or moves time to the next timer.
    pub fn step(&mut self) -> Stepped {
        loop {
            let next = {
                let mut shared = self.time.0.lock().unwrap();
                if shared.ready.is_empty() {
                    return match wake_next(&mut shared) {
                        Some(waker) => {
                            drop(shared);
                            waker.wake();
                            Stepped::Time
                        }
                        None => Stepped::Nothing,
                    };
                }
                let at = self.chance.below(shared.ready.len() as u64) as usize;
                shared.ready.swap_remove(at)
            };
            let Some(task) = self.tasks.get_mut(&next) else { continue };
            let waker = Waker::from(Arc::new(TaskWaker { id: next, time: self.time.clone() }));
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                self.tasks.remove(&next);
            }
            return Stepped::Task(next);
        }
    }
}

/// Moves time to the next timer that somebody still waits for.
fn wake_next(shared: &mut Shared) -> Option<Waker> {
    while let Some(Reverse((deadline, timer))) = shared.timers.pop() {
        if let Some(waker) = shared.wakers.remove(&timer) {
            shared.now = shared.now.max(deadline);
            return Some(waker);
        }
    }
    None
}
