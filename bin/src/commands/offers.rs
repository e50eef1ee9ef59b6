//! `assay offers`: what can be ordered now, from whom, for how much.

pub(crate) mod away;
mod history;
pub(crate) mod passed;

use std::{collections::BTreeSet, time::Duration};

use assay_peer::handle::{
    BenchView, CallError, FindModel, ListOffers, OfferView, Refused, ServiceView, WatchUpdates,
};
use assay_protocol::{id::PeerId, offer::Reachability, units::Amount};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    command_error::CommandError,
    credits::credits,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, ago, called, full, moment, money, short},
};

/// How long the first offer is waited for where none is known: a daemon that was just started hears of them in a moment.
const OFFERS_WAIT: Duration = Duration::from_secs(5);

const EXAMPLES: &str = "\
Examples:
  assay offers                                  everything, cheapest first
  assay offers --model digits --max-price 0.05  what fits
  assay offers --history --model digits         what it cost in the last thirty days
  assay offers --quiet                          only the providers' names";

/// List what can be ordered, cheapest first.
///
/// With --history it is what offers asked for each model, day by day, as far as this peer heard of them while it ran.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only this model
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Only what costs at most this much a unit, in credits
    #[arg(long, value_name = "CREDITS", value_parser = credits, allow_negative_numbers = true)]
    max_price: Option<Amount>,
    /// Show what models were offered for in the last thirty days, by universal time
    #[arg(long, conflicts_with_all = ["max_price", "quiet"])]
    history: bool,
    /// Print only the names of the providers
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    if args.history {
        return history::show(args.model.as_deref(), &daemon, invocation).await;
    }
    let offers = known(args.reach, &daemon, invocation).await?;
    let mut rows = rows(&offers);
    rows.retain(|row| args.fits(row.service));
    if rows.is_empty() {
        args.refuse_unknown(&daemon).await?;
    }
    invocation.printer.document("offers", &whole(&rows, daemon.unit()));
    match args.quiet {
        true => {
            let providers = each_once(rows.iter().map(|row| row.offer.provider));
            providers.into_iter().for_each(|provider| invocation.printer.line(full(provider)));
        }
        false => invocation.printer.table(&table(&rows)),
    }
    for sign in [OfferSign::Convicted, OfferSign::Lost, OfferSign::Overdue] {
        if rows.iter().any(|row| OfferSign::of(row.offer) == Some(sign)) {
            invocation.printer.note(sign.note());
        }
    }
    if rows.is_empty() {
        invocation.printer.note(format!(
            "no offers ({} known in all); providers repeat theirs, so look again soon",
            offers.len()
        ));
    }
    Ok(())
}

/// Everybody the first time, in the same order.
fn each_once(providers: impl Iterator<Item = PeerId>) -> Vec<PeerId> {
    let mut told = BTreeSet::new();
    providers.filter(|provider| told.insert(*provider)).collect()
}

/// What models were offered for, for pages.
pub(super) async fn history_for_pages(daemon: &RunningDaemon) -> Result<Value, CommandError> {
    history::for_pages(daemon).await
}

/// What can be ordered, for pages.
pub(super) async fn for_pages(daemon: &RunningDaemon) -> Result<Value, CommandError> {
    Ok(whole(&rows(&daemon.call(ListOffers).await?), daemon.unit()))
}

/// All that is offered, cheapest first.
fn rows(offers: &[OfferView]) -> Vec<OfferRow<'_>> {
    let benches = offers.iter().flat_map(|offer| offer.benches.iter().map(move |bench| (offer, bench)));
    let rows = benches.flat_map(|(offer, bench)| {
        bench.services.iter().map(move |service| OfferRow { offer, bench, service })
    });
    let mut rows: Vec<OfferRow<'_>> = rows.collect();
    rows.sort_by_key(|row| (row.service.unit_price, row.offer.provider));
    rows
}

/// The offers that are known; where none is, the first that are heard of in a while.
pub(super) async fn known(
    reach: Reach,
    daemon: &RunningDaemon,
    invocation: &Invocation,
) -> Result<Vec<OfferView>, CommandError> {
    let offers = daemon.call(ListOffers).await?;
    if !offers.is_empty() || !reach.starts() {
        return Ok(offers);
    }
    let spinner = invocation.printer.spinner("waiting for the first offer");
    let heard = timeout(OFFERS_WAIT, first_heard(daemon)).await;
    spinner.end();
    heard.unwrap_or(Ok(offers))
}

async fn first_heard(daemon: &RunningDaemon) -> Result<Vec<OfferView>, CommandError> {
    let mut updates = daemon.call(WatchUpdates { name: None }).await?;
    loop {
        let offers = daemon.call(ListOffers).await?;
        if !offers.is_empty() || !matches!(updates.next().await, Some(Ok(_))) {
            return Ok(offers);
        }
    }
}

impl Args {
    /// Refuses the name of a model that nobody knows: no offer of it will come.
    async fn refuse_unknown(&self, daemon: &RunningDaemon) -> Result<(), CommandError> {
        let Some(name) = self.model.clone() else { return Ok(()) };
        match daemon.handle.call(FindModel { name }).await {
            Err(unknown @ CallError::Refused(Refused::UnknownManifest { .. })) => Err(unknown.into()),
            // One that is known, or of which too many are.
            Ok(_) | Err(CallError::Refused(_)) => Ok(()),
            Err(lost @ CallError::Lost(_)) => Err(lost.into()),
        }
    }

    fn fits(&self, service: &ServiceView) -> bool {
        let whole = format!("{}@{}", service.name, service.manifest);
        let is_meant = |model: &String| {
            *model == service.name || model.contains('@') && whole.starts_with(model.as_str())
        };
        self.model.as_ref().is_none_or(is_meant)
            && self.max_price.is_none_or(|price| service.unit_price <= price)
    }
}

/// What speaks against an offer, though it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfferSign {
    /// Its provider was convicted.
    Convicted,
    /// Its provider was lost.
    Lost,
    /// It should have been told again by now.
    Overdue,
}

impl OfferSign {
    /// What speaks most against an offer, if anything does.
    pub(crate) fn of(offer: &OfferView) -> Option<Self> {
        match offer {
            OfferView { convicted: true, .. } => Some(Self::Convicted),
            OfferView { lost: Some(_), .. } => Some(Self::Lost),
            OfferView { overdue: true, .. } => Some(Self::Overdue),
            OfferView { .. } => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Convicted => "convicted",
            Self::Lost => "lost",
            Self::Overdue => "silent",
        }
    }

    /// The same in a sentence.
    pub(crate) fn note(self) -> &'static str {
        match self {
            Self::Convicted => {
                "note: who is marked so was convicted of a false result in the last 30 days; no order goes there but by --provider"
            }
            Self::Lost => {
                "note: whoever is lost was not reached a moment ago, or its connection was lost, and nothing was heard of it since: it may be gone"
            }
            Self::Overdue => {
                "note: whoever is silent should have told its offer again twice by now, and did not: it may be gone"
            }
        }
    }
}

/// One thing that can be ordered, where and of whom.
struct OfferRow<'a> {
    offer: &'a OfferView,
    bench: &'a BenchView,
    service: &'a ServiceView,
}

fn table(rows: &[OfferRow<'_>]) -> Table {
    let mut table = Table::new(["PROVIDER", "MODEL", "PRICE", "RUN", "SLOTS", "AGE", "MACHINE"])
        .shortens(&["MACHINE"])
        .spares(&["AGE", "SLOTS", "RUN"]);
    for OfferRow { offer, bench, service } in rows {
        table.row([
            match OfferSign::of(offer) {
                Some(sign) => format!("{} ({})", short(offer.provider), sign.word()),
                None => short(offer.provider),
            },
            if service.pinned {
                called(&service.name)
            } else {
                // By this it can be ordered; who wrote it could call it anything.
                format!("{}@{}", called(&service.name), short(service.manifest))
            },
            service.unit_price.to_string(),
            format!("{} ms", service.run.0),
            bench.slots.to_string(),
            ago(offer.age),
            called(machine(bench)),
        ]);
    }
    table
}

/// The machine in the offer's words: those of its class, or of the processor or card where it has none for that.
fn machine(bench: &BenchView) -> &str {
    if bench.machine.trim().is_empty() { &bench.device } else { &bench.machine }
}

/// What a provider says of whether others reach it, in the word that programs read.
fn reachability(said: Reachability) -> &'static str {
    match said {
        Reachability::Unknown => "unknown",
        Reachability::Reached => "reached",
        Reachability::Hidden => "hidden",
    }
}

fn whole(rows: &[OfferRow<'_>], unit: &str) -> Value {
    json!({ "offers": rows.iter().map(|row| document(row, unit)).collect::<Vec<_>>() })
}

fn document(row: &OfferRow<'_>, unit: &str) -> Value {
    let OfferRow { offer, bench, service } = row;
    json!({
        "provider": full(offer.provider), "model": service.name, "manifest": full(service.manifest),
        "pinned": service.pinned, "unit_price": money(service.unit_price, unit), "run_ms": service.run.0,
        "warm": service.warm, "slots": bench.slots, "age_ms": offer.age.0, "valid_until": moment(offer.valid_until),
        "class": full(bench.class), "machine": bench.machine, "device": bench.device,
        "memory_free_bytes": bench.memory_free, "addresses": offer.addresses, "reachability": reachability(offer.reachability),
        "convicted": offer.convicted, "lost_ms": offer.lost.map(|lost| lost.0), "overdue": offer.overdue,
        "notaries": offer.notaries.iter().map(full).collect::<Vec<_>>(), "sequence": offer.sequence,
    })
}

#[cfg(test)]
mod tests {
    use assay_protocol::{
        id::Digest,
        units::{Duration as UnitDuration, Timestamp},
    };

    use super::*;

    #[test]
    fn who_offers_several_things_is_named_once_where_the_cheapest_is() {
        let [ada, ben] = [[7; 32], [2; 32]].map(PeerId);
        assert_eq!(each_once([ada, ben, ada, ben].into_iter()), [ada, ben]);
    }

    #[test]
    fn an_offer_is_marked_by_what_speaks_most_against_it() {
        let offer = |convicted, lost, overdue| OfferView {
            provider: PeerId([7; 32]),
            sequence: 1,
            age: UnitDuration(0),
            valid_until: Timestamp(1),
            benches: Vec::new(),
            notaries: Vec::new(),
            addresses: Vec::new(),
            reachability: Reachability::Unknown,
            convicted,
            lost,
            overdue,
        };
        let lost = Some(UnitDuration(1));
        assert_eq!(OfferSign::of(&offer(false, None, false)), None);
        assert_eq!(OfferSign::of(&offer(true, lost, true)), Some(OfferSign::Convicted));
        assert_eq!(OfferSign::of(&offer(false, lost, true)), Some(OfferSign::Lost));
        assert_eq!(OfferSign::of(&offer(false, None, true)).map(OfferSign::word), Some("silent"));
    }

    #[test]
    fn a_machine_goes_by_its_class_or_else_by_its_device() {
        let said = |class: &str, device: &str| {
            let bench = BenchView {
                class: Digest::default(),
                machine: class.to_owned(),
                device: device.to_owned(),
                memory_free: 0,
                slots: 1,
                services: Vec::new(),
            };
            machine(&bench).to_owned()
        };
        assert_eq!(said("rten 0.27.0", "AMD EPYC 9654"), "rten 0.27.0");
        assert_eq!(said(" ", "AMD EPYC 9654"), "AMD EPYC 9654");
        assert_eq!(said("", ""), "", "a table says that there is nothing");
    }
}
