//! `assay earnings`: what a provider has earned, what it waits for, and what it lost.

mod sums;
mod tally;

use std::collections::BTreeSet;

use assay_market::view::{DueView, RunState, RunView};
use assay_peer::handle::{
    EarnedView, JobPart, ListDue, ListEarned, ListReceipts, ListRuns, ServedJob, SumEarned,
};
use assay_protocol::{
    id::{Digest, JobId},
    units::Amount,
};
use serde_json::{Value, json};

use self::{
    sums::{By, Sum, add, day_name},
    tally::{EarningsTally, ServedPlace, ServedStretch, StretchEnd},
};
use super::{
    account::share_of_pay,
    job::ls::{PAGE_LATEST, Since},
};
use crate::{
    command_error::{CommandError, Exit},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, called, csv_field, full, moment, money, short},
};

const EXAMPLES: &str = "\
Examples:
  assay earnings                          day by day
  assay earnings --by model --since 30d   what each model brought
  assay earnings --csv > earnings.csv     a line a job
  assay earnings --json --before 3fa29c   what programs read, with the jobs before one of them";

/// Jobs that are listed one by one for programs where nobody says how many.
const LISTED: usize = 1_000;
/// Jobs that are held at a time where all of them become lines.
const STRETCH: usize = 20_000;

/// Show what this peer has earned as a provider, what it waits for and what it lost.
///
/// What was earned is what receipts prove; a job counts for the day on which it was ordered, in UTC. What runs or waits for
/// its check is not earned yet, and fees are taken off it. What was lost is what was decided: of fines, the stake may have
/// covered less. Fees for checks of others' work are in `assay account show`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What is added up: the jobs of a day, a model or a client
    #[arg(long, value_enum, default_value_t = By::Day)]
    by: By,
    /// Only jobs since a time, such as 2h, 7d, 2026-11-28 or 2026-11-28T09:30:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Print a line for each closed job, for a spreadsheet
    #[arg(long, conflicts_with = "by")]
    csv: bool,
    /// Of closed jobs one by one, with --json or --csv, so many, the last; with --json 1000 if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=20_000))]
    limit: Option<u16>,
    /// Of closed jobs one by one, with --json or --csv, only those before this one, by its name or the first digits of it
    #[arg(long, value_name = "JOB")]
    before: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let before = match &args.before {
        Some(name) => Some(place_of(name, &daemon).await?),
        None => None,
    };
    let uncounted = match args.csv && !invocation.printer.is_json() {
        true => print_csv(args, before, &daemon, invocation).await?,
        false => print_sums(args, before, &daemon, invocation).await?,
    };
    uncounted.tell(invocation);
    Ok(())
}

/// Prints what jobs came to, and for programs some of them one by one.
async fn print_sums(
    args: &Args,
    before: Option<ServedPlace>,
    daemon: &RunningDaemon,
    invocation: &Invocation,
) -> Result<Uncounted, CommandError> {
    let most = args.limit.map_or(LISTED, usize::from);
    let tally = counted(args, ServedStretch::new(StretchEnd::LastBefore(before), most), daemon).await?;
    let mut due = daemon.call(ListDue).await?;
    let from = args.since.map(Since::moment);
    due.retain(|job| from.is_none_or(|from| job.opened >= from));
    print(args.by, &tally, &due, daemon.unit(), invocation);
    if let Some(words) = share_of_pay(&daemon.genesis.money).filter(|_| !tally.total.earned.is_zero()) {
        invocation.printer.note(words);
    }
    Ok(Uncounted::of(tally))
}

/// Where the closed job stands that this peer served and that goes by a name.
async fn place_of(name: &str, daemon: &RunningDaemon) -> Result<ServedPlace, CommandError> {
    let mut batches = daemon.call(ListEarned).await?;
    let mut found: Option<ServedPlace> = None;
    while let Some(batch) = batches.next().await {
        let served = batch?.into_iter().filter_map(|job| job.served);
        for job in served.filter(|job| !name.is_empty() && full(job.job).starts_with(name)) {
            if found.replace((job.opened, job.job)).is_some() {
                let message = format!("{name} could be any of several jobs");
                return Err(CommandError::new(
                    Exit::Usage,
                    "AMBIGUOUS",
                    message,
                    "give more digits of the name",
                ));
            }
        }
    }
    found.ok_or_else(|| {
        let message = format!("no closed job that this peer served is called {name}");
        CommandError::new(Exit::NotFound, "UNKNOWN_JOB", message, "`assay earnings --csv` lists them")
    })
}

/// What all closed jobs came to, of which so many are listed one by one.
async fn counted(
    args: &Args,
    stretch: ServedStretch,
    daemon: &RunningDaemon,
) -> Result<EarningsTally, CommandError> {
    let mut batches = daemon.call(ListEarned).await?;
    let from = args.since.map(Since::moment);
    let mut tally = EarningsTally::new(args.by, from, stretch, paid(daemon).await?);
    while let Some(batch) = batches.next().await {
        batch?.into_iter().for_each(|job| tally.take(job));
    }
    Ok(tally)
}

/// Those of the last jobs that were paid. Where no receipt of one is here, it was not to be had when the job was closed.
async fn paid(daemon: &RunningDaemon) -> Result<BTreeSet<JobId>, CommandError> {
    let runs = daemon.call(ListRuns).await?;
    let is_paid = |run: &&RunView| matches!(run.state, RunState::Closed(outcome) if outcome.is_paid());
    Ok(runs.iter().filter(|run| !run.check).filter(is_paid).map(|run| run.job).collect())
}

/// What was earned day by day, for pages: all of it in sums, and the jobs one by one that were closed last.
pub(super) async fn for_pages(daemon: &RunningDaemon) -> Result<Value, CommandError> {
    let EarnedView { days, unread, unproven } = daemon.call(SumEarned).await?;
    let part = Some(JobPart::Provider);
    let latest = ListReceipts { part, most: PAGE_LATEST, ..ListReceipts::default() };
    let latest = daemon.call(latest).await?.receipts;
    let mut served: Vec<(ServedJob, Digest)> =
        latest.iter().map(|receipt| (receipt.into(), receipt.receipt)).collect();
    served.sort_by_key(|(job, _)| (job.opened, job.job));
    let due = daemon.call(ListDue).await?;
    let uncounted = Uncounted { unread: usize::try_from(unread).unwrap_or(usize::MAX), unproven };
    let days: Vec<(String, Sum)> = days.iter().map(|day| (day_name(day.day), Sum::from(day.sum))).collect();
    let total = days.iter().fold(Sum::default(), |total, (_, day)| total.and(day));
    let hidden = total.jobs.saturating_sub(served.len() as u64);
    let listed = served.iter().map(|(job, receipt)| (job, receipt));
    Ok(document(By::Day, (&days, &total), (listed, hidden), (&due, &uncounted), daemon.unit()))
}

/// What cannot be added up.
struct Uncounted {
    /// Receipts that cannot be read.
    unread: usize,
    /// Jobs among the last that were paid, and whose receipt is not here.
    unproven: Vec<JobId>,
}

impl Uncounted {
    fn of(tally: EarningsTally) -> Self {
        Self { unread: tally.unread, unproven: tally.unproven.into_iter().collect() }
    }

    fn tell(&self, invocation: &Invocation) {
        if self.unread > 0 {
            let what =
                if self.unread == 1 { "one receipt".to_owned() } else { format!("{} receipts", self.unread) };
            invocation.printer.note(format!("{what} cannot be read, and what they say is not counted"));
        }
        if let [first, ..] = &self.unproven[..] {
            let jobs = count(self.unproven.len());
            let first = short(first);
            invocation.printer.note(format!(
                "no receipt is here of {jobs} that should be paid, such as {first}: not counted"
            ));
        }
    }
}

fn print(by: By, tally: &EarningsTally, due: &[DueView], unit: &str, invocation: &Invocation) {
    let (groups, total) = (tally.groups(), &tally.total);
    if invocation.printer.is_json() {
        let listed = tally.stretch.jobs().map(|(job, receipt)| (job, receipt));
        let unproven = tally.unproven.iter().copied().collect();
        let uncounted = Uncounted { unread: tally.unread, unproven };
        let document = document(by, (&groups, total), (listed, tally.stretch.more), (due, &uncounted), unit);
        invocation.printer.document("earnings", &document);
    }
    let mut table = Table::new([by.head(), "JOBS", "PAID", "EARNED", "LOST"]);
    let mut row = |name: String, sum: &Sum| {
        let counts = [sum.jobs, sum.paid_jobs].map(|count| count.to_string());
        let [jobs, paid] = counts;
        table.row([name, jobs, paid, sum.earned.to_string(), sum.lost.to_string()]);
    };
    groups.iter().for_each(|(name, sum)| row(called(name), sum));
    row("all".to_owned(), total);
    invocation.printer.table(&table);
    let (claimed, running): (Vec<&DueView>, Vec<&DueView>) = due.iter().partition(|job| job.is_claimed);
    let waits = |jobs: &[&DueView], how: &str, what: &str| {
        if !jobs.is_empty() {
            let (sum, count) = (sum_of(jobs), count(jobs.len()));
            invocation.printer.line(format!("{how}: at most {sum} {unit}s, {what} {count}"));
        }
    };
    waits(&claimed, "waiting", "once checks or their time are over, for");
    waits(&running, "running", "for");
    if !total.won.is_zero() {
        let won = total.won;
        invocation
            .printer
            .line(format!("won in traps: {won} {unit}s, paid out once the loser could have withdrawn it"));
    }
}

fn count(jobs: usize) -> String {
    if jobs == 1 { "one job".to_owned() } else { format!("{jobs} jobs") }
}

fn sum_of(due: &[&DueView]) -> Amount {
    due.iter().fold(Amount::ZERO, |sum, job| add(sum, job.due))
}

fn document<'a>(
    by: By,
    (groups, total): (&[(String, Sum)], &Sum),
    (listed, hidden): (impl Iterator<Item = (&'a ServedJob, &'a Digest)>, u64),
    (due, uncounted): (&[DueView], &Uncounted),
    unit: &str,
) -> Value {
    let groups = groups.iter().map(|(name, sum)| {
        let mut group = sum.document(unit);
        group["name"] = json!(name);
        group
    });
    let jobs = listed.map(|(job, receipt)| {
        json!({
            "job": full(job.job), "model": job.manifest, "client": full(job.client), "opened": moment(job.opened),
            "outcome": job.outcome, "earned": money(job.paid, unit),
            "won": money(job.won, unit), "lost": money(job.lost, unit),
            "receipt": full(receipt),
        })
    });
    let due = due.iter().map(|job| {
        json!({
            "job": full(job.job), "model": job.manifest, "client": full(job.client), "opened": moment(job.opened),
            "state": if job.is_claimed { "claimed" } else { "running" }, "at_most": money(job.due, unit),
        })
    });
    json!({
        "by": by.key(), "groups": groups.collect::<Vec<_>>(), "all": total.document(unit),
        "closed": jobs.collect::<Vec<_>>(), "hidden": hidden, "due": due.collect::<Vec<_>>(),
        "receipts_unread": uncounted.unread, "without_receipt": uncounted.unproven.iter().map(full).collect::<Vec<_>>(),
    })
}

/// Prints a line a job, of all those that are wanted: some at a time, so that however many there are, a few are held.
async fn print_csv(
    args: &Args,
    before: Option<ServedPlace>,
    daemon: &RunningDaemon,
    invocation: &Invocation,
) -> Result<Uncounted, CommandError> {
    let is_page = args.limit.is_some() || before.is_some();
    let mut end = match is_page {
        true => StretchEnd::LastBefore(before),
        false => StretchEnd::FirstAfter(None),
    };
    let most = args.limit.map_or(STRETCH, usize::from);
    let mut head = "job,model,client,opened,outcome,earned,won,lost,unit,receipt\n";
    loop {
        let tally = counted(args, ServedStretch::new(end, most), daemon).await?;
        let lines = tally.stretch.jobs().map(|(job, receipt)| csv_line(job, receipt, daemon.unit()));
        let lines: String = std::iter::once(std::mem::take(&mut head).to_owned()).chain(lines).collect();
        invocation.printer.bytes(lines.as_bytes());
        if is_page || tally.stretch.more == 0 || !invocation.printer.is_heard() {
            return Ok(Uncounted::of(tally));
        }
        end = StretchEnd::FirstAfter(tally.stretch.last());
    }
}

fn csv_line(job: &ServedJob, receipt: &Digest, unit: &str) -> String {
    let outcome = serde_json::to_value(job.outcome).unwrap_or_default();
    let cells = [
        full(job.job),
        csv_field(&job.manifest),
        full(job.client),
        moment(job.opened),
        outcome.as_str().unwrap_or_default().to_owned(),
        job.paid.to_string(),
        job.won.to_string(),
        job.lost.to_string(),
        csv_field(unit),
        full(receipt),
    ];
    cells.join(",") + "\n"
}
