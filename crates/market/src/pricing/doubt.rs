//! What is odd about a price that may be asked: hardly anybody will pay it, or it does not pay.
//!
//! **Invariant:** it is told and nothing more: a price is its provider's choice.

use assay_protocol::{
    genesis::Genesis,
    units::{Amount, Units},
};
use serde::{Deserialize, Serialize};

/// What is odd about a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceDoubt {
    /// One unit costs more than all money that there was on the network's first day.
    AllMoney {
        /// How much that was.
        money: Amount,
    },
    /// A usual job comes to more than clients pay for one.
    Dear {
        /// What it comes to.
        job: Amount,
        /// What they pay, unless they say otherwise.
        pays: Amount,
    },
    /// The network takes more of a usual job's pay than there is.
    Loss {
        /// The least price at which it does not.
        floor: Amount,
    },
}

/// What is odd about this price, if anything is: the worst of it. A usual job has so many units, and clients pay so much
/// for one unless they say otherwise.
#[must_use]
pub fn doubt(
    genesis: &Genesis,
    unit_price: Amount,
    (units, pays): (Units, Amount),
    floor: Option<Amount>,
) -> Option<PriceDoubt> {
    let most = Amount(u64::MAX);
    let money = genesis.minted().unwrap_or(most);
    if unit_price > money {
        return Some(PriceDoubt::AllMoney { money });
    }
    let job = unit_price.times(units).unwrap_or(most);
    if job > pays {
        return Some(PriceDoubt::Dear { job, pays });
    }
    floor.filter(|floor| unit_price < *floor).map(|floor| PriceDoubt::Loss { floor })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn the_worst_of_a_price_is_told_and_of_a_good_one_nothing() {
        let genesis = fixture::genesis();
        let (money, pays, floor) = (genesis.minted().unwrap_or_default(), Amount(500), Amount(20));
        let told = |unit_price: u64| doubt(&genesis, Amount(unit_price), (10, pays), Some(floor));
        assert_eq!(told(19), Some(PriceDoubt::Loss { floor }));
        assert_eq!((told(20), told(50)), (None, None));
        assert_eq!(told(51), Some(PriceDoubt::Dear { job: Amount(510), pays }));
        assert_eq!(told(money.0), Some(PriceDoubt::Dear { job: Amount(money.0 * 10), pays }));
        assert_eq!(told(money.0 + 1), Some(PriceDoubt::AllMoney { money }));
        assert_eq!(told(u64::MAX), Some(PriceDoubt::AllMoney { money }), "even where no sum holds it");
        assert_eq!(doubt(&genesis, Amount(1), (10, pays), None), None, "where no floor is known");
    }
}
