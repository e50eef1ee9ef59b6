//! Stakes that are small, spread, withdrawn or occupied when their owner is convicted.

use assay_market::{Command, view::AttemptState};
use assay_protocol::{
    id::Digest,
    outcome::Outcome,
    units::{Amount, Duration, Rate},
};
use assay_simulations::{
    behaviour::Forger,
    kernel::Span,
    plan::{LABEL, Plan},
    world::{Closed, Place, Wish, World},
};

use super::{
    Coalition,
    scenes::{Gambles, PRICE, credits, order, outcome, owed, receipt, staked, until, wealth},
};
use crate::support::{LIMIT, settle};

/// What a provider puts at stake that wants to lose little: a quarter more than the entry level.
const SMALL: Amount = Amount(82_500_000);
/// What one puts at stake that two convictions can take.
const LARGE: Amount = Amount::credits(2);

fn plan(seed: u64, cheats: usize) -> Plan {
    Plan { seed, founders: 8, clients: 1 + cheats, slots: 64, unbonding: Duration(500), ..Plan::default() }
}

/// The job of an order, as its notary closed it.
fn closed(world: &World, key: Digest) -> Closed {
    let attempt = world.attempt(world.plan().client(0), key).expect("an attempt");
    world.closed()[&attempt.job]
}

/// What a conviction over a job takes of a stake that is large enough.
fn slash(world: &World, key: Digest) -> Amount {
    let attempt = world.attempt(world.plan().client(0), key).expect("an attempt");
    let checks = world.genesis().check_cost(world.genesis().manifests[0].work.call).times(12);
    attempt.total_max.times(100).max(checks).expect("it fits")
}

fn unstake(world: &mut World, place: Place, amount: Amount) {
    let notary = world.id(world.plan().notary());
    world.command(place, Command::Unstake { notary, amount });
    world.run_for(Span::millis(200));
}

/// Lets time pass until the first client has the result of a job.
fn delivered(world: &mut World, key: Digest) {
    let client = world.plan().client(0);
    until(world, |world| world.state(client, key) == Some(AttemptState::Delivered));
}

#[test]
fn a_stake_that_is_spread_over_many_names_makes_each_name_a_loss() {
    let (mut cheats, mut gained) = (Gambles::default(), 0);
    for seed in 0..8 {
        let mut world = staked(plan(seed, 16), SMALL, Forger);
        let names: Vec<Place> = (1..17).map(|number| world.plan().client(number)).collect();
        let coalition = Coalition::new(&world, names.clone());
        let before: Vec<i128> = names.iter().map(|name| wealth(&world, *name)).collect();
        let keys: Vec<Digest> =
            (0..).zip(&names).map(|(number, name)| order(&mut world, *name, number, LABEL)).collect();
        settle(&mut world, LIMIT, "spread");
        for ((key, name), before) in keys.iter().zip(&names).zip(before) {
            let receipt = receipt(&world, *key);
            let ticket = receipt.story.ticket;
            let drawn = ticket.rate.0 as f64 / Rate::ONE.0 as f64;
            assert!(!ticket.newcomer && (0.15..0.3).contains(&drawn), "checked at {drawn}");
            let gain = credits(wealth(&world, *name) - before);
            cheats.note(gain, drawn, -credits(i128::from(SMALL.0)), credits(owed(&receipt)));
        }
        gained += coalition.gain(&world, &format!("a stake in sixteen parts, seed {seed}"));
    }
    assert!(gained < 0, "{gained}");
    cheats.assert_as_expected("a cheat with a small stake");
    assert!(cheats.mean() < 0.0);
}

#[test]
fn a_stake_that_is_withdrawn_after_the_claim_is_slashed_all_the_same() {
    for (seed, checks) in [(0, 1), (1, 0)] {
        let mut world = staked(plan(seed, 1), LARGE, Forger);
        let (client, cheat) = (world.plan().client(0), world.plan().client(1));
        let coalition = Coalition::new(&world, [cheat]);
        let wish = Wish { checks, provider: Some(cheat), attempts_max: 1, ..Wish::default() };
        let key = world.submit(client, wish);
        delivered(&mut world, key);
        // Of a job that may go unchecked, the stake stands for the pay.
        unstake(&mut world, cheat, LARGE);
        unstake(&mut world, cheat, LARGE.minus_up_to(Amount(PRICE as u64)));
        if checks == 0 {
            world.command(client, Command::Dispute { key });
        }
        settle(&mut world, LIMIT, "withdrawn");
        let closed = closed(&world, key);
        assert_eq!((closed.outcome, closed.slashed), (Outcome::Slashed, slash(&world, key)), "{checks}");
        let gain = coalition.gain(&world, &format!("a stake withdrawn after the claim, {checks} checks"));
        assert_eq!(gain, -i128::from(closed.slashed.0), "{checks}");
    }
}

#[test]
fn a_stake_that_was_withdrawn_before_the_order_lowers_no_rate_and_answers_until_it_is_paid_out() {
    let mut world = staked(Plan { unbonding: Duration::seconds(30), ..plan(0, 1) }, LARGE, Forger);
    let cheat = world.plan().client(1);
    unstake(&mut world, cheat, LARGE.minus_up_to(SMALL));
    let coalition = Coalition::new(&world, [cheat]);
    let wish = Wish { checks: 1, provider: Some(cheat), attempts_max: 1, ..Wish::default() };
    let key = world.submit(world.plan().client(0), wish);
    settle(&mut world, LIMIT, "withdrawn before");
    let ticket = receipt(&world, key).story.ticket;
    assert_eq!(ticket.standing.stake, SMALL, "what is withdrawn stands for nothing");
    assert!(ticket.policy_rate > Rate::per_mille(150), "{:?}", ticket.policy_rate);
    let closed = closed(&world, key);
    assert_eq!((closed.outcome, closed.slashed), (Outcome::Slashed, slash(&world, key)));
    let gain = coalition.gain(&world, "a stake withdrawn before the order");
    assert!(gain < -90 * PRICE, "{gain}");
}

#[test]
fn a_stake_that_is_occupied_by_open_jobs_is_slashed_as_if_it_were_free() {
    let mut world = staked(plan(0, 1), LARGE, Forger);
    let (client, cheat) = (world.plan().client(0), world.plan().client(1));
    let coalition = Coalition::new(&world, [cheat]);
    let keys: Vec<Digest> = (0..60).map(|number| order(&mut world, cheat, number, LABEL)).collect();
    world.run_for(Span::seconds(5));
    let (first, ticket) = keys
        .iter()
        .find_map(|key| Some((*key, world.attempt(client, *key).filter(|at| at.rate < Some(Rate::ONE))?)))
        .expect("one of them may go unchecked");
    world.command(client, Command::Dispute { key: first });
    settle(&mut world, LIMIT, "occupied");
    let most = world.closed().values().map(|closed| closed.slashed).max();
    assert_eq!(most, Some(slash(&world, first)), "whichever is found out first, {ticket:?}");
    let slashed: i128 = world.closed().values().map(|closed| i128::from(closed.slashed.0)).sum();
    assert_eq!(slashed, i128::from(LARGE.0), "one conviction leads to the others, and these take the rest");
    let unpaid = keys.iter().filter(|key| !outcome(&world, **key).is_paid()).count();
    assert_eq!(unpaid, keys.len(), "nothing that was forged is paid");
    assert_eq!(coalition.gain(&world, "sixty forgeries beside the one that is found out"), -slashed);
}
