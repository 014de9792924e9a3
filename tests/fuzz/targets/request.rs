//! Any bytes as a request, its parts parted by zeros: it is answered, and by no fault of the endpoint's own.
#![no_main]
#![allow(clippy::unwrap_used, reason = "the fuzzer looks for panics")]

use eventcore_web::endpoint::Request;

#[path = "../../bad_input/host.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod host;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(6, |byte| *byte == 0);
    let mut text = || parts.next().map(|part| String::from_utf8_lossy(part).into_owned());
    let request = Request {
        method: text().unwrap_or_default(),
        path: text().unwrap_or_default(),
        query: text().unwrap_or_default(),
        protocol: text().filter(|text| !text.is_empty()),
        last_event_id: text().filter(|text| !text.is_empty()),
        body: parts.next().unwrap_or_default().to_vec(),
    };
    if let Some(answer) = host::Host::new().answer(request) {
        host::is_typed(&answer);
    }
});
