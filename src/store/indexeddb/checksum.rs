//! A checksum of a text, against damage, not against anybody: cheap enough to be made with every write.

use crate::event::json::Encode;

/// Odd, so that multiplying by it loses nothing: 2^64 divided by the golden ratio.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// Differs for texts that differ within one word of 8 bytes, but for one time in 2^32; and for others as often.
pub(super) fn of(text: &str) -> u32 {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let mut sum = text.len() as u64;
    for word in words.iter().chain([&last]) {
        sum = (sum ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR);
        sum ^= sum >> 32;
    }
    sum as u32
}

/// The member that a sealed object ends with.
const SEAL: &str = ",\"sum\":";

/// The text of a JSON object of some members, with the checksum of what it was before as its last.
pub(super) fn sealed(mut object: String) -> String {
    object.pop();
    let sum = of(&object);
    object.push_str(SEAL);
    sum.encode(&mut object);
    object.push('}');
    object
}

/// Whether an object is as it was when it was sealed; one that never was is of an older version. (No string has the
/// member in it, since its quotes would be escaped.)
pub(super) fn holds(object: &str) -> bool {
    // By hand: the standard library's search for a text is large.
    match object.as_bytes().windows(SEAL.len()).rposition(|bytes| bytes == SEAL.as_bytes()) {
        Some(at) => sealed([&object[..at], "}"].concat()) == object,
        None => true,
    }
}
