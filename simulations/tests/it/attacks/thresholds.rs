//! Results that are a little wrong: just close enough, neither right nor wrong, in one place only.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use assay_market::effect::Run;
use assay_protocol::{compare, id::JobId, merkle::RECORD_BYTES, outcome::Outcome, units::Amount};
use assay_simulations::{
    behaviour::Behaviour,
    plan::{LABEL, Plan, TENSOR},
    world::{Wish, World},
};

use super::{
    Coalition,
    scenes::{Gambles, PRICE, deterring, order, outcome, owed, receipt, run_out, trusting},
};
use crate::support::{LIMIT, market, settle};

/// Up to this share of the root mean square results match.
const OK: f64 = 5e-5;
/// From this share on they do not.
const BAD: f64 = 5e-4;
/// Greys that are paid among the last results.
const GREYS: i128 = 3;

/// Sells what it computed, shifted by this share of its root mean square, in so many of its first records.
#[derive(Clone, Copy, Debug)]
struct Shifter {
    share: f64,
    records: usize,
}

impl Shifter {
    const fn by(share: f64) -> Self {
        Self { share, records: usize::MAX }
    }
}

impl Behaviour for Shifter {
    fn compute(&mut self, run: &Run, mut output: Vec<u8>) -> Vec<u8> {
        if !run.id.check {
            let by = (self.share * f64::from_bits(compare::rms(run.manifest.policy, &output))) as f32;
            for number in output
                .chunks_mut(RECORD_BYTES)
                .take(self.records)
                .flat_map(|record| record.chunks_exact_mut(4))
            {
                let value = f32::from_le_bytes([number[0], number[1], number[2], number[3]]);
                number.copy_from_slice(&(value + by).to_le_bytes());
            }
        }
        output
    }
}

/// Shifts the results of some of its jobs, in the order in which it runs them.
#[derive(Clone, Debug)]
struct Moody {
    grey: fn(u64) -> bool,
    shifted: Rc<RefCell<BTreeMap<JobId, bool>>>,
}

impl Moody {
    fn new(grey: fn(u64) -> bool) -> Self {
        Self { grey, shifted: Rc::default() }
    }
}

impl Behaviour for Moody {
    fn compute(&mut self, run: &Run, output: Vec<u8>) -> Vec<u8> {
        if run.id.check {
            return output;
        }
        let mut shifted = self.shifted.borrow_mut();
        let number = shifted.len() as u64;
        if *shifted.entry(run.id.job).or_insert((self.grey)(number)) {
            Shifter::by(3.0 * OK).compute(run, output)
        } else {
            output
        }
    }
}

#[test]
fn a_forgery_just_within_a_threshold_is_paid_and_one_just_beyond_the_last_is_slashed() {
    let cases = [
        (0.75 * OK, Outcome::Checked),
        (1.25 * OK, Outcome::Grey),
        (0.97 * BAD, Outcome::Grey),
        (1.03 * BAD, Outcome::Slashed),
    ];
    for manifest in [LABEL, TENSOR] {
        for (share, expected) in cases {
            let mut world = market(Plan { founders: 8, ..Plan::default() });
            let provider = world.plan().founder(0);
            world.behave(provider, Shifter::by(share));
            let coalition = Coalition::new(&world, [provider]);
            let key = order(&mut world, provider, 0, manifest);
            settle(&mut world, LIMIT, "shifted");
            assert_eq!(outcome(&world, key), expected, "{manifest} shifted by {share}");
            let gain = coalition.gain(&world, &format!("{manifest} shifted by {share:e} of its scale"));
            let fair = owed(&receipt(&world, key));
            assert!(if expected.is_paid() { gain == fair } else { gain < -90 * PRICE }, "{manifest}: {gain}");
        }
    }
}

#[test]
fn a_forgery_in_one_record_of_twenty_is_found_as_often_as_that_record_is_opened() {
    let plan = Plan { founders: 8, stake: Amount::credits(1_000), checks: deterring(), ..Plan::default() };
    let mut world = market(plan);
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    world.behave(provider, Shifter { share: 1.0, records: 1 });
    let coalition = Coalition::new(&world, [provider]);
    let mut found = Gambles::default();
    for number in 0..80 {
        let wish = Wish { manifest: TENSOR, number, checks: 1, provider: Some(provider), ..Wish::default() };
        let key = world.submit(client, Wish { attempts_max: 1, ..wish });
        run_out(&mut world);
        let slashed = outcome(&world, key).is_slashed();
        found.note(f64::from(u8::from(slashed)), 1.0 - 0.95_f64.powi(16), 1.0, 0.0);
    }
    settle(&mut world, LIMIT, "patched");
    found.assert_as_expected("a forgery in one record of twenty is found");
    // What is saved is a twentieth of the work; the whole price is more than that.
    assert!(coalition.gain(&world, "one record of twenty made up, in 80 checked jobs") < -30 * 90 * PRICE);
}

/// Runs jobs of the first founder one after another, of which this many checks are ordered; what it gained, and how they
/// ended.
fn one_by_one(world: &mut World, jobs: u64, checks: u16, attack: &str) -> (i128, Vec<Outcome>) {
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    let coalition = Coalition::new(world, [provider]);
    let run = |number| {
        let wish = Wish { number, checks, provider: Some(provider), attempts_max: 1, ..Wish::default() };
        let key = world.submit(client, wish);
        run_out(world);
        outcome(world, key)
    };
    let outcomes = (0..jobs).map(run).collect();
    settle(world, LIMIT, attack);
    (coalition.gain(world, attack), outcomes)
}

fn paid(outcomes: &[Outcome], which: Outcome) -> i128 {
    outcomes.iter().filter(|outcome| **outcome == which).count() as i128
}

#[test]
fn a_provider_that_is_always_grey_is_paid_three_times() {
    let mut world = market(Plan { founders: 8, ..Plan::default() });
    world.behave(world.plan().founder(0), Shifter::by(3.0 * OK));
    let (gain, outcomes) = one_by_one(&mut world, 30, 0, "always grey, bound 3 prices");
    let expected = |number| if number < 3 { Outcome::Grey } else { Outcome::GreyRefunded };
    assert_eq!(outcomes, (0..30).map(expected).collect::<Vec<_>>());
    assert!(gain <= GREYS * PRICE, "{gain}");
    assert!(gain < 0, "it owes the dues of all that are refunded: {gain}");
}

/// Who checks a result that is refunded as grey earns its fee; it is the provider that pays it.
#[test]
fn greys_for_the_fees_of_friends_among_the_checkers_cost_more_than_they_bring_and_the_pool_nothing() {
    let mut world = market(Plan { founders: 10, ..Plan::default() });
    let plan = world.plan().clone();
    world.behave(plan.founder(0), Shifter::by(3.0 * OK));
    let members = [plan.client(0), plan.founder(0), plan.founder(1), plan.founder(2)];
    let (coalition, before) = (Coalition::new(&world, members), world.books().expect("books").pool);
    let (_, outcomes) = one_by_one(&mut world, 40, 0, "always grey, among friends");
    assert!(paid(&outcomes, Outcome::GreyRefunded) > 30, "{outcomes:?}");
    let gain = coalition.gain(&world, "always grey, with two of nine checkers for friends");
    let after = world.books().expect("books").pool;
    assert!(gain < 0 && after >= before, "{gain}, and the pool from {before} to {after}");
}

#[test]
fn a_trusted_provider_that_turns_grey_is_paid_for_three_of_those_that_are_drawn_and_for_none_after_that() {
    for seed in 0..3 {
        let mut world = trusting(Plan { seed, founders: 8, slots: 8, ..Plan::default() }, 24);
        world.behave(world.plan().founder(0), Shifter::by(3.0 * OK));
        let (gain, outcomes) = one_by_one(&mut world, 50, 0, &format!("grey once trusted, seed {seed}"));
        let (grey, unseen) = (paid(&outcomes, Outcome::Grey), paid(&outcomes, Outcome::NotDrawn));
        assert_eq!(grey, GREYS, "seed {seed}: {outcomes:?}");
        let refunded = outcomes.iter().position(|outcome| *outcome == Outcome::GreyRefunded);
        let after = refunded.map(|at| &outcomes[at..]).expect("the fourth is refunded");
        assert!(after.iter().all(|outcome| !outcome.is_paid()), "seed {seed}: {after:?}");
        assert!(gain <= (GREYS + unseen) * PRICE, "seed {seed}: {gain}, {unseen} of them not drawn");
    }
}

#[test]
fn a_provider_that_counts_its_greys_is_paid_for_three_beside_twenty_results_and_works_for_the_rest() {
    let grey = |results: fn(u64) -> bool| {
        let mut world = market(Plan { founders: 8, ..Plan::default() });
        world.behave(world.plan().founder(0), Moody::new(results));
        one_by_one(&mut world, 63, 1, "three greys a round, bound 9 prices beside honest pay")
    };
    let (gain, outcomes) = grey(|number| number % 21 < 3);
    let counts = (paid(&outcomes, Outcome::Grey), paid(&outcomes, Outcome::GreyRefunded));
    assert_eq!(counts, (9, 0), "{outcomes:?}");
    assert!(gain <= 63 * PRICE, "{gain}");
    let (_, outcomes) = grey(|number| number % 20 < 3);
    assert!(paid(&outcomes, Outcome::GreyRefunded) > 0, "one result less between them: {outcomes:?}");
}

#[test]
fn greys_that_are_opened_together_are_paid_once_and_end_all_pay_until_twenty_matches() {
    let mut world = market(Plan { founders: 8, slots: 16, ..Plan::default() });
    let provider = world.plan().founder(0);
    world.behave(provider, Shifter::by(3.0 * OK));
    let coalition = Coalition::new(&world, [provider]);
    for number in 1_000..1_012 {
        order(&mut world, provider, number, LABEL);
    }
    settle(&mut world, LIMIT, "together");
    let together = coalition.gain(&world, "twelve greys at once, bound 12 prices");
    assert!(together <= 12 * PRICE, "{together}");
    let (gain, outcomes) = one_by_one(&mut world, 10, 0, "grey after twelve greys at once");
    assert!(gain < 0 && paid(&outcomes, Outcome::GreyRefunded) == 10, "{gain}: {outcomes:?}");
}
