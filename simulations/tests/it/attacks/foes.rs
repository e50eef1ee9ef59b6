//! The behaviours that scenarios name: each does what it says, and what it brings is bounded.

use std::rc::Rc;

use assay_market::Event;
use assay_protocol::{
    outcome::Outcome,
    receipt::{Happening, Receipt},
    units::{Amount, Rate},
};
use assay_simulations::{
    behaviour::{
        Behaviour, Burst, CartelMember, CheapVerifier, Churner, ClassSpoofer, Coalition as Ring,
        CopyingVerifier, GriefingClient, Lie, OtherHardware, Prefiller, RateCheater, Replayer, SelfDealer,
        Substituter, ThresholdCheater, ToleranceSurfer, Truncator, ValueJumper, Whitewasher,
    },
    kernel::Span,
    plan::{EXACT, LABEL, Plan, TENSOR, TEXT, TEXT_UNITS, TEXT_UNITS_SHORT},
    world::{Place, Wish, World},
};

use super::{
    Coalition,
    scenes::{PRICE, drawn, order, outcome, owed, receipt, run_out, trusting, wealth},
};
use crate::support::{LIMIT, market, settle};

/// Providers that cheat in every job.
const CHEATS: usize = 5;
/// Worlds in which something may happen that chance decides.
const SEEDS: u64 = 24;

fn eight(seed: u64) -> World {
    market(Plan { seed, founders: 8, texts: true, ..Plan::default() })
}

/// A cheat in every job, told so.
fn always(world: &World, place: Place, lie: Lie) -> RateCheater {
    RateCheater { peer: world.id(place), share: Rate::ONE, lie }
}

/// What each provider that cheats in every job does, by its name.
fn cheats(world: &World, place: Place) -> [(&'static str, Box<dyn Behaviour>); CHEATS] {
    [
        ("noise", Box::new(always(world, place, Lie::Noise))),
        ("substituter", Box::new(Substituter)),
        ("truncator", Box::new(Truncator)),
        ("prefiller", Box::new(Prefiller)),
        ("class spoofer", Box::new(ClassSpoofer)),
    ]
}

/// Lets the first client order so many units of a text.
fn ask(world: &mut World, provider: Place, number: u64, units_max: u64) -> Receipt {
    let wish = Wish { manifest: TEXT, number, units_max, provider: Some(provider), ..Wish::default() };
    let key = world.submit(world.plan().client(0), Wish { attempts_max: 1, checks: 1, ..wish });
    run_out(world);
    receipt(world, key)
}

/// Runs a job of the first client whose check is paid in advance; how it ended.
fn checked(world: &mut World, provider: Place, number: u64, manifest: &'static str) -> Outcome {
    let wish = Wish { manifest, number, provider: Some(provider), checks: 1, ..Wish::default() };
    let key = world.submit(world.plan().client(0), Wish { attempts_max: 1, ..wish });
    run_out(world);
    outcome(world, key)
}

fn was_run(receipt: &Receipt) -> bool {
    receipt.story.events.iter().any(|event| matches!(event.what, Happening::Claim { .. }))
}

#[test]
fn whoever_sells_another_result_is_convicted_whatever_is_ordered() {
    for manifest in [LABEL, TENSOR, EXACT] {
        for number in 0..CHEATS {
            let mut world = eight(0);
            let (provider, client) = (world.plan().founder(0), world.plan().client(0));
            let (name, behaviour) = cheats(&world, provider).into_iter().nth(number).expect("there are five");
            world.behave(provider, behaviour);
            let (before, coalition) = (wealth(&world, client), Coalition::new(&world, [provider]));
            let key = order(&mut world, provider, 0, manifest);
            settle(&mut world, LIMIT, name);
            assert_eq!(outcome(&world, key), Outcome::Slashed, "{name}, {manifest}");
            assert_eq!(wealth(&world, client), before, "{name}, {manifest}: the client has all of it back");
            assert!(coalition.gain(&world, &format!("{name}, {manifest}")) < -90 * PRICE);
            assert_eq!(world.forged().len(), 1, "{name}, {manifest}");
        }
    }
}

#[test]
fn whoever_writes_another_text_is_convicted() {
    for number in 0..CHEATS {
        let (mut told, mut name) = (0, "");
        for seed in 0..SEEDS {
            let mut world = eight(seed);
            let provider = world.plan().founder(0);
            let (called, behaviour) =
                cheats(&world, provider).into_iter().nth(number).expect("there are five");
            name = called;
            world.behave(provider, behaviour);
            let receipt = ask(&mut world, provider, 0, TEXT_UNITS);
            // A text of no token is given up, and of one token leaves little to lie about.
            if was_run(&receipt) {
                let lied = world.forged().contains(&receipt.story.ticket.job);
                assert_eq!(receipt.story.outcome == Outcome::Slashed, lied, "{name}, seed {seed}");
                told += u64::from(lied);
            }
        }
        assert!(told > SEEDS / 2, "{name}: told {told} times");
    }
}

#[test]
fn a_rate_cheater_cheats_in_the_jobs_that_chance_picks_and_in_no_other() {
    let mut world = eight(1);
    let provider = world.plan().founder(0);
    let none = RateCheater { share: Rate::ZERO, ..always(&world, provider, Lie::Noise) };
    world.behave(provider, none);
    assert!((0..6).all(|number| checked(&mut world, provider, number, LABEL) == Outcome::Checked));
    assert_eq!(world.forged().len(), 0);
    let some = RateCheater { share: Rate::per_mille(300), ..always(&world, provider, Lie::Noise) };
    world.behave(provider, some);
    for number in 6..30 {
        let outcome = checked(&mut world, provider, number, LABEL);
        if world.forged().len() == 1 {
            assert_eq!(outcome, Outcome::Slashed, "job {number}");
            return;
        }
        assert_eq!(outcome, Outcome::Checked, "job {number}");
    }
    panic!("it never cheated");
}

#[test]
fn a_threshold_cheater_cheats_strangers_once_it_is_trusted_and_its_friends_never() {
    let mut world = market(Plan { founders: 8, clients: 2, ..Plan::default() });
    let below = Rate::per_mille(500);
    let (provider, stranger, friend) =
        (world.plan().founder(0), world.plan().client(0), world.plan().client(1));
    let ring = Ring::new(vec![world.id(provider)], vec![world.id(friend)]);
    world.behave(provider, ThresholdCheater::new(below, Lie::Noise, ring));
    let coalition = Coalition::new(&world, [provider]);
    for number in 0..60 {
        let client = if number % 2 == 0 { stranger } else { friend };
        let wish = Wish { number, provider: Some(provider), attempts_max: 1, ..Wish::default() };
        world.submit(client, wish);
        run_out(&mut world);
    }
    let is_forged = |receipt: &Receipt| world.forged().contains(&receipt.story.ticket.job);
    let tempting = |receipt: &Receipt| receipt.story.ticket.rate <= below;
    let receipts: Vec<Receipt> = world.receipts(stranger).into_iter().filter(was_run).collect();
    assert!(receipts.iter().all(|receipt| is_forged(receipt) == tempting(receipt)));
    assert!(receipts.iter().any(|receipt| receipt.story.outcome.is_slashed()), "it was never caught");
    assert!(world.receipts(friend).iter().all(|receipt| !is_forged(receipt)));
    // One conviction takes a hundred prices; what was paid before it is less than one for each job.
    assert!(coalition.gain(&world, "honest until trusted") < -30 * PRICE);
}

#[test]
fn a_burst_is_so_many_cheats_after_so_many_jobs_and_then_nothing() {
    let mut world = eight(3);
    let provider = world.plan().founder(0);
    world.behave(provider, Burst::new(3, 2, Lie::Noise));
    let coalition = Coalition::new(&world, [provider]);
    let mut outcomes = Vec::new();
    for number in 0..3 {
        let key = order(&mut world, provider, number, LABEL);
        run_out(&mut world);
        outcomes.push(outcome(&world, key));
    }
    assert!(outcomes.iter().all(|outcome| outcome.is_paid()), "{outcomes:?}");
    for number in 3..5 {
        order(&mut world, provider, number, LABEL);
    }
    run_out(&mut world);
    let forged = world.forged().len();
    assert!((1..=2).contains(&forged), "{forged} were forged");
    assert!(world.closed().values().any(|closed| closed.outcome == Outcome::Slashed));
    let closed = world.closed().len();
    if forged == 2 {
        order(&mut world, provider, 9, LABEL);
        run_out(&mut world);
        assert_eq!(world.closed().len(), closed, "it takes no more");
    }
    assert!(coalition.gain(&world, "three honest jobs, then a burst") < -90 * PRICE);
}

#[test]
fn a_value_jumper_is_honest_in_short_texts_and_convicted_over_a_long_one() {
    let (from, mut convicted) = (Amount(40 * PRICE as u64), 0);
    for seed in 0..6 {
        let mut world = eight(seed);
        let provider = world.plan().founder(0);
        world.behave(provider, ValueJumper::new(from, Lie::Noise));
        for number in 0..4 {
            let short = ask(&mut world, provider, number, TEXT_UNITS_SHORT);
            assert!(!was_run(&short) || short.story.outcome == Outcome::Checked, "seed {seed}");
        }
        assert_eq!(world.forged().len(), 0, "seed {seed}");
        let long = ask(&mut world, provider, 9, TEXT_UNITS);
        assert_eq!(was_run(&long), long.story.outcome == Outcome::Slashed, "seed {seed}");
        convicted += u64::from(was_run(&long));
    }
    assert!(convicted > 3, "{convicted} of 6");
}

#[test]
fn a_replayer_is_paid_once_and_convicted_the_second_time() {
    for manifest in [LABEL, EXACT] {
        let mut world = eight(0);
        let provider = world.plan().founder(0);
        world.behave(provider, Replayer::default());
        let mut outcomes = Vec::new();
        for number in 0..2 {
            let key = order(&mut world, provider, number, manifest);
            run_out(&mut world);
            outcomes.push(outcome(&world, key));
        }
        assert_eq!(outcomes, [Outcome::Checked, Outcome::Slashed], "{manifest}");
    }
}

#[test]
fn verifiers_that_copy_or_use_a_cheap_model_pay_for_it_and_nobody_else_does() {
    fn checked_by(seed: u64, behaviour: impl Behaviour + Copy + 'static) -> i128 {
        let mut world = eight(seed);
        let plan = world.plan().clone();
        let cheats = [1, 2].map(|number| plan.founder(number));
        cheats.iter().for_each(|place| world.behave(*place, behaviour));
        let coalition = Coalition::new(&world, cheats);
        let before: Vec<i128> = (0..8).map(|number| wealth(&world, plan.founder(number))).collect();
        let key = order(&mut world, plan.founder(0), 0, LABEL);
        settle(&mut world, LIMIT, "cheap checks");
        let outcome = outcome(&world, key);
        assert!([Outcome::Checked, Outcome::Cleared].contains(&outcome), "seed {seed}: {outcome:?}");
        let gain = |number: usize| wealth(&world, plan.founder(number)) - before[number];
        assert!(gain(0) > 0, "seed {seed}: the provider is paid");
        assert!((3..8).all(|number| gain(number) >= 0), "seed {seed}: honest work costs");
        coalition.gain(&world, &format!("cheap checks, seed {seed}"))
    }
    let gains: Vec<[i128; 2]> =
        (0..12).map(|seed| [checked_by(seed, CopyingVerifier), checked_by(seed, CheapVerifier)]).collect();
    assert!(gains.iter().flatten().all(|gain| *gain <= 0), "{gains:?}");
    assert!(gains.iter().any(|pair| pair.iter().all(|gain| *gain < 0)), "none of them was drawn: {gains:?}");
}

#[test]
fn a_cartel_is_paid_where_a_friend_looks_first_and_convicted_elsewhere() {
    let (mut paid, mut slashed) = (0, 0);
    for seed in 0..SEEDS {
        let mut world = market(Plan { seed, founders: 10, ..Plan::default() });
        let members: Vec<Place> = (0..3).map(|number| world.plan().founder(number)).collect();
        let ring = Ring::new(members.iter().map(|place| world.id(*place)).collect(), Vec::new());
        for place in &members {
            let (peer, coalition) = (world.id(*place), Rc::clone(&ring));
            world.behave(*place, CartelMember { peer, share: Rate::ONE, lie: Lie::Noise, coalition });
        }
        let key = order(&mut world, members[0], 0, LABEL);
        run_out(&mut world);
        let first = drawn(&world, &receipt(&world, key)).first().copied();
        let by_friend = first.is_some_and(|place| members.contains(&place));
        assert_eq!(outcome(&world, key) == Outcome::Checked, by_friend, "seed {seed}");
        paid += u64::from(by_friend);
        slashed += u64::from(outcome(&world, key) == Outcome::Slashed);
    }
    // Two of nine are friends, and a jury of which so many are convicts with more than .99.
    assert!((1..=12).contains(&paid), "{paid} of {SEEDS} were paid");
    assert!(paid + slashed + 2 >= SEEDS, "{paid} paid, {slashed} slashed");
}

#[test]
fn a_swarm_sells_under_one_name_after_another_and_is_paid_under_none() {
    let mut world = market(Plan { founders: 8, clients: 5, ..Plan::default() });
    let client = world.plan().client(0);
    let swarm: Vec<Place> = (1..5).map(|number| world.plan().client(number)).collect();
    let ring = Ring::new(swarm.iter().map(|place| world.id(*place)).collect(), Vec::new());
    for (number, place) in swarm.iter().enumerate() {
        world.behave(*place, Whitewasher::new(number as u64, 1, Rc::clone(&ring)));
        world.provide(*place);
    }
    world.run_for(Span::seconds(3));
    let coalition = Coalition::new(&world, swarm.clone());
    for (number, place) in swarm.iter().enumerate() {
        assert_eq!(ring.burnt(), number as u64);
        let wish = Wish { number: number as u64, provider: Some(*place), attempts_max: 1, ..Wish::default() };
        let key = world.submit(client, wish);
        run_out(&mut world);
        assert_eq!(outcome(&world, key), Outcome::Mismatch, "name {number}");
        // The next one hears of it with the next checkpoint at the latest.
        world.run_for(Span::seconds(15));
    }
    assert_eq!(ring.burnt(), 4);
    assert!(coalition.gain(&world, "a swarm of four names") <= 0);
}

#[test]
fn a_name_that_works_until_it_is_known_is_paid_for_its_work_and_for_no_lie() {
    let mut world = market(Plan { founders: 8, clients: 3, ..Plan::default() });
    let (client, swarm) = (world.plan().client(0), [world.plan().client(1), world.plan().client(2)]);
    let ring = Ring::new(swarm.iter().map(|place| world.id(*place)).collect(), Vec::new());
    for (number, place) in swarm.into_iter().enumerate() {
        world.behave(place, Whitewasher::new(number as u64, 1, Rc::clone(&ring)).after(2));
        world.provide(place);
    }
    world.run_for(Span::seconds(3));
    for (number, expected) in [Outcome::Checked, Outcome::Checked, Outcome::Mismatch].into_iter().enumerate()
    {
        let wish =
            Wish { number: number as u64, provider: Some(swarm[0]), attempts_max: 1, ..Wish::default() };
        let key = world.submit(client, wish);
        run_out(&mut world);
        assert_eq!(outcome(&world, key), expected, "job {number}");
    }
    assert_eq!(ring.burnt(), 1);
}

#[test]
fn a_self_dealer_orders_of_its_own_and_pays_the_fees_of_it() {
    let mut world = eight(0);
    let (client, provider) = (world.plan().client(0), world.plan().founder(3));
    let ring = Ring::new(vec![world.id(provider)], vec![world.id(client)]);
    world.behave(client, SelfDealer::new(ring));
    let coalition = Coalition::new(&world, [client, provider]);
    for number in 0..5 {
        world.submit(client, Wish { number, ..Wish::default() });
        run_out(&mut world);
    }
    let own = world.id(provider);
    assert_eq!(world.closed().len(), 5);
    assert!(world.closed().values().all(|closed| closed.provider == own));
    let gain = coalition.gain(&world, "five orders of oneself");
    assert!((-5 * PRICE..0).contains(&gain), "{gain}");
}

#[test]
fn a_griefing_client_disputes_what_is_not_drawn_and_pays_for_each_check() {
    let mut world = trusting(Plan { founders: 8, ..Plan::default() }, 24);
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    world.behave(client, GriefingClient::default());
    let before = [client, provider].map(|place| wealth(&world, place));
    let mut keys = Vec::new();
    for number in 0..8 {
        keys.push(order(&mut world, provider, number, LABEL));
        run_out(&mut world);
    }
    let disputed = |event: &Event| matches!(event, Event::Disputed { .. });
    let disputes = world.told(client).iter().filter(|(_, event)| disputed(event)).count();
    assert!(disputes > 2, "{disputes} of 8 were disputed");
    assert!(keys.iter().all(|key| outcome(&world, *key).is_paid()));
    let after = [client, provider].map(|place| wealth(&world, place));
    let served: i128 = keys.iter().map(|key| owed(&receipt(&world, *key))).sum();
    assert!(after[1] - before[1] >= served, "the provider is paid all the same");
    assert!(after[0] - before[0] < -8 * PRICE, "each dispute costs a check");
}

#[test]
fn whoever_stays_within_the_tolerance_is_paid_and_whoever_leaves_it_is_grey() {
    for (millionths, expected) in [(35, Outcome::Checked), (100, Outcome::Grey)] {
        for manifest in [LABEL, TENSOR] {
            let mut world = eight(0);
            let provider = world.plan().founder(0);
            world.behave(provider, ToleranceSurfer { millionths });
            let coalition = Coalition::new(&world, [provider]);
            let key = order(&mut world, provider, 0, manifest);
            run_out(&mut world);
            assert_eq!(outcome(&world, key), expected, "{millionths} of {manifest}");
            let gain = coalition.gain(&world, &format!("{millionths} millionths off, {manifest}"));
            assert_eq!(gain, owed(&receipt(&world, key)), "no more than honest pay");
        }
    }
}

#[test]
fn honest_hardware_of_another_kind_is_never_accused() {
    let mut world = eight(5);
    let plan = world.plan().clone();
    (0..4).for_each(|number| world.behave(plan.founder(number), OtherHardware));
    for number in 0..24 {
        let manifest = [LABEL, TENSOR, EXACT][number as usize % 3];
        let provider = Some(plan.founder(number as usize % 8));
        let wish = Wish { manifest, number, provider, checks: 1, attempts_max: 1, ..Wish::default() };
        world.submit(plan.client(0), wish);
        run_out(&mut world);
    }
    assert_eq!(world.closed().len(), 24);
    assert!(world.closed().values().all(|closed| closed.outcome == Outcome::Checked), "{:?}", world.closed());
}

#[test]
fn a_churner_leaves_the_jobs_that_chance_picks_and_nobody_pays_for_them() {
    for share in [Rate::ZERO, Rate::ONE] {
        let mut world = eight(0);
        let (client, provider) = (world.plan().client(0), world.plan().founder(0));
        let peer = world.id(provider);
        world.behave(provider, Churner { peer, share });
        let (before, coalition) = (wealth(&world, client), Coalition::new(&world, [client, provider]));
        order(&mut world, provider, 0, LABEL);
        run_out(&mut world);
        let leaves = share == Rate::ONE;
        assert!(world.closed().values().all(|closed| closed.outcome.is_paid() != leaves), "{share}");
        assert_eq!(wealth(&world, client) == before, leaves, "{share}");
        assert!(coalition.gain(&world, &format!("leaves {share} of its jobs")) <= 0);
    }
}
