//! `assay account history`: what happened to this peer's money, as far as its home can prove it.
//!
//! **Invariant:** each line has a receipt that says the same, or an entry of the notary's journal that its issuer signed; what
//! neither proves is named, and not added up.

use assay_peer::handle::{AuditNotary, AuditedGrant, JobPart, KeptReceipt, ListReceipts, ReceiptPage};
use assay_protocol::{
    outcome::Outcome,
    units::{Amount, Timestamp},
};
use serde_json::{Value, json};

use crate::{
    command_error::CommandError,
    commands::{
        job::ls::Since,
        notary,
        receipt::{
            ls::{self, role},
            receipt_walk::ReceiptWalk,
        },
    },
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{ListDocument, Printer, Table, called, csv_field, full, local, moment, money, short},
};

/// Lines that are shown where nobody says how many.
const LATEST: usize = 50;
/// What stands above lines for a spreadsheet.
const CSV_HEAD: &str = "closed,role,job,model,client,provider,outcome,spent,received,won,lost,unit,receipt\n";

const EXAMPLES: &str = "\
Examples:
  assay account history                    the latest jobs, paid and paid for
  assay account history --since 30d        all of a month
  assay account history --grants           also what the issuer of the network granted
  assay account history --csv > money.csv  all there is, for a spreadsheet";

/// Show what happened to this peer's money, newest first.
///
/// A line for each closed job: what it cost where this peer ordered it, what it brought or lost where this peer ran it. Each
/// has a receipt, which proves it to anybody.
///
/// No receipt says what was granted, but the notary's journal does: --grants fetches and replays it, as `assay notary audit`
/// does, and shows what this account was given; where this peer keeps the books, who was given what. It shows the latest 128.
///
/// Not in it: what was put at stake or withdrawn, fees for checks of others' work, and jobs that are still open.
/// `assay account show` has what all of that comes to now.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only jobs that were closed since a time, such as 2h, 7d, 2026-11-28 or 2026-11-28T09:30:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
    /// Also those that were closed long ago
    #[arg(long, short)]
    all: bool,
    /// Print a line for each job, for a spreadsheet: all of them, if no time is named
    #[arg(long)]
    csv: bool,
    /// Show grants as well, out of the journal of the network's first notary
    #[arg(long, conflicts_with = "csv")]
    grants: bool,
    #[command(flatten)]
    reach: Reach,
}

/// What a job did to the money of this peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct MovedMoney {
    spent: Amount,
    received: Amount,
    /// Won in a trap, and paid out once the loser could have withdrawn it.
    won: Amount,
    lost: Amount,
}

impl MovedMoney {
    /// What it did, by its receipt; nothing if this peer is no party to it.
    fn by(receipt: &KeptReceipt) -> Option<Self> {
        let nothing = Self::default();
        match receipt.part {
            JobPart::Client => Some(Self { spent: receipt.cost, ..nothing }),
            JobPart::Provider if receipt.outcome == Outcome::Trap => {
                Some(Self { won: receipt.paid, lost: receipt.lost, ..nothing })
            }
            JobPart::Provider => Some(Self { received: receipt.paid, lost: receipt.lost, ..nothing }),
            JobPart::Notary => None,
        }
    }

    fn plus(self, other: Self) -> Self {
        let sum = |one: Amount, other| one.plus(other).unwrap_or(Amount(u64::MAX));
        Self {
            spent: sum(self.spent, other.spent),
            received: sum(self.received, other.received),
            won: sum(self.won, other.won),
            lost: sum(self.lost, other.lost),
        }
    }

    /// With their signs, as people read them; what is won later is not there yet.
    fn words(&self) -> String {
        let signed = [("-", self.spent, ""), ("+", self.received, ""), ("-", self.lost, " of the stake")];
        let won = (!self.won.is_zero()).then(|| format!("{} won in a trap, paid out later", self.won));
        let moved = signed.into_iter().filter(|(_, amount, _)| !amount.is_zero());
        let words: Vec<String> =
            moved.map(|(sign, amount, of)| format!("{sign}{amount}{of}")).chain(won).collect();
        if words.is_empty() { Amount::ZERO.to_string() } else { words.join(", ") }
    }

    fn document(&self, unit: &str) -> Value {
        json!({
            "paid_out": money(self.spent, unit), "received": money(self.received, unit),
            "won": money(self.won, unit), "lost": money(self.lost, unit),
        })
    }
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let since = args.since.map(Since::moment);
    let wanted = ListReceipts { since, is_party: true, ..ListReceipts::default() };
    let walk = match args.all || args.csv || args.since.is_some() {
        true => ReceiptWalk::all(wanted, &daemon),
        false => ReceiptWalk::latest(LATEST, wanted, &daemon),
    };
    let printer = &invocation.printer;
    let grants = match args.grants {
        true => Some(granted(&daemon, since, invocation).await?),
        false => None,
    };
    let (grants, unit) = (grants.as_deref(), daemon.unit());
    let is_csv = args.csv && !printer.is_json();
    let told = tell(walk, (grants, is_csv), unit, printer).await?;
    if !is_csv {
        end(&told, grants, unit, printer);
    }
    if told.unread > 0 {
        printer.note(format!("receipts that cannot be read, and are not counted: {}", told.unread));
    }
    Ok(())
}

/// What was told of money that moved.
#[derive(Default)]
struct ToldMoves {
    total: MovedMoney,
    lines: usize,
    older: u64,
    unread: u64,
}

impl ToldMoves {
    fn take(&mut self, moved: &[(&KeptReceipt, MovedMoney)], page: &ReceiptPage) {
        self.total = moved.iter().fold(self.total, |sum, (_, moved)| sum.plus(*moved));
        self.lines += moved.len();
        (self.older, self.unread) = (page.older, page.unread);
    }

    /// The document without its lines.
    fn document(&self, grants: Option<&[AuditedGrant]>, unit: &str) -> Value {
        let grants =
            grants.map(|grants| grants.iter().map(|grant| grant_document(grant, unit)).collect::<Vec<_>>());
        json!({
            "moves": [], "sums": self.total.document(unit), "hidden": self.older, "unread": self.unread,
            "grants": grants,
        })
    }
}

/// Tells what moved, page by page.
async fn tell(
    mut walk: ReceiptWalk<'_>,
    (grants, is_csv): (Option<&[AuditedGrant]>, bool),
    unit: &str,
    printer: &Printer,
) -> Result<ToldMoves, CommandError> {
    let (mut told, mut listed) = (ToldMoves::default(), None);
    while let Some(page) = walk.next().await? {
        let is_first = listed.is_none();
        let moved: Vec<(&KeptReceipt, MovedMoney)> =
            page.receipts.iter().filter_map(|receipt| Some((receipt, MovedMoney::by(receipt)?))).collect();
        told.take(&moved, &page);
        // Not before something is known to be told.
        let listed: &mut ListDocument<'_> = listed.get_or_insert_with(|| {
            printer.long_document("account-history", &told.document(grants, unit), "moves")
        });
        if printer.is_json() {
            moved.iter().for_each(|(receipt, moved)| listed.item(&move_document(receipt, moved, unit)));
        } else if is_csv {
            let head = if is_first { CSV_HEAD } else { "" };
            printer.bytes((head.to_owned() + &csv(&moved, unit)).as_bytes());
        } else if is_first || !moved.is_empty() {
            printer.table(&table(&moved));
        }
        if !printer.is_heard() {
            break;
        }
    }
    listed.into_iter().for_each(|listed| listed.end_as(&told.document(grants, unit)));
    Ok(told)
}

/// What the issuer granted, newest first, if the journal that says so holds.
async fn granted(
    daemon: &RunningDaemon,
    since: Option<Timestamp>,
    invocation: &Invocation,
) -> Result<Vec<AuditedGrant>, CommandError> {
    let spinner = invocation.printer.spinner("fetching and replaying the journal");
    let audited = daemon.call(AuditNotary::default()).await;
    spinner.end();
    let audited = notary::holding(audited?)?;
    if audited.grants_untold > 0 {
        invocation.printer.note(format!("{} older grants are not shown", audited.grants_untold));
    }
    let mut grants = audited.grants;
    grants.retain(|granted| since.is_none_or(|since| granted.at >= since));
    grants.reverse();
    Ok(grants)
}

fn grant_table(grants: &[AuditedGrant]) -> Table {
    let mut table = Table::new(["GRANTED", "NUMBER", "TO", "MONEY"]);
    for AuditedGrant { at, grant } in grants {
        table.row([local(*at), grant.serial.to_string(), short(grant.account), format!("+{}", grant.amount)]);
    }
    table
}

fn grant_document(AuditedGrant { at, grant }: &AuditedGrant, unit: &str) -> Value {
    json!({
        "account": full(grant.account), "granted": money(grant.amount, unit), "serial": grant.serial,
        "granted_at": moment(*at),
    })
}

fn move_document(receipt: &KeptReceipt, moved: &MovedMoney, unit: &str) -> Value {
    let (mut line, named) = (moved.document(unit), ls::document(receipt, unit));
    for key in
        ["receipt", "job", "role", "client", "provider", "model", "opened", "closed_at", "label", "outcome"]
    {
        line[key] = named[key].clone();
    }
    line
}

fn table(moved: &[(&KeptReceipt, MovedMoney)]) -> Table {
    let mut table = Table::new(["CLOSED", "ROLE", "MODEL", "OUTCOME", "MONEY", "RECEIPT"])
        .shortens(&["OUTCOME"])
        .spares(&["ROLE"]);
    for (receipt, moved) in moved {
        table.row([
            local(receipt.place.closed),
            role(receipt).to_owned(),
            called(&receipt.manifest),
            receipt.outcome.label().to_owned(),
            moved.words(),
            short(receipt.receipt),
        ]);
    }
    table
}

/// What stands below the lines: grants, and what all of it comes to.
fn end(told: &ToldMoves, grants: Option<&[AuditedGrant]>, unit: &str, printer: &Printer) {
    if let Some(grants) = grants {
        printer.line("");
        printer.table(&grant_table(grants));
    }
    match told.lines == 0 && grants.is_none() {
        true => printer.note(
            "no closed job is shown; --grants shows what was granted, `assay account show` what is at stake",
        ),
        false => printer.note(format!("in all jobs that are shown: {} {unit}s", told.total.words())),
    }
    if told.older > 0 {
        printer.note(format!("{} older receipts are not looked at; --all does", told.older));
    }
}

fn csv(moved: &[(&KeptReceipt, MovedMoney)], unit: &str) -> String {
    let mut lines = String::new();
    for (receipt, moved) in moved {
        let outcome = serde_json::to_value(receipt.outcome).unwrap_or_default();
        let cells = [
            moment(receipt.place.closed),
            role(receipt).to_owned(),
            full(receipt.place.job),
            csv_field(&receipt.manifest),
            full(receipt.client),
            full(receipt.provider),
            outcome.as_str().unwrap_or_default().to_owned(),
            moved.spent.to_string(),
            moved.received.to_string(),
            moved.won.to_string(),
            moved.lost.to_string(),
            csv_field(unit),
            full(receipt.receipt),
        ];
        lines += &(cells.join(",") + "\n");
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_page_by_page_is_summed_over_all_pages() {
        let mut told = ToldMoves::default();
        let page = |older| ReceiptPage { receipts: Vec::new(), older, unread: 1 };
        for older in [7, 0] {
            told.take(&[], &page(older));
            told.total = told.total.plus(MovedMoney { spent: Amount::credits(2), ..MovedMoney::default() });
        }
        let document = told.document(None, "credit");
        assert_eq!((&document["hidden"], &document["unread"]), (&json!(0), &json!(1)));
        assert_eq!(document["sums"]["paid_out"], money(Amount::credits(4), "credit"));
        assert_eq!((&document["moves"], &document["grants"]), (&json!([]), &Value::Null));
    }

    #[test]
    fn what_moved_is_read_with_its_signs() {
        let credits = Amount::credits;
        for (moved, words) in [
            (MovedMoney::default(), "0.00"),
            (MovedMoney { spent: credits(2), ..MovedMoney::default() }, "-2.00"),
            (
                MovedMoney { received: credits(1), lost: credits(3), ..MovedMoney::default() },
                "+1.00, -3.00 of the stake",
            ),
            (MovedMoney { won: credits(4), ..MovedMoney::default() }, "4.00 won in a trap, paid out later"),
        ] {
            assert_eq!(moved.words(), words);
        }
    }
}
