//! What a trap puts at stake: what every client keeps for one, whether it sets it or not, and when a verifier has nothing left
//! that it could lose by one.
//!
//! **Invariant:** what is allowed to a client that has set one trap is what would be allowed to it if it had set none: whoever
//! sees that it may spend does not learn what it has put up.

use alloc::collections::BTreeMap;

use assay_protocol::{costs, genesis::Genesis, id::PeerId, job::Job, order::Order, units::Amount};

use super::{Holdings, Ledger, boxes::sum};

/// What a client's open jobs may put at stake in traps: kept with each of them, so that nobody has to look at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TrapStakes {
    /// What each of them would, and how many as much. A job whose claim can be no trap is not among them.
    each: BTreeMap<Amount, u64>,
    /// What is put up for them.
    pledged: Amount,
}

impl TrapStakes {
    /// Those of these jobs.
    fn of<'a>(genesis: &Genesis, jobs: impl Iterator<Item = &'a Job>) -> Self {
        let mut stakes = Self::default();
        jobs.for_each(|job| stakes.count(genesis, job));
        stakes
    }

    /// Counts a job as it stands.
    pub(super) fn count(&mut self, genesis: &Genesis, job: &Job) {
        self.open(genesis, job.order());
        self.pledge(job.pledged());
    }

    /// Counts a job that is opened by this order.
    pub(super) fn open(&mut self, genesis: &Genesis, order: &Order) {
        let stake = forfeit(genesis, order);
        if !stake.is_zero() {
            *self.each.entry(stake).or_default() += 1;
        }
    }

    /// Counts what is put up for one of them.
    pub(super) fn pledge(&mut self, amount: Amount) {
        self.pledged = sum(self.pledged, amount);
    }

    /// Counts a job no more.
    pub(super) fn close(&mut self, genesis: &Genesis, job: &Job) {
        self.pledged = self.pledged.minus_up_to(job.pledged());
        let stake = forfeit(genesis, job.order());
        if let Some(count) = self.each.get_mut(&stake) {
            *count -= 1;
            if *count == 0 {
                self.each.remove(&stake);
            }
        }
    }

    /// What the dearest of them would put at stake.
    fn most(&self) -> Amount {
        self.each.last_key_value().map(|(stake, _)| *stake).unwrap_or_default()
    }
}

impl Ledger {
    /// What a client can spend, beside its open jobs and this order: any claim may be a trap, as far as others can see, so it
    /// keeps what the dearest of them would put at stake, or has put that up.
    pub(super) fn spendable(&self, account: &Holdings, order: Option<&Order>) -> Amount {
        let least = order.map(|order| forfeit(&self.genesis, order)).unwrap_or_default();
        debug_assert_eq!(account.traps, TrapStakes::of(&self.genesis, self.open_of(account)));
        let (kept, pledged) = (account.traps.most().max(least), account.traps.pledged);
        account.free.minus_up_to(kept.minus_up_to(pledged))
    }

    /// What a client has put up for its traps: whoever saw that it has so much less would know of one.
    pub(super) fn at_stake_in_traps(account: &Holdings) -> Amount {
        account.traps.pledged
    }

    /// The open jobs of a client.
    fn open_of(&self, account: &Holdings) -> impl Iterator<Item = &Job> {
        account.lanes.values().filter_map(|lane| Some(&self.jobs.get(&lane.open?)?.job))
    }

    /// What the client of a job has to put up if its claim is a trap: all that is at stake in one, or what it has.
    #[must_use]
    pub fn pledge_of(&self, job: &Job) -> Amount {
        let client = self.accounts.get(&job.order().client);
        forfeit(&self.genesis, job.order()).min(client.map_or(Amount::ZERO, |account| account.free))
    }

    /// True while a verifier has at stake what it needs to stand in the roster that a job draws from. Who has lost that stands
    /// there until the next checkpoint, with nothing to lose: it is not asked any more, and not absent for that.
    #[must_use]
    pub fn answers_for(&self, verifier: PeerId, order: &Order) -> bool {
        self.accounts.get(&verifier).is_some_and(|account| answers(&self.genesis, account, order))
    }
}

/// True while an account has at stake what a verifier may lose over a job.
pub(super) fn answers(genesis: &Genesis, account: &Holdings, order: &Order) -> bool {
    account.at_stake() >= forfeit(genesis, order)
}

/// What is at stake in a trap, where a claim to this order can be one.
fn forfeit(genesis: &Genesis, order: &Order) -> Amount {
    if order.manifest.policy.opens_itself() { costs::forfeit(genesis, order) } else { Amount::ZERO }
}
