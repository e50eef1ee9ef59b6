//! A run in the checker's world: every message through the codec, every rule after every fact.

use assay_market::Command;
use assay_protocol::{
    id::{NetworkId, PeerId},
    outcome::Outcome,
    units::Amount,
};

use super::{
    ExperimentError, RunFigures, RunTime,
    course::{self, Cast, EventKernel, SeedCourse},
    surplus::{self, GroupDeeds},
};
use crate::{
    behaviour::Behaviour,
    kernel::{Instant, Span},
    lab::{
        market::is_claimed,
        scenario::{Population, Scenario},
    },
    links::Links,
    plan::Plan,
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

    fn planned(&self) -> &Plan {
        self.plan()
    }

    fn network_id(&self) -> NetworkId {
        self.genesis().id()
    }

    fn adopt(&mut self, place: Place, behaviour: Box<dyn Behaviour>) {
        self.behave(place, behaviour);
    }

    fn order(&mut self, client: Place, wish: Wish) {
        self.submit(client, wish);
    }

    fn command(&mut self, place: Place, command: Command) {
        World::command(self, place, command);
    }

    fn withdrawable(&self, place: Place) -> Option<Amount> {
        let books = self.node(self.plan().notary())?.ledger()?;
        let account = books.accounts().get(&self.id(place))?;
        Some(account.stake.minus_up_to(account.engaged()))
    }

    fn halt(&mut self, place: Place, span: Span) {
        self.sleep(place, span);
    }

    fn relink(&mut self, links: Links) {
        self.network().relink(links);
    }

    fn owned(&self, place: Place) -> Option<Amount> {
        self.wealth(place)
    }

    fn pool(&self) -> Option<Amount> {
        let (pool, ..) = self.node(self.plan().notary())?.ledger()?.pool_minted_burned();
        Some(pool)
    }

    fn owed(&self) -> Option<Amount> {
        Some(self.node(self.plan().notary())?.ledger()?.owed(None))
    }

    fn recount(&mut self) {
        World::recount(self);
    }

    fn end(&mut self, limit: Span) -> Result<(), String> {
        self.settle(limit).map_err(|unsettled| unsettled.to_string())
    }
}

/// One run.
pub(super) fn live(
    scenario: &Scenario,
    seed: u64,
    time: &RunTime<'_>,
) -> Result<RunFigures, ExperimentError> {
    let mut world = World::new(course::plan(scenario, seed));
    let cast = course::cast(scenario, world.plan());
    let course = course::play(scenario, seed, &mut world, &cast, time)?;
    let seen = world.digest().0.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let digest = course.digest(seen);
    let figures = figures(&world, scenario, &cast, &course);
    Ok(RunFigures { seed, digest, events: World::events(&world), figures, series: Vec::new() })
}

/// What is asked of every run.
fn figures(
    world: &World,
    scenario: &Scenario,
    cast: &Cast<'_>,
    course: &SeedCourse,
) -> Vec<(String, Option<f64>)> {
    let orders = course.orders;
    let forges = |id: PeerId| {
        let found = cast.iter().find(|(place, _)| world.id(*place) == id);
        found.is_some_and(|(_, population)| population.conduct.forges())
    };
    let closed: Vec<(&Closed, bool, bool)> = world
        .counted()
        .map(|(job, closed)| {
            let forges = forges(closed.provider);
            (closed, forges, forges && world.forged().contains(job))
        })
        .collect();
    let count = |wanted: &dyn Fn(&Closed) -> bool| {
        let found = closed.iter().filter(|(job, ..)| wanted(job));
        found.count() as f64
    };
    let forged = |wanted: &dyn Fn(&Closed) -> bool| {
        let found = closed.iter().filter(|(job, _, forged)| *forged && wanted(job));
        found.count() as f64
    };
    let honest = |wanted: &dyn Fn(&Closed) -> bool| {
        let found = closed.iter().filter(|(job, forges, _)| !*forges && wanted(job));
        found.count() as f64
    };
    let paid = count(&|job| job.outcome.is_paid());
    let unchecked = count(&|job| matches!(job.outcome, Outcome::NotDrawn | Outcome::Unchecked));
    let figures: Vec<(&str, f64)> = vec![
        ("orders", orders as f64),
        ("orders paid, share", paid / (orders as f64).max(1.0)),
        ("jobs closed", closed.len() as f64),
        ("paid after a check, share", (paid - unchecked) / paid.max(1.0)),
        ("forged results paid", forged(&|job| job.outcome.is_paid())),
        ("forged results sold", forged(&|job| is_claimed(job.outcome))),
        ("forged results slashed", forged(&|job| !job.slashed.is_zero())),
        ("honest results slashed", honest(&|job| !job.slashed.is_zero())),
        ("of those, claims that were not opened", honest(&|job| job.outcome == Outcome::Silent)),
    ];
    let figures = figures.into_iter().map(|(name, value)| (name.to_owned(), Some(value)));
    let deeds = deeds(world, scenario, cast);
    figures.chain(surplus::figures(scenario, cast, (&course.gained, &course.pool), &deeds)).collect()
}

/// What the members of each population did and were given.
fn deeds(world: &World, scenario: &Scenario, cast: &Cast<'_>) -> Vec<GroupDeeds> {
    let of = |population: &Population| {
        let members = cast.iter().filter(|(_, each)| core::ptr::eq(*each, population));
        let (work, results) = members.fold((0, 0), |(work, results), (place, _)| {
            (world.worked(*place).saturating_add(work), world.results(*place) + results)
        });
        GroupDeeds::of(world.genesis(), work, results)
    };
    scenario.populations.iter().map(of).collect()
}
