//! `assay sim report`: a page about an experiment.

use std::path::PathBuf;

use assay_simulations::lab::{artefact::REPORT, report};
use serde_json::json;

use super::{experiment_folder::KeptExperiment, saved};
use crate::{
    command_error::CommandError,
    invocation::Invocation,
    printer::{number_of, path_text},
};

const EXAMPLES: &str = "\
Examples:
  assay sim report runs                  write runs/report.html anew: plots, intervals, and how to run it again
  assay sim report runs -o paper.html    write it elsewhere; the file needs no other";

/// Write a page about an experiment: its figures with intervals over seeds, as plots and as tables.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The folder of a run or of a whole sweep
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// The file for it; report.html in the folder, if none is named
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(super) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let page = match KeptExperiment::read(&args.folder)? {
        KeptExperiment::Run(artefact) => report::of_run(&artefact),
        KeptExperiment::Sweep(artefact) => report::of_sweep(&artefact),
    };
    let file = args.output.clone().unwrap_or_else(|| args.folder.join(REPORT));
    saved::save(&file, page.as_bytes())?;
    invocation.printer.document("sim-report", &json!({ "file": path_text(&file), "bytes": page.len() }));
    invocation.printer.line(format!("{}: {}", file.display(), number_of(page.len(), "byte")));
    Ok(())
}
