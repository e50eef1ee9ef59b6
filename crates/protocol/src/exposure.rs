//! What of its provider's stake an open job takes, by how far it is, and what a jury over it can cost.
//!
//! **Invariant:** from one stage to the next it never rises, so what fitted a stake when a job was opened fits it until the
//! job is closed.

use crate::{
    genesis::Genesis,
    job::{Job, Stage},
    order::Order,
    units::Amount,
};

/// Runs beside the price that a job stands for until it is drawn: one that checks it, and one that it may have saved.
const RUNS_UNDRAWN: u64 = 2;
/// One order takes at most this part of a stake, so that none keeps all others out; but for one that is alone.
const PARTS: u64 = 4;
/// What never fits.
const MOST: Amount = Amount(u64::MAX);

/// What an order takes when it is opened: nothing is known yet but how much it can come to.
#[must_use]
pub fn at_opening(genesis: &Genesis, order: &Order) -> Amount {
    order.price().and_then(|price| price.plus(runs(genesis, order)?)).unwrap_or(MOST)
}

/// What a job takes now: from the claim on what it will be paid, and from the draw on no less than a run.
#[must_use]
pub fn of(genesis: &Genesis, job: &Job) -> Amount {
    let order = job.order();
    match job.stage() {
        Stage::Open { .. } | Stage::Cancelling { .. } => at_opening(genesis, order),
        Stage::Claimed { .. } | Stage::Drawing { .. } => {
            runs(genesis, order).and_then(|runs| job.pay_most().plus(runs)).unwrap_or(MOST)
        }
        Stage::Waiting { .. } | Stage::Checking(_) | Stage::Jury(_) => {
            job.pay_most().max(genesis.check_cost(order.work_max))
        }
        Stage::Closed(_) => Amount::ZERO,
    }
}

/// What the jury over such a job can cost: it is set aside once, for the dearest job that a provider has open.
#[must_use]
pub fn jury(genesis: &Genesis, order: &Order) -> Amount {
    genesis.check_cost(order.work_max).times(genesis.money.slash_checks).unwrap_or(MOST)
}

/// Whether a stake can stand for another order beside `serving` open jobs that take `exposed`, and of which the dearest
/// needs `reserve` for its jury.
#[must_use]
pub fn fits(
    genesis: &Genesis,
    order: &Order,
    stake: Amount,
    (exposed, reserve, serving): (Amount, Amount, u64),
) -> bool {
    let own = at_opening(genesis, order);
    let reserve = jury(genesis, order).max(reserve);
    let all = exposed.plus(own).and_then(|exposed| exposed.plus(reserve));
    let part = serving == 0 || own.times(PARTS).is_some_and(|parts| parts <= stake);
    part && all.is_some_and(|all| all <= stake)
}

fn runs(genesis: &Genesis, order: &Order) -> Option<Amount> {
    genesis.check_cost(order.work_max).times(RUNS_UNDRAWN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::tests::world::{Terms, World, genesis, order};

    /// What a job takes after each of these stories, in thousands: the price is 1,000, of which 800 are claimed; a run of
    /// all that was ordered costs 80.
    #[test]
    fn a_job_takes_less_of_a_stake_the_further_it_is() {
        let stories = [
            ("", 1_160),
            ("cancel", 1_160),
            ("claim", 960),
            ("claim reveal", 960),
            ("claim:idle", 160),
            ("undrawn", 800),
            ("claim:idle reveal rounds draw:none", 80),
            ("drawn", 800),
            ("accused", 800),
            ("abort", 0),
        ];
        for (story, expected) in stories {
            let world = World::after(&Terms::SPOT, story);
            assert_eq!(of(&world.genesis, &world.job), Amount(expected * 1_000), "{story}");
        }
    }

    #[test]
    fn a_stake_stands_for_all_open_jobs_and_one_jury_and_no_order_takes_more_than_a_quarter() {
        let (genesis, order) = (genesis(), order(&Terms::SPOT));
        let fits = |stake, exposed, reserve, serving| {
            fits(&genesis, &order, Amount(stake), (Amount(exposed), Amount(reserve), serving))
        };
        assert_eq!(
            (at_opening(&genesis, &order), jury(&genesis, &order)),
            (Amount(1_160_000), Amount(960_000))
        );
        for (stake, exposed, reserve, serving, expected) in [
            (2_120_000, 0, 0, 0, true),
            (2_119_999, 0, 0, 0, false),
            (2_120_000, 0, 0, 1, false),
            (4_640_000, 0, 0, 1, true),
            (4_639_999, 0, 0, 1, false),
            (4_640_000, 2_520_000, 960_000, 9, true),
            (4_640_000, 2_520_001, 960_000, 9, false),
            (4_640_000, 1_480_000, 2_000_000, 9, true),
            (4_640_000, 1_480_001, 2_000_000, 9, false),
            (u64::MAX, u64::MAX, 0, 9, false),
        ] {
            let found = fits(stake, exposed, reserve, serving);
            assert_eq!(found, expected, "{stake} for {exposed} and {reserve}, beside {serving}");
        }
    }
}
