//! `assay batch cancel`: orders nothing more of a batch, and ends what is under way.

use assay_gateway::{Retracted, retract};
use serde_json::json;

use super::{home_batches, report::write_answers};
use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{full, number_of, short},
};

/// Order nothing more of a batch, and cancel what is under way.
///
/// What is written by now is paid, and can be printed with `assay job result`. `assay batch resume` goes on with the rest.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  assay batch cancel 3fa29c  by the first digits of its name")]
pub(crate) struct Args {
    /// The name of a batch, or its first digits
    #[arg(value_name = "BATCH")]
    batch: String,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let (folder, plan) = home_batches::named(invocation, &args.batch)?;
    let name = short(plan.name);
    // Before the jobs are looked for, so that none follows.
    folder.cancel()?;
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let log = folder.log(&plan)?;
    let Retracted { cancelled, too_late } = retract(&daemon.handle, &plan, &log).await?;
    let is_running = folder.is_locked();
    if !is_running {
        write_answers(&folder, &plan, &log)?;
    }
    invocation.printer.document(
        "batch-cancelled",
        &json!({ "batch": full(plan.name), "cancelled": cancelled, "too_late": too_late }),
    );
    let cancelled = number_of(cancelled, "job");
    invocation
        .printer
        .line(format!("batch {name}: {cancelled} cancelled, {too_late} had their answer already"));
    if !is_running {
        invocation.printer.note(format!("answers until now: {}", plan.output.display()));
    }
    invocation.printer.note(format!(
        "`assay batch resume {name}` gathers what was answered and goes on; with --failed also with what was cancelled"
    ));
    Ok(())
}
