//! `assay account stake`: puts money at stake.

use assay_peer::handle::AccountOrder;
use assay_protocol::units::Amount;

use super::instruct;
use crate::{
    command_error::CommandError, credits::credits, daemon::Reach, invocation::Invocation, peer_name::PeerName,
};

const EXAMPLES: &str = "\
Examples:
  assay account stake 5              put 5 credits at stake
  assay account stake 5 --target 20  and a part of each pay until 20 are there

Whoever has something to lose is asked first, and whoever checks jobs needs a stake. A false result costs it.";

/// Put money at stake.
///
/// Waits until the notary has done it. What is at stake can be withdrawn with `assay account unstake`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How much, in credits
    #[arg(value_name = "CREDITS", value_parser = credits, allow_negative_numbers = true)]
    amount: Amount,
    /// Add a part of each pay until so much is at stake
    #[arg(long, value_name = "CREDITS", value_parser = credits, allow_negative_numbers = true)]
    target: Option<Amount>,
    /// At which notary; the network's first if none
    #[arg(long, value_name = "PEER")]
    notary: Option<PeerName>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let order = AccountOrder::Stake { amount: args.amount, target: args.target };
    instruct(order, args.notary.as_ref(), args.reach, invocation).await.map(drop)
}
