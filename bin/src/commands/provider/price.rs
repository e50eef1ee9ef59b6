//! `assay provider price`: what is asked for what is offered here, beside what others ask.

use assay_market::pricing::{PriceBasis, PriceDoubt};
use assay_peer::handle::{ChangePrice, PriceView, Repriced, ShowPrices};
use assay_protocol::units::Amount;
use serde_json::{Value, json};

use crate::{
    command_error::{CommandError, Exit},
    credits::credits,
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Printer, Table, called, full, money},
};

const EXAMPLES: &str = "\
Examples:
  assay provider price              what is asked here, what others ask, and what to ask
  assay provider price digits 0.02  ask 0.02 credits a unit of it from now on
  assay provider price --all 0.02   the same of everything that is offered";

/// Show the prices of what is offered, or ask others from now on.
///
/// Without an amount nothing changes. A new price holds at once and nothing is tested again; jobs that have begun are paid as
/// they were ordered, and who was about to order at a lower price asks again. A suggestion follows the middle of what others
/// ask, and is never below what the network takes of a usual job's pay.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A model that is offered, by name; all of them if none
    #[arg(value_name = "MODEL", value_parser = model_or_credits, allow_negative_numbers = true)]
    model: Option<String>,
    /// What a unit costs from now on, in credits
    #[arg(value_name = "CREDITS", value_parser = credits, allow_negative_numbers = true)]
    unit_price: Option<Amount>,
    /// Change all prices, though they differ now
    #[arg(long)]
    all: bool,
    /// Change nothing, and say what to ask
    #[arg(long, conflicts_with_all = ["unit_price", "all"])]
    suggest: bool,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    // What names a model is no amount, though digits of a digest may look like one.
    if let (Some(typed), None, false) = (&args.model, args.unit_price, args.all)
        && daemon.call(ShowPrices { models: vec![typed.clone()] }).await.is_ok()
    {
        return show(Some(typed.clone()), &daemon, invocation).await;
    }
    match args.meant() {
        (Some(_), _) | (None, None) if args.all => {
            let hint = "name an amount and no model, such as `assay provider price --all 0.02`";
            Err(CommandError::new(Exit::Usage, "USAGE", "--all goes with an amount alone", hint))
        }
        (None, Some(unit_price)) if !args.all && !unit_price.is_zero() => {
            refuse_differing(unit_price, &daemon).await?;
            change(ChangePrice { model: None, unit_price }, &daemon, invocation).await
        }
        (model, Some(unit_price)) => change(ChangePrice { model, unit_price }, &daemon, invocation).await,
        (model, None) => show(model, &daemon, invocation).await,
    }
}

/// The name of a model, or the price of everything: no model is called like a number below nought.
fn model_or_credits(text: &str) -> Result<String, String> {
    if text.starts_with('-') { credits(text).map(|amount| amount.to_string()) } else { Ok(text.to_owned()) }
}

impl Args {
    /// An amount alone is the price of everything.
    fn meant(&self) -> (Option<String>, Option<Amount>) {
        let alone = self.model.as_ref().filter(|_| self.unit_price.is_none() && !self.suggest);
        match alone.and_then(|typed| typed.parse().ok()) {
            Some(amount) => (None, Some(amount)),
            None => (self.model.clone(), self.unit_price),
        }
    }
}

/// Refuses to level prices that differ: whoever meant one model is not to change all.
async fn refuse_differing(unit_price: Amount, daemon: &RunningDaemon) -> Result<(), CommandError> {
    let prices = daemon.call(ShowPrices::default()).await?;
    let asked: Vec<(&str, Amount)> =
        prices.iter().filter_map(|price| Some((price.name.as_str(), price.unit_price?))).collect();
    differing(&asked, unit_price).map_or(Ok(()), Err)
}

fn differing(asked: &[(&str, Amount)], unit_price: Amount) -> Option<CommandError> {
    let (first, price) = asked.first()?;
    if asked.iter().all(|(_, other)| other == price) {
        return None;
    }
    let each: Vec<String> = asked.iter().map(|(name, price)| format!("{} {price}", called(name))).collect();
    let message = format!("the prices here differ: {}", each.join(", "));
    let hint = format!(
        "`assay provider price {} {unit_price}` changes one of them, `assay provider price --all {unit_price}` all",
        called(first)
    );
    Some(CommandError::new(Exit::Usage, "PRICES_DIFFER", message, hint))
}

async fn show(
    model: Option<String>,
    daemon: &RunningDaemon,
    invocation: &Invocation,
) -> Result<(), CommandError> {
    let printer = &invocation.printer;
    let prices = daemon.call(ShowPrices { models: model.into_iter().collect() }).await?;
    let mut table = Table::new(["MODEL", "PRICE", "OTHERS", "LEAST", "MIDDLE", "SUGGESTED", "WHY"]);
    let amount = |amount: Option<Amount>| amount.map_or_else(|| "-".to_owned(), |amount| amount.to_string());
    for price in &prices {
        table.row([
            called(&price.name),
            amount(price.unit_price),
            price.others.to_string(),
            amount(price.least),
            amount(price.median),
            price.suggestion.unit_price.to_string(),
            why(price.suggestion.reason),
        ]);
    }
    printer.table(&table);
    tell_of_doubts(&prices, daemon.unit(), printer);
    printer.document("prices", &whole(&prices, daemon.unit()));
    Ok(())
}

/// What is asked and what others ask, for pages.
pub(crate) async fn for_pages(daemon: &RunningDaemon) -> Result<Value, CommandError> {
    let prices = daemon.call(ShowPrices { models: Vec::new() }).await?;
    Ok(whole(&prices, daemon.unit()))
}

fn whole(prices: &[PriceView], unit: &str) -> Value {
    json!({ "asked": prices.iter().map(|price| document(price, unit)).collect::<Vec<_>>() })
}

async fn change(
    change: ChangePrice,
    daemon: &RunningDaemon,
    invocation: &Invocation,
) -> Result<(), CommandError> {
    let (printer, unit) = (&invocation.printer, daemon.unit());
    let changed = daemon.call(change).await?;
    for Repriced { before, now } in &changed {
        let (name, unit_price) = (called(&now.name), now.unit_price.unwrap_or_default());
        printer.line(match unit_price == *before {
            true => format!("{name}: {unit_price} {unit}s a unit, as before"),
            false => format!("{name}: {unit_price} {unit}s a unit, {before} before"),
        });
    }
    let prices: Vec<PriceView> = changed.iter().map(|repriced| repriced.now.clone()).collect();
    tell_of_doubts(&prices, unit, printer);
    let documents = changed.iter().map(|Repriced { before, now }| {
        let mut document = document(now, unit);
        document["unit_price_before"] = money(*before, unit);
        document
    });
    printer.document("prices", &json!({ "asked": documents.collect::<Vec<_>>() }));
    Ok(())
}

/// Says what is odd about prices.
pub(in crate::commands) fn tell_of_doubts(prices: &[PriceView], unit: &str, printer: &Printer) {
    let odd = prices.iter().filter_map(|price| Some((price, price.doubt?)));
    odd.for_each(|(price, doubt)| printer.note(told(price, doubt, unit)));
}

fn told(price: &PriceView, doubt: PriceDoubt, unit: &str) -> String {
    let (name, units) = (called(&price.name), price.units);
    match doubt {
        PriceDoubt::AllMoney { money } => format!(
            "note: {name}: a unit costs more than all {money} {unit}s that the network began with; hardly anybody can pay it"
        ),
        PriceDoubt::Dear { job, pays } => format!(
            "note: {name}: a usual job, of {units} {}, comes to {job} {unit}s, and clients pay {pays} at most unless they say otherwise",
            if units == 1 { "unit" } else { "units" }
        ),
        PriceDoubt::Loss { floor } => format!(
            "note: {name}: the network's fees take more than a usual job is paid; from {floor} {unit}s a unit on something is left"
        ),
    }
}

fn why(reason: PriceBasis) -> String {
    match reason {
        PriceBasis::Alone => "nobody else offers it".to_owned(),
        PriceBasis::Median { .. } => "the middle of what others ask".to_owned(),
        PriceBasis::Floor { .. } => "less is eaten up by fees".to_owned(),
    }
}

fn document(price: &PriceView, unit: &str) -> Value {
    let amount = |amount: Option<Amount>| amount.map(|amount| money(amount, unit));
    json!({
        "model": price.name, "manifest": full(price.manifest), "unit_price": amount(price.unit_price), "unit_price_before": null,
        "others": price.others, "least": amount(price.least), "median": amount(price.median),
        "floor": amount(price.floor), "suggested": money(price.suggestion.unit_price, unit),
        "suggested_for": match price.suggestion.reason {
            PriceBasis::Alone => "alone",
            PriceBasis::Median { .. } => "median",
            PriceBasis::Floor { .. } => "floor",
        },
        "usual_units": price.units, "doubt": price.doubt.map(|doubt| match doubt {
            PriceDoubt::AllMoney { .. } => "all_money",
            PriceDoubt::Dear { .. } => "dear",
            PriceDoubt::Loss { .. } => "loss",
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_that_differ_are_not_levelled_by_an_amount_alone() {
        let (cheap, dear) = (Amount::credits(1), Amount::credits(2));
        assert_eq!(differing(&[("digits", cheap), ("sums", cheap)], dear), None);
        assert_eq!(differing(&[("digits", cheap)], dear), None);
        let refused = differing(&[("digits", cheap), ("sums", dear)], dear).unwrap();
        let [message, hint] = refused.lines();
        assert_eq!(message, "the prices here differ: digits 1.00, sums 2.00");
        assert!(hint.contains("`assay provider price digits 2.00` changes one of them"), "{hint}");
        assert!(hint.contains("`assay provider price --all 2.00` all"), "{hint}");
    }
}
