//! A checksum of a record's text, against damage, not against anybody: cheap enough to be made with every write.

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
