//! A provider whose disk is set back, and one that only restarts: neither signs a second claim.

use assay_market::view::RunState;
use assay_simulations::{
    kernel::Span,
    plan::{LABEL, Plan, TENSOR},
    world::{Crash, Tail, World},
};

use super::scenes::{order, outcome, until};
use crate::support::{LIMIT, claims, market, settle};

/// Lets the first founder work on a job until its run has come so far.
fn work_until(world: &mut World, state: RunState) {
    let provider = world.plan().founder(0);
    until(world, |world| {
        let runs = world.node(provider).map(|node| node.runs()).unwrap_or_default();
        runs.iter().any(|run| !run.check && run.state == state)
    });
}

#[test]
fn a_provider_that_is_set_back_to_an_old_disk_says_the_same_again_and_is_paid() {
    for (seed, manifest) in [(0, LABEL), (1, TENSOR)] {
        let mut world = market(Plan { seed, ..Plan::default() });
        let provider = world.plan().founder(0);
        world.overhear();
        let key = order(&mut world, provider, 0, manifest);
        work_until(&mut world, RunState::Running);
        world.run_for(Span::millis(40));
        let backup = world.backup(provider);
        work_until(&mut world, RunState::Committed);
        // The claim has reached the notary.
        world.run_for(Span::millis(200));
        world.restore(provider, backup, Span::millis(100));
        settle(&mut world, LIMIT, "set back");
        assert_eq!(claims(&world).values().map(Vec::len).collect::<Vec<_>>(), [1], "{manifest}");
        assert!(outcome(&world, key).is_paid(), "{manifest}: {:?}", outcome(&world, key));
        assert!(world.closed().values().all(|closed| closed.slashed.is_zero()), "{manifest}");
    }
}

#[test]
fn a_provider_that_restarts_from_its_own_disk_never_signs_two_claims() {
    let plan = Plan { founders: 5, ..Plan::default() };
    let run = |crash: Option<Crash>| {
        let mut world = market(plan.clone());
        world.overhear();
        let provider = plan.founder(0);
        let before = world.performed(provider);
        crash.into_iter().for_each(|crash| world.crash_at(provider, crash));
        order(&mut world, provider, 0, LABEL);
        settle(&mut world, LIMIT, &format!("{crash:?}"));
        (world.performed(provider) - before, claims(&world), world)
    };
    let (points, ..) = run(None);
    for before in 0..points {
        for tail in [Tail::Lost, Tail::Kept] {
            let crash = Crash { before, tail, down: Span::millis(700) };
            let (_, claims, world) = run(Some(crash));
            assert!(claims.values().all(|signed| signed.len() == 1), "{crash:?}: {claims:?}");
            assert!(world.closed().values().all(|closed| closed.slashed.is_zero()), "{crash:?}");
        }
    }
}
