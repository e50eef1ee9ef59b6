//! A notary's word on one peer, which that peer shows to others: what it has to lose and has done, and what it can spend.
//!
//! **Invariant:** it moves nothing: when a job is opened the books are asked. It is about one peer, and holds to the end of
//! the epoch behind its own.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    codec::{self, bounded},
    id::{Digest, PeerId},
    manifest::Manifest,
    signed::Statement,
    units::{Amount, Timestamp},
};

/// Kinds that one standing names.
pub const STANDING_KINDS_MAX: usize = 16;
/// Bytes in the name of a kind.
const KIND_BYTES: usize = 16;
/// Milliseconds in a day.
const DAY_MS: u64 = 86_400_000;
/// Days for which a conviction counts.
const CONVICTED_DAYS: u64 = 30;

/// What a kind of work is called where room is short: a runner and a model on a class of machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KindName([u8; KIND_BYTES]);

impl KindName {
    /// The name of this runner and model on this class.
    #[must_use]
    pub fn new(runner: Digest, model: Digest, class: Digest) -> Self {
        let digest = codec::digest("kind", &(runner, model, class));
        Self(core::array::from_fn(|place| digest.0[place]))
    }

    /// The name of a manifest on this class.
    #[must_use]
    pub fn of(manifest: &Manifest, class: Digest) -> Self {
        Self::new(manifest.runner, manifest.model, class)
    }
}

/// What a notary's books say of a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStanding {
    /// Of whom.
    pub peer: PeerId,
    /// In which epoch.
    pub epoch: u64,
    /// What it has at stake.
    pub stake: Amount,
    /// The pay of its unsettled jobs that its stake stands for.
    pub exposed: Amount,
    /// In which kinds it passed a check in the last days, ascending.
    #[serde(deserialize_with = "bounded::list::<STANDING_KINDS_MAX, _, _>")]
    pub passed: Vec<KindName>,
    /// Of its last 32 jobs, how many it did not claim.
    pub unclaimed: u8,
    /// How often it was convicted.
    pub convictions: u64,
    /// On which day since 1970 it last was; 0 for never.
    pub convicted_on: u64,
    /// What it can spend, by steps of four: 0 for nothing.
    pub means: u8,
}

impl Statement for PeerStanding {
    const NAME: &'static str = "Standing";
}

impl PeerStanding {
    /// True while it holds, where this is the epoch.
    #[must_use]
    pub fn holds_in(&self, epoch: u64) -> bool {
        self.epoch.saturating_add(1) >= epoch
    }

    /// True if the peer was convicted a short while before this time.
    #[must_use]
    pub fn is_convicted(&self, now: Timestamp) -> bool {
        counts_still(self.convicted_on, now)
    }

    /// True if both say the same to whoever chooses by them: sums may differ within a step.
    #[must_use]
    pub fn is_alike(&self, other: &Self) -> bool {
        let steps = |of: &Self| (of.peer, of.epoch, step(of.stake), of.means, of.convictions);
        steps(self) == steps(other) && self.passed == other.passed
    }
}

/// True if a conviction on this day, 0 for none, was a short while before this time.
#[must_use]
pub fn counts_still(convicted_on: u64, now: Timestamp) -> bool {
    convicted_on > 0 && day(now) <= convicted_on.saturating_add(CONVICTED_DAYS)
}

/// The day of a time, since 1970.
#[must_use]
pub fn day(time: Timestamp) -> u64 {
    time.0 / DAY_MS
}

/// The step of an amount: one more for each time that it is four times as much.
#[must_use]
pub fn step(amount: Amount) -> u8 {
    amount.0.checked_ilog2().map_or(0, |bits| u8::try_from(bits / 2 + 1).unwrap_or(u8::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(change: impl FnOnce(&mut PeerStanding)) -> PeerStanding {
        let mut standing = PeerStanding {
            peer: PeerId([1; 32]),
            epoch: 7,
            stake: Amount(1_000),
            exposed: Amount::ZERO,
            passed: Vec::new(),
            unclaimed: 0,
            convictions: 0,
            convicted_on: 0,
            means: 3,
        };
        change(&mut standing);
        standing
    }

    #[test]
    fn a_standing_holds_to_the_end_of_the_next_epoch() {
        let holds = [6, 7, 8, 9].map(|epoch| standing(|_| {}).holds_in(epoch));
        assert_eq!(holds, [true, true, true, false]);
        assert!(standing(|of| of.epoch = u64::MAX).holds_in(u64::MAX));
    }

    #[test]
    fn a_conviction_counts_for_thirty_days() {
        let at = |days: u64| Timestamp(days * DAY_MS);
        let convicted = standing(|of| of.convicted_on = 100);
        assert!(convicted.is_convicted(at(100)) && convicted.is_convicted(Timestamp(at(131).0 - 1)));
        assert!(!convicted.is_convicted(at(131)) && !standing(|_| {}).is_convicted(at(1)));
    }

    #[test]
    fn an_amount_that_is_four_times_as_much_is_one_step_higher() {
        let steps = [0, 1, 3, 4, 15, 16, u64::MAX].map(|amount| step(Amount(amount)));
        assert_eq!(steps, [0, 1, 1, 2, 2, 3, 32]);
        let alike = |change: fn(&mut PeerStanding)| standing(|_| {}).is_alike(&standing(change));
        assert!(alike(|of| of.stake = Amount(600)) && alike(|of| of.exposed = Amount(9)));
        assert!(!alike(|of| of.stake = Amount(200)) && !alike(|of| of.epoch = 8));
        assert!(!alike(|of| of.means = 2) && !alike(|of| of.convictions = 1));
        assert!(!alike(|of| of.passed.push(KindName([1; 16]))));
    }
}
