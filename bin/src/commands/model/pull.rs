//! `assay model pull`: gets a model that others offer.

use assay_peer::handle::{AllowRunners, PullModel, PullSource, ShowStatus};

use super::{listed_document, whole_name};
use crate::{
    command_error::CommandError,
    commands::provide::tell_progress,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    peer_name::PeerName,
};

const EXAMPLES: &str = "\
Examples:
  assay model pull smol                fetch a model that somebody offers
  assay model pull smol@0123456789ab   by its digest as well, where two have one name
  assay model pull MANIFEST --from PEER --at ADDRESS
                                       one that a peer publishes, as `assay model publish` says there

What has arrived stays over Ctrl-C and lost providers; the same command goes on where it was.";

/// Fetch a model that others offer, to offer it too or to check jobs of it.
///
/// Its manifest, its runner and its weights come from whoever offers it, or from the peer that is named, and are proven by their
/// digests. Its weights take room among the blobs of this home: daemon.blob_bytes_max in config.toml says how much there is.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model, by name
    #[arg(value_name = "NAME")]
    name: String,
    /// Fetch it from this peer, which publishes it; NAME is then all digits of its manifest
    #[arg(long, value_name = "PEER")]
    from: Option<PeerName>,
    /// Where that peer listens, if it is not known here
    #[arg(long, value_name = "ADDRESS", requires = "from")]
    at: Vec<String>,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let printer = &invocation.printer;
    let from = source(args, &daemon).await?;
    let spinner = printer.spinner("asking who has it");
    let pull = daemon.call(PullModel { name: args.name.clone(), from });
    let watch = tell_progress(&daemon, &spinner, "asking who has it");
    let pulled = tokio::select! {
        pulled = pull => pulled,
        never = watch => match never {},
    };
    spinner.end();
    let pulled = pulled?;
    let name = whole_name(&pulled.manifest);
    let mib = pulled.bytes.unwrap_or_default().div_ceil(1 << 20);
    printer.line(format!("{name} is here, {mib} MiB"));
    let runners = daemon.call(AllowRunners::default()).await?;
    let of_it = runners.iter().find(|view| view.runner == pulled.manifest.runner);
    printer.note(match of_it.and_then(|view| view.source) {
        Some(_) => format!("`assay provide {name}` offers it; `assay account register {name}` checks jobs of it"),
        None => format!(
            "its runner is a program of whoever wrote it: `assay provider allow {name}` lets it run here, to offer or check it"
        ),
    });
    printer.document("model-added", &listed_document(&pulled));
    Ok(())
}

/// Who is asked for it, where somebody is named.
async fn source(args: &Args, daemon: &RunningDaemon) -> Result<Option<PullSource>, CommandError> {
    let Some(name) = &args.from else { return Ok(None) };
    let connected = daemon.call(ShowStatus).await?.neighbours;
    let peer = name.among(connected, "`assay status --json` lists the peers that are connected")?;
    Ok(Some(PullSource { peer, addresses: args.at.clone() }))
}
