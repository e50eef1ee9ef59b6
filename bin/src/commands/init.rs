//! `assay init`: makes a home for a peer: a key, and the rules of the network it belongs to.
//!
//! **Invariant:** a key is never replaced, and a home changes its network by leaving one alone: whoever comes back finds
//! what was left. The rules are in the home whole, or as they were before.

use std::{
    fs,
    io::{self, IsTerminal},
    path::PathBuf,
};

use assay_gateway::replace_with;
use assay_peer::{
    config::NetworkFile,
    disk::HomeDisk,
    home::{self, HomeLock, LockError, departure},
};
use serde_json::json;

use super::key;
use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{called, full, path_text, short},
};

const EXAMPLES: &str = "\
Examples:
  assay init --network network.toml                   asks before it joins
  assay init --network network.toml --yes             asks nothing
  assay --home /tmp/second init --network FILE --yes  a second peer on this machine";

/// Make an identity and join a network.
///
/// Makes the folder of a peer: its secret key and the rules of its network. The file with the rules comes from whoever
/// founded the network; `assay demo --stay` makes one for a network on this machine. A network that this home has left goes
/// on where it was.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The network's file
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// Ask nothing
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let asks = !args.yes && !invocation.printer.is_json() && io::stdin().is_terminal();
    let path = match &args.network {
        Some(path) => path.clone(),
        None if asks => PathBuf::from(invocation.printer.ask("Which network? Give the path of its file: ")),
        None => return Err(no_network()),
    };
    let network = NetworkFile::read(&path)?;
    refuse_another(&network, invocation)?;
    if !args.yes && !asks {
        let hint = "say --yes to join without being asked";
        return Err(CommandError::new(Exit::Usage, "NOT_CONFIRMED", "nobody can be asked here", hint));
    }
    if asks && !agrees(&network, invocation) {
        return Err(CommandError::new(
            Exit::Other,
            "DECLINED",
            "nothing was changed",
            "run it again and answer yes to join",
        ));
    }
    home::make(invocation.home.root())?;
    let lock = lock(invocation)?;
    let is_back = lock.as_ref().map(|lock| take_up(&network, lock, invocation)).transpose()?;
    let is_back = is_back.unwrap_or(false);
    let peer = invocation.own_or_new_key()?;
    write_rules(&network, invocation).map_err(|error| {
        let message = format!("{} cannot be written: {error}", invocation.home.network().display());
        CommandError::new(
            Exit::Forbidden,
            "HOME_UNWRITABLE",
            message,
            "check who owns the home and whether its disk is full",
        )
    })?;
    let (name, id) = (&network.genesis.name, network.genesis.id());
    invocation.printer.line(format!(
        "This peer is {} in the network {} ({}).",
        short(peer),
        called(name),
        short(id)
    ));
    invocation.printer.line(format!("Its home is {}.", invocation.home.root().display()));
    if is_back {
        invocation.printer.note("it was in this network before: its journal and its receipts are back");
    }
    let is_idle = lock.is_some();
    if network.genesis.notaries.contains(&peer) && is_idle && !key::has_records(invocation) {
        key::warn_notary(name, invocation);
    }
    invocation.printer.note("next: `assay up` starts it, `assay offers` shows what can be ordered");
    invocation.printer.document(
        "home",
        &json!({
            "home": path_text(invocation.home.root()), "peer": full(peer), "network": full(id), "network_name": name,
            "notaries": network.genesis.notaries, "is_back": is_back,
        }),
    );
    Ok(())
}

/// Writes the rules, whole or not at all: a home with half of them could neither join nor leave.
fn write_rules(network: &NetworkFile, invocation: &Invocation) -> io::Result<()> {
    let path = invocation.home.network();
    // A link stays one, and what it leads to is changed.
    let path = fs::canonicalize(&path).unwrap_or(path);
    replace_with(&path, |file| file.write_all(network.to_toml().as_bytes()))
}

fn no_network() -> CommandError {
    let hint = "pass --network FILE; `assay demo --stay` founds a network here and prints its file";
    CommandError::new(Exit::Usage, "NO_NETWORK", "no network was named", hint)
}

/// Refuses to make a peer of one network a peer of another: its key, journal and account belong to the first.
fn refuse_another(network: &NetworkFile, invocation: &Invocation) -> Result<(), CommandError> {
    if !invocation.home.network().exists() {
        return Ok(());
    }
    let present = invocation.network()?.genesis;
    if present.id() == network.genesis.id() {
        return Ok(());
    }
    let message =
        format!("{} belongs to another network, {}", invocation.home.root().display(), present.name);
    let hint = "choose another folder with --home DIR, or leave that network first with `assay leave`";
    Err(CommandError::new(Exit::Usage, "OTHER_NETWORK", message, hint))
}

/// Takes the home, so that nobody leaves its network meanwhile. Nobody does where a daemon has it.
fn lock(invocation: &Invocation) -> Result<Option<HomeLock>, CommandError> {
    match HomeLock::take(invocation.home.root()) {
        Err(LockError::Locked(_)) if invocation.home.network().exists() => Ok(None),
        taken => Ok(Some(taken?)),
    }
}

/// Moves back what this home left of the network, if it did. What was cut short is carried on first, and may have brought
/// another network back.
fn take_up(network: &NetworkFile, lock: &HomeLock, invocation: &Invocation) -> Result<bool, CommandError> {
    let home = &invocation.home;
    let is_back = carry_on(lock, invocation)?;
    refuse_another(network, invocation)?;
    if home.network().exists() || !home.left().exists() {
        return Ok(is_back);
    }
    departure::take_up(&HomeDisk::default(), home, network.genesis.id(), lock)
        .map_err(|error| unmoved(&error))
}

/// Carries a move on that was cut short; true if it has brought a network back.
pub(super) fn carry_on(lock: &HomeLock, invocation: &Invocation) -> Result<bool, CommandError> {
    let home = &invocation.home;
    if home.network().exists() || !home.left().exists() {
        return Ok(false);
    }
    departure::carry_on(&HomeDisk::default(), home, lock).map_err(|error| unmoved(&error))?;
    Ok(home.network().exists())
}

/// What a home left cannot be moved.
pub(super) fn unmoved(error: &io::Error) -> CommandError {
    let message = format!("what belongs to a network that was left cannot be moved: {error}");
    let hint = "see to the disk and to what is in the way, and run it again: it goes on where it was";
    CommandError::new(Exit::Forbidden, "HOME_UNWRITABLE", message, hint)
}

fn agrees(network: &NetworkFile, invocation: &Invocation) -> bool {
    let genesis = &network.genesis;
    let notaries: Vec<String> = genesis.notaries.iter().map(short).collect();
    let question = format!(
        "The network {} ({}) is kept by {}; its credits are not money. Join it? [Y/n] ",
        called(&genesis.name),
        short(genesis.id()),
        notaries.join(", ")
    );
    matches!(invocation.printer.ask(&question).to_lowercase().as_str(), "" | "y" | "yes")
}
