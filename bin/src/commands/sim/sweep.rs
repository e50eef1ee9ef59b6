//! `assay sim sweep`: a scenario at each point of a grid of its keys.
//!
//! **Invariant:** a cell is on the disk before it is said to be done, and whatever ends this loses no cell that was.

use std::{
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use assay_simulations::lab::{
    artefact::REPORT,
    experiment::ExperimentError,
    scenario::Scenario,
    sweep::{self, CellShare, CellsUnderWay, SweepArtefact, SweepAxis, SweepPlan, SweptRun},
};
use serde_json::json;

use super::{
    SeedArgs, failed,
    own_build::own_build,
    programs::ProgramArgs,
    sweep_folder::{CellsHere, SweepFolder},
    under_way::{GLANCE, ThreadArgs, bar, left, run_by_others},
};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{Spinner, Table, number_of, path_text, verb},
    stop,
};

/// Cells that are shown one by one.
const CELLS_SHOWN_MAX: usize = 20;

const EXAMPLES: &str = "\
Examples:
  assay sim sweep churn --over network.loss=0..20x5%          five losses, from none to 20 %
  assay sim sweep churn --over market.slots=1,2 --over verification.ramp=0,5
                                                              each of two with each of two
  assay sim sweep mine.toml --over market.slots=1..50 --cells 3/25 -o part-3
                                                              the third of 25 shares

Keys are those that `assay sim resolve` prints, one of a population behind its name: population.forgers.count. Values are as in a
file, without quotes: 500 ms, 5 %, 10 credits, forger. A range goes by ones, or by what stands behind the x.";

/// Run a scenario at each point of a grid of its keys, with the same seeds at each.
///
/// The points are numbered cells. Each is written into the folder once all of its runs are done, so whatever ends this, the same
/// command goes on where it was. With --cells, machines share the work: into one folder if all of them see it, or into one each,
/// which `assay sim merge` puts together. The files of a whole sweep are the same to the byte, whoever ran what.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A scenario by name, or its file
    #[arg(value_name = "SCENARIO")]
    scenario: String,
    /// A key and its values: KEY=A,B,C or KEY=FROM..TOxSTEP; of several keys each value meets each of the others
    #[arg(long, value_name = "KEY=VALUES", required = true)]
    over: Vec<String>,
    #[command(flatten)]
    with: SeedArgs,
    #[command(flatten)]
    programs: ProgramArgs,
    /// Run the K-th of N shares of the cells
    #[arg(long, value_name = "K/N", value_parser = share, allow_hyphen_values = true)]
    cells: Option<CellShare>,
    #[command(flatten)]
    threads: ThreadArgs,
    /// The folder for it; named after the scenario and the grid, if none is named
    #[arg(long, short, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

fn share(text: &str) -> Result<CellShare, String> {
    CellShare::read(text).ok_or_else(|| "expected a share such as 3/25, the third of 25".to_owned())
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let (plan, build) = (plan(args)?, own_build()?);
    let path = args.out.clone().unwrap_or_else(|| plan.folder().into());
    let folder = SweepFolder::begin(&path, &plan, &build)?;
    let (here, share) = (folder.cells(), args.cells.unwrap_or(CellShare::WHOLE));
    for number in &here.damaged {
        let file = folder.path_of(*number);
        invocation.printer.note(format!("{} is not whole: its cell is run again", file.display()));
    }
    let is_here = |number: &usize| here.whole.iter().any(|cell| cell.number == *number);
    let own = (1..=plan.cells()).filter(|number| share.has(*number));
    let (done, left): (Vec<usize>, Vec<usize>) = own.partition(is_here);
    let own = number_of(done.len() + left.len(), "cell");
    if !done.is_empty() {
        let were = verb(done.len(), "was", "were");
        invocation.printer.note(format!("{} of {own} {were} run before", done.len()));
    }
    let others = here.others.iter().filter(|number| share.has(**number)).count();
    if others > 0 {
        invocation.printer.note(run_by_others(others, &own));
    }
    if !left.is_empty() {
        run(SweepCourse::new(&folder, build, left.len()), left, args.threads.count(), invocation)?;
    }
    let whole = folder.complete()?;
    let document = document(&folder, whole.as_ref());
    invocation.printer.document("sim-sweep", &document);
    tell(&folder, whole.as_ref(), invocation);
    Ok(())
}

fn plan(args: &Args) -> Result<SweepPlan, CommandError> {
    let scenario = super::read(&args.scenario)?;
    args.programs.refuse(&scenario)?;
    let scenario = Scenario { seeds: args.with.seeds.unwrap_or(scenario.seeds), ..scenario };
    let axes = args.over.iter().map(|over| SweepAxis::read(over)).collect::<Result<Vec<_>, _>>();
    let plan = axes.and_then(|axes| SweepPlan::new(scenario, axes, args.with.first_seed));
    plan.map_err(|error| {
        let hint = format!("`assay sim resolve {}` prints every key with its value", args.scenario);
        CommandError::new(Exit::Usage, "BAD_SWEEP", error, hint)
    })
}

/// Runs these cells and keeps each that is done.
fn run(
    mut course: SweepCourse<'_>,
    cells: Vec<usize>,
    threads: usize,
    invocation: &Invocation,
) -> Result<(), CommandError> {
    let asked = Arc::new(OnceLock::new());
    let watch = tokio::spawn({
        let asked = Arc::clone(&asked);
        async move {
            let _ = asked.set(stop::asked().await);
        }
    });
    let spinner = invocation.printer.spinner("opening the first markets");
    let ended = course.carry_out(cells, threads, &asked, &spinner);
    spinner.end();
    watch.abort();
    ended
}

/// Cells that are being run.
struct SweepCourse<'a> {
    folder: &'a SweepFolder,
    under_way: CellsUnderWay,
    begun: Instant,
    cells: usize,
    cells_kept: usize,
    runs_done: u64,
    /// The first run that failed.
    failed: Option<(usize, u64, ExperimentError)>,
}

impl<'a> SweepCourse<'a> {
    fn new(folder: &'a SweepFolder, build: String, cells: usize) -> Self {
        Self {
            folder,
            under_way: CellsUnderWay::of(build),
            begun: Instant::now(),
            cells,
            cells_kept: 0,
            runs_done: 0,
            failed: None,
        }
    }

    fn carry_out(
        &mut self,
        cells: Vec<usize>,
        threads: usize,
        asked: &OnceLock<Exit>,
        spinner: &Spinner,
    ) -> Result<(), CommandError> {
        let goes_on = Arc::new(AtomicBool::new(true));
        let ran = begin(self.folder.plan(), cells, threads, &goes_on);
        loop {
            // Whoever is asked to end does not wait for runs that are under way: they end with the process.
            if let Some(exit) = asked.get() {
                return Err(self.left(*exit));
            }
            match ran.recv_timeout(GLANCE) {
                Ok(run) => self.take(run, &goes_on)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            spinner.say(&self.progress());
        }
        match self.failed.take() {
            Some((cell, _, error)) => Err(self.refused(cell, &error)),
            None => Ok(()),
        }
    }

    /// Takes a run; keeps its cell once that is whole. After one that failed nothing is begun; those before it are waited for.
    fn take(&mut self, run: SweptRun, goes_on: &AtomicBool) -> Result<(), CommandError> {
        let SweptRun { cell, seed, ended } = run;
        self.runs_done += 1;
        match ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
            Ok(figures) => {
                if let Some(whole) = self.under_way.take(self.folder.plan(), cell, figures) {
                    self.folder.keep(&whole)?;
                    self.cells_kept += 1;
                }
            }
            Err(error) => {
                goes_on.store(false, Ordering::Relaxed);
                let is_first = self.failed.as_ref().is_none_or(|(first, at, _)| (cell, seed) < (*first, *at));
                if is_first {
                    self.failed = Some((cell, seed, error));
                }
            }
        }
        Ok(())
    }

    fn progress(&self) -> String {
        let runs = self.cells as u64 * self.folder.plan().scenario().seeds;
        progress(self.runs_done, runs, [self.cells_kept, self.cells], self.begun.elapsed())
    }

    fn refused(&self, cell: usize, error: &ExperimentError) -> CommandError {
        let failure = failed(error);
        let [message, hint] = failure.lines();
        let cell = self.folder.plan().called(cell);
        CommandError::new(failure.exit(), failure.code(), format!("{cell}: {message}"), hint)
    }

    fn left(&self, exit: Exit) -> CommandError {
        let message = format!("left after {} of {}", self.cells_kept, number_of(self.cells, "cell"));
        let hint = format!(
            "what is done is in {}: the same command goes on from there",
            self.folder.path().display()
        );
        CommandError::new(exit, "INTERRUPTED", message, hint)
    }
}

/// Begins the runs of these cells; what comes of each is heard at the other end.
fn begin(
    plan: &SweepPlan,
    cells: Vec<usize>,
    threads: usize,
    goes_on: &Arc<AtomicBool>,
) -> Receiver<SweptRun> {
    let (sender, ran) = mpsc::sync_channel(threads);
    let goes_on = Arc::clone(goes_on);
    sweep::begin(&Arc::new(plan.clone()), cells, threads, move |run| {
        sender.send(run).is_ok() && goes_on.load(Ordering::Relaxed)
    });
    ran
}

/// How much is done, and how long the rest takes if it goes on so.
fn progress(done: u64, all: u64, [kept, cells]: [usize; 2], since: Duration) -> String {
    let (bar, left) = (bar(done, all), left(done, all, since));
    let (runs, cells) = (number_of(all, "run"), number_of(cells, "cell"));
    format!("{bar} {done} of {runs}, {kept} of {cells}{left}")
}

/// What there is, as a document.
pub(super) fn document(folder: &SweepFolder, whole: Option<&SweepArtefact>) -> serde_json::Value {
    let count = folder.plan().cells();
    json!({
        "folder": path_text(folder.path()),
        "cell_count": count,
        "cells_done": whole.map_or_else(|| folder.cells().whole.len(), |_| count),
        "is_whole": whole.is_some(),
        "manifest_text": whole.map(SweepArtefact::manifest),
        "summary": whole.map(SweepArtefact::summary),
        "digests": whole.map(SweepArtefact::digests),
    })
}

/// What there is, for people.
pub(super) fn tell(folder: &SweepFolder, whole: Option<&SweepArtefact>, invocation: &Invocation) {
    let (printer, plan) = (&invocation.printer, folder.plan());
    let Some(artefact) = whole else {
        let CellsHere { whole, others, .. } = folder.cells();
        let (count, path) = (number_of(plan.cells(), "cell"), folder.path().display());
        let are = verb(whole.len(), "is", "are");
        printer.line(format!("{} of {count} {are} in {path}", whole.len()));
        match others.len() {
            0 => printer.note("`assay sim merge` puts the folders of all shares together"),
            others => {
                let (others, are) = (number_of(others, "other"), verb(others, "is", "are"));
                printer.note(format!("{others} {are} of another build of this program: one has to run all"));
            }
        }
        return;
    };
    if plan.cells() <= CELLS_SHOWN_MAX {
        let mut table = Table::new(["CELL", "SETTINGS"]).wraps();
        for cell in 1..=plan.cells() {
            let settings = plan.settings(cell).into_iter().map(|(key, value)| format!("{key} = {value}"));
            table.row([cell.to_string(), settings.collect::<Vec<_>>().join(", ")]);
        }
        printer.table(&table);
        printer.line("");
    }
    let mut table = Table::new(["FIGURE", "LEAST", "IN CELL", "MOST", "IN CELL"]).folds(&["FIGURE"]);
    let mut same = 0;
    for figure in artefact.figures() {
        let means =
            (1..).zip(&figure.cells).filter_map(|(cell, column)| Some((cell, column.as_ref()?.mean()?)));
        let means: Vec<(usize, f64)> = means.collect();
        let least = means.iter().copied().reduce(|one, other| if other.1 < one.1 { other } else { one });
        let most = means.iter().copied().reduce(|one, other| if other.1 > one.1 { other } else { one });
        match least.zip(most) {
            Some((least, most)) if least.1 < most.1 => {
                let shown = |(cell, mean): (usize, f64)| (format!("{mean:.4}"), cell.to_string());
                let ((least, in_least), (most, in_most)) = (shown(least), shown(most));
                table.row([figure.name, least, in_least, most, in_most]);
            }
            Some(_) | None => same += 1,
        }
    }
    printer.table(&table);
    let have = verb(same, "has", "have");
    printer.line(format!("{} {have} the same mean in all cells", number_of(same, "figure")));
    printer.line(artefact.reproduce());
    printer.note(format!("{} shows it", folder.path().join(REPORT).display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_how_much_is_done_and_how_long_the_rest_takes() {
        let of = |done: u64, seconds: u64| {
            progress(done, 60, [done as usize / 20, 3], Duration::from_secs(seconds))
        };
        assert_eq!(of(0, 9), "[..........] 0 of 60 runs, 0 of 3 cells");
        assert_eq!(of(20, 10), "[###.......] 20 of 60 runs, 1 of 3 cells, about 20 s left");
        assert_eq!(of(59, 5_900), "[#########.] 59 of 60 runs, 2 of 3 cells, about 100 s left");
        assert_eq!(of(60, 60), "[##########] 60 of 60 runs, 3 of 3 cells");
    }
}
