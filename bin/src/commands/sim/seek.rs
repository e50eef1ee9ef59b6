//! `assay sim seek`: a search for attacks that gain something, or harm more than they cost.
//!
//! **Invariant:** what was tried is on the disk before more is, so whatever ends this, the same command goes on from there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use assay_simulations::lab::{
    attack::{AttackCase, AttackOutcome},
    experiment::RunFigures,
    pieces::{DonePiece, ListedPieces, said},
    scenario::Scenario,
    seek::{
        BATCH, NoOutcome, Search, SeekBreach, SeekFamily, SeekScore, SeekSettings, SeekStep, TrialKind,
        read_trials, trials_text,
    },
};
use serde_json::{Value, json};

use super::{
    experiment_folder::refuse_used,
    programs::ProgramArgs,
    saved,
    under_way::{CutShort, QuietPanics, RunWatch, ThreadArgs},
};
use crate::{
    command_error::{CommandError, Exit},
    commands::run::input,
    invocation::Invocation,
    printer::{number_of, path_text},
};

/// How many seeds a glance takes.
const GLANCE_SEEDS: u64 = 3;
/// How long it goes on where nobody says it.
const LENGTH: Duration = Duration::from_secs(2 * 3_600);
/// Parts of a million in a hundredth.
const PERCENT: u64 = 10_000;
/// What was tried, the best of it, and what breaks a bound.
const TRIED: &str = "tried.csv";
const BEST: &str = "best.toml";
const FOUND: &str = "found.toml";

const EXAMPLES: &str = "\
Examples:
  assay sim seek --for 10m                          any coalition at a fifth of the stake, for ten minutes
  assay sim seek --evaluations 200 --family checks  two hundred that do not check as they should
  assay sim seek mine.toml --seed 7 -o night        a market of your own, and another search in it

Coalitions of up to three populations are made up by chance, and the best are changed: how they behave, how many they are, when,
what they ask. Each is glanced at with three seeds; what looks like a gain is tried with others. The same market, seed and version
try the same. Families: orders, offers, checks, juries, stakes, time.

Exit status: 0 if nothing was found, 14 if an attack gains, harms more than it costs, or breaks a rule of the books.";

/// Search for attacks that gain something, or harm more than they cost.
///
/// What was tried is kept in the folder, so whatever ends this, the same command goes on where it was.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The market that is attacked: a scenario in which all are honest
    #[arg(value_name = "SCENARIO", default_value = "market")]
    market: String,
    /// For how long, such as 10m or 2h; two hours, if neither this nor a number is said
    #[arg(long = "for", value_name = "TIME", value_parser = input::length)]
    length: Option<Duration>,
    /// How many attacks are glanced at in all, in eights
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    evaluations: Option<u64>,
    /// What attacks are about; anything, if nothing is said
    #[arg(long, value_name = "FAMILY", value_parser = family)]
    family: Vec<SeekFamily>,
    /// The share of its founders, and of its clients, that attack at most, in per cent
    #[arg(long, value_name = "PERCENT", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=50))]
    share: u64,
    /// What chance grows from
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// How many seeds something is tried with that looks like a gain
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(2..=10_000))]
    seeds: u64,
    #[command(flatten)]
    threads: ThreadArgs,
    #[command(flatten)]
    programs: ProgramArgs,
    /// The folder for it; named after what is searched, if none is named
    #[arg(long, short, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

fn family(text: &str) -> Result<SeekFamily, String> {
    let all = SeekFamily::all();
    let found = all.iter().find(|(word, _)| *word == text).map(|(_, family)| *family);
    found.ok_or_else(|| format!("the families are {}", all.map(|(word, _)| word).join(", ")))
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let market = super::read(&args.market)?;
    args.programs.refuse(&market)?;
    let mut families = match args.family.is_empty() {
        true => SeekFamily::all().map(|(_, family)| family).to_vec(),
        false => args.family.clone(),
    };
    families.sort();
    families.dedup();
    let (share, seeds) = (args.share * PERCENT, [GLANCE_SEEDS, args.seeds]);
    let settings = SeekSettings { market, share, families, seed: args.seed, first: 1, seeds };
    let hash = settings.hash();
    let path = args.out.clone().unwrap_or_else(|| format!("seek-{hash}").into());
    refuse_used(&path)?;
    saved::save_all(&path, Vec::new())?;
    let mut course = SeekCourse { path, hash, search: Search::new(settings), beside: BTreeMap::new() };
    course.go_on(invocation)?;
    let budget = SeekBudget::of(args);
    let cut_short = course.carry_out(&budget, args.threads.count(), invocation)?;
    course.tell(invocation);
    course.end(cut_short)
}

/// How much is tried.
struct SeekBudget {
    length: Option<Duration>,
    attacks: Option<u64>,
}

impl SeekBudget {
    fn of(args: &Args) -> Self {
        let length = args.length.or((args.evaluations.is_none()).then_some(LENGTH));
        Self { length, attacks: args.evaluations }
    }

    fn is_spent(&self, glanced: usize, elapsed: Duration) -> bool {
        let has_time = self.length.is_none_or(|length| elapsed < length);
        let has_more = self.attacks.is_none_or(|most| (glanced as u64) < most.next_multiple_of(BATCH as u64));
        !has_time || !has_more
    }
}

/// The runs of a scenario and seed, or why there is none.
type SoughtRun = Result<RunFigures, NoOutcome>;

/// A search, and the folder that it is written into.
struct SeekCourse {
    path: PathBuf,
    hash: String,
    search: Search,
    /// Runs of what attacks are put beside, which many share.
    beside: BTreeMap<(String, u64), SoughtRun>,
}

impl SeekCourse {
    /// Goes on from what the folder holds.
    fn go_on(&mut self, invocation: &Invocation) -> Result<(), CommandError> {
        let file = self.path.join(TRIED);
        let Ok(text) = fs::read_to_string(&file) else { return Ok(()) };
        let is_taken = read_trials(&self.hash, &text).is_some_and(|trials| self.search.go_on(trials));
        if !is_taken {
            let message = format!("{} is of another search, or was changed", file.display());
            let hint = "name another folder with -o, or remove this one";
            return Err(CommandError::new(Exit::Usage, "OTHER_SEARCH", message, hint));
        }
        let tried = number_of(self.search.glanced(), "attack");
        invocation.printer.note(format!("{tried} were tried before"));
        Ok(())
    }

    /// Searches until something is found, the budget is spent or somebody has enough of it.
    fn carry_out(
        &mut self,
        budget: &SeekBudget,
        threads: usize,
        invocation: &Invocation,
    ) -> Result<Option<Exit>, CommandError> {
        let watch = RunWatch::begin("opening the first markets", threads, invocation);
        let _quiet = QuietPanics::begin();
        loop {
            // What looks like a gain is tried even if nothing else is.
            let is_spent = budget.is_spent(self.search.glanced(), watch.elapsed());
            let Some(step) = self.search.step() else { return Ok(None) };
            if is_spent && matches!(step, SeekStep::Glances(_)) {
                return Ok(None);
            }
            match self.evaluate(&step, &watch) {
                Ok(came) => self.search.take(&step, came),
                Err(CutShort::Asked(exit)) => return Ok(Some(exit)),
                Err(CutShort::Failed(failure)) => return Err(failure),
            }
            self.save()?;
        }
    }

    /// What comes of the attacks of a step.
    fn evaluate(
        &mut self,
        step: &SeekStep,
        watch: &RunWatch,
    ) -> Result<Vec<Result<AttackOutcome, NoOutcome>>, CutShort> {
        let (first, seeds) = self.search.seeds(step);
        let cases: Vec<&AttackCase> = match step {
            SeekStep::Glances(cases) => cases.iter().collect(),
            SeekStep::Trial(case) => vec![case],
        };
        let mut pieces = ListedPieces::default();
        let mut hashes: Vec<String> = Vec::new();
        for scenario in cases.iter().flat_map(|case| case.scenarios()) {
            let hash = scenario.hash();
            let missing =
                (first..first + seeds).filter(|seed| !self.beside.contains_key(&(hash.clone(), *seed)));
            if !hashes.contains(&hash) {
                pieces.pieces.extend(missing.map(|seed| (hashes.len(), seed)));
                pieces.scenarios.push(scenario.clone());
                hashes.push(hash);
            }
        }
        let mut done: BTreeMap<(String, u64), SoughtRun> = BTreeMap::new();
        let take = |piece: DonePiece| {
            let DonePiece { scenario, seed, ended } = piece;
            let run = match ended {
                Ok(Ok(run)) => Ok(run),
                Ok(Err(error)) => Err(NoOutcome { said: error.to_string(), is_rule: false }),
                Err(panic) => {
                    Err(NoOutcome { said: format!("seed {seed}: {}", said(&*panic)), is_rule: true })
                }
            };
            done.insert((hashes[scenario].clone(), seed), run);
            Ok(())
        };
        let begin = self.progress();
        watch.runs(pieces, take, |count, all| format!("{begin}; {count} of {all} runs"))?;
        done.append(&mut self.beside);
        let outcomes = cases.iter().map(|case| outcome(case, first, seeds, &done)).collect();
        // What is attacked is looked at once; what it is put beside, again and again.
        let attacked: Vec<String> = cases.iter().map(|case| case.attacked.hash()).collect();
        done.retain(|(hash, _), _| !attacked.contains(hash));
        self.beside = done;
        Ok(outcomes)
    }

    fn progress(&self) -> String {
        let tried = format!("{} tried", self.search.glanced());
        let best = self.search.best().and_then(|best| best.trial.came.ok());
        best.map_or(tried.clone(), |score| format!("{tried}, the best {:+.4}", score.mean))
    }

    fn save(&self) -> Result<(), CommandError> {
        let text = trials_text(&self.hash, self.search.trials());
        saved::save(&self.path.join(TRIED), text.as_bytes())?;
        if let Some(best) = self.search.best() {
            self.save_scenario(BEST, &best)?;
        }
        match self.search.breach() {
            Some(breach) => self.save_scenario(FOUND, &breach),
            None => Ok(()),
        }
    }

    fn save_scenario(&self, name: &str, found: &SeekBreach) -> Result<(), CommandError> {
        let path = self.path.join(name);
        let (first, seeds) = self.seeds(found);
        let settings = self.search.settings();
        let came = match &found.trial.came {
            Ok(SeekScore { surplus, excess, slashed, .. }) => format!(
                "surplus {surplus:+.4} credits a run, harm beyond its cost {excess:+.4}, honest results slashed {slashed}"
            ),
            Err(said) => said.replace('\n', " "),
        };
        let scenario = Scenario {
            seeds,
            name: format!("sought in {}", settings.market.name),
            ..found.case.attacked.clone()
        };
        let text = format!(
            "# {came}.\n# Attack {} of a search with seed {}: {}\n{}",
            found.trial.number + 1,
            settings.seed,
            command(&path, first, seeds),
            scenario.resolved(),
        );
        saved::save(&path, text.as_bytes())
    }

    /// The seeds that something was last tried with.
    fn seeds(&self, found: &SeekBreach) -> (u64, u64) {
        let case = Box::new(found.case.clone());
        match found.trial.kind {
            TrialKind::Glance => self.search.seeds(&SeekStep::Glances(vec![*case])),
            TrialKind::Cleared | TrialKind::Breach | TrialKind::Rule => {
                self.search.seeds(&SeekStep::Trial(case))
            }
        }
    }

    fn tell(&self, invocation: &Invocation) {
        let (best, is_breach) = (self.search.best(), self.search.breach().is_some());
        let score = best.as_ref().and_then(|best| best.trial.came.clone().ok());
        let file = if is_breach { FOUND } else { BEST };
        let file = best.as_ref().map(|_| self.path.join(file));
        let number = |of: fn(&SeekScore) -> f64| score.as_ref().map(of);
        let document = json!({
            "folder": path_text(&self.path),
            "attacks_tried": self.search.glanced(),
            "is_breach": is_breach,
            "file": file.as_ref().map_or(Value::Null, |file| path_text(file).into()),
            "best_score": number(|score| score.mean),
            "best_surplus": number(|score| score.surplus),
            "best_excess": number(|score| score.excess),
        });
        invocation.printer.document("sim-seek", &document);
        let tried = number_of(self.search.glanced(), "attack");
        invocation.printer.line(format!("{tried} tried in {}", self.path.display()));
        if let (Some(score), Some(file), false) = (score, file, is_breach) {
            invocation.printer.line(format!(
                "the best has a surplus of {:+.4} credits a run, and harms by {:+.4} more than it costs: {}",
                score.surplus,
                score.excess,
                file.display(),
            ));
        }
    }

    fn end(&self, cut_short: Option<Exit>) -> Result<(), CommandError> {
        if let Some(breach) = self.search.breach() {
            return Err(self.found(&breach));
        }
        let Some(exit) = cut_short else { return Ok(()) };
        let message = format!("left after {}", number_of(self.search.glanced(), "attack"));
        let hint =
            format!("what was tried is in {}: the same command goes on from there", self.path.display());
        Err(CommandError::new(exit, "INTERRUPTED", message, hint))
    }

    fn found(&self, breach: &SeekBreach) -> CommandError {
        let path = self.path.join(FOUND);
        let (first, seeds) = self.seeds(breach);
        let message = match &breach.trial.came {
            Err(said) => format!("an attack breaks a rule of the books: {said}"),
            Ok(score) if score.slashed > 0.0 => "an attack has honest results cost stake".to_owned(),
            Ok(score) if score.surplus > 0.0 => {
                format!("an attack gains {:.4} credits a run beyond honest peers", score.surplus)
            }
            Ok(score) => {
                format!("an attack harms others by {:.4} credits a run more than it costs", score.excess)
            }
        };
        let hint =
            format!("`{}` shows it, `assay sim shrink` makes it smaller", command(&path, first, seeds));
        CommandError::new(Exit::Different, "BREACH", message, hint)
    }
}

/// What is typed to see it again.
fn command(file: &Path, first: u64, seeds: u64) -> String {
    format!("assay sim attack {} --first-seed {first} --seeds {seeds}", file.display())
}

/// What came of an attack, by the runs of its scenarios.
fn outcome(
    case: &AttackCase,
    first: u64,
    seeds: u64,
    done: &BTreeMap<(String, u64), SoughtRun>,
) -> Result<AttackOutcome, NoOutcome> {
    let runs = |scenario: &Scenario| -> Result<Vec<RunFigures>, NoOutcome> {
        let hash = scenario.hash();
        let run = |seed| match done.get(&(hash.clone(), seed)) {
            Some(run) => run.clone(),
            None => Err(NoOutcome { said: format!("seed {seed} was not run"), is_rule: false }),
        };
        (first..first + seeds).map(run).collect()
    };
    case.outcome(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_ends_after_a_time_or_after_a_number_in_eights_whichever_comes_first() {
        let spent = |length: Option<u64>, attacks: Option<u64>, glanced: usize, elapsed: u64| {
            let budget = SeekBudget { length: length.map(Duration::from_secs), attacks };
            budget.is_spent(glanced, Duration::from_secs(elapsed))
        };
        assert!(!spent(Some(60), None, 1_000, 59) && spent(Some(60), None, 0, 60));
        assert!(!spent(None, Some(10), 8, 9_999) && spent(None, Some(10), 16, 0));
        assert!(spent(None, Some(16), 16, 0) && spent(Some(1), Some(16), 8, 2));
    }

    #[test]
    fn families_are_named_by_their_words() {
        assert_eq!(family("checks"), Ok(SeekFamily::Checks));
        assert!(family("cheques").unwrap_err().contains("orders, offers, checks"));
        assert!(SeekFamily::all().iter().all(|(word, _)| EXAMPLES.contains(word)));
    }
}
