//! A run in the checker's world: every message through the codec, every rule after every fact.

use assay_protocol::{id::PeerId, outcome::Outcome, units::Amount};

use super::{
    ExperimentError, RunFigures,
    course::{self, Cast, EventKernel, SeedCourse},
};
use crate::{
    kernel::{Instant, Span},
    lab::{
        market::is_claimed,
        scenario::{Conduct, Scenario},
    },
    world::{Closed, Place, Wish, World},
};

impl EventKernel for World {
    fn now(&self) -> Instant {
        World::now(self)
    }

    fn events(&self) -> u64 {
        World::events(self)
    }

    fn pass(&mut self, until: Instant) {
        self.run_for(Span(until.0.saturating_sub(World::now(self).0)));
    }

    fn open(&mut self) {
        self.open_market();
    }

    fn provide(&mut self, place: Place) {
        World::provide(self, place);
    }

    fn conduct(&mut self, place: Place, conduct: Conduct) {
        if let Some(behaviour) = conduct.behaviour(self.key(place), self.genesis().id()) {
            self.behave(place, behaviour);
        }
    }

    fn order(&mut self, client: Place, wish: Wish) {
        self.submit(client, wish);
    }

    fn halt(&mut self, place: Place, span: Span) {
        self.sleep(place, span);
    }

    fn owned(&self, place: Place) -> Option<Amount> {
        self.wealth(place)
    }

    fn end(&mut self, limit: Span) -> Result<(), String> {
        self.settle(limit).map_err(|unsettled| unsettled.to_string())
    }
}

/// One run.
pub(super) fn live(scenario: &Scenario, seed: u64) -> Result<RunFigures, ExperimentError> {
    let mut world = World::new(course::plan(scenario, seed));
    let cast = course::cast(scenario, world.plan());
    let course = course::play(scenario, seed, &mut world, &cast)?;
    let figures = figures(&world, &cast, course);
    let digest = world.digest().0.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Ok(RunFigures { seed, digest, events: World::events(&world), figures })
}

/// What is asked of every run.
fn figures(world: &World, cast: &Cast<'_>, course: SeedCourse) -> Vec<(String, Option<f64>)> {
    let SeedCourse { orders, gains } = course;
    let conducts = |id: PeerId| {
        let found = cast.iter().find(|(place, _)| world.id(*place) == id);
        found.map(|(_, population)| population.conduct)
    };
    let closed: Vec<_> = world.closed().values().map(|job| (job, conducts(job.provider))).collect();
    let count = |wanted: &dyn Fn(&Closed, bool) -> bool| {
        let found = closed.iter().filter(|(job, conduct)| wanted(job, conduct.is_some_and(Conduct::forges)));
        found.count() as f64
    };
    let paid = count(&|job, _| job.outcome.is_paid());
    let unchecked = count(&|job, _| matches!(job.outcome, Outcome::NotDrawn | Outcome::Unchecked));
    let mut figures: Vec<(String, f64)> = vec![
        ("orders".into(), orders as f64),
        ("orders paid, share".into(), paid / (orders as f64).max(1.0)),
        ("jobs closed".into(), closed.len() as f64),
        ("paid after a check, share".into(), (paid - unchecked) / paid.max(1.0)),
        ("forged results paid".into(), count(&|job, forged| forged && job.outcome.is_paid())),
        ("forged results sold".into(), count(&|job, forged| forged && is_claimed(job.outcome))),
        ("forged results slashed".into(), count(&|job, forged| forged && !job.slashed.is_zero())),
        ("honest results slashed".into(), count(&|job, forged| !forged && !job.slashed.is_zero())),
        (
            "of those, claims that were not opened".into(),
            count(&|job, forged| !forged && job.outcome == Outcome::Silent),
        ),
    ];
    figures.extend(gains);
    figures.into_iter().map(|(name, value)| (name, Some(value))).collect()
}
