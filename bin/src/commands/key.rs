//! `assay key`: who this peer is. The key can be made before there is a network, so that one can be founded with it.
//!
//! **Invariant:** a key is never replaced, and its secret half is never shown; it leaves the home sealed.

mod backup;
mod passphrase;
mod restore;

use assay_peer::{checkup, config::KeyError, home::HomeLock};
use assay_protocol::{
    id::PeerId,
    signed::{Keypair, Signer},
};
use serde_json::json;

pub(crate) use self::restore::warn_notary;
use super::init;
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{full, path_text},
};

/// Who this peer is.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    New(NewKeyArgs),
    Show(ShowKeyArgs),
    Backup(backup::Args),
    Restore(restore::Args),
}

const NEW_EXAMPLES: &str = "\
Examples:
  assay key new                        prints what a founder needs to know of this peer
  assay --home /tmp/second key new     a second peer on this machine";

/// Make a key, before there is a network to join.
///
/// Makes the home and its secret key, and prints the public one: give that to whoever founds a network with this peer. `assay
/// init` makes one by itself where there is none.
#[derive(Debug, clap::Args)]
#[command(after_help = NEW_EXAMPLES)]
pub(crate) struct NewKeyArgs {}

const SHOW_EXAMPLES: &str = "\
Examples:
  assay key show         the name by which others know this peer
  assay key show --json  the same, for programs";

/// Print the public key, by which others know this peer.
#[derive(Debug, clap::Args)]
#[command(after_help = SHOW_EXAMPLES)]
pub(crate) struct ShowKeyArgs {}

pub(crate) async fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    match verb {
        Verb::New(NewKeyArgs {}) => {
            // A move that was cut short may still bring a key along, or take one away.
            init::carry_on(&HomeLock::take(invocation.home.root())?, invocation)?;
            invocation.refuse_lost_key()?;
            show(invocation, invocation.home.create_key()?);
            invocation
                .printer
                .note("next: give this to whoever founds the network, then `assay init --network FILE`");
            Ok(())
        }
        Verb::Show(ShowKeyArgs {}) => {
            show(invocation, Keypair::from_seed(own_seed(invocation)?).id());
            Ok(())
        }
        Verb::Backup(args) => backup::perform(args, invocation).await,
        Verb::Restore(args) => restore::perform(args, invocation).await,
    }
}

/// The network of this home, if the peer keeps its books.
pub(crate) fn keeps_books(peer: PeerId, invocation: &Invocation) -> Option<String> {
    let genesis = invocation.network().ok()?.genesis;
    genesis.notaries.contains(&peer).then_some(genesis.name)
}

/// Whether something is in the journal of a home that no daemon has: whoever looks at it as a start would has begun an empty one.
pub(crate) fn has_records(invocation: &Invocation) -> bool {
    let looked = invocation.network().ok().map(|file| checkup::memory(&invocation.home, &file));
    match looked {
        Some(Ok(figures)) => figures.journal.is_some_and(|journal| journal.records > 0),
        // What cannot be read may be much.
        Some(Err(_)) | None => invocation.home.journal().exists(),
    }
}

fn own_seed(invocation: &Invocation) -> Result<[u8; 32], CommandError> {
    invocation.refuse_lost_key()?;
    invocation.home.seed().map_err(|error| match error {
        KeyError::Absent { .. } => {
            let message = format!("no peer lives in {}", invocation.home.root().display());
            let hint =
                "make a key with `assay key new`, or a peer of a network with `assay init --network FILE`";
            CommandError::new(Exit::NotFound, "NO_KEY", message, hint)
        }
        other @ (KeyError::Present { .. }
        | KeyError::Exposed { .. }
        | KeyError::Malformed { .. }
        | KeyError::Disk { .. }) => other.into(),
    })
}

fn show(invocation: &Invocation, peer: PeerId) {
    invocation.printer.line(full(peer));
    let home = invocation.home.root();
    invocation.printer.document("key", &json!({ "peer": full(peer), "home": path_text(home) }));
}
