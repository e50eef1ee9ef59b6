//! One job, and a crash at every point of every role in it.

use assay_market::view::AttemptState;
use assay_protocol::outcome::Outcome;
use assay_simulations::{
    kernel::Span,
    plan::{LABEL, Plan, TENSOR, UNIT_PRICE},
    world::{Crash, Place, Tail, Wish, World},
};

use crate::support::{LIMIT, market};

/// The job that is disturbed.
fn wish(plan: &Plan, manifest: &'static str) -> Wish {
    Wish { manifest, provider: Some(plan.founder(0)), attempts_max: 1, ..Wish::default() }
}

/// How many effects a peer performs from the submission until all has settled.
fn points(plan: &Plan, manifest: &'static str, place: Place) -> u64 {
    let mut world = market(plan.clone());
    let before = world.performed(place);
    world.submit(plan.client(0), wish(plan, manifest));
    world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{unsettled}"));
    world.performed(place) - before
}

/// Runs the job with a crash and asserts what must hold whatever crashed.
fn survive(plan: &Plan, manifest: &'static str, place: Place, crash: Crash) {
    let mut world = market(plan.clone());
    let (client, provider) = (plan.client(0), plan.founder(0));
    let wealth = |world: &World, place| i128::from(world.wealth(place).unwrap_or_default().0);
    let before = (wealth(&world, client), wealth(&world, provider));
    world.crash_at(place, crash);
    let key = world.submit(client, wish(plan, manifest));
    let context = format!("{place:?} {crash:?}");
    world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{context}: {unsettled}"));
    world.run_for(crash.down);
    world.settle(LIMIT).unwrap_or_else(|unsettled| panic!("{context}: {unsettled}"));
    let gain = (wealth(&world, client) - before.0, wealth(&world, provider) - before.1);
    let price = i128::from(UNIT_PRICE.0);
    assert!((0..=price).contains(&gain.1), "{context}: the provider gained {}", gain.1);
    assert!((-2 * price..=0).contains(&gain.0), "{context}: the client gained {}", gain.0);
    assert!(world.closed().len() <= 1, "{context}: one order, {} jobs", world.closed().len());
    assert!(
        world.closed().values().all(|closed| closed.slashed.is_zero()),
        "{context}: {:?}",
        world.closed()
    );
    let state = world.state(client, key);
    assert!(
        matches!(state, Some(AttemptState::Closed(_) | AttemptState::Unanswered | AttemptState::Refused(_))),
        "{context}: {state:?}"
    );
    if let Some(AttemptState::Closed(outcome)) = state {
        assert!(world.receipt(client, key).is_some(), "{context}: no receipt");
        assert_eq!(gain.1 > 0, outcome.is_paid(), "{context}: {outcome:?}");
        assert_ne!(outcome, Outcome::Mismatch, "{context}");
    }
}

/// Every `stride`-th point, each with the records that were not synced lost and kept.
fn survive_every_point(manifest: &'static str, place: impl Fn(&Plan) -> Place, stride: usize) {
    let plan = Plan { founders: 4, ..Plan::default() };
    let place = place(&plan);
    let points = points(&plan, manifest, place);
    assert!(points > 0, "{place:?} does nothing");
    for before in (0..points).step_by(stride) {
        for tail in [Tail::Lost, Tail::Kept] {
            let down = Span::millis(if before % 2 == 0 { 300 } else { 2_500 });
            survive(&plan, manifest, place, Crash { before, tail, down });
        }
    }
}

#[test]
fn a_client_can_crash_at_any_point() {
    survive_every_point(LABEL, |plan| plan.client(0), 1);
    survive_every_point(TENSOR, |plan| plan.client(0), 1);
}

#[test]
fn a_provider_can_crash_at_any_point() {
    survive_every_point(LABEL, |plan| plan.founder(0), 1);
    survive_every_point(TENSOR, |plan| plan.founder(0), 1);
}

#[test]
fn a_verifier_can_crash_at_any_point() {
    for number in 1..4 {
        survive_every_point(LABEL, |plan| plan.founder(number), 1);
        survive_every_point(TENSOR, |plan| plan.founder(number), 1);
    }
}

#[test]
fn a_notary_can_crash_at_any_point() {
    survive_every_point(LABEL, Plan::notary, 1);
}

#[test]
fn a_notary_can_crash_at_any_point_of_a_job_with_drawn_records() {
    survive_every_point(TENSOR, Plan::notary, 1);
}
