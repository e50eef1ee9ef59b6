//! `assay receipt ls`: the receipts of this home, newest first.

use assay_peer::handle::{JobPart, KeptReceipt, ListReceipts, ReceiptPage, ReceiptPlace};
use assay_protocol::units::Timestamp;
use serde_json::{Value, json};

use super::receipt_walk::ReceiptWalk;
use crate::{
    command_error::CommandError,
    commands::job::ls::{PAGE_LATEST, Since, no_place},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{ListDocument, Printer, Table, called, full, local, moment, money, short},
};

/// Receipts that are listed where nobody says how many.
const LATEST: usize = 20;

const EXAMPLES: &str = "\
Examples:
  assay receipt ls                       the latest receipts
  assay receipt ls --all                 all of them
  assay receipt ls --since 7d --role provider
  assay receipt ls --quiet | head -1 | xargs assay receipt show";

/// List the receipts of this home, newest first.
///
/// A receipt is there once its job is closed. With COST stands what the client has paid in all, with PAID what the provider
/// got: they differ by fees, or where a job was refunded.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Also those of jobs that were closed long ago
    #[arg(long, short)]
    all: bool,
    /// Only of jobs that were closed since a time, such as 30m, 2h, 7d, 2026-11-28 or 2026-11-28T09:30:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Only of jobs that this peer ordered, ran, or closed as their notary
    #[arg(long, value_enum, value_name = "ROLE")]
    role: Option<RoleFlag>,
    /// Print only the names of the receipts
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    reach: Reach,
}

/// What this peer was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum RoleFlag {
    Client,
    Provider,
    Notary,
}

impl From<RoleFlag> for JobPart {
    fn from(role: RoleFlag) -> Self {
        match role {
            RoleFlag::Client => Self::Client,
            RoleFlag::Provider => Self::Provider,
            RoleFlag::Notary => Self::Notary,
        }
    }
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let wanted = ListReceipts {
        since: args.since.map(Since::moment),
        part: args.role.map(JobPart::from),
        ..ListReceipts::default()
    };
    let walk = match args.all || args.since.is_some() {
        true => ReceiptWalk::all(wanted, &daemon),
        false => ReceiptWalk::latest(LATEST, wanted, &daemon),
    };
    list(walk, args.quiet, daemon.unit(), &invocation.printer).await
}

/// Lists what comes, page by page.
async fn list(
    mut walk: ReceiptWalk<'_>,
    quiet: bool,
    unit: &str,
    printer: &Printer,
) -> Result<(), CommandError> {
    let (mut rest, mut listed) = (ReceiptPage::default(), None);
    while let Some(page) = walk.next().await? {
        let is_first = listed.is_none();
        rest = ReceiptPage { receipts: Vec::new(), ..page };
        // Not before something is known to be told.
        let listed: &mut ListDocument<'_> =
            listed.get_or_insert_with(|| printer.long_document("receipts", &whole(&rest, unit), "kept"));
        if printer.is_json() {
            page.receipts.iter().for_each(|receipt| listed.item(&document(receipt, unit)));
        } else if is_first || !page.receipts.is_empty() {
            show(&page.receipts, quiet, printer);
        }
        if !printer.is_heard() {
            break;
        }
    }
    listed.into_iter().for_each(|listed| listed.end_as(&whole(&rest, unit)));
    if rest.older > 0 {
        printer.note(format!("{} older receipts are not shown; --all shows them", rest.older));
    }
    if rest.unread > 0 {
        printer.note(format!("receipts that cannot be read: {}", rest.unread));
    }
    Ok(())
}

/// What the peer was, in a word.
pub(crate) fn role(receipt: &KeptReceipt) -> &'static str {
    match receipt.part {
        JobPart::Client => "client",
        JobPart::Provider => "provider",
        JobPart::Notary => "notary",
    }
}

fn show(receipts: &[KeptReceipt], quiet: bool, printer: &Printer) {
    match quiet {
        true => receipts.iter().for_each(|receipt| printer.line(full(receipt.receipt))),
        false => printer.table(&table(receipts)),
    }
}

/// The latest receipts, or the latest behind a place among them, for pages.
pub(crate) async fn for_pages(behind: Option<&str>, daemon: &RunningDaemon) -> Result<Value, CommandError> {
    let behind = behind.map(|text| place(text).ok_or_else(|| no_place(text))).transpose()?;
    let wanted = ListReceipts { most: PAGE_LATEST, behind, ..ListReceipts::default() };
    Ok(whole(&daemon.call(wanted).await?, daemon.unit()))
}

/// Where a receipt stands among all: when its job was closed, in milliseconds, and which that was.
fn place(text: &str) -> Option<ReceiptPlace> {
    let (closed, job) = text.split_once('-')?;
    Some(ReceiptPlace { closed: Timestamp(closed.parse().ok()?), job: job.parse().ok()? })
}

fn whole(page: &ReceiptPage, unit: &str) -> Value {
    let documents: Vec<Value> = page.receipts.iter().map(|receipt| document(receipt, unit)).collect();
    json!({ "kept": documents, "hidden": page.older, "unread": page.unread })
}

fn table(receipts: &[KeptReceipt]) -> Table {
    let mut table = Table::new(["RECEIPT", "CLOSED", "ROLE", "JOB", "MODEL", "OUTCOME", "COST", "PAID"])
        .shortens(&["OUTCOME"])
        .spares(&["JOB", "ROLE"]);
    for receipt in receipts {
        table.row([
            short(receipt.receipt),
            local(receipt.place.closed),
            role(receipt).to_owned(),
            short(receipt.place.job),
            called(&receipt.manifest),
            receipt.outcome.label().to_owned(),
            receipt.cost.to_string(),
            receipt.paid.to_string(),
        ]);
    }
    table
}

/// A receipt for programs.
pub(crate) fn document(receipt: &KeptReceipt, unit: &str) -> Value {
    json!({
        "receipt": full(receipt.receipt), "job": full(receipt.place.job), "role": role(receipt),
        "client": full(receipt.client), "provider": full(receipt.provider), "model": receipt.manifest,
        "opened": moment(receipt.opened), "closed_at": moment(receipt.place.closed),
        "label": receipt.outcome.label(), "outcome": receipt.outcome, "is_paid": receipt.outcome.is_paid(),
        "paid_out": money(receipt.cost, unit), "paid": money(receipt.paid, unit), "lost": money(receipt.lost, unit),
    })
}

#[cfg(test)]
mod tests {
    use assay_protocol::id::Digest;

    use super::*;

    #[test]
    fn a_place_is_a_moment_and_a_job() {
        let job = Digest([10; 32]);
        assert_eq!(place(&format!("17-{job}")), Some(ReceiptPlace { closed: Timestamp(17), job }));
        for wrong in ["", "17", "-", &format!("{job}"), &format!("late-{job}"), "17-0a0a"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
