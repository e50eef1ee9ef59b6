//! That what a provider is told of its allowance is what a ticket would say, for each job up to the last and one more.

use assay_protocol::ticket::{Standing, Ticket};

use super::*;
use crate::fixture::{genesis, order, standing};

/// An order of 100 units for 10,000 each: its price is a million, and a run of it costs 100,000.
fn usual() -> Order {
    order(Amount(10_000))
}

fn with_stake(stake: u64) -> Backing {
    Backing { stake: Amount(stake), fee_margin: genesis().money.margin, ..Backing::default() }
}

fn told(stake: u64, slots: u64) -> JobAllowance {
    allowance(&genesis(), &usual(), &with_stake(stake), slots)
}

/// How many such jobs a notary opens one after another, before one is refused.
fn opened(stake: u64) -> u64 {
    let (genesis, order) = (genesis(), usual());
    let mut said = Standing { stake: Amount(stake), ..standing(0, Amount::ZERO) };
    let mut count = 0;
    loop {
        let ticket = Ticket::new(&genesis, &order, said);
        let admitted = if ticket.newcomer { said.serving == 0 } else { ticket.covered };
        if !admitted {
            return count;
        }
        count += 1;
        said.serving += 1;
        if ticket.covered {
            said.exposed = sum(said.exposed, exposure::at_opening(&genesis, &order));
            said.reserve = exposure::jury(&genesis, &order);
        }
    }
}

fn sum(one: Amount, other: Amount) -> Amount {
    one.plus(other).unwrap_or(Amount(u64::MAX))
}

#[test]
fn as_many_are_told_as_a_notary_opens() {
    let entry = entry(&genesis(), &usual());
    assert_eq!(entry, Amount(2_400_000), "the price and fourteen runs");
    for stake in [0, 1, 2_399_999, 2_400_000, 4_799_999, 4_800_000, 7_000_000, 50_000_000] {
        let told = told(stake, 9);
        assert_eq!((told.jobs, told.entry), (opened(stake), entry), "{stake}");
        assert_eq!(told.more, told.jobs, "nothing is open: {stake}");
    }
}

#[test]
fn each_raise_is_the_least_stake_that_gives_it() {
    for stake in [0, 2_399_999, 2_400_000, 5_000_000] {
        let raises = told(stake, 9).raises;
        assert_eq!(raises.len(), 2, "to more, and to all places: {raises:?}");
        for raise in &raises {
            let AllowanceRaise { jobs, stake: needed, lacking, .. } = *raise;
            assert!(opened(needed.0) >= jobs, "{raise:?}");
            assert!(opened(needed.0 - 1) < jobs, "less does as well: {raise:?}");
            assert_eq!(sum(Amount(stake), lacking), needed);
        }
        assert_eq!(raises.last().map(|raise| raise.jobs), Some(9));
    }
    assert!(told(0, 1).raises.is_empty(), "who offers one place has it");
    assert!(told(u64::MAX / 2, 9).raises.is_empty());
}

#[test]
fn the_ground_is_a_newcomers_until_the_entry_level_and_then_what_is_short() {
    let ground = |stake, slots| told(stake, slots).ground;
    assert_eq!(ground(2_399_999, 1), AllowanceGround::Newcomer);
    assert_eq!(ground(2_400_000, 1), AllowanceGround::Slots);
    assert_eq!(ground(2_400_000, 2), AllowanceGround::Stake);
    assert_eq!(ground(u64::MAX / 2, 9), AllowanceGround::Slots);
}

#[test]
fn what_is_open_takes_of_the_stake_until_it_is_closed() {
    let busy = |open, exposed| {
        let reserve = exposure::jury(&genesis(), &usual());
        let backing = Backing { open, exposed: Amount(exposed), reserve, ..with_stake(6_000_000) };
        let told = allowance(&genesis(), &usual(), &backing, 4);
        (told.jobs, told.more, told.ground)
    };
    assert_eq!(busy(0, 0), (4, 4, AllowanceGround::Slots));
    assert_eq!(busy(1, 1_200_000), (4, 3, AllowanceGround::Slots));
    assert_eq!(busy(1, 4_000_000), (4, 0, AllowanceGround::Exposure), "one that is dearer takes more");
    let newcomer = Backing { open: 1, ..with_stake(0) };
    assert_eq!(allowance(&genesis(), &usual(), &newcomer, 4).more, 0);
}

#[test]
fn paid_jobs_are_counted_as_their_pay_is_put_at_stake() {
    let (genesis, order) = (genesis(), usual());
    let (check, price) = (genesis.check_cost(order.check_work_max()), Amount(1_000_000));
    let part = price.minus_up_to(check).share(genesis.money.autostake_newcomer);
    let like = LikeJobs { genesis: &genesis, order: &order, entry: entry(&genesis, &order) };
    let mut stake = Amount::ZERO;
    let mut jobs = 0;
    while stake < like.entry {
        stake = sum(stake, part).min(like.entry);
        jobs += 1;
    }
    assert_eq!(like.paid_jobs(&with_stake(0), like.entry), Some(jobs));
    assert_eq!(like.paid_jobs(&with_stake(2_400_000), like.entry), Some(0));
    let target = price.times(genesis.money.autostake_multiple).unwrap_or_default();
    assert!(like.paid_jobs(&with_stake(0), target).is_some_and(|all| all > jobs));
    assert_eq!(like.paid_jobs(&with_stake(0), sum(target, Amount(1))), None, "pay puts no more there");
    let free = self::order(Amount::ZERO);
    let unpaid = LikeJobs { order: &free, ..like };
    assert_eq!(unpaid.paid_jobs(&with_stake(0), Amount(1)), None);
}
