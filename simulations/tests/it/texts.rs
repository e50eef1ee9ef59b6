//! Texts among honest machines, all of one class: each that is checked is found to be true, along its claim or without it.

use std::{cell::RefCell, rc::Rc};

use assay_market::{Effect, effect::Run, view::AttemptState};
use assay_protocol::outcome::Outcome;
use assay_simulations::{
    behaviour::{Behaviour, Withholder},
    kernel::Span,
    plan::{Plan, TEXT, TEXT_UNITS},
    world::{Wish, World},
};

use crate::support::{LIMIT, market, on_all_cores};

/// Texts in one world.
const TEXTS: u64 = 25;
/// Worlds in the tests of every day.
const FEW: u64 = 12;
/// Worlds in those that take longer.
const MANY: u64 = 4_000;

/// What became of some texts.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    checked: u64,
    aborted: u64,
}

/// Every result of a world is checked; one provider in six serves nobody.
fn sell(seed: u64) -> Tally {
    let mut world = market(Plan { seed, texts: true, ..Plan::default() });
    let (client, plan) = (world.plan().client(0), world.plan().clone());
    // Who checks has the input from the client, and the output from nobody.
    world.behave(plan.founder(5), Withholder);
    for number in 0..TEXTS {
        let provider = Some(plan.founder(number as usize % plan.founders));
        let (units_max, attempts_max, checks) = (TEXT_UNITS, 1, 1);
        let wish =
            Wish { manifest: TEXT, number, units_max, provider, attempts_max, checks, ..Wish::default() };
        world.submit(client, wish);
        world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("seed {seed}, text {number}: {unsettled}"));
    }
    let outcomes: Vec<Outcome> = world.closed().values().map(|closed| closed.outcome).collect();
    let count = |outcome| outcomes.iter().filter(|other| **other == outcome).count() as u64;
    let (checked, aborted) = (count(Outcome::Checked), count(Outcome::Aborted));
    // A text that is over before its first token is nobody's result.
    assert_eq!(checked + aborted, TEXTS, "seed {seed}: {outcomes:?}");
    assert!(world.closed().values().all(|closed| closed.slashed.is_zero()), "seed {seed}");
    Tally { checked, aborted }
}

#[allow(clippy::print_stdout, reason = "figures beside what is asserted of them")]
fn sell_all(worlds: u64) {
    let tallies = on_all_cores(worlds, sell);
    let checked: u64 = tallies.iter().map(|tally| tally.checked).sum();
    let aborted: u64 = tallies.iter().map(|tally| tally.aborted).sum();
    println!("{checked} texts checked, {aborted} that were over before they began; nobody is slashed");
    assert!(10 * checked > 8 * (checked + aborted), "{checked} of {}", checked + aborted);
}

#[test]
fn honest_machines_of_one_class_find_each_others_texts_true() {
    sell_all(FEW);
}

#[test]
#[ignore = "takes minutes"]
fn honest_machines_of_one_class_find_a_hundred_thousand_texts_true() {
    sell_all(MANY);
}

/// Notes what each check was run along.
#[derive(Clone, Debug)]
struct Watches(Rc<RefCell<Vec<bool>>>);

impl Behaviour for Watches {
    fn act(&mut self, effect: Effect) -> Option<Effect> {
        if let Effect::Run(run) = &effect
            && let Run { draft, id, .. } = &**run
            && id.check
        {
            self.0.borrow_mut().push(draft.is_some());
        }
        Some(effect)
    }
}

/// Runs one text, and says of each check whether it ran along what was claimed.
fn checks(seed: u64, withheld: bool) -> Vec<bool> {
    let mut world: World = market(Plan { seed, texts: true, ..Plan::default() });
    let plan = world.plan().clone();
    let seen = Rc::new(RefCell::new(Vec::new()));
    (1..plan.founders).for_each(|number| world.behave(plan.founder(number), Watches(Rc::clone(&seen))));
    if withheld {
        world.behave(plan.founder(0), Withholder);
    }
    let provider = Some(plan.founder(0));
    let wish = Wish {
        manifest: TEXT,
        units_max: TEXT_UNITS,
        provider,
        attempts_max: 1,
        checks: 1,
        ..Wish::default()
    };
    world.submit(plan.client(0), wish);
    world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("seed {seed}: {unsettled}"));
    seen.borrow().clone()
}

#[test]
fn a_check_runs_along_what_was_claimed_and_alone_where_nobody_serves_that() {
    for withheld in [false, true] {
        let ran: Vec<bool> = (0..8).flat_map(|seed| checks(seed, withheld)).collect();
        assert!(ran.len() > 4, "{ran:?}");
        assert!(ran.iter().all(|along| *along != withheld), "withheld: {withheld}; {ran:?}");
    }
}

/// Hundredths of a second within which a text is answered, if it is.
const STEPS_MAX: u32 = 1_000;

/// What a text leaves of the price of the longest is its client's again as soon as it is answered, by the books and in what the
/// client shows.
#[test]
fn what_a_text_leaves_of_its_price_comes_back_before_it_is_closed() {
    let mut shorter = 0;
    for seed in 0..8 {
        let mut world = market(Plan { seed, texts: true, ..Plan::default() });
        let (client, notary, provider) =
            (world.plan().client(0), world.plan().notary(), world.plan().founder(0));
        let wish = Wish {
            manifest: TEXT,
            units_max: TEXT_UNITS,
            provider: Some(provider),
            attempts_max: 1,
            ..Wish::default()
        };
        let key = world.submit(client, wish);
        let held = |world: &World| {
            let books = world.node(notary).and_then(|node| node.ledger());
            books.map(|books| books.held_of(world.id(client)))
        };
        let is_answered = |world: &World| world.state(client, key) == Some(AttemptState::Delivered);
        for _ in 0..STEPS_MAX {
            if is_answered(&world) {
                break;
            }
            world.run_for(Span::millis(10));
        }
        // One that is over before its first token is no answer.
        if let Some(attempt) = world.attempt(client, key).filter(|_| is_answered(&world)) {
            assert_eq!(held(&world), Some(attempt.held), "seed {seed}");
            shorter += u32::from(attempt.held < attempt.total_max);
        }
        world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("seed {seed}: {unsettled}"));
        assert_eq!(held(&world).map(|held| held.is_zero()), Some(true), "seed {seed}");
    }
    assert!(shorter > 0, "no text is shorter than it might be");
}
