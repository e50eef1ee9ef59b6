//! Markets with every kind of cheat in them at once.

use assay_protocol::{outcome::Outcome, units::Amount};
use assay_simulations::{
    behaviour::{AbsentVerifier, Forger, LazyVerifier, SecretiveClient, SilentProvider, Sleeper, Withholder},
    kernel::Span,
    network::Conditions,
    plan::{EXACT, LABEL, Plan, TENSOR},
    world::{Place, Wish, World},
};

use crate::support::{judge, market, settle};

/// Jobs in one run.
const JOBS: u64 = 60;

/// Who of the founders sells nothing but noise.
const FORGERS: [usize; 3] = [0, 1, 2];

/// Twelve founders of whom six cheat each in its way, and four clients of whom two do.
fn crooked(seed: u64, conditions: Conditions) -> World {
    let mut world = market(Plan { seed, founders: 12, clients: 4, conditions, slots: 4, ..Plan::default() });
    let plan = world.plan().clone();
    world.behave(plan.founder(0), Forger);
    world.behave(plan.founder(1), Forger);
    world.behave(plan.founder(2), SilentProvider);
    world.behave(plan.founder(3), Sleeper);
    world.behave(plan.founder(4), LazyVerifier);
    world.behave(plan.founder(5), AbsentVerifier);
    world.behave(plan.client(2), SecretiveClient);
    world.behave(plan.client(3), Withholder);
    world
}

fn run(seed: u64, conditions: Conditions) -> World {
    let mut world = crooked(seed, conditions);
    for number in 0..JOBS {
        let client = world.plan().client((number % 4) as usize);
        let manifest = [LABEL, TENSOR, EXACT][(number / 4 % 3) as usize];
        world.submit(client, Wish { manifest, number, attempts_max: 8, ..Wish::default() });
        world.run_for(Span::millis(400));
    }
    settle(&mut world, Span::seconds(3_600), &format!("seed {seed}"));
    for client in 0..2 {
        let client = world.plan().client(client);
        world.receipts(client).iter().for_each(|receipt| drop(judge(receipt)));
    }
    world
}

/// What must hold whoever cheats, and on any network.
fn assert_just(world: &World) {
    let plan = world.plan();
    let forgers: Vec<_> = FORGERS.iter().map(|number| world.id(plan.founder(*number))).collect();
    for (job, closed) in world.closed() {
        let sold_noise = forgers.contains(&closed.provider);
        let context = format!("seed {}: {job:?} {closed:?}", plan.seed);
        assert!(sold_noise || closed.slashed.is_zero(), "an honest result was slashed, {context}");
        assert!(!sold_noise || closed.outcome != Outcome::Checked, "noise passed a check, {context}");
        assert!(!sold_noise || closed.outcome != Outcome::Cleared, "noise passed a jury, {context}");
    }
    let honest = |number| world.wealth(plan.founder(number)).unwrap_or_default();
    let stake = plan.stake.plus(Amount::credits(1)).unwrap_or_default();
    (6..12).for_each(|number| {
        assert!(honest(number) >= stake, "seed {}: honesty cost founder {number}", plan.seed)
    });
}

#[test]
fn noise_is_never_paid_and_honesty_never_costs() {
    for seed in 0..6 {
        let world = run(seed, Conditions::GOOD);
        assert_just(&world);
        let forgers: Vec<Place> = FORGERS.iter().map(|number| world.plan().founder(*number)).collect();
        let sold = |place: &Place| {
            world.closed().values().filter(|closed| closed.provider == world.id(*place)).collect()
        };
        for forger in forgers {
            let jobs: Vec<_> = sold(&forger);
            assert!(jobs.iter().all(|job| !job.outcome.is_paid()), "seed {seed}: {jobs:?}");
            let convicted = jobs.iter().any(|job| job.outcome.is_slashed());
            let stake = world.plan().stake;
            assert!(
                !convicted || world.wealth(forger) < Some(stake),
                "seed {seed}: a conviction costs {jobs:?}"
            );
        }
    }
}

#[test]
fn losses_do_not_make_cheats_pay() {
    (0..6).for_each(|seed| assert_just(&run(seed, Conditions::bad())));
}

#[test]
fn many_cheats_at_once_cost_a_trusted_provider_more_than_they_bring() {
    let mut world = market(Plan { founders: 10, slots: 30, ..Plan::default() });
    let (client, cheat) = (world.plan().client(0), world.plan().founder(0));
    for number in 0..20 {
        world.submit(client, Wish { number, provider: Some(cheat), attempts_max: 1, ..Wish::default() });
        world.run_for(Span::seconds(3));
    }
    settle(&mut world, Span::seconds(600), "honest so far");
    let (jobs, before) = (world.closed().len(), world.wealth(cheat));
    world.behave(cheat, Forger);
    for number in 20..50 {
        world.submit(client, Wish { number, provider: Some(cheat), attempts_max: 1, ..Wish::default() });
    }
    settle(&mut world, Span::seconds(600), "cheating");
    assert!(world.closed().len() > jobs + 20, "the cheat sold {} jobs", world.closed().len() - jobs);
    assert!(world.closed().values().any(|closed| closed.outcome.is_slashed()), "nobody was caught");
    assert!(world.wealth(cheat) < before, "{before:?} before, {:?} after", world.wealth(cheat));
}

#[test]
fn clocks_that_are_ten_seconds_apart_harm_nobody() {
    let mut world = market(Plan { skew_ms_max: 10_000, founders: 8, clients: 3, ..Plan::default() });
    for number in 0..30 {
        let client = world.plan().client((number % 3) as usize);
        world.submit(client, Wish { number, ..Wish::default() });
        world.run_for(Span::millis(200));
    }
    settle(&mut world, Span::seconds(600), "skewed");
    let paid = world.closed().values().filter(|closed| closed.outcome.is_paid()).count();
    assert_eq!(paid, 30, "{:?}", world.closed());
}
