//! Any bytes as the body of a push: it is carried out or refused, commit by commit, and of what is refused nothing is
//! written.
#![no_main]
#![allow(clippy::unwrap_used, reason = "the fuzzer looks for panics")]

#[path = "../../bad_input/host.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod host;

libfuzzer_sys::fuzz_target!(|body: &[u8]| {
    let host = host::Host::new();
    host.push_and_check(body.to_vec());
    // The same once more: what was accepted is recognised, and nothing is written twice.
    let written = host.logged();
    host.push_and_check(body.to_vec());
    assert_eq!(host.logged(), written);
});
