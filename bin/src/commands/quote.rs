//! `assay quote`: what a job would cost now, who would run it, and why; nothing is ordered.

pub(crate) mod rate;

use assay_market::{
    policy::Cost,
    quote::{Basis, Chosen, Quote},
};
use assay_peer::{clock, handle::QuoteJob};
use assay_protocol::units::Amount;
use serde_json::{Value, json};

use super::{
    offers::passed,
    run::{fitting::fitting, input, terms::Terms},
};
use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, ago, called, full, moment, money, short},
};

const EXAMPLES: &str = "\
Examples:
  assay quote digits                   what it costs, who would run it, how many were passed over
  assay quote digits --max-price 0.05  with a flag that `assay run` is to have
  assay quote digits --explain         also why not the others, and why it is checked so often
  assay quote digits --json            all of that, for programs

A quote binds nobody. Among offers that are nearly as good a lot is drawn for each job, so the next
quote may name another provider; --provider names one for good.";

/// Say what a job would cost now and who would run it, without ordering anything.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model, by name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    terms: Terms,
    /// Say why each other offer was passed over, and why the job would be checked so often
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let manifest = input::model(&args.name, &daemon, invocation).await?;
    let mut submit = args.terms.submit(&manifest, &daemon, &invocation.printer).await?;
    if submit.units_max.is_none() {
        submit.units_max = fitting(&submit, &manifest, &daemon, invocation).await?;
    }
    let quote = daemon.call(QuoteJob(submit)).await?;
    let unit = daemon.unit();
    let Some(chosen) = &quote.chosen else {
        if args.explain {
            show_passed(invocation, &quote, unit);
        }
        let limits = (unit, args.terms.ceilings(invocation));
        let failure =
            passed::failure(&quote.passed.counts, limits, "`assay offers` lists what can be ordered now");
        let listed = passed::document(&quote.passed, unit);
        return Err(failure.with(json!({ "passed_over": listed })));
    };
    invocation.printer.document("quote", &document(&quote, chosen, unit));
    invocation.printer.table(&table(&quote, chosen, unit));
    if args.explain {
        invocation.printer.line("");
        invocation.printer.table(&reasons(chosen, unit));
        invocation.printer.line("");
        show_passed(invocation, &quote, unit);
    }
    tell_of_funds(invocation, &quote, chosen, unit);
    Ok(())
}

/// A job that cannot be paid would be refused by the notary, whoever offers it.
fn tell_of_funds(invocation: &Invocation, quote: &Quote, chosen: &Chosen, unit: &str) {
    let Some(free) = quote.free else { return };
    let (total, kept) = (chosen.order.total_max, chosen.kept);
    if free < total {
        let note = format!("note: your account holds only {free} {unit}s, so it would be refused");
        invocation.printer.note(note);
    } else if free < chosen.needed() {
        invocation.printer.note(format!(
            "note: your account holds {free} {unit}s, and such a job wants {kept} beside its {total}, which stay yours: it would be refused"
        ));
    }
}

fn table(quote: &Quote, chosen: &Chosen, unit: &str) -> Table {
    let order = &chosen.order;
    let Cost { total, price, premium, prepaid, place, .. } = chosen.explanation.cost;
    let mut table = Table::new(["WHAT", "HOW"]);
    let mut row = |what: &str, how: String| table.row([what.to_owned(), how]);
    row("model", called(&order.manifest.name));
    row("provider", full(order.provider));
    row("machine", format!("{}, class {}", called(&chosen.machine), short(order.class)));
    row("run", format!("{} ms, as its offer says", chosen.run.0));
    row("unit price", format!("{} {unit}s; units at most: {}", order.unit_price, order.units_max));
    row("price", format!("{price} {unit}s"));
    row("premium", format!("{premium} {unit}s, for checks that any job may need"));
    row("check in advance", in_advance(chosen, prepaid, unit));
    row("place", format!("{place} {unit}s among the notary's open jobs; hours that are not used come back"));
    row("cost", format!("{total} {unit}s in all"));
    row("held", format!("{} {unit}s until it is closed: the most that can be lost", order.total_max));
    row("checked", format!("with a chance of {}", chosen.explanation.rate));
    row("standing", standing(&chosen.basis));
    row("offers", passed::counted(&quote.passed.counts));
    table
}

fn in_advance(chosen: &Chosen, prepaid: Amount, unit: &str) -> String {
    match chosen.explanation.newcomer {
        Some(_) => format!("{prepaid} {unit}s, which come back from the pay if the result holds"),
        None if chosen.order.checks == 0 => {
            format!("{prepaid} {unit}s, which come back once the client has told its secret")
        }
        None => format!("{prepaid} {unit}s"),
    }
}

/// What the provider's standing is taken from, in words.
fn standing(basis: &Basis) -> String {
    match basis {
        Basis::Ticket { job, opened, position } => format!(
            "as the notary stated it {} ago for job {}, in entry {position} of its journal",
            ago(clock::wall().since(*opened)),
            short(job),
        ),
        Basis::Newcomer => {
            "a newcomer's, the worst case: no ticket of this provider for this model is here".to_owned()
        }
    }
}

fn reasons(chosen: &Chosen, unit: &str) -> Table {
    let mut table = Table::new(["WHY", "HOW"]);
    rate::rows(&mut table, &chosen.explanation, unit);
    table
}

/// Why each of the others was passed over.
fn show_passed(invocation: &Invocation, quote: &Quote, unit: &str) {
    if !quote.passed.offers.is_empty() {
        invocation.printer.table(&passed::table(&quote.passed, unit));
    }
    let untold = passed::untold(&quote.passed);
    if untold > 0 {
        invocation.printer.line(format!("and {untold} more, farther from being chosen"));
    }
}

fn document(quote: &Quote, chosen: &Chosen, unit: &str) -> Value {
    let order = &chosen.order;
    json!({
        "model": order.manifest.name, "manifest": full(order.manifest.digest()),
        "provider": full(order.provider), "machine": chosen.machine, "class": full(order.class),
        "notary": full(order.notary), "run_ms": chosen.run.0,
        "units_max": order.units_max, "unit_price": money(order.unit_price, unit),
        "total_max": money(order.total_max, unit), "free": quote.free.map(|free| money(free, unit)),
        "basis": basis_document(&chosen.basis),
        "explanation": rate::document(&chosen.explanation, unit),
        "passed_over": passed::document(&quote.passed, unit),
    })
}

fn basis_document(basis: &Basis) -> Value {
    match basis {
        Basis::Ticket { job, opened, position } => json!({
            "source": "ticket", "job": full(job), "opened": moment(*opened), "position": position,
            "age_ms": clock::wall().since(*opened).0,
        }),
        Basis::Newcomer => {
            json!({ "source": "newcomer", "job": null, "opened": null, "position": null, "age_ms": null })
        }
    }
}
