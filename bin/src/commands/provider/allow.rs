//! `assay provider allow`: lets the runner of a stranger's model run here.

use assay_peer::{
    handle::{AllowRunners, RunnerView},
    library::RunnerSource,
};
use serde_json::{Value, json};

use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, called, full, short},
};

const EXAMPLES: &str = "\
Examples:
  assay provider allow       which runners there are, and on whose word each runs here
  assay provider allow poet  let the runner of this model run here

The sandbox gives a runner the model, the input and a bounded part of this machine, and nothing else.";

/// Let runners run here that strangers wrote.
///
/// What the network pins, what comes with the program and what you added yourself runs anyway. A model that was pulled from
/// others may bring a program of theirs: it is neither offered nor checked here before you allow it. It holds for every model
/// with that runner, and over restarts.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Models whose runners they are, or the digests of runners
    #[arg(value_name = "MODEL|RUNNER")]
    names: Vec<String>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let runners = daemon.call(AllowRunners { names: args.names.clone() }).await?;
    tell(&runners, invocation);
    Ok(())
}

/// Prints which runners there are, and on whose word each runs.
pub(super) fn tell(runners: &[RunnerView], invocation: &Invocation) {
    let printer = &invocation.printer;
    let mut table = Table::new(["RUNNER", "RUNS BY", "MODELS"]);
    for RunnerView { runner, source, models } in runners {
        let models: Vec<String> = models.iter().map(|name| called(name)).collect();
        table.row([short(runner), words(*source).to_owned(), models.join(", ")]);
    }
    printer.table(&table);
    if runners.iter().any(|runner| runner.source.is_none()) {
        printer.note(
            "what runs by nobody's word is neither offered nor checked here: `assay provider allow MODEL`",
        );
    }
    printer.document("runners", &json!({ "runners": runners.iter().map(document).collect::<Vec<_>>() }));
}

fn words(source: Option<RunnerSource>) -> &'static str {
    match source {
        Some(RunnerSource::Network) => "the network",
        Some(RunnerSource::Program) => "the program",
        Some(RunnerSource::Owner) => "you",
        None => "nobody",
    }
}

fn document(view: &RunnerView) -> Value {
    json!({ "runner": full(view.runner), "allowed_by": view.source, "used_by": view.models })
}
