//! `assay earnings`: what a provider has earned, what it waits for, and what it lost.

mod sums;

use assay_market::view::DueView;
use assay_peer::handle::{ClosedServing, ListDue, ListEarned, ServedJob};
use assay_protocol::{id::Digest, units::Amount};
use serde_json::{Value, json};

use self::sums::{By, Sum, add, grouped};
use super::job::ls::Since;
use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, called, csv_field, full, moment, money},
};

const EXAMPLES: &str = "\
Examples:
  assay earnings                          day by day
  assay earnings --by model --since 30d   what each model brought
  assay earnings --csv > earnings.csv     a line a job";

/// Show what this peer has earned as a provider, what it waits for and what it lost.
///
/// What was earned is what receipts prove; a job counts for the day on which it was ordered, in UTC. What runs or waits for
/// its check is not earned yet. Fees for checks of others' work are in `assay account show`.
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
    if let Some(from) = args.since.map(Since::moment) {
        served.retain(|(job, _)| job.opened >= from);
        due.retain(|job| job.opened >= from);
    }
    served.sort_by_key(|(job, _)| (job.opened, job.job));
    let unit = daemon.unit();
    if args.csv && !invocation.printer.is_json() {
        print_csv(&served, unit, invocation);
    } else {
        print(args.by, &served, &due, unit, invocation);
    }
    if unread > 0 {
        let what = if unread == 1 { "one receipt".to_owned() } else { format!("{unread} receipts") };
        invocation.printer.note(format!("{what} cannot be read, and not counted"));
    }
    Ok(())
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

fn print(by: By, served: &[(ServedJob, Digest)], due: &[DueView], unit: &str, invocation: &Invocation) {
    let groups = grouped(by, served.iter().map(|(job, _)| job));
    let total = Sum::of(served.iter().map(|(job, _)| job));
    invocation.printer.document("earnings", &document(by, &groups, &total, served, due, unit));
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
            invocation.printer.line(format!("{how}: {sum} {unit}s {what} {count}"));
        }
    };
    waits(&claimed, "waiting", "once checks or their time are over, for");
    waits(&running, "running", "at most, for");
}

fn count(jobs: usize) -> String {
    if jobs == 1 { "one job".to_owned() } else { format!("{jobs} jobs") }
}

fn sum_of(due: &[&DueView]) -> Amount {
    due.iter().fold(Amount::ZERO, |sum, job| add(sum, job.due))
}

fn document(
    by: By,
    groups: &[(String, Sum)],
    total: &Sum,
    served: &[(ServedJob, Digest)],
    due: &[DueView],
    unit: &str,
) -> Value {
    let groups = groups.iter().map(|(name, sum)| {
        let mut group = sum.document(unit);
        group[by.key()] = json!(name);
        group
    });
    let jobs = served.iter().map(|(job, receipt)| {
        json!({
            "job": full(job.job), "model": job.manifest, "client": full(job.client), "opened": moment(job.opened),
            "outcome": job.outcome, "earned": money(job.paid, unit), "lost": money(job.lost, unit),
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
        "by": by.key(), "groups": groups.collect::<Vec<_>>(), "total": total.document(unit),
        "closed": jobs.collect::<Vec<_>>(), "open": due.collect::<Vec<_>>(),
    })
}

fn print_csv(served: &[(ServedJob, Digest)], unit: &str, invocation: &Invocation) {
    let mut lines = "job,model,client,opened,outcome,earned,lost,unit,receipt\n".to_owned();
    for (job, receipt) in served {
        let outcome = serde_json::to_value(job.outcome).unwrap_or_default();
        let cells = [
            full(job.job),
            csv_field(&job.manifest),
            full(job.client),
            moment(job.opened),
            outcome.as_str().unwrap_or_default().to_owned(),
            job.paid.to_string(),
            job.lost.to_string(),
            csv_field(unit),
            full(receipt),
        ];
        lines += &cells.join(",");
        lines.push('\n');
    }
    invocation.printer.bytes(lines.as_bytes());
}
