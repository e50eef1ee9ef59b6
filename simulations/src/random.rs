//! Chance: streams of numbers that depend on nothing but who draws them and what for.
//!
//! **Invariant:** the n-th number of a stream is a function of (seed, purpose, peer, n), so that one more peer or one
//! more cheater moves nobody else's luck.

use assay_protocol::{codec, units::Rate};

/// The odd number nearest to 2⁶⁴ divided by the golden ratio: steps of it visit every number once.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// One stream of numbers.
#[derive(Clone, Debug)]
pub struct Stream {
    key: u64,
    drawn: u64,
}

impl Stream {
    /// The stream of one peer for one purpose.
    #[must_use]
    pub fn new(seed: u64, purpose: &str, peer: u64) -> Self {
        let digest = codec::digest("simulated chance", &(seed, purpose, peer));
        let key = digest.0.iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte));
        Self { key, drawn: 0 }
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.drawn += 1;
        scramble(self.key.wrapping_add(self.drawn.wrapping_mul(STRIDE)))
    }

    /// The next number below `bound`; 0 if there is none.
    pub fn below(&mut self, bound: u64) -> u64 {
        u64::try_from((u128::from(self.number()) * u128::from(bound)) >> 64).unwrap_or_default()
    }

    /// The next number from `least` to `most`.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least).saturating_add(1))
    }

    /// True with this chance.
    pub fn happens(&mut self, chance: Rate) -> bool {
        self.number() >> 32 < chance.0
    }
}

/// Spreads every bit of `number` over all of them, one to one.
fn scramble(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_purpose_and_peer_and_is_even() {
        let first = |seed, purpose, peer| Stream::new(seed, purpose, peer).number();
        assert_eq!(first(1, "loss", 2), first(1, "loss", 2));
        for other in [first(2, "loss", 2), first(1, "delay", 2), first(1, "loss", 3)] {
            assert_ne!(first(1, "loss", 2), other);
        }
        let mut stream = Stream::new(1, "loss", 2);
        let hits = (0..100_000).filter(|_| stream.happens(Rate::per_mille(200))).count();
        assert!(
            (19_495..=20_505).contains(&hits),
            "{hits} of 100,000 at 20 %, which is more than 4 sigma off"
        );
        assert!((0..1_000).all(|_| (3..=5).contains(&stream.between(3, 5))));
    }
}
