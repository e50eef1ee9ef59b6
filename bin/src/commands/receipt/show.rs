//! `assay receipt show`: what a receipt says, once it was found to hold.

use std::path::Path;

use assay_peer::handle::ReadReceipt;
use assay_protocol::{
    id::{NetworkId, PeerId},
    order::Order,
    receipt::{Happening, Receipt, Report},
    signed::Ed25519,
};
use serde_json::{Value, json};

use super::{file, verify};
use crate::{
    command_error::{CommandError, Exit},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, called, full, money, short},
};

const EXAMPLES: &str = "\
Examples:
  assay receipt show seven.receipt  a file
  assay receipt show 3fa29c         a closed job of this home, by the first digits of its name
  assay receipt show 3fa29c --json  for programs";

/// Show what a receipt says: who ran what, who checked it, who paid whom.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A receipt file, or the name of a job or of a receipt, or its first digits
    #[arg(value_name = "FILE|JOB")]
    receipt: String,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let bytes = bytes_of(&args.receipt, args.reach, invocation).await?;
    let (receipt, report) = file::judge(&bytes, &args.receipt)?;
    let Some(order) = order(&receipt, report.network) else {
        unreachable!("a receipt that holds has a signed order")
    };
    invocation.printer.document("receipt", &document(&receipt, &report, &order));
    invocation.printer.line(verify::headline(&report));
    invocation.printer.table(&table(&receipt, &report, &order));
    Ok(())
}

/// The receipt in this file, or of this job of the home.
pub(super) async fn bytes_of(
    name: &str,
    reach: Reach,
    invocation: &Invocation,
) -> Result<Vec<u8>, CommandError> {
    let path = Path::new(name);
    if name == "-" || path.exists() {
        return file::read(path);
    }
    if !file::is_name(name) {
        return Err(unknown(name));
    }
    let daemon = RunningDaemon::reach(invocation, reach).await?;
    let pieces = daemon.call(ReadReceipt { name: name.to_owned() }).await?;
    Ok(pieces.all().await?)
}

fn unknown(name: &str) -> CommandError {
    let message = format!("{name} is no file, and nothing that a job or a receipt can be called");
    let hint = "name a receipt file, or a job by its first digits: `assay job ls` lists those of this home";
    CommandError::new(Exit::NotFound, "UNKNOWN_JOB", message, hint)
}

fn order(receipt: &Receipt, network: NetworkId) -> Option<Order> {
    let open = receipt.story.open.clone().open::<Ed25519>(network).ok()?;
    Some(open.order().clone())
}

/// Who was drawn to run the job again, in the order of the draws.
fn verifiers(receipt: &Receipt) -> impl Iterator<Item = PeerId> {
    receipt.story.events.iter().filter_map(|event| {
        let Happening::Seat { tries, .. } = &event.what else { return None };
        tries.last().map(|tried| tried.leaf.peer)
    })
}

fn table(receipt: &Receipt, report: &Report, order: &Order) -> Table {
    let (story, unit) = (&receipt.story, &receipt.story.genesis.unit);
    let mut table = Table::new(["WHAT", "HOW"]);
    let mut row = |what: &str, how: String| table.row([what.to_owned(), how]);
    row("job", full(report.job));
    row("network", format!("{} ({})", called(&report.network_name), full(report.network)));
    row("notary", full(report.notary));
    row("client", full(order.client));
    row("provider", full(order.provider));
    row("model", format!("{} ({})", called(&order.manifest.name), full(order.manifest.model)));
    row("runner", full(order.manifest.runner));
    row("class", full(order.class));
    row("input", format!("{} (salted)", full(order.input_commit)));
    row("check", format!("a chance of {}, {} done", report.rate, report.checks));
    verifiers(receipt).for_each(|verifier| row("verifier", full(verifier)));
    let settlement = &story.settlement;
    row("client gets back", format!("{} {unit}s", settlement.client));
    row("provider is paid", format!("{} {unit}s", settlement.provider));
    if !settlement.slashed.is_zero() {
        row("provider loses", format!("{} {unit}s of its stake", settlement.slashed));
    }
    for fee in &settlement.fees {
        row("verifier earns", format!("{} {unit}s, {}", fee.amount, short(fee.peer)));
    }
    for fine in &settlement.fines {
        let payer = if fine.peer == order.provider { "provider pays" } else { "verifier pays" };
        row(payer, format!("{} {unit}s, {}", fine.amount, short(fine.peer)));
    }
    row("journal", format!("entry {}", story.position));
    table
}

fn document(receipt: &Receipt, report: &Report, order: &Order) -> Value {
    let (story, unit) = (&receipt.story, &receipt.story.genesis.unit);
    let settlement = &story.settlement;
    let money = |amount| money(amount, unit);
    let fees = |fees: &[assay_protocol::payout::Fee]| -> Vec<Value> {
        fees.iter().map(|fee| json!({ "peer": full(fee.peer), "sum": money(fee.amount) })).collect()
    };
    json!({
        "label": report.outcome.label(), "outcome": report.outcome, "meaning": report.meaning(),
        "job": full(report.job), "network": full(report.network), "network_name": report.network_name,
        "notary": full(report.notary), "client": full(order.client), "provider": full(order.provider),
        "manifest": full(order.manifest.digest()), "model": order.manifest.name,
        "weights": full(order.manifest.model), "runner": full(order.manifest.runner), "class": full(order.class),
        "input_commit": full(order.input_commit),
        "check_rate": crate::printer::rate(report.rate), "checks": report.checks, "agreeing": report.agreeing,
        "verifiers": verifiers(receipt).map(full).collect::<Vec<_>>(),
        "settlement": {
            "to_client": money(settlement.client), "to_provider": money(settlement.provider),
            "slashed": money(settlement.slashed), "fees": fees(&settlement.fees), "fines": fees(&settlement.fines),
        },
        "position": story.position, "digest": full(story.digest()),
    })
}
