//! The load of `npm run bench -- endpoint` that is no JavaScript: the store as an app in Rust uses it, and HTTP by
//! plain sockets, so that of the two cores the one who asks takes as little as it can.
//!
//! `load store URL SCHEMA ROW SECONDS` or `load http URL SPACE ROW SECONDS`, where a row is `push`, `commits` or
//! `feed`; it prints JSON: `{ "rate": events per second, "p50": ms, "p99": ms }`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measurement that fails is none")]

#[path = "http.rs"]
mod http;
#[path = "store.rs"]
mod store;

use std::time::{Duration, Instant};

/// Who asks at once in the row `push`.
const CALLERS: usize = 32;
/// Events of a commit in the row `commits`.
const COMMIT: usize = 100;
/// Events that a stream gets in the row `push`, before the next one begins.
const STREAM: usize = 10;
/// What is not counted at the beginning.
const WARM_UP: Duration = Duration::from_millis(500);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let measured = match args.as_slice() {
        ["store", url, schema, row, seconds] => store::measure(url, schema, row, Load::of(row, seconds)),
        ["http", url, space, row, seconds] => http::measure(url, space, Load::of(row, seconds)),
        _ => panic!("load store URL SCHEMA ROW SECONDS | load http URL SPACE ROW SECONDS"),
    };
    println!("{}", measured.json());
}

/// What to do, and for how long.
#[derive(Clone, Copy)]
struct Load {
    callers: usize,
    /// Events of a commit; none where the feed is read.
    commit: Option<usize>,
    began: Instant,
    time: Duration,
}

impl Load {
    fn of(row: &str, seconds: &str) -> Self {
        let (callers, commit) = match row {
            "push" => (CALLERS, Some(1)),
            "commits" => (1, Some(COMMIT)),
            "feed" => (1, None),
            other => panic!("no row {other}"),
        };
        let time = Duration::from_secs_f64(seconds.parse().unwrap());
        Self { callers, commit, began: Instant::now(), time }
    }

    fn is_over(self) -> bool {
        self.began.elapsed() >= WARM_UP + self.time
    }

    /// Whether something that began then counts.
    fn counts(self, began: Instant) -> bool {
        began.duration_since(self.began) >= WARM_UP
    }
}

/// The calls of one caller that count.
#[derive(Default)]
struct Calls {
    events: usize,
    times: Vec<Duration>,
}

impl Calls {
    fn add(&mut self, load: Load, began: Instant, events: usize) {
        if load.counts(began) {
            self.events += events;
            self.times.push(began.elapsed());
        }
    }
}

struct Measured {
    rate: f64,
    p50: f64,
    p99: f64,
}

impl Measured {
    fn of(load: Load, callers: Vec<Calls>) -> Self {
        let events: usize = callers.iter().map(|calls| calls.events).sum();
        let mut times: Vec<Duration> = callers.into_iter().flat_map(|calls| calls.times).collect();
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        let rate = events as f64 / (load.began.elapsed() - WARM_UP).as_secs_f64();
        Self { rate, p50: at(0.5), p99: at(0.99) }
    }

    fn json(&self) -> String {
        let Self { rate, p50, p99 } = self;
        serde_json::json!({ "rate": rate, "p50": p50, "p99": p99 }).to_string()
    }
}

/// About 480 bytes as JSON, with what a store adds to it; the same as in `event.mjs`.
fn payload(number: usize) -> String {
    format!(
        r#"{{"order":"order-{number}","customer":{{"name":"Ada Lovelace","email":"ada-{number}@example.com"}},"currency":"EUR","lines":[{{"sku":"SKU-{}","quantity":{},"price":12.5}},{{"sku":"SKU-{}","quantity":1,"price":99.9}}],"note":"Leave it with the neighbours if nobody is at home."}}"#,
        number % 997,
        number % 7 + 1,
        number % 991,
    )
}
