//! What a place among a notary's open jobs costs: a number of them is all there are, and who holds one keeps others out.
//!
//! **Invariant:** the price of an hour is fixed when a job is opened, doubles with every eighth of the places that is taken,
//! and is reserved for as long as the job can last if nobody objects; what is not used goes back.

use crate::{
    deadline,
    genesis::Genesis,
    order::Order,
    ticket::Ticket,
    units::{Amount, Duration, Rate},
};

/// Steps from no place taken to all of them; with each the price doubles.
const STEPS: u64 = 8;
/// Parts of a [`Rate`] in one step.
const STEP_PARTS: u64 = (1 << 32) / STEPS;
/// The price of an hour where no place is taken, in parts per 2³² of what it is where half of them are.
const LEAST: Rate = Rate((1 << 32) >> (STEPS / 2));
/// Milliseconds in an hour.
const HOUR_MS: u64 = 3_600_000;

/// What a place costs for an hour where so many jobs are open: f₀ · 2^(8u − 4) for the share u of all places, in a straight
/// line between two eighths.
#[must_use]
pub fn hour(genesis: &Genesis, open: u64) -> Amount {
    let taken = Rate::of(open, genesis.money.jobs_max).0.min(Rate::ONE.0);
    let (step, within) = (taken / STEP_PARTS, taken % STEP_PARTS);
    let begin = LEAST.0 << step;
    let rise = u128::from(begin) * u128::from(within) / u128::from(STEP_PARTS);
    genesis.money.place_hour.share(Rate(begin.saturating_add(u64::try_from(rise).unwrap_or(u64::MAX))))
}

/// What it can cost by the time an order is opened: as if another eighth of the places were taken, which is twice as much.
#[must_use]
pub fn hour_ahead(genesis: &Genesis, open: u64) -> Amount {
    hour(genesis, open.saturating_add(genesis.money.jobs_max.div_ceil(STEPS)))
}

/// What is reserved for the place of an order at this price of an hour, unless it does not fit.
#[must_use]
pub fn reserved(genesis: &Genesis, order: &Order, hour: Amount) -> Option<Amount> {
    hour.times(hours(deadline::settle(genesis, order)))
}

/// What a job has used of that, if it lasted so long: begun hours, as far as they are reserved.
#[must_use]
pub fn used(genesis: &Genesis, order: &Order, ticket: &Ticket, lasted: Duration) -> Amount {
    let most = hours(deadline::settle(genesis, order));
    ticket.place.times(hours(lasted).min(most)).unwrap_or(Amount(u64::MAX))
}

/// Begun hours; the first begins with the job.
fn hours(length: Duration) -> u64 {
    length.0.div_ceil(HOUR_MS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::tests::world::{Terms, genesis, order, standing};

    fn priced(place_hour: u64) -> Genesis {
        let mut genesis = genesis();
        (genesis.money.place_hour, genesis.money.jobs_max) = (Amount(place_hour), 100_000);
        genesis
    }

    #[test]
    fn the_price_of_a_place_doubles_with_each_eighth_and_is_a_line_between() {
        let genesis = priced(1_600);
        let eighths = (0..=8).map(|eighth| hour(&genesis, eighth * 12_500).0);
        assert!(eighths.eq((0..=8).map(|eighth| 100 << eighth)), "a sixteenth of f₀ to sixteen times it");
        assert_eq!([6_250, 18_750, 93_750].map(|open| hour(&genesis, open).0), [150, 300, 19_200]);
        assert_eq!(hour(&genesis, 250_000), hour(&genesis, 100_000), "more than all of them there are not");
        assert_eq!(hour_ahead(&genesis, 12_500), Amount(400));
        let prices = (0..1_000).map(|open| hour(&genesis, open * 100));
        assert!(prices.is_sorted());
        assert_eq!(hour(&priced(0), 99_999), Amount::ZERO);
        assert_eq!(hour(&priced(u64::MAX), 100_000), Amount(u64::MAX), "held at the greatest amount");
    }

    /// Half of all places for as long as a job may last: what it cost before was nothing, since all of it came back.
    #[test]
    fn to_squat_half_of_all_places_for_twelve_hours_costs_two_hundred_thousand_hours() {
        let genesis = priced(1_000_000);
        let paid: u128 = (0..50_000).map(|open| 12 * u128::from(hour(&genesis, open).0)).sum();
        // The mean of 2^(8u − 4) for u up to a half, in straight lines between eighths: 0.3515625 of f₀.
        assert_eq!(paid / 1_000_000 / 1_000, 210, "{paid}");
    }

    #[test]
    fn begun_hours_are_used_and_no_more_than_are_reserved() {
        let (genesis, order) = (priced(1_600), order(&Terms::SPOT));
        let ticket = Ticket::new(&genesis, &order, standing(&Terms::SPOT));
        assert_eq!(
            (ticket.place, reserved(&genesis, &order, ticket.place)),
            (Amount(100), Some(Amount(100)))
        );
        let mut slow = order;
        slow.work_max = 500_000_000;
        // Four checks of three times 500 s, and what lies around them.
        assert_eq!(reserved(&genesis, &slow, ticket.place), Some(Amount(200)));
        for (lasted, expected) in
            [(0, 100), (3_600_000, 100), (3_600_001, 200), (7_200_001, 200), (u64::MAX, 200)]
        {
            assert_eq!(used(&genesis, &slow, &ticket, Duration(lasted)), Amount(expected), "{lasted}");
        }
        assert_eq!(reserved(&genesis, &slow, Amount(u64::MAX)), None);
    }
}
