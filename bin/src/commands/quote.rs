//! `assay quote`: what a job would cost now, who would run it, and why; nothing is ordered.

pub(crate) mod rate;
mod text_time;

use std::{ffi::OsString, path::PathBuf};

use assay_gateway::tokens_read_most;
use assay_market::{
    policy::Cost,
    quote::{Basis, Chosen, Quote},
};
use assay_peer::{
    clock,
    handle::{Attachment, ListOffers, ProvidersAway, QuoteJob, Submit},
};
use assay_protocol::{
    manifest::{Manifest, Meter, tokens_read_least},
    order::Order,
    units::Amount,
};
use serde_json::{Value, json};

use self::text_time::TextTime;
use super::{
    offers::{OfferSign, away, passed},
    run::{
        ceiling::CeilingNames,
        fitting::sized,
        input,
        order_args::read_aside,
        run_time::{self, TextRun},
        terms::Terms,
        wished_order::WishedOrder,
        wishes::TextWishes,
    },
};
use crate::{
    command_error::CommandError,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, ago, called, full, moment, money, number_of, short, verb},
};

const EXAMPLES: &str = "\
Examples:
  assay quote digits                   what it costs, who would run it, how many were passed over
  assay quote digits --max-price 0.05  with a flag that `assay run` is to have
  assay quote sums -f question.txt     of an input that `assay run` is to have: what is read is paid, too
  assay quote digits --explain         also why not the others, and why it is checked so often
  assay quote digits --json            all of that, for programs

A quote binds nobody. Among offers that are nearly as good a lot is drawn for each job, so the next
quote may name another provider; --provider names one for good.";

/// The seed of an input whose seed is not drawn yet: of those that may be, one that is the longest to write.
const SEED_LONGEST: u32 = u32::MAX;

/// Say what a job would cost now and who would run it, without ordering anything.
///
/// With an input it is what `assay run` would order: what is read is counted by its bytes, of which no model makes more tokens.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model, by name
    #[arg(value_name = "NAME")]
    name: String,
    /// What a model that reads texts would be asked; for other models, the file with the input; - for standard input
    #[arg(value_name = "INPUT", conflicts_with = "file")]
    input: Option<OsString>,
    /// The file with the input, whatever model it is for
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    terms: Terms,
    /// Say why each other offer was passed over, and why the job would be checked so often
    #[arg(long)]
    explain: bool,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    wishes: TextWishes,
}

pub(crate) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let file = args.file.as_deref().map(input::read).transpose()?;
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let manifest = input::model(&args.name, &daemon, invocation).await?;
    let input = args.asked(file, &manifest).await?;
    let (counted, read) = (counted(&input, &manifest), tokens_read_most(&input, &manifest));
    let tokens_read = text_time::tokens_read(&input, &manifest);
    let submit = args.terms.submit(&manifest, &daemon, &invocation.printer).await?;
    let submit = sized(submit, (input, &args.wishes), &manifest, &daemon, invocation).await?;
    let wish = WishedOrder::of(&submit, &manifest);
    // Its length is all that counts, and nobody is sent it.
    let quote = daemon.call(QuoteJob(Submit { input: Attachment::default(), ..submit })).await?;
    let ceilings = args.terms.ceilings(invocation);
    let limits = (daemon.unit(), ceilings);
    let Some(chosen) = &quote.chosen else {
        let limits = match quote.passed.counts.cost {
            0 => limits,
            _ => (daemon.unit(), wish.below(ceilings, &manifest, &daemon.handle).await),
        };
        if args.explain {
            show_passed(invocation, &quote, limits);
        }
        let failure =
            passed::failure(&quote.passed.counts, limits, "`assay offers` lists what can be ordered now");
        let listed = passed::document(&quote.passed, limits);
        let failure = failure.with(json!({ "passed_over": listed }));
        let counts = &quote.passed.counts;
        let providers = ProvidersAway::look(&daemon.handle, manifest.digest(), counts, &[]).await;
        return Err(away::beside(failure, &providers));
    };
    // What an order for it would meet: that it is quoted is no word that its provider is there.
    let offers = daemon.call(ListOffers).await?;
    let offer = offers.iter().find(|offer| offer.provider == chosen.order.provider);
    let (sign, lost) = (offer.and_then(OfferSign::of), offer.and_then(|offer| offer.lost));
    let mut quoted = document(&quote, chosen, limits);
    quoted["lost_ms"] = lost.map(|lost| lost.0).into();
    let text_time = TextTime::of(chosen, tokens_read, offer);
    quoted["text_time"] = text_time.map(TextTime::document).into();
    invocation.printer.document("quote", &quoted);
    invocation.printer.table(&table(&quote, chosen, (counted, text_time), limits));
    if args.explain {
        invocation.printer.line("");
        invocation.printer.table(&reasons(chosen, limits.0));
        invocation.printer.line("");
        show_passed(invocation, &quote, limits);
    }
    tell_of_funds(invocation, &quote, chosen, limits.0);
    run_time::tell(chosen, read, &daemon.genesis, invocation);
    // Who was convicted is told of where it is named.
    if let Some(sign) = sign.filter(|sign| *sign != OfferSign::Convicted) {
        invocation.printer.note(sign.note());
    }
    Ok(())
}

impl Args {
    /// What would be sent; nothing where no input was named.
    async fn asked(&self, file: Option<Vec<u8>>, manifest: &Manifest) -> Result<Vec<u8>, CommandError> {
        let input = match (file, &self.input) {
            (Some(file), _) => file,
            (None, Some(typed)) => read_aside(typed.clone(), manifest.clone()).await?,
            (None, None) => return Ok(Vec::new()),
        };
        self.wishes.beside(input, manifest, SEED_LONGEST)
    }
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

/// What an input counts by its bytes alone, whatever is read of it, if that is anything.
fn counted(input: &[u8], manifest: &Manifest) -> Option<String> {
    let Meter::Tokens(_) = manifest.meter else { return None };
    let bytes = input.len() as u64;
    let tokens = tokens_read_least(bytes);
    let words = format!(
        "{}, which {} as {} at least, though a model may read less",
        number_of(bytes, "byte"),
        verb(bytes, "counts", "count"),
        number_of(tokens, "token")
    );
    (tokens > 0).then_some(words)
}

fn table(
    quote: &Quote,
    chosen: &Chosen,
    (counted, text_time): (Option<String>, Option<TextTime>),
    limits: (&str, CeilingNames),
) -> Table {
    let (unit, _) = limits;
    let order = &chosen.order;
    let Cost { total, price, premium, prepaid, place, .. } = chosen.explanation.cost;
    let mut table = Table::new(["WHAT", "HOW"]).wraps();
    let mut row = |what: &str, how: String| table.row([what.to_owned(), how]);
    row("model", called(&order.manifest.name));
    row("provider", full(order.provider));
    row("machine", called(&chosen.machine));
    row("class", short(order.class));
    row("run", format!("{} ms, as its offer says", chosen.run.0));
    if let Some(time) = text_time {
        time.rows(&mut table);
    }
    let mut row = |what: &str, how: String| table.row([what.to_owned(), how]);
    counted.into_iter().for_each(|words| row("input", words));
    row("unit price", format!("{} {unit}s; units at most: {}", order.unit_price, order.units_max));
    row("price", format!("{price} {unit}s"));
    row("premium", format!("{premium} {unit}s, for checks that any job may need"));
    row("prepaid check", in_advance(chosen, prepaid, unit));
    row("place", format!("{place} {unit}s among the notary's open jobs; hours that are not used come back"));
    row("cost", format!("{total} {unit}s in all"));
    row("held", held(order, unit));
    row("checked", format!("with a chance of {}", chosen.explanation.rate));
    row("standing", standing(&chosen.basis));
    row("offers", passed::counted(&quote.passed.counts, limits));
    table
}

/// What is held, and for how long: nobody knows before how long a text will be.
fn held(order: &Order, unit: &str) -> String {
    let total = order.total_max;
    match order.manifest.meter {
        Meter::Tokens(_) => format!(
            "{total} {unit}s, the most that can be lost: what the answer leaves of its price comes back with it, the rest when it is closed"
        ),
        Meter::Calls | Meter::MegaFuel => {
            format!("{total} {unit}s until it is closed: the most that can be lost")
        }
    }
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
    let mut table = Table::new(["WHY", "HOW"]).wraps();
    rate::rows(&mut table, &chosen.explanation, unit);
    table
}

/// Why each of the others was passed over.
fn show_passed(invocation: &Invocation, quote: &Quote, limits: (&str, CeilingNames)) {
    if !quote.passed.offers.is_empty() {
        invocation.printer.table(&passed::table(&quote.passed, limits));
    }
    let untold = passed::untold(&quote.passed);
    if untold > 0 {
        invocation.printer.line(format!("and {untold} more, farther from being chosen"));
    }
}

fn document(quote: &Quote, chosen: &Chosen, limits: (&str, CeilingNames)) -> Value {
    let (unit, _) = limits;
    let order = &chosen.order;
    json!({
        "model": order.manifest.name, "manifest": full(order.manifest.digest()),
        "provider": full(order.provider), "machine": chosen.machine, "class": full(order.class),
        "notary": full(order.notary), "run_ms": chosen.run.0, "run_max_ms": order.run_max.0,
        "run_expected_ms": TextRun::of(chosen).map(|run| run.expected().0),
        "units_max": order.units_max, "unit_price": money(order.unit_price, unit),
        "total_max": money(order.total_max, unit), "free": quote.free.map(|free| money(free, unit)),
        "basis": basis_document(&chosen.basis),
        "explanation": rate::document(&chosen.explanation, unit),
        "passed_over": passed::document(&quote.passed, limits),
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
