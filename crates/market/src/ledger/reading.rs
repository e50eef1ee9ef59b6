//! What the books say, to whoever reads them; nothing here changes them.

use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use core::ops::Range;

use assay_protocol::{
    claim::Claim,
    genesis::Pair,
    id::{JobId, PeerId},
    job::LiveTime,
    notice::Tick,
    receipt::Happening,
    signed::Signed,
    units::{Amount, Rate, Timestamp},
};

use super::{ClosedJob, Holdings, Ledger, OpenJob};

impl Ledger {
    /// How many facts were taken.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The last tick.
    #[must_use]
    pub fn live_time(&self) -> LiveTime {
        self.live_time
    }

    /// The time of the last tick; none before the first.
    #[must_use]
    pub fn wall(&self) -> Option<Timestamp> {
        self.wall
    }

    /// The tick that this epoch began with.
    #[must_use]
    pub fn checkpoint_tick(&self) -> Option<&Signed<Tick>> {
        let round = self.live_time.beacon.round;
        let begun = round.checked_rem(self.genesis.timers.epoch_ticks).map_or(round, |within| round - within);
        self.ticks.get(&begun)
    }

    /// The jobs that hold money.
    pub fn open_jobs(&self) -> impl Iterator<Item = &OpenJob> {
        self.jobs.values().map(Box::as_ref)
    }

    /// How many they are.
    #[must_use]
    pub fn open_count(&self) -> u64 {
        self.jobs.len() as u64
    }

    /// Open jobs that no coming tick would look at: none, unless these books are wrong. Asked now and then, so that nobody's
    /// money is lost unseen.
    #[must_use]
    pub fn stranded(&self) -> Vec<JobId> {
        let planned = self.agenda.planned();
        let is_found = |id: JobId, open: &OpenJob| planned.contains(&(id, open.job.due()));
        let stranded = self.jobs.iter().filter(|(id, open)| !is_found(**id, open));
        stranded.map(|(id, _)| *id).collect()
    }

    /// Those of them in which a party or a verifier has something to do.
    pub fn attended_jobs(&self) -> impl Iterator<Item = &OpenJob> {
        self.agenda.attended().filter_map(|job| self.open_job(job))
    }

    /// A job that holds money.
    #[must_use]
    pub fn open_job(&self, job: JobId) -> Option<&OpenJob> {
        self.jobs.get(&job).map(Box::as_ref)
    }

    /// The claim of an open job as it was signed.
    #[must_use]
    pub fn claim_of(&self, job: JobId) -> Option<&Signed<Claim>> {
        let events = &self.jobs.get(&job)?.events;
        events.iter().find_map(|event| match &event.what {
            Happening::Claim { claim, .. } => Some(claim),
            Happening::Abort(_)
            | Happening::Cancel(_)
            | Happening::Reveal(_)
            | Happening::Dispute(_)
            | Happening::Contradict(_)
            | Happening::Draw { .. }
            | Happening::Seat { .. }
            | Happening::Underway(_)
            | Happening::Seal(_)
            | Happening::Unserved(_)
            | Happening::OpenClaim { .. }
            | Happening::OpenSeal(_)
            | Happening::Tick
            | Happening::Convicted
            | Happening::Unreached => None,
        })
    }

    /// What is remembered of a closed job; nothing, if [`super::JOBS_CLOSED_MAX`] were closed since.
    #[must_use]
    pub fn closed_job(&self, job: JobId) -> Option<&ClosedJob> {
        self.closed.get(&job)
    }

    /// How many jobs are closed.
    #[must_use]
    pub fn closed_count(&self) -> u64 {
        self.closed_count
    }

    /// The accounts by peer.
    #[must_use]
    pub fn accounts(&self) -> &BTreeMap<PeerId, Holdings> {
        &self.accounts
    }

    /// What a client's open jobs hold.
    #[must_use]
    pub fn held_of(&self, client: PeerId) -> Amount {
        self.accounts.get(&client).map_or(Amount::ZERO, |account| account.held)
    }

    /// What the pool owes to one peer, or to all.
    #[must_use]
    pub fn owed(&self, peer: Option<PeerId>) -> Amount {
        let owed = self.owed.iter().filter(|(to, _)| peer.is_none_or(|peer| peer == *to));
        owed.fold(Amount::ZERO, |sum, (_, amount)| sum.plus(*amount).unwrap_or(sum))
    }

    /// What pays for checks, what was created and what was destroyed.
    #[must_use]
    pub fn pool_minted_burned(&self) -> (Amount, Amount, Amount) {
        (self.pool, self.minted, self.burned)
    }

    /// The number of the issuer's last grant; 0 before the first.
    #[must_use]
    pub fn grants(&self) -> u64 {
        self.granted.0
    }

    /// What the first checks of endowed pairs are still paid from.
    #[must_use]
    pub fn endowment(&self) -> Amount {
        self.endowment
    }

    /// Pairs of model and class in which juries came to nothing, and how many.
    pub fn flagged(&self) -> impl Iterator<Item = (&Pair, u64)> {
        self.flagged.iter().map(|(pair, juries)| (pair, *juries))
    }

    /// What fees exceed the expected cost of checks by: more, while the pool is below its low-water mark.
    #[must_use]
    pub fn fee_margin(&self) -> Rate {
        let money = &self.genesis.money;
        let filled = Rate::of(self.pool.0.min(money.low_water.0), money.low_water.0);
        money.margin.times(Rate(2 * Rate::ONE.0 - filled.0.min(Rate::ONE.0)))
    }

    /// The positions, among these, of facts that are published by their digests alone: those of open jobs, from their
    /// claims on.
    pub fn withheld(&self, among: Range<u64>) -> impl Iterator<Item = u64> {
        self.withheld.range(among).copied()
    }
}
