//! Jobs in which somebody does not do the next step: the deadline closes them.

use assay_protocol::{outcome::Outcome, units::Amount};
use assay_simulations::{
    behaviour::{SecretiveClient, Sleeper, Withholder},
    plan::Plan,
    world::Wish,
};

use crate::support::{market, settle_one};

#[test]
fn a_job_that_is_never_claimed_is_refunded() {
    let mut world = market(Plan::default());
    let plan = world.plan().clone();
    world.behave(plan.founder(0), Sleeper);
    let job = settle_one(&mut world, Wish::default());
    assert_eq!(job.outcome, Outcome::NoClaim);
    assert_eq!((job.gain(plan.client(0)), job.gain(plan.founder(0))), (0, 0));
    assert_eq!(job.report(&world).outcome, Outcome::NoClaim);
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
    assert!([Outcome::Aborted, Outcome::NoClaim].contains(&job.outcome), "{:?}", job.outcome);
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
