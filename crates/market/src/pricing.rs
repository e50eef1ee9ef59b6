//! Pricing: below which price a provider works at a loss, and which one to ask.
//!
//! **Invariant:** a suggestion is never below the floor, whatever others ask; at the floor the pay covers what the job
//! costs its provider, in its own machine and in what the network takes.

use alloc::vec::Vec;

use assay_protocol::{
    costs,
    genesis::Genesis,
    id::{Digest, PeerId},
    offer::Offer,
    order::Order,
    signed::Verified,
    units::{Amount, Duration, Rate, Timestamp},
};
use serde::{Deserialize, Serialize};

/// Milliseconds in an hour: what upkeep is stated for.
const HOUR_MS: u128 = 3_600_000;
/// What is asked above the floor where nobody else offers the model: a profit that leaves room below for those to come.
pub const ALONE_PROFIT: Rate = Rate(Rate::ONE.0 / 5);
/// The lowest price that is suggested: work for nothing is never meant.
const PRICE_MIN: Amount = Amount(1);

/// What the network takes of a provider's pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Levy {
    /// Below the entry level: the whole check.
    Newcomer,
    /// Its part of the expected checks.
    Dues {
        /// The rate at which its jobs are checked.
        rate: Rate,
        /// What fees exceed the expected cost of checks by.
        margin: Rate,
    },
}

/// The floor: what makes it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// The least price of a unit at which the job is no loss.
    pub unit_price: Amount,
    /// What the run costs its own machine.
    pub upkeep: Amount,
    /// What the network takes of the pay.
    pub levy: Amount,
}

/// A price to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suggestion {
    /// The price of a unit.
    pub unit_price: Amount,
    /// Why this one.
    pub reason: PriceBasis,
}

/// Why a price is suggested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceBasis {
    /// Nobody else offers the model: the floor with a profit.
    Alone,
    /// What the one in the middle asks.
    Median {
        /// Offers that were seen.
        offers: u64,
    },
    /// The floor: what others ask would be a loss here.
    Floor {
        /// Offers that were seen.
        offers: u64,
        /// What the one in the middle of them asks.
        median: Amount,
    },
}

/// The floor for an order like this one, of which a run takes `run`, on a machine that costs `upkeep_hour` for each hour
/// of a run; the order's own price does not matter. Nothing if no price is high enough.
#[must_use]
pub fn floor(
    genesis: &Genesis,
    order: &Order,
    run: Duration,
    upkeep_hour: Amount,
    levy: Levy,
) -> Option<Floor> {
    let upkeep = (u128::from(upkeep_hour.0) * u128::from(run.0)).div_ceil(HOUR_MS);
    let upkeep = u64::try_from(upkeep).ok().map(Amount)?;
    let check_work = order.check_work_max();
    let levy = match levy {
        Levy::Newcomer => genesis.check_cost(check_work),
        Levy::Dues { rate, margin } => costs::of_order(genesis, order, check_work, rate, margin).dues,
    };
    let least = upkeep.plus(levy)?;
    // Rounded up: a pay that is a fraction too small is a loss.
    let unit_price = Amount(least.0.checked_add(order.units_max.checked_sub(1)?)? / order.units_max);
    Some(Floor { unit_price, upkeep, levy })
}

/// A price for a model, from what others ask for it now.
#[must_use]
pub fn suggest<'a>(
    offers: impl Iterator<Item = &'a Verified<Offer>>,
    manifest: Digest,
    own: PeerId,
    floor: Amount,
    now: Timestamp,
) -> Suggestion {
    let floor = floor.max(PRICE_MIN);
    let others = offers.filter(|offer| offer.signer() != own && offer.valid_until > now);
    let asked = others.filter_map(|offer| {
        let serving = offer.services().filter(|(_, service)| service.manifest == manifest);
        serving.map(|(_, service)| service.unit_price).min()
    });
    let mut asked: Vec<Amount> = asked.collect();
    asked.sort_unstable();
    let offers = asked.len() as u64;
    // The lower of the two in the middle: between equals the cheaper is asked first.
    let Some(median) = asked.get(asked.len().saturating_sub(1) / 2).copied() else {
        let unit_price = floor.plus(floor.share(ALONE_PROFIT)).unwrap_or(floor);
        return Suggestion { unit_price, reason: PriceBasis::Alone };
    };
    if median < floor {
        return Suggestion { unit_price: floor, reason: PriceBasis::Floor { offers, median } };
    }
    Suggestion { unit_price: median, reason: PriceBasis::Median { offers } }
}

#[cfg(test)]
mod tests;
