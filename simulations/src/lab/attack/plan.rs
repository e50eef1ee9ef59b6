//! Several attacks, each with the same seeds, and the runs that they take: one that several need is made once.
//!
//! **Invariant:** what comes of a plan follows from its cases, seeds and version, whoever made which run.

use std::collections::BTreeMap;

use super::{AttackCase, AttackOutcome, AttackReference};
use crate::lab::{
    artefact::{VERSION, short_digest},
    experiment::RunFigures,
    pieces::ListedPieces,
    rows,
    scenario::Scenario,
};

/// Attacks, and the seeds that each is run with.
#[derive(Clone, Debug)]
pub struct AttackPlan {
    cases: Vec<AttackCase>,
    first: u64,
    seeds: u64,
    /// Each scenario that is run, by what stands for it, in the order in which they are.
    scenarios: Vec<(String, Scenario)>,
}

/// An attack by its name, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedOutcome {
    /// The attack.
    pub name: String,
    /// Its scenario.
    pub scenario: Scenario,
    /// The share of the stake of the first day that attacks.
    pub stake_share: f64,
    /// What came of it.
    pub outcome: AttackOutcome,
}

impl AttackPlan {
    /// These attacks, with so many seeds from the first on.
    #[must_use]
    pub fn new(cases: Vec<AttackCase>, first: u64, seeds: u64) -> Self {
        let mut scenarios: Vec<(String, Scenario)> = Vec::new();
        for scenario in cases.iter().flat_map(AttackCase::scenarios) {
            let hash = scenario.hash();
            if !scenarios.iter().any(|(known, _)| *known == hash) {
                scenarios.push((hash, scenario.clone()));
            }
        }
        Self { cases, first, seeds, scenarios }
    }

    /// The attacks.
    #[must_use]
    pub fn cases(&self) -> &[AttackCase] {
        &self.cases
    }

    /// The first seed, and how many there are.
    #[must_use]
    pub fn seeds(&self) -> (u64, u64) {
        (self.first, self.seeds)
    }

    /// Each scenario that is run, by what stands for it.
    #[must_use]
    pub fn scenarios(&self) -> &[(String, Scenario)] {
        &self.scenarios
    }

    /// Stands for all of it.
    #[must_use]
    pub fn hash(&self) -> String {
        let cases = self.cases.iter().map(|case| format!("{} {}\n", case.name, case.attacked.hash()));
        let (first, seeds) = self.seeds();
        short_digest("attacks", &format!("{VERSION} {first} {seeds}\n{}", cases.collect::<String>()))
    }

    /// The runs of these of its scenarios, each with all seeds.
    #[must_use]
    pub fn pieces(&self, scenarios: &[usize]) -> ListedPieces {
        let seeds = self.first..self.first + self.seeds;
        let pieces = scenarios.iter().flat_map(|number| seeds.clone().map(move |seed| (*number, seed)));
        let scenarios = self.scenarios.iter().map(|(_, scenario)| scenario.clone());
        ListedPieces { pieces: pieces.collect(), scenarios: scenarios.collect() }
    }

    /// What came of each attack of which all runs are there, by what stands for their scenarios.
    #[must_use]
    pub fn outcomes(&self, runs: &BTreeMap<String, Vec<RunFigures>>) -> Vec<NamedOutcome> {
        let outcome = |case: &AttackCase| {
            let outcome = case.outcome(|scenario| runs.get(&scenario.hash()).cloned().ok_or(())).ok()?;
            Some(NamedOutcome {
                name: case.name.clone(),
                scenario: case.attacked.clone(),
                stake_share: case.stake_share(),
                outcome,
            })
        };
        self.cases.iter().filter_map(outcome).collect()
    }

    /// What is typed to look at one attack alone.
    #[must_use]
    pub fn command(&self, file: &str) -> String {
        format!("assay sim attack {file} --seeds {} --first-seed {}", self.seeds, self.first)
    }
}

/// What stands above [`NamedOutcome::line`].
const HEADS: &str = "attack,seeds,stake_share,surplus,surplus_low95,surplus_high95,surplus_beside,honest_slashed,harm,\
                     harm_beside,cost,excess,dust,results_lost,verdict";

/// What came of several attacks, as comma-separated values.
#[must_use]
pub fn table(outcomes: &[NamedOutcome]) -> String {
    let lines = outcomes.iter().map(|each| each.line(outcomes.len()));
    core::iter::once(HEADS.to_owned()).chain(lines).map(|line| line + "\n").collect()
}

impl NamedOutcome {
    fn line(&self, together: usize) -> String {
        let AttackOutcome { surplus, slashed, harm, cost, excess, dust, results_lost, .. } = &self.outcome;
        let [surplus_beside, harm_beside] =
            [self.outcome.surplus_beside, self.outcome.harm_beside].map(AttackReference::word);
        let interval = self.outcome.surplus_interval();
        let [low, high] = [interval.map(|of| of.low), interval.map(|of| of.high)]
            .map(|value| value.map_or_else(String::new, |value| format!("{value:.9}")));
        format!(
            "{},{},{:.4},{:.9},{low},{high},{surplus_beside},{slashed},{harm:.9},{harm_beside},{:.9},{:.9},{dust:.9},\
             {results_lost:.4},{}",
            rows::quoted(&self.name),
            surplus.count(),
            self.stake_share,
            surplus.mean(),
            cost.mean(),
            excess.mean(),
            self.outcome.verdict(together).word(),
        )
    }
}
