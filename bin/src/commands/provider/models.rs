//! `assay provider models`: what is offered here; one model more, or one less.

use assay_peer::handle::{
    AddOffered, ListModels, ListOffered, OfferedModel, RemoveOffered, ShowStatus, StatusView,
};
use assay_protocol::{id::Digest, units::Amount};
use serde_json::{Value, json};

use crate::{
    command_error::CommandError,
    commands::{
        pause,
        provide::{prospect, sample_of, tell_progress},
    },
    credits::credits,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, called, full, money, short},
};

const EXAMPLES: &str = "\
Examples:
  assay provider models           what is offered, and what it has brought
  assay provider models add sums  offer one more
  assay provider models rm sums   offer one less";

const ADD_EXAMPLES: &str = "\
Examples:
  assay provider models add sums               offer it, too, at the price that is suggested
  assay provider models add sums --price 0.01  at this price";

const RM_EXAMPLES: &str = "\
Examples:
  assay provider models rm sums  take no more orders of it; jobs that have begun go on";

/// List what is offered here, or offer a model more or less.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Option<Verb>,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Add(AddOfferedArgs),
    Rm(RemoveOfferedArgs),
}

/// Offer one model more.
///
/// It is tested alone, and the others are on offer meanwhile. One that is offered already is tested again and keeps its price.
#[derive(Debug, clap::Args)]
#[command(after_help = ADD_EXAMPLES)]
struct AddOfferedArgs {
    /// A model of the network or of this home, by name
    #[arg(value_name = "MODEL")]
    model: String,
    /// What a unit costs, in credits
    #[arg(long, value_name = "CREDITS", value_parser = credits, allow_negative_numbers = true)]
    price: Option<Amount>,
    #[command(flatten)]
    reach: Reach,
}

/// Offer one model less.
///
/// The others stay on offer. The last one does not go like this: `assay finish` ends the offer.
#[derive(Debug, clap::Args)]
#[command(after_help = RM_EXAMPLES)]
struct RemoveOfferedArgs {
    /// A model that is offered, by name
    #[arg(value_name = "MODEL")]
    model: String,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    match &args.verb {
        None => list(args.reach, invocation).await,
        Some(Verb::Add(args)) => add(args, invocation).await,
        Some(Verb::Rm(args)) => remove(args, invocation).await,
    }
}

async fn list(reach: Reach, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, reach).await?;
    let offered = daemon.call(ListOffered).await?;
    let mut table =
        Table::new(["MODEL", "PRICE", "RUN", "LOADED", "OPEN", "CLOSED", "PAID", "SLOTS", "CLASS", "DEVICE"])
            .shortens(&["DEVICE"])
            .spares(&["CLASS", "LOADED", "CLOSED"]);
    for OfferedModel { service, class, device, slots, open, closed, paid, .. } in &offered {
        table.row([
            called(&service.name),
            service.unit_price.to_string(),
            format!("{} ms", service.run.0),
            if service.warm { "yes" } else { "no" }.to_owned(),
            open.to_string(),
            closed.to_string(),
            paid.to_string(),
            slots.to_string(),
            short(class),
            called(device),
        ]);
    }
    invocation.printer.table(&table);
    for line in kept_away(&daemon.call(ShowStatus).await?) {
        invocation.printer.note(line);
    }
    invocation.printer.document(
        "offered",
        &json!({ "offered": documents(&offered, daemon.unit()), "added": null, "removed": null }),
    );
    Ok(())
}

/// Why no orders come of all that, where nothing new is taken on.
fn kept_away(status: &StatusView) -> Vec<String> {
    let paused =
        status.paused.as_ref().map(|pause| format!("nothing new is taken on: {}", pause::told(pause)));
    let away = prospect::away(&status.held, status.disk_free, status.disk_floor);
    paused.into_iter().chain(away).collect()
}

async fn add(args: &AddOfferedArgs, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let known = daemon.call(ListModels).await?;
    let sample = sample_of(&known.meant(&args.model)?.manifest);
    let spinner = invocation.printer.spinner("fetching and testing it");
    let model = args.model.clone();
    let adds = daemon.call(AddOffered { model, unit_price: args.price, sample });
    let watch = tell_progress(&daemon, &spinner, "testing it");
    let added = tokio::select! {
        added = adds => added,
        never = watch => match never {},
    };
    spinner.end();
    tell(added?, &daemon, invocation).await
}

/// Says what is offered now of a model, beside which others.
async fn tell(added: Digest, daemon: &RunningDaemon, invocation: &Invocation) -> Result<(), CommandError> {
    let offered = daemon.call(ListOffered).await?;
    for OfferedModel { service, .. } in offered.iter().filter(|model| model.service.manifest == added) {
        let (name, unit_price, unit) = (called(&service.name), service.unit_price, daemon.unit());
        invocation.printer.line(format!(
            "{name} is offered, too: {unit_price} {unit}s a unit, a run takes {} ms here",
            service.run.0
        ));
    }
    let models = documents(&offered, daemon.unit());
    invocation
        .printer
        .document("offered", &json!({ "offered": models, "added": full(added), "removed": null }));
    Ok(())
}

async fn remove(args: &RemoveOfferedArgs, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let removed = daemon.call(RemoveOffered { model: args.model.clone() }).await?;
    let offered = daemon.call(ListOffered).await?;
    let names: Vec<String> = offered.iter().map(|model| called(&model.service.name)).collect();
    invocation.printer.line(format!(
        "{} is offered no more; {} still",
        called(&args.model),
        names.join(", ")
    ));
    let models = documents(&offered, daemon.unit());
    invocation
        .printer
        .document("offered", &json!({ "offered": models, "added": null, "removed": full(removed) }));
    Ok(())
}

fn documents(offered: &[OfferedModel], unit: &str) -> Vec<Value> {
    let document = |model: &OfferedModel| {
        let service = &model.service;
        json!({
            "model": service.name, "manifest": full(service.manifest), "unit_price": money(service.unit_price, unit),
            "run_ms": service.run.0, "warm": service.warm, "class": full(model.class), "machine": model.machine,
            "device": model.device, "slots": model.slots,
            "jobs_open": model.open, "jobs_closed": model.closed, "jobs_paid": model.paid,
        })
    };
    offered.iter().map(document).collect()
}
