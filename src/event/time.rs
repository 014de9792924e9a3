//! Times as every store keeps them: UTC, whole milliseconds, written as RFC 3339.
//!
//! Written and read by hand: the browser's module would otherwise carry every format that chrono knows, and its tables of
//! years. Properties hold it against chrono.

use chrono::{DateTime, Utc};

/// A text that is no time of RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a time such as 2026-01-31T23:59:59.999Z")]
pub(crate) struct InvalidTime;

/// RFC 3339 in UTC with milliseconds, `2026-01-31T23:59:59.999Z`; of a year that has four digits.
pub(crate) fn format(time: DateTime<Utc>) -> String {
    let (year, month, day) = date(time.timestamp().div_euclid(DAY));
    let second = time.timestamp().rem_euclid(DAY) as u32;
    let year = year.unsigned_abs() as u32;
    let mut text = String::with_capacity(24);
    digits(&mut text, year, if year > 9999 { 5 } else { 4 });
    for (separator, number, count) in [
        ('-', month, 2),
        ('-', day, 2),
        ('T', second / 3600, 2),
        (':', second / 60 % 60, 2),
        (':', second % 60, 2),
        ('.', time.timestamp_subsec_millis().min(999), 3),
    ] {
        text.push(separator);
        digits(&mut text, number, count);
    }
    text.push('Z');
    text
}

/// Seconds of a day.
const DAY: i64 = 86_400;

/// Whether a time's year has four digits, as RFC 3339 wants it.
pub(crate) fn is_of_four_digits(time: DateTime<Utc>) -> bool {
    (days(0, 1, 1)..days(10_000, 1, 1)).contains(&time.timestamp().div_euclid(DAY))
}

/// How many days after 1970-01-01 a date is, in the proleptic Gregorian calendar. Years are counted from March here, so
/// that the day that some of them have more is their last.
const fn days(year: i64, month: u32, day: u32) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day;
    let before = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    before + of_year as i64 - 719_469
}

/// The year, month and day so many days after 1970-01-01.
const fn date(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = (of_era - (365 * year + year / 4 - year / 100)) as u32;
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + (month < 3) as i64, month, day)
}

fn digits(text: &mut String, number: u32, count: u32) {
    for place in (0..count).rev() {
        text.push(char::from(b'0' + (number / 10_u32.pow(place) % 10) as u8));
    }
}

/// Reads RFC 3339; what is finer than a millisecond is cut, so that every store keeps the same.
pub(crate) fn parse(text: &str) -> Result<DateTime<Utc>, InvalidTime> {
    let mut rest = Rest(text.as_bytes());
    millis(&mut rest)
        .filter(|_| rest.0.is_empty())
        .and_then(DateTime::from_timestamp_millis)
        .ok_or(InvalidTime)
}

fn millis(rest: &mut Rest<'_>) -> Option<i64> {
    let year = rest.number(4)?.into();
    rest.one_of(b"-")?;
    let month = rest.number(2)?;
    rest.one_of(b"-")?;
    let day = rest.number(2)?;
    let days = days(year, month, day);
    // The thirteenth month is another one of another year.
    if date(days) != (year, month, day) {
        return None;
    }
    rest.one_of(b"Tt ")?;
    let hour = rest.number(2).filter(|hour| *hour < 24)?;
    rest.one_of(b":")?;
    let minute = rest.number(2).filter(|minute| *minute < 60)?;
    rest.one_of(b":")?;
    // A leap second counts as the one after it.
    let second = rest.number(2).filter(|second| *second <= 60)?;
    let millis = if rest.one_of(b".").is_some() { rest.fraction()? } else { 0 };
    let minutes = days * 1440 + i64::from(hour * 60 + minute) - rest.offset()?;
    Some((minutes * 60 + i64::from(second)) * 1000 + i64::from(millis))
}

struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn one_of(&mut self, bytes: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        bytes.contains(first).then(|| {
            self.0 = rest;
            *first
        })
    }

    fn number(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |number, _| Some(number * 10 + u32::from(self.one_of(b"0123456789")? - b'0')))
    }

    /// At least one digit; those after the third do not count.
    fn fraction(&mut self) -> Option<u32> {
        let mut millis = self.number(1)? * 100;
        let mut unit = 10;
        while let Some(digit) = self.number(1) {
            millis += digit * unit;
            unit /= 10;
        }
        Some(millis)
    }

    /// In minutes.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.one_of(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let hours = self.number(2).filter(|hours| *hours < 24)?;
        self.one_of(b":")?;
        let minutes = self.number(2).filter(|minutes| *minutes < 60)?;
        Some(sign * i64::from(hours * 60 + minutes))
    }
}

/// Cuts what is finer than a millisecond.
pub(crate) fn whole_millis(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(time.timestamp_millis()).unwrap_or(time)
}

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests {
    use super::*;
    use chrono::SecondsFormat;
    use proptest::prelude::*;

    /// What chrono reads, in whole milliseconds.
    fn by_chrono(text: &str) -> Option<DateTime<Utc>> {
        DateTime::parse_from_rfc3339(text).ok().map(|time| whole_millis(time.to_utc()))
    }

    #[test]
    fn the_examples_of_rfc_3339_section_5_8_are_read_as_chrono_reads_them() {
        for text in [
            "1985-04-12T23:20:50.52Z",
            "1996-12-19T16:39:57-08:00",
            "1990-12-31T23:59:60Z",
            "1990-12-31T15:59:60-08:00",
            "1937-01-01T12:00:27.87+00:20",
            "2000-02-29t00:00:00z",
            "0000-01-01 00:00:00.000999999999Z",
            "9999-12-31T23:59:59.9999-23:59",
        ] {
            assert!(parse(text).is_ok(), "{text}");
            assert_eq!(parse(text).ok(), by_chrono(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2026-01-31",
            "2026-01-31T23:59:59",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T00:60:00Z",
            "2026-01-31T00:00:61Z",
            "2026-01-31T00:00:00.Z",
            "2026-01-31T00:00:00+24:00",
            "2026-01-31T00:00:00+0100",
            "2026-01-31T00:00:00Z ",
            "+2026-01-31T00:00:00Z",
            "26-01-31T00:00:00Z",
        ] {
            assert_eq!(parse(text), Err(InvalidTime), "{text}");
            assert_eq!(by_chrono(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_time_is_written_as_chrono_writes_it(millis in -62_167_219_200_000_i64..253_402_300_800_000) {
            let time = DateTime::from_timestamp_millis(millis).unwrap();
            let text = format(time);
            assert_eq!(text, time.to_rfc3339_opts(SecondsFormat::Millis, true));
            assert_eq!(parse(&text), Ok(time));
        }

        #[test]
        fn every_text_is_read_as_chrono_reads_it(
            text in "[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{0,10})?\
                     ([Zz]|[+-][0-2][0-9]:[0-6][0-9])",
        ) {
            assert_eq!(parse(&text).ok(), by_chrono(&text), "{text}");
        }
    }
}
