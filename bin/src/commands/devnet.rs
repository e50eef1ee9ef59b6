//! `assay devnet`: networks of real daemons on this machine, which stay until they are ended.
//!
//! **Invariant:** no process is signalled that does not hold the lock of a devnet's home; what a devnet is stands in one file of
//! its folder, and whatever is left of a command that was killed, `up` goes on from it and `down` ends it.

mod cut;
mod devnet_choice;
mod devnet_folder;
mod devnet_plan;
mod down;
mod founding;
mod heal;
mod kill;
mod ls;
mod partition;
mod peer_process;
mod report;
mod sides;
mod up;

use crate::{command_error::CommandError, invocation::Invocation};

/// Keep whole networks of real daemons on this machine, to write programs against and to break.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    Up(up::Args),
    Down(down::Args),
    Ls(ls::Args),
    Kill(kill::Args),
    Partition(partition::Args),
    Heal(heal::Args),
}

pub(crate) async fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    match verb {
        Verb::Up(args) => up::perform(args, invocation).await,
        Verb::Down(args) => down::perform(args, invocation).await,
        Verb::Ls(args) => ls::perform(args, invocation).await,
        Verb::Kill(args) => kill::perform(args, invocation).await,
        Verb::Partition(args) => partition::perform(args, invocation).await,
        Verb::Heal(args) => heal::perform(args, invocation).await,
    }
}
