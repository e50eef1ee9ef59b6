//! `assay batch cancel`: orders nothing more of a batch, and ends what is under way.

use assay_peer::handle::{CallError, CancelJob, Refused, Submit};
use serde_json::json;

use super::batch_folder::BatchFolder;
use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{full, short},
};

/// Order nothing more of a batch, and cancel what is under way.
///
/// What is written by now is paid and stays. `assay batch resume` goes on with the rest.
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
    let (folder, plan) = BatchFolder::named(invocation, &args.batch)?;
    let name = short(plan.name);
    // Before the jobs are looked for, so that none follows.
    folder.cancel()?;
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let log = folder.log(&plan)?;
    let (mut cancelled, mut too_late) = (0_usize, 0_usize);
    for (line, state) in log.lines().iter().enumerate().filter(|(_, state)| state.end.is_none()) {
        let key = Submit::key_of(&plan.word(line, state.attempt));
        match daemon.handle.call(CancelJob { name: full(key) }).await {
            Ok(_) => cancelled += 1,
            Err(CallError::Refused(Refused::UnknownJob { .. })) => {}
            Err(CallError::Refused(Refused::NotCancelled { .. })) => too_late += 1,
            Err(error) => return Err(error.into()),
        }
    }
    invocation.printer.document(
        "batch-cancelled",
        &json!({ "batch": full(plan.name), "cancelled": cancelled, "too_late": too_late }),
    );
    invocation.printer.line(format!("batch {name}: {cancelled} jobs cancelled, {too_late} had their answer already"));
    if !folder.is_locked() {
        invocation.printer.note(format!(
            "`assay batch resume {name}` gathers what was answered, and goes on with the rest"
        ));
    }
    Ok(())
}
