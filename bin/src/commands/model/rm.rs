//! `assay model rm`: takes a model out of the library.

use serde_json::json;

use crate::{
    command_error::CommandError,
    home_models::HomeModels,
    invocation::Invocation,
    printer::{full, short},
};

const EXAMPLES: &str = "\
Examples:
  assay model rm smol               forget a model of this home
  assay model rm smol@0123456789ab  by its digest as well, where two have one name

A model that is being offered stays. Whoever checks jobs of it registers for others first.";

/// Take a model out of this home's library.
///
/// What it took on the disk makes room for other things. The network's own models stay.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model, by name
    #[arg(value_name = "NAME")]
    name: String,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let digest = HomeModels::reach(invocation).await?.remove(&args.name).await?;
    invocation.printer.line(format!("{} is gone from the library", short(digest)));
    invocation.printer.document("model-removed", &json!({ "manifest": full(digest) }));
    Ok(())
}
