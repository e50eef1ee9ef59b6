//! The search itself: what is tried next, and what of it was a breach.
//!
//! **Invariant:** see [`super`].

use std::collections::BTreeSet;

use super::{Genome, SeekFamily, SeekScore, Trial, TrialKind};
use crate::{
    lab::{
        artefact::{VERSION, short_digest},
        attack::{AttackCase, AttackOutcome, AttackVerdict},
        scenario::Scenario,
    },
    random::Stream,
};

/// Attacks that are made up at a time, before it is seen what came of them.
pub const BATCH: usize = 8;
/// Batches of which all are made up, and none is changed.
const FIRST_BATCHES: usize = 2;
/// Of the others one in so many is made up.
const MADE_UP_ONE_IN: u64 = 3;
/// The best, of which one is changed.
const BEST: usize = 4;
/// How often chance is asked for one that was not tried before.
const ASKED_MAX: usize = 50;
/// Between the seeds of a glance and those of a trial lie so many.
const APART: u64 = 1_000;

/// What is searched, and how.
#[derive(Clone, Debug)]
pub struct SeekSettings {
    /// The market that is attacked.
    pub market: Scenario,
    /// The share of founders and clients that attack at most, in parts of a million.
    pub share: u64,
    /// What an attack can be about.
    pub families: Vec<SeekFamily>,
    /// What chance grows from.
    pub seed: u64,
    /// The first seed of runs.
    pub first: u64,
    /// How many seeds a glance takes, and how many a trial.
    pub seeds: [u64; 2],
}

/// What is tried next.
#[derive(Clone, Debug)]
pub enum SeekStep {
    /// These attacks, with a few seeds each.
    Glances(Vec<AttackCase>),
    /// This attack, which looks like a gain, with many others.
    Trial(Box<AttackCase>),
}

/// An attack that breaks a bound.
#[derive(Clone, Debug)]
pub struct SeekBreach {
    /// The attack.
    pub case: AttackCase,
    /// What came of it.
    pub trial: Trial,
}

/// Why nothing came of an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoOutcome {
    /// What was said.
    pub said: String,
    /// True if a rule of the books was broken.
    pub is_rule: bool,
}

/// A search under way.
#[derive(Clone, Debug)]
pub struct Search {
    settings: SeekSettings,
    luck: Stream,
    /// Every attack that was made up, with its genome.
    made: Vec<(Genome, AttackCase)>,
    hashes: BTreeSet<String>,
    trials: Vec<Trial>,
    /// How many of those that were made up were glanced at.
    glanced: usize,
}

impl SeekSettings {
    /// Stands for all of it.
    #[must_use]
    pub fn hash(&self) -> String {
        let Self { market, share, families, seed, first, seeds } = self;
        let text = format!("{VERSION} {} {share} {families:?} {seed} {first} {seeds:?}", market.hash());
        short_digest("search", &text)
    }
}

impl Search {
    /// Begins a search.
    #[must_use]
    pub fn new(settings: SeekSettings) -> Self {
        let luck = Stream::new(settings.seed, "attacks", 0);
        let (made, hashes, trials) = (Vec::new(), BTreeSet::new(), Vec::new());
        Self { settings, luck, made, hashes, trials, glanced: 0 }
    }

    /// What is searched.
    #[must_use]
    pub fn settings(&self) -> &SeekSettings {
        &self.settings
    }

    /// All that was tried, in order.
    #[must_use]
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// How many attacks were glanced at.
    #[must_use]
    pub fn glanced(&self) -> usize {
        self.glanced
    }

    /// The first seed of a step, and how many it takes.
    #[must_use]
    pub fn seeds(&self, step: &SeekStep) -> (u64, u64) {
        let [few, many] = self.settings.seeds;
        match step {
            SeekStep::Glances(_) => (self.settings.first, few),
            SeekStep::Trial(_) => (self.settings.first + APART, many),
        }
    }

    /// What is tried next; nothing once there is a breach, or chance finds nothing that was not tried.
    pub fn step(&mut self) -> Option<SeekStep> {
        if self.breach().is_some() {
            return None;
        }
        if let Some(number) = self.promising() {
            return Some(SeekStep::Trial(Box::new(self.made[number].1.clone())));
        }
        while self.made.len() < self.glanced + BATCH && self.make_up() {}
        let cases: Vec<AttackCase> =
            self.made.iter().skip(self.glanced).map(|(_, case)| case.clone()).collect();
        (!cases.is_empty()).then_some(SeekStep::Glances(cases))
    }

    /// Makes up one more attack; false if chance finds none that was not made up before.
    fn make_up(&mut self) -> bool {
        for _ in 0..ASKED_MAX {
            let genome = self.genome();
            let Ok(case) = genome.case(&self.settings.market, "sought") else { continue };
            if self.hashes.insert(case.attacked.hash()) {
                self.made.push((genome, case));
                return true;
            }
        }
        false
    }

    fn genome(&mut self) -> Genome {
        let Self { settings, luck, .. } = self;
        let is_early = self.glanced < FIRST_BATCHES * BATCH;
        let best = best(&self.trials);
        if is_early || best.is_empty() || luck.below(MADE_UP_ONE_IN) == 0 {
            return Genome::random(settings, luck);
        }
        let number = best[luck.below(best.len() as u64) as usize];
        self.made[number].0.changed(settings, luck)
    }

    /// The best attack that looks like a gain, and was not tried with many seeds.
    fn promising(&self) -> Option<usize> {
        let is_settled = |number: usize| {
            self.trials.iter().any(|trial| trial.number == number && trial.kind != TrialKind::Glance)
        };
        let promising = scored(&self.trials).filter(|(_, score)| score.is_promising());
        let unsettled = promising.filter(|(number, _)| !is_settled(*number));
        unsettled.max_by(|(_, one), (_, other)| one.least.total_cmp(&other.least)).map(|(number, _)| number)
    }

    /// Takes what came of the attacks of a step, in their order.
    pub fn take(&mut self, step: &SeekStep, came: Vec<Result<AttackOutcome, NoOutcome>>) {
        match step {
            SeekStep::Glances(cases) => {
                for (case, came) in cases.iter().zip(came) {
                    let kind = kind_of(&came, TrialKind::Glance);
                    self.note(self.glanced, kind, case, came);
                    self.glanced += 1;
                }
            }
            SeekStep::Trial(case) => {
                let (Some(number), Some(came)) = (self.promising(), came.into_iter().next()) else { return };
                let is_breach =
                    came.as_ref().is_ok_and(|outcome| outcome.verdict(1) == AttackVerdict::Broken);
                let kind = if is_breach { TrialKind::Breach } else { TrialKind::Cleared };
                self.note(number, kind_of(&came, kind), case, came);
            }
        }
    }

    fn note(
        &mut self,
        number: usize,
        kind: TrialKind,
        case: &AttackCase,
        came: Result<AttackOutcome, NoOutcome>,
    ) {
        let came = came.map(|outcome| SeekScore::of(&outcome)).map_err(|none| none.said);
        self.trials.push(Trial { number, kind, hash: case.attacked.hash(), came });
    }

    /// Goes on from what was tried before; false if that is of another search, and nothing is taken of it then.
    #[must_use]
    pub fn go_on(&mut self, trials: Vec<Trial>) -> bool {
        let mut ahead = self.clone();
        let mut left = trials.into_iter().peekable();
        while left.peek().is_some() {
            let (cases, glances) = match ahead.step() {
                Some(SeekStep::Glances(cases)) => (cases, 1),
                Some(SeekStep::Trial(case)) => (vec![*case], 0),
                None => return false,
            };
            for case in cases {
                match left.next().filter(|trial| trial.hash == case.attacked.hash()) {
                    Some(trial) => ahead.trials.push(trial),
                    None => return false,
                }
                ahead.glanced += glances;
            }
        }
        *self = ahead;
        true
    }

    /// The attack that broke a bound, or a rule of the books, if one did.
    #[must_use]
    pub fn breach(&self) -> Option<SeekBreach> {
        let is_breach = |trial: &&Trial| matches!(trial.kind, TrialKind::Breach | TrialKind::Rule);
        let trial = self.trials.iter().find(is_breach)?;
        Some(SeekBreach { case: self.made[trial.number].1.clone(), trial: trial.clone() })
    }

    /// The best attack so far, by the last that was seen of it.
    #[must_use]
    pub fn best(&self) -> Option<SeekBreach> {
        let number = best(&self.trials).first().copied()?;
        let trial = self.trials.iter().rev().find(|trial| trial.number == number)?;
        Some(SeekBreach { case: self.made[number].1.clone(), trial: trial.clone() })
    }
}

/// What a trial was if something came of it, or a rule of the books was broken.
fn kind_of(came: &Result<AttackOutcome, NoOutcome>, kind: TrialKind) -> TrialKind {
    let is_rule = came.as_ref().is_err_and(|none| none.is_rule);
    if is_rule { TrialKind::Rule } else { kind }
}

/// What was last seen of each attack that came to something.
fn scored(trials: &[Trial]) -> impl Iterator<Item = (usize, SeekScore)> {
    let is_last =
        move |place: usize, number: usize| !trials[place + 1..].iter().any(|trial| trial.number == number);
    trials.iter().enumerate().filter_map(move |(place, trial)| {
        let score = *trial.came.as_ref().ok()?;
        is_last(place, trial.number).then_some((trial.number, score))
    })
}

/// The best attacks, the best one first; among equals the earlier.
fn best(trials: &[Trial]) -> Vec<usize> {
    let mut scored: Vec<(usize, SeekScore)> = scored(trials).collect();
    scored.sort_by(|(one, score), (other, beside)| beside.mean.total_cmp(&score.mean).then(one.cmp(other)));
    scored.into_iter().take(BEST).map(|(number, _)| number).collect()
}
