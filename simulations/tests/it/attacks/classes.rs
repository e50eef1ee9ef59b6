//! Classes that hardly anybody, or only friends, can check.

use std::rc::Rc;

use assay_market::{Command, provision::Provision};
use assay_protocol::{
    account::Registration,
    genesis::Genesis,
    id::Digest,
    order::Refusal,
    outcome::Outcome,
    rate,
    receipt::Receipt,
    ticket::{Standing, Ticket},
    units::{Amount, Rate},
};
use assay_simulations::{
    kernel::Span,
    plan::{Plan, UNIT_PRICE},
    world::{Place, Wish, World},
};

use super::{
    Coalition, Gamble,
    friends::{Liar, Waverer},
    offer, pool, refusals, restake, run, share,
};
use crate::support::{LIMIT, market, settle};

/// What verifiers put at stake.
const STAKE: Amount = Amount::credits(20);
/// What the provider puts at stake: little, so that the rate that deters stands out.
const STAKED: Amount = Amount(12 * UNIT_PRICE.0);
/// Ticks of an epoch, twice: a registration waits for a full one.
const ENROLMENT: Span = Span::seconds(20);

/// A class that nobody else is in.
fn class() -> Digest {
    Digest::of(b"a machine of our own")
}

fn client(world: &World) -> Place {
    world.plan().client(0)
}

fn provider(world: &World) -> Place {
    world.plan().client(1)
}

fn checkers(world: &World) -> Vec<Place> {
    (2..world.plan().clients).map(|number| world.plan().client(number)).collect()
}

/// A market with a class that so many operators check, beside the one that provides.
fn invented(operators: usize) -> World {
    let mut world = market(Plan { seed: 2, clients: 2 + operators, ..Plan::default() });
    let notary = world.id(world.plan().notary());
    let manifests = world.genesis().manifests.iter();
    let mut kinds: Vec<Registration> = manifests.map(|manifest| manifest.kind(class())).collect();
    kinds.sort_unstable();
    for checker in checkers(&world) {
        world.command(checker, Command::Stake { notary, amount: STAKE, target: Some(STAKE) });
        let register = Command::Register { notary, kinds: kinds.clone() };
        world.command(checker, register);
    }
    let place = provider(&world);
    restake(&mut world, place, STAKED);
    offer(&mut world, place, |provision: &mut Provision| provision.class = class());
    world.run_for(ENROLMENT);
    world
}

fn order(world: &mut World, numbers: core::ops::Range<u64>) {
    let (client, provider) = (client(world), provider(world));
    run(world, client, numbers, 1, |_| Wish { provider: Some(provider), ..Wish::default() });
}

#[test]
fn invented_classes_with_fewer_than_three_operators_beside_the_parties_are_refused() {
    for operators in 0..4 {
        let mut world = invented(operators);
        order(&mut world, 0..1);
        let refused = refusals(&world, client(&world), Refusal::Checkers);
        let opened = world.closed().len();
        assert_eq!((refused, opened), if operators < 3 { (1, 0) } else { (0, 1) }, "{operators}");
    }
}

/// The rate that a provider works under here whom nobody has reason to check more.
fn trusted(genesis: &Genesis, receipt: &Receipt) -> Rate {
    let open = receipt.story.open.said();
    let order = open.order.said();
    let standing = Standing { trust: u64::MAX >> 1, ..receipt.story.ticket.standing };
    Ticket::new(genesis, &order, standing).rate
}

/// The chance that a jury convicts which convicts and clears by this margin, has so many jurors at most, each of whom is a
/// friend of the accused with this chance, and stands so far against it.
fn convicts(margin: i64, jurors: usize, friendly: f64, lead: i64) -> f64 {
    if lead.abs() >= margin || jurors == 0 {
        return f64::from(u8::from(lead >= margin));
    }
    let then = |lead| convicts(margin, jurors - 1, friendly, lead);
    (1.0 - friendly) * then(lead + 1) + friendly * then(lead - 1)
}

/// Cheats of one that nobody trusts yet, each of which is checked.
const CHEATS: u64 = 100;

/// Sells so many lies; returns the receipts.
fn cheat(world: &mut World) -> Vec<Receipt> {
    let (client, provider, friendly) = (client(world), provider(world), world.genesis().checks.collusion);
    let liars: Vec<Place> = [provider].into_iter().chain(checkers(world)).collect();
    for (number, liar) in liars.into_iter().enumerate() {
        world.behave(liar, Liar { number, friendly });
    }
    for number in 0..CHEATS {
        world.submit(client, Wish { number, provider: Some(provider), attempts_max: 1, ..Wish::default() });
        world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{unsettled}"));
        restake(world, provider, STAKED);
    }
    settle(world, LIMIT, "a tiny class");
    world.receipts(client)
}

#[test]
fn tiny_classes_convict_by_the_margin_that_they_are_rated_for_and_cheats_lose_in_them() {
    let mut rates = Vec::new();
    for (operators, margin) in [(3_usize, 1_u64), (5, 2)] {
        let mut world = invented(operators);
        let checks = world.genesis().checks;
        let receipts = cheat(&mut world);
        let friendly = share(checks.collusion);
        let convicting = (1.0 - friendly) * convicts(margin as i64, operators - 1, friendly, 0);
        let mut expected = Gamble::default();
        for receipt in &receipts {
            let ticket = &receipt.story.ticket;
            assert_eq!(
                (ticket.margin, ticket.rate, ticket.newcomer),
                (margin, Rate::ONE, false),
                "{operators}"
            );
            expected.add(&[(convicting, 1.0), (1.0 - convicting, 0.0)]);
            // The first verifier, and a majority of jurors.
            let heard = receipt.story.settlement.fees.len() as u64;
            assert!(receipt.story.outcome != Outcome::Slashed || heard > margin, "{operators}: {heard}");
        }
        let convicted = receipts.iter().filter(|receipt| receipt.story.outcome == Outcome::Slashed).count();
        expected.assert_near(&format!("convictions by {operators} operators"), convicted as f64);

        // What a cheat that is trusted gains: its pay, or what it has at stake.
        let rate = trusted(world.genesis(), &receipts[0]);
        assert_eq!(rate, rate::deterrence(&checks, margin, UNIT_PRICE, STAKED), "{operators}");
        let caught = |convicting: f64| share(rate) * convicting;
        let gain = |caught: f64| 1.0 - caught - caught * STAKED.0 as f64 / UNIT_PRICE.0 as f64;
        let (found, should) = (gain(caught(convicted as f64 / CHEATS as f64)), gain(caught(convicting)));
        println!(
            "a cheat before {operators} operators, at h = {margin} and {rate}: {found:+.3} prices, should be {should:+.3}"
        );
        assert!(found < 0.0 && should < 0.0, "{operators}");
        rates.push(rate);
    }
    assert!(rates[0] > rates[1], "the fewer can check, the more is checked: {rates:?}");
}

/// In a class that nobody else knows all checkers may be friends: a jury of theirs that agrees on nothing is paid nothing.
#[test]
fn hung_juries_of_friends_take_nothing_from_the_pool() {
    const JOBS: u64 = 20;
    let operators = 3;
    let mut world = invented(operators);
    let accusers = Rc::default();
    for checker in checkers(&world) {
        world.behave(checker, Waverer { accused: Rc::clone(&accusers) });
    }
    let members = [client(&world), provider(&world)].into_iter().chain(checkers(&world));
    let (coalition, before) = (Coalition::new(&world, members), pool(&world));
    order(&mut world, 0..JOBS);
    let receipts = world.receipts(client(&world));
    assert!(receipts.iter().all(|receipt| receipt.story.outcome == Outcome::Void));
    let gained = coalition.gain(&world, "hung juries of friends");
    assert_eq!((gained, before - pool(&world)), (0, 0));
}
