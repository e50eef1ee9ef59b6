//! Traps: what those who set them gain, by how many say what they were told, and what becomes of whoever takes, cheats or
//! frames.

use std::collections::BTreeSet;

use assay_protocol::{
    genesis::Timers,
    outcome::Outcome,
    receipt::{Happening, Receipt},
    units::Amount,
};
use assay_simulations::{
    behaviour::{Bait, Hunter, Leaker, Leaks, Slanderer, Taker},
    kernel::Span,
    plan::{EXACT, Plan, TEXT, TEXT_UNITS},
    world::{Place, Wish, World},
};

use super::{Coalition, Gamble, check_cost, restake, run};
use crate::support::{LIMIT, market, settle};

/// Verifiers beside the provider that is checked.
const OTHERS: usize = 7;
/// Jobs in one world.
const JOBS: u64 = 24;
/// By how much the longest run is longer than one that is sold.
const LONGER: u64 = 10;

/// Who says what it was told, and who slanders, among the verifiers; everybody else runs what it checks.
#[derive(Clone, Copy, Debug, Default)]
struct Crowd {
    takers: usize,
    slanderers: usize,
}

/// A market whose first founder sells, and is checked by the others.
fn crowded(seed: u64, crowd: Crowd, work_most: u64) -> (World, Leaks) {
    crowded_under(Plan { seed, work_most, texts: true, ..Plan::default() }, crowd)
}

fn crowded_under(plan: Plan, crowd: Crowd) -> (World, Leaks) {
    let plan = Plan { founders: 1 + OTHERS, slots: 32, ..plan };
    let stake = plan.stake;
    let mut world = market(plan);
    let leaks = Leaks::default();
    for number in 0..world.plan().founders {
        let place = world.plan().founder(number);
        restake(&mut world, place, stake);
        let other = number.checked_sub(1);
        match other {
            Some(other) if other < crowd.takers => world.behave(place, Taker(leaks.clone())),
            Some(other) if other < crowd.takers + crowd.slanderers => world.behave(place, Slanderer),
            Some(_) | None => {}
        }
    }
    (world, leaks)
}

/// The first founder and the first client set traps.
fn hunt(world: &mut World, leaks: &Leaks, bait: Bait) {
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let (key, client, network) = (world.key(provider), world.key(client), world.genesis().id());
    world.behave(provider, Hunter::new(key, vec![client], network, leaks.clone(), bait));
}

/// The first client orders jobs of the first founder, each of which is checked.
fn order(world: &mut World, manifest: &'static str, jobs: u64) -> Vec<Receipt> {
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let since = world.receipts(client).len();
    let units_max = if manifest == TEXT { TEXT_UNITS } else { Wish::default().units_max };
    run(world, client, 0..jobs, 1, |_| Wish {
        manifest,
        provider: Some(provider),
        units_max,
        checks: 1,
        ..Wish::default()
    });
    world.receipts(client).split_off(since)
}

/// What traps won is paid out.
fn pay_out(world: &mut World) {
    let unbonding = world.plan().unbonding.0;
    world.run_for(Span::millis(unbonding + 60_000));
}

/// What one check costs, and what is at stake in a trap.
fn costs(world: &World) -> (f64, f64) {
    let manifest = world.genesis().manifest(EXACT).expect("it is pinned");
    let (check, forfeit) = (manifest.work.call, world.genesis().stake_least(manifest.work_most));
    (check_cost(world.genesis(), check) as f64, forfeit.0 as f64)
}

/// What a trap brings its parties where so many of the others say what they were told; `fees` are the premium and the dues.
fn law(takers: usize, (check, forfeit): (f64, f64), fees: f64) -> Vec<(f64, f64)> {
    let taken = takers as f64 / OTHERS as f64;
    let honest = 1.0 - taken;
    let again = 1.0 / OTHERS as f64;
    let others = (OTHERS - takers) as f64;
    // Two of the honest are one with this chance: then there is one fee.
    let same = if others > 0.0 { 1.0 / others } else { 0.0 };
    let own = taken - again;
    vec![
        (honest, -check - fees),
        (taken * honest * honest * same, forfeit - check - fees),
        (taken * honest * honest * (1.0 - same), forfeit - 2.0 * check - fees),
        // One of the two found something else, and the other is the first again, or another who was told.
        (taken * 2.0 * honest * again, -2.0 * check - fees),
        (taken * 2.0 * honest * own, -3.0 * check - fees),
        (taken * taken * taken, -forfeit - fees),
    ]
}

/// Hunts in a crowd with so many takers; what it brought, what it should have, and by how much the verifiers that take are
/// richer.
fn hunted(seed: u64, takers: usize) -> (f64, Gamble, f64) {
    let (mut world, leaks) = crowded(seed, Crowd { takers, slanderers: 0 }, 2 * LONGER);
    hunt(&mut world, &leaks, Bait::False);
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let parties = Coalition::new(&world, [client, provider]);
    let told = Coalition::new(&world, (1..=takers).map(|number| world.plan().founder(number)));
    let receipts = order(&mut world, EXACT, JOBS);
    assert!(receipts.iter().all(|receipt| receipt.story.outcome == Outcome::Trap), "seed {seed}");
    pay_out(&mut world);
    let costs = costs(&world);
    let mut gamble = Gamble::default();
    for receipt in &receipts {
        let ticket = &receipt.story.ticket;
        gamble.add(&law(takers, costs, (ticket.premium.0 + ticket.dues.0) as f64));
    }
    let gained = parties.gain(&world, &format!("hunters, {takers} of {OTHERS} take, seed {seed}")) as f64;
    (gained, gamble, told.gain(&world, "takers") as f64 / JOBS as f64)
}

#[test]
fn a_hunter_gains_where_a_few_say_what_they_were_told_and_they_lose() {
    for (takers, gains) in [(0, false), (1, true), (2, true), (3, true), (5, false)] {
        let (found, gamble, taken) = hunted(7, takers);
        gamble.assert_near(&format!("hunting, {takers} of {OTHERS} take"), found);
        assert_eq!(gamble.mean > 0.0, gains, "{takers} of {OTHERS}");
        assert!(taken < 0.0 || takers == 0, "takers gain {taken} by a trap");
    }
}

#[test]
fn a_newcomers_claim_may_be_a_trap_as_well() {
    let (mut world, leaks) = crowded(3, Crowd { takers: 3, slanderers: 0 }, 2 * LONGER);
    let notary = world.id(world.plan().notary());
    hunt(&mut world, &leaks, Bait::False);
    let provider = world.plan().founder(0);
    world.command(provider, assay_market::Command::Unstake { notary, amount: world.plan().stake });
    world.run_for(Span::seconds(90));
    let receipts = order(&mut world, EXACT, JOBS);
    assert!(receipts.iter().all(|receipt| receipt.story.ticket.newcomer), "it has nothing at stake");
    assert!(receipts.iter().all(|receipt| receipt.story.outcome == Outcome::Trap));
    let caught = receipts.iter().filter(|receipt| !receipt.story.settlement.fines.is_empty()).count();
    assert!(caught > 0, "nobody was caught");
}

/// What a true claim that is called a trap brings its parties with as many friends that find it false.
fn framed(friends: usize, (check, forfeit): (f64, f64), fees: f64) -> Vec<(f64, f64)> {
    let friendly = friends as f64 / OTHERS as f64;
    let honest = 1.0 - friendly;
    // The first, who is honest, may be drawn again, and then has its one fee.
    let again = 1.0 / OTHERS as f64;
    vec![
        // A friend that ends it is paid by its friends.
        (friendly, -fees),
        (honest * friendly * friendly, forfeit - fees),
        (honest * 2.0 * friendly * again, -check - fees),
        (honest * 2.0 * friendly * (honest - again), -2.0 * check - fees),
        (honest * honest * honest, -forfeit - fees),
    ]
}

/// A true claim that is called a trap, with friends that find it false.
#[test]
fn a_framer_loses_whatever_friends_it_has() {
    for slanderers in [0, 1, 2] {
        let (mut world, leaks) = crowded(11, Crowd { takers: 0, slanderers }, 2 * LONGER);
        hunt(&mut world, &leaks, Bait::True);
        let friends = (1..=slanderers).map(|number| world.plan().founder(number));
        let members = friends.chain([world.plan().client(0), world.plan().founder(0)]);
        let framers = Coalition::new(&world, members);
        let receipts = order(&mut world, EXACT, JOBS);
        pay_out(&mut world);
        let gained = framers.gain(&world, &format!("framers with {slanderers} friends")) as f64;
        assert!(receipts.iter().all(|receipt| receipt.story.outcome == Outcome::Trap));
        let (mut gamble, costs) = (Gamble::default(), costs(&world));
        for receipt in &receipts {
            let ticket = &receipt.story.ticket;
            gamble.add(&framed(slanderers, costs, (ticket.premium.0 + ticket.dues.0) as f64));
        }
        gamble.assert_near(&format!("framing, {slanderers} of {OTHERS} are friends"), gained);
        assert!(gamble.mean < 0.0 && gained < 0.0, "{slanderers} friends: {gained}");
    }
}

/// Who seals what it was told with no more at stake than one trap is asked nothing more once it was caught.
#[test]
fn who_was_caught_with_its_whole_stake_checks_nothing_more() {
    let work_most = 2 * LONGER;
    let stake = Plan::default().genesis().stake_least(work_most);
    // All is over before the next checkpoint.
    let timers = Timers { epoch_ticks: 4_096, ..Plan::default().timers };
    let plan = Plan { seed: 17, stake, work_most, timers, ..Plan::default() };
    let (mut world, leaks) = crowded_under(plan, Crowd { takers: 3, slanderers: 0 });
    hunt(&mut world, &leaks, Bait::False);
    let receipts = order(&mut world, EXACT, JOBS);
    let (mut caught, mut drawn) = (BTreeSet::new(), 0);
    for receipt in &receipts {
        for event in &receipt.story.events {
            if let Happening::Seal(seal) = &event.what {
                assert!(!caught.contains(&seal.said().signer()), "asked with nothing at stake");
            }
            if let Happening::Seat { tries, .. } = &event.what {
                let seated = tries.last().map(|tried| tried.leaf.peer);
                drawn += usize::from(seated.is_some_and(|peer| caught.contains(&peer)));
            }
        }
        caught.extend(receipt.story.settlement.fines.iter().map(|fine| fine.peer));
    }
    assert!(!caught.is_empty() && drawn > 0, "{} caught, {drawn} of them drawn again", caught.len());
}

/// Who is honest loses nothing by traps, and is paid for each run.
#[test]
fn the_honest_lose_nothing_by_traps() {
    let (mut world, leaks) = crowded(5, Crowd { takers: 2, slanderers: 0 }, 2 * LONGER);
    hunt(&mut world, &leaks, Bait::False);
    let honest: Vec<Place> = (3..=OTHERS).map(|number| world.plan().founder(number)).collect();
    let stakes: Vec<Amount> = honest.iter().map(|place| super::account(&world, *place).stake).collect();
    let coalition = Coalition::new(&world, honest.clone());
    let receipts = order(&mut world, EXACT, JOBS);
    let now: Vec<Amount> = honest.iter().map(|place| super::account(&world, *place).stake).collect();
    assert_eq!(now, stakes, "nobody that ran what it checked lost stake");
    let ids: Vec<_> = honest.iter().map(|place| world.id(*place)).collect();
    let fees = receipts.iter().flat_map(|receipt| &receipt.story.settlement.fees);
    let fees: i128 = fees.filter(|fee| ids.contains(&fee.peer)).map(|fee| i128::from(fee.amount.0)).sum();
    assert_eq!(coalition.gain(&world, "the honest"), fees);
    assert!(fees > 0);
}

/// Texts are checked along what was claimed: a trap is as false for them.
#[test]
fn a_text_may_be_a_trap() {
    let (mut world, leaks) = crowded(9, Crowd { takers: 2, slanderers: 0 }, 2 * LONGER);
    hunt(&mut world, &leaks, Bait::False);
    let receipts = order(&mut world, TEXT, JOBS);
    let traps = receipts.iter().filter(|receipt| receipt.story.outcome == Outcome::Trap).count();
    let others = receipts.iter().filter(|receipt| receipt.story.outcome != Outcome::Trap);
    assert!(others.clone().all(|receipt| receipt.story.outcome == Outcome::Aborted), "texts of no token");
    assert!(traps > JOBS as usize / 2, "{traps}");
    settle(&mut world, LIMIT, "texts");
}

/// A cheat leaks to takers as a hunter does. Whoever takes has it paid, and whoever runs has it convicted: nobody that sees
/// what is leaked knows which of the two it is of.
#[test]
fn a_cheat_that_leaks_is_paid_by_whoever_takes_and_convicted_by_whoever_runs() {
    let (mut paid, mut convicted) = (0, 0);
    for seed in 13..21 {
        let (mut world, leaks) = crowded(seed, Crowd { takers: 2, slanderers: 0 }, 2 * LONGER);
        let provider = world.plan().founder(0);
        let takers: Vec<_> = (1..=2).map(|number| world.id(world.plan().founder(number))).collect();
        world.behave(provider, Leaker(leaks));
        for receipt in order(&mut world, EXACT, 1) {
            let first = receipt.story.events.iter().find_map(|event| {
                let Happening::Seal(seal) = &event.what else { return None };
                Some(seal.said().signer())
            });
            let taken = first.is_some_and(|first| takers.contains(&first));
            let expected = if taken { Outcome::Checked } else { Outcome::Slashed };
            assert_eq!(receipt.story.outcome, expected, "seed {seed}");
            *(if taken { &mut paid } else { &mut convicted }) += 1;
        }
    }
    assert!(paid > 0 && convicted > 0, "{paid} paid, {convicted} convicted");
}
