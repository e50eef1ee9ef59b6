//! Stakes that run away, and stakes that stand for too much.

use assay_market::{Command, view::AttemptState};
use assay_protocol::{
    order::Refusal,
    outcome::Outcome,
    receipt::Receipt,
    units::{Amount, Duration},
};
use assay_simulations::{
    behaviour::{Behaviour, Forger, SilentProvider},
    kernel::Span,
    plan::{Plan, UNIT_PRICE},
    world::{Wish, World},
};

use super::{Coalition, Gamble, account, earn_trust, refusals, restake, share};
use crate::support::{LIMIT, market, settle};

/// A market with a founder that is trusted, by checks that its client paid for.
fn trusting(plan: Plan, checks: u64, stake: Amount) -> World {
    let mut world = market(plan);
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    restake(&mut world, provider, stake);
    earn_trust(&mut world, client, provider, checks);
    world
}

/// The provider cheats in so many orders at the same time; what is not opened at once is not wanted any more.
fn cheat(world: &mut World, jobs: u64, behaviour: impl Behaviour + 'static) {
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    world.behave(provider, behaviour);
    for number in 0..jobs {
        let within = Some(Duration::seconds(5));
        let wish = Wish { number, provider: Some(provider), attempts_max: 1, within, ..Wish::default() };
        world.submit(client, wish);
    }
}

/// Checks after which one result in five is drawn.
const CHECKS: u64 = 24;
/// False results that are sold before the stake is to run away.
const CHEATS: u64 = 4;

/// What receipts say that their provider earned and lost.
fn settled(receipts: &[Receipt]) -> i128 {
    let settlements = receipts.iter().map(|receipt| &receipt.story.settlement);
    settlements.map(|settled| i128::from(settled.provider.0) - i128::from(settled.slashed.0)).sum()
}

/// When the provider tells the notary that it wants its stake back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    BeforeTheClaims,
    AfterTheClaims,
}

/// Withdraws all of the stake that the notary lets go of.
fn unstake(world: &mut World) {
    let (place, notary) = (world.plan().founder(0), world.id(world.plan().notary()));
    let amount = account(world, place).stake.minus_up_to(engaged(world));
    // What stands for its open jobs, and for a jury, stays.
    world.command(place, Command::Unstake { notary, amount });
    world.run_for(Span::millis(200));
    let (left, engaged) = (account(world, place).stake, engaged(world));
    assert!(left >= engaged && left < Amount(20 * UNIT_PRICE.0), "{left} is left, for {engaged}");
}

/// What of the provider's stake stands for its open jobs.
fn engaged(world: &World) -> Amount {
    let notary = world.node(world.plan().notary()).expect("it is up");
    let accounts = notary.ledger().expect("it keeps books").accounts();
    accounts[&world.id(world.plan().founder(0))].engaged()
}

/// Cheats, lets the stake run and waits; returns how many of the cheats were paid, and what was lost for the others.
fn run_away(seed: u64, runs: Runs) -> (World, Coalition) {
    // The stake would be paid out long before the window of the first job is over.
    let plan = Plan { seed, founders: 8, slots: 32, unbonding: Duration::seconds(1), ..Plan::default() };
    let stake = plan.stake;
    let mut world = trusting(plan, CHECKS, stake);
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let coalition = Coalition::new(&world, [provider]);
    cheat(&mut world, CHEATS, Forger);
    let reached = |world: &World| {
        let submissions = world.node(client).map(|node| node.submissions()).unwrap_or_default();
        let states = submissions.iter().filter_map(|submission| submission.attempts.last());
        let wanted = |state| match runs {
            Runs::BeforeTheClaims => state == AttemptState::Running,
            Runs::AfterTheClaims => state == AttemptState::Delivered,
        };
        states.filter(|attempt| wanted(attempt.state)).count() as u64 == CHEATS
    };
    while !reached(&world) {
        world.step();
    }
    unstake(&mut world);
    let closed = world.closed().len();
    while world.books().is_some_and(|books| books.open > 0) {
        let held = world.closed().len() < closed + CHEATS as usize;
        let slashed: u64 = world.closed().values().map(|closed| closed.slashed.0).sum();
        let left = account(&world, provider);
        let there = left.unbonding.0 + left.stake.0 + slashed;
        assert!(!held || there >= stake.0, "{there} of {stake} is left while jobs are open");
        world.run_for(Span::millis(500));
    }
    settle(&mut world, LIMIT, "the stake has run away");
    world.run_for(Span::seconds(2));
    assert!(account(&world, provider).unbonding.is_zero(), "in the end it is paid out");
    (world, coalition)
}

#[test]
fn unstake_and_run_is_too_late_for_whatever_was_sold_before() {
    for runs in [Runs::BeforeTheClaims, Runs::AfterTheClaims] {
        let (mut expected, mut all) = (Gamble::default(), 0.0);
        for seed in 0..8 {
            let (world, coalition) = run_away(seed, runs);
            let gained = coalition.gain(&world, &format!("unstake and run, {runs:?}, seed {seed}"));
            let receipts = world.receipts(world.plan().client(0)).split_off(CHECKS as usize);
            assert_eq!((receipts.len() as u64, gained), (CHEATS, settled(&receipts)), "seed {seed}");
            let (mut missed, mut paid, mut slashed) = (1.0, 0.0, 0.0);
            for receipt in &receipts {
                let ticket = &receipt.story.ticket;
                missed *= 1.0 - share(ticket.rate);
                paid += (UNIT_PRICE.0 - ticket.dues.0) as f64 / UNIT_PRICE.0 as f64;
                slashed += ticket.slash.0 as f64 / UNIT_PRICE.0 as f64;
                if receipt.story.outcome.is_slashed() {
                    assert_eq!(receipt.story.settlement.slashed, ticket.slash, "the slash reaches all of it");
                }
            }
            let caught = receipts.iter().filter(|receipt| receipt.story.outcome == Outcome::Slashed).count();
            assert!([0, CHEATS as usize].contains(&caught), "one conviction has the others checked");
            expected.add(&[(missed, paid), (1.0 - missed, -slashed)]);
            all += gained as f64 / UNIT_PRICE.0 as f64;
        }
        expected.assert_near(&format!("unstake and run, {runs:?}, in prices"), all);
        assert!(all < 0.0 && expected.mean < 0.0);
    }
}

/// What is at stake in a burst: fifty prices.
const STAKE: Amount = Amount(50 * UNIT_PRICE.0);
/// Cheats that are tried at the same time.
const BURST: u64 = 100;

/// What so many cheats at once bring on average, in prices: each is checked and convicted with chance `q`, the first
/// conviction takes the stake, and the freeze keeps the others from being paid.
fn burst(cheats: u64, q: f64, stake: f64) -> f64 {
    let missed = (1.0 - q).powf(cheats as f64);
    missed * cheats as f64 - (1.0 - missed) * stake
}

/// The slowest way to be convicted: the claims are never opened, and each jury waits for that.
#[test]
fn bursts_are_no_larger_than_the_stake_and_lose_it_on_average() {
    let published = burst(BURST, 0.03 * 0.76, 50.0);
    assert!((published + 35.1).abs() < 0.06, "{published}");
    let (mut expected, mut all) = (Gamble::default(), 0.0);
    for seed in 12..20 {
        let plan = Plan { seed, stake: STAKE, founders: 8, slots: 200, ..Plan::default() };
        let mut world = trusting(plan, 130, STAKE);
        let (client, provider) = (world.plan().client(0), world.plan().founder(0));
        let coalition = Coalition::new(&world, [provider]);
        let known = world.receipts(client).len();
        cheat(&mut world, BURST, SilentProvider);
        settle(&mut world, LIMIT, "a burst");
        let receipts = world.receipts(client).split_off(known);
        let refused = refusals(&world, client, Refusal::Exposure);
        // At the opening each takes two runs more than its price, until it is drawn; and a jury is set aside.
        let sold = receipts.len() as i32;
        assert!((20..=50).contains(&sold), "seed {seed}: the stake stands for {sold} prices");
        assert!(refused >= 50, "seed {seed}: {refused} orders were beyond it");
        let gained = coalition.gain(&world, &format!("burst, seed {seed}"));
        assert_eq!(gained, settled(&receipts), "seed {seed}");
        let ticket = &receipts[0].story.ticket;
        let missed = (1.0 - share(ticket.rate)).powi(sold);
        let pay = f64::from(sold) * (UNIT_PRICE.0 - ticket.dues.0) as f64 / UNIT_PRICE.0 as f64;
        let paid = receipts.iter().filter(|receipt| receipt.story.outcome.is_paid()).count();
        assert!([0, receipts.len()].contains(&paid), "seed {seed}: {paid} of a burst were paid");
        expected.add(&[(missed, pay), (1.0 - missed, -50.0)]);
        all += gained as f64 / UNIT_PRICE.0 as f64;
        if seed == 12 {
            let should = burst(50, share(ticket.rate), 50.0);
            println!(
                "a burst of 50 at {}: should be {should:+.1} prices; of 100 at 3 %, {published:+.1}",
                ticket.rate
            );
        }
    }
    expected.assert_near("bursts, in prices", all);
    assert!(all < 0.0 && expected.mean < 0.0, "{all}");
}
