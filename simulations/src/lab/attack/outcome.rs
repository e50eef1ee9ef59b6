//! What came of an attack, and whether it breaks a bound.
//!
//! **Invariant:** among attacks that gain and harm nothing in truth, one table in twenty says of some that it does, at most.

use super::AttackCase;
use crate::lab::{
    experiment::RunFigures,
    figure_column::CONFIDENCE,
    scenario::Population,
    statistics::{ConfidenceInterval, Moments},
};

/// What is called harm is more than this part of what everybody else has from the market: names cost nothing, so that some
/// friction can always be had for nothing.
const DUST: f64 = 0.02;

/// The runs of an attack: with the coalition at work, with its members honest, and without what they came for; each seed at
/// the same place.
#[derive(Clone, Copy, Debug)]
pub struct AttackedRuns<'a> {
    /// With the coalition at work.
    pub attacked: &'a [RunFigures],
    /// With its members honest.
    pub honest: &'a [RunFigures],
    /// Without what they came for.
    pub without: &'a [RunFigures],
}

/// What came of an attack. Money is in credits a run.
#[derive(Clone, Debug, PartialEq)]
pub struct AttackOutcome {
    /// What the coalition has beyond what it has if it is honest.
    pub surplus: Moments,
    /// How many honest results cost stake, in all runs.
    pub slashed: f64,
    /// What each of the others lost by it; less than nothing for who gained.
    pub losses: Vec<GroupLoss>,
    /// What those lost together that lost anything.
    pub harm: f64,
    /// What the coalition has less than without what it came for; less than nothing if it has more.
    pub cost: Moments,
    /// By how much the harm exceeds what the coalition paid for it, or took.
    pub excess: Moments,
    /// How much of that counts for nothing.
    pub dust: f64,
    /// How many true results the others had less.
    pub results_lost: f64,
}

/// What a group lost.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupLoss {
    /// Who.
    pub name: String,
    /// How much.
    pub loss: Moments,
}

/// Whether an attack breaks a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttackVerdict {
    /// It gains nothing, and costs whoever does it as much as everybody else: by more than chance.
    Holds,
    /// Nothing is shown: more seeds would tell.
    Open,
    /// It gains, or harms more than it costs, by more than chance; or an honest result cost stake.
    Broken,
}

impl AttackVerdict {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Open => "open",
            Self::Broken => "BROKEN",
        }
    }
}

/// Two runs with the same seed: with the coalition at work, and what that is put beside.
type RunPair<'a> = (&'a RunFigures, &'a RunFigures);

impl AttackOutcome {
    /// What came of an attack, by its runs.
    #[must_use]
    pub fn of(case: &AttackCase, runs: AttackedRuns<'_>) -> Self {
        let AttackedRuns { attacked, honest, without } = runs;
        let worth = case.attacked.worth();
        let attackers: Vec<&Population> = case.attackers().collect();
        let others: Vec<&Population> = case.others().collect();
        let sum = |run: &RunFigures, groups: &[&Population]| -> f64 {
            groups.iter().map(|group| net(run, group, worth)).sum()
        };
        let less = |pair: &RunPair<'_>| sum(pair.1, &attackers) - sum(pair.0, &attackers);
        let pairs: Vec<RunPair<'_>> = attacked.iter().zip(without).collect();
        let costs: Vec<f64> = pairs.iter().map(less).collect();
        let cost: Moments = costs.iter().copied().collect();
        let losses = losses(&others, &pairs, worth);
        let harms = harms(&losses, costs.len());
        // Whoever gains takes from others what it gains: that is competition, and no harm beyond it.
        let sign: f64 = if cost.mean() < 0.0 { -1.0 } else { 1.0 };
        let had: Moments = without.iter().map(|run| sum(run, &others).max(0.0)).collect();
        let results_of = |run: &RunFigures| -> f64 { others.iter().map(|group| results(run, group)).sum() };
        let results_lost: Moments =
            pairs.iter().map(|(attacked, without)| results_of(without) - results_of(attacked)).collect();
        Self {
            surplus: attacked.iter().zip(honest).map(|pair| -less(&pair)).collect(),
            slashed: attacked.iter().map(|run| figure(run, "honest results slashed")).sum(),
            losses: losses.into_iter().map(|(name, losses)| loss(name, &losses)).collect(),
            harm: harms.iter().copied().collect::<Moments>().mean(),
            excess: harms.iter().zip(&costs).map(|(harm, cost)| harm - sign * cost).collect(),
            cost,
            dust: DUST * had.mean(),
            results_lost: results_lost.mean(),
        }
    }

    /// How many seeds there were.
    #[must_use]
    pub fn seeds(&self) -> u64 {
        self.surplus.count()
    }

    /// Where the surplus lies.
    #[must_use]
    pub fn surplus_interval(&self) -> Option<ConfidenceInterval> {
        self.surplus.interval(CONFIDENCE)
    }

    /// The harm in parts of what it cost; nothing if it cost nothing.
    #[must_use]
    pub fn harm_over_cost(&self) -> Option<f64> {
        (self.cost.mean() > 0.0).then(|| self.harm / self.cost.mean())
    }

    /// Whether it breaks a bound, where so many attacks are looked at together.
    #[must_use]
    pub fn verdict(&self, together: usize) -> AttackVerdict {
        // Each attack has two chances to break a bound by chance.
        let shared = 1.0 - (1.0 - CONFIDENCE) / (2 * together.max(1)) as f64;
        let least = |of: &Moments| of.interval(shared).map(|interval| interval.low);
        let most = |of: &Moments| of.interval(CONFIDENCE).map(|interval| interval.high);
        let exceeds = |low: Option<f64>, bound: f64| low.is_some_and(|low| low > bound);
        let is_within = |high: Option<f64>, bound: f64| high.is_some_and(|high| high <= bound);
        if self.slashed > 0.0 || exceeds(least(&self.surplus), 0.0) || exceeds(least(&self.excess), self.dust)
        {
            AttackVerdict::Broken
        } else if is_within(most(&self.surplus), 0.0) && is_within(most(&self.excess), self.dust) {
            AttackVerdict::Holds
        } else {
            AttackVerdict::Open
        }
    }
}

fn loss(name: String, losses: &[f64]) -> GroupLoss {
    GroupLoss { name, loss: losses.iter().copied().collect() }
}

/// What each of the others, and the pool, had less with each seed.
fn losses(others: &[&Population], pairs: &[RunPair<'_>], worth: f64) -> Vec<(String, Vec<f64>)> {
    let of_group = |group: &&Population| {
        let loss =
            |(attacked, without): &RunPair<'_>| net(without, group, worth) - net(attacked, group, worth);
        (group.name.clone(), pairs.iter().map(loss).collect())
    };
    let pool = |run: &RunFigures| figure(run, "gain of the pool, credits");
    let of_pool = pairs.iter().map(|(attacked, without)| pool(without) - pool(attacked)).collect();
    others.iter().map(of_group).chain([("the pool".to_owned(), of_pool)]).collect()
}

/// What those had less together, with each seed, that had less on average.
fn harms(losses: &[(String, Vec<f64>)], seeds: usize) -> Vec<f64> {
    let hurt: Vec<&Vec<f64>> =
        losses.iter().map(|(_, losses)| losses).filter(|losses| losses.iter().sum::<f64>() > 0.0).collect();
    (0..seeds).map(|seed| hurt.iter().map(|losses| losses[seed]).sum()).collect()
}

/// What all of a population had from a run; nothing if they were not in it.
fn net(run: &RunFigures, group: &Population, worth: f64) -> f64 {
    let Population { name, count, .. } = group;
    let gain = figure(run, &format!("gain of one of {name}, credits"));
    let work = figure(run, &format!("work of one of {name}, credits"));
    (gain - work) * *count as f64 + results(run, group) * worth
}

/// How many true results all of a population had.
fn results(run: &RunFigures, group: &Population) -> f64 {
    figure(run, &format!("results of one of {}", group.name)) * group.count as f64
}

fn figure(run: &RunFigures, name: &str) -> f64 {
    let found = run.figures.iter().find(|(known, _)| known == name);
    found.and_then(|(_, value)| *value).unwrap_or_default()
}
