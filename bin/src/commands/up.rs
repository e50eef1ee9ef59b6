//! `assay up`: the daemon, in the foreground.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::pin,
};

use assay_gateway::BoundGateway;
use assay_market::event::Event;
use assay_peer::{
    blobs::{BlobError, Blobs},
    companion::Companion,
    config::Settings,
    daemon::{Daemon, DaemonError, Options, Ready},
    executor,
    handle::{Dated, Handle, Update, WatchUpdates},
    home::HomeLock,
    network::is_place,
};
use assay_protocol::{id::PeerId, signed::Signer as _, units::Amount};
use serde_json::json;
use tokio::sync::oneshot;

use super::{
    job,
    serve::{self, ServeWish},
};
use crate::{
    bundle::{self, Bundle},
    command_error::{CommandError, Exit},
    daemon::{FOR_COMMAND, last_words},
    invocation::Invocation,
    log::Log,
    printer::{full, number_of, short},
    stop,
};

const EXAMPLES: &str = "\
Examples:
  assay up                                 until Ctrl-C or `assay down`
  assay up --listen /ip4/0.0.0.0/tcp/4001  where others can reach it
  assay up --serve                         with the gateway of `assay serve`, for tools of others
  ASSAY_LOG=debug assay up                 say more";

/// Run the daemon, in the foreground.
///
/// Everything that a peer does, it does here: orders, runs, checks, books. Ending it loses nothing: open jobs go on when
/// it starts again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to listen, as a multiaddress; may be repeated; else port 29292, or nowhere
    #[arg(long, value_name = "ADDR", value_parser = place)]
    listen: Vec<String>,
    /// Serve tools of others as well, as `assay serve` does, with its settings and keys; there, or at gateway.listen
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1)]
    serve: Option<Option<SocketAddr>>,
    /// Go on although the end of the journal is lost or damaged; never for a notary
    #[arg(long)]
    accept_lost_tail: bool,
    /// Keep books though nobody says what this notary said last; who is there within 10 s is asked
    #[arg(long)]
    alone: bool,
    /// End when standard input ends
    #[arg(long, hide = true)]
    tethered: bool,
    /// Write what it fails with into the log, for the command that started it
    #[arg(long = FOR_COMMAND, hide = true)]
    for_command: bool,
    /// Behave otherwise than one should, for demonstrations and tests
    #[arg(long, hide = true, value_enum, default_value_t = ConductFlag::Honest)]
    conduct: ConductFlag,
}

/// Where to listen, as it was typed.
fn place(text: &str) -> Result<String, String> {
    let wrong = || "expected an address such as /ip4/0.0.0.0/tcp/4001".to_owned();
    is_place(text).then(|| text.to_owned()).ok_or_else(wrong)
}

/// How a provider behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ConductFlag {
    /// As it should.
    Honest,
    /// Makes its results up.
    Forge,
    /// Falls silent in the middle of a text.
    Stall,
    /// Writes texts with a model whose weights are rounded.
    Round,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let ended = logged(args, invocation).await;
    if args.for_command
        && let Err(failure) = &ended
    {
        invocation.printer.mark(last_words::MARK, &last_words::document(failure));
    }
    ended
}

async fn logged(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    invocation.network()?;
    let log = Log::begin(&invocation.home);
    let ended = run(args, invocation).await;
    log.end();
    ended
}

async fn run(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    stock(invocation)?;
    if args.alone
        && let Some(warning) = alone(invocation)?
    {
        invocation.printer.note(warning);
    }
    let gateway = gateway(args, invocation).await?;
    let (companion, host) = gateway.is_some().then(Companion::invited).unzip();
    let worker = std::env::current_exe()
        .map_err(|error| CommandError::new(Exit::Other, "NO_PROGRAM", error, "start it by its full path"))?;
    let (ready, is_ready) = oneshot::channel();
    let options = Options {
        listen: (!args.listen.is_empty()).then(|| args.listen.clone()),
        conduct: match args.conduct {
            ConductFlag::Honest => executor::Conduct::Honest,
            ConductFlag::Forge => executor::Conduct::Forge,
            ConductFlag::Stall => executor::Conduct::Stall,
            ConductFlag::Round => executor::Conduct::Round,
        },
        accept_lost_tail: args.accept_lost_tail,
        alone: args.alone,
        runners: bundle::runners().collect(),
        ready: Some(ready),
        stop: args.tethered.then(tether),
        companion: host,
        ..Options::new(worker)
    };
    let greeting = async {
        if let Ok(ready) = is_ready.await {
            greet(invocation, &ready, gateway.as_ref());
            tokio::join!(tell(&ready.handle), served(gateway, companion));
        }
    };
    let mut running = pin!(Daemon::run(invocation.home.clone(), options));
    tokio::select! {
        ended = &mut running => ended.map_err(|error| failure(error, invocation)),
        // There is nothing to tell any more, but what is left may take a while.
        () = greeting => Ok(running.await?),
    }
}

/// The gateway that is wished for, which listens from now on: whoever asks before the daemon takes calls waits for it.
async fn gateway(args: &Args, invocation: &Invocation) -> Result<Option<BoundGateway>, CommandError> {
    let Some(listen) = args.serve else { return Ok(None) };
    Ok(Some(serve::bind(ServeWish { listen, ..ServeWish::default() }, invocation).await?))
}

/// Serves tools of others until the daemon wishes to end: what is being answered then is cancelled while it can be.
async fn served(gateway: Option<BoundGateway>, companion: Option<Companion>) {
    if let (Some(gateway), Some(mut companion)) = (gateway, companion)
        && let Err(error) = gateway.serve(companion.asked_to_leave()).await
    {
        // The daemon finds out by itself whether its home is gone with that.
        tracing::error!(%error, "nobody is served any more");
    }
}

/// Why the daemon did not start: what helps is another thing where the home keeps books.
fn failure(error: DaemonError, invocation: &Invocation) -> CommandError {
    let failure = CommandError::from(error);
    if keeps_books(invocation).unwrap_or(false) { failure.of_notary() } else { failure }
}

fn keeps_books(invocation: &Invocation) -> Result<bool, CommandError> {
    Ok(invocation.network()?.genesis.notaries.contains(&invocation.home.key()?.id()))
}

/// What a notary risks that asks nobody what it said last; nothing for whoever keeps no books.
fn alone(invocation: &Invocation) -> Result<Option<&'static str>, CommandError> {
    Ok(keeps_books(invocation)?.then_some(
        "warning: with --alone this notary waits 10 s for somebody who says what it said last, and no longer; if its home is an \
         older copy, peers that know more will leave it for good",
    ))
}

/// Puts what happens into the log, in words.
async fn tell(handle: &Handle) {
    let Ok(mut updates) = handle.call(WatchUpdates::default()).await else { return };
    let mut told = BalancesTold::default();
    while let Some(update) = updates.next().await {
        match update {
            Ok(Update::Event(dated)) if told.is_known(&dated.event) => {}
            Ok(Update::Event(dated)) => tracing::info!("{}", line(&dated)),
            Ok(Update::Missed { updates }) => {
                tracing::info!("{} happened too fast to be told", number_of(updates, "thing"));
            }
            Ok(Update::Job(_)) => {}
            // It ends.
            Err(_) => return,
        }
    }
}

/// What was told last of each account. A notary states it whenever it is asked, which is often.
#[derive(Default)]
struct BalancesTold(BTreeMap<PeerId, Amount>);

impl BalancesTold {
    /// True of a balance that is as it was told.
    fn is_known(&mut self, event: &Event) -> bool {
        let Event::Balance { notary, account } = event else { return false };
        self.0.insert(*notary, account.free) == Some(account.free)
    }
}

/// What happened, with the name of the job that it happened to: the same to all whom it concerns.
fn line(dated: &Dated) -> String {
    let words = job::event_words(&dated.event);
    match dated.concerns() {
        (Some(submission), Some(job)) => {
            let attempt = dated.attempt.map(|number| format!(", attempt {number}")).unwrap_or_default();
            format!("job {}{attempt} of submission {}: {words}", short(job), short(submission))
        }
        (None, Some(job)) => format!("job {}: {words}", short(job)),
        (Some(submission), None) => format!("submission {}: {words}", short(submission)),
        (None, None) => words,
    }
}

/// Lets the daemon end with whoever holds the other end of its standard input.
fn tether() -> oneshot::Receiver<()> {
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(async move {
        stop::orphaned().await;
        let _ = stop.send(());
    });
    stopped
}

fn greet(invocation: &Invocation, ready: &Ready, gateway: Option<&BoundGateway>) {
    let does = match ready.addresses.as_slice() {
        [] => "asks others, and listens on nothing".to_owned(),
        addresses => format!("listens on {}", addresses.join(", ")),
    };
    invocation.printer.line(format!("Peer {} of the network {} {does}.", short(ready.peer), ready.network));
    if let Some(gateway) = gateway {
        serve::greet(gateway, invocation);
    }
    invocation.printer.note("Ctrl-C or `assay down` ends it; open jobs go on when it starts again");
    let served_at = gateway.map(|gateway| gateway.address().to_string());
    invocation.printer.document(
        "up",
        &json!({
            "peer": full(ready.peer), "network_name": ready.network, "addresses": ready.addresses, "served_at": served_at,
        }),
    );
}

/// Puts what the program carries where the daemon looks for runners and models.
fn stock(invocation: &Invocation) -> Result<(), CommandError> {
    let settings = Settings::read(&invocation.home)?;
    // Only one process at a time may touch the blobs; the daemon takes the lock anew.
    let _lock = HomeLock::take(invocation.home.root())?;
    let blobs = Blobs::open(&invocation.home.blobs(), settings.daemon.blob_bytes_max)
        .map_err(|error| unusable(&BlobError::from(error)))?;
    for bundle in Bundle::all() {
        for part in [bundle.runner, bundle.model] {
            blobs.put(part).map_err(|error| unusable(&error))?;
        }
    }
    Ok(())
}

/// What the program carries finds no place in the home.
fn unusable(error: &BlobError) -> CommandError {
    let is_forbidden = |error: &io::Error| {
        matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
    };
    if matches!(error, BlobError::Disk(error) if is_forbidden(error)) {
        let hint = "check who owns the home and whether its disk is full";
        return CommandError::new(Exit::Forbidden, "HOME_UNWRITABLE", error, hint);
    }
    CommandError::new(Exit::Other, "DISK", error, "free some space in the home and check who owns it")
}

#[cfg(test)]
mod tests {
    use assay_protocol::{
        id::Digest,
        notice::{Account, Head},
        units::{Rate, Timestamp},
    };

    use super::*;

    #[test]
    fn a_balance_is_told_where_it_is_another_than_was_told() {
        let account = |free| Account {
            sequence: 0,
            free: Amount(free),
            stake: Amount::ZERO,
            unbonding: Amount::ZERO,
            forfeited: Amount::ZERO,
            instruction: 0,
            held: Amount::ZERO,
            owed: Amount::ZERO,
            fee_margin: Rate::ZERO,
            suspended: 0,
            open: 0,
            head: Head::default(),
        };
        let balance = |notary, free| Event::Balance { notary: PeerId([notary; 32]), account: account(free) };
        let mut told = BalancesTold::default();
        let known = [balance(1, 5), balance(1, 5), balance(2, 5), balance(1, 4), balance(1, 5)];
        assert_eq!(known.map(|event| told.is_known(&event)), [false, true, false, false, false]);
        assert!(!told.is_known(&Event::Cancelled { key: Digest([1; 32]) }), "anything else is news");
    }

    #[test]
    fn a_job_is_called_the_same_by_whoever_ordered_it_and_whoever_runs_it() {
        let (key, job) = (Digest([1; 32]), Digest([2; 32]));
        let told = |attempt, event| line(&Dated { at: Timestamp(0), attempt, event });
        assert_eq!(
            told(Some(2), Event::Cancelling { key, job }),
            "job 020202020202, attempt 2 of submission 010101010101: asked the notary to cancel it"
        );
        assert_eq!(told(None, Event::Checking { job }), "job 020202020202: was drawn to check a job");
        assert_eq!(
            told(None, Event::Cancelled { key }),
            "submission 010101010101: cancelled; nobody else is tried"
        );
    }
}
