//! `assay serve`: a door for tools that speak to OpenAI's or Ollama's endpoints.
//!
//! The same gateway can run in the process of a daemon, by `assay up --serve`; what it is told is told here.
//!
//! **Invariant:** it is a user of the daemon like any other command; it ends by itself and leaves the daemon running. Once its home is
//! gone it ends as a daemon does, for what is there may be another's. What its clients are not told of what went wrong, it says on standard error.

mod key;
mod pages;
mod vigil;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use assay_gateway::{BoundGateway, DaemonLink, GatewayOptions};
use assay_peer::{
    config::{Home, Settings},
    system::raise_open_files,
};
use serde_json::json;

use self::pages::PeerDocuments;
use crate::{
    command_error::{CommandError, Exit},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    log::Log,
    stop,
};

const EXAMPLES: &str = "\
Examples:
  assay serve                              serve the tools of this machine
  OPENAI_BASE_URL=http://127.0.0.1:11435/v1 OPENAI_API_KEY=none my-tool
  OLLAMA_HOST=127.0.0.1:11435 my-tool      most tools need no more than one of these
  assay serve key new phone --daily-max 5  a key for somebody else, and what it may spend a day
  assay serve --listen 0.0.0.0:11435       serve other machines too; needs a key

What can be asked, and what is refused, stands in docs/gateway.md.";

/// Serve tools that speak to OpenAI's or Ollama's endpoints.
///
/// People keep their tools and change one address. Each answer is a job with a price and a receipt, as with `assay run`; who
/// hangs up has its job cancelled. In a browser the same address shows jobs, earnings and offers, and judges receipts. Without
/// keys only this machine is served. Ctrl-C ends it, and the daemon goes on. A daemon that dies meanwhile is started again, unless
/// --no-start is said; one that somebody ended is waited for.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Where to listen; else as gateway.listen has it, 127.0.0.1:11435 where that says none
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Another name by which clients call it; may be given several times, instead of gateway.hosts
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// Pages of this origin may use it, such as https://notes.example; may be given several times, instead of gateway.origins
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// The most tokens of an answer where a client does not say; else gateway.tokens_max
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: Option<u32>,
    #[command(flatten)]
    reach: Reach,
}

/// What can be done with a gateway beside running it.
#[derive(Debug, clap::Subcommand)]
enum Verb {
    #[command(subcommand)]
    Key(key::Verb),
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    if let Some(Verb::Key(verb)) = &args.verb {
        return key::perform(verb, invocation);
    }
    let log = Log::begin(&invocation.home);
    let ended = serve(args, invocation).await;
    log.end();
    ended
}

async fn serve(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = stop::unless_asked(RunningDaemon::reach(invocation, args.reach)).await?;
    // Whoever reads that Ctrl-C ends it can type that at once.
    let asked = stop::asked_from_now().await;
    raise_open_files();
    let wish = ServeWish {
        listen: args.listen,
        hosts: args.host.clone(),
        origins: args.allow_origin.clone(),
        tokens_max: args.max_tokens,
    };
    let gateway = bind(wish, invocation).await?;
    let address = gateway.address();
    greet(&gateway, invocation);
    invocation
        .printer
        .note("Ctrl-C ends it; what is being answered then is cancelled, and the daemon goes on");
    invocation.printer.document("serve", &json!({ "address": address.to_string() }));
    let mut exit = None;
    tokio::select! {
        served = gateway.serve(async { exit = Some(asked.await) }) => served?,
        never = vigil::keep(&invocation.home, daemon.handle, args.reach.starts()) => match never {},
    }
    match exit {
        // To be asked to end is how this ends.
        Some(Exit::Interrupted) | None => Ok(()),
        Some(exit) => Err(CommandError::new(
            exit,
            "STOPPED",
            "the gateway was asked to end",
            "`assay serve` starts it again",
        )),
    }
}

/// How a gateway is wished for as it starts; of what is not said, the settings of its home say how it is.
#[derive(Clone, Debug, Default)]
pub(super) struct ServeWish {
    /// Where it listens.
    pub(super) listen: Option<SocketAddr>,
    /// Names by which clients call it.
    pub(super) hosts: Vec<String>,
    /// Origins whose pages may use it.
    pub(super) origins: Vec<String>,
    /// The most tokens of an answer where a client does not say.
    pub(super) tokens_max: Option<u32>,
}

/// Has a gateway of this home listen, which serves nobody yet. No daemon need run.
pub(super) async fn bind(wish: ServeWish, invocation: &Invocation) -> Result<BoundGateway, CommandError> {
    let unit = invocation.network()?.genesis.unit;
    let Settings { client, daemon, gateway: settled, .. } = Settings::read(&invocation.home)?;
    let listen = wish.listen.map_or_else(|| place(settled.place()), Ok)?;
    let or_settled = |said: Vec<String>, settled| if said.is_empty() { settled } else { said };
    let folder = folder(&invocation.home)?;
    let gateway = BoundGateway::bind(GatewayOptions {
        link: DaemonLink(invocation.home.clone()),
        documents: Arc::new(PeerDocuments::of(&invocation.home, unit)),
        listen,
        keys_file: key::file(&folder),
        spending_file: folder.join("spending.json"),
        files_folder: folder.join("files"),
        batches_folder: folder.join("batches"),
        answers_folder: folder.join("answers"),
        gone_file: folder.join("gone.json"),
        hosts: or_settled(wish.hosts, settled.hosts),
        origins: or_settled(wish.origins, settled.origins),
        otlp: settled.otlp,
        tokens_max: wish.tokens_max.unwrap_or(u32::try_from(settled.tokens_max).unwrap_or(u32::MAX)),
        cost_max: client.cost_max,
        free_bytes_min: daemon.free_bytes_min,
    });
    Ok(gateway.await?)
}

/// Where the settings say that it listens.
fn place(settled: &str) -> Result<SocketAddr, CommandError> {
    settled.parse().map_err(|_| {
        let message = format!("gateway.listen is {settled:?}, which is no address with a port");
        let hint = "mend it: `assay config set gateway.listen 127.0.0.1:11435`";
        CommandError::new(Exit::Usage, "BAD_SETTING", message, hint)
    })
}

/// Says where it can be found.
pub(super) fn greet(gateway: &BoundGateway, invocation: &Invocation) {
    let address = gateway.address();
    invocation.printer.line(format!(
        "Serving http://{address}/v1 for OpenAI's clients, and http://{address} for Ollama's."
    ));
    invocation.printer.note(format!("the dashboard is at http://{address}/"));
}

/// Where a home keeps what belongs to its gateway.
fn folder(home: &Home) -> Result<PathBuf, CommandError> {
    let folder = home.gateway();
    std::fs::create_dir_all(&folder).map_err(|error| {
        let message = format!("{} cannot be made: {error}", folder.display());
        CommandError::new(Exit::Other, "DISK", message, "free some space in the home and check who owns it")
    })?;
    Ok(folder)
}
