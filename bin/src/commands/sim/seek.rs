//! `assay sim seek`: a search for attacks that gain something, or harm more than they cost.
//!
//! **Invariant:** what was tried is on the disk before more is, so whatever ends this, the same command of the same build goes on from
//! there.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use assay_simulations::lab::{
    attack::{AttackOutcome, AttackReference},
    pieces::DonePiece,
    scenario::Scenario,
    seek::{
        NoOutcome, Search, SeekBreach, SeekFamily, SeekScore, SeekSettings, SeekStep, SoughtRuns, TrialKind,
        read_trials, trials_text,
    },
};
use serde_json::{Value, json};

use super::{
    experiment_folder::refuse_used,
    own_build::own_build,
    programs::ProgramArgs,
    saved,
    seek_budget::SeekBudget,
    under_way::{CutShort, QuietPanics, RunWatch, ThreadArgs},
};
use crate::{
    command_error::{CommandError, Exit},
    commands::run::input,
    invocation::Invocation,
    printer::{number_of, path_text, shell_path, verb},
};

/// How many seeds a glance takes.
const GLANCE_SEEDS: u64 = 3;
/// Parts of a million in a hundredth.
const PERCENT: u64 = 10_000;
/// What was tried, how much time that took, the best of it, and what breaks a bound.
const TRIED: &str = "tried.csv";
const SPENT: &str = "spent.txt";
const BEST: &str = "best.toml";
const FOUND: &str = "found";

const EXAMPLES: &str = "\
Examples:
  assay sim seek --for 10m                          any coalition at a fifth of the stake, for ten minutes
  assay sim seek --evaluations 200 --family checks  two hundred that do not check as they should
  assay sim seek --budget 2h --family orders        all that two hours of one core find about orders, in as many nights as it takes
  assay sim seek mine.toml --seed 7 -o night        a market of your own, and another search in it

Coalitions of up to three populations are made up by chance, and the best are changed: how they behave, how many they are, when,
what they ask, what each has at stake. Each is tried with one seed, the better half with three; what looks like a gain then is tried
with others, until it is shown or is not. The same market, seed and version try the same. Families: orders, offers, checks, juries,
stakes, time.

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
    /// For how long, such as 10m or 2h; two hours, if neither this nor another end is said
    #[arg(long = "for", value_name = "TIME", value_parser = input::length)]
    length: Option<Duration>,
    /// How much time of one core in all, such as 2h, however often it is gone on with; it goes on after what it finds
    #[arg(long, value_name = "TIME", value_parser = input::length)]
    budget: Option<Duration>,
    /// How many attacks are tried in all, in eights
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    evaluations: Option<u64>,
    /// What attacks are about; anything, if nothing is said
    #[arg(long, value_name = "FAMILY", value_parser = family)]
    family: Vec<SeekFamily>,
    /// The share of its stake, and of its clients, that attacks at most, in per cent
    #[arg(long, value_name = "PERCENT", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=50))]
    share: u64,
    /// What chance grows from
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
    /// How many seeds something is tried with at most that looks like a gain
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u64).range(2..=10_000))]
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
    let search = Search::new(settings);
    let search = if args.budget.is_some() { search.without_end() } else { search };
    let threads = args.threads.count();
    let budget = SeekBudget::new([args.length, args.budget], args.evaluations, threads);
    let called = format!("{hash}, build {}", own_build()?);
    let mut course = SeekCourse { path, called, search, runs: SoughtRuns::default(), budget };
    course.go_on(invocation)?;
    let cut_short = course.carry_out(threads, invocation)?;
    course.tell(invocation);
    course.end(cut_short)
}

/// A search, and the folder that it is written into.
struct SeekCourse {
    path: PathBuf,
    /// Which search it is, and by which build: what was tried says what is tried next.
    called: String,
    search: Search,
    runs: SoughtRuns,
    budget: SeekBudget,
}

impl SeekCourse {
    /// Goes on from what the folder holds.
    fn go_on(&mut self, invocation: &Invocation) -> Result<(), CommandError> {
        let file = self.path.join(TRIED);
        let Ok(text) = fs::read_to_string(&file) else { return Ok(()) };
        let is_taken = read_trials(&self.called, &text).is_some_and(|trials| self.search.go_on(trials));
        if !is_taken {
            let message = format!(
                "{} is of another search or another build of this program, or was changed",
                file.display()
            );
            let hint = "name another folder with -o, or remove this one";
            return Err(CommandError::new(Exit::Usage, "OTHER_SEARCH", message, hint));
        }
        let spent = fs::read_to_string(self.path.join(SPENT)).unwrap_or_default();
        self.budget.go_on(&spent);
        let count = self.search.glanced();
        let (tried, were) = (number_of(count, "attack"), verb(count, "was", "were"));
        invocation.printer.note(format!("{tried} {were} tried before"));
        Ok(())
    }

    /// Searches until enough is found, the budget is spent or somebody has enough of it.
    fn carry_out(&mut self, threads: usize, invocation: &Invocation) -> Result<Option<Exit>, CommandError> {
        let watch = RunWatch::begin("opening the first markets", threads, invocation);
        let _quiet = QuietPanics::begin();
        loop {
            let is_spent = self.budget.is_spent(self.search.glanced(), watch.elapsed());
            let Some(step) = self.search.step() else { return Ok(None) };
            // What looks like a gain is tried even if nothing else is.
            if is_spent && step.kind == TrialKind::First {
                return Ok(None);
            }
            let begun = Instant::now();
            match self.evaluate(&step, &watch) {
                Ok(came) => self.search.take(&step, came),
                Err(CutShort::Asked(exit)) => return Ok(Some(exit)),
                Err(CutShort::Failed(failure)) => return Err(failure),
            }
            self.budget.spend(begun.elapsed());
            self.save()?;
        }
    }

    /// What comes of the attacks of a step.
    fn evaluate(
        &mut self,
        step: &SeekStep,
        watch: &RunWatch,
    ) -> Result<Vec<Result<AttackOutcome, NoOutcome>>, CutShort> {
        let (begin, end) = (self.progress(), self.budget.left(self.search.glanced(), watch.elapsed()));
        let missing = self.runs.missing(step);
        let take = |piece: DonePiece| {
            self.runs.take(&missing, piece);
            Ok(())
        };
        watch.runs(missing.pieces.clone(), take, |count, all| {
            format!("{begin}; {count} of {}{end}", number_of(all, "run"))
        })?;
        Ok(self.runs.outcomes(step))
    }

    fn progress(&self) -> String {
        let mut told = format!("{} tried", self.search.glanced());
        if let Some(score) = self.search.best().and_then(|best| best.trial.came.ok()) {
            told.push_str(&format!(", the best {:+.4}", score.mean));
        }
        let found = self.search.breaches().count();
        if found > 0 {
            told.push_str(&format!(", {found} found"));
        }
        told
    }

    fn save(&self) -> Result<(), CommandError> {
        let text = trials_text(&self.called, self.search.trials());
        saved::save(&self.path.join(TRIED), text.as_bytes())?;
        saved::save(&self.path.join(SPENT), self.budget.text().as_bytes())?;
        if let Some(best) = self.search.best() {
            self.save_scenario(&self.path.join(BEST), &best)?;
        }
        for (number, breach) in (1..).zip(self.search.breaches()) {
            self.save_scenario(&self.found_file(number), &breach)?;
        }
        Ok(())
    }

    /// Where what was found is, the first, the second and so on.
    fn found_file(&self, number: usize) -> PathBuf {
        let name = if number == 1 { format!("{FOUND}.toml") } else { format!("{FOUND}-{number}.toml") };
        self.path.join(name)
    }

    fn save_scenario(&self, path: &Path, found: &SeekBreach) -> Result<(), CommandError> {
        let settings = self.search.settings();
        let came = match &found.trial.came {
            Ok(SeekScore { surplus, beside, excess, slashed, .. }) => format!(
                "surplus {surplus:+.4} credits a run beyond honest peers at {}, harm beyond its cost {excess:+.4}, honest results slashed {slashed}",
                price_word(*beside),
            ),
            Err(said) => said.replace('\n', " "),
        };
        let scenario = Scenario {
            seeds: found.trial.seeds.1,
            name: format!("sought in {}", settings.market.name),
            ..found.case.attacked.clone()
        };
        let text = format!(
            "# {came}.\n# Attack {} of a search with seed {}: {}\n{}",
            found.trial.number + 1,
            settings.seed,
            command(path, found.trial.seeds),
            scenario.resolved(),
        );
        saved::save(path, text.as_bytes())
    }

    fn tell(&self, invocation: &Invocation) {
        let breaches: Vec<SeekBreach> = self.search.breaches().collect();
        let files: Vec<PathBuf> = (1..=breaches.len()).map(|number| self.found_file(number)).collect();
        let best = self.search.best();
        let shown = breaches.first().cloned().or(best);
        let score = shown.as_ref().and_then(|shown| shown.trial.came.clone().ok());
        let file = files.first().cloned().or_else(|| shown.as_ref().map(|_| self.path.join(BEST)));
        let number = |of: fn(&SeekScore) -> f64| score.as_ref().map(of);
        let document = json!({
            "folder": path_text(&self.path),
            "attacks_tried": self.search.glanced(),
            "core_seconds": self.budget.spent().as_secs_f64(),
            "is_breach": !breaches.is_empty(),
            "found_files": files.iter().map(|file| path_text(file)).collect::<Vec<_>>(),
            "file": file.as_ref().map_or(Value::Null, |file| path_text(file).into()),
            "best_score": number(|score| score.mean),
            "best_surplus": number(|score| score.surplus),
            "best_surplus_beside": score.as_ref().map(|score| score.beside.word()),
            "best_excess": number(|score| score.excess),
        });
        invocation.printer.document("sim-seek", &document);
        let tried = number_of(self.search.glanced(), "attack");
        invocation.printer.line(format!("{tried} tried in {}", self.path.display()));
        for (breach, file) in breaches.iter().zip(&files) {
            invocation.printer.line(format!("{}: {}", says(breach), file.display()));
        }
        if let (Some(score), Some(file), true) = (score, file, breaches.is_empty()) {
            invocation.printer.line(format!(
                "the best has a surplus of {:+.4} credits a run, and harms by {:+.4} more than it costs: {}",
                score.surplus,
                score.excess,
                file.display(),
            ));
        }
    }

    fn end(&self, cut_short: Option<Exit>) -> Result<(), CommandError> {
        if let Some(exit) = cut_short {
            let message = format!("left after {}", number_of(self.search.glanced(), "attack"));
            let hint =
                format!("what was tried is in {}: the same command goes on from there", self.path.display());
            return Err(CommandError::new(exit, "INTERRUPTED", message, hint));
        }
        let Some(breach) = self.search.breach() else { return Ok(()) };
        let others = self.search.breaches().count() - 1;
        let message = match others {
            0 => says(&breach),
            _ => {
                let more = verb(others, "breaks", "break");
                format!("{}; {} {more} bounds as well", says(&breach), number_of(others, "other attack"))
            }
        };
        let hint = format!(
            "`{}` shows it, `assay sim shrink` makes it smaller",
            command(&self.found_file(1), breach.trial.seeds),
        );
        Err(CommandError::new(Exit::Different, "BREACH", message, hint))
    }
}

/// What an attack does that it should not.
fn says(breach: &SeekBreach) -> String {
    match &breach.trial.came {
        Err(said) => format!("an attack breaks a rule of the books: {said}"),
        Ok(score) if score.slashed > 0.0 => "an attack has honest results cost stake".to_owned(),
        Ok(score) if score.surplus > 0.0 => {
            format!("an attack gains {:.4} credits a run beyond honest peers", score.surplus)
        }
        Ok(score) => {
            format!("an attack harms others by {:.4} credits a run more than it costs", score.excess)
        }
    }
}

fn price_word(beside: AttackReference) -> &'static str {
    match beside {
        AttackReference::OwnPrice => "its own price",
        AttackReference::UsualPrice | AttackReference::Without => "the usual price",
    }
}

/// What is typed to see it again.
fn command(file: &Path, (first, seeds): (u64, u64)) -> String {
    format!("assay sim attack {} --first-seed {first} --seeds {seeds}", shell_path(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_named_by_their_words() {
        assert_eq!(family("checks"), Ok(SeekFamily::Checks));
        assert!(family("cheques").unwrap_err().contains("orders, offers, checks"));
        assert!(SeekFamily::all().iter().all(|(word, _)| EXAMPLES.contains(word)));
    }

    #[test]
    fn what_is_typed_to_see_an_attack_again_names_one_file() {
        let typed = command(Path::new("my finds/attack.toml"), (7, 20));
        assert_eq!(typed, "assay sim attack 'my finds/attack.toml' --first-seed 7 --seeds 20");
    }
}
