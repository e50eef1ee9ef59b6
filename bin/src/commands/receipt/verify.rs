//! `assay receipt verify`: recomputes everything a receipt says, from the file alone.
//!
//! **Invariant:** needs no daemon, no home and no network; says whose word it rests on and whether that was pinned.

use std::path::PathBuf;

use assay_peer::config::NetworkFile;
use assay_protocol::{id::NetworkId, outcome::Outcome, receipt::Report};
use serde_json::{Value, json};

use super::file;
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{Paint, called, full, rate, short},
};

const EXAMPLES: &str = "\
Examples:
  assay receipt verify seven.receipt                         anywhere, offline
  assay receipt verify seven.receipt --network network.toml  only from this network
  assay receipt verify seven.receipt --json                  for programs

Exits with 0 if everything holds, with 9 if anything does not, and with 2 if it is no receipt.";

/// Check a receipt file, offline: no daemon, no home.
///
/// Recomputes the signatures, the draw, the verifiers, the comparison and every payment. Anyone can invent a network,
/// so it says which network and notary the receipt rests on; --network, or a home of that network, pins them.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The receipt file; - for standard input
    #[arg(value_name = "FILE")]
    receipt: PathBuf,
    /// Accept only receipts of the network in this file
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
}

/// How the verifier knows the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pin {
    /// The user named its file.
    File,
    /// The user's home belongs to it.
    Home,
    /// Not at all.
    None,
}

pub(crate) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let bytes = file::read(&args.receipt)?;
    let (_, report) = file::judge(&bytes, &args.receipt.to_string_lossy())?;
    let pin = pin(args, invocation, report.network)?;
    invocation.printer.document("verification", &document(&report, pin));
    let label = paint(report.outcome).on(report.outcome.label());
    invocation.printer.line(label.and(format!(": {}", report.meaning())));
    invocation.printer.line(format!("job      {}", report.job));
    invocation.printer.line(format!("network  {} ({})", called(&report.network_name), report.network));
    invocation.printer.line(format!("notary   {}", report.notary));
    invocation.printer.line(format!("client   {}", report.client));
    invocation.printer.line(format!("provider {}", report.provider));
    invocation.printer.line(match pin {
        Pin::File => "Both are pinned by the network file.",
        Pin::Home => "Both are pinned: this home belongs to the network.",
        Pin::None => "Neither is pinned: anyone can invent a network. --network FILE pins the one you trust.",
    });
    Ok(())
}

fn pin(args: &Args, invocation: &Invocation, found: NetworkId) -> Result<Pin, CommandError> {
    let Some(path) = &args.network else {
        let known =
            NetworkFile::read(&invocation.home.network()).is_ok_and(|network| network.genesis.id() == found);
        return Ok(if known { Pin::Home } else { Pin::None });
    };
    let expected = NetworkFile::read(path)?.genesis.id();
    if expected == found {
        return Ok(Pin::File);
    }
    let message =
        format!("the receipt does not hold: step \"network\" fails: expected {expected}, found {found}");
    let hint = "leave out --network to see what it proves there, or name that network's file";
    Err(CommandError::new(Exit::NotVerified, "RECEIPT_REFUTED", message, hint)
        .with(json!({ "step": "network" })))
}

fn paint(outcome: Outcome) -> Paint {
    match (outcome.is_paid(), outcome.is_slashed()) {
        (true, _) => Paint::Green,
        (_, true) => Paint::Red,
        (false, false) => Paint::Yellow,
    }
}

fn document(report: &Report, pin: Pin) -> Value {
    json!({
        "verified": true, "label": report.outcome.label(), "outcome": report.outcome, "meaning": report.meaning(),
        "job": full(report.job), "network": full(report.network), "network_name": report.network_name,
        "notary": full(report.notary), "client": full(report.client), "provider": full(report.provider),
        "pinned": pin != Pin::None,
        "pinned_by": match pin { Pin::File => Some("file"), Pin::Home => Some("home"), Pin::None => None },
        "check_rate": rate(report.rate), "checks": report.checks, "agreeing": report.agreeing,
    })
}

/// A receipt's meaning in one line, for commands that judge it on the way.
pub(super) fn headline(report: &Report) -> String {
    format!(
        "{}: {} (network {}, notary {})",
        report.outcome.label(),
        report.meaning(),
        called(&report.network_name),
        short(report.notary)
    )
}
