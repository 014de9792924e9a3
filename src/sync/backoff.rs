//! How long to wait before trying again.

/// The first delay, in milliseconds.
const FIRST: u64 = 500;
/// The longest delay, in milliseconds.
const LONGEST: u64 = 60_000;

/// Milliseconds to wait after so many failures in a row: twice as long each time, half of it by chance, so that
/// clients of an endpoint that comes back do not come back together. Never less than the endpoint asked for.
pub(super) fn delay(failures: u32, random: f64, retry_after_ms: Option<u64>) -> u64 {
    let whole = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(LONGEST);
    let jittered = whole / 2 + (random.clamp(0.0, 1.0) * (whole / 2) as f64) as u64;
    jittered.max(retry_after_ms.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_a_minute() {
        let longest: Vec<u64> = [1, 2, 3, 8, 100].map(|failures| delay(failures, 1.0, None)).into();
        assert_eq!(longest, [500, 1_000, 2_000, 60_000, 60_000]);
        assert_eq!(delay(1, 0.0, None), 250);
    }

    #[test]
    fn an_endpoint_that_asks_for_time_gets_it() {
        assert_eq!(delay(1, 0.5, Some(120_000)), 120_000);
        assert_eq!(delay(100, 1.0, Some(5)), 60_000);
    }
}
