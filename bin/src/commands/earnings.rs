//! `assay earnings`: what a provider has earned, what it waits for, and what it lost.

mod sums;

use std::collections::BTreeSet;

use assay_market::view::{DueView, RunState, RunView};
use assay_peer::handle::{
    ClosedServing, EarnedView, JobPart, ListDue, ListEarned, ListReceipts, ListRuns, ServedJob, SumEarned,
};
use assay_protocol::{
    id::{Digest, JobId},
    units::Amount,
};
use serde_json::{Value, json};

use self::sums::{By, Sum, add, day_name, grouped};
use super::{
    account::share_of_pay,
    job::ls::{PAGE_LATEST, Since},
};
use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, called, csv_field, full, moment, money, short},
};

const EXAMPLES: &str = "\
Examples:
  assay earnings                          day by day
  assay earnings --by model --since 30d   what each model brought
  assay earnings --csv > earnings.csv     a line a job";

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
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let (mut served, unread) = closed(&daemon).await?;
    let mut due = daemon.call(ListDue).await?;
    let from = args.since.map(Since::moment);
    due.retain(|job| from.is_none_or(|from| job.opened >= from));
    served.sort_by_key(|(job, _)| (job.opened, job.job));
    let unit = daemon.unit();
    let uncounted = Uncounted { unread, unproven: unproven(&daemon, &served).await? };
    served.retain(|(job, _)| from.is_none_or(|from| job.opened >= from));
    if args.csv && !invocation.printer.is_json() {
        print_csv(&served, unit, invocation);
    } else {
        print(args.by, &served, (&due, &uncounted), unit, invocation);
        let is_paid = served.iter().any(|(job, _)| !job.paid.is_zero());
        if let Some(words) = share_of_pay(&daemon.genesis.money).filter(|_| is_paid) {
            invocation.printer.note(words);
        }
    }
    uncounted.tell(invocation);
    Ok(())
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
    Ok(document(By::Day, (&days, &total), &served, (&due, &uncounted), daemon.unit()))
}

/// What cannot be added up.
struct Uncounted {
    /// Receipts that cannot be read.
    unread: usize,
    /// Jobs among the last that were paid, and whose receipt is not here.
    unproven: Vec<JobId>,
}

impl Uncounted {
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

/// Those of the last jobs that were paid, and that no receipt here is of: it was not to be had when the job was closed.
async fn unproven(
    daemon: &RunningDaemon,
    served: &[(ServedJob, Digest)],
) -> Result<Vec<JobId>, CommandError> {
    let proven: BTreeSet<JobId> = served.iter().map(|(job, _)| job.job).collect();
    let runs = daemon.call(ListRuns).await?;
    let is_paid = |run: &RunView| matches!(run.state, RunState::Closed(outcome) if outcome.is_paid());
    let paid = runs.iter().filter(|run| !run.check && is_paid(run));
    Ok(paid.map(|run| run.job).filter(|job| !proven.contains(job)).collect())
}

/// All jobs that were served and are closed, with their receipts, and how many receipts cannot be read.
async fn closed(daemon: &RunningDaemon) -> Result<(Vec<(ServedJob, Digest)>, usize), CommandError> {
    let mut batches = daemon.call(ListEarned).await?;
    let (mut all, mut unread) = (Vec::new(), 0);
    while let Some(batch) = batches.next().await {
        for ClosedServing { served, receipt } in batch? {
            match served {
                Some(served) => all.push((served, receipt)),
                None => unread += 1,
            }
        }
    }
    Ok((all, unread))
}

fn print(
    by: By,
    served: &[(ServedJob, Digest)],
    (due, uncounted): (&[DueView], &Uncounted),
    unit: &str,
    invocation: &Invocation,
) {
    let groups = grouped(by, served.iter().map(|(job, _)| job));
    let total = Sum::of(served.iter().map(|(job, _)| job));
    invocation.printer.document("earnings", &document(by, (&groups, &total), served, (due, uncounted), unit));
    let mut table = Table::new([by.head(), "JOBS", "PAID", "EARNED", "LOST"]);
    let mut row = |name: String, sum: &Sum| {
        let counts = [sum.jobs, sum.paid_jobs].map(|count| count.to_string());
        let [jobs, paid] = counts;
        table.row([name, jobs, paid, sum.earned.to_string(), sum.lost.to_string()]);
    };
    groups.iter().for_each(|(name, sum)| row(called(name), sum));
    row("all".to_owned(), &total);
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

fn document(
    by: By,
    (groups, total): (&[(String, Sum)], &Sum),
    served: &[(ServedJob, Digest)],
    (due, uncounted): (&[DueView], &Uncounted),
    unit: &str,
) -> Value {
    let groups = groups.iter().map(|(name, sum)| {
        let mut group = sum.document(unit);
        group["name"] = json!(name);
        group
    });
    let jobs = served.iter().map(|(job, receipt)| {
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
        "closed": jobs.collect::<Vec<_>>(), "due": due.collect::<Vec<_>>(),
        "receipts_unread": uncounted.unread, "without_receipt": uncounted.unproven.iter().map(full).collect::<Vec<_>>(),
    })
}

fn print_csv(served: &[(ServedJob, Digest)], unit: &str, invocation: &Invocation) {
    let mut lines = "job,model,client,opened,outcome,earned,won,lost,unit,receipt\n".to_owned();
    for (job, receipt) in served {
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
        lines += &cells.join(",");
        lines.push('\n');
    }
    invocation.printer.bytes(lines.as_bytes());
}
