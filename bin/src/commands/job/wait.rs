//! `assay job wait`: waits until jobs are over, and says by its exit code how they ended.

use std::{pin::pin, time::Duration};

use assay_peer::handle::{Handle, JobView, ShowJob, Update};
use assay_protocol::{id::Digest, units};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};

use super::{describe, ending, job_watch::JobWatch};
use crate::{
    command_error::{CommandError, Exit},
    commands::run::{
        ceiling::CeilingNames,
        closing,
        follow::{alarm, unless_left},
        input,
        notary_wait::{LOOK_STEP, NotaryWait},
    },
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, full, short},
};

/// What is waited for.
const WAITS: &str = "waiting until they are over";

const EXAMPLES: &str = "\
Examples:
  assay job wait 3fa29c                until it is closed, checked or not
  assay job wait 3fa29c 81d0 7c44      until all three are
  assay job wait 3fa29c --timeout 10m  no longer than ten minutes; it goes on all the same

Exit status: 0 if each has a result that was paid for; else that of the worst: 9 if a result was refuted, 10 if the time is over,
6 to 8 if nothing came of one, 13 if the notary is gone that one waits for.";

/// Wait until jobs are over.
///
/// Goes on waiting where the daemon is started again meanwhile. Leaving ends nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The names of submissions or jobs, or their first digits
    #[arg(value_name = "JOB", required = true)]
    jobs: Vec<String>,
    /// How long to wait, such as 30s, 5m or 2h
    #[arg(long, value_name = "TIME", value_parser = input::length)]
    timeout: Option<Duration>,
    #[command(flatten)]
    reach: Reach,
}

/// What became of one of them.
type JobEnd = Result<Box<JobView>, CommandError>;

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let deadline = args.timeout.map(|timeout| Instant::now() + timeout);
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let begun = Instant::now();
    let (mut jobs, mut ceilings) = (Vec::new(), Vec::new());
    for name in &args.jobs {
        let job = daemon.call(ShowJob { name: name.clone() }).await?;
        ceilings.push(ending::ceilings(&daemon, job.submission.key, &invocation.home).await);
        jobs.push(job);
    }
    let spinner = invocation.printer.spinner(WAITS);
    // All must be over, so one may be waited for after the other.
    let ended = unless_left(async {
        let (mut ended, mut notary) = (Vec::<JobEnd>::new(), NotaryWait::begin());
        spinner.say(&how_long(&jobs, &daemon).await);
        for job in &mut jobs {
            ended.push(until_over(job, &daemon, invocation, (deadline, begun), &mut notary).await);
        }
        Ok(ended)
    });
    let ended = ended.await;
    spinner.end();
    let ended = ended?;
    let limits = ceilings.into_iter().map(|ceilings| (daemon.unit(), ceilings));
    let all = jobs.iter().zip(&ended).zip(limits);
    let judged = all.map(|((job, ended), limits)| judged(job, ended, limits)).collect::<Vec<_>>();
    let mut table = Table::new(["JOB", "STATE"]);
    for (job, ended) in jobs.iter().zip(&ended) {
        let last = ended.as_deref().unwrap_or(job);
        table.row([short(job.submission.key), describe::state(last)]);
    }
    invocation.printer.table(&table);
    let Some(worst) = judged.iter().flatten().max_by_key(|failure| gravity(failure)) else {
        let documents = ended.iter().flatten().map(|job| describe::document(job, daemon.unit()));
        let jobs = documents.collect::<Vec<_>>();
        invocation.printer.document("jobs", &json!({ "jobs": jobs, "hidden": 0 }));
        return Ok(());
    };
    Err(match &judged[..] {
        [_] => worst.clone(),
        _ => worst.clone().with(details(&jobs, &judged)),
    })
}

/// What is waited for, and how long the slowest of them may take.
async fn how_long(jobs: &[JobView], daemon: &RunningDaemon) -> String {
    let mut longest: Option<units::Duration> = None;
    for job in jobs.iter().filter(|job| !job.submission.ended) {
        longest = longest.max(closing::longest(&daemon.handle, &daemon.genesis, job.submission.key).await);
    }
    closing::words(WAITS, longest)
}

/// Waits for one; where that ends before it is over, `job` is how it stood last. How it stood when all began to be waited for is
/// how it is given: a notary is waited for from then on, once for all, and looked at first where that was a while ago.
async fn until_over(
    job: &mut JobView,
    daemon: &RunningDaemon,
    invocation: &Invocation,
    (deadline, begun): (Option<Instant>, Instant),
    notary: &mut NotaryWait,
) -> JobEnd {
    let key = job.submission.key;
    *notary = notary.next(&job.submission, begun);
    let follow = async {
        let mut watch = JobWatch::begin(&invocation.home, &daemon.handle, full(key)).await?;
        if begun.elapsed() >= LOOK_STEP {
            notary.look((watch.handle(), key), deadline.is_some(), &invocation.printer).await?;
        }
        loop {
            let update = next_of(&mut watch, notary, (key, deadline.is_some()), invocation).await?;
            let Update::Job(now) = update else { continue };
            if now.submission.ended {
                return Ok(now);
            }
            // It is told how it stands before anything happens to it.
            if now.submission != job.submission {
                notary.hear(&now.submission);
            }
            *job = *now;
        }
    };
    let ended = match deadline {
        None => return follow.await,
        Some(deadline) => timeout_at(deadline, follow).await,
    };
    match ended {
        Ok(ended) => ended,
        Err(_) => as_it_stands(invocation, job).await,
    }
}

/// What is told of a job next. Meanwhile it is looked whether its notary is there; who is followed goes on being so.
async fn next_of(
    watch: &mut JobWatch<'_>,
    notary: &mut NotaryWait,
    (key, has_deadline): (Digest, bool),
    invocation: &Invocation,
) -> Result<Update, CommandError> {
    let handle = watch.handle().clone();
    let mut told = pin!(watch.next());
    loop {
        let look = notary.next_look();
        tokio::select! {
            update = &mut told => return update,
            () = alarm(look) => notary.look((&handle, key), has_deadline, &invocation.printer).await?,
        }
    }
}

async fn as_it_stands(invocation: &Invocation, job: &mut JobView) -> JobEnd {
    let key = full(job.submission.key);
    // Another daemon may run by now than the one that was asked first.
    let handle = Handle::connect(&invocation.home).await?;
    match handle.call(ShowJob { name: key.clone() }).await {
        Ok(now) => looked_at(job, now),
        Err(_) => Err(timed_out(&key)),
    }
}

/// One that was over before its turn came is not late. Of another it is said how it is now, not how it was in the beginning.
fn looked_at(job: &mut JobView, now: JobView) -> JobEnd {
    if now.submission.ended {
        return Ok(Box::new(now));
    }
    *job = now;
    Err(timed_out(&full(job.submission.key)))
}

fn timed_out(key: &str) -> CommandError {
    let name = short(key);
    let hint = format!("it goes on: `assay job wait {name}` waits again, `assay job cancel {name}` ends it");
    CommandError::new(Exit::TimedOut, "TIMED_OUT", format!("the job {name} is not over yet"), hint)
        .with(json!({ "submission": key }))
        .retryable()
}

/// What is wrong with it, if anything is.
fn judged(job: &JobView, ended: &JobEnd, limits: (&str, CeilingNames)) -> Option<CommandError> {
    debug_assert!(ended.as_ref().map_or(true, |ended| ended.submission.key == job.submission.key));
    match ended {
        Ok(ended) => ending::judge(&ended.submission, limits).err(),
        Err(error) => Some(error.clone()),
    }
}

/// What is worse is said first: not to know, then a result that must not be used, then none.
fn gravity(failure: &CommandError) -> u8 {
    match failure.exit() {
        Exit::TimedOut => 2,
        Exit::NotVerified => 1,
        Exit::JobFailed | Exit::NoMatch | Exit::Money => 0,
        Exit::Other
        | Exit::Usage
        | Exit::NotFound
        | Exit::Forbidden
        | Exit::Daemon
        | Exit::Partly
        | Exit::Problem
        | Exit::Different
        | Exit::Unlike
        | Exit::NoPeers
        | Exit::Interrupted
        | Exit::Terminated => 3,
    }
}

fn details(jobs: &[JobView], judged: &[Option<CommandError>]) -> Value {
    let row = |(job, failure): (&JobView, &Option<CommandError>)| {
        json!({
            "submission": full(job.submission.key), "ok": failure.is_none(),
            "code": failure.as_ref().map(CommandError::code),
        })
    };
    json!({ "waited": jobs.iter().zip(judged).map(row).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use assay_market::view::SubmissionView;

    use super::*;

    #[test]
    fn one_that_is_late_is_shown_as_it_is_when_the_time_is_over() {
        let view = |manifest: &str, ended| {
            let (key, manifest) = (Digest([1; 32]), manifest.to_owned());
            let submission = SubmissionView {
                key,
                manifest,
                attempts: Vec::new(),
                cancelled: false,
                ended,
                unmatched: None,
            };
            let (timeline, held) = (Vec::new(), Vec::new());
            JobView { submission, timeline, retry_of: None, retried_as: None, held, awaits: None }
        };
        let mut job = view("as it was", false);
        let late = looked_at(&mut job, view("as it is", false));
        assert_eq!(late.map(|job| job.submission.key).unwrap_err().code(), "TIMED_OUT");
        assert_eq!(job.submission.manifest, "as it is");
        assert!(looked_at(&mut job, view("over", true)).is_ok_and(|job| job.submission.ended));
    }
}
