//! The search itself: what is tried next, and what of it was a breach.
//!
//! ```text
//! a batch ─▶ first: one seed each ─▶ the better half: a glance of three ─▶ what looks like a gain: a trial with other seeds
//!                                                       ╰─▶ the best are changed   ╰─▶ five, ten, twenty … until it is decided
//! ```
//!
//! All attacks are tried with the same seeds, so what differs between them is not their luck.
//!
//! **Invariant:** see [`super`]; and of all searches where nothing gains or harms, one in twenty says that something does, at most.

use std::collections::{BTreeMap, BTreeSet};

use super::{Genome, SeekFamily, SeekScore, Trial, TrialKind, genome::GenomeConducts};
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
/// Seeds that each of a batch is tried with at first.
const FIRST_SEEDS: u64 = 1;
/// Of a batch one in so many is glanced at: the best.
const GLANCED_ONE_IN: usize = 2;
/// After which parts of its seeds it is looked whether a trial is decided.
const LOOKS: [u64; 4] = [8, 4, 2, 1];
/// A trial has so many seeds at least when it is looked at.
const LOOK_SEEDS_MIN: u64 = 2;
/// Batches of which all are made up, and none is changed.
const FIRST_BATCHES: usize = 2;
/// Of the others one in so many is made up.
const MADE_UP_ONE_IN: u64 = 3;
/// The best, of which one is changed.
const BEST: usize = 4;
/// How often chance is asked for one that was not tried before.
const ASKED_MAX: usize = 50;
/// What an attack is called.
const SOUGHT: &str = "sought";
/// Between the seeds of a glance and those of a trial lie so many.
const APART: u64 = 1_000;

/// What is searched, and how.
#[derive(Clone, Debug)]
pub struct SeekSettings {
    /// The market that is attacked.
    pub market: Scenario,
    /// The share of the stake and of the clients that attack at most, in parts of a million.
    pub share: u64,
    /// What an attack can be about.
    pub families: Vec<SeekFamily>,
    /// What chance grows from.
    pub seed: u64,
    /// The first seed of runs.
    pub first: u64,
    /// How many seeds a glance takes, and how many a trial at most.
    pub seeds: [u64; 2],
}

/// What is tried next: these attacks, each with the same seeds.
#[derive(Clone, Debug)]
pub struct SeekStep {
    /// The attacks.
    pub cases: Vec<AttackCase>,
    /// The first seed, and how many there are.
    pub seeds: (u64, u64),
    /// For what: what a trial says is known once it is over.
    pub kind: TrialKind,
    numbers: Vec<usize>,
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
    /// Every attack that was made up.
    made: Vec<Genome>,
    hashes: BTreeSet<String>,
    trials: Vec<Trial>,
    /// What was last seen of each that came to something, but for what one seed says.
    seen: BTreeMap<usize, SeekScore>,
    /// Those that were put to a trial.
    tried: BTreeSet<usize>,
    /// What those do that break a bound.
    found: Vec<GenomeConducts>,
    /// How many of those that were made up were tried.
    glanced: usize,
    /// Where the last batch of them begins.
    batch: usize,
    /// After how many breaches it is over.
    finds_most: usize,
}

impl SeekSettings {
    /// Stands for all of it.
    #[must_use]
    pub fn hash(&self) -> String {
        let Self { market, share, families, seed, first, seeds } = self;
        let text = format!("{VERSION} {} {share} {families:?} {seed} {first} {seeds:?}", market.hash());
        short_digest("search", &text)
    }

    /// With how many seeds a trial is looked at, one after another.
    fn looks(&self) -> Vec<u64> {
        let [_, most] = self.seeds;
        let mut looks: Vec<u64> = LOOKS.iter().map(|part| (most / part).max(LOOK_SEEDS_MIN)).collect();
        looks.dedup();
        looks
    }
}

impl Search {
    /// Begins a search that is over once something is found.
    #[must_use]
    pub fn new(settings: SeekSettings) -> Self {
        let luck = Stream::new(settings.seed, "attacks", 0);
        Self {
            settings,
            luck,
            made: Vec::new(),
            hashes: BTreeSet::new(),
            trials: Vec::new(),
            seen: BTreeMap::new(),
            tried: BTreeSet::new(),
            found: Vec::new(),
            glanced: 0,
            batch: 0,
            finds_most: 1,
        }
    }

    /// The same, but that it goes on after what it finds, and leaves coalitions alone that do that and more.
    #[must_use]
    pub fn without_end(self) -> Self {
        Self { finds_most: usize::MAX, ..self }
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

    /// How many attacks were tried.
    #[must_use]
    pub fn glanced(&self) -> usize {
        self.glanced
    }

    /// What is tried next; nothing once enough was found, or chance finds nothing that was not tried.
    pub fn step(&mut self) -> Option<SeekStep> {
        if self.found.len() >= self.finds_most {
            return None;
        }
        if let Some((number, look)) = self.under_way().or_else(|| Some((self.promising()?, 0))) {
            let seeds = self.settings.looks().get(look).copied()?;
            return Some(self.with_seeds(
                TrialKind::Look,
                vec![number],
                (self.settings.first + APART, seeds),
            ));
        }
        let [few, _] = self.settings.seeds;
        let better = self.better_half();
        if !better.is_empty() {
            return Some(self.with_seeds(TrialKind::Glance, better, (self.settings.first, few)));
        }
        self.batch = self.glanced;
        while self.made.len() < self.glanced + BATCH && self.make_up() {}
        let numbers: Vec<usize> = (self.glanced..self.made.len()).collect();
        let seeds = (self.settings.first, FIRST_SEEDS.min(few));
        (!numbers.is_empty()).then(|| self.with_seeds(TrialKind::First, numbers, seeds))
    }

    fn with_seeds(&self, kind: TrialKind, numbers: Vec<usize>, seeds: (u64, u64)) -> SeekStep {
        let cases = numbers.iter().map(|number| self.case(*number)).collect();
        SeekStep { cases, seeds, kind, numbers }
    }

    fn case(&self, number: usize) -> AttackCase {
        let Ok(case) = self.made[number].case(&self.settings.market, SOUGHT) else {
            unreachable!("an attack that was made up is none")
        };
        case
    }

    /// The attack whose trial is not decided, and how often it was looked at.
    fn under_way(&self) -> Option<(usize, usize)> {
        let last = self.trials.last().filter(|trial| trial.kind == TrialKind::Look)?;
        Some((last.number, self.looked_at(last.number)))
    }

    fn looked_at(&self, number: usize) -> usize {
        let is_look = |trial: &&Trial| trial.number == number && trial.kind == TrialKind::Look;
        self.trials.iter().filter(is_look).count()
    }

    /// The better half of the last batch, if nobody has glanced at it.
    fn better_half(&self) -> Vec<usize> {
        let of_batch = || self.trials.iter().rev().take_while(|trial| trial.number >= self.batch);
        let batch = self.made.len() - self.batch;
        if of_batch().count() != batch {
            return Vec::new();
        }
        let mut scored: Vec<(usize, f64)> =
            of_batch().filter_map(|trial| Some((trial.number, trial.came.as_ref().ok()?.mean))).collect();
        scored.sort_by(|(one, mean), (other, beside)| beside.total_cmp(mean).then(one.cmp(other)));
        scored.into_iter().take(batch.div_ceil(GLANCED_ONE_IN)).map(|(number, _)| number).collect()
    }

    /// Makes up one more attack; false if chance finds none that was not made up before.
    fn make_up(&mut self) -> bool {
        for _ in 0..ASKED_MAX {
            let genome = self.genome();
            if self.is_found(&genome) {
                continue;
            }
            let Ok(case) = genome.case(&self.settings.market, SOUGHT) else { continue };
            if self.hashes.insert(case.attacked.hash()) {
                self.made.push(genome);
                return true;
            }
        }
        false
    }

    fn genome(&mut self) -> Genome {
        let is_early = self.glanced < FIRST_BATCHES * BATCH;
        let best = self.best_numbers();
        let Self { settings, luck, .. } = self;
        if is_early || best.is_empty() || luck.below(MADE_UP_ONE_IN) == 0 {
            return Genome::random(settings, luck);
        }
        let number = best[luck.below(best.len() as u64) as usize];
        self.made[number].changed(settings, luck)
    }

    /// Whether a coalition does what one did that was found, and perhaps more.
    fn is_found(&self, genome: &Genome) -> bool {
        !self.found.is_empty() && {
            let conducts = genome.conducts();
            self.found.iter().any(|found| found.is_subset(&conducts))
        }
    }

    /// The best attack that looks like a gain, and was not tried with other seeds.
    fn promising(&self) -> Option<usize> {
        let promising = self.seen.iter().filter(|(_, score)| score.is_promising());
        let untried = promising
            .filter(|(number, _)| !self.tried.contains(*number) && !self.is_found(&self.made[**number]));
        untried.max_by(|(_, one), (_, other)| one.least.total_cmp(&other.least)).map(|(number, _)| *number)
    }

    /// Takes what came of the attacks of a step, in their order.
    pub fn take(&mut self, step: &SeekStep, came: Vec<Result<AttackOutcome, NoOutcome>>) {
        for ((number, case), came) in step.numbers.iter().zip(&step.cases).zip(came) {
            let kind = match &came {
                Err(none) if none.is_rule => TrialKind::Rule,
                Err(_) if step.kind == TrialKind::Look => TrialKind::Cleared,
                Ok(outcome) if step.kind == TrialKind::Look => self.decided(*number, outcome),
                Err(_) | Ok(_) => step.kind,
            };
            let came = came.map(|outcome| SeekScore::of(&outcome)).map_err(|none| none.said);
            let (seeds, hash) = (step.seeds, case.attacked.hash());
            self.note(Trial { number: *number, kind, seeds, hash, came });
            self.glanced += usize::from(step.kind == TrialKind::First);
        }
    }

    fn note(&mut self, trial: Trial) {
        let Trial { number, kind, .. } = trial;
        match &trial.came {
            Ok(_) if kind == TrialKind::First => {}
            Ok(score) => {
                self.seen.insert(number, *score);
            }
            Err(_) => {
                self.seen.remove(&number);
            }
        }
        if kind.is_of_trial() {
            self.tried.insert(number);
        }
        if kind.is_found() {
            self.found.push(self.made[number].conducts());
        }
        self.trials.push(trial);
    }

    /// What a look at a trial says. Each trial is held to less than the one before, and each look to its part of that, so that
    /// however many there are they are wrong together as seldom as one.
    fn decided(&self, number: usize, outcome: &AttackOutcome) -> TrialKind {
        let looks = self.settings.looks().len();
        let trials = self.tried.len() + usize::from(!self.tried.contains(&number));
        if outcome.verdict(looks * trials * (trials + 1)) == AttackVerdict::Broken {
            return TrialKind::Breach;
        }
        let is_last = self.looked_at(number) + 1 >= looks;
        let goes_on = !is_last && SeekScore::of(outcome).is_promising();
        if goes_on { TrialKind::Look } else { TrialKind::Cleared }
    }

    /// Goes on from what was tried before; false if that is of another search, and nothing is taken of it then.
    #[must_use]
    pub fn go_on(&mut self, trials: Vec<Trial>) -> bool {
        let mut ahead = self.clone().without_end();
        let mut left = trials.into_iter().peekable();
        while left.peek().is_some() {
            let Some(step) = ahead.step() else { return false };
            for (number, case) in step.numbers.iter().zip(&step.cases) {
                let hash = case.attacked.hash();
                let is_next =
                    |trial: &Trial| (trial.number, trial.seeds, &trial.hash) == (*number, step.seeds, &hash);
                let Some(trial) = left.next().filter(is_next) else { return false };
                ahead.note(trial);
                ahead.glanced += usize::from(step.kind == TrialKind::First);
            }
        }
        *self = Self { finds_most: self.finds_most, ..ahead };
        true
    }

    /// The attacks that broke a bound, or a rule of the books, in the order in which they were found.
    pub fn breaches(&self) -> impl Iterator<Item = SeekBreach> {
        let found = self.trials.iter().filter(|trial| trial.kind.is_found());
        found.map(|trial| SeekBreach { case: self.case(trial.number), trial: trial.clone() })
    }

    /// The first of them.
    #[must_use]
    pub fn breach(&self) -> Option<SeekBreach> {
        self.breaches().next()
    }

    /// The best attack so far of those that were not found, by the last that was seen of it.
    #[must_use]
    pub fn best(&self) -> Option<SeekBreach> {
        let number = self.best_numbers().first().copied()?;
        let trial = self.trials.iter().rev().find(|trial| trial.number == number)?;
        Some(SeekBreach { case: self.case(number), trial: trial.clone() })
    }

    /// The best attacks, the best one first; among equals the earlier.
    fn best_numbers(&self) -> Vec<usize> {
        let left = self.seen.iter().filter(|(number, _)| !self.is_found(&self.made[**number]));
        let mut scored: Vec<(usize, SeekScore)> = left.map(|(number, score)| (*number, *score)).collect();
        scored
            .sort_by(|(one, score), (other, beside)| beside.mean.total_cmp(&score.mean).then(one.cmp(other)));
        scored.into_iter().take(BEST).map(|(number, _)| number).collect()
    }
}
