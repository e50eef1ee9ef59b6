//! `assay model rm`: takes a model out of the library.

use assay_protocol::manifest::Manifest;
use serde_json::json;

use crate::{
    command_error::{CommandError, Exit},
    home_models::HomeModels,
    invocation::Invocation,
    printer::{full, short},
};

const EXAMPLES: &str = "\
Examples:
  assay model rm smol               forget a model of this home
  assay model rm smol@0123456789ab  by its digest as well, where two have one name

A model that is being offered stays. One that is published is so no more. Whoever checks jobs of it registers for others first.";

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
    let models = HomeModels::reach(invocation).await?;
    let removed = models.remove(&args.name).await;
    let pinned = models.genesis.iter().flat_map(|genesis| &genesis.manifests);
    let is_pinned = any_is_meant(pinned, &args.name);
    let digest = match removed {
        Err(error) if error.exit() == Exit::NotFound && is_pinned => return Err(pinned_error(&args.name)),
        removed => removed?,
    };
    invocation.printer.line(format!("{} is gone from the library", short(digest)));
    invocation.printer.document("model-removed", &json!({ "manifest": full(digest) }));
    Ok(())
}

/// Whether one of these is called so, with the first digits of its digest or without.
fn any_is_meant<'a>(manifests: impl IntoIterator<Item = &'a Manifest>, typed: &str) -> bool {
    let (name, digits) = typed.split_once('@').unwrap_or((typed, ""));
    let is_meant = |manifest: &Manifest| manifest.name == name && full(manifest.digest()).starts_with(digits);
    manifests.into_iter().any(is_meant)
}

fn pinned_error(name: &str) -> CommandError {
    let message = format!("{name} is not in this home's library: the network pins it");
    let hint = "it stays: what the network pins can be ordered everywhere; `assay model ls` lists which models are this home's";
    CommandError::new(Exit::NotFound, "PINNED_MODEL", message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::Bundle;

    #[test]
    fn a_model_that_the_network_pins_is_known_by_its_name_and_its_digits() {
        let pinned: Vec<Manifest> = Bundle::all().iter().map(|bundle| bundle.manifest()).collect();
        let digits = full(pinned[0].digest());
        let is_meant = |typed: &str| any_is_meant(&pinned, typed);
        assert!(is_meant("digits") && is_meant(&format!("digits@{}", &digits[..12])));
        assert!(!is_meant("nothing") && !is_meant("digits@f00") && !is_meant(&format!("sums@{digits}")));
    }
}
