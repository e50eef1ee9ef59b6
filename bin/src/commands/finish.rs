//! `assay finish`: offers nothing any more, and waits until nothing is under way.

use std::time::Duration;

use assay_market::{
    event::Event,
    view::{RunState, RunView},
};
use assay_peer::handle::{Dated, ListRuns, StopProviding, Update, Updates, WatchUpdates};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::run::input;
use crate::{
    command_error::{CommandError, Exit},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{full, short},
};

/// Between two looks, where nothing was told: that a job was given up is told nobody.
const LOOK_EVERY: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "\
Examples:
  assay finish && assay down  leave no job undone
  assay finish --timeout 10m  wait no longer than that; what is under way goes on
  assay finish --no-wait      only take no more";

/// Offer nothing any more, and wait until what was begun is closed.
///
/// Ctrl-C ends the waiting and nothing else; `assay pause --now` gives up what runs. Checks of others' work are not waited
/// for. `assay provide` offers again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Do not wait for what is under way
    #[arg(long)]
    no_wait: bool,
    /// How long to wait, such as 30s, 5m or 2h
    #[arg(long, value_name = "TIME", value_parser = input::length, conflicts_with = "no_wait")]
    timeout: Option<Duration>,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let mut updates = daemon.call(WatchUpdates::default()).await?;
    daemon.call(StopProviding).await?;
    let mut left = open(&daemon).await?;
    if !args.no_wait && !left.is_empty() {
        let spinner = invocation.printer.spinner("");
        let waits = async {
            while !left.is_empty() && deadline.is_none_or(|deadline| Instant::now() < deadline) {
                spinner.say(&under_way(&left));
                next(&mut updates).await;
                left = open(&daemon).await?;
            }
            Ok(())
        };
        let waited = tokio::select! {
            waited = waits => waited,
            _ = tokio::signal::ctrl_c() => Err(interrupted()),
        };
        spinner.end();
        waited?;
        if let [first, ..] = &left[..] {
            return Err(too_late(&left, first));
        }
    }
    let jobs = left.iter().map(|run| full(run.job));
    invocation.printer.document("finish", &json!({ "open": jobs.collect::<Vec<_>>() }));
    invocation.printer.line(match left.is_empty() {
        true => "Nothing is offered any more, and no job is under way.".to_owned(),
        false => format!("Nothing is offered any more; {}.", under_way(&left)),
    });
    Ok(())
}

/// Waits until a job was closed here, or for a moment.
async fn next(updates: &mut Updates<Update>) {
    let served = async {
        loop {
            match updates.next().await {
                Some(Ok(Update::Event(Dated { event: Event::Served { .. }, .. }))) => return,
                Some(Ok(_)) => {}
                // The next look says whether that is the daemon's end.
                Some(Err(_)) | None => return sleep(LOOK_EVERY).await,
            }
        }
    };
    let _ = timeout(LOOK_EVERY, served).await;
}

/// Jobs that were begun here and are not closed.
pub(super) async fn open(daemon: &RunningDaemon) -> Result<Vec<RunView>, CommandError> {
    let mut runs = daemon.call(ListRuns).await?;
    runs.retain(|run| !run.check && matches!(run.state, RunState::Running | RunState::Committed));
    Ok(runs)
}

fn interrupted() -> CommandError {
    let hint = "what is under way goes on while the daemon runs; `assay finish` waits again";
    CommandError::new(Exit::Interrupted, "INTERRUPTED", "not waited for any more: nothing is offered", hint)
}

fn too_late(left: &[RunView], first: &RunView) -> CommandError {
    let message = format!("{}, such as {}", under_way(left), short(first.job));
    let hint =
        "they go on while the daemon runs: wait again, or `assay pause --now` gives up what is not claimed";
    let jobs: Vec<String> = left.iter().map(|run| full(run.job)).collect();
    CommandError::new(Exit::TimedOut, "TIMED_OUT", message, hint).with(json!({ "open": jobs })).retryable()
}

fn under_way(left: &[RunView]) -> String {
    let claimed = left.iter().filter(|run| run.state == RunState::Committed).count();
    let jobs = if left.len() == 1 { "one job is".to_owned() } else { format!("{} jobs are", left.len()) };
    match claimed {
        0 => format!("{jobs} under way"),
        _ => format!("{jobs} under way, {claimed} of them claimed and waiting for the notary"),
    }
}
