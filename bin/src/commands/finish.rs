//! `assay finish`: offers nothing any more, and waits until nothing is under way.

use std::time::Duration;

use assay_market::view::RunState;
use assay_peer::handle::{ListRuns, StopProviding, WatchUpdates};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
};

/// Between two looks, where nothing was told: that a job was given up is told nobody.
const LOOK_EVERY: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  assay finish && assay down  leave no job undone
  assay finish --no-wait      only take no more";

/// Offer nothing any more, and wait until what was begun is closed.
///
/// Ctrl-C ends the waiting and nothing else. `assay provide` offers again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Do not wait for what is under way
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let mut updates = daemon.call(WatchUpdates::default()).await?;
    daemon.call(StopProviding).await?;
    let mut open = open(&daemon).await?;
    if !args.no_wait && open > 0 {
        let spinner = invocation.printer.spinner("");
        while open > 0 {
            spinner.say(&format!("{} under way", jobs(open)));
            if let Ok(None | Some(Err(_))) = timeout(LOOK_EVERY, updates.next()).await {
                // Nothing more is told; whether that is the daemon's end, the next look says.
                sleep(LOOK_EVERY).await;
            }
            open = self::open(&daemon).await?;
        }
        spinner.end();
    }
    invocation.printer.document("finish", &json!({ "jobs_open": open }));
    match open {
        0 => invocation.printer.line("Nothing is offered any more, and nothing is under way."),
        _ => invocation.printer.line(format!("Nothing is offered any more; {} under way.", jobs(open))),
    }
    Ok(())
}

/// Jobs that were begun here and are not closed.
async fn open(daemon: &RunningDaemon) -> Result<usize, CommandError> {
    let runs = daemon.call(ListRuns).await?;
    let is_open = |state| matches!(state, RunState::Running | RunState::Committed);
    Ok(runs.iter().filter(|run| !run.check && is_open(run.state)).count())
}

fn jobs(open: usize) -> String {
    if open == 1 { "one job is".to_owned() } else { format!("{open} jobs are") }
}
