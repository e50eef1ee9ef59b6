//! `assay model publish`: models of this home that everybody may fetch from here.

use assay_peer::handle::{ListedModel, PublishModels, PublishedView, WithdrawModels};
use serde_json::{Value, json};

use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, called, full},
};

const EXAMPLES: &str = "\
Examples:
  assay model publish smol         every peer of the network can fetch it from here
  assay model publish              what is published, and how others fetch it
  assay model publish smol --stop  it cannot be fetched any more, unless it is offered

On another machine, with the digits that are printed here:
  assay model pull MANIFEST --from PEER --at ADDRESS";

/// Have every peer of the network fetch models from here, offered or not; without a name, list those that are.
///
/// Each is run once first. Its manifest, its runner and its weights are given to every peer that asks for them while the daemon
/// runs, over restarts too. Nobody is told of it: others name it by all digits of its manifest, and this peer. What is offered
/// can be fetched anyway, for as long as it is.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Models of this home, by name
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Publish them no more
    #[arg(long, requires = "names")]
    stop: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let names = args.names.clone();
    let published = match args.stop {
        true => daemon.call(WithdrawModels { names }).await?,
        false => daemon.call(PublishModels { names }).await?,
    };
    let printer = &invocation.printer;
    if published.models.is_empty() {
        printer.note("nothing is published: `assay model publish NAME` has others fetch a model from here");
    } else {
        printer.table(&table(&published));
        let pull = format!("`assay model pull MANIFEST --from {}`", full(published.peer));
        printer.note(format!("others fetch one of them: {pull}"));
        printer.note(whereabouts(&published.addresses));
    }
    printer.document("model-published", &document(&published));
    Ok(())
}

/// Where others find this peer that do not know it.
fn whereabouts(addresses: &[String]) -> String {
    match addresses {
        [] => "it listens nowhere yet: only who is connected with it finds it; `assay status` says more"
            .to_owned(),
        places => {
            let places = places.join(" or ");
            format!("where nobody knows this peer, with `--at ADDRESS`, which is {places}")
        }
    }
}

fn table(published: &PublishedView) -> Table {
    let mut table = Table::new(["MODEL", "MANIFEST", "SIZE"]);
    for ListedModel { manifest, bytes, .. } in &published.models {
        let size =
            bytes.map_or_else(|| "no weights".to_owned(), |bytes| format!("{} MiB", bytes.div_ceil(1 << 20)));
        table.row([called(&manifest.name), full(manifest.digest()), size]);
    }
    table
}

fn document(published: &PublishedView) -> Value {
    let model = |listed: &ListedModel| {
        json!({
            "name": listed.manifest.name, "manifest": full(listed.manifest.digest()), "bytes": listed.bytes,
        })
    };
    json!({
        "peer": full(published.peer), "addresses": published.addresses,
        "published": published.models.iter().map(model).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_told_where_this_peer_is_or_that_it_is_nowhere() {
        let places = ["/ip4/192.0.2.7/tcp/4001", "/ip4/192.0.2.8/tcp/4001"].map(str::to_owned);
        let told = whereabouts(&places);
        assert!(told.ends_with("which is /ip4/192.0.2.7/tcp/4001 or /ip4/192.0.2.8/tcp/4001"), "{told}");
        assert!(whereabouts(&[]).starts_with("it listens nowhere yet"));
    }
}
