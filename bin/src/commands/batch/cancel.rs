//! `assay batch cancel`: orders nothing more of a batch, and ends what is under way.

use assay_peer::handle::{CallError, CancelJob, KNOWN_JOBS_MAX, KnownJobs, Refused};
use assay_protocol::id::Digest;
use serde_json::json;

use super::{batch_folder::BatchFolder, report::write_answers};
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
    let (folder, plan) = BatchFolder::named(invocation, &args.batch)?;
    let name = short(plan.name);
    // Before the jobs are looked for, so that none follows.
    folder.cancel()?;
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let log = folder.log(&plan)?;
    let open = log.lines().iter().enumerate().filter(|(_, state)| state.end.is_none());
    let keys: Vec<Digest> = open.map(|(line, state)| plan.key(line, state.attempt)).collect();
    let (mut cancelled, mut too_late) = (0_usize, 0_usize);
    for some in keys.chunks(KNOWN_JOBS_MAX) {
        let known = daemon.call(KnownJobs { keys: some.to_vec() }).await?;
        for job in known.into_iter().filter(|job| !job.submission.ended) {
            match daemon.handle.call(CancelJob { name: full(job.submission.key) }).await {
                Ok(_) => cancelled += 1,
                Err(CallError::Refused(Refused::NotCancelled { .. })) => too_late += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }
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
