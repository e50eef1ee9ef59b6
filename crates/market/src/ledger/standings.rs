//! What the books say of a peer to those whom it shows that to.
//!
//! **Invariant:** it follows from the facts; of what a provider did it holds a bit for each of its last jobs.

use alloc::vec::Vec;

use assay_protocol::{
    id::PeerId,
    outcome::Outcome,
    standing::{KindName, PeerStanding, STANDING_KINDS_MAX, day, step},
    units::Timestamp,
};

use super::{Ledger, boxes::sum};

/// What a provider did, beside what became of its money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct ServiceHistory {
    /// One bit for each of its last jobs, the latest lowest: 1 for one that it did not claim.
    unclaimed: u32,
    convictions: u64,
    convicted_on: u64,
}

impl ServiceHistory {
    /// Notes how a job of the provider ended.
    pub(super) fn note(&mut self, outcome: Outcome, now: Timestamp) {
        self.unclaimed = self.unclaimed << 1 | u32::from(outcome == Outcome::NoClaim);
        if outcome.is_slashed() {
            self.convictions = self.convictions.saturating_add(1);
            self.convicted_on = day(now);
        }
    }
}

impl Ledger {
    /// What the books say of a peer now; nothing of one without an account.
    #[must_use]
    pub fn peer_standing(&self, peer: PeerId) -> Option<PeerStanding> {
        let account = self.accounts.get(&peer)?;
        let mut passed: Vec<(u64, KindName)> = self
            .trust
            .passed(peer, self.live_time.live)
            .map(|(kind, value)| (value, KindName::new(kind.runner, kind.model, kind.class)))
            .collect();
        passed.sort_unstable_by(|one, other| other.cmp(one));
        passed.truncate(STANDING_KINDS_MAX);
        let mut passed: Vec<KindName> = passed.into_iter().map(|(_, name)| name).collect();
        passed.sort_unstable();
        passed.dedup();
        Some(PeerStanding {
            peer,
            epoch: self.live_time.beacon.round / self.genesis.timers.epoch_ticks,
            stake: account.stake,
            exposed: account.exposed,
            passed,
            unclaimed: u8::try_from(account.conduct.unclaimed.count_ones()).unwrap_or(u8::MAX),
            convictions: account.conduct.convictions,
            convicted_on: account.conduct.convicted_on,
            means: step(sum(account.free, Self::at_stake_in_traps(account))),
        })
    }
}
