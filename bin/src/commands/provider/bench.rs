//! `assay provider bench`: measures again what is offered here.

use assay_peer::handle::{ListModels, ListOffered, MeasureOffered, MeasuredModel, Measurement, ModelSample};
use serde_json::{Value, json};

use crate::{
    command_error::{CommandError, Exit},
    commands::provide::{sample_of, tell_progress},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, called, full},
};

const EXAMPLES: &str = "\
Examples:
  assay provider bench       measure everything that is offered
  assay provider bench sums  measure one model

Jobs that run meanwhile take their part of the machine: measure when it has little to do.";

/// Measure again what is offered, and have the offer say what was found.
///
/// Each model runs twice on a sample, and the second run counts: how long it takes is what clients choose by. Nothing is taken
/// off the offer meanwhile.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A model that is offered, by name; all of them if none
    #[arg(value_name = "MODEL")]
    model: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let samples = samples(&daemon).await?;
    let spinner = invocation.printer.spinner("measuring what is offered");
    let measures = daemon.call(MeasureOffered { model: args.model.clone(), samples });
    let watch = tell_progress(&daemon, &spinner, "measuring what is offered");
    let measured = tokio::select! {
        measured = measures => measured,
        never = watch => match never {},
    };
    spinner.end();
    let measured = measured?;
    let mut table = Table::new(["MODEL", "RUN BEFORE", "RUN NOW", "TOKENS A SECOND"]);
    for model in &measured {
        let (run, speed) = match &model.result {
            Measurement::Works { run, .. } => (format!("{} ms", run.0), tokens_a_second(model)),
            Measurement::Fails { .. } => ("fails".to_owned(), None),
        };
        let speed = speed.map_or_else(|| "-".to_owned(), |speed| format!("{speed:.1}"));
        table.row([called(&model.name), format!("{} ms", model.before.0), run, speed]);
    }
    invocation.printer.table(&table);
    invocation
        .printer
        .document("bench", &json!({ "benched": measured.iter().map(document).collect::<Vec<_>>() }));
    failure(&measured).map_or(Ok(()), Err)
}

/// What the program carries is measured on what it carries for it.
async fn samples(daemon: &RunningDaemon) -> Result<Vec<ModelSample>, CommandError> {
    let offered = daemon.call(ListOffered).await?;
    let known = daemon.call(ListModels).await?.models.into_iter().map(|listed| listed.manifest);
    let offered_here =
        known.filter(|manifest| offered.iter().any(|model| model.service.manifest == manifest.digest()));
    let samples = offered_here.filter_map(|manifest| {
        Some(ModelSample { manifest: manifest.digest(), sample: sample_of(&manifest)? })
    });
    Ok(samples.collect())
}

/// Tokens that such a run writes in a second, with what it reads before.
fn tokens_a_second(model: &MeasuredModel) -> Option<f64> {
    let Measurement::Works { run, tokens_written } = &model.result else { return None };
    (*tokens_written > 0).then(|| *tokens_written as f64 * 1_000.0 / run.0.max(1) as f64)
}

/// What does not work any more, if anything.
fn failure(measured: &[MeasuredModel]) -> Option<CommandError> {
    let fails = |model: &MeasuredModel| matches!(model.result, Measurement::Fails { .. });
    let failed = measured.iter().filter(|model| fails(model)).count();
    let (name, reason) = measured.iter().find_map(|model| match &model.result {
        Measurement::Fails { reason } => Some((&model.name, reason)),
        Measurement::Works { .. } => None,
    })?;
    let exit = if failed == measured.len() { Exit::JobFailed } else { Exit::Partly };
    let message = format!("{reason}; what is offered of it is as it was");
    let hint = format!(
        "`assay provider models add {name}` tries it anew, and `assay provider models rm {name}` offers it no more"
    );
    Some(CommandError::new(exit, "SELF_TEST_FAILED", message, hint))
}

fn document(model: &MeasuredModel) -> Value {
    let (run, reason) = match &model.result {
        Measurement::Works { run, .. } => (Some(run.0), None),
        Measurement::Fails { reason } => (None, Some(reason)),
    };
    json!({
        "model": model.name, "manifest": full(model.manifest), "run_ms_before": model.before.0, "run_ms": run,
        "tokens_a_second": tokens_a_second(model), "why": reason,
    })
}
