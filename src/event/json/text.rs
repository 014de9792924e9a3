//! What is between the quotes of a JSON string.

use std::cmp::Ordering;

/// What is cited in an error is cut after so many characters.
pub(super) const CITED: usize = 64;

/// How many bytes at the start are neither a quote, a backslash nor a control character; eight at a time.
pub(super) fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    let mut at = 0;
    while let Some(eight) = bytes[at..].first_chunk() {
        let word = u64::from_le_bytes(*eight);
        // The lowest byte that a term marks is right; a borrow can mark only bytes above it.
        let zero = |word: u64| word.wrapping_sub(ONES) & !word;
        let quote = zero(word ^ (ONES * u64::from(b'"')));
        let backslash = zero(word ^ (ONES * u64::from(b'\\')));
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (quote | backslash | control) & HIGHS;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    let tail = &bytes[at..];
    at + tail.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\').unwrap_or(tail.len())
}

/// The places of a list in the order of what stands there; equals stay as they are.
///
/// One sort for whatever there is to sort: each would be compiled anew. And by hand, a merge of ever longer runs: the
/// standard library's, which is made for speed, is ten times as much to download.
pub(crate) fn order(length: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..length).collect();
    let mut width = 1;
    while width < length {
        let mut merged = Vec::with_capacity(length);
        for runs in places.chunks(width * 2) {
            let (mut left, mut right) = runs.split_at(width.min(runs.len()));
            while let ([one, rest_of_left @ ..], [other, rest_of_right @ ..]) = (left, right) {
                let (next, taken) = match compare(*one, *other) {
                    Ordering::Greater => (other, (left, rest_of_right)),
                    _ => (one, (rest_of_left, right)),
                };
                merged.push(*next);
                (left, right) = taken;
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        places = merged;
        width *= 2;
    }
    places
}

/// The first four bytes as a hexadecimal number.
pub(super) fn hex(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk::<4>()?.iter().try_fold(0_u16, |unit, &byte| {
        let digit = char::from(byte).to_digit(16)?;
        Some(unit << 4 | digit as u16)
    })
}

/// The characters that a string of checked JSON means, from what is between its quotes.
///
/// Half of a surrogate pair, which only unchecked text can have, becomes U+FFFD.
pub(super) fn unescaped(inner: &str) -> impl Iterator<Item = char> {
    let mut rest = inner;
    std::iter::from_fn(move || {
        let mut next = rest.chars();
        let character = match next.next()? {
            '\\' => match next.next()? {
                'b' => '\u{8}',
                'f' => '\u{c}',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let (character, length) = unescaped_unit(next.as_str());
                    rest = next.as_str().get(length..).unwrap_or_default();
                    return Some(character);
                }
                other => other,
            },
            character => character,
        };
        rest = next.as_str();
        Some(character)
    })
}

/// The character after `\u`, and how many bytes spell it.
fn unescaped_unit(text: &str) -> (char, usize) {
    let Some(unit) = hex(text.as_bytes()) else { return (char::REPLACEMENT_CHARACTER, 0) };
    let low = text.get(4..).and_then(|rest| rest.strip_prefix("\\u")).and_then(|rest| hex(rest.as_bytes()));
    match (unit, low) {
        (0xD800..0xDC00, Some(low @ 0xDC00..0xE000)) => {
            let code = 0x1_0000 + (u32::from(unit - 0xD800) << 10 | u32::from(low - 0xDC00));
            (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 10)
        }
        _ => (char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER), 4),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::order;

    proptest! {
        #[test]
        fn the_sort_is_the_standard_librarys(list: Vec<u8>) {
            let mut expected: Vec<usize> = (0..list.len()).collect();
            expected.sort_by_key(|at| list[*at]);
            prop_assert_eq!(order(list.len(), &|one, other| list[one].cmp(&list[other])), expected);
        }
    }
}
