//! `assay model show`: what a model is, before anything is ordered of it.

use assay_peer::handle::{ConnectError, FindModel, Handle, ModelSource};

use super::{document, table};
use crate::{command_error::CommandError, home_models::HomeModels, invocation::Invocation};

const EXAMPLES: &str = "\
Examples:
  assay model show sums               one that is known here, or that somebody offers
  assay model show sums@0123456789ab  by its digest as well, where two have one name
  assay model show sums --json        the same, for programs

What only others offer is asked of them, by the daemon.";

/// Show how a model is run, what it is billed by and how its results are compared.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model, by name
    #[arg(value_name = "NAME")]
    name: String,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let (manifest, source, origin, card) = match Handle::connect(&invocation.home).await {
        Err(ConnectError::NotRunning { .. }) => {
            let list = HomeModels::reach(invocation).await?.list().await?;
            let listed = list.meant(&args.name)?;
            let source = if listed.is_pinned { ModelSource::Pinned } else { ModelSource::Library };
            (listed.manifest.clone(), source, listed.origin.clone(), listed.card.clone())
        }
        handle => {
            let found = handle?.call(FindModel { name: args.name.clone() }).await?;
            (found.manifest, found.source, found.origin, found.card)
        }
    };
    let mut described = document(&manifest);
    described["source"] = serde_json::to_value(source).unwrap_or_default();
    let genesis = if invocation.home.network().exists() { Some(invocation.network()?.genesis) } else { None };
    described["comes_from"] = origin.clone().into();
    let card = card.map(|card| card.display().to_string());
    described["card"] = card.clone().into();
    let mut table = table(&manifest, genesis.as_ref());
    for (what, how) in [("comes from", origin), ("card", card)] {
        how.into_iter().for_each(|how| table.row([what.to_owned(), how]));
    }
    table.row(["known".to_owned(), known(source).to_owned()]);
    invocation.printer.table(&table);
    invocation.printer.document("model", &described);
    Ok(())
}

fn known(source: ModelSource) -> &'static str {
    match source {
        ModelSource::Pinned => "the network's own",
        ModelSource::Library => "in this home's library",
        ModelSource::Offered => {
            "only offered: what it is called and licensed by is the word of whoever wrote it"
        }
    }
}
