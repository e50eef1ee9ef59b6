//! Scenarios in which something is wrong, made smaller while it still is.
//!
//! **Invariant:** what is left shows the same fault as what it was made of, with the same seeds.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    attack::{AttackCase, AttackVerdict},
    experiment::{self, ExperimentError, RunFigures},
    pieces::said,
    scenario::{Crowd, LinkFault, Population, Scenario},
};
use crate::plan;

/// What is wrong with a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScenarioFault {
    /// A rule of the books does not hold: what is said of it, without its figures.
    Rule(String),
    /// Something in it never ends.
    Unsettled,
    /// Two runs with one seed are not the same.
    Unlike,
    /// An honest result costs stake.
    Slashed,
    /// Whoever attacks gains by it.
    Gains,
    /// It harms others more than it costs whoever attacks.
    Harms,
}

impl ScenarioFault {
    /// What it is, in words.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Rule(said) => format!("a rule of the books is broken: {said}"),
            Self::Unsettled => "something never ends".to_owned(),
            Self::Unlike => "the same seed gives two results".to_owned(),
            Self::Slashed => "an honest result costs stake".to_owned(),
            Self::Gains => "whoever attacks gains by it".to_owned(),
            Self::Harms => "it harms others more than it costs whoever attacks".to_owned(),
        }
    }
}

/// What is wrong with a scenario, with so many seeds from this one on; nothing if all is well, or it is too large to say.
#[must_use]
pub fn fault(scenario: &Scenario, first: u64, seeds: u64) -> Option<ScenarioFault> {
    let attacked = match runs(scenario, first, seeds) {
        Ok(attacked) => attacked,
        Err(fault) => return fault,
    };
    let slashed = |run: &RunFigures| {
        let figure = run.figures.iter().find(|(name, _)| name == "honest results slashed");
        figure.and_then(|(_, value)| *value).is_some_and(|count| count > 0.0)
    };
    if attacked.iter().any(slashed) {
        return Some(ScenarioFault::Slashed);
    }
    // Where nobody attacks there is nothing to put it beside.
    let case = AttackCase::of("a smaller one", scenario.clone()).ok()?;
    let of = |beside: &Scenario| match *beside == case.attacked {
        true => Ok(attacked.clone()),
        false => runs(beside, first, seeds),
    };
    let outcome = case.outcome(of).ok()?;
    if outcome.verdict(1) != AttackVerdict::Broken {
        return None;
    }
    let gains = outcome.surplus_interval().is_some_and(|interval| interval.low > 0.0);
    Some(if gains { ScenarioFault::Gains } else { ScenarioFault::Harms })
}

/// The runs of a scenario, or what is wrong with one of them.
fn runs(scenario: &Scenario, first: u64, seeds: u64) -> Result<Vec<RunFigures>, Option<ScenarioFault>> {
    let run = |seed| match catch_unwind(AssertUnwindSafe(|| experiment::live(scenario, seed))) {
        Ok(Ok(run)) => Ok(run),
        Ok(Err(ExperimentError::Unsettled { .. })) => Err(Some(ScenarioFault::Unsettled)),
        Ok(Err(ExperimentError::Unlike { .. })) => Err(Some(ScenarioFault::Unlike)),
        // What is too large, or whose program ends, says nothing.
        Ok(Err(ExperimentError::TooManyEvents { .. } | ExperimentError::Strategy { .. })) => Err(None),
        Err(panic) => Err(Some(ScenarioFault::Rule(without_figures(&said(&*panic))))),
    };
    (first..first + seeds).map(run).collect()
}

/// What a panic said, in its first words: names and amounts are others in a smaller scenario.
fn without_figures(said: &str) -> String {
    let letters = said.chars().take_while(|letter| !letter.is_ascii_digit() && *letter != '\n');
    letters.take(80).collect::<String>().trim().to_owned()
}

/// A scenario that is a little smaller, and what is less in it.
#[derive(Clone, Debug, PartialEq)]
pub struct SmallerScenario {
    /// What is less, in words.
    pub what: String,
    /// The scenario.
    pub scenario: Scenario,
}

/// Scenarios that are smaller than this one, the smallest first. Each can be run.
#[must_use]
pub fn smaller(scenario: &Scenario) -> Vec<SmallerScenario> {
    let mut all = Vec::new();
    let mut with = |what: String, scenario: Scenario| all.push(SmallerScenario { what, scenario });
    for (place, population) in scenario.populations.iter().enumerate() {
        let mut populations = scenario.populations.clone();
        populations.remove(place);
        with(format!("without {}", population.name), Scenario { populations, ..scenario.clone() });
    }
    for horizon in [scenario.horizon / 2, scenario.horizon / 4 * 3] {
        with(format!("{} s of orders", horizon / 1_000_000_000), shorter(scenario, horizon));
    }
    for (place, population) in scenario.populations.iter().enumerate() {
        for count in [population.count / 2, population.count - 1] {
            let of = |each: &Population| Population { count, ..each.clone() };
            with(format!("{count} of {}", population.name), changed(scenario, place, of));
        }
    }
    for (place, population) in scenario.populations.iter().enumerate() {
        let moves_nothing = |each: &Population| Population { staked: 0, unstaked: 0, ..each.clone() };
        let plain =
            |each: &Population| Population { online: 0, away: 0, begins: 0, ends: 0, ..moves_nothing(each) };
        with(
            format!("{} there, and the same, all the time", population.name),
            changed(scenario, place, plain),
        );
        let usual = |each: &Population| Population { stake: 0, ..moves_nothing(each) };
        with(format!("{} with the usual stake", population.name), changed(scenario, place, usual));
    }
    simpler(scenario, &mut with);
    all.retain(|each| each.scenario != *scenario && can_be_run(&each.scenario));
    all
}

/// The same with less in its tables.
fn simpler(scenario: &Scenario, with: &mut impl FnMut(String, Scenario)) {
    let same = || scenario.clone();
    let crowd = Crowd { at: 0, lasts: 0, factor: 1 };
    with("no crowd".into(), Scenario { crowd, ..same() });
    for (place, fault) in scenario.faults.iter().enumerate() {
        let mut faults = scenario.faults.clone();
        faults.remove(place);
        with(format!("without the fault {}", fault.name), Scenario { faults, ..same() });
    }
    with("no loss".into(), Scenario { loss: 0, ..same() });
    with("no warm-up".into(), Scenario { warm_up: 0, ..same() });
    with("one price".into(), Scenario { price_step: 0, ..same() });
    with("one attempt".into(), Scenario { attempts: 1, ..same() });
    let long = super::scenario::WHOLE;
    with("labels instead of other work".into(), Scenario { work: plan::LABEL, long, ..same() });
    with("half as many orders".into(), Scenario { between: scenario.between.saturating_mul(2), ..same() });
}

/// A scenario of which one population is another.
fn changed(scenario: &Scenario, place: usize, of: impl Fn(&Population) -> Population) -> Scenario {
    let mut populations = scenario.populations.clone();
    populations[place] = of(&populations[place]);
    Scenario { populations, ..scenario.clone() }
}

/// A scenario with another horizon, and everything within it.
fn shorter(scenario: &Scenario, horizon: u64) -> Scenario {
    let part = |at: u64| (u128::from(at) * u128::from(horizon) / u128::from(scenario.horizon.max(1))) as u64;
    let population = |each: &Population| {
        let (begins, ends) = (part(each.begins), part(each.ends));
        let (staked, unstaked) = (part(each.staked), part(each.unstaked));
        Population { begins, ends, staked, unstaked, ..each.clone() }
    };
    let fault = |each: &LinkFault| {
        let (at, lasts) = (part(each.at), part(each.lasts));
        LinkFault { at, lasts, ..each.clone() }
    };
    Scenario {
        horizon,
        warm_up: part(scenario.warm_up),
        populations: scenario.populations.iter().map(population).collect(),
        faults: scenario.faults.iter().map(fault).collect(),
        ..scenario.clone()
    }
}

fn can_be_run(scenario: &Scenario) -> bool {
    Scenario::read(&scenario.name, &scenario.resolved(), &|_| None).is_ok_and(|read| read == *scenario)
}

/// A scenario that is being made smaller.
#[derive(Clone, Debug)]
pub struct Shrinking {
    scenario: Scenario,
    fault: ScenarioFault,
    first: u64,
    seeds: u64,
    left: Vec<SmallerScenario>,
}

/// What became of a scenario that is being made smaller.
#[derive(Clone, Debug, PartialEq)]
pub enum ShrinkStep {
    /// It is smaller, by this.
    Smaller(String),
    /// It was tried in vain.
    Same,
    /// It cannot be made smaller.
    Over,
}

impl Shrinking {
    /// Begins with a scenario that shows this with these seeds.
    #[must_use]
    pub fn new(scenario: Scenario, fault: ScenarioFault, first: u64, seeds: u64) -> Self {
        let left = in_turn(&scenario);
        Self { scenario, fault, first, seeds, left }
    }

    /// What it is by now.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Tries one that is smaller.
    pub fn step(&mut self) -> ShrinkStep {
        let Some(next) = self.left.pop() else { return ShrinkStep::Over };
        if fault(&next.scenario, self.first, self.seeds).as_ref() != Some(&self.fault) {
            return ShrinkStep::Same;
        }
        self.left = in_turn(&next.scenario);
        self.scenario = next.scenario;
        ShrinkStep::Smaller(next.what)
    }
}

/// The smaller ones of a scenario, so that the first is popped first.
fn in_turn(scenario: &Scenario) -> Vec<SmallerScenario> {
    let mut all = smaller(scenario);
    all.reverse();
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{scenario::BehaviourName, shipped};

    fn scenario(name: &str) -> Scenario {
        let text = shipped::text(name).unwrap();
        Scenario::read(name, &text, &shipped::text).unwrap()
    }

    #[test]
    fn everything_smaller_can_be_run_and_is_another_scenario() {
        for (name, _) in shipped::ALL {
            let whole = scenario(name);
            let all = smaller(&whole);
            assert!(all.len() > 5, "{name}: {}", all.len());
            for each in all {
                assert_ne!(each.scenario, whole, "{name}: {}", each.what);
                assert!(each.scenario.peers() <= whole.peers() && each.scenario.horizon <= whole.horizon);
            }
        }
        let crowded = smaller(&scenario("flash-crowd"));
        assert!(crowded.iter().any(|each| each.what == "no crowd"));
    }

    #[test]
    fn an_honest_market_has_no_fault_and_neither_has_one_that_is_too_large() {
        let market = Scenario { horizon: 2_000_000_000, ..scenario("market") };
        assert_eq!(fault(&market, 1, 2), None);
        assert_eq!(fault(&Scenario { events_max: 10, ..market }, 1, 1), None);
    }

    #[test]
    fn an_honest_result_that_costs_stake_still_does_in_what_is_smaller() {
        // Machines that stand still while they are accused: what the laboratory found of peers that come and go.
        let churn = scenario("churn");
        let seeds = (1..60).find(|seed| fault(&churn, *seed, 1) == Some(ScenarioFault::Slashed));
        let seed = seeds.expect("it happens to one run in three");
        let mut shrinking = Shrinking::new(churn.clone(), ScenarioFault::Slashed, seed, 1);
        let (mut steps, mut tried) = (Vec::new(), 0);
        while steps.is_empty() && tried < 60 {
            tried += 1;
            match shrinking.step() {
                ShrinkStep::Smaller(what) => steps.push(what),
                ShrinkStep::Same => {}
                ShrinkStep::Over => break,
            }
        }
        let small = shrinking.scenario();
        assert_eq!(fault(small, seed, 1), Some(ScenarioFault::Slashed), "{steps:?}");
        assert!(!steps.is_empty() && small.orders() <= churn.orders() && small.peers() <= churn.peers());
    }

    #[test]
    fn faults_are_told_in_words_and_there_is_none_where_forgers_lose() {
        let words = [
            (ScenarioFault::Gains, "whoever attacks gains by it"),
            (ScenarioFault::Rule("the books".into()), "a rule of the books is broken: the books"),
        ];
        words.into_iter().for_each(|(fault, expected)| assert_eq!(fault.words(), expected));
        assert_eq!(without_figures("the books do not balance: 17 and 4"), "the books do not balance:");
        let market = Scenario { horizon: 4_000_000_000, ..scenario("fraud-vs-check-rate") };
        let crook = |each: &Population| each.conduct == BehaviourName::Forger;
        assert!(market.populations.iter().any(crook));
        assert_eq!(fault(&market, 1, 3), None, "forgers lose");
    }
}
