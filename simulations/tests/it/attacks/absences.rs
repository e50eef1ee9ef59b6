//! Attacks on those who check: to have honest verifiers suspended, and to sleep.

use std::collections::BTreeMap;

use assay_protocol::{
    id::PeerId,
    receipt::{Happening, Receipt},
    units::Rate,
};
use assay_simulations::{
    behaviour::{AbsentVerifier, Honest, Idler},
    kernel::Span,
    plan::{EXACT, Plan},
    world::{Place, Wish, World},
};

use super::{friends::Liar, scenes::drawn};
use crate::support::{market, settle};

/// Newcomers that each claim something false, all at once.
const NEWCOMERS: usize = 120;
/// Verifiers, all of them honest.
const FOUNDERS: usize = 6;

/// How often each verifier was drawn, and how often it let a deadline pass, by the receipts of these jobs.
fn lost(world: &World, receipts: &[Receipt]) -> BTreeMap<PeerId, (usize, usize)> {
    let mut tally: BTreeMap<PeerId, (usize, usize)> = BTreeMap::new();
    for receipt in receipts {
        let heard = |peer: PeerId| {
            receipt.story.events.iter().any(|event| {
                let ends = matches!(event.what, Happening::Seal(_) | Happening::Unserved(_));
                ends && event.what.about().is_some_and(|(_, by)| by == peer)
            })
        };
        for peer in drawn(world, receipt).into_iter().map(|place| world.id(place)) {
            let seen = tally.entry(peer).or_default();
            *seen = (seen.0 + 1, seen.1 + usize::from(!heard(peer)));
        }
    }
    tally
}

/// How many verifiers of the kind stand in the roster of the last job, and what suspensions took, in stakes.
fn present(world: &World, receipts: &[Receipt]) -> (u64, u64) {
    let last = receipts.iter().max_by_key(|receipt| receipt.story.ticket.standing.round);
    let checkers = last.map(|receipt| receipt.story.ticket.standing.checkers).unwrap_or_default();
    (checkers.leaves, checkers.missing / world.plan().stake.0)
}

/// 120 newcomers claim something false at once, with an accomplice as their client, so that all honest verifiers have more
/// checks before them than they can end in the time that one is given: with deadlines that count from the draw they would
/// be late and suspended, and whoever was left could check what it liked.
#[test]
fn a_flood_of_newcomers_false_claims_makes_no_honest_verifier_late() {
    // A run takes as long as its order allows, on machines that run one after another.
    let plan = Plan {
        founders: FOUNDERS,
        clients: 1 + NEWCOMERS,
        one_by_one: Some(Span::millis(900)),
        ..Plan::default()
    };
    let mut world = market(plan);
    let client = world.plan().client(0);
    let liars: Vec<Place> = (1..=NEWCOMERS).map(|number| world.plan().client(number)).collect();
    for (number, liar) in (0..).zip(&liars) {
        world.provide(*liar);
        world.behave(*liar, Liar { number, friendly: Rate::ZERO });
    }
    world.run_for(Span::seconds(3));
    for (number, liar) in (0..).zip(&liars) {
        let wish =
            Wish { manifest: EXACT, number, provider: Some(*liar), attempts_max: 1, ..Wish::default() };
        world.submit(client, wish);
    }
    settle(&mut world, Span::seconds(3_600), "a flood");
    let receipts = world.receipts(client);
    let lost = lost(&world, &receipts);
    let most = lost.values().map(|(given, _)| *given).max().unwrap_or_default();
    println!("flood: {} jobs opened, at most {most} checks given to one verifier: {lost:?}", receipts.len());
    assert!(receipts.len() >= 3 * FOUNDERS && most >= 8, "no flood: {} jobs, {most}", receipts.len());
    assert!(lost.values().all(|(_, lost)| *lost == 0), "somebody honest was late: {lost:?}");
}

/// Verifiers that sleep are suspended, one an epoch where each is more than a tenth, in the time of a few epochs.
#[test]
fn sleepers_are_suspended_an_epoch_each_and_are_back_once_they_are_awake() {
    for (asleep, idles) in [(3, false), (2, true)] {
        let mut world = market(Plan { founders: 9, ..Plan::default() });
        let client = world.plan().client(0);
        for number in 0..asleep {
            let place = world.plan().founder(8 - number);
            if idles { world.behave(place, Idler) } else { world.behave(place, AbsentVerifier) }
        }
        let mut history = Vec::new();
        let wish = |world: &World, number| Wish {
            manifest: EXACT,
            number,
            provider: Some(world.plan().founder(0)),
            checks: 2,
            attempts_max: 1,
            ..Wish::default()
        };
        for number in 0..24 {
            world.submit(client, wish(&world, number));
            settle(&mut world, Span::seconds(600), "sleepers");
            history.push(present(&world, &world.receipts(client)));
        }
        (0..asleep).for_each(|number| world.behave(world.plan().founder(8 - number), Honest));
        let awake = world.plan().timers.tick.times(5 * world.plan().timers.epoch_ticks);
        world.run_for(awake.into());
        world.submit(client, wish(&world, 24));
        settle(&mut world, Span::seconds(600), "sleepers");
        let receipts = world.receipts(client);
        let lost = lost(&world, &receipts);
        println!("{asleep} asleep, idling: {idles}: present and missing {history:?}");
        let sleeps = |peer: &PeerId| (0..asleep).any(|at| world.id(world.plan().founder(8 - at)) == *peer);
        assert!(lost.iter().all(|(peer, (_, lost))| *lost == 0 || sleeps(peer)), "{lost:?}");
        let least = history.iter().map(|(leaves, _)| *leaves).min().unwrap_or_default();
        assert!(least < 8, "nobody was suspended: {history:?}");
        assert!(least >= 8 - asleep as u64, "somebody awake was suspended: {history:?}");
        assert_eq!(present(&world, &receipts), (8, 0), "{asleep}: who is awake again is back");
    }
}
