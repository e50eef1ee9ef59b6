//! Chance: whether a job is checked, by whom, and which records are opened.
//!
//! **Invariant:** every outcome is a hash of statements that were fixed before the beacon value was known, so nobody
//! has a choice left and anybody can compute it again.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{
    check::OPENED_RECORDS_MAX,
    codec,
    id::{Digest, JobId, PeerId},
    roster::{Leaf, Roster, RosterRoot, SumPath},
    units::Rate,
};

/// The value before `value` in a hash chain: chains are published backwards.
#[must_use]
pub fn chain_step(value: Digest) -> Digest {
    codec::digest("beacon", &value)
}

/// True if the job is to be checked at this rate.
#[must_use]
pub fn is_drawn(job: JobId, claim: Digest, secret: Digest, beacon: Digest, rate: Rate) -> bool {
    is_below(codec::digest("draw", &(job, claim, secret, beacon)), rate)
}

/// True if somebody looks again, where a verifier accuses a newcomer, with this chance.
#[must_use]
pub fn is_second(job: JobId, secret: Digest, beacon: Digest, chance: Rate) -> bool {
    is_below(codec::digest("second", &(job, secret, beacon)), chance)
}

fn is_below(drawn: Digest, rate: Rate) -> bool {
    let [a, b, c, d, ..] = drawn.0;
    u64::from(u32::from_be_bytes([a, b, c, d])) < rate.0
}

/// The records to be opened of so many: all, if they are few; otherwise, some that the beacon draws.
#[must_use]
pub fn positions(job: JobId, records: u64, beacon: Option<Digest>) -> Option<Vec<u64>> {
    if records <= OPENED_RECORDS_MAX as u64 {
        return Some((0..records).collect());
    }
    let beacon = beacon?;
    let mut positions: Vec<u64> = (0..OPENED_RECORDS_MAX as u64)
        .map(|index| reduce(codec::digest("position", &(job, beacon, index)), records))
        .collect();
    positions.sort_unstable();
    positions.dedup();
    Some(positions)
}

/// The most positions that are tried for one verifier, whatever a network allows.
pub const TRIES_MAX: usize = 256;

/// One position that was tried for a verifier, with who holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Try {
    /// Who holds it.
    pub leaf: Leaf,
    /// What shows it.
    pub path: SumPath,
}

/// The lot by which one verifier of a job is found.
#[derive(Clone, Copy, Debug)]
pub struct Lot {
    /// Which job.
    pub job: JobId,
    /// The client's secret.
    pub secret: Digest,
    /// The beacon of the verifier's own round.
    pub beacon: Digest,
    /// Which of the job's verifiers it is for.
    pub seat: u16,
}

impl Lot {
    /// The position that the try of this number lands on, in a roster of this total weight.
    #[must_use]
    pub fn position(&self, attempt: u64, total: u64) -> u64 {
        let drawn =
            codec::digest("verifier", &(self.job, self.secret, self.beacon, u64::from(self.seat), attempt));
        reduce(drawn, total)
    }

    /// Tries positions until one belongs to somebody who may check; the last try is that one.
    #[must_use]
    pub fn cast(&self, roster: &Roster, barred: &[PeerId], tries_max: u64) -> Option<Vec<Try>> {
        if roster.leaves().iter().all(|leaf| barred.contains(&leaf.peer)) {
            return None;
        }
        let total = roster.root(0).top.sum;
        let mut tries = Vec::new();
        for attempt in 0..tries_max.min(TRIES_MAX as u64) {
            let (leaf, path) = roster.at(self.position(attempt, total))?;
            tries.push(Try { leaf, path });
            if !barred.contains(&leaf.peer) {
                return Some(tries);
            }
        }
        None
    }

    /// True if these tries are what [`Lot::cast`] found in the roster of this root.
    #[must_use]
    pub fn confirms(&self, root: &RosterRoot, barred: &[PeerId], tries: &[Try], tries_max: u64) -> bool {
        let holds = (0..).zip(tries).all(|(attempt, tried)| {
            root.top.sum > 0
                && root.holds(self.position(attempt, root.top.sum), &tried.leaf, &tried.path)
                && barred.contains(&tried.leaf.peer) == (attempt + 1 < tries.len() as u64)
        });
        holds && !tries.is_empty() && tries.len() as u64 <= tries_max
    }
}

/// The first 16 bytes of a digest, big-endian, reduced to below `total`.
fn reduce(digest: Digest, total: u64) -> u64 {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.0[..16]);
    u64::try_from(u128::from_be_bytes(bytes) % u128::from(total)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Amount;

    fn roster(size: u8) -> Roster {
        let leaf = |name: u8| Leaf { peer: PeerId([name; 32]), stake: Amount(1 + u64::from(name)) };
        Roster::new((0..size).map(leaf))
    }

    #[test]
    fn a_cast_lands_on_an_admitted_verifier_and_is_confirmed_only_as_it_was() {
        let (roster, root) = (roster(9), roster(9).root(1));
        let barred = [PeerId([8; 32]), PeerId([7; 32])];
        let (mut skipped, mut fooled) = (0, 0);
        for seat in 0..200 {
            let lot = Lot { job: Digest([1; 32]), secret: Digest([2; 32]), beacon: Digest([3; 32]), seat };
            let tries = lot.cast(&roster, &barred, 256).expect("seven verifiers are admitted");
            skipped += tries.len() - 1;
            assert!(!barred.contains(&tries[tries.len() - 1].leaf.peer));
            assert!(lot.confirms(&root, &barred, &tries, 256));
            assert!(!lot.confirms(&root, &[], &tries, 256) || tries.len() == 1);
            assert!(!lot.confirms(&root, &barred, &tries[1..], 256));
            let other = Lot { beacon: Digest([4; 32]), ..lot };
            fooled += u32::from(other.confirms(&root, &barred, &tries, 256));
        }
        assert!(skipped > 100, "the test saw skipped positions");
        assert!(fooled < 60, "another beacon draws the same verifier only by chance: {fooled} of 200");
        let lot = Lot { job: Digest([1; 32]), secret: Digest([2; 32]), beacon: Digest([3; 32]), seat: 0 };
        let all: Vec<PeerId> = roster.leaves().iter().map(|leaf| leaf.peer).collect();
        assert_eq!(lot.cast(&roster, &all, 256), None);
    }

    #[test]
    fn a_job_is_drawn_as_often_as_the_rate_says() {
        let drawn = (0..100_000_u64)
            .filter(|job| {
                let job = codec::digest("job", job);
                is_drawn(job, Digest([1; 32]), Digest([2; 32]), Digest([3; 32]), Rate::per_mille(100))
            })
            .count();
        // 4 σ of a binomial with n = 10⁵ and p = 0.1.
        assert!(drawn.abs_diff(10_000) < 380, "{drawn}");
        let ever = |rate| is_drawn(Digest([1; 32]), Digest([1; 32]), Digest([2; 32]), Digest([3; 32]), rate);
        assert!(ever(Rate::ONE) && !ever(Rate::ZERO));
    }

    #[test]
    fn few_records_are_all_opened_and_many_only_once_the_beacon_is_known() {
        assert_eq!(positions(Digest([1; 32]), 3, None), Some([0, 1, 2].into()));
        assert_eq!(positions(Digest([1; 32]), 17, None), None);
        let drawn = positions(Digest([1; 32]), 1_000, Some(Digest([2; 32]))).expect("the beacon is known");
        assert!(drawn.len() > 12 && drawn.iter().all(|position| *position < 1_000));
        assert_ne!(positions(Digest([1; 32]), 1_000, Some(Digest([3; 32]))), Some(drawn));
    }
}
