//! A run in the market of the laboratory: figures are gathered as things happen, and nothing of a job is kept that is over.

use std::{collections::BTreeSet, sync::Arc};

use assay_market::Command;
use assay_protocol::{
    id::{NetworkId, PeerId},
    outcome::Outcome,
    signed::Signer,
    units::{Amount, NANO_PER_CREDIT},
};

use super::{
    ExperimentError, RunFigures, RunTime,
    course::{self, Cast, EventKernel},
    surplus::{self, GroupDeeds},
};
use crate::{
    behaviour::Behaviour,
    kernel::{Instant, Span},
    lab::{
        checking,
        market::{FIRST_JOBS, Ground, GroupTally, Invariants, Market, MarketTally, Observer},
        scenario::{FidelityName, Population, PopulationRole, Scenario},
    },
    links::Links,
    plan::{self, Plan},
    world::{Place, Wish},
};

impl<O: Observer> EventKernel for Market<O> {
    fn now(&self) -> Instant {
        Market::now(self)
    }

    fn events(&self) -> u64 {
        Market::events(self)
    }

    fn pass(&mut self, until: Instant) {
        self.run_until(until);
    }

    fn open(&mut self) {
        self.open_market();
    }

    fn provide(&mut self, place: Place) {
        Market::provide(self, place);
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
        Market::command(self, place, command);
    }

    fn withdrawable(&self, place: Place) -> Option<Amount> {
        let books = self.node(self.plan().notary())?.ledger()?;
        let account = books.accounts().get(&self.plan().key(place).id())?;
        Some(account.stake.minus_up_to(account.engaged()))
    }

    fn halt(&mut self, place: Place, span: Span) {
        self.sleep(place, span);
    }

    fn relink(&mut self, links: Links) {
        Market::relink(self, links);
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
        Market::recount(self);
    }

    fn end(&mut self, limit: Span) -> Result<(), String> {
        self.settle(limit)
    }
}

/// Before so many other figures stand the waits.
const WAITS: usize = 13;
/// The name of what a closed form says, and of what was found in parts of it.
const IN_THEORY: &str = "paid after a check, in theory";
pub(crate) const OVER_THEORY: &str = "paid after a check, over theory";
/// Up to this length of a run trust is as good as it was, as the closed form has it: a thirtieth of the time in which it halves.
const TRUST_LASTS: u64 = 86_400 * 1_000_000_000;

/// One run.
pub(super) fn live(
    scenario: &Scenario,
    seed: u64,
    time: &RunTime<'_>,
) -> Result<RunFigures, ExperimentError> {
    let plan = course::plan(scenario, seed);
    let cast = course::cast(scenario, &plan);
    let watch =
        (scenario.sweep > 0).then(|| Invariants::new(&plan, Arc::new(plan.genesis()), scenario.sweep));
    let tally = MarketTally::new(&plan, groups(scenario, &plan, &cast), Span(scenario.series));
    let ground = match scenario.fidelity {
        FidelityName::Sampled => Ground::of(&plan),
        FidelityName::Full => Ground::hop_by_hop(&plan),
    };
    let mut market = Market::new(plan, ground, (tally, watch));
    let course = course::play(scenario, seed, &mut market, &cast, time)?;
    let (tally, _) = market.observer();
    let digest = course.digest(market.digest());
    let mut figures = figures(scenario, market.plan(), tally, course.orders);
    let deed = |part: &GroupTally| GroupDeeds::of(market.genesis(), part.worked, part.results);
    let deeds: Vec<GroupDeeds> = tally.groups().iter().map(deed).collect();
    figures.extend(surplus::figures(scenario, &cast, (&course.gained, &course.pool), &deeds));
    let series = tally.series(Span(scenario.horizon.saturating_sub(scenario.warm_up)));
    Ok(RunFigures { seed, digest, events: Market::events(&market), figures, series })
}

/// The population of each place.
fn groups(scenario: &Scenario, plan: &Plan, cast: &Cast<'_>) -> Vec<Option<u16>> {
    let mut groups = vec![None; plan.peers()];
    for (place, population) in cast {
        let number = scenario.populations.iter().position(|each| core::ptr::eq(each, *population));
        groups[place.0] = number.and_then(|number| u16::try_from(number).ok());
    }
    groups
}

/// What is asked of every run.
fn figures(scenario: &Scenario, plan: &Plan, tally: &MarketTally, orders: u64) -> Vec<(String, Option<f64>)> {
    let paid = tally.count(Outcome::is_paid) as f64;
    let drawn = tally.count(|outcome| outcome.is_paid() && outcome != Outcome::NotDrawn) as f64;
    let checked = drawn - tally.count(|outcome| outcome == Outcome::Unchecked) as f64;
    let sum = |of: &dyn Fn(&GroupTally) -> u64, forges: bool| {
        let groups = tally.groups().iter().zip(&scenario.populations);
        groups.filter(|(_, each)| each.conduct.forges() == forges).map(|(part, _)| of(part)).sum::<u64>()
            as f64
    };
    let ended = |ways: &[Outcome]| tally.count(|outcome| ways.contains(&outcome)) as f64;
    let closed = tally.count(|_| true) as f64;
    let theory = in_theory(plan, tally);
    let figures: [(&str, f64); 18] = [
        ("orders", orders as f64),
        ("orders paid, share", paid / (orders as f64).max(1.0)),
        ("jobs closed", closed),
        ("jobs that providers gave up", ended(&[Outcome::Aborted, Outcome::Withdrawn])),
        ("jobs that clients cancelled", ended(&[Outcome::Cancelled])),
        ("jobs that nobody claimed", ended(&[Outcome::NoClaim])),
        ("jobs that nobody could check", ended(&[Outcome::Void, Outcome::Unreached])),
        ("paid after a check, share", checked / paid.max(1.0)),
        ("paid after a check, by their rates", tally.rates / paid.max(1.0)),
        ("checks, deviations from their rates", deviations(drawn, tally)),
        (IN_THEORY, theory / paid.max(1.0)),
        (OVER_THEORY, checked / theory.max(1.0)),
        ("runs of one job", (tally.runs + tally.checks) as f64 / closed.max(1.0)),
        ("forged results paid", sum(&|part| part.forged.paid, true)),
        ("forged results sold", sum(&|part| part.forged.sold, true)),
        ("forged results slashed", sum(&|part| part.forged.slashed, true)),
        ("honest results slashed", sum(&|part| part.slashed, false)),
        ("of those, claims that were not opened", sum(&|part| part.silent, false)),
    ];
    let has_theory = has_theory(scenario);
    let holds = |name: &str| has_theory || ![IN_THEORY, OVER_THEORY].contains(&name);
    let figures = figures.into_iter().map(|(name, value)| (name.to_owned(), holds(name).then_some(value)));
    let mut figures: Vec<_> = figures.collect();
    let waits = [("half", 0.5), ("95 %", 0.95), ("99 %", 0.99)];
    let waits = waits.map(|(name, share)| {
        (format!("wait for a result, {name}, s"), tally.waits.at(share).map(|micros| micros as f64 / 1e6))
    });
    figures.splice(WAITS..WAITS, waits);
    for (population, part) in scenario.populations.iter().zip(tally.groups()) {
        if population.role != PopulationRole::Client {
            figures.extend(of_group(population, part));
        }
    }
    figures
}

/// What one of a population was paid and lost, and when it was convicted.
fn of_group(population: &Population, part: &GroupTally) -> Vec<(String, Option<f64>)> {
    let count = population.count as f64;
    let each = |nano: u64| Some(nano as f64 / NANO_PER_CREDIT as f64 / count);
    let name = &population.name;
    let mut figures = vec![
        (format!("pay of one of {name}, credits"), each(part.earned)),
        (format!("fees of one of {name}, credits"), each(part.fees)),
    ];
    if population.conduct.forges() {
        let convicted = part.conviction;
        let time = (convicted.count() > 0).then(|| convicted.mean());
        figures.push((format!("{name} that were convicted, share"), Some(convicted.count() as f64 / count)));
        figures.push((format!("time until one of {name} is convicted, s"), time));
    }
    figures.push((format!("stake lost by one of {name}, credits"), each(part.lost + part.fines)));
    if population.role == PopulationRole::Newcomer {
        figures.extend(FIRST_JOBS.iter().zip(&part.firsts).map(|(jobs, paid)| {
            let figure = format!("paid for the first {jobs} jobs of one of {name}");
            (figure, (paid.count() > 0).then(|| paid.mean()))
        }));
    }
    figures
}

/// By how many standard deviations the draws are more than the rates of their jobs add up to.
fn deviations(drawn: f64, tally: &MarketTally) -> f64 {
    if tally.variance == 0.0 { 0.0 } else { (drawn - tally.rates) / libm::sqrt(tally.variance) }
}

/// Whether the closed form is of such a run. Of dear jobs more are checked than trust asks for, which it leaves out; and so is that
/// trust fades, that it may have been earned before figures count, and that newcomers with a stake earn it as well.
fn has_theory(scenario: &Scenario) -> bool {
    let earns = |each: &Population| each.role == PopulationRole::Newcomer && each.stake > 0;
    scenario.work != plan::TEXT
        && scenario.horizon <= TRUST_LASTS
        && scenario.warm_up == 0
        && !scenario.populations.iter().any(earns)
}

/// How many of the paid jobs are checked in theory, had each founder run its own one after the other: of those without a
/// stake all are.
fn in_theory(plan: &Plan, tally: &MarketTally) -> f64 {
    let founders: BTreeSet<PeerId> =
        (0..plan.founders).map(|number| plan.key(plan.founder(number)).id()).collect();
    let most = tally.served.values().copied().max().unwrap_or_default() as usize;
    let means = checking::checked_means(&plan.checks, most);
    let checked = |(peer, jobs): (&PeerId, &u64)| {
        if founders.contains(peer) { means[*jobs as usize] } else { *jobs as f64 }
    };
    tally.served.iter().map(checked).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{experiment, shipped};

    #[test]
    fn theory_is_left_out_where_trust_was_earned_before_or_by_newcomers_with_a_stake() {
        const FOUNDERS: &str = "[[population]]\ncount = 4\n";
        const NEWCOMERS: &str = "[[population]]\nrole = \"newcomer\"\n";
        for (more, holds) in [
            (FOUNDERS.to_owned(), true),
            (format!("{FOUNDERS}{NEWCOMERS}"), true),
            (format!("{FOUNDERS}{NEWCOMERS}stake = \"10 credits\"\n"), false),
            (format!("warm_up = \"5 s\"\n{FOUNDERS}"), false),
        ] {
            let text = format!(
                "[run]\nkernel = \"lab\"\nhorizon = \"20 s\"\n{more}[[population]]\nrole = \"client\"\n"
            );
            let scenario = Scenario::read("a.toml", &text, &shipped::text).unwrap();
            let run = experiment::live(&scenario, 1).unwrap();
            for name in [IN_THEORY, OVER_THEORY] {
                let (_, value) = run.figures.iter().find(|(known, _)| known == name).unwrap();
                assert_eq!(value.is_some(), holds, "{name}: {more}");
            }
        }
    }

    #[test]
    fn in_theory_every_job_of_a_provider_without_a_stake_is_checked() {
        let plan = Plan { clients: 2, ..Plan::default() };
        let mut tally = MarketTally::new(&plan, Vec::new(), Span::seconds(1));
        let newcomer = plan.key(plan.client(1)).id();
        tally.served.insert(newcomer, 300);
        assert_eq!(in_theory(&plan, &tally), 300.0);
        tally.served.insert(plan.key(plan.founder(0)).id(), 300);
        let all = in_theory(&plan, &tally);
        assert!(all > 305.0 && all < 400.0, "{all}");
    }
}
