//! `assay leave`: takes a home out of its network, so that it can join another.
//!
//! **Invariant:** nothing is removed: what belongs to the network is moved aside, and is there again for whoever joins it once
//! more. Unless its user says so, no home leaves what is under way, or money that can be lost.

use std::io::{self, IsTerminal};

use assay_market::view::AccountView;
use assay_peer::{
    config::NetworkFile,
    disk::HomeDisk,
    handle::{ConnectError, Handle, ListJobs, ShowAccount, ShowStatus},
    home::{HomeLock, departure},
};
use assay_protocol::{signed::Signer, units::Amount};
use serde_json::json;

use super::{
    down, finish,
    init::{self, unmoved},
};
use crate::{
    command_error::{CommandError, Exit},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{called, full, money, path_text, short},
};

const EXAMPLES: &str = "\
Examples:
  assay leave                                 asks the notary what is held there, and then you
  assay leave --yes                           for scripts: asks the notary alone
  assay leave --abandon                       whatever is under way or at stake there
  assay leave && assay init --network FILE    into another network, as the same peer
  assay leave --with-key                      and the next network gets a new key

The account stays with its notary, and the key stays here: `assay init` for the same network goes on where it was.";

/// Leave the network, so that this home can join another.
///
/// The network's file, the journal, receipts and batches move aside into the home, where `assay init` for the same network
/// finds them again. Key, settings, models and the gateway's keys stay. Nothing is removed.
///
/// A peer leaves nothing open: no offers, no jobs, nothing at stake. `assay finish`, `assay job ls --running` and `assay
/// account unstake` see to that, and `assay down` ends the daemon.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Ask nothing here
    #[arg(long, short)]
    yes: bool,
    /// Leave whatever is under way, held or at stake; the daemon is ended
    #[arg(long)]
    abandon: bool,
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
        true => None,
        false => settled(&network, invocation).await?,
    };
    if asks && !agrees(args, &network, account.as_ref(), invocation) {
        let hint = "run it again and answer yes to leave";
        return Err(CommandError::new(Exit::Other, "DECLINED", "nothing was changed", hint));
    }
    if args.abandon {
        end(invocation).await?;
    }
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

/// What the account holds, where nothing is open and no daemon runs any more; nothing in a network without a notary.
async fn settled(
    network: &NetworkFile,
    invocation: &Invocation,
) -> Result<Option<AccountView>, CommandError> {
    let was_running = Handle::connect(&invocation.home).await.is_ok();
    let daemon = RunningDaemon::reach(invocation, Reach::default()).await.map_err(|error| {
        let [message, _] = error.lines();
        let hint = "`assay up` says more; `assay leave --abandon` asks nobody what is open or at stake";
        CommandError::new(error.exit(), error.code(), message, hint)
    })?;
    let spinner = invocation.printer.spinner("asking the notary what this account holds");
    let looked = look(&daemon, network).await;
    spinner.end();
    if !was_running {
        down::end(daemon.handle, invocation).await?;
        invocation.printer.note("it was only asked what is open, and has ended");
    }
    let view = looked?;
    if was_running {
        let hint = "end it with `assay down`, and leave then";
        return Err(CommandError::new(Exit::Daemon, "DAEMON_RUNS", "the daemon runs", hint));
    }
    Ok(view)
}

/// What the account holds, if nothing hangs on it.
async fn look(daemon: &RunningDaemon, network: &NetworkFile) -> Result<Option<AccountView>, CommandError> {
    let refuse = |code, message: String, hint: &str| Err(CommandError::new(Exit::Usage, code, message, hint));
    let status = daemon.call(ShowStatus).await?;
    if status.is_notary {
        let message =
            format!("this peer keeps the books of {}, and nobody else does", called(&status.network_name));
        let hint = "join others from a home of their own (`--home DIR`); --abandon leaves all who are in this network";
        return refuse("KEEPS_BOOKS", message, hint);
    }
    let (serving, own) = (finish::open(daemon).await?.len(), open_jobs(daemon).await?);
    if status.providing.is_some() || serving > 0 {
        let message = serves(status.providing.is_some(), serving);
        let hint = "`assay finish` first: it offers nothing any more, and waits until no job is open; what is at stake then \
                    `assay account unstake` withdraws; --abandon leaves whatever there is";
        return refuse("OFFERS", message, hint);
    }
    if own > 0 {
        let message = format!("{} under way that this home ordered", jobs(own));
        let hint = "`assay ps` lists them: wait with `assay job wait`, or end them with `assay job cancel`";
        return refuse("JOBS_OPEN", message, hint);
    }
    let mut first = None;
    for notary in &network.genesis.notaries {
        let asked = daemon.call(ShowAccount { notary: Some(*notary) }).await;
        let view = asked.map_err(|error| {
            let [message, _] = error.lines();
            let hint = "what is at stake there is not known: try again, or leave it with --abandon";
            CommandError::new(error.exit(), error.code(), message, hint).retryable()
        })?;
        refuse_stake(&view, &network.genesis.unit)?;
        first = first.or(Some(view));
    }
    Ok(first)
}

fn refuse_stake(view: &AccountView, unit: &str) -> Result<(), CommandError> {
    let account = &view.account;
    let kept = [("at stake", account.stake), ("being withdrawn", account.unbonding), ("held", account.held)];
    let kept: Vec<String> = kept
        .into_iter()
        .filter(|(_, amount)| *amount != Amount::ZERO)
        .map(|(what, amount)| format!("{amount} {unit}s are {what}"))
        .collect();
    if kept.is_empty() {
        return Ok(());
    }
    let hint = "`assay account unstake` withdraws a stake, `assay account show` says when it is free; --abandon leaves it";
    let failure = CommandError::new(Exit::Money, "AT_STAKE", kept.join(", "), hint);
    Err(failure.with(json!({
        "stake": money(account.stake, unit), "unbonding": money(account.unbonding, unit),
        "held": money(account.held, unit),
    })))
}

/// What a peer does for others.
fn serves(offers: bool, open: usize) -> String {
    match offers {
        true => format!("this peer still offers models to others; {} under way on it", jobs(open)),
        false => format!("this peer serves others: {} under way on it", jobs(open)),
    }
}

fn jobs(count: usize) -> String {
    match count {
        0 => "no job is".to_owned(),
        1 => "one job is".to_owned(),
        _ => format!("{count} jobs are"),
    }
}

async fn open_jobs(daemon: &RunningDaemon) -> Result<usize, CommandError> {
    Ok(daemon.call(ListJobs { running: true }).await?.len())
}

/// Ends the daemon, if one runs.
async fn end(invocation: &Invocation) -> Result<(), CommandError> {
    match Handle::connect(&invocation.home).await {
        Ok(handle) => down::end(handle, invocation).await,
        Err(ConnectError::NotRunning { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn agrees(
    args: &Args,
    network: &NetworkFile,
    account: Option<&AccountView>,
    invocation: &Invocation,
) -> bool {
    let genesis = &network.genesis;
    let costs = match account {
        Some(view) => format!("{} {}s stay on its account", view.account.free, genesis.unit),
        None if !args.abandon => "it has no notary, so nothing is lost".to_owned(),
        None => {
            "jobs that are under way there end as if this peer were away, and what is at stake may be lost"
                .to_owned()
        }
    };
    let key = if args.with_key { "its key goes aside as well" } else { "its key stays" };
    let question = format!(
        "Leave {} ({})? {costs}; {key}, and nothing is removed. [y/N] ",
        called(&genesis.name),
        short(genesis.id())
    );
    matches!(invocation.printer.ask(&question).to_lowercase().as_str(), "y" | "yes")
}
