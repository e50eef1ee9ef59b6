//! `assay serve key`: who may use this home's gateway.
//!
//! **Invariant:** a key is shown once, when it is made.

use std::path::{Path, PathBuf};

use assay_gateway::AccessKeys;
use assay_protocol::units::Amount;
use serde_json::{Value, json};

use super::folder;
use crate::{
    command_error::CommandError,
    credits::credits,
    invocation::Invocation,
    printer::{Table, money},
};

const NEW_EXAMPLES: &str = "\
Examples:
  assay serve key new laptop                         a key that may do everything
  assay serve key new phone --daily-max 5            at most 5 credits a day
  assay serve key new friend --model smollm2         one model and no other";

/// Who may use the gateway.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    New(NewAccessArgs),
    Ls(ListAccessArgs),
    Rm(RemoveAccessArgs),
}

/// Make a key, and show it this once.
///
/// Clients show it as their API key. As soon as there is one, nothing is served without one.
#[derive(Debug, clap::Args)]
#[command(after_help = NEW_EXAMPLES)]
pub(crate) struct NewAccessArgs {
    /// What you call it
    #[arg(value_name = "NAME")]
    name: String,
    /// The most that its orders of a day may cost, in credits
    #[arg(long, value_name = "CREDITS", value_parser = credits, allow_negative_numbers = true)]
    daily_max: Option<Amount>,
    /// A model that it may ask, and no other; may be given several times
    #[arg(long, value_name = "NAME")]
    model: Vec<String>,
}

const LS_EXAMPLES: &str = "\
Examples:
  assay serve key ls         names and ceilings
  assay serve key ls --json  the same, for programs";

/// List the keys.
#[derive(Debug, clap::Args)]
#[command(after_help = LS_EXAMPLES)]
pub(crate) struct ListAccessArgs {}

const RM_EXAMPLES: &str = "\
Examples:
  assay serve key rm phone  from now on it opens nothing, also where a gateway runs";

/// Take a key away.
#[derive(Debug, clap::Args)]
#[command(after_help = RM_EXAMPLES)]
pub(crate) struct RemoveAccessArgs {
    /// What you call it
    #[arg(value_name = "NAME")]
    name: String,
}

/// The file of keys in a gateway's folder.
pub(super) fn file(folder: &Path) -> PathBuf {
    folder.join("keys.toml")
}

pub(super) fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    let file = file(&folder(&invocation.home)?);
    match verb {
        Verb::New(args) => {
            let (secret, is_first) = AccessKeys::change(&file, |keys| {
                let is_first = keys.keys.is_empty();
                Ok((keys.add(&args.name, args.daily_max, args.model.clone())?, is_first))
            })?;
            invocation.printer.line(&secret);
            invocation.printer.note("it is shown this once; clients send it as their API key");
            if is_first {
                invocation.printer.note("it is the first: from now on programs of this machine need a key as well, also where a gateway runs");
            }
            invocation.printer.document("serve-key", &json!({ "name": args.name, "secret": secret }));
        }
        Verb::Ls(ListAccessArgs {}) => list(&AccessKeys::read(&file)?, invocation),
        Verb::Rm(args) => {
            let open = AccessKeys::change(&file, |keys| {
                keys.remove(&args.name)?;
                Ok(keys.keys.is_empty())
            })?;
            invocation.printer.line(format!("The key {} opens nothing any more.", args.name));
            if open {
                invocation.printer.note("no key is left: a gateway that runs serves nobody, and one that is started serves this machine's programs");
            }
            invocation.printer.document("serve-key-removed", &json!({ "name": args.name }));
        }
    }
    Ok(())
}

fn list(keys: &AccessKeys, invocation: &Invocation) {
    let mut table = Table::new(["NAME", "A DAY", "MODELS"]);
    let mut entries: Vec<Value> = Vec::new();
    // Keys can be made before there is a network that says what its money is called.
    let unit = invocation.network().map_or_else(|_| "credit".to_owned(), |network| network.genesis.unit);
    for key in &keys.keys {
        let most = key.daily_max.map_or_else(|| "no ceiling".to_owned(), |most| most.to_string());
        let models = if key.models.is_empty() { "all".to_owned() } else { key.models.join(", ") };
        table.row([key.name.clone(), most, models]);
        let daily_max = key.daily_max.map(|most| money(most, &unit));
        entries.push(json!({ "name": key.name, "daily_max": daily_max, "model_names": key.models }));
    }
    if keys.keys.is_empty() {
        invocation
            .printer
            .note("there is no key: every program of this machine is served, and no other machine");
    } else {
        invocation.printer.table(&table);
    }
    invocation.printer.document("serve-keys", &json!({ "keys": entries }));
}
