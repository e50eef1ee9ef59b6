//! `assay model search`: models that are called like something, on offer here and on a hub.
//!
//! **Invariant:** a hub is asked only if its user says so: it learns what is looked for.

use std::collections::{BTreeMap, BTreeSet};

use assay_hub::{FOUND_MAX, FoundRepository, Hub, Surroundings};
use assay_peer::handle::OfferView;
use assay_protocol::{
    id::{Digest, PeerId},
    units::Amount,
};
use serde_json::{Value, json};

use super::hub::blocking;
use crate::{
    command_error::CommandError,
    commands::offers,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, called, field, full, money, short},
};

const EXAMPLES: &str = "\
Examples:
  assay model search smol        what is offered, and called so
  assay model search smol --hub  and what lies on a hub, as GGUF
  assay model search \"qwen 0.6b\" --hub --json

What is offered is ordered by its name. `assay model add hf:OWNER/REPO` takes in what lies on a hub;
HF_ENDPOINT names another one.";

/// Bytes of what is looked for.
const TEXT_BYTES_MAX: usize = 128;
/// Characters of the name of a repository that are shown.
const REPOSITORY_CHARS_MAX: usize = 120;
/// What is shown of a licence or a count that nobody tells.
const UNKNOWN: &str = "-";

/// Look for models by their names.
///
/// Among what is offered in the network, and with --hub on a hub as well. A model is found if its name has each of the words,
/// in large or small letters. Nobody but the hub is told what is looked for.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What its name has in it, word by word
    #[arg(value_name = "TEXT", value_parser = text)]
    text: String,
    /// Ask a hub as well
    #[arg(long)]
    hub: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let printer = &invocation.printer;
    // A hub is there for who has joined no network yet.
    let is_alone = args.hub && !invocation.home.network().exists();
    let (offered, unit) = if is_alone {
        (Vec::new(), String::new())
    } else {
        let daemon = RunningDaemon::reach(invocation, args.reach).await?;
        let offers = offers::known(args.reach, &daemon, invocation).await?;
        (matching(&offers, &args.text), daemon.unit().to_owned())
    };
    let on_hub = if args.hub { Some(ask_hub(&args.text, invocation).await?) } else { None };
    if !offered.is_empty() {
        printer.table(&offered_table(&offered));
    }
    if let Some(found) = on_hub.as_ref().filter(|found| !found.is_empty()) {
        printer.table(&hub_table(found));
    }
    printer.document("model-search", &document(&offered, on_hub.as_deref(), &unit));
    match (&offered[..], &on_hub) {
        ([], None) => {
            printer.note("nothing that is offered is called so; with --hub a hub is asked as well");
        }
        ([], Some(found)) if found.is_empty() => printer.note("nothing is called so, here or on the hub"),
        (_, Some(found)) if found.len() >= FOUND_MAX => {
            printer.note(format!("the hub has more: the {FOUND_MAX} that most fetch are shown"));
        }
        _ => {}
    }
    Ok(())
}

/// Something to look for.
fn text(typed: &str) -> Result<String, String> {
    let text = typed.trim();
    if text.is_empty() || text.len() > TEXT_BYTES_MAX {
        return Err(format!("expected 1 to {TEXT_BYTES_MAX} bytes"));
    }
    Ok(text.to_owned())
}

async fn ask_hub(text: &str, invocation: &Invocation) -> Result<Vec<FoundRepository>, CommandError> {
    let surroundings = Surroundings::read(|name| std::env::var_os(name))?;
    let words = text.to_owned();
    let spinner = invocation.printer.spinner("asking the hub");
    let found = blocking(move || Hub::of(&surroundings).search(&words)).await;
    spinner.end();
    Ok(found??)
}

/// A model that is offered.
#[derive(Debug, PartialEq, Eq)]
struct OfferedMatch {
    manifest: Digest,
    name: String,
    pinned: bool,
    providers: usize,
    least: Amount,
}

/// What is offered and called so, by name.
fn matching(offers: &[OfferView], text: &str) -> Vec<OfferedMatch> {
    let mut found: BTreeMap<(String, Digest), (OfferedMatch, BTreeSet<PeerId>)> = BTreeMap::new();
    for offer in offers {
        for service in offer.benches.iter().flat_map(|bench| &bench.services) {
            if !is_called(&service.name, text) {
                continue;
            }
            let (model, providers) =
                found.entry((service.name.clone(), service.manifest)).or_insert_with(|| {
                    let model = OfferedMatch {
                        manifest: service.manifest,
                        name: service.name.clone(),
                        pinned: service.pinned,
                        providers: 0,
                        least: service.unit_price,
                    };
                    (model, BTreeSet::new())
                });
            providers.insert(offer.provider);
            model.providers = providers.len();
            model.least = model.least.min(service.unit_price);
        }
    }
    found.into_values().map(|(model, _)| model).collect()
}

/// Whether a name has each of the words.
fn is_called(name: &str, text: &str) -> bool {
    let (name, text) = (name.to_lowercase(), text.to_lowercase());
    text.split_whitespace().all(|word| name.contains(word))
}

fn offered_table(offered: &[OfferedMatch]) -> Table {
    let mut table = Table::new(["MODEL", "PRICE FROM", "PROVIDERS"]);
    for OfferedMatch { manifest, name, pinned, providers, least } in offered {
        let whole = || format!("{}@{}", called(name), short(manifest));
        // Who wrote the others could call them anything.
        let name = if *pinned { called(name) } else { whole() };
        table.row([name, least.to_string(), providers.to_string()]);
    }
    table
}

fn hub_table(found: &[FoundRepository]) -> Table {
    let mut table = Table::new(["ON THE HUB", "LICENCE", "FETCHED"]).spares(&["FETCHED"]);
    for FoundRepository { name, licence, downloads } in found {
        let licence = licence.as_deref().map_or_else(|| UNKNOWN.to_owned(), called);
        let downloads = downloads.map_or_else(|| UNKNOWN.to_owned(), |count| count.to_string());
        table.row([field(&name.to_string(), REPOSITORY_CHARS_MAX), licence, downloads]);
    }
    table
}

fn document(offered: &[OfferedMatch], on_hub: Option<&[FoundRepository]>, unit: &str) -> Value {
    let offer = |found: &OfferedMatch| {
        json!({
            "model": found.name, "manifest": full(found.manifest), "pinned": found.pinned,
            "providers": found.providers, "least": money(found.least, unit),
        })
    };
    let repository = |found: &FoundRepository| {
        let name = found.name.to_string();
        json!({ "name": name, "licence": found.licence, "downloads": found.downloads })
    };
    json!({
        "offered_models": offered.iter().map(offer).collect::<Vec<_>>(),
        "hub_models": on_hub.map(|found| found.iter().map(repository).collect::<Vec<_>>()),
    })
}

#[cfg(test)]
mod tests {
    use assay_peer::handle::{BenchView, ServiceView};
    use assay_protocol::{
        offer::Reachability,
        units::{Duration, Timestamp},
    };

    use super::*;

    fn offer(provider: u8, services: &[(&str, u8, u64)]) -> OfferView {
        let service = |(name, manifest, price): &(&str, u8, u64)| ServiceView {
            manifest: Digest([*manifest; 32]),
            name: (*name).to_owned(),
            pinned: false,
            unit_price: Amount(*price),
            run: Duration(1),
            warm: false,
        };
        let bench = BenchView {
            class: Digest::default(),
            machine: String::new(),
            device: String::new(),
            memory_free: 0,
            slots: 1,
            services: services.iter().map(service).collect(),
        };
        OfferView {
            provider: PeerId([provider; 32]),
            sequence: 1,
            age: Duration(0),
            valid_until: Timestamp(1),
            benches: vec![bench.clone(), bench],
            notaries: Vec::new(),
            addresses: Vec::new(),
            reachability: Reachability::Unknown,
            convicted: false,
            lost: None,
            overdue: false,
        }
    }

    #[test]
    fn a_model_is_found_once_with_its_least_price_and_all_who_offer_it() {
        let offers = [
            offer(1, &[("SmolLM2-135M", 7, 30), ("digits", 8, 1)]),
            offer(2, &[("SmolLM2-135M", 7, 20), ("SmolLM2-135M", 9, 50)]),
        ];
        let found = matching(&offers, "smol 135");
        let told: Vec<_> =
            found.iter().map(|found| (found.manifest.0[0], found.providers, found.least.0)).collect();
        assert_eq!(told, [(7, 2, 20), (9, 1, 50)], "two of one name are two");
        assert_eq!(matching(&offers, "smol 1b"), []);
        assert!(offered_table(&found).plain().starts_with("SmolLM2-135M@070707070707\t"));
    }

    #[test]
    fn something_is_looked_for() {
        assert_eq!(text("  smol "), Ok("smol".to_owned()));
        for nothing in ["", "   ", &"x".repeat(TEXT_BYTES_MAX + 1)] {
            assert!(text(nothing).is_err(), "{nothing:?}");
        }
    }
}
