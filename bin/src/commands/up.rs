//! `assay up`: the daemon, in the foreground.

use std::io::{self, IsTerminal};

use assay_peer::{
    blobs::Blobs,
    config::Settings,
    daemon::{Daemon, Options, Ready},
    executor,
    home::HomeLock,
};
use serde_json::json;
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

use crate::{
    bundle::Bundle,
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{full, short},
    stop,
};

/// What is logged where `ASSAY_LOG` says nothing.
const LOGGED: &str = "warn,assay_peer=info";

const EXAMPLES: &str = "\
Examples:
  assay up                                 until Ctrl-C or `assay down`
  assay up --listen /ip4/0.0.0.0/tcp/4001  where others can reach it
  ASSAY_LOG=debug assay up                 say more";

/// Run the daemon, in the foreground.
///
/// Everything that a peer does, it does here: orders, runs, checks, books. Ending it loses nothing: open jobs go on when
/// it starts again.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to listen, as a multiaddress; may be repeated
    #[arg(long, value_name = "ADDR")]
    listen: Vec<String>,
    /// Go on although the end of the journal is lost or damaged; never for a notary
    #[arg(long)]
    accept_lost_tail: bool,
    /// End when standard input ends
    #[arg(long, hide = true)]
    tethered: bool,
    /// Behave otherwise than one should, for demonstrations and tests
    #[arg(long, hide = true, value_enum, default_value_t = ConductFlag::Honest)]
    conduct: ConductFlag,
}

/// How a provider behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum ConductFlag {
    /// As it should.
    Honest,
    /// Makes its results up.
    Forge,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    invocation.network()?;
    log();
    stock(invocation)?;
    let worker = std::env::current_exe()
        .map_err(|error| CommandError::new(Exit::Other, "NO_PROGRAM", error, "start it by its full path"))?;
    let (ready, is_ready) = oneshot::channel();
    let options = Options {
        listen: (!args.listen.is_empty()).then(|| args.listen.clone()),
        conduct: match args.conduct {
            ConductFlag::Honest => executor::Conduct::Honest,
            ConductFlag::Forge => executor::Conduct::Forge,
        },
        accept_lost_tail: args.accept_lost_tail,
        ready: Some(ready),
        stop: args.tethered.then(tether),
        ..Options::new(worker)
    };
    let greeting = async {
        if let Ok(ready) = is_ready.await {
            greet(invocation, &ready);
        }
    };
    let (ended, ()) = tokio::join!(Daemon::run(invocation.home.clone(), options), greeting);
    Ok(ended?)
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

fn greet(invocation: &Invocation, ready: &Ready) {
    let addresses = ready.addresses.join(", ");
    invocation.printer.line(format!(
        "Peer {} of the network {} listens on {addresses}.",
        short(ready.peer),
        ready.network
    ));
    invocation.printer.note("Ctrl-C or `assay down` ends it; open jobs go on when it starts again");
    invocation.printer.document(
        "up",
        &json!({ "peer": full(ready.peer), "network_name": ready.network, "addresses": ready.addresses }),
    );
}

/// Puts what the program carries where the daemon looks for runners and models.
fn stock(invocation: &Invocation) -> Result<(), CommandError> {
    let settings = Settings::read(&invocation.home)?;
    // Only one process at a time may touch the blobs; the daemon takes the lock anew.
    let _lock = HomeLock::take(invocation.home.root())?;
    let unusable = |error: &dyn std::fmt::Display| {
        let message = format!("the blob store cannot be used: {error}");
        CommandError::new(Exit::Other, "DISK", message, "free some space in the home and check who owns it")
    };
    let blobs = Blobs::open(&invocation.home.blobs(), settings.daemon.blob_bytes_max)
        .map_err(|error| unusable(&error))?;
    for bundle in Bundle::all() {
        for part in [bundle.runner, bundle.model] {
            blobs.put(part).map_err(|error| unusable(&error))?;
        }
    }
    Ok(())
}

fn log() {
    let filter = EnvFilter::try_from_env("ASSAY_LOG").unwrap_or_else(|_| EnvFilter::new(LOGGED));
    let logged = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // Another subscriber is there already only where this runs inside a test.
    let _ = logged.with_ansi(io::stderr().is_terminal()).try_init();
}
