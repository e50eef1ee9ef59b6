//! `assay account grant`: creates credits, where this peer is the network's issuer.
//!
//! **Invariant:** a grant has a number that is told before anything is created; said again with it, it is the same grant.

use assay_market::command::{Credit, NotGranted};
use assay_peer::handle::{GrantCredits, GrantedView, Refused, ShowBooks};
use assay_protocol::{
    id::PeerId,
    signed::{Ed25519, Signer as _},
    units::Amount,
};
use serde_json::{Value, json};

use crate::{
    command_error::{CommandError, Exit},
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
/// Only the issuer of a network can, which is the peer that founded it, in the books that it keeps. Everybody who audits those
/// books sees each grant. There is no way to take one back.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Whose they are
    #[arg(value_name = "PEER")]
    account: PeerName,
    /// How much, in credits
    #[arg(value_name = "CREDITS")]
    amount: Amount,
    /// The number of the grant; the next if none
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    serial: Option<u64>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    if args.amount.is_zero() {
        let hint = "say how much is to be created, such as 50";
        return Err(CommandError::new(Exit::Usage, "NOTHING", "a grant of nothing creates nothing", hint));
    }
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    if invocation.home.key()?.id() != daemon.genesis.issuer {
        return Err(Refused::NotGranted { reason: NotGranted::NotTheIssuer }.into());
    }
    let books = daemon.call(ShowBooks).await?;
    let accounts = books.accounts.iter().map(|account| account.peer);
    let account = genuine(args.account.among(accounts, "a peer's own `assay key show`")?)?;
    let serial = args.serial.unwrap_or(books.grants.saturating_add(1));
    let credit = Credit { account, amount: args.amount, serial };
    if args.serial.is_none() {
        invocation
            .printer
            .note(format!("grant {serial}: said again with --serial {serial} it creates nothing more"));
    }
    let granted = daemon.call(GrantCredits { credit }).await?;
    tell(&granted, daemon.unit(), invocation);
    Ok(())
}

/// Nobody could ever spend what belongs to a name that no key has.
fn genuine(account: PeerId) -> Result<PeerId, CommandError> {
    if Ed25519::is_key(&account) {
        return Ok(account);
    }
    let message = format!("{} is nobody's key", full(account));
    Err(CommandError::new(Exit::Usage, "NOT_A_KEY", message, "`assay key show` prints a peer's name"))
}

fn tell(granted: &GrantedView, unit: &str, invocation: &Invocation) {
    let GrantedView { credit, free, minted } = granted;
    invocation.printer.line(format!(
        "Created {} {unit}s for {}, which can spend {free} now.",
        credit.amount,
        short(credit.account)
    ));
    invocation.printer.note(format!("{minted} {unit}s were created since the network began"));
    invocation.printer.document("grant", &document(granted, unit));
}

fn document(granted: &GrantedView, unit: &str) -> Value {
    let GrantedView { credit, free, minted } = granted;
    json!({
        "account": full(credit.account), "granted": money(credit.amount, unit), "serial": credit.serial,
        "free": money(*free, unit), "minted": money(*minted, unit),
    })
}
