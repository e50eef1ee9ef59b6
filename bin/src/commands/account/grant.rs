//! `assay account grant`: creates credits, where this peer is the network's issuer.
//!
//! **Invariant:** a grant has a number that is told before anything can be created; said again with it, it is the same grant.

use assay_market::command::{Credit, NotGranted};
use assay_peer::handle::{GrantCredits, GrantedView, Refused, ShowBooks};
use assay_protocol::{signed::Signer as _, units::Amount};
use serde_json::{Value, json};

use crate::{
    command_error::{CommandError, Exit},
    commands::run::follow::unless_left,
    credits::credits,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    peer_name::PeerName,
    printer::{full, money, short},
};

const EXAMPLES: &str = "\
Examples:
  assay account grant 2f9c…e1 50             create 50 credits for a peer, by its whole name
  assay account grant 2f9c41d8 50            for one that has an account, by the first digits of its name
  assay account grant 2f9c41d8 50 --serial 3 the third grant: said twice, it creates them once

A peer's name is what `assay key show` prints in its home.";

/// Create credits for an account.
///
/// Only the issuer of a network can, which is the peer that founded it, in the books that it keeps. A grant stands in
/// them, where everybody can audit it. There is no way to take one back.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Whose they are
    #[arg(value_name = "PEER")]
    account: PeerName,
    /// How much, in credits
    #[arg(value_name = "CREDITS", value_parser = credits, allow_negative_numbers = true)]
    amount: Amount,
    /// The number of the grant; the next if none
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    serial: Option<u64>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    if invocation.home.key()?.id() != daemon.genesis.issuer {
        return Err(Refused::NotGranted { reason: NotGranted::NotTheIssuer }.into());
    }
    // Before a number is told, by which it would be said again.
    if args.amount.is_zero() {
        return Err(Refused::NotGranted { reason: NotGranted::Nothing }.into());
    }
    let books = daemon.call(ShowBooks).await?;
    let accounts = books.accounts.iter().map(|account| account.peer);
    let account = args.account.among(accounts, "each peer's own `assay key show` prints its name")?;
    let next = books.grants.saturating_add(1);
    let serial = match args.serial {
        Some(serial) => serial,
        None if invocation.printer.is_json() => return Err(unnumbered(next)),
        None => next,
    };
    let credit = Credit { account, amount: args.amount, serial };
    // Told before anything is asked: whoever is interrupted, or ended, knows by which number it is the same grant.
    if args.serial.is_none() {
        invocation.printer.note(format!(
            "this is to be grant {serial}: said again with --serial {serial} it creates credits once, whatever interrupts it"
        ));
    }
    let granted = unless_left(daemon.call(GrantCredits { credit })).await?;
    tell(&granted, daemon.unit(), invocation);
    Ok(())
}

/// A program that is interrupted must know what to say again.
fn unnumbered(next: u64) -> CommandError {
    let hint = format!("say --serial {next}: said twice it creates them once");
    CommandError::new(
        Exit::Usage,
        "SERIAL",
        format!("with --json a grant is numbered: the next is {next}"),
        hint,
    )
}

fn tell(granted: &GrantedView, unit: &str, invocation: &Invocation) {
    let GrantedView { credit, is_new, free, minted } = granted;
    let created = if *is_new { "Created" } else { "Nothing more is created: the same grant has made" };
    invocation.printer.line(format!(
        "{created} {} {unit}s for {}, which can spend {free} now.",
        credit.amount,
        short(credit.account)
    ));
    invocation.printer.note(format!("{minted} {unit}s were created since the network began"));
    invocation.printer.document("grant", &document(granted, unit));
}

fn document(granted: &GrantedView, unit: &str) -> Value {
    let GrantedView { credit, is_new, free, minted } = granted;
    json!({
        "account": full(credit.account), "granted": money(credit.amount, unit), "serial": credit.serial,
        "is_new": is_new,
        "free": money(*free, unit), "minted": money(*minted, unit),
    })
}
