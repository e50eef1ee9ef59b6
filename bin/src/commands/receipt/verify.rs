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
    invocation.printer.line(label.and(format!(": {}", meaning(&report))));
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

/// What the outcome says about the result, with the numbers it rests on.
pub(super) fn meaning(report: &Report) -> String {
    let Report { agreeing, checks, rate, .. } = report;
    match report.outcome {
        Outcome::Checked if *checks == 1 => {
            "run again by a peer drawn at random, which agrees; paid".to_owned()
        }
        Outcome::Checked => {
            format!("run again by {checks} peers drawn at random, {agreeing} of which agree; paid")
        }
        Outcome::Cleared => {
            format!("accused, and cleared by {agreeing} of {checks} peers drawn at random; paid")
        }
        Outcome::NotDrawn => format!("it would have been checked with a chance of {rate}; paid"),
        Outcome::Grey => {
            "run again, with a result too near to reject and too far to confirm; paid".to_owned()
        }
        Outcome::Unchecked => "drawn to be checked, but nobody could; the stake covered it; paid".to_owned(),
        Outcome::Slashed => {
            format!("{} of {checks} peers drawn at random disagree; refunded, stake lost", checks - agreeing)
        }
        Outcome::Silent => {
            "accused, and the provider never opened its claim; refunded, stake lost".to_owned()
        }
        Outcome::Mismatch => "a newcomer's result, with which the check disagrees; refunded".to_owned(),
        Outcome::NoClaim => "no result came in time".to_owned(),
        Outcome::Aborted => "the provider gave up before it had a result".to_owned(),
        Outcome::Cancelled => "the client cancelled it before there was a claim".to_owned(),
        Outcome::FalseStream => {
            "the provider had streamed something else than it claimed; refunded, stake lost".to_owned()
        }
        Outcome::FalseOpening => {
            "what the provider opened is not what it had claimed; refunded, stake lost".to_owned()
        }
        Outcome::GreyRefunded => "one unclear result too many of this provider".to_owned(),
        Outcome::Disputed => "a jury was against the result without convicting".to_owned(),
        Outcome::Withdrawn => {
            "the provider was convicted over another job before it claimed this one".to_owned()
        }
        Outcome::Trap => {
            "a trap: before anybody was drawn to check it, both its parties had called the claim false on purpose; the client \
             has its money back, but for what that cost"
                .to_owned()
        }
        Outcome::Void => "nothing could be found out; the client has its money back".to_owned(),
        Outcome::Unreached => {
            "too many who were to check it were given no input; the client has its money back".to_owned()
        }
    }
}

fn document(report: &Report, pin: Pin) -> Value {
    json!({
        "verified": true, "label": report.outcome.label(), "outcome": report.outcome, "meaning": meaning(report),
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
        meaning(report),
        called(&report.network_name),
        short(report.notary)
    )
}
