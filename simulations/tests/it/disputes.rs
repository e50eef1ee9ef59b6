//! Jobs with a cheat in them, and what becomes of the cheat.

use assay_protocol::outcome::Outcome;
use assay_simulations::{
    behaviour::{AbsentVerifier, Behaviour, Forger, LazyVerifier, SilentProvider},
    plan::{EXACT, LABEL, Plan, TENSOR},
    world::{Wish, World},
};

use crate::support::{market, settle_one};

/// A market in which the founders with these numbers behave like this.
fn market_with<B: Behaviour + Copy + 'static>(
    founders: impl IntoIterator<Item = usize>,
    behaviour: B,
) -> World {
    let mut world = market(Plan { founders: 8, ..Plan::default() });
    for number in founders {
        world.behave(world.plan().founder(number), behaviour);
    }
    world
}

#[test]
fn a_forger_is_slashed_and_the_client_refunded_and_all_who_checked_are_paid() {
    for manifest in [LABEL, TENSOR, EXACT] {
        let mut world = market_with([0], Forger);
        let plan = world.plan().clone();
        let job = settle_one(&mut world, Wish { manifest, ..Wish::default() });
        assert_eq!(job.outcome, Outcome::Slashed, "{manifest}");
        assert_eq!(job.gain(plan.client(0)), 0, "{manifest}: the client gets all of it back and no more");
        assert!(job.gain(plan.founder(0)) < 0, "{manifest}: the forger loses");
        let paid: Vec<_> = (1..plan.founders)
            .map(|number| job.gain(plan.founder(number)))
            .filter(|gain| *gain != 0)
            .collect();
        let report = job.report(&world);
        assert_eq!((report.outcome, report.agreeing), (Outcome::Slashed, 0), "{manifest}");
        assert_eq!(paid.len() as u64, report.checks, "{manifest}: {paid:?}");
        let least = paid.iter().min().copied().unwrap_or_default();
        assert!(least > 0, "{manifest}: {paid:?}");
        assert_eq!(
            paid.iter().filter(|gain| **gain > least).count(),
            1,
            "{manifest}: one bounty in {paid:?}"
        );
    }
}

#[test]
fn a_forger_that_never_opens_its_claim_is_slashed_as_silent() {
    for manifest in [LABEL, TENSOR] {
        let mut world = market_with([0], SilentProvider);
        let plan = world.plan().clone();
        let job = settle_one(&mut world, Wish { manifest, ..Wish::default() });
        assert_eq!(job.outcome, Outcome::Silent, "{manifest}");
        assert_eq!(job.gain(plan.client(0)), 0, "{manifest}");
        assert!(job.gain(plan.founder(0)) < 0, "{manifest}");
        assert_eq!(job.report(&world).outcome, Outcome::Silent, "{manifest}");
    }
}

#[test]
fn an_honest_provider_that_a_lazy_verifier_accuses_is_cleared_and_the_verifier_pays() {
    for seed in 0..12 {
        let mut world = market(Plan { seed, founders: 8, ..Plan::default() });
        let plan = world.plan().clone();
        (1..3).for_each(|number| world.behave(plan.founder(number), LazyVerifier));
        let job = settle_one(&mut world, Wish::default());
        assert!([Outcome::Checked, Outcome::Cleared].contains(&job.outcome), "{seed}: {:?}", job.outcome);
        assert!(job.gain(plan.founder(0)) > 0, "{seed}: the provider is paid");
        (1..3).for_each(|number| assert!(job.gain(plan.founder(number)) <= 0, "{seed}: laziness pays"));
        (3..8).for_each(|number| assert!(job.gain(plan.founder(number)) >= 0, "{seed}: honest work costs"));
        assert_eq!(job.report(&world).outcome, job.outcome, "{seed}");
    }
}

#[test]
fn no_honest_peer_is_ever_slashed_for_the_error_of_its_machine() {
    let mut world = market_with([], Forger);
    for number in 0..20 {
        let job = settle_one(&mut world, Wish { manifest: TENSOR, number, ..Wish::default() });
        assert!([Outcome::Checked, Outcome::NotDrawn].contains(&job.outcome), "{:?}", job.outcome);
    }
}

#[test]
fn where_a_verifier_is_silent_the_next_is_drawn() {
    for seed in 0..6 {
        let mut world = market(Plan { seed, founders: 8, ..Plan::default() });
        let plan = world.plan().clone();
        // One fewer than what ends a check.
        (1..3).for_each(|number| world.behave(plan.founder(number), AbsentVerifier));
        let job = settle_one(&mut world, Wish::default());
        assert_eq!(job.outcome, Outcome::Checked, "{seed}");
        assert!(job.gain(plan.founder(0)) > 0, "{seed}: the provider is paid");
    }
}

#[test]
fn where_every_verifier_is_silent_the_job_still_closes() {
    let mut world = market_with(1..8, AbsentVerifier);
    let job = settle_one(&mut world, Wish::default());
    assert!([Outcome::Unchecked, Outcome::Void].contains(&job.outcome), "{:?}", job.outcome);
    assert_eq!(job.report(&world).outcome, job.outcome);
}
