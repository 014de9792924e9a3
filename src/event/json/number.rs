//! Which numbers pass, and how they are printed: by what a 64-bit float makes of them.

use super::text::CITED;
use super::{Reason, float};

/// The longest number, in bytes. A 64-bit float never needs more than 24; the rest is courtesy.
pub const MAX_NUMBER_BYTES: usize = 1024;

/// A decimal of so many digits comes back from a 64-bit float unchanged, and no two share a float.
const EXACT_DIGITS: usize = 15;
/// `0e9999` is zero to a float, but PostgreSQL's `numeric` looks at the exponent.
const MAX_EXPONENT_OF_ZERO: u32 = 400;

/// Checks a number whose integer part and mantissa, sign included, end at these bytes.
#[inline]
pub(super) fn check(literal: &str, integer: usize, mantissa: usize) -> Result<(), Reason> {
    let surely_fine = match literal.len() == integer {
        true => integer <= EXACT_DIGITS,
        // At most e and two digits, or e, a sign and one: far from both ends of what a float holds.
        false => literal.len() <= 200 && literal.len() - mantissa <= 3,
    };
    if surely_fine { Ok(()) } else { check_closely(literal, integer, mantissa) }
}

#[inline(never)]
fn check_closely(literal: &str, integer: usize, mantissa: usize) -> Result<(), Reason> {
    if literal.len() > MAX_NUMBER_BYTES {
        return Err(Reason::NumberTooLong(literal.len()));
    }
    if literal.len() == integer {
        return check_integer(literal);
    }
    let (mantissa, exponent) = literal.split_at(mantissa);
    check_real(literal, mantissa, exponent)
}

/// An integer of many digits: exact, or just what `JSON.stringify` prints for its float.
fn check_integer(literal: &str) -> Result<(), Reason> {
    let value = float::read(literal);
    if value.is_infinite() {
        return Err(Reason::NumberOutOfRange(cited(literal)));
    }
    if float::is_exactly(value, literal) || float::print(value) == literal {
        return Ok(());
    }
    Err(Reason::NumberNotExact(cited(literal)))
}

/// A number with a fraction or an exponent: its float is finite, and zero only if it says zero.
fn check_real(literal: &str, mantissa: &str, exponent: &str) -> Result<(), Reason> {
    let holds = match mantissa.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.')) {
        true => {
            let digits = exponent.trim_start_matches(['e', 'E', '+', '-']);
            digits.is_empty() || digits.parse::<u32>().is_ok_and(|exponent| exponent <= MAX_EXPONENT_OF_ZERO)
        }
        false => {
            let value = float::read(literal);
            value.is_finite() && value != 0.0
        }
    };
    holds.then_some(()).ok_or_else(|| Reason::NumberOutOfRange(cited(literal)))
}

fn cited(literal: &str) -> String {
    literal.chars().take(CITED).collect()
}

/// Writes a number as ECMAScript does; one beyond a float, which no check lets pass, as it is.
pub(super) fn write_canonical(out: &mut String, literal: &str) {
    if is_canonical(literal) {
        return out.push_str(literal);
    }
    // Not by `serde_json`, which may miss the nearest float by one.
    let value = float::read(literal);
    if value.is_finite() {
        out.push_str(&float::print(value));
    } else {
        out.push_str(literal);
    }
}

/// Whether a number of few digits is spelled as ECMAScript does; `false` where that takes more than a look.
pub(super) fn is_canonical(literal: &str) -> bool {
    let unsigned = literal.strip_prefix('-').unwrap_or(literal).as_bytes();
    if unsigned.len() > EXACT_DIGITS {
        return false;
    }
    let digits = unsigned.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match &unsigned[digits..] {
        [] => literal != "-0",
        // Below 0.1 an exponent may be due, and after a last 0 fewer digits.
        [b'.', fraction @ .., b'1'..=b'9'] => {
            (unsigned[0] != b'0' || unsigned[digits + 1] != b'0') && fraction.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}
