//! `assay model ls`: what this home knows.

use std::collections::BTreeMap;

use assay_peer::handle::ListedModel;
use assay_protocol::id::Digest;
use serde_json::{Value, json};

use super::listed_document;
use crate::{
    command_error::CommandError,
    home_models::HomeModels,
    invocation::Invocation,
    printer::{Table, called, full, short},
};

const EXAMPLES: &str = "\
Examples:
  assay model ls         the network's models, and those of this home
  assay model ls --json  the same, for programs

What others offer is listed by `assay offers`.";

/// List the models that this home knows.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(super) async fn perform(_: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let list = HomeModels::reach(invocation).await?.list().await?;
    let printer = &invocation.printer;
    let mut table = Table::new(["MODEL", "MANIFEST", "WHOSE", "HERE", "LICENCE"]).shortens(&["LICENCE"]);
    for listed in &list.models {
        let manifest = &listed.manifest;
        let whose = if listed.is_pinned { "network" } else { "home" };
        let licence = called(&manifest.licence);
        table.row([
            called(&manifest.name),
            short(manifest.digest()),
            whose.to_owned(),
            here(listed),
            licence,
        ]);
    }
    printer.table(&table);
    for damaged in &list.damaged {
        let name = short(damaged);
        printer.note(format!(
            "the file of the model {name} is damaged: add or pull it again, or `assay model rm {name}`"
        ));
    }
    let packs: BTreeMap<Digest, u64> =
        list.models.iter().filter_map(|listed| Some((listed.manifest.model, listed.pack_bytes?))).collect();
    if !packs.is_empty() {
        // Models of several names may be one file.
        let mebibytes = packs.values().sum::<u64>().div_ceil(1 << 20);
        printer.note(format!("as they are computed with, models take {mebibytes} MiB more"));
    }
    if list.models.is_empty() {
        printer.note("no models yet: `assay model add FILE` takes one in");
    }
    let models: Vec<Value> = list.models.iter().map(listed_document).collect();
    printer.document(
        "models",
        &json!({ "models": models, "damaged": list.damaged.iter().map(full).collect::<Vec<_>>() }),
    );
    Ok(())
}

fn here(listed: &ListedModel) -> String {
    match (listed.is_here, listed.bytes) {
        (true, Some(bytes)) => format!("{} MiB", bytes.div_ceil(1 << 20)),
        (true, None) => "yes".to_owned(),
        (false, _) => "no".to_owned(),
    }
}
