//! `assay account register`: checks jobs of others from now on.

use assay_peer::handle::AccountOrder;
use assay_protocol::genesis::Timers;

use super::instruct;
use crate::{
    command_error::CommandError,
    commands::run::input,
    daemon::Reach,
    invocation::Invocation,
    peer_name::PeerName,
    printer::{ago, called},
};

const EXAMPLES: &str = "\
Examples:
  assay account register sums digits  check jobs of these two models
  assay account register --none       check nothing any more

A verifier is drawn by its stake, among those who have at least as much as a wrong check may cost. Being drawn and not
answering suspends it for a while.";

/// Check jobs of others, of these models and no others.
///
/// Fetches each model and tries it, then has the notary note it. Draws begin with the network's second checkpoint after that,
/// and go on for what was registered before, for as long as the daemon runs and enough is at stake; each check that agrees is
/// paid.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The models, by name
    #[arg(value_name = "NAME", required_unless_present = "none", conflicts_with = "none")]
    models: Vec<String>,
    /// Check nothing any more
    #[arg(long)]
    none: bool,
    /// At which notary; the network's first if none
    #[arg(long, value_name = "PEER")]
    notary: Option<PeerName>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let order = AccountOrder::Check { models: args.models.clone() };
    let (daemon, view) = instruct(order, args.notary.as_ref(), args.reach, invocation).await?;
    for name in &args.models {
        let manifest = input::model(name, &daemon, invocation).await?;
        let (least, unit) = (daemon.genesis.stake_least(manifest.work_most), daemon.unit());
        let name = called(&manifest.name);
        invocation.printer.note(match view.account.stake >= least {
            true => format!(
                "{name}: drawn from the second checkpoint on, {}, by a stake of {} {unit}s",
                counts_in(&daemon.genesis.timers),
                view.account.stake
            ),
            false => format!(
                "{name}: drawn once {least} {unit}s are at stake, where {} are: `assay account stake`",
                view.account.stake
            ),
        });
    }
    Ok(())
}

/// When a registration counts, by how long it is from one checkpoint to the next: a full epoch lies before it.
fn counts_in(timers: &Timers) -> String {
    let epoch = timers.tick.times(timers.epoch_ticks);
    format!("{} to {} from now", ago(epoch), ago(epoch.times(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_counts_after_one_full_epoch_and_before_the_end_of_the_next() {
        assert_eq!(counts_in(&Timers::brisk()), "10 s to 20 s from now");
        assert_eq!(counts_in(&Timers::default()), "10 min to 20 min from now");
    }
}
