//! Classes that hardly anybody, or only friends, can check.

use std::{collections::BTreeMap, rc::Rc};

use assay_market::{Command, provision::Provision};
use assay_protocol::{
    account::Registration,
    genesis::{Checks, Genesis},
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
    offer(&mut world, place, |provision: &mut Provision| provision.benches[0].class = class());
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

/// How far a jury is: draws against and with, and how many of each were drawn once or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Walk {
    draws: [usize; 2],
    drawn: [usize; 2],
}

/// The chance that a jury convicts of so many equal verifiers that are honest and so many that are friends of the accused:
/// drawn with replacement, by a margin of six or of four or by more than half of all, and by two voices.
pub(super) fn convicts(checks: &Checks, sizes: [usize; 2]) -> f64 {
    let all = sizes.iter().sum::<usize>();
    let margins = [checks.convict_margin, checks.clear_margin];
    let decided = |walk: &Walk, side: usize| {
        let leads = walk.draws[side] >= walk.draws[1 - side] + margins[side] as usize;
        walk.drawn[side] > 1 && (leads || 2 * walk.drawn[side] > all)
    };
    let (mut convicted, mut walks) = (0.0, BTreeMap::from([(Walk::default(), 1.0)]));
    for _ in 0..checks.draws_max {
        let mut next: BTreeMap<Walk, f64> = BTreeMap::new();
        for (walk, chance) in walks {
            for (side, more) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let count = if more == 0 { walk.drawn[side] } else { sizes[side] - walk.drawn[side] };
                let mut then = walk;
                (then.draws[side], then.drawn[side]) = (walk.draws[side] + 1, walk.drawn[side] + more);
                let chance = chance * count as f64 / all as f64;
                if decided(&then, 0) {
                    convicted += chance;
                } else if count > 0 && !decided(&then, 1) {
                    *next.entry(then).or_default() += chance;
                }
            }
        }
        walks = next;
    }
    convicted
}

/// The chance that the check of a cheat convicts, among so many verifiers each of which is a friend with this chance.
fn caught_among(checks: &Checks, verifiers: usize, friendly: f64) -> f64 {
    let others = verifiers - 1;
    let of = |friends: usize| {
        let ways = (0..friends).fold(1.0, |ways, at| ways * (others - at) as f64 / (at + 1) as f64);
        let chance = friendly.powi(friends as i32) * (1.0 - friendly).powi((others - friends) as i32);
        ways * chance * convicts(checks, [verifiers - friends, friends])
    };
    (1.0 - friendly) * (0..verifiers).map(of).sum::<f64>()
}

/// Cheats of one that hardly anybody trusts.
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
fn tiny_classes_convict_by_half_of_their_weight_and_cheats_lose_in_them() {
    for verifiers in [3, 5] {
        let mut world = invented(verifiers);
        let checks = world.genesis().checks;
        let receipts = cheat(&mut world);
        let convicting = caught_among(&checks, verifiers, share(checks.collusion));
        let mut expected = Gamble::default();
        for receipt in &receipts {
            let ticket = &receipt.story.ticket;
            assert!(!ticket.newcomer, "{verifiers}");
            // Who is acquitted often enough in a row is trusted a little.
            let convicted = share(ticket.rate) * convicting;
            expected.add(&[(convicted, 1.0), (1.0 - convicted, 0.0)]);
            // Two voices: the first verifier may be one of them.
            let heard = receipt.story.settlement.fees.len();
            assert!(receipt.story.outcome != Outcome::Slashed || heard > 1, "{verifiers}: {heard}");
        }
        let convicted = receipts.iter().filter(|receipt| receipt.story.outcome == Outcome::Slashed).count();
        expected.assert_near(&format!("convictions by {verifiers} verifiers"), convicted as f64);

        // What a cheat that is trusted gains: its pay, or what it has at stake.
        let rate = trusted(world.genesis(), &receipts[0]);
        assert_eq!(rate, rate::deterrence(&checks, UNIT_PRICE, STAKED), "{verifiers}");
        let caught = |convicting: f64| share(rate) * convicting;
        let gain = |caught: f64| 1.0 - caught - caught * STAKED.0 as f64 / UNIT_PRICE.0 as f64;
        let (found, should) = (gain(caught(convicted as f64 / CHEATS as f64)), gain(caught(convicting)));
        println!(
            "a cheat before {verifiers} verifiers, at {rate}: {found:+.3} prices, should be {should:+.3}"
        );
        assert!(found < 0.0 && should < 0.0, "{verifiers}");
    }
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
    assert!(receipts.iter().all(|receipt| receipt.story.outcome == Outcome::Disputed));
    let gained = coalition.gain(&world, "hung juries of friends");
    assert_eq!((gained, before - pool(&world)), (0, 0));
}
