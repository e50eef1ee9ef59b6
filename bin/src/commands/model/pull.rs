//! `assay model pull`: gets a model that others offer.

use assay_peer::handle::{AllowRunners, PullModel};

use super::{listed_document, whole_name};
use crate::{
    command_error::CommandError,
    commands::provide::tell_progress,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
};

const EXAMPLES: &str = "\
Examples:
  assay model pull smol                fetch a model that somebody offers
  assay model pull smol@0123456789ab   by its digest as well, where two have one name

What has arrived stays over Ctrl-C and lost providers; the same command goes on where it was.";

/// Fetch a model that others offer, to offer it too or to check jobs of it.
///
/// Its manifest, its runner and its weights come from whoever offers it, and are proven by their digests. Its weights take
/// room among the blobs of this home: daemon.blob_bytes_max in config.toml says how much there is.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model, by name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let printer = &invocation.printer;
    let spinner = printer.spinner("asking who has it");
    let pull = daemon.call(PullModel { name: args.name.clone() });
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
