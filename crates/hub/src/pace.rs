//! The least pace of an answer, so that nobody waits without an end for a hub that gives next to nothing.
//!
//! **Invariant:** an answer of which fewer than [`BYTES_MIN`] came within [`STRETCH`] is left, unless it is over by then.

use std::time::{Duration, Instant};

/// Bytes that are more than next to nothing.
pub(crate) const BYTES_MIN: u64 = 64 * 1024;
/// Within which so many come.
const STRETCH: Duration = Duration::from_secs(60);

/// What came since a stretch of time began.
#[derive(Debug)]
pub(crate) struct LeastPace {
    since: Instant,
    bytes: u64,
}

impl LeastPace {
    pub(crate) fn begin(now: Instant) -> Self {
        Self { since: now, bytes: 0 }
    }

    /// Whether it is kept, now that so many bytes more have come.
    pub(crate) fn keeps(&mut self, now: Instant, bytes: usize) -> bool {
        self.bytes += bytes as u64;
        if now.duration_since(self.since) < STRETCH {
            return true;
        }
        let is_kept = self.bytes >= BYTES_MIN;
        *self = Self::begin(now);
        is_kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many seconds an answer goes on that gives so many bytes a second, an hour at most.
    fn lasts(bytes: usize) -> u64 {
        let begun = Instant::now();
        let mut pace = LeastPace::begin(begun);
        let is_left = |second: &u64| !pace.keeps(begun + Duration::from_secs(*second), bytes);
        (1..=3_600).find(is_left).unwrap_or(u64::MAX)
    }

    #[test]
    fn a_slow_line_goes_on_and_a_trickle_is_left_after_a_minute() {
        assert_eq!([0, 1, 1_000].map(lasts), [60; 3]);
        assert_eq!([1_100, 1_000_000].map(lasts), [u64::MAX; 2]);
    }

    #[test]
    fn what_was_fast_once_is_left_all_the_same() {
        let begun = Instant::now();
        let mut pace = LeastPace::begin(begun);
        assert!(pace.keeps(begun + STRETCH, 1 << 30));
        assert!(pace.keeps(begun + STRETCH + Duration::from_secs(59), 1));
        assert!(!pace.keeps(begun + STRETCH * 2, 1));
    }
}
