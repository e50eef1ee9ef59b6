//! One job, and a crash at every point of every role in it.

use assay_market::view::AttemptState;
use assay_protocol::{outcome::Outcome, receipt::Happening};
use assay_simulations::{
    behaviour::Forger,
    kernel::Span,
    plan::{LABEL, Plan, TENSOR, UNIT_PRICE},
    world::{Crash, Place, Tail, Wish, World},
};

use crate::support::{LIMIT, judge, market, settle};

/// A job that is disturbed by a crash, run anew for each point.
#[derive(Clone, Debug)]
struct Disturbed {
    plan: Plan,
    manifest: &'static str,
    /// The provider computes nothing, so there will be a jury.
    forged: bool,
    /// Any provider may run it, and another one after that.
    free: bool,
}

impl Disturbed {
    fn new(manifest: &'static str) -> Self {
        Self { plan: Plan { founders: 5, ..Plan::default() }, manifest, forged: false, free: false }
    }

    fn forged(manifest: &'static str) -> Self {
        Self { forged: true, ..Self::new(manifest) }
    }

    fn free(manifest: &'static str) -> Self {
        Self { free: true, ..Self::new(manifest) }
    }

    fn world(&self) -> World {
        let mut world = market(self.plan.clone());
        if self.forged {
            world.behave(self.plan.founder(0), Forger);
        }
        world
    }

    fn wish(&self) -> Wish {
        let wish = Wish { manifest: self.manifest, ..Wish::default() };
        if self.free { wish } else { Wish { provider: Some(self.plan.founder(0)), attempts_max: 1, ..wish } }
    }

    /// The verifiers that are drawn if nothing is disturbed, the first verifier first.
    fn verifiers(&self) -> Vec<Place> {
        let mut world = self.world();
        let key = world.submit(self.plan.client(0), self.wish());
        settle(&mut world, LIMIT, "undisturbed");
        let receipt = world.receipt(self.plan.client(0), key).expect("a receipt");
        let drawn = receipt.story.events.iter().filter_map(|event| {
            let Happening::Seat { tries, .. } = &event.what else { return None };
            world.place(tries.last()?.leaf.peer)
        });
        drawn.collect()
    }

    /// How many effects a peer performs from the submission until all has settled.
    fn points(&self, place: Place) -> u64 {
        let mut world = self.world();
        let before = world.performed(place);
        world.submit(self.plan.client(0), self.wish());
        settle(&mut world, LIMIT, "undisturbed");
        world.performed(place) - before
    }

    /// Lets a peer crash at each of its points, with the records that were not synced lost and kept.
    fn survives_every_crash_of(&self, place: Place) {
        let points = self.points(place);
        assert!(points > 4, "{place:?} has no part in the job");
        for before in 0..points {
            for tail in [Tail::Lost, Tail::Kept] {
                let down = Span::millis(if before % 2 == 0 { 300 } else { 2_500 });
                self.survives(place, Crash { before, tail, down });
            }
        }
    }

    fn survives(&self, place: Place, crash: Crash) {
        let context = format!("{} {place:?} {crash:?}", self.manifest);
        let client = self.plan.client(0);
        let mut world = self.world();
        let before = self.wealth(&world);
        world.crash_at(place, crash);
        let key = world.submit(client, self.wish());
        settle(&mut world, LIMIT, &context);
        world.run_for(crash.down);
        settle(&mut world, LIMIT, &context);
        let after = self.wealth(&world);
        let gain = (after.0 - before.0, after.1 - before.1);
        let price = i128::from(UNIT_PRICE.0);
        assert!((-2 * price..=0).contains(&gain.0), "{context}: the client gained {}", gain.0);
        assert!(gain.1 <= price, "{context}: the provider gained {}", gain.1);
        let paid = world.closed().values().filter(|closed| closed.outcome.is_paid()).count();
        assert!(paid <= 1, "{context}: paid {paid} times");
        match world.state(client, key) {
            Some(AttemptState::Closed(outcome)) => {
                let receipt = world.receipt(client, key).unwrap_or_else(|| panic!("{context}: no receipt"));
                assert_eq!(judge(&receipt).outcome, outcome, "{context}");
                assert!(self.free || (gain.1 > 0) == outcome.is_paid(), "{context}: {outcome:?}");
                assert_eq!(gain.1 < 0, outcome.is_slashed(), "{context}: {outcome:?}");
                self.expects(outcome, &context);
            }
            Some(AttemptState::Unanswered | AttemptState::Refused(_)) => {
                assert_eq!((gain, world.closed().len()), ((0, 0), 0), "{context}");
            }
            state => panic!("{context}: {state:?}"),
        }
    }

    /// What the client and the first founder own.
    fn wealth(&self, world: &World) -> (i128, i128) {
        let owned = |place| i128::from(world.wealth(place).unwrap_or_default().0);
        (owned(self.plan.client(0)), owned(self.plan.founder(0)))
    }

    /// An honest provider never loses more than its pay, and a forger that claims is never paid.
    fn expects(&self, outcome: Outcome, context: &str) {
        let nothing_claimed = [Outcome::NoClaim, Outcome::Aborted, Outcome::Cancelled].contains(&outcome);
        let expected = if self.forged { outcome.is_slashed() } else { outcome.is_paid() };
        assert!(expected || nothing_claimed, "{context}: {outcome:?}");
    }
}

#[test]
fn a_client_can_crash_at_any_point() {
    for manifest in [LABEL, TENSOR] {
        let job = Disturbed::new(manifest);
        job.survives_every_crash_of(job.plan.client(0));
    }
}

#[test]
fn a_client_that_has_many_providers_to_choose_from_can_crash_at_any_point() {
    let job = Disturbed::free(LABEL);
    job.survives_every_crash_of(job.plan.client(0));
}

#[test]
fn a_provider_can_crash_at_any_point() {
    for manifest in [LABEL, TENSOR] {
        let job = Disturbed::new(manifest);
        job.survives_every_crash_of(job.plan.founder(0));
    }
}

#[test]
fn a_verifier_can_crash_at_any_point() {
    for manifest in [LABEL, TENSOR] {
        let job = Disturbed::new(manifest);
        job.survives_every_crash_of(job.verifiers()[0]);
    }
}

#[test]
fn a_notary_can_crash_at_any_point() {
    for manifest in [LABEL, TENSOR] {
        let job = Disturbed::new(manifest);
        job.survives_every_crash_of(job.plan.notary());
    }
}

#[test]
fn an_accused_forger_can_crash_at_any_point() {
    let job = Disturbed::forged(TENSOR);
    job.survives_every_crash_of(job.plan.founder(0));
}

#[test]
fn those_who_judge_a_forger_can_crash_at_any_point() {
    let job = Disturbed::forged(TENSOR);
    let verifiers = job.verifiers();
    assert!(verifiers.len() > 1, "there was no jury: {verifiers:?}");
    verifiers.into_iter().for_each(|verifier| job.survives_every_crash_of(verifier));
}

#[test]
fn a_notary_can_crash_at_any_point_of_a_jury() {
    let job = Disturbed::forged(LABEL);
    job.survives_every_crash_of(job.plan.notary());
}
