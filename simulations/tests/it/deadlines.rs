//! Jobs in which somebody does not do the next step: the deadline closes them.

use assay_market::view::AttemptState;
use assay_protocol::{outcome::Outcome, units::Amount};
use assay_simulations::{
    behaviour::{SecretiveClient, Sleeper, Withholder},
    kernel::Span,
    plan::Plan,
    world::{Tail, Wish},
};

use crate::support::{LIMIT, market, settle, settle_one};

#[test]
fn a_job_that_is_never_claimed_is_cancelled_by_its_client() {
    let mut world = market(Plan::default());
    let plan = world.plan().clone();
    world.behave(plan.founder(0), Sleeper);
    let job = settle_one(&mut world, Wish::default());
    assert_eq!(job.outcome, Outcome::Cancelled);
    assert_eq!((job.gain(plan.client(0)), job.gain(plan.founder(0))), (0, 0));
    assert_eq!(job.report(&world).outcome, Outcome::Cancelled);
}

#[test]
fn a_job_that_is_never_claimed_is_refunded_though_its_client_is_away() {
    let mut world = market(Plan::default());
    let (client, provider) = (world.plan().client(0), world.plan().founder(0));
    world.behave(provider, Sleeper);
    let key = world.submit(client, Wish { provider: Some(provider), attempts_max: 1, ..Wish::default() });
    while world.state(client, key) != Some(AttemptState::Running) {
        world.step();
    }
    world.run_for(Span::millis(300));
    world.crash(client, Tail::Kept, Span::seconds(30));
    world.run_for(Span::seconds(31));
    settle(&mut world, LIMIT, "away");
    assert_eq!(world.state(client, key), Some(AttemptState::Closed(Outcome::NoClaim)));
}

#[test]
fn a_client_that_never_reveals_cannot_keep_the_provider_from_its_pay() {
    let mut world = market(Plan::default());
    let plan = world.plan().clone();
    world.behave(plan.client(0), SecretiveClient);
    let job = settle_one(&mut world, Wish::default());
    assert!(job.outcome.is_paid(), "{:?}", job.outcome);
    assert!(job.gain(plan.founder(0)) > 0);
    assert_eq!(job.report(&world).outcome, job.outcome);
}

#[test]
fn a_job_whose_input_nobody_serves_is_given_up_and_refunded() {
    let mut world = market(Plan::default());
    let plan = world.plan().clone();
    world.behave(plan.client(0), Withholder);
    let job = settle_one(&mut world, Wish::default());
    let ends = [Outcome::Aborted, Outcome::NoClaim, Outcome::Cancelled];
    assert!(ends.contains(&job.outcome), "{:?}", job.outcome);
    assert_eq!((job.gain(plan.client(0)), job.gain(plan.founder(0))), (0, 0));
    assert_eq!(job.report(&world).outcome, job.outcome);
}

#[test]
fn a_notary_that_is_cut_off_for_a_while_settles_everything_afterwards() {
    let mut world = market(Plan::default());
    let plan = world.plan().clone();
    let key = world.submit(plan.client(0), Wish::default());
    world.run_for(assay_simulations::kernel::Span::millis(900));
    world.network().cut_off([plan.notary()]);
    world.run_for(assay_simulations::kernel::Span::seconds(30));
    world.network().cut_off([]);
    world.settle(crate::support::LIMIT).unwrap_or_else(|unsettled| panic!("{unsettled}"));
    assert!(world.submission(plan.client(0), key).is_some_and(|submission| submission.ended));
    assert_eq!(world.books().map(|books| books.held), Some(Amount::ZERO));
}
