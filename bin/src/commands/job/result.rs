//! `assay job result`: prints again what a job gave.
//!
//! **Invariant:** what is printed has the digest that its provider claimed; what was refuted is printed to nobody who did
//! not ask for it; nothing is handed over to a file that cannot be written.

use std::path::PathBuf;

use assay_market::view::{AttemptView, SubmissionView};
use assay_peer::{
    handle::{CallError, ExplainJob, Explained, FindModel, JobView, ReadOutput, Refused},
    hearing::ShownAnswer,
};
use assay_protocol::{
    id::Digest,
    manifest::{End, Manifest},
};
use serde_json::json;

use super::{attempt_document, describe::attempt_state, ending};
use crate::{
    command_error::{CommandError, Exit},
    commands::run::{ceiling::CeilingNames, follow::unless_left, out_file::OutFile, reading::Reading},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{full, short},
};

const EXAMPLES: &str = "\
Examples:
  assay job result 3fa29c           print the result of a job again, by the first digits of its name
  assay job result 3fa29c -o seven  write it as it came to a file
  assay job result 3fa29c --json    the same, for programs";

/// Print the result of a job again.
///
/// Where an answer was refuted and another one bought, it is that one; a job of an attempt by its own name is that attempt's.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The name of a submission or job, or its first digits
    #[arg(value_name = "JOB")]
    job: String,
    /// Write the result as it came to this file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Print a result that was refuted as well
    #[arg(long)]
    accept_unverified: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    // A result that was handed over makes room for others: what cannot be kept is not taken.
    let file = OutFile::tried(args.output.as_deref())?;
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let explained = daemon.call(ExplainJob { name: args.job.clone() }).await?;
    let submission = &explained.job.submission;
    let limits = (daemon.unit(), ending::ceilings(&daemon, submission.key, &invocation.home).await);
    let attempt = chosen(&explained.job, args, limits)?;
    let output = unless_left(bytes_of(&daemon, submission, attempt)).await?;
    let manifest = manifest(&daemon, &explained, attempt).await;
    let reading = manifest.and_then(|manifest| Reading::of(&manifest, &output));
    let printer = &invocation.printer;
    if let Some(file) = &file {
        file.write(&output)?;
    }
    match &reading {
        Some(reading) => {
            reading.print_beyond(&ShownAnswer::default(), attempt.job, printer);
        }
        None if args.output.is_none() => printer.bytes(&output),
        None => {}
    }
    tell_of_others(submission, attempt, invocation);
    let (job, unit) = (short(attempt.job), daemon.unit());
    printer.note(format!("price {} {unit}s; {}", attempt.price, attempt_state(attempt.state)));
    if attempt.end == Some(End::Cancelled) {
        printer.note("it was broken off, as its user wanted");
    }
    if attempt.receipt.is_some() {
        printer.note(format!("receipt: `assay receipt show {job}`"));
    }
    let read = reading.as_ref().map(Reading::document).unwrap_or_default();
    let others = submission.refuted().filter(|other| other.job != attempt.job);
    printer.document(
        "job-result",
        &json!({
            "submission": full(submission.key), "job": full(attempt.job), "model": submission.manifest,
            "best": read["best"], "scores": read["scores"], "text": read["text"], "tokens": read["tokens"],
            "vectors": read["vectors"],
            "output": full(Digest::of(&output)), "output_bytes": output.len(),
            "attempt": attempt_document(attempt, explained.job.held_for(attempt.job), unit),
            "refuted": others.map(|other| {
                attempt_document(other, explained.job.held_for(other.job), unit)
            }).collect::<Vec<_>>(),
        }),
    );
    Ok(())
}

/// The attempt whose result is meant.
fn chosen<'a>(
    job: &'a JobView,
    args: &Args,
    limits: (&str, CeilingNames),
) -> Result<&'a AttemptView, CommandError> {
    let submission = &job.submission;
    let is_named = |attempt: &&AttemptView| full(attempt.job).starts_with(&args.job);
    let named: Vec<&AttemptView> = match full(submission.key).starts_with(&args.job) {
        true => Vec::new(),
        false => submission.attempts.iter().filter(is_named).collect(),
    };
    let named = match named[..] {
        [one] => Some(one),
        _ => None,
    };
    if let Some(named) = named.filter(|attempt| attempt.output.is_none()) {
        return Err(nothing_of(submission, named));
    }
    let refuted = || submission.refuted().last().filter(|_| args.accept_unverified);
    let found = named.or(submission.answer()).or_else(refuted);
    let Some(attempt) = found else {
        return Err(match submission.ended || submission.refuted().next().is_some() {
            true => ending::why_nothing(submission, limits),
            false => not_yet(job),
        });
    };
    if attempt.is_refuted() && !args.accept_unverified {
        return Err(ending::refuted_error(submission, attempt));
    }
    Ok(attempt)
}

/// One attempt by its own name has no result; the job may have another.
fn nothing_of(submission: &SubmissionView, attempt: &AttemptView) -> CommandError {
    let (name, job) = (short(submission.key), short(attempt.job));
    let message = format!("the attempt {job} gave no result: {}", attempt_state(attempt.state));
    let hint = format!("`assay job result {name}` prints the result of the job that it is of");
    let details = json!({ "submission": full(submission.key), "job": full(attempt.job) });
    CommandError::new(Exit::NotFound, "NO_RESULT", message, hint).with(details)
}

fn not_yet(job: &JobView) -> CommandError {
    let name = short(job.submission.key);
    let message = format!("the job {name} has no result yet: {}", super::state(job));
    let hint = format!("`assay job wait {name}` waits for it, `assay job watch {name}` shows how far it is");
    let details = json!({ "submission": full(job.submission.key) });
    CommandError::new(Exit::TimedOut, "NO_RESULT_YET", message, hint).with(details).retryable()
}

/// The result itself, if it is here and whole.
async fn bytes_of(
    daemon: &RunningDaemon,
    submission: &SubmissionView,
    attempt: &AttemptView,
) -> Result<Vec<u8>, CommandError> {
    let Some(digest) = attempt.output else { unreachable!("an attempt with a result was chosen") };
    let name = short(submission.key);
    let gone = |message: String| {
        let hint = format!(
            "it was handed out before; `assay job retry` is for what came to nothing, so order {name} anew with `assay run`, and keep it with -o FILE"
        );
        let details = json!({ "submission": full(submission.key), "output": full(digest) });
        CommandError::new(Exit::NotFound, "RESULT_GONE", message, hint).with(details)
    };
    let pieces = match daemon.handle.call(ReadOutput { digest, of: Some(submission.key) }).await {
        Err(CallError::Refused(Refused::BlobAbsent { .. })) => {
            return Err(gone(format!("the result of {name} made room for others and is not here any more")));
        }
        pieces => pieces?,
    };
    let bytes = pieces.all().await?;
    match Digest::of(&bytes) == digest {
        true => Ok(bytes),
        false => Err(gone(format!("the stored result of {name} is damaged"))),
    }
}

/// What ran, as it was ordered; of a job that is long over, as its model is called now.
async fn manifest(daemon: &RunningDaemon, explained: &Explained, attempt: &AttemptView) -> Option<Manifest> {
    let orders = explained.grounds.iter().flat_map(|grounds| &grounds.orders);
    let ordered = orders.into_iter().find(|order| order.job == attempt.job);
    if let Some(ordered) = ordered {
        return Some(ordered.order.manifest.clone());
    }
    let name = explained.job.submission.manifest.clone();
    daemon.call(FindModel { name }).await.ok().map(|found| found.manifest)
}

/// An answer that was bought after another one did not hold.
fn tell_of_others(submission: &SubmissionView, attempt: &AttemptView, invocation: &Invocation) {
    for other in submission.refuted().filter(|other| other.job != attempt.job) {
        invocation.printer.note(format!(
            "provider {} gave another answer: {}; its receipt: `assay receipt show {}`",
            short(other.provider),
            attempt_state(other.state),
            short(other.job)
        ));
    }
}
