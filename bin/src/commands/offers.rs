//! `assay offers`: what can be ordered now, from whom, for how much.

pub(crate) mod passed;

use assay_peer::handle::{ListOffers, OfferView, ServiceView};
use assay_protocol::units::Amount;
use serde_json::{Value, json};

use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, ago, called, full, moment, money, short},
};

const EXAMPLES: &str = "\
Examples:
  assay offers                                  everything, cheapest first
  assay offers --model digits --max-price 0.05  what fits
  assay offers --quiet                          only the providers' names";

/// List what can be ordered, cheapest first.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only this model
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Only what costs at most this much a unit, in credits
    #[arg(long, value_name = "CREDITS")]
    max_price: Option<Amount>,
    /// Print only the names of the providers
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let offers = daemon.call(ListOffers).await?;
    let mut rows: Vec<(&OfferView, &ServiceView)> = offers
        .iter()
        .flat_map(|offer| offer.services.iter().map(move |service| (offer, service)))
        .filter(|(_, service)| args.fits(service))
        .collect();
    rows.sort_by_key(|(offer, service)| (service.unit_price, offer.provider));
    let documents: Vec<Value> =
        rows.iter().map(|(offer, service)| document(offer, service, daemon.unit())).collect();
    invocation.printer.document("offers", &json!({ "offers": documents }));
    match args.quiet {
        true => rows.iter().for_each(|(offer, _)| invocation.printer.line(full(offer.provider))),
        false => invocation.printer.table(&table(&rows)),
    }
    if rows.is_empty() {
        invocation.printer.note(format!(
            "no offers ({} known in all); providers repeat theirs, so look again soon",
            offers.len()
        ));
    }
    Ok(())
}

impl Args {
    fn fits(&self, service: &ServiceView) -> bool {
        self.model.as_ref().is_none_or(|model| *model == service.name)
            && self.max_price.is_none_or(|price| service.unit_price <= price)
    }
}

fn table(rows: &[(&OfferView, &ServiceView)]) -> Table {
    let mut table = Table::new(["PROVIDER", "MODEL", "PRICE", "RUN", "SLOTS", "AGE", "MACHINE"]);
    for (offer, service) in rows {
        table.row([
            short(offer.provider),
            if service.pinned {
                called(&service.name)
            } else {
                format!("{} (not of this network)", called(&service.name))
            },
            service.unit_price.to_string(),
            format!("{} ms", service.run.0),
            offer.slots.to_string(),
            ago(offer.age),
            called(&offer.machine),
        ]);
    }
    table
}

fn document(offer: &OfferView, service: &ServiceView, unit: &str) -> Value {
    json!({
        "provider": full(offer.provider), "model": service.name, "manifest": full(service.manifest),
        "pinned": service.pinned, "unit_price": money(service.unit_price, unit), "run_ms": service.run.0,
        "warm": service.warm, "slots": offer.slots, "age_ms": offer.age.0, "valid_until": moment(offer.valid_until),
        "class": full(offer.class), "machine": offer.machine, "addresses": offer.addresses,
        "notaries": offer.notaries.iter().map(full).collect::<Vec<_>>(), "sequence": offer.sequence,
    })
}
