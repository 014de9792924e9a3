//! The endpoint through HTTP: a connection for each caller, kept open.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use eventcore_web::event::EventId;

use super::{Calls, Load, Measured, STREAM, payload};

/// The whole of the metadata that an event of the row carries.
const METADATA: &str = r#"{"correlationId":"bench"}"#;

pub(super) fn measure(url: &str, space: &str, load: Load) -> Measured {
    let host = url.strip_prefix("http://").unwrap();
    let connections: Vec<Connection> = (0..load.callers).map(|_| Connection::open(host)).collect();
    let load = Load { began: Instant::now(), ..load };
    let callers = connections.into_iter().enumerate().map(|(caller, connection)| {
        let space = space.to_owned();
        std::thread::spawn(move || match load.commit {
            Some(commit) => push(connection, load, &space, caller, commit),
            None => pull(connection, load, &space),
        })
    });
    let callers: Vec<_> = callers.collect();
    Measured::of(load, callers.into_iter().map(|caller| caller.join().unwrap()).collect())
}

fn push(mut connection: Connection, load: Load, space: &str, caller: usize, commit: usize) -> Calls {
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
        let answer = connection.ask("POST", &format!("/v1/spaces/{space}/push"), &body);
        assert!(answer.contains(r#""status":"accepted""#), "{answer}");
        calls.add(load, began, commit);
    }
    calls
}

/// Reads pages as text. Where the next one begins stands before their events.
fn pull(mut connection: Connection, load: Load, space: &str) -> Calls {
    let mut calls = Calls::default();
    let mut cursor = 0;
    while !load.is_over() {
        let began = Instant::now();
        let path = format!("/v1/spaces/{space}/events?after={cursor}&limit=1000");
        let page = connection.ask("GET", &path, "");
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
    reader: BufReader<TcpStream>,
    host: String,
    line: String,
    body: Vec<u8>,
}

impl Connection {
    fn open(host: &str) -> Self {
        let stream = TcpStream::connect(host).unwrap();
        stream.set_nodelay(true).unwrap();
        let reader = BufReader::with_capacity(64 << 10, stream);
        Self { reader, host: host.into(), line: String::new(), body: Vec::new() }
    }

    /// Sends a request and answers with the body of a 200.
    fn ask(&mut self, method: &str, path: &str, body: &str) -> &str {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            self.host,
            body.len(),
        );
        self.reader.get_mut().write_all((head + body).as_bytes()).unwrap();
        let mut length = 0;
        let status = self.line().to_owned();
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().unwrap();
            }
        }
        self.body.resize(length, 0);
        self.reader.read_exact(&mut self.body).unwrap();
        let body = std::str::from_utf8(&self.body).unwrap();
        assert!(status.contains(" 200 "), "{status}: {body}");
        body
    }

    fn line(&mut self) -> &str {
        self.line.clear();
        self.reader.read_line(&mut self.line).unwrap();
        self.line.trim_end()
    }
}
