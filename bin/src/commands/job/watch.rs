//! `assay job watch`: what happens to a job, as it happens, until it is over.

use assay_peer::handle::{Dated, ShowJob, Update};
use assay_protocol::units::Timestamp;

use super::{describe, job_watch::JobWatch};
use crate::{
    command_error::CommandError,
    commands::run::follow::unless_left,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{full, short},
};

const EXAMPLES: &str = "\
Examples:
  assay job watch 3fa29c         what happened and happens to a job, until it is over
  assay job watch 3fa29c --json  the same, a document a line; the last is that of `assay job show`";

/// Watch a job: what happens to it, as it happens, until it is over.
///
/// Goes on where the daemon is started again meanwhile. Leaving ends nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The name of a submission or job, or its first digits
    #[arg(value_name = "JOB")]
    job: String,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let job = daemon.call(ShowJob { name: args.job.clone() }).await?;
    let key = job.submission.key;
    if let Some(untold) = describe::untold(&job) {
        invocation.printer.note(untold);
    }
    let mut watch = JobWatch::begin(&invocation.home, &daemon.handle, full(key)).await?;
    let (printer, mut told) = (&invocation.printer, MomentsTold::default());
    let waits = printer.patience(&format!("what happens next to {}", short(key)));
    let watched = unless_left(async {
        loop {
            let Update::Job(job) = watch.next().await? else { continue };
            for happened in told.new_among(&job.timeline) {
                printer.line(describe::moment_line(happened));
                printer.record("job-event", &describe::event_document(key, happened));
            }
            if job.submission.ended {
                let state = describe::state(&job);
                printer.line(format!("{}  {state}", short(key)));
                printer.record("job", &describe::document(&job, daemon.unit()));
                return Ok(());
            }
        }
    });
    let watched = watched.await;
    waits.end();
    watched
}

/// What was told of a job already.
#[derive(Default)]
struct MomentsTold {
    last: Option<Timestamp>,
    /// How many moments of the timeline that is told now.
    count: usize,
}

impl MomentsTold {
    /// What of a timeline is new. A daemon that was started again begins another one.
    fn new_among<'a>(&mut self, timeline: &'a [Dated]) -> impl Iterator<Item = &'a Dated> + use<'a> {
        let (mut count, before) = (self.count, self.last);
        let is_another = timeline.len() < count;
        if is_another {
            count = 0;
        }
        self.count = timeline.len();
        self.last = timeline.last().map(|happened| happened.at).or(before);
        let new = timeline.get(count..).unwrap_or_default().iter();
        new.filter(move |happened| !is_another || before.is_none_or(|before| happened.at > before))
    }
}

#[cfg(test)]
mod tests {
    use assay_market::event::Event;
    use assay_protocol::id::Digest;

    use super::*;

    #[test]
    fn what_happened_is_told_once_and_goes_on_after_a_restart() {
        let event = Event::Cancelled { key: Digest::default() };
        let at = |ms: u64| Dated { at: Timestamp(ms), attempt: None, event: event.clone() };
        let mut told = MomentsTold::default();
        let mut times = |timeline: &[Dated]| told.new_among(timeline).map(|new| new.at.0).collect::<Vec<_>>();
        assert_eq!(times(&[at(1), at(2)]), [1, 2]);
        assert_eq!(times(&[at(1), at(2), at(2)]), [2]);
        assert_eq!(times(&[]), [0; 0]);
        assert_eq!(times(&[at(5)]), [5]);
        assert_eq!(times(&[at(5), at(6)]), [6]);
    }
}
