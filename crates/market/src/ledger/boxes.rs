//! The boxes that money lies in, and that it is neither made nor lost.
//!
//! **Invariant:** a fact that would break a sum ends the process before anything is said of it: in every build, and at a
//! cost that does not grow with accounts or jobs.

use alloc::boxed::Box;

use assay_protocol::units::Amount;

use super::{Holdings, Ledger, OpenJob};

/// What lies somewhere. Wider than an amount: a sum that went wrong is to be told, not to wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Boxes {
    /// What is there beside what open jobs hold of clients.
    pub(super) own: u128,
    /// What open jobs hold of clients: noted with the account, and with the job.
    pub(super) held: u128,
}

/// Something that money lies in.
pub(super) trait Holds {
    /// What lies in it.
    fn boxes(&self) -> Boxes;
}

impl Holds for Holdings {
    fn boxes(&self) -> Boxes {
        let own = [self.free, self.stake, self.unbonding(), self.forfeited()];
        Boxes { own: own.iter().map(wide).sum(), held: wide(&self.held) }
    }
}

impl Holds for Box<OpenJob> {
    fn boxes(&self) -> Boxes {
        Boxes { own: wide(&self.reserve) + wide(&self.endowed), held: wide(&self.held) }
    }
}

impl Boxes {
    /// What lies in all of them once one of them holds something else.
    pub(super) fn changed(self, before: Self, now: Self) -> Self {
        let changed = |all: u128, before: u128, now: u128| all + now - before;
        Self { own: changed(self.own, before.own, now.own), held: changed(self.held, before.held, now.held) }
    }
}

fn wide(amount: &Amount) -> u128 {
    amount.0.into()
}

impl Ledger {
    /// What all boxes hold.
    #[must_use]
    pub fn total(&self) -> Option<Amount> {
        self.total_of(self.accounts.held(), self.jobs.held())
    }

    /// The same, counted account by account and job by job.
    #[must_use]
    pub fn counted(&self) -> Option<Amount> {
        self.total_of(self.accounts.counted(), self.jobs.counted())
    }

    /// What open jobs hold, of clients, of the pool and of the endowment.
    #[must_use]
    pub fn held(&self) -> Amount {
        let jobs = self.jobs.held();
        Amount(u64::try_from(jobs.own + jobs.held).unwrap_or(u64::MAX))
    }

    fn total_of(&self, accounts: Boxes, jobs: Boxes) -> Option<Amount> {
        let all = accounts.own + jobs.own + jobs.held + wide(&self.pool) + wide(&self.endowment);
        u64::try_from(all).ok().map(Amount)
    }

    /// Compares the sums that every fact must leave as they were.
    ///
    /// # Panics
    /// If one is not: nothing that such books say could be believed.
    pub(super) fn assert_conserved(&self) {
        assert_eq!(self.total(), self.minted.minus(self.burned), "money was made or lost");
        let (of_clients, in_jobs) = (self.accounts.held().held, self.jobs.held().held);
        assert_eq!(
            of_clients, in_jobs,
            "what open jobs hold is not what their clients are said to hold in them"
        );
    }
}

/// A sum that fits, since all money together does.
///
/// # Panics
/// If it does not: then there is more money than there can be.
pub(super) fn sum(one: Amount, other: Amount) -> Amount {
    let Some(sum) = one.plus(other) else { panic!("{one} and {other} are more than all money can be") };
    sum
}

#[cfg(test)]
mod tests {
    use assay_protocol::{journal::Fact, notice::Query, signed::Signed};

    use super::*;
    use crate::{
        fixture::{Key, genesis, peer},
        ledger::Rejection,
    };

    /// Enters a fact that moves nothing into books that were tampered with.
    fn enter_after(tamper: impl FnOnce(&mut Ledger)) -> Result<(), Rejection> {
        let genesis = genesis();
        let network = genesis.id();
        let mut ledger = Ledger::new(genesis, peer(3));
        tamper(&mut ledger);
        let query = Signed::seal(Query { sequence: 0, job: None, standing: false }, &Key(peer(9)), network)
            .into_signed();
        ledger.apply(&Fact::Query(query)).map(|_| ())
    }

    #[test]
    fn what_only_changes_its_box_is_conserved() {
        let moved = enter_after(|ledger| {
            ledger.pool = Amount(ledger.pool.0 - 7);
            ledger.accounts.or_default(peer(1)).free = Amount(3);
            ledger.accounts.or_default(peer(2)).stake = Amount(4);
        });
        assert_eq!(moved, Err(Rejection::NoWelcome));
    }

    #[test]
    #[should_panic(expected = "money was made or lost")]
    fn books_in_which_money_was_made_say_nothing_more() {
        let _ = enter_after(|ledger| ledger.accounts.or_default(peer(1)).stake = Amount(1));
    }

    #[test]
    #[should_panic(expected = "money was made or lost")]
    fn books_in_which_money_was_lost_say_nothing_more() {
        let _ = enter_after(|ledger| ledger.pool = Amount(ledger.pool.0 - 1));
    }

    #[test]
    #[should_panic(expected = "what open jobs hold is not what their clients are said to hold")]
    fn books_in_which_a_client_holds_more_than_its_jobs_say_nothing_more() {
        let _ = enter_after(|ledger| ledger.accounts.or_default(peer(1)).held = Amount(1));
    }

    #[test]
    #[should_panic(expected = "more than all money can be")]
    fn a_sum_that_is_more_than_all_money_is_none() {
        sum(Amount(u64::MAX), Amount(1));
    }
}
