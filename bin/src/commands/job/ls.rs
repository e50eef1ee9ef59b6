//! `assay job ls`, and `assay ps`: the jobs of this home.

use std::str::FromStr;

use assay_peer::handle::{JobPage, JobView, ListJobs, PageJobs, ShowJob};
use assay_protocol::{id::Digest, units::Timestamp};
use jiff::{civil::DateTime, tz::TimeZone};
use serde_json::{Value, json};

use super::describe::{document, since, state};
use crate::{
    command_error::{CommandError, Exit},
    commands::run::input,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{ListDocument, Printer, Table, called, full, number_of, short},
};

const EXAMPLES: &str = "\
Examples:
  assay job ls                     the latest jobs
  assay job ls --before 3fa29c     those before one of them
  assay job ls --limit 500         more of them
  assay job ls --all               all of them
  assay job ls --running           those that are under way, as `assay ps`
  assay job ls --since 2h          those of the last two hours
  assay job ls --since 2026-11-28  those since a day began here
  assay job ls --quiet             only their names";

/// List the jobs of this home, oldest first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Also those that ended long ago
    #[arg(long, short)]
    all: bool,
    /// Only those that are under way
    #[arg(long)]
    running: bool,
    /// Only those since a time, such as 30m, 2h, 7d, 2026-11-28 or 2026-11-28T09:30:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// So many of them, those that came last; 20 if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000), conflicts_with_all = ["all", "since"])]
    limit: Option<u16>,
    /// Only those that came before this one, by its name or the first digits of it
    #[arg(long, value_name = "JOB", conflicts_with_all = ["all", "since"])]
    before: Option<String>,
    /// Print only the names
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    reach: Reach,
}

const RUNNING_EXAMPLES: &str = "\
Examples:
  assay ps          the jobs that are under way
  assay ps --quiet  only their names";

/// List the jobs of this home that are under way, oldest first.
#[derive(Debug, clap::Args)]
#[command(after_help = RUNNING_EXAMPLES)]
pub(crate) struct RunningArgs {
    /// Print only the names
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Jobs that are listed where not all are asked for.
const LATEST: usize = 20;
/// Jobs that are held at a time where all are listed.
const STRETCH: usize = 200;
/// Jobs that a page lists.
pub(crate) const PAGE_LATEST: usize = 100;
/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// From when on something is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// So long ago, in milliseconds.
    Ago(u64),
    /// At this moment.
    At(Timestamp),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(days) = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok()) {
            return days.checked_mul(DAY_MS).map(Self::Ago).ok_or_else(Self::expected);
        }
        if let Ok(length) = input::length(text) {
            return Ok(Self::Ago(u64::try_from(length.as_millis()).unwrap_or(u64::MAX)));
        }
        Self::at(text, TimeZone::system()).ok_or_else(Self::expected)
    }
}

impl Since {
    /// A moment that says where it is meant, or a day or a time of day of this place, as they are printed.
    fn at(text: &str, here: TimeZone) -> Option<Self> {
        let local = || text.parse::<DateTime>().ok()?.to_zoned(here).ok().map(|moment| moment.timestamp());
        let moment = text.parse::<jiff::Timestamp>().ok().or_else(local)?;
        u64::try_from(moment.as_millisecond()).ok().map(|ms| Self::At(Timestamp(ms)))
    }

    fn expected() -> String {
        "expected a time such as 30m, 2h, 7d, 2026-11-28 or 2026-11-28T09:30:00Z".to_owned()
    }

    /// The moment itself.
    pub(crate) fn moment(self) -> Timestamp {
        let now = || u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or_default();
        match self {
            Self::At(moment) => moment,
            Self::Ago(ms) => Timestamp(now().saturating_sub(ms)),
        }
    }
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let is_page = args.limit.is_some() || args.before.is_some();
    if !is_page && (args.all || args.running || args.since.is_some()) {
        return list_all(args, &daemon, &invocation.printer).await;
    }
    let behind = match &args.before {
        Some(name) => Some(daemon.call(ShowJob { name: name.clone() }).await?.submission.key),
        None => None,
    };
    let most = args.limit.map_or(LATEST, usize::from);
    let JobPage { jobs, older } = daemon.call(PageJobs { running: args.running, behind, most }).await?;
    print(&jobs, older, (args.running, args.quiet), &daemon, invocation);
    Ok(())
}

/// Lists all that are wanted, some at a time: however many there are, a few are held.
async fn list_all(args: &Args, daemon: &RunningDaemon, printer: &Printer) -> Result<(), CommandError> {
    let from = args.since.map(Since::moment);
    // Of one that goes on and was never ordered, it is not known since when, and it matters now.
    let is_since = |job: &JobView| match (from, since(job)) {
        (None, _) => true,
        (Some(from), Some(at)) => at >= from,
        (Some(_), None) => !job.submission.ended,
    };
    let (mut after, mut listed) = (None, None);
    loop {
        let wanted = ListJobs { running: args.running, after, most: Some(STRETCH) };
        let mut jobs = daemon.call(wanted).await?;
        let is_last = jobs.len() < STRETCH;
        after = jobs.last().map(|job| job.submission.key).or(after);
        jobs.retain(is_since);
        let is_first = listed.is_none();
        // Not before something is known to be told.
        let listed: &mut ListDocument<'_> = listed
            .get_or_insert_with(|| printer.long_document("jobs", &whole(&[], 0, daemon.unit()), "jobs"));
        if printer.is_json() {
            jobs.iter().for_each(|job| listed.item(&document(job, daemon.unit())));
        } else if is_first || !jobs.is_empty() {
            show(&jobs, args.quiet, printer);
        }
        if is_last || !printer.is_heard() {
            break;
        }
    }
    listed.into_iter().for_each(ListDocument::end);
    Ok(())
}

pub(crate) async fn running(args: &RunningArgs, invocation: &Invocation) -> Result<(), CommandError> {
    let (quiet, reach) = (args.quiet, args.reach);
    let args = Args { all: false, running: true, since: None, limit: None, before: None, quiet, reach };
    perform(&args, invocation).await
}

fn print(
    shown: &[JobView],
    hidden: u64,
    (is_running, quiet): (bool, bool),
    daemon: &RunningDaemon,
    invocation: &Invocation,
) {
    invocation.printer.document("jobs", &whole(shown, hidden, daemon.unit()));
    show(shown, quiet, &invocation.printer);
    if let Some(first) = shown.first().filter(|_| hidden > 0) {
        invocation.printer.note(others(hidden, is_running, &short(first.submission.key)));
    }
}

/// What is said of jobs before the first that is listed.
fn others(hidden: u64, is_running: bool, first: &str) -> String {
    let are = if hidden == 1 { "is" } else { "are" };
    let (running, all) = if is_running { (" --running", "`assay ps`") } else { ("", "--all") };
    format!(
        "{} {are} not shown; `assay job ls{running} --before {first}` shows the latest of them, {all} shows all",
        number_of(hidden, "older job")
    )
}

fn show(shown: &[JobView], quiet: bool, printer: &Printer) {
    match quiet {
        true => shown.iter().for_each(|job| printer.line(full(job.submission.key))),
        false => printer.table(&table(shown)),
    }
}

/// The latest jobs, or the latest before one of them, for pages.
pub(crate) async fn for_pages(behind: Option<&str>, daemon: &RunningDaemon) -> Result<Value, CommandError> {
    let named = |name: &str| name.parse::<Digest>().map_err(|_| no_place(name));
    let behind = behind.map(named).transpose()?;
    let wanted = PageJobs { running: false, behind, most: PAGE_LATEST };
    let JobPage { jobs, older } = daemon.call(wanted).await?;
    Ok(whole(&jobs, older, daemon.unit()))
}

/// What was asked for stands behind nothing that is listed.
pub(crate) fn no_place(behind: &str) -> CommandError {
    let hint = "jobs go on behind the whole name of one, receipts behind a moment in milliseconds, `-` and a job's whole name";
    CommandError::new(Exit::Usage, "BAD_PLACE", format!("nothing is listed behind {behind:?}"), hint)
}

fn whole(shown: &[JobView], hidden: u64, unit: &str) -> Value {
    let documents: Vec<Value> = shown.iter().map(|job| document(job, unit)).collect();
    json!({ "jobs": documents, "hidden": hidden })
}

fn table(jobs: &[JobView]) -> Table {
    let mut table = Table::new(["JOB", "MODEL", "PROVIDER", "PRICE", "STATE", "RECEIPT"])
        .shortens(&["STATE"])
        .spares(&["RECEIPT"]);
    for job in jobs {
        let foremost = job.submission.foremost();
        let cell = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        table.row([
            short(job.submission.key),
            called(&job.submission.manifest),
            cell(foremost.map(|attempt| short(attempt.provider))),
            cell(foremost.map(|attempt| attempt.price.to_string())),
            state(job),
            cell(foremost.and_then(|attempt| attempt.receipt).map(short)),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_so_long_ago_or_a_moment() {
        let read = |text: &str| text.parse::<Since>();
        assert_eq!(read("30m"), Ok(Since::Ago(1_800_000)));
        assert_eq!(read("7d"), Ok(Since::Ago(7 * DAY_MS)));
        assert_eq!(read("1970-01-02T00:00:01Z"), Ok(Since::At(Timestamp(DAY_MS + 1_000))));
        for text in ["", "d", "soon", "1969-01-01", "2026-13-01", "99999999999999999999d"] {
            assert_eq!(read(text), Err(Since::expected()), "{text}");
        }
        assert!(Since::Ago(0).moment() > Since::At(Timestamp(0)).moment());
    }

    #[test]
    fn who_lists_what_is_under_way_is_told_of_others_that_are_and_how_to_list_those() {
        assert_eq!(
            others(2, false, "3fa29c"),
            "2 older jobs are not shown; `assay job ls --before 3fa29c` shows the latest of them, --all shows all"
        );
        let running = others(1, true, "3fa29c");
        assert!(
            running.starts_with("1 older job is not shown; `assay job ls --running --before 3fa29c` "),
            "{running}"
        );
        assert!(running.ends_with("`assay ps` shows all"), "{running}");
    }

    #[test]
    fn what_is_printed_here_can_be_typed_and_means_the_time_of_this_place() {
        let read = |text| Since::at(text, TimeZone::fixed(jiff::tz::offset(2)));
        let hour = DAY_MS / 24;
        for (text, ms) in [
            ("1970-01-02", DAY_MS - 2 * hour),
            ("1970-01-02 03:00:01", DAY_MS + hour + 1_000),
            ("1970-01-02T03:00", DAY_MS + hour),
            ("1970-01-02T03:00:00Z", DAY_MS + 3 * hour),
            ("1970-01-02T03:00:00+01:00", DAY_MS + 2 * hour),
        ] {
            assert_eq!(read(text), Some(Since::At(Timestamp(ms))), "{text}");
        }
        assert_eq!(read("1970-01-01"), None, "before anybody counted");
    }
}
