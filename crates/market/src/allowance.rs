//! How many jobs a notary keeps open for a provider at a time, by what that has at stake, and what raises it: for its owner,
//! who may offer more places than are ever filled.
//!
//! **Invariant:** each number is one that the law of admission admits, and one more is refused: nothing here is a formula of
//! its own.

use alloc::vec::Vec;

use assay_protocol::{
    costs, exposure,
    genesis::Genesis,
    order::Order,
    units::{Amount, Rate},
};
use serde::{Deserialize, Serialize};

/// Jobs that are counted at most: nobody offers more places.
const COUNTED_MAX: u64 = 1_024;

/// What a provider has at stake, and what of that its open jobs take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backing {
    /// What it has at stake.
    pub stake: Amount,
    /// What its open jobs take of that.
    pub exposed: Amount,
    /// What the jury over the dearest of them can cost.
    pub reserve: Amount,
    /// Its open jobs.
    pub open: u64,
    /// What fees exceed the expected cost of checks by.
    pub fee_margin: Rate,
}

/// How many jobs like one a notary keeps open for a provider at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobAllowance {
    /// So many at a time.
    pub jobs: u64,
    /// So many more now, beside those that are open.
    pub more: u64,
    /// Why there are no more.
    pub ground: AllowanceGround,
    /// What is at stake.
    pub stake: Amount,
    /// With less at stake a provider is a newcomer to such jobs.
    pub entry: Amount,
    /// What raises it, up to the places that are offered.
    pub raises: Vec<AllowanceRaise>,
}

/// Why a notary keeps no more jobs of a provider open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AllowanceGround {
    /// A newcomer has one job at a time, of whatever kind.
    Newcomer,
    /// The stake stands for no more.
    Stake,
    /// The stake stands for as many as are offered, and what is open takes of it now.
    Exposure,
    /// It would keep as many as are offered, or more.
    Slots,
}

/// What raises how many jobs are kept open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowanceRaise {
    /// So many at a time then.
    pub jobs: u64,
    /// What must be at stake for that.
    pub stake: Amount,
    /// What must be put to what is there.
    pub lacking: Amount,
    /// After so many paid jobs it is there without a word, as a rule; nothing if that never is.
    pub paid_jobs: Option<u64>,
}

/// How many jobs like this order, which says the price of a unit, are kept open for its provider, which offers so many places.
#[must_use]
pub fn allowance(genesis: &Genesis, order: &Order, backing: &Backing, slots: u64) -> JobAllowance {
    let like = LikeJobs { genesis, order, entry: entry(genesis, order) };
    let Backing { stake, open, .. } = *backing;
    let is_newcomer = stake < like.entry;
    let (jobs, more) = match is_newcomer {
        true => (1, u64::from(open == 0)),
        false => (like.jobs(stake), like.beside(backing)),
    };
    let ground = if is_newcomer {
        AllowanceGround::Newcomer
    } else if jobs < slots {
        AllowanceGround::Stake
    } else if more < slots.saturating_sub(open) {
        AllowanceGround::Exposure
    } else {
        AllowanceGround::Slots
    };
    JobAllowance { jobs, more, ground, stake, entry: like.entry, raises: like.raises(backing, jobs, slots) }
}

/// The entry level of an order.
fn entry(genesis: &Genesis, order: &Order) -> Amount {
    costs::of_order(genesis, order, order.work_max, Rate::ZERO, Rate::ZERO).entry
}

/// What is asked of a stake by jobs that are all alike.
#[derive(Clone, Copy)]
struct LikeJobs<'a> {
    genesis: &'a Genesis,
    order: &'a Order,
    entry: Amount,
}

impl LikeJobs<'_> {
    /// So many at a time.
    fn jobs(&self, stake: Amount) -> u64 {
        self.beside(&Backing { stake, ..Backing::default() })
    }

    /// So many more beside those that are open.
    fn beside(&self, backing: &Backing) -> u64 {
        let own = exposure::at_opening(self.genesis, self.order);
        let jury = exposure::jury(self.genesis, self.order);
        let (mut beside, mut more) = (*backing, 0);
        while more < COUNTED_MAX && self.fits(&beside) {
            let Some(exposed) = beside.exposed.plus(own) else { break };
            beside.exposed = exposed;
            beside.reserve = beside.reserve.max(jury);
            beside.open = beside.open.saturating_add(1);
            more += 1;
        }
        more
    }

    fn fits(&self, beside: &Backing) -> bool {
        let others = (beside.exposed, beside.reserve, beside.open);
        exposure::fits(self.genesis, self.order, beside.stake, others)
    }

    /// What raises it: to more than there are, and to as many as there are places.
    fn raises(&self, backing: &Backing, jobs: u64, slots: u64) -> Vec<AllowanceRaise> {
        let mut raises: Vec<AllowanceRaise> = Vec::new();
        let wanted = [jobs.saturating_add(1), slots.min(COUNTED_MAX)];
        for wanted in wanted.into_iter().filter(|wanted| *wanted > jobs && *wanted <= slots) {
            let is_told = raises.last().is_some_and(|raise| raise.jobs >= wanted);
            let Some(stake) = self.stake_for(wanted).filter(|_| !is_told) else { continue };
            raises.push(AllowanceRaise {
                jobs: self.jobs(stake).min(slots),
                stake,
                lacking: stake.minus_up_to(backing.stake),
                paid_jobs: self.paid_jobs(backing, stake),
            });
        }
        raises
    }

    /// The least stake that stands for so many at a time; nothing if none does.
    fn stake_for(&self, jobs: u64) -> Option<Amount> {
        let before = jobs.checked_sub(1)?;
        let own = exposure::at_opening(self.genesis, self.order);
        let reserve = exposure::jury(self.genesis, self.order);
        let last = Backing { exposed: own.times(before)?, reserve, open: before, ..Backing::default() };
        let first = Backing::default();
        let stands = |stake: u64| {
            let fits = |beside: Backing| self.fits(&Backing { stake: Amount(stake), ..beside });
            Amount(stake) >= self.entry && fits(first) && fits(last)
        };
        let (mut least, mut most) = (0, u64::MAX);
        if !stands(most) {
            return None;
        }
        while least < most {
            let middle = least + (most - least) / 2;
            if stands(middle) { most = middle } else { least = middle + 1 }
        }
        Some(Amount(least))
    }

    /// Jobs like this one until their pay has put so much at stake; nothing if that never is. As long as the owner names no
    /// target, and if each is checked and paid in full.
    fn paid_jobs(&self, backing: &Backing, stake: Amount) -> Option<u64> {
        let (money, price) = (&self.genesis.money, self.order.price()?);
        let target = price.times(money.autostake_multiple)?;
        if stake > target {
            return None;
        }
        let check_work = self.order.check_work_max();
        let checked = costs::of_order(self.genesis, self.order, check_work, Rate::ONE, backing.fee_margin);
        let level = self.entry.min(stake);
        let newcomer = price.minus_up_to(checked.check).share(money.autostake_newcomer);
        let known = price.minus_up_to(checked.dues).share(money.autostake);
        let first = until(level.minus_up_to(backing.stake), newcomer)?;
        first.checked_add(until(stake.minus_up_to(level.max(backing.stake)), known)?)
    }
}

/// How often so much must come until all that is lacking is there.
fn until(lacking: Amount, each: Amount) -> Option<u64> {
    match (lacking.is_zero(), each.is_zero()) {
        (true, _) => Some(0),
        (false, true) => None,
        (false, false) => Some(lacking.0.div_ceil(each.0)),
    }
}

#[cfg(test)]
mod tests;
