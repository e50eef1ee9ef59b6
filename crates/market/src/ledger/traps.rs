//! What a trap puts at stake: what every client keeps for one, whether it sets it or not, and when a verifier has nothing left
//! that it could lose by one.
//!
//! **Invariant:** what is allowed to a client that has set one trap is what would be allowed to it if it had set none: whoever
//! sees that it may spend does not learn what it has put up.

use assay_protocol::{costs, genesis::Genesis, id::PeerId, job::Job, order::Order, units::Amount};

use super::{Holdings, Ledger, boxes::sum};

impl Ledger {
    /// What a client can spend, beside its open jobs and this order: any claim may be a trap, as far as others can see, so it
    /// keeps what the dearest of them would put at stake, or has put that up.
    pub(super) fn spendable(&self, account: &Holdings, order: Option<&Order>) -> Amount {
        let least = order.map(|order| forfeit(&self.genesis, order)).unwrap_or_default();
        let (kept, pledged) = self.open_of(account).fold((least, Amount::ZERO), |(kept, pledged), job| {
            (kept.max(forfeit(&self.genesis, job.order())), sum(pledged, job.pledged()))
        });
        account.free.minus_up_to(kept.minus_up_to(pledged))
    }

    /// What a client has put up for its traps: whoever saw that it has so much less would know of one.
    pub(super) fn at_stake_in_traps(&self, account: &Holdings) -> Amount {
        self.open_of(account).fold(Amount::ZERO, |all, job| sum(all, job.pledged()))
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
