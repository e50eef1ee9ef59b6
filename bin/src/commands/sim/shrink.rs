//! `assay sim shrink`: a scenario in which something is wrong, made smaller while it still is.
//!
//! **Invariant:** the file holds the smallest scenario that was found so far, whatever ends this.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
};

use assay_simulations::lab::{
    scenario::Scenario,
    shrink::{self, ScenarioFault, ShrinkStep, Shrinking},
};
use clap::builder::TypedValueParser;
use serde_json::json;

use super::{
    SeedArgs,
    experiment_folder::KeptExperiment,
    programs::ProgramArgs,
    saved,
    under_way::{GLANCE, QuietPanics, RunWatch},
};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{number_of, path_text, shell_path},
};

/// How many smaller ones are tried where nobody says it.
const TRIED_MAX: u64 = 500;

const EXAMPLES: &str = "\
Examples:
  assay sim shrink mine.toml --seed 7              what seed 7 shows, in a smaller scenario: mine.small.toml
  assay sim shrink runs                            whatever is wrong in a folder of runs
  assay sim shrink found.toml --first-seed 1001    what a search has found, with the seeds that it was tried with

Something is wrong if a rule of the books does not hold, something never ends, one seed gives two results, an honest result costs
stake, or whoever attacks gains or harms more than it costs. Peers, populations, time and settings go while that stays.";

/// Make a scenario smaller while what is wrong with it stays.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A scenario by name or its file, or the folder of a run
    #[arg(value_name = "SCENARIO")]
    scenario: String,
    /// Look at this seed alone
    #[arg(
        long,
        value_name = "SEED",
        value_parser = clap::value_parser!(i64).range(0..).map(i64::unsigned_abs),
        allow_negative_numbers = true
    )]
    seed: Option<u64>,
    #[command(flatten)]
    with: SeedArgs,
    /// How many smaller ones are tried at most
    #[arg(long, value_name = "N", default_value_t = TRIED_MAX, value_parser = clap::value_parser!(u64).range(1..))]
    evaluations: u64,
    #[command(flatten)]
    programs: ProgramArgs,
    /// The file for it; named after the scenario, if none is named
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let scenario = scenario(&args.scenario)?;
    args.programs.refuse(&scenario)?;
    let seeds = match args.seed {
        Some(seed) => (seed, 1),
        None => (args.with.first_seed, args.with.seeds.unwrap_or(scenario.seeds)),
    };
    let file = args.output.clone().unwrap_or_else(|| format!("{}.small.toml", plain(&scenario.name)).into());
    let watch = RunWatch::begin("looking for what is wrong", 1, invocation);
    let quiet = QuietPanics::begin();
    let mut course = ShrinkCourse { file, tried: 0, most: args.evaluations, steps: Vec::new() };
    let ended = course.carry_out(&scenario, seeds, &watch);
    drop((quiet, watch));
    let Some(found) = ended? else { return Err(nothing_wrong(&scenario, seeds)) };
    course.tell(&found, invocation);
    Ok(())
}

/// What is wrong, and the smallest scenario that shows it.
struct SmallestFound {
    fault: ScenarioFault,
    scenario: Scenario,
    seeds: (u64, u64),
}

/// What is tried.
struct ShrinkCourse {
    file: PathBuf,
    tried: u64,
    most: u64,
    steps: Vec<String>,
}

/// What the thread tells that does the work.
enum ShrinkNews {
    /// What is wrong, if anything is, and with which seeds.
    Fault(Option<(ScenarioFault, (u64, u64))>),
    /// What became of one that was tried, and what the smallest is now.
    Step(ShrinkStep, Box<Scenario>),
}

impl ShrinkCourse {
    fn carry_out(
        &mut self,
        scenario: &Scenario,
        seeds: (u64, u64),
        watch: &RunWatch,
    ) -> Result<Option<SmallestFound>, CommandError> {
        let told = begin(scenario.clone(), seeds);
        let mut found: Option<SmallestFound> = None;
        loop {
            if let Some(exit) = watch.asked() {
                return Err(self.left(exit, found.is_some()));
            }
            match told.recv_timeout(GLANCE) {
                Ok(ShrinkNews::Fault(None)) => return Ok(None),
                Ok(ShrinkNews::Fault(Some((fault, seeds)))) => {
                    let scenario = Scenario { seeds: seeds.1, ..scenario.clone() };
                    let first = SmallestFound { fault, scenario, seeds };
                    self.save(&first)?;
                    found = Some(first);
                }
                Ok(ShrinkNews::Step(step, smallest)) => {
                    self.tried += 1;
                    let is_over = step == ShrinkStep::Over || self.tried >= self.most;
                    if let (ShrinkStep::Smaller(what), Some(found)) = (step, &mut found) {
                        self.steps.push(what);
                        found.scenario = Scenario { seeds: found.seeds.1, ..*smallest };
                        self.save(found)?;
                    }
                    if is_over {
                        return Ok(found);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(found),
            }
            watch.say(&self.progress(found.as_ref()));
        }
    }

    fn progress(&self, found: Option<&SmallestFound>) -> String {
        let Some(found) = found else { return "looking for what is wrong".to_owned() };
        let peers = number_of(found.scenario.peers(), "peer");
        format!("{peers}, about {} a run; {} tried", number_of(found.scenario.orders(), "order"), self.tried)
    }

    fn save(&self, found: &SmallestFound) -> Result<(), CommandError> {
        let (first, seeds) = found.seeds;
        let text = format!(
            "# {}.\n# assay sim shrink {} --first-seed {first} --seeds {seeds}\n{}",
            found.fault.words(),
            shell_path(&self.file),
            found.scenario.resolved(),
        );
        saved::save(&self.file, text.as_bytes())
    }

    fn left(&self, exit: Exit, is_found: bool) -> CommandError {
        let message = format!("left after {} tried", number_of(self.tried, "scenario"));
        let hint = match is_found {
            true => format!("the smallest so far is in {}", self.file.display()),
            false => "nothing was found yet, and nothing is written".to_owned(),
        };
        CommandError::new(exit, "INTERRUPTED", message, hint)
    }

    fn tell(&self, found: &SmallestFound, invocation: &Invocation) {
        let SmallestFound { fault, scenario, seeds: (first, seeds) } = found;
        let document = json!({
            "file": path_text(&self.file),
            "fault": fault.words(),
            "steps_taken": self.steps,
            "scenarios_tried": self.tried,
            "peer_count": scenario.peers(),
            "order_count": scenario.orders(),
            "first_seed": first,
            "seeds": seeds,
        });
        invocation.printer.document("sim-shrink", &document);
        let printer = &invocation.printer;
        let seeds = if *seeds == 1 { format!("seed {first}") } else { format!("{seeds} seeds from {first}") };
        printer.line(format!("{}, with {seeds}", fault.words()));
        self.steps.iter().for_each(|step| printer.line(format!("  {step}")));
        printer.line(format!(
            "{}: {}, about {} a run",
            self.file.display(),
            number_of(scenario.peers(), "peer"),
            number_of(scenario.orders(), "order"),
        ));
    }
}

/// Does the work on a thread of its own, so that whoever waits can leave.
fn begin(scenario: Scenario, (first, seeds): (u64, u64)) -> Receiver<ShrinkNews> {
    let (sender, told) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let fault =
            shrink::fault(&scenario, first, seeds).map(|fault| alone(&scenario, fault, (first, seeds)));
        if sender.send(ShrinkNews::Fault(fault.clone())).is_err() {
            return;
        }
        let Some((fault, (first, seeds))) = fault else { return };
        let mut shrinking = Shrinking::new(scenario, fault, first, seeds);
        loop {
            let step = shrinking.step();
            let is_over = step == ShrinkStep::Over;
            let smallest = Box::new(shrinking.scenario().clone());
            if sender.send(ShrinkNews::Step(step, smallest)).is_err() || is_over {
                return;
            }
        }
    });
    told
}

/// The first seed that shows it alone; all of them, where it takes several.
fn alone(
    scenario: &Scenario,
    fault: ScenarioFault,
    (first, seeds): (u64, u64),
) -> (ScenarioFault, (u64, u64)) {
    let shows = |seed: &u64| shrink::fault(scenario, *seed, 1).as_ref() == Some(&fault);
    let seed = match fault {
        ScenarioFault::Gains | ScenarioFault::Harms => None,
        ScenarioFault::Rule(_)
        | ScenarioFault::Unsettled
        | ScenarioFault::Unlike
        | ScenarioFault::Slashed => (first..first + seeds).find(shows),
    };
    let seeds = seed.map_or((first, seeds), |seed| (seed, 1));
    (fault, seeds)
}

fn scenario(word: &str) -> Result<Scenario, CommandError> {
    let path = Path::new(word);
    if !path.is_dir() {
        return super::read(word);
    }
    match KeptExperiment::read(path)? {
        KeptExperiment::Run(artefact) => Ok(artefact.scenario().clone()),
        KeptExperiment::Sweep(_) => {
            let hint = "name the scenario of one of its cells: `assay sim resolve` prints one";
            let message = format!("{} is a sweep, of many scenarios", path.display());
            Err(CommandError::new(Exit::Usage, "OTHER_KIND", message, hint))
        }
    }
}

fn nothing_wrong(scenario: &Scenario, (first, seeds): (u64, u64)) -> CommandError {
    let last = first + seeds.saturating_sub(1);
    let seeds = if seeds == 1 { format!("seed {first}") } else { format!("seeds {first} to {last}") };
    let message = format!("nothing is wrong with {} with {seeds}", scenario.name);
    let hint = "name the seeds that show it: --seed, or --first-seed and --seeds";
    CommandError::new(Exit::NotFound, "NO_FAULT", message, hint)
}

/// A name as a file can have it.
fn plain(name: &str) -> String {
    let name =
        Path::new(name).file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    name.chars().map(|letter| if is_plain(letter) { letter } else { '-' }).take(60).collect()
}
