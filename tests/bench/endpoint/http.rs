//! The endpoint through HTTP: a connection for each caller, kept open. One thread serves them all, so that who asks
//! takes little of the machine, and is awake when an answer comes.

use std::io::ErrorKind;
use std::time::Instant;

use eventcore_web::event::EventId;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::{Calls, Load, Measured, STREAM, payload};

/// The whole of the metadata that an event of the row carries.
const METADATA: &str = r#"{"correlationId":"bench"}"#;

pub(super) fn measure(url: &str, space: &str, load: Load) -> Measured {
    let host = url.strip_prefix("http://").unwrap();
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(async {
        let mut callers = JoinSet::new();
        let mut connections = Vec::new();
        for _ in 0..load.callers {
            connections.push(Connection::open(host).await);
        }
        let load = Load { began: Instant::now(), ..load };
        for (caller, connection) in connections.into_iter().enumerate() {
            let space = space.to_owned();
            callers.spawn(async move {
                match load.commit {
                    Some(commit) => push(connection, load, &space, caller, commit).await,
                    None => pull(connection, load, &space).await,
                }
            });
        }
        Measured::of(load, callers.join_all().await)
    })
}

async fn push(mut connection: Connection, load: Load, space: &str, caller: usize, commit: usize) -> Calls {
    let mut calls = Calls::default();
    for number in 0.. {
        if load.is_over() {
            break;
        }
        let stream = format!("{space}-{commit}-{caller}-{}", number / STREAM);
        let expected = number % STREAM * commit;
        let began = Instant::now();
        let events: Vec<String> = (0..commit)
            .map(|at| {
                format!(
                    r#"{{"id":"{}","streamId":"{stream}","type":"OrderPlaced","occurredAt":"2026-11-25T12:00:00.000Z","metadata":{METADATA},"payload":{}}}"#,
                    EventId::new(),
                    payload(number * commit + at),
                )
            })
            .collect();
        let body = format!(
            r#"{{"commits":[{{"id":"{}","expectations":[{{"streamId":"{stream}","expected":{expected}}}],"events":[{}]}}]}}"#,
            EventId::new(),
            events.join(","),
        );
        let answer = connection.ask("POST", &format!("/v1/spaces/{space}/push"), &body).await;
        assert!(answer.contains(r#""status":"accepted""#), "{answer}");
        calls.add(load, began, commit);
    }
    calls
}

/// Reads pages as text. Where the next one begins stands before their events.
async fn pull(mut connection: Connection, load: Load, space: &str) -> Calls {
    let mut calls = Calls::default();
    let mut cursor = 0;
    while !load.is_over() {
        let began = Instant::now();
        let path = format!("/v1/spaces/{space}/events?after={cursor}&limit=1000");
        let page = connection.ask("GET", &path, "").await;
        let next = number(page, r#""cursor":"#);
        calls.add(load, began, next - cursor);
        cursor = if page.contains(r#""complete":true"#) { 0 } else { next };
    }
    calls
}

fn number(text: &str, label: &str) -> usize {
    let (_, rest) = text.split_once(label).unwrap();
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap();
    rest[..end].parse().unwrap()
}

struct Connection {
    stream: TcpStream,
    host: String,
    /// What was read of the answer.
    answer: Vec<u8>,
}

impl Connection {
    async fn open(host: &str) -> Self {
        let stream = TcpStream::connect(host).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, host: host.into(), answer: Vec::with_capacity(1 << 20) }
    }

    /// Sends a request and answers with the body of a 200.
    async fn ask(&mut self, method: &str, path: &str, body: &str) -> &str {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.host,
            body.len(),
        );
        self.send(request.as_bytes()).await;
        self.answer.clear();
        let (head, body) = loop {
            self.receive().await;
            if let Some(end) = self.answer.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = std::str::from_utf8(&self.answer[..end]).unwrap();
                break (end, number(&format!("{head}\r"), "content-length: "));
            }
        };
        while self.answer.len() < head + 4 + body {
            self.receive().await;
        }
        let answer = std::str::from_utf8(&self.answer).unwrap();
        let (head, body) = (&answer[..head], &answer[head + 4..]);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}: {body}");
        body
    }

    async fn send(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.stream.writable().await.unwrap();
            match self.stream.try_write(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// What has come, once something has.
    async fn receive(&mut self) {
        loop {
            self.stream.readable().await.unwrap();
            match self.stream.try_read_buf(&mut self.answer) {
                Ok(0) => panic!("the connection ended"),
                Ok(_) => return,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}
