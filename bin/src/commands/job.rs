//! `assay job`: what became of what this home submitted.

mod cancel;
mod describe;
mod explain;

use assay_peer::handle::{JobView, ListJobs, ShowJob};
use serde_json::{Value, json};

pub(super) use self::describe::{
    attempt_document, document, event_words, is_broken_off, is_cut_off, outcome_words, state,
};
use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, called, full, short},
};

/// What became of what this home submitted.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    Ls(LsArgs),
    Show(ShowArgs),
    Explain(explain::Args),
    Cancel(cancel::Args),
}

const LS_EXAMPLES: &str = "\
Examples:
  assay job ls           the latest jobs
  assay job ls --all     all of them
  assay job ls --quiet   only their names";

/// List the jobs of this home, oldest first.
#[derive(Debug, clap::Args)]
#[command(after_help = LS_EXAMPLES)]
pub(crate) struct LsArgs {
    /// Also those that ended long ago
    #[arg(long, short)]
    all: bool,
    /// Print only the names
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    reach: Reach,
}

const SHOW_EXAMPLES: &str = "\
Examples:
  assay job show 3fa29c         a job by the first digits of its name
  assay job show 3fa29c --json  the same, for programs";

/// Show one job: how far it is, what the runner gave, where the money is.
#[derive(Debug, clap::Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub(crate) struct ShowArgs {
    /// The name of a submission or job, or its first digits
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    reach: Reach,
}

/// Jobs that are listed where not all are asked for.
const LATEST: usize = 20;

pub(crate) async fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    match verb {
        Verb::Ls(args) => list(args, invocation).await,
        Verb::Show(args) => show(args, invocation).await,
        Verb::Explain(args) => explain::perform(args, invocation).await,
        Verb::Cancel(args) => cancel::perform(args, invocation).await,
    }
}

async fn list(args: &LsArgs, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let jobs = daemon.call(ListJobs).await?;
    let hidden = if args.all { 0 } else { jobs.len().saturating_sub(LATEST) };
    let shown = jobs.get(hidden..).unwrap_or_default();
    let documents: Vec<Value> = shown.iter().map(|job| document(job, daemon.unit())).collect();
    invocation.printer.document("jobs", &json!({ "jobs": documents, "hidden": hidden }));
    match args.quiet {
        true => shown.iter().for_each(|job| invocation.printer.line(full(job.submission.key))),
        false => invocation.printer.table(&table(shown)),
    }
    if hidden > 0 {
        invocation.printer.note(format!("{hidden} older jobs are not shown; --all shows them"));
    }
    Ok(())
}

fn table(jobs: &[JobView]) -> Table {
    let mut table = Table::new(["JOB", "MODEL", "PROVIDER", "PRICE", "STATE", "RECEIPT"]);
    for job in jobs {
        let last = job.submission.attempts.last();
        let cell = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        table.row([
            short(job.submission.key),
            called(&job.submission.manifest),
            cell(last.map(|attempt| short(attempt.provider))),
            cell(last.map(|attempt| attempt.price.to_string())),
            state(&job.submission),
            cell(last.and_then(|attempt| attempt.receipt).map(short)),
        ]);
    }
    table
}

async fn show(args: &ShowArgs, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let job = daemon.call(ShowJob { name: args.job.clone() }).await?;
    invocation.printer.document("job", &document(&job, daemon.unit()));
    invocation.printer.table(&describe::table(&job, daemon.unit()));
    for moment in &job.timeline {
        invocation.printer.line(describe::moment_line(moment));
    }
    Ok(())
}
