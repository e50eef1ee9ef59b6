//! Which jobs fall on a stranger although others are known: one in sixteen, so that a newcomer gets its first, and fewer
//! while that goes wrong.
//!
//! **Invariant:** nobody but the client can foresee which; never more than one in 16, never less than one in 256.

use assay_protocol::{
    codec,
    id::Digest,
    units::{Duration, Timestamp},
};

/// One in so many, as a power of two: at best, and at worst.
const HALVINGS: [u32; 2] = [4, 8];
/// After this long one that failed is made up for.
const EASE: Duration = Duration::seconds(86_400);

/// How often jobs fall on a stranger.
#[derive(Clone, Copy, Debug)]
pub(super) struct LotChance {
    halvings: u32,
    since: Timestamp,
}

impl Default for LotChance {
    fn default() -> Self {
        Self { halvings: HALVINGS[0], since: Timestamp::default() }
    }
}

impl LotChance {
    /// True if the submission of this name falls on a stranger.
    pub(super) fn falls(&self, key: Digest, now: Timestamp) -> bool {
        let Digest([a, b, c, d, ..]) = codec::digest("lot", &key);
        u32::from_be_bytes([a, b, c, d]) < u32::MAX >> self.eased(now)
    }

    /// Notes what came of one that did.
    pub(super) fn note(&mut self, failed: bool, now: Timestamp) {
        let eased = self.eased(now);
        let next = if failed { eased + 1 } else { eased.saturating_sub(1) };
        *self = Self { halvings: next.clamp(HALVINGS[0], HALVINGS[1]), since: now };
    }

    fn eased(&self, now: Timestamp) -> u32 {
        let days = u32::try_from(now.since(self.since).0 / EASE.0).unwrap_or(u32::MAX);
        self.halvings.saturating_sub(days).max(HALVINGS[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn falls(lot: &LotChance, now: Timestamp) -> usize {
        (0..16_384_u64).filter(|number| lot.falls(codec::digest("key", number), now)).count()
    }

    #[test]
    fn one_job_in_sixteen_falls_on_a_stranger_and_fewer_while_that_goes_wrong() {
        let (mut lot, now) = (LotChance::default(), Timestamp(1 << 40));
        lot.note(false, now);
        let about = |found: usize, expected: usize| found.abs_diff(expected) * 5 < expected * 2;
        assert!(about(falls(&lot, now), 1_024), "{}", falls(&lot, now));
        for expected in [512, 256, 128, 64, 64] {
            lot.note(true, now);
            assert!(about(falls(&lot, now), expected), "{} of {expected}", falls(&lot, now));
        }
        let days = |days: u64| now.after(EASE.times(days));
        assert!(about(falls(&lot, days(1)), 128) && about(falls(&lot, days(9)), 1_024));
        lot.note(false, now);
        assert!(about(falls(&lot, now), 128), "one that goes well makes up for one that did not");
    }
}
