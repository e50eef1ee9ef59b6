//! `assay account unstake`: withdraws money from the stake.

use assay_peer::handle::AccountOrder;
use assay_protocol::units::Amount;

use super::instruct;
use crate::{
    command_error::CommandError, credits::credits, daemon::Reach, invocation::Invocation, peer_name::PeerName,
};

const EXAMPLES: &str = "\
Examples:
  assay account unstake 5  withdraw 5 credits from the stake";

/// Withdraw money from the stake.
///
/// Waits until the notary has noted it. The money is free once the time of the network for that is over; until then it still
/// stands for what this peer did.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// How much, in credits
    #[arg(value_name = "CREDITS", value_parser = credits, allow_negative_numbers = true)]
    amount: Amount,
    /// At which notary; the network's first if none
    #[arg(long, value_name = "PEER")]
    notary: Option<PeerName>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let order = AccountOrder::Unstake { amount: args.amount };
    instruct(order, args.notary.as_ref(), args.reach, invocation).await.map(drop)
}
