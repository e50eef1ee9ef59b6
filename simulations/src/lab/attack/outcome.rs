//! What came of an attack, and whether it breaks a bound.
//!
//! **Invariant:** among attacks that gain and harm nothing in truth, one table in twenty says of some that it does, at most.

use super::AttackCase;
use crate::lab::{
    experiment::RunFigures,
    figure_column::CONFIDENCE,
    scenario::{Population, Scenario},
    statistics::{ConfidenceInterval, Moments},
};

/// What is called harm is more than this part of what everybody else has from the market: names cost nothing, so that some
/// friction can always be had for nothing.
const DUST: f64 = 0.02;

/// The runs of an attack: with the coalition at work, with its members honest at the usual price and at their own, and without
/// what they came for; each seed at the same place.
#[derive(Clone, Copy, Debug)]
pub struct AttackedRuns<'a> {
    /// With the coalition at work.
    pub attacked: &'a [RunFigures],
    /// With its members honest, at the usual price.
    pub honest: &'a [RunFigures],
    /// With its members honest, at the price that they ask where they attack.
    pub priced: &'a [RunFigures],
    /// Without what they came for.
    pub without: &'a [RunFigures],
}

/// What a figure of an attack is measured beside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttackReference {
    /// Its members, honest and at the usual price.
    UsualPrice,
    /// Its members, honest and at the price that they ask where they attack.
    OwnPrice,
    /// The market without what they came for.
    Without,
}

/// Each with its word.
const REFERENCES: [(&str, AttackReference); 3] = [
    ("usual_price", AttackReference::UsualPrice),
    ("own_price", AttackReference::OwnPrice),
    ("without", AttackReference::Without),
];

impl AttackReference {
    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        REFERENCES.iter().find(|(_, known)| *known == self).map_or("", |(word, _)| word)
    }

    /// The one of this word.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        REFERENCES.iter().find(|(known, _)| *known == word).map(|(_, reference)| *reference)
    }
}

/// What came of an attack. Money is in credits a run.
#[derive(Clone, Debug, PartialEq)]
pub struct AttackOutcome {
    /// What the coalition has beyond what it has if it is honest, at the price at which it has more.
    pub surplus: Moments,
    /// At which price that is.
    pub surplus_beside: AttackReference,
    /// How many honest results cost stake, in all runs.
    pub slashed: f64,
    /// What each of the others lost by it; less than nothing for who gained.
    pub losses: Vec<GroupLoss>,
    /// What those lost together that lost anything.
    pub harm: f64,
    /// Beside what: the market without what the coalition came for, or the one in which its members are honest at their own price,
    /// where others lose less beside that.
    pub harm_beside: AttackReference,
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
        let AttackedRuns { attacked, priced, without, .. } = runs;
        let worth = case.attacked.worth();
        let (surplus, surplus_beside) = surplus(case, runs);
        let had = held(case, &case.attacked, attacked);
        let costs: Vec<f64> =
            held(case, &case.without, without).iter().zip(&had).map(|(without, had)| without - had).collect();
        let cost: Moments = costs.iter().copied().collect();
        let others: Vec<&Population> = case.others().collect();
        let beside = |runs| OthersLosses::beside(&others, (attacked, runs), worth);
        let mut lost = beside(without);
        let mut harm_beside = AttackReference::Without;
        if case.asks_other_price() {
            let priced = beside(priced);
            // What a lower price takes from others it gives to those who pay it: that is competition, whoever asks it.
            if priced.harm() < lost.harm() {
                (lost, harm_beside) = (priced, AttackReference::OwnPrice);
            }
        }
        // Whoever gains takes from others what it gains: that is competition as well, and no harm beyond it.
        let sign: f64 = if cost.mean() < 0.0 { -1.0 } else { 1.0 };
        let of_all = |run: &RunFigures| -> f64 { others.iter().map(|group| net(run, group, worth)).sum() };
        let others_had: Moments = without.iter().map(|run| of_all(run).max(0.0)).collect();
        let results_of = |run: &RunFigures| -> f64 { others.iter().map(|group| results(run, group)).sum() };
        let pairs = attacked.iter().zip(without);
        let results_lost: Moments =
            pairs.map(|(attacked, without)| results_of(without) - results_of(attacked)).collect();
        Self {
            surplus,
            surplus_beside,
            slashed: attacked.iter().map(|run| figure(run, "honest results slashed")).sum(),
            harm: lost.harm(),
            harm_beside,
            excess: lost.harms.iter().zip(&costs).map(|(harm, cost)| harm - sign * cost).collect(),
            losses: lost.groups.into_iter().map(|(name, losses)| loss(name, &losses)).collect(),
            cost,
            dust: DUST * others_had.mean(),
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

impl AttackCase {
    /// What came of it, where `runs` gives those of each of its scenarios.
    ///
    /// # Errors
    /// What `runs` says of a scenario that it has none of.
    pub fn outcome<E>(
        &self,
        mut runs: impl FnMut(&Scenario) -> Result<Vec<RunFigures>, E>,
    ) -> Result<AttackOutcome, E> {
        let (attacked, honest, without) = (runs(&self.attacked)?, runs(&self.honest)?, runs(&self.without)?);
        let own = if self.asks_other_price() { Some(runs(&self.priced)?) } else { None };
        let priced: &[RunFigures] = own.as_deref().unwrap_or(&honest);
        let (attacked, honest, without) = (&attacked, &honest, &without);
        Ok(AttackOutcome::of(self, AttackedRuns { attacked, honest, priced, without }))
    }
}

fn loss(name: String, losses: &[f64]) -> GroupLoss {
    GroupLoss { name, loss: losses.iter().copied().collect() }
}

/// What the coalition of an attack had with each seed, in one of its scenarios.
fn held(case: &AttackCase, scenario: &Scenario, runs: &[RunFigures]) -> Vec<f64> {
    let worth = scenario.worth();
    let is_member = |group: &&Population| case.attackers().any(|member| member.name == group.name);
    let members: Vec<&Population> = scenario.populations.iter().filter(is_member).collect();
    runs.iter().map(|run| members.iter().map(|group| net(run, group, worth)).sum()).collect()
}

/// What the coalition has beyond what it has if it is honest, at the price at which that is more; and which that is.
fn surplus(case: &AttackCase, runs: AttackedRuns<'_>) -> (Moments, AttackReference) {
    let had = held(case, &case.attacked, runs.attacked);
    let beyond = |scenario: &Scenario, runs: &[RunFigures]| -> Moments {
        had.iter().zip(held(case, scenario, runs)).map(|(had, honest)| had - honest).collect()
    };
    let usual = beyond(&case.honest, runs.honest);
    if case.asks_other_price() {
        let own = beyond(&case.priced, runs.priced);
        if own.mean() < usual.mean() {
            return (own, AttackReference::OwnPrice);
        }
    }
    (usual, AttackReference::UsualPrice)
}

/// What everybody else lost with each seed.
struct OthersLosses {
    /// By whom: each of the others, and the pool.
    groups: Vec<(String, Vec<f64>)>,
    /// What those lost together that lost on average.
    harms: Vec<f64>,
}

impl OthersLosses {
    /// What they had less where some attack than in other runs.
    fn beside(others: &[&Population], (attacked, other): (&[RunFigures], &[RunFigures]), worth: f64) -> Self {
        let pairs: Vec<RunPair<'_>> = attacked.iter().zip(other).collect();
        let groups = losses(others, &pairs, worth);
        let harms = harms(&groups, pairs.len());
        Self { groups, harms }
    }

    fn harm(&self) -> f64 {
        self.harms.iter().copied().collect::<Moments>().mean()
    }
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
