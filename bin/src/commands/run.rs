//! `assay run`: has one job run by somebody else, and shows its result.
//!
//! **Invariant:** leaving never cancels, and says so: whatever ends this command, the daemon goes on with the job, but where
//! somebody ends the answer itself.

pub(crate) mod ceiling;
pub(crate) mod closing;
pub(crate) mod fitting;
pub(super) mod follow;
mod funds_now;
pub(crate) mod input;
mod intake;
pub(crate) mod lost_daemon;
pub(crate) mod notary_wait;
pub(crate) mod order_args;
pub(crate) mod out_file;
mod picture;
pub(crate) mod reading;
pub(crate) mod run_time;
pub(crate) mod terms;
pub(crate) mod wished_order;
pub(super) mod wishes;

use std::{fs, path::PathBuf, time::Duration};

use assay_market::{
    held_money::HeldMoney,
    view::{AttemptState, AttemptView, SubmissionView},
};
use assay_peer::{
    handle::{ReadOutput, ReadReceipt, ShowJob},
    hearing::ShownAnswer,
};
use assay_protocol::id::Digest;
use serde_json::{Value, json};

use self::{
    follow::{Goal, unless_left},
    order_args::{OrderArgs, PlacedOrder},
    out_file::OutFile,
    reading::Reading,
    wishes::TextWishes,
};
use super::{
    job::{self, holding},
    offers,
};
use crate::{
    command_error::{CommandError, Exit},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{full, shell_path, short},
};

const EXAMPLES: &str = "\
Examples:
  assay run digits seven.png                          the label, and nothing else, on stdout
  assay run digits seven.png --receipt seven.receipt  wait for the end, keep its receipt
  assay run digits seven.png --max-cost 0.1           spend at most 0.1 credits, fees included
  assay run digits seven.png --check always           pay for a check, and show nothing that it does not confirm
  assay run sums 27+58=                               a text for a model of language
  assay run minilm 'A cat on a mat.'                  the vector of a text, for a model that embeds texts
  assay run sums -f question.txt --max-tokens 20      a longer one out of a file, a short answer
  assay run sums 27+58= --idempotency-key order-7     said twice it is one job, and its answer is shown again
  assay run digits - < seven.png                      read the input from standard input

The provider can read the input; when the job is checked, so can one verifier, or a few if it is disputed.";

/// Have one job run, and print its result.
///
/// Picks a provider among the offers, pays it through the notary and prints the result once the provider has committed
/// to it. Whether the job is checked is drawn after that; --receipt waits for the end. Ctrl-C leaves, and the
/// job goes on; of a text it ends the answer, of which what is written by then is paid, and a second one leaves.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    order: OrderArgs,
    /// How long to wait, such as 500ms, 30s or 5m; the job goes on after it
    #[arg(long, value_name = "TIME", value_parser = input::length)]
    timeout: Option<Duration>,
    /// Wait until the job is closed and write its receipt to this file
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
    /// Write the result as it came to this file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    wishes: TextWishes,
}

/// Where what is bought goes.
struct Outlets {
    output: Option<OutFile>,
    receipt: Option<OutFile>,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let file = args.order.file()?;
    let outlets = Outlets {
        output: OutFile::tried(args.output.as_deref())?,
        receipt: OutFile::tried(args.receipt.as_deref())?,
    };
    let (daemon, placed) = unless_left(async {
        let daemon = RunningDaemon::reach(invocation, args.reach).await?;
        let placed = args.order.place(file, &args.wishes, &daemon, invocation).await?;
        Ok((daemon, placed))
    })
    .await?;
    let key = placed.key;
    let brought = bring(args, &outlets, placed, &daemon, invocation).await;
    brought.map_err(|failure| args.order.amid(key, failure))
}

/// Waits for what was ordered, and shows it.
async fn bring(
    args: &Args,
    outlets: &Outlets,
    PlacedOrder { key, manifest, wish }: PlacedOrder,
    daemon: &RunningDaemon,
    invocation: &Invocation,
) -> Result<(), CommandError> {
    let printer = &invocation.printer;
    let goal = args.order.goal();
    let waiting = follow::Waiting::new(daemon, invocation, (key, &manifest), args.timeout);
    let mut waiting = unless_left(waiting).await?.under(args.order.ceilings(invocation), wish);
    if goal == Goal::Delivered {
        waiting = waiting.hearing(printer);
    }
    let attempt = waiting.until(goal, printer).await?;
    let output = unless_left(fetch_output(daemon, key, &attempt)).await?;
    let reading = Reading::of(&manifest, &output);
    let heard = waiting.heard();
    let is_as_heard = show(outlets, invocation, &heard, &output, (reading.as_ref(), &attempt))?;
    let attempt = match (&outlets.receipt, attempt.receipt) {
        (Some(_), None) => {
            waiting.goes_on(printer);
            waiting.until(Goal::Closed, printer).await?
        }
        (Some(_), Some(_)) | (None, _) => attempt,
    };
    if let Some(file) = &outlets.receipt {
        unless_left(keep_receipt(daemon, &attempt, file)).await?;
    }
    let bought = (&attempt, waiting.held());
    say_how_it_stands(outlets, invocation, bought, daemon.unit());
    printer.document("run", &document(key, bought, &output, reading.as_ref(), daemon.unit()));
    unless_left(confirmed(&attempt, key, daemon)).await?;
    match is_as_heard {
        false => Err(other_words(&attempt)),
        true if job::is_broken_off(&attempt) => Err(broken_off(&attempt)),
        true => Ok(()),
    }
}

/// Says once in the life of a home who can read what is sent.
pub(super) fn tell_who_reads(invocation: &Invocation) {
    let marker = invocation.home.root().join("told-who-reads");
    if invocation.printer.is_json() || marker.exists() {
        return;
    }
    invocation.printer.note(
        "note: the provider can read your input; if the job is checked, so can one verifier, or a few if it is disputed",
    );
    // A home that takes no file says it again, which harms nobody.
    let _ = fs::write(marker, "");
}

pub(super) async fn fetch_output(
    daemon: &RunningDaemon,
    key: Digest,
    attempt: &AttemptView,
) -> Result<Vec<u8>, CommandError> {
    let Some(digest) = attempt.output else { unreachable!("a delivered job has an output") };
    Ok(daemon.call(ReadOutput { digest, of: Some(key) }).await?.all().await?)
}

/// Shows what was delivered, but for what was shown before; false if that was something else.
fn show(
    outlets: &Outlets,
    invocation: &Invocation,
    heard: &ShownAnswer,
    output: &[u8],
    (reading, attempt): (Option<&Reading>, &AttemptView),
) -> Result<bool, CommandError> {
    let mut is_as_heard = true;
    if let Some(file) = &outlets.output {
        file.write(output)?;
    }
    match reading {
        Some(reading) => {
            is_as_heard = reading.print_beyond(heard, attempt.job, &invocation.printer);
            invocation.printer.note(format!("{}, says provider {}", reading.note(), short(attempt.provider)));
            if job::is_cut_off(attempt) {
                let hint = "cut off: at its most tokens, its units, or what the model can read; --max-tokens asks for more";
                invocation.printer.note(hint);
            }
        }
        None if outlets.output.is_none() => invocation.printer.bytes(output),
        None => {}
    }
    Ok(is_as_heard)
}

fn broken_off(attempt: &AttemptView) -> CommandError {
    let hint = format!("what stands above was written and is paid; `assay job show {}`", short(attempt.job));
    let details = json!({ "job": full(attempt.job) });
    CommandError::new(Exit::Interrupted, "BROKEN_OFF", "the answer was cancelled before its end", hint)
        .with(details)
}

/// What a provider says while it writes and does not deliver, it says to be believed by nobody who looks.
fn other_words(attempt: &AttemptView) -> CommandError {
    let message = "what the provider said while it wrote is not what it delivered";
    let hint = format!(
        "what was delivered stands below it, and is what a check is about; provider {} said the other",
        short(attempt.provider)
    );
    let details = json!({ "job": full(attempt.job), "provider": full(attempt.provider) });
    CommandError::new(Exit::NotVerified, "OTHER_WORDS", message, hint).with(details)
}

async fn keep_receipt(
    daemon: &RunningDaemon,
    attempt: &AttemptView,
    file: &OutFile,
) -> Result<(), CommandError> {
    let bytes = daemon.call(ReadReceipt { name: full(attempt.job) }).await?.all().await?;
    file.write(&bytes)
}

fn unwritable(path: &std::path::Path, error: &std::io::Error) -> CommandError {
    let message = format!("{} cannot be written: {error}", path.display());
    let hint =
        "name a file that can be written; of a job that was ordered `assay job result` prints what it gave";
    CommandError::new(Exit::Usage, "FILE", message, hint)
}

fn say_how_it_stands(
    outlets: &Outlets,
    invocation: &Invocation,
    (attempt, held): (&AttemptView, Option<&HeldMoney>),
    unit: &str,
) {
    let (price, most) = (attempt.price, attempt.held);
    let note = |line: String| invocation.printer.note(line);
    note(match (attempt.state, held) {
        (AttemptState::Closed(outcome), _) => {
            format!("price {price} {unit}s; {}", job::outcome_words(outcome))
        }
        (_, Some(held)) => {
            format!("price {price} {unit}s; check pending, held: {}", holding::words(held, unit))
        }
        (_, None) => {
            format!(
                "price {price} {unit}s; check pending, until then {most} are held, and the rest comes back"
            )
        }
    });
    let name = short(attempt.job);
    note(match (&outlets.receipt, attempt.receipt) {
        (Some(file), _) => {
            let (path, typed) = (file.path().display(), shell_path(file.path()));
            format!("receipt: {path}; `assay receipt verify {typed}` checks it anywhere")
        }
        (None, Some(_)) => format!("receipt: `assay receipt show {name}`"),
        (None, None) => format!("receipt, once it is closed: `assay receipt show {name}`"),
    });
}

/// A job of which one attempt is all that is known.
fn alone(attempt: &AttemptView, key: Digest) -> SubmissionView {
    SubmissionView {
        key,
        manifest: String::new(),
        attempts: vec![attempt.clone()],
        cancelled: false,
        ended: false,
        unmatched: None,
    }
}

/// A closed job whose result did not hold is a failure, whatever was printed before; what is bought instead is told.
async fn confirmed(attempt: &AttemptView, key: Digest, daemon: &RunningDaemon) -> Result<(), CommandError> {
    if !attempt.is_refuted() {
        return Ok(());
    }
    let now = daemon.call(ShowJob { name: full(key) }).await;
    // Whether another answer was bought is not known then; that this one does not hold is.
    let submission = now.map(|now| now.submission).unwrap_or_else(|_| alone(attempt, key));
    Err(job::refuted_error(&submission, attempt))
}

fn document(
    key: Digest,
    (attempt, held): (&AttemptView, Option<&HeldMoney>),
    output: &[u8],
    reading: Option<&Reading>,
    unit: &str,
) -> Value {
    let read = reading.map(Reading::document).unwrap_or_default();
    json!({
        "submission": full(key), "job": full(attempt.job), "provider": full(attempt.provider),
        "best": read["best"], "scores": read["scores"], "text": read["text"], "tokens": read["tokens"],
        "vectors": read["vectors"],
        "output": full(Digest::of(output)), "output_bytes": output.len(),
        "attempt": job::attempt_document(attempt, held, unit),
    })
}
