//! What one stake can stand for: lies told all at once, and orders that occupy more of it than they take.

use assay_protocol::{outcome::Outcome, units::Amount};
use assay_simulations::{
    behaviour::Forger,
    kernel::Span,
    plan::{Plan, UNIT_PRICE},
    world::{Wish, World},
};

use super::{Coalition, check_cost, pool, restake, scenes::trusting};
use crate::support::{LIMIT, market};

/// Lies that one provider tells before the first of them is found out.
const LIES: u64 = 200;

/// The stake from which on the usual order makes nobody a newcomer, and a quarter of a check's cost more.
fn least_stake(world: &World) -> Amount {
    let check = check_cost(world.genesis(), 2);
    let entry = UNIT_PRICE.0 as i128 + i128::from(world.genesis().money.entry_checks) * check;
    Amount(u64::try_from(entry + check / 4).expect("it fits"))
}

/// A provider whose every job is checked anyway has as many open as its stake can answer for, whatever each of them is
/// worth to it: so each of its lies finds a jury that it pays.
#[test]
fn lies_told_all_at_once_cost_whoever_tells_them_and_never_the_pool() {
    let mut world = market(Plan { clients: 2, slots: 256, ..Plan::default() });
    let (client, liar) = (world.plan().client(0), world.plan().client(1));
    world.provide(liar);
    let stake = least_stake(&world);
    restake(&mut world, liar, stake);
    world.behave(liar, Forger);
    let (before, coalition) = (pool(&world), Coalition::new(&world, [client, liar]));
    for number in 0..LIES {
        world.submit(client, Wish { number, provider: Some(liar), attempts_max: 1, ..Wish::default() });
    }
    world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{unsettled}"));
    let told = world.receipts(client);
    let convicted = told.iter().filter(|receipt| receipt.story.outcome == Outcome::Slashed).count();
    let gained = coalition.gain(&world, "lies told all at once");
    let pool = pool(&world) - before;
    report("lies told all at once", told.len(), pool, gained);
    assert!(convicted > 0 && !told.is_empty());
    assert!(pool >= 0, "the pool pays juries of a stake that is gone: {pool}");
    assert!(gained < 0, "{gained}");
}

#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
fn report(attack: &str, jobs: usize, pool: i128, gained: i128) {
    println!("{attack}: {jobs} jobs, pool {:+.4}, attackers {:+.4}", pool as f64 / 1e9, gained as f64 / 1e9);
}

/// How many jobs of an honest client are paid in a while, at a provider with a stake of a hundred of them; beside orders
/// of many units, of which each takes one, if there is an attacker.
fn served(attacked: bool) -> usize {
    let stake = Amount(100 * UNIT_PRICE.0);
    let mut world = trusting(Plan { clients: 2, slots: 64, stake, ..Plan::default() }, 40);
    let (honest, attacker) = (world.plan().client(0), world.plan().client(1));
    let provider = world.plan().founder(0);
    let known = world.receipts(honest).len();
    for number in 0..120 {
        let wish = Wish { number, provider: Some(provider), attempts_max: 1, ..Wish::default() };
        if attacked && number % 2 == 0 {
            world.submit(attacker, Wish { units_max: 40, ..wish });
        }
        world.submit(honest, wish);
        world.run_for(Span::millis(500));
    }
    world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{unsettled}"));
    let receipts = world.receipts(honest).split_off(known);
    receipts.iter().filter(|receipt| receipt.story.outcome.is_paid()).count()
}

/// An order occupies at most a quarter of a stake, and only until the claim says how much of it is taken.
#[test]
#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
fn orders_of_many_units_that_take_one_leave_the_stake_to_others() {
    let (quiet, attacked) = (served(false), served(true));
    println!("orders of many units that take one: {quiet} honest jobs without them, {attacked} beside them");
    assert!(attacked * 10 >= quiet * 9, "{attacked} of {quiet}");
}
