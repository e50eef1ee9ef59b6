//! The check rate, explained: why a job is checked as often as it is, what that costs, and what it deters.
//!
//! **Invariant:** numbers come from the ticket that a notary would write, never from a second formula; integers only.

use alloc::vec::Vec;

use assay_protocol::{
    costs,
    genesis::Genesis,
    order::Order,
    place, rate,
    roster::{Checkers, Squares},
    ticket::{Standing, Ticket},
    units::{Amount, Rate, Timestamp},
};
use serde::{Deserialize, Serialize};

/// Shares of jobs that a cheat might falsify, for which is told when it is caught: a careful one, a bold one, a shameless
/// one.
pub const CHEAT_SHARES: [Rate; 3] = [Rate(Rate::ONE.0 / 100), Rate(Rate::ONE.0 / 10), Rate::ONE];
/// The chance that a cheat is still not caught, at which it counts as caught: what is left of certainty, one in twenty.
const UNCAUGHT: Power = Power(Power::ONE.0 / 20);
/// The highest count of jobs that is told: after more than 2⁶² jobs a network is another one.
const DOUBLINGS_MAX: u32 = 62;

/// Why a job is checked as often as it is, and what follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The rate at which the job is checked.
    pub rate: Rate,
    /// Which of its parts is the highest.
    pub ruler: Ruler,
    /// What it is made of.
    pub components: Components,
    /// What the client puts up.
    pub cost: Cost,
    /// What the provider pays for checks at most, from its pay.
    pub dues: Amount,
    /// What a conviction costs the provider.
    pub slash: Amount,
    /// The margin by which a jury convicts.
    pub margin: u64,
    /// The chance that the check of a cheat convicts.
    pub convicts: Rate,
    /// The chance that the check of an honest job convicts.
    pub convicts_honest: Rate,
    /// What a newcomer could do; nothing if the provider is none.
    pub newcomer: Option<Newcomer>,
    /// When cheats are caught, by how often they cheat.
    pub detections: Vec<Detection>,
    /// Cheats that are accepted before one convicts, on average, in thousandths; nothing if none ever does.
    pub accepted_thousandths: Option<u64>,
}

/// The parts of a rate; the highest rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Components {
    /// What no trust lowers.
    pub base: Rate,
    /// From where on a cheat loses more than it gains.
    pub deterrence: Rate,
    /// What the provider's trust leaves.
    pub ramp: Rate,
}

/// What decides a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruler {
    /// Every job of a provider below the entry level is checked.
    Newcomer,
    /// The client pays for checks of this job in advance.
    Prepaid,
    /// The network's endowment pays for the first checks of this model on this class of machine.
    Endowed,
    /// Every job is checked after an accusation or too many grey results.
    Strict,
    /// The lowest rate there is.
    Base,
    /// What it takes to make cheating a loss.
    Deterrence,
    /// Trust that is still to be earned.
    Ramp,
}

/// What a client puts up, at most; what is not needed comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// All of it.
    pub total: Amount,
    /// For the units.
    pub price: Amount,
    /// For checks, due whether or not the job is drawn.
    pub premium: Amount,
    /// The part of the premium that exceeds the expected cost of checks.
    pub margin: Amount,
    /// For checks that the client pays in advance, or for one that it pays if it disputes the result or does not reveal its
    /// secret; that of a newcomer comes back from the pay on a match.
    pub prepaid: Amount,
    /// For its place among the notary's open jobs; hours that are not used come back.
    pub place: Amount,
}

/// What a provider below the entry level could do, and what it could not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newcomer {
    /// What the client loses if the result is found false: premium, one check and its part of a second look.
    pub loss_max: Amount,
    /// What garbage still earns on average, if colluders hold as much of the checkers as the network reckons with.
    pub garbage_max: Amount,
}

/// When a cheat is caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detection {
    /// The share of its jobs that it falsifies.
    pub share: Rate,
    /// Jobs after which it is caught with 95 %; nothing if never.
    pub jobs: Option<u64>,
}

/// The standing under which a client puts up the most: that of a provider without trust and stake, at a notary whose fees
/// are at their highest, where no more others than there must be can check the job.
#[must_use]
pub fn newcomer(genesis: &Genesis) -> Standing {
    Standing {
        opened: Timestamp::default(),
        round: 0,
        position: 0,
        checkers: least_checkers(genesis),
        trust: 0,
        greys: 0,
        strict: false,
        endowed: false,
        stake: Amount::ZERO,
        exposed: Amount::ZERO,
        reserve: Amount::ZERO,
        serving: 0,
        open: 0,
        fee_margin: margin_max(genesis),
    }
}

/// Who can check a job, where these are no more than there must be.
fn least_checkers(genesis: &Genesis) -> Checkers {
    let leaves = genesis.checks.leaves_min;
    Checkers {
        leaves,
        weight: leaves,
        squares: Squares { high: 0, low: leaves },
        parties: [0; 2],
        missing: 0,
    }
}

/// The most that fees exceed the expected cost of checks by: a pool that runs low doubles it.
#[must_use]
pub fn margin_max(genesis: &Genesis) -> Rate {
    Rate(genesis.money.margin.0.saturating_mul(2))
}

/// Explains the rate of an order whose parties stand so at its notary; nothing if its numbers do not fit.
#[must_use]
pub fn explain(genesis: &Genesis, order: &Order, standing: Standing, shares: &[Rate]) -> Option<Explanation> {
    let checks = &genesis.checks;
    let ticket = Ticket::new(genesis, order, standing);
    let price = order.price()?;
    let (check, run) = (genesis.check_cost(order.check_work_max()), genesis.check_cost(order.work_max));
    let convicts = rate::convicts(checks);
    let components = Components {
        base: checks.base,
        deterrence: rate::deterrence(checks, price, ticket.slash.min(standing.stake)),
        ramp: rate::ramp(checks, standing.trust),
    };
    let caught = ticket.rate.times(convicts);
    let cost = Cost {
        total: ticket.total(genesis, order)?,
        price,
        premium: ticket.premium,
        margin: ticket.premium.minus_up_to(check.share(checks.base)),
        prepaid: ticket.advance(genesis, order)?,
        place: place::reserved(genesis, order, ticket.place)?,
    };
    Some(Explanation {
        rate: ticket.rate,
        ruler: ruler(&ticket, &components),
        components,
        cost,
        dues: ticket.dues,
        slash: ticket.slash,
        margin: checks.convict_margin,
        convicts,
        convicts_honest: rate::convicts_honest(checks),
        newcomer: ticket.newcomer.then_some(Newcomer {
            loss_max: {
                let again = costs::second(genesis, order.work_max, Some(price));
                cost.premium.plus(costs::prepaid(run, 1, again)?)?
            },
            garbage_max: price.share(Rate::ONE.minus_up_to(convicts)),
        }),
        detections: shares.iter().map(|share| detection(caught, *share)).collect(),
        accepted_thousandths: accepted_thousandths(caught),
    })
}

/// The part that decides; of equal ones the one that changes least.
fn ruler(ticket: &Ticket, components: &Components) -> Ruler {
    let Components { base, deterrence, ramp } = *components;
    if ticket.newcomer {
        Ruler::Newcomer
    } else if ticket.prepaid > 0 {
        Ruler::Prepaid
    } else if ticket.rate > ticket.policy_rate {
        Ruler::Endowed
    } else if ticket.standing.strict {
        Ruler::Strict
    } else if base >= deterrence && base >= ramp {
        Ruler::Base
    } else if deterrence >= ramp {
        Ruler::Deterrence
    } else {
        Ruler::Ramp
    }
}

fn detection(caught: Rate, share: Rate) -> Detection {
    Detection { share, jobs: jobs_until_caught(caught.times(share)) }
}

/// Cheats that are accepted before one convicts, on average, in thousandths: `(1 − q) / q`.
fn accepted_thousandths(caught: Rate) -> Option<u64> {
    let missed = u128::from(Rate::ONE.minus_up_to(caught).0) * 1_000;
    missed.checked_div(caught.0.into()).and_then(|count| u64::try_from(count).ok())
}

/// The least `n` with `(1 − q)ⁿ ≤ 5 %`: after so many jobs, each of which convicts with chance `q`, a cheat is caught
/// with 95 %. Nothing if that is never.
#[must_use]
pub fn jobs_until_caught(chance: Rate) -> Option<u64> {
    if chance >= Rate::ONE {
        return Some(1);
    }
    let missed = Power::of(Rate::ONE.minus_up_to(chance));
    // Powers to 1, 2, 4, …, until one is small enough.
    let mut powers = Vec::from([missed]);
    while powers.last().is_some_and(|last| !last.is_negligible()) {
        let last = *powers.last()?;
        if powers.len() as u32 > DOUBLINGS_MAX {
            return None;
        }
        powers.push(last.times(last));
    }
    // The greatest n that is too few, bit by bit from above; one more is enough.
    let (mut product, mut jobs) = (Power::ONE, 0);
    for (exponent, power) in powers.iter().enumerate().rev() {
        let next = product.times(*power);
        if !next.is_negligible() {
            (product, jobs) = (next, jobs + (1_u64 << exponent));
        }
    }
    Some(jobs + 1)
}

/// A chance in parts of 2⁶³: finer than [`Rate`], so that what is cut in dozens of products does not move a count of
/// jobs.
#[derive(Clone, Copy, Debug)]
struct Power(u64);

impl Power {
    const ONE: Self = Self(1 << 63);

    fn of(chance: Rate) -> Self {
        Self(chance.0.min(Rate::ONE.0) << 31)
    }

    fn times(self, other: Self) -> Self {
        Self(u64::try_from((u128::from(self.0) * u128::from(other.0)) >> 63).unwrap_or(Self::ONE.0))
    }

    fn is_negligible(self) -> bool {
        self.0 <= UNCAUGHT.0
    }
}

#[cfg(test)]
mod tests;
