//! `assay sim compare`: two experiments beside each other.

use std::path::{Path, PathBuf};

use assay_simulations::lab::{
    comparison::{self, FigureDifference, FigurePair},
    experiment::RunFigures,
    figure_column::FigureColumn,
    statistics::ConfidenceInterval,
};
use serde_json::{Value, json};

use super::{experiment_folder::KeptExperiment, sweep_folder::other};
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{Table, number_of, path_text, verb},
};

/// What stands behind a figure that differs by more than chance.
const MARK: &str = "differs";

const EXAMPLES: &str = "\
Examples:
  assay sim compare before after           each figure of two runs, and by how much it differs
  assay sim compare before after --json    the same with every interval and chance

Seeds that both have are compared each with itself. A figure differs if it does so by more than chance, with as many figures as
are compared: where nothing differs, one comparison in twenty says that something does, at most.

Exit status: 0 if nothing differs by more than chance, 14 if something does.";

/// Put two runs, or two sweeps, beside each other: each figure, and whether it differs by more than chance.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The folder of a run or of a whole sweep
    #[arg(value_name = "FOLDER")]
    first: PathBuf,
    /// Another one of the same kind
    #[arg(value_name = "OTHER")]
    second: PathBuf,
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let (first, second) = (KeptExperiment::read(&args.first)?, KeptExperiment::read(&args.second)?);
    let pairs = match (&first, &second) {
        (KeptExperiment::Run(first), KeptExperiment::Run(second)) => {
            comparison::compare([(None, first.runs(), second.runs())])
        }
        (KeptExperiment::Sweep(first), KeptExperiment::Sweep(second)) => {
            if first.plan().axes() != second.plan().axes() {
                let begin = format!("{} is no sweep of the same cells", args.second.display());
                return Err(other(&begin, "grid"));
            }
            let cells = first.cells().iter().zip(second.cells());
            let cells = cells.map(|(one, other)| (Some(one.number), &one.runs[..], &other.runs[..]));
            comparison::compare(cells)
        }
        (KeptExperiment::Run(_), KeptExperiment::Sweep(_))
        | (KeptExperiment::Sweep(_), KeptExperiment::Run(_)) => {
            let message = "one of these is a run and the other a sweep";
            let hint = "compare two runs, or two sweeps over the same grid";
            return Err(CommandError::new(Exit::Usage, "OTHER_KIND", message, hint));
        }
    };
    let compared =
        [(&args.first, &first), (&args.second, &second)].map(|(path, kept)| ComparedSide::of(path, kept));
    let differing = pairs.iter().filter(|pair| is_significant(pair)).count();
    invocation.printer.document("sim-compare", &document(&compared, &pairs, differing > 0));
    tell(&compared, &pairs, matches!(first, KeptExperiment::Sweep(_)), invocation);
    if differing == 0 {
        return Ok(());
    }
    let verb = verb(differing, "differs", "differ");
    let message = format!("{differing} of {} {verb} by more than chance", number_of(pairs.len(), "figure"));
    let hint =
        "`assay sim report FOLDER` draws the figures of either; `--json` has every interval and chance";
    Err(CommandError::new(Exit::Different, "DIFFERENT", message, hint))
}

fn is_significant(pair: &FigurePair) -> bool {
    pair.difference.is_some_and(|difference| difference.is_significant)
}

/// What one of the two is.
struct ComparedSide {
    path: PathBuf,
    name: String,
    hash: String,
    version: String,
    seeds: u64,
    runs: Vec<RunFigures>,
}

impl ComparedSide {
    fn of(path: &Path, kept: &KeptExperiment) -> Self {
        let (scenario, runs) = match kept {
            KeptExperiment::Run(artefact) => (artefact.scenario(), artefact.runs().to_vec()),
            KeptExperiment::Sweep(artefact) => {
                let runs = artefact.cells().iter().flat_map(|cell| cell.runs.iter().cloned());
                (artefact.plan().scenario(), runs.collect())
            }
        };
        Self {
            path: path.to_owned(),
            name: scenario.name.clone(),
            hash: scenario.hash(),
            version: kept.version().to_owned(),
            seeds: scenario.seeds,
            runs,
        }
    }

    fn document(&self) -> Value {
        json!({
            "folder": path_text(&self.path), "name": self.name, "hash": self.hash, "version": self.version,
            "seeds": self.seeds,
        })
    }

    fn line(&self, which: &str) -> String {
        let Self { path, name, hash, version, seeds, .. } = self;
        format!(
            "{which}: {} ({name} {hash}, version {version}, {})",
            path.display(),
            number_of(seeds, "seed")
        )
    }
}

fn document(compared: &[ComparedSide; 2], pairs: &[FigurePair], differs: bool) -> Value {
    let interval = |interval: Option<ConfidenceInterval>| interval.map(|of| json!([of.low, of.high]));
    let column = |column: &FigureColumn| {
        let interval = interval(column.interval());
        json!({ "runs_seen": column.seen().len(), "mean": column.mean(), "interval": interval })
    };
    let difference = |found: FigureDifference| {
        json!({
            "mean": found.mean, "interval": interval(found.interval), "is_paired": found.is_paired,
            "chance": found.chance, "is_significant": found.is_significant,
        })
    };
    let pair = |pair: &FigurePair| {
        json!({
            "name": pair.name, "cell_number": pair.cell, "first": pair.first.as_ref().map(column),
            "second": pair.second.as_ref().map(column), "difference": pair.difference.map(difference),
        })
    };
    json!({
        "compared": compared.iter().map(ComparedSide::document).collect::<Vec<_>>(),
        "differs": differs,
        "pairs": pairs.iter().map(pair).collect::<Vec<_>>(),
    })
}

/// Every figure of two runs; of two sweeps, which have many, those that differ.
fn tell(compared: &[ComparedSide; 2], pairs: &[FigurePair], is_sweep: bool, invocation: &Invocation) {
    let printer = &invocation.printer;
    let [first, second] = compared;
    printer.line(first.line("first"));
    printer.line(second.line("second"));
    if first.runs == second.runs {
        printer.line("both are the same, run by run");
        return;
    }
    let shown: Vec<&FigurePair> = pairs.iter().filter(|pair| !is_sweep || is_significant(pair)).collect();
    if shown.is_empty() {
        printer.line(format!("none of {} differs by more than chance", number_of(pairs.len(), "figure")));
        return;
    }
    if is_sweep {
        let heads = ["FIGURE", "CELL", "FIRST", "SECOND", "DIFFERENCE", "95 % INTERVAL"];
        let mut table = Table::new(heads).folds(&["FIGURE"]);
        for pair in shown {
            let cell = pair.cell.map(|cell| cell.to_string()).unwrap_or_default();
            let [first, second, by, interval, _] = cells(pair);
            table.row([pair.name.clone(), cell, first, second, by, interval]);
        }
        return printer.table(&table);
    }
    let heads = ["FIGURE", "FIRST", "SECOND", "DIFFERENCE", "95 % INTERVAL", ""];
    let mut table = Table::new(heads).folds(&["FIGURE"]).blanks();
    for pair in shown {
        let [first, second, by, interval, mark] = cells(pair);
        table.row([pair.name.clone(), first, second, by, interval, mark]);
    }
    printer.table(&table);
}

/// Both means, by how much they differ, where that lies, and whether it is more than chance.
fn cells(pair: &FigurePair) -> [String; 5] {
    let mean = |column: &Option<FigureColumn>| {
        let mean = column.as_ref().and_then(FigureColumn::mean);
        mean.map_or_else(|| "-".to_owned(), |mean| format!("{mean:.4}"))
    };
    let by = pair.difference.map_or_else(|| "-".to_owned(), |found| format!("{:+.4}", found.mean));
    let interval = pair.difference.and_then(|found| found.interval);
    let interval = interval.map_or_else(|| "-".to_owned(), |of| format!("{:+.4} to {:+.4}", of.low, of.high));
    let mark = if is_significant(pair) { MARK } else { "" };
    [mean(&pair.first), mean(&pair.second), by, interval, mark.to_owned()]
}
