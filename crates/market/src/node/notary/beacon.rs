//! The beacon of a notary: values that nobody else foresees, hashed forward from a seed and published backwards.
//!
//! **Invariant:** each value is the hash of the one published after it, up to the anchor of its epoch.

use assay_protocol::{codec, draw, id::Digest};

use super::Notary;

impl Notary {
    pub(in crate::node) fn fold_beacon(&mut self, seed: Digest) {
        self.seed = Some(seed);
    }

    /// The value of the beacon in a round.
    pub(super) fn beacon(&self, round: u64, epoch_ticks: u64) -> Digest {
        let Some(seed) = self.seed else { return Digest::default() };
        let (epoch, within) = match round.checked_sub(1) {
            Some(before) => (before / epoch_ticks, before % epoch_ticks + 1),
            None => return self.anchor(0, epoch_ticks),
        };
        let start = codec::digest("beacon seed", &(seed, epoch));
        (within..epoch_ticks).fold(start, |value, _| draw::chain_step(value))
    }

    /// The end of the chain of an epoch.
    pub(super) fn anchor(&self, epoch: u64, epoch_ticks: u64) -> Digest {
        let start = codec::digest("beacon seed", &(self.seed.unwrap_or_default(), epoch));
        (0..epoch_ticks).fold(start, |value, _| draw::chain_step(value))
    }
}
