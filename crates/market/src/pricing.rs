//! Pricing: below which price a provider works at a loss, and which one to ask.
//!
//! **Invariant:** a suggestion is never below the floor, whatever others ask; at the floor the pay covers what the job
//! costs its provider, in its own machine and in what the network takes.

mod doubt;

use alloc::vec::Vec;

use assay_protocol::{
    costs,
    genesis::Genesis,
    id::{Digest, PeerId},
    manifest::{Manifest, Meter},
    offer::Offer,
    order::Order,
    signed::Verified,
    units::{Amount, Duration, Rate, Timestamp, Units, Work},
};
use serde::{Deserialize, Serialize};

pub use self::doubt::{PriceDoubt, doubt};

/// Milliseconds in an hour: what upkeep is stated for.
const HOUR_MS: u128 = 3_600_000;
/// What is asked above the floor where nobody else offers the model: a profit that leaves room below for those to come.
pub const ALONE_PROFIT: Rate = Rate(Rate::ONE.0 / 5);
/// What is asked at least where nobody else offers the model, in check costs: enough that fees stay small beside it.
const ALONE_CHECKS: u64 = 10;
/// The least that is asked then.
const ALONE_MIN: Amount = Amount(1_000_000);
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
    /// Nobody else offers the model: the floor with a profit, and enough that fees stay small beside it.
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

/// An order of so many units and so much work: what a floor is asked for where nobody has ordered anything.
#[must_use]
pub fn usual_order(manifest: &Manifest, units_max: Units, work_max: Work) -> Order {
    Order {
        client: PeerId::default(),
        provider: PeerId::default(),
        notary: PeerId::default(),
        lane: 0,
        nonce: 0,
        class: Digest::default(),
        manifest: manifest.clone(),
        input_commit: Digest::default(),
        units_max,
        work_max,
        unit_price: Amount::ZERO,
        total_max: Amount::ZERO,
        checks: 0,
        unchecked_ok: false,
        cancel_fee: Amount::ZERO,
        run_max: Duration::default(),
        open_by: Timestamp::default(),
        secret_commit: Digest::default(),
    }
}

/// What each of the others asks for a model now, the least first. Whoever was convicted gets no orders, and is no measure.
pub fn asked<'a>(
    offers: impl Iterator<Item = &'a Verified<Offer>>,
    manifest: Digest,
    own: PeerId,
    now: Timestamp,
    is_convicted: impl Fn(&Verified<Offer>) -> bool,
) -> Vec<Amount> {
    let others = offers.filter(|offer| offer.signer() != own && offer.valid_until > now);
    let others = others.filter(|&offer| !is_convicted(offer));
    let asked = others.filter_map(|offer| {
        let serving = offer.services().filter(|(_, service)| service.manifest == manifest);
        serving.map(|(_, service)| service.unit_price).min()
    });
    let mut asked: Vec<Amount> = asked.collect();
    asked.sort_unstable();
    asked
}

/// What is in the middle of these prices, of which the least is the first.
#[must_use]
pub fn median(asked: &[Amount]) -> Option<Amount> {
    // The lower of the two in the middle: between equals the cheaper is asked first.
    asked.get(asked.len().saturating_sub(1) / 2).copied()
}

/// A price for a model, from what others [`asked`] for it now.
#[must_use]
pub fn suggest(genesis: &Genesis, manifest: &Manifest, asked: &[Amount], floor: Amount) -> Suggestion {
    let floor = floor.max(PRICE_MIN);
    let offers = asked.len() as u64;
    let Some(median) = median(asked) else {
        let profit = floor.plus(floor.share(ALONE_PROFIT)).unwrap_or(floor);
        return Suggestion { unit_price: profit.max(alone(genesis, manifest)), reason: PriceBasis::Alone };
    };
    if median < floor {
        return Suggestion { unit_price: floor, reason: PriceBasis::Floor { offers, median } };
    }
    Suggestion { unit_price: median, reason: PriceBasis::Median { offers } }
}

/// A price for one unit that leaves something after the fees for checks, whatever the unit is spent on.
fn alone(genesis: &Genesis, manifest: &Manifest) -> Amount {
    let checks = genesis.check_cost(work_of_a_unit(manifest)).times(ALONE_CHECKS);
    checks.unwrap_or(ALONE_MIN).max(ALONE_MIN)
}

/// The most work that one unit of a model can be.
fn work_of_a_unit(manifest: &Manifest) -> Work {
    let work = &manifest.work;
    let most = match manifest.meter {
        Meter::Calls => work.call,
        Meter::Tokens(weights) => {
            let of = |work: Work, weight: u32| work.div_ceil(u64::from(weight.max(1)));
            of(work.token_read, weights.read).max(of(work.token_written, weights.written))
        }
        Meter::MegaFuel => work.mega_fuel,
    };
    most.max(1)
}

#[cfg(test)]
mod tests;
