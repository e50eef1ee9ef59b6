//! `assay leave`: takes a home out of its network, so that it can join another.
//!
//! **Invariant:** nothing is removed: what belongs to the network is moved aside, and is there again for whoever joins it once
//! more. Unless its user says so, no home leaves what is under way, or money that can be lost: it is ended, and withdrawn.

mod settling;

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use assay_market::view::AccountView;
use assay_peer::{
    config::NetworkFile,
    disk::HomeDisk,
    handle::{ConnectError, Handle},
    home::{HomeLock, departure},
};
use assay_protocol::signed::Signer;
use serde_json::json;
use tokio::time::Instant;

use self::settling::{Departure, NOT_LEFT_YET, UnderWay, account, kept};
use super::{
    down,
    init::{self, unmoved},
    run::input,
};
use crate::{
    command_error::{CommandError, Exit},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{ago, called, full, money, path_text, short},
};

/// How long is waited for what is under way or being withdrawn, where nobody says.
const WAIT: Duration = Duration::from_secs(600);

const EXAMPLES: &str = "\
Examples:
  assay leave                                 says what is under way and at stake, and asks you
  assay leave --yes                           for scripts: asks nobody here
  assay leave --wait 2h                       wait so long for jobs and for what is being withdrawn
  assay leave --abandon                       whatever is under way or at stake there
  assay leave && assay init --network FILE    into another network, as the same peer
  assay leave --with-key                      and the next network gets a new key

The account stays with its notary, and the key stays here: `assay init` for the same network goes on where it was.";

/// Leave the network, so that this home can join another.
///
/// The network's file, the journal, receipts and batches move aside into the home, where `assay init` for the same network
/// finds them again. Key, settings, models and the gateway's keys stay. Nothing is removed.
///
/// A peer leaves nothing open: it offers nothing any more, waits until its jobs are closed, withdraws what is at stake, waits
/// until that is free, and ends its daemon. What takes longer than it waits is told with the time when it is over: the same
/// command then goes on from there, and does nothing twice.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Ask nothing here
    #[arg(long, short)]
    yes: bool,
    /// Leave whatever is under way, held or at stake; the daemon is ended
    #[arg(long)]
    abandon: bool,
    /// How long to wait for what is under way or being withdrawn, such as 30s, 5m or 2h; 10m if nothing is said
    #[arg(long, value_name = "TIME", value_parser = input::length, conflicts_with = "abandon")]
    wait: Option<Duration>,
    /// Move the key aside as well: this home is nobody's then
    #[arg(long)]
    with_key: bool,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let network = here(invocation)?;
    let peer = invocation.home.key()?.id();
    let asks = !args.yes && !invocation.printer.is_json() && io::stdin().is_terminal();
    if !args.yes && !asks {
        let hint = "say --yes if you mean it";
        return Err(CommandError::new(Exit::Usage, "NOT_CONFIRMED", "nobody can be asked here", hint));
    }
    let account = match args.abandon {
        true => {
            agreed(args, asks, (&network, ABANDONED), invocation)?;
            end(invocation).await?;
            None
        }
        false => settled(args, asks, &network, invocation).await?,
    };
    let lock = HomeLock::take(invocation.home.root())?;
    let (of, disk) = ((network.genesis.id(), peer), HomeDisk::default());
    let aside = departure::set_aside(&disk, &invocation.home, of, args.with_key, &lock);
    let aside = aside.map_err(|error| unmoved(&error))?;
    let name = called(&network.genesis.name);
    invocation.printer.line(format!("{} is in no network any more.", invocation.home.root().display()));
    invocation.printer.line(format!("What it had of {name} is in {}.", aside.display()));
    invocation.printer.note(match args.with_key {
        true => format!("the key of {} went with it: the next `assay init` makes another", short(peer)),
        false => format!("the key stays: this peer is {} in the next network, too", short(peer)),
    });
    invocation.printer.note(format!(
        "`assay init` with the file of {name} goes on there; its receipts are files in that folder, for `assay receipt show`"
    ));
    let genesis = &network.genesis;
    invocation.printer.document(
        "leave",
        &json!({
            "network": full(genesis.id()), "network_name": genesis.name, "peer": full(peer),
            "aside": path_text(&aside), "with_key": args.with_key,
            "free": account.map(|view| money(view.account.free, &genesis.unit)),
        }),
    );
    Ok(())
}

/// The network that the home is in. A move that was cut short is carried on first.
fn here(invocation: &Invocation) -> Result<NetworkFile, CommandError> {
    let home = &invocation.home;
    if home.left().exists() && !home.network().exists() {
        init::carry_on(&HomeLock::take(home.root())?, invocation)?;
    }
    if home.network().exists() || !home.identity().exists() {
        return invocation.network();
    }
    let message = format!("{} is in no network", home.root().display());
    Err(CommandError::new(Exit::NotFound, "NO_NETWORK", message, "`assay init --network FILE` joins one"))
}

/// Does what has to be done before, and ends the daemon; what the account holds then, in a network that has a notary. A daemon
/// goes on that something still waits for.
async fn settled(
    args: &Args,
    asks: bool,
    network: &NetworkFile,
    invocation: &Invocation,
) -> Result<Option<AccountView>, CommandError> {
    let was_running = Handle::connect(&invocation.home).await.is_ok();
    let daemon = RunningDaemon::reach(invocation, Reach::default()).await.map_err(|error| {
        let [message, _] = error.lines();
        let hint = "`assay up` says more; `assay leave --abandon` asks nobody what is open or at stake";
        CommandError::new(error.exit(), error.code(), message, hint)
    })?;
    let settled = settle(args, asks, (&daemon, network), invocation).await;
    let goes_on = match &settled {
        Ok(_) => false,
        Err(error) => was_running || error.code() == NOT_LEFT_YET || error.exit() == Exit::Interrupted,
    };
    if !goes_on {
        down::end(daemon.handle, invocation).await?;
        invocation.printer.note(match was_running {
            true => "the daemon has ended",
            false => "it was only asked what is open, and has ended",
        });
    }
    settled
}

async fn settle(
    args: &Args,
    asks: bool,
    (daemon, network): (&RunningDaemon, &NetworkFile),
    invocation: &Invocation,
) -> Result<Option<AccountView>, CommandError> {
    let under_way = UnderWay::at(daemon).await?;
    if asks {
        let costs = to_be_done(under_way, daemon, invocation).await?;
        agreed(args, asks, (network, &costs), invocation)?;
    }
    let deadline = Instant::now() + args.wait.unwrap_or(WAIT);
    Departure { daemon, printer: &invocation.printer, deadline }.settle().await
}

/// What is done before a home leaves, in words.
async fn to_be_done(
    under_way: UnderWay,
    daemon: &RunningDaemon,
    invocation: &Invocation,
) -> Result<String, CommandError> {
    let (unit, unbonding) = (daemon.unit(), daemon.genesis.timers.unbonding);
    let mut steps: Vec<String> = Vec::new();
    if under_way.offers {
        steps.push("it offers nothing any more".to_owned());
    }
    steps.extend(under_way.words().map(|words| format!("{words}, and waited for")));
    for notary in &daemon.genesis.notaries {
        let view = account(daemon, *notary, &invocation.printer).await?;
        if let Some(kept) = kept(&view.account, unit) {
            steps.push(format!("{kept}: what is at stake is withdrawn, and free {} later", ago(unbonding)));
        }
        steps.push(format!("{} {unit}s stay on its account", view.account.free));
    }
    if daemon.genesis.notaries.is_empty() {
        steps.push("it has no notary, so nothing is lost".to_owned());
    }
    Ok(steps.join("; "))
}

/// Ends the daemon, if one runs.
async fn end(invocation: &Invocation) -> Result<(), CommandError> {
    match Handle::connect(&invocation.home).await {
        Ok(handle) => down::end(handle, invocation).await,
        Err(ConnectError::NotRunning { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What becomes of what is left as it is.
const ABANDONED: &str =
    "jobs that are under way there end as if this peer were away, and what is at stake may be lost";

/// Asks, if somebody is there.
fn agreed(
    args: &Args,
    asks: bool,
    (network, costs): (&NetworkFile, &str),
    invocation: &Invocation,
) -> Result<(), CommandError> {
    let genesis = &network.genesis;
    let key = if args.with_key { "its key goes aside as well" } else { "its key stays" };
    let question = format!(
        "Leave {} ({})? {costs}; {key}, and nothing is removed. [y/N] ",
        called(&genesis.name),
        short(genesis.id())
    );
    let agrees = || matches!(invocation.printer.ask(&question).to_lowercase().as_str(), "y" | "yes");
    if asks && !agrees() {
        let hint = "run it again and answer yes to leave";
        return Err(CommandError::new(Exit::Other, "DECLINED", "nothing was changed", hint));
    }
    Ok(())
}
