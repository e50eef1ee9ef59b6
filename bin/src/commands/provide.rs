//! `assay provide`: offers what this machine can run.

pub(super) mod prospect;

use std::{collections::BTreeSet, convert::Infallible, path::Path, time::Duration};

use assay_peer::handle::{
    Attachment, BenchView, ListModels, ListedModel, PriceView, Provide, Providing, Refused, ServiceView,
    ServiceWish, ShowLimits, ShowPrices, ShowStatus,
};
use assay_protocol::{id::Digest, manifest::Manifest, units::Amount};
use serde_json::{Value, json};

use self::prospect::Prospect;
use super::{
    provider::{tell_of_doubts, tell_of_slots},
    status,
};
use crate::{
    bundle::Bundle,
    command_error::{CommandError, Exit},
    credits::credits,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Spinner, called, full, money},
};

/// Between two looks at how far models are.
const LOOK_EVERY: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  assay provide                      offer every model of the network that runs here
  assay provide digits --price 0.02  offer one model for 0.02 credits a unit
  assay provide digits --slots 1     run one job at a time

`assay provider` changes prices, slots and models later, without testing anything anew.";

/// Offer this machine to the network.
///
/// Fetches a model of the network and its runner if they are not here, runs both once as a test, and tells the network. What
/// is named is all that is offered then: `assay provider models add` offers one beside the others. A model of your own is
/// taken in with `assay model add` first, one of others with `assay model pull`. What is offered already keeps its price and
/// its slots unless you say others. A provider without stake is a newcomer: the notary allows it one job at a time, and each
/// is checked before it is paid; what is printed says what raises that.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Models to offer, by name; all of the network if none
    #[arg(value_name = "MODEL")]
    models: Vec<String>,
    /// What a unit costs, in credits
    #[arg(long, value_name = "CREDITS", value_parser = credits, allow_negative_numbers = true)]
    price: Option<Amount>,
    /// Jobs that run at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    slots: Option<u16>,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let wished = wished(args, &daemon).await?;
    let models = wished.iter().map(|manifest| manifest.digest().to_string()).collect();
    let prices = daemon.call(ShowPrices { models }).await?;
    let before = daemon.call(ShowStatus).await?;
    let keeps_slots = before.providing.is_some() && args.slots.is_none();
    let services =
        wished.iter().zip(&prices).map(|(manifest, price)| args.service(manifest, price)).collect();
    let spinner = invocation.printer.spinner("fetching and testing what is to be offered");
    // Of what nobody named, one that does not run here keeps no other from being offered.
    let what_works = args.models.is_empty();
    let keeps_prices = args.price.is_none();
    let provide = daemon.call(Provide { services, slots: args.slots, keeps_prices, what_works });
    let watch = tell_progress(&daemon, &spinner, "testing what is to be offered");
    let providing = tokio::select! {
        providing = provide => providing,
        never = watch => match never {},
    };
    spinner.end();
    let providing = providing?;
    for bench in &providing.benches {
        let slots = jobs(bench.slots.into());
        invocation.printer.line(format!("Offering, on {}, {slots} at a time:", bench.machine));
        for service in &bench.services {
            let price = format!("{} {}s a unit", service.unit_price, daemon.unit());
            invocation
                .printer
                .line(format!("  {}  {price}, a run takes {} ms here", service.name, service.run.0));
        }
    }
    for left_out in &providing.left_out {
        invocation.printer.note(format!("not offered: {}: {}", left_out.manifest, left_out.reason));
    }
    if before.paused.is_some() {
        invocation.printer.note("the pause is over");
    }
    if let Some(before) = &before.providing {
        tell_of_dropped(before, &providing, invocation);
    }
    args.tell_of_kept(&prices, keeps_slots.then(|| providing.slots()), invocation);
    let doubtful = daemon.call(ShowPrices::default()).await?;
    tell_of_doubts(&doubtful, daemon.unit(), &invocation.printer);
    tell_of_slots(&daemon.call(ShowLimits).await?, &invocation.printer);
    let spinner = invocation.printer.spinner("waiting until others know the offer");
    let prospect = Prospect::of(&providing.addresses, &daemon).await;
    spinner.end();
    prospect.tell(daemon.unit(), invocation);
    let mut document = document(&providing, daemon.unit());
    prospect.add_to(&mut document, daemon.unit());
    invocation.printer.document("providing", &document);
    invocation
        .printer
        .note("the offer stands while the daemon runs; `assay status` shows the jobs it brings");
    Ok(())
}

/// Says how far models are that are on their way, for as long as somebody waits.
pub(super) async fn tell_progress(daemon: &RunningDaemon, spinner: &Spinner, else_says: &str) -> Infallible {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Ok(status) = daemon.call(ShowStatus).await else { continue };
        let coming: Vec<String> =
            status.models.iter().filter(|model| model.arrived.is_some()).map(status::model).collect();
        spinner.say(&match coming.is_empty() {
            true => else_says.to_owned(),
            false => format!("fetching {}", coming.join(", ")),
        });
    }
}

impl Args {
    /// What is offered of one model: what is offered already keeps its price, unless another one is named.
    fn service(&self, manifest: &Manifest, price: &PriceView) -> ServiceWish {
        let as_now = price.unit_price.unwrap_or(price.suggestion.unit_price);
        service(manifest.digest().to_string(), manifest, self.price.unwrap_or(as_now))
    }

    /// Says what stays as it was because nothing else was said.
    fn tell_of_kept(&self, prices: &[PriceView], slots: Option<u16>, invocation: &Invocation) {
        let kept = prices.iter().filter(|price| price.unit_price.is_some() && self.price.is_none());
        let kept: Vec<String> = kept.map(|price| called(&price.name)).collect();
        if !kept.is_empty() {
            let names = kept.join(", ");
            invocation.printer.note(format!("as before: the price of {names}; --price names another one"));
        }
        if let Some(slots) = slots {
            invocation
                .printer
                .note(format!("as before: {} at a time; --slots says another number", jobs(slots.into())));
        }
    }
}

/// Says what is offered no more, because what is named is all that is.
fn tell_of_dropped(before: &Providing, now: &Providing, invocation: &Invocation) {
    let dropped: Vec<String> = dropped(before, now).into_iter().collect();
    if !dropped.is_empty() {
        invocation.printer.note(format!(
            "offered no more: {}; `assay provider models add NAME` offers one beside the others",
            dropped.join(", ")
        ));
    }
}

/// What was offered and is not now.
fn dropped(before: &Providing, now: &Providing) -> BTreeSet<String> {
    let kept: BTreeSet<Digest> = services(now).map(|service| service.manifest).collect();
    let gone = services(before).filter(|service| !kept.contains(&service.manifest));
    gone.map(|service| called(&service.name)).collect()
}

fn services(providing: &Providing) -> impl Iterator<Item = &ServiceView> {
    providing.benches.iter().flat_map(|bench| &bench.services)
}

async fn wished(args: &Args, daemon: &RunningDaemon) -> Result<Vec<Manifest>, CommandError> {
    let known = daemon.call(ListModels).await?;
    let wished: Vec<&ListedModel> = match args.models.is_empty() {
        // Whatever else is here, somebody may have ordered it once and nothing more.
        true => known.models.iter().filter(|listed| listed.is_pinned).collect(),
        false => {
            let meant = |name: &String| known.meant(name).map_err(|refused| unmeant(name, refused));
            args.models.iter().map(meant).collect::<Result<_, _>>()?
        }
    };
    if wished.is_empty() {
        let hint =
            "`assay model add FILE` takes one in, and `assay model pull NAME` gets one that others offer";
        return Err(CommandError::new(Exit::NotFound, "NOTHING_TO_OFFER", "there are no models here", hint));
    }
    Ok(wished.into_iter().map(|listed| listed.manifest.clone()).collect())
}

/// A name that means no model; whoever names a file is told what takes it in.
fn unmeant(name: &str, refused: Refused) -> CommandError {
    if !matches!(refused, Refused::UnknownManifest { .. }) || !Path::new(name).is_file() {
        return refused.into();
    }
    let message = format!("no model is called {name}, which is a file");
    let hint = format!("`assay model add {name}` takes it in, and says how it is offered");
    CommandError::new(Exit::NotFound, "UNKNOWN_MODEL", message, hint)
}

/// What is offered of one model; what the program carries is tested on what it carries for it.
pub(super) fn service(named: String, model: &Manifest, unit_price: Amount) -> ServiceWish {
    ServiceWish { manifest: named, unit_price, sample: sample_of(model) }
}

/// What a model that the program carries is tested on.
pub(super) fn sample_of(model: &Manifest) -> Option<Attachment> {
    let bundle = Bundle::all().iter().find(|bundle| Digest::of(bundle.model) == model.model);
    let sample = bundle.and_then(|bundle| bundle.samples.first());
    sample.map(|sample| Attachment(sample.bytes.to_vec()))
}

fn jobs(count: usize) -> String {
    if count == 1 { "one job".to_owned() } else { format!("{count} jobs") }
}

/// What is offered, for programs.
pub(super) fn document(providing: &Providing, unit: &str) -> Value {
    let service = |service: &ServiceView| {
        json!({
            "model": service.name, "manifest": full(service.manifest), "run_ms": service.run.0,
            "unit_price": money(service.unit_price, unit), "warm": service.warm,
        })
    };
    let bench = |bench: &BenchView| {
        json!({
            "class": full(bench.class), "machine": bench.machine, "device": bench.device,
            "memory_free_bytes": bench.memory_free, "slots": bench.slots,
            "services": bench.services.iter().map(service).collect::<Vec<_>>(),
        })
    };
    json!({
        "benches": providing.benches.iter().map(bench).collect::<Vec<_>>(), "addresses": providing.addresses,
        "left_out": providing.left_out.iter().map(|left_out| json!({ "model": left_out.manifest, "why": left_out.reason }))
            .collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_names_a_file_is_told_what_takes_it_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.gguf");
        let name = file.to_str().unwrap();
        let hint = || {
            let unknown = Refused::UnknownManifest { name: name.to_owned(), known: Vec::new() };
            unmeant(name, unknown).lines()[1].to_owned()
        };
        assert!(!hint().contains("assay model add"), "nothing is there");
        std::fs::write(&file, "GGUF").unwrap();
        assert!(hint().starts_with(&format!("`assay model add {name}` takes it in")), "{}", hint());
    }
}
