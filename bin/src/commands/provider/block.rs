//! `assay provider block` and `assay provider unblock`: clients whose orders are not taken on.

use assay_peer::handle::{BlockedView, ChangeBlocked, ListBlocked};
use assay_protocol::id::PeerId;
use serde_json::{Value, json};

use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    peer_name::PeerName,
    printer::{full, short},
};

const EXAMPLES: &str = "\
Examples:
  assay provider block PEER  take no orders of this client any more
  assay provider block       who is blocked

PEER is the name of a client, as `assay earnings --by client` and `assay status` have it, or its first 8 digits or more.";

const UNBLOCK_EXAMPLES: &str = "\
Examples:
  assay provider unblock PEER  take orders of this client again";

/// Take no orders of these clients; without a name, list those that are blocked.
///
/// They are told that there is no room, as in a pause, and nothing else: it costs nobody trust. Jobs of theirs that have begun
/// go on. It holds over restarts, and whether anything is offered or not. A name costs nothing: who wants to can order under
/// another one.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BlockArgs {
    /// Whose orders are not taken on
    #[arg(value_name = "PEER")]
    clients: Vec<PeerName>,
    #[command(flatten)]
    reach: Reach,
}

/// Take orders of these clients again.
#[derive(Debug, clap::Args)]
#[command(after_help = UNBLOCK_EXAMPLES)]
pub(crate) struct UnblockArgs {
    /// Whose orders are taken on again
    #[arg(value_name = "PEER", required = true)]
    clients: Vec<PeerName>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn block(args: &BlockArgs, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let before = daemon.call(ListBlocked).await?;
    if args.clients.is_empty() {
        before.blocked.iter().for_each(|client| invocation.printer.line(full(client)));
        if before.blocked.is_empty() {
            invocation.printer.note("nobody is blocked");
        }
        invocation.printer.document("blocked", &document(&before));
        return Ok(());
    }
    let listed = "`assay earnings --by client` lists those that are";
    let known = || before.known.iter().chain(&before.blocked).copied();
    let block = args.clients.iter().map(|name| name.among(known(), listed));
    let block: Vec<PeerId> = block.collect::<Result<_, _>>()?;
    let change = ChangeBlocked { block: block.clone(), unblock: Vec::new() };
    let now = daemon.call(change).await?;
    for client in &block {
        let already = if before.blocked.contains(client) { ", as before" } else { "" };
        invocation.printer.line(format!("{} is blocked{already}", short(client)));
    }
    invocation.printer.document("blocked", &document(&now));
    Ok(())
}

pub(super) async fn unblock(args: &UnblockArgs, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let before = daemon.call(ListBlocked).await?;
    // Whoever is known and not blocked is told apart from nobody.
    let known = || before.blocked.iter().chain(&before.known).copied();
    let unblock =
        args.clients.iter().map(|name| name.among(known(), "`assay provider block` lists those that are"));
    let unblock: Vec<PeerId> = unblock.collect::<Result<_, _>>()?;
    let now = daemon.call(ChangeBlocked { block: Vec::new(), unblock: unblock.clone() }).await?;
    for client in &unblock {
        invocation.printer.line(match before.blocked.contains(client) {
            true => format!("{} is blocked no more", short(client)),
            false => format!("{} was not blocked", short(client)),
        });
    }
    invocation.printer.document("blocked", &document(&now));
    Ok(())
}

fn document(blocked: &BlockedView) -> Value {
    json!({ "clients_blocked": blocked.blocked.iter().map(full).collect::<Vec<_>>() })
}
