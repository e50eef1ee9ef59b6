//! `assay offers --history`: what models were offered for.

use std::collections::BTreeMap;

use assay_peer::handle::{PriceSpan, PricedModel, ShowPriceHistory};
use assay_protocol::units::{Amount, Timestamp};
use serde_json::{Value, json};

use crate::{
    command_error::CommandError,
    daemon::RunningDaemon,
    invocation::Invocation,
    printer::{Table, called, full, moment, money, short},
};

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 3_600_000;
/// Characters of a moment that name its day.
const DAY_CHARS: usize = "2026-11-28".len();

/// Shows it day by day, of one model or of all.
pub(super) async fn show(
    model: Option<&str>,
    daemon: &RunningDaemon,
    invocation: &Invocation,
) -> Result<(), CommandError> {
    let mut models = daemon.call(ShowPriceHistory).await?;
    models.retain(|priced| model.is_none_or(|model| is_meant(priced, model)));
    invocation.printer.document("price-history", &whole(&models, daemon.unit()));
    let mut table = Table::new(["MODEL", "UTC DAY", "LOWEST", "MIDDLE"]);
    for priced in &models {
        for (day, prices) in days(&priced.spans).iter().rev() {
            table.row([name(priced), day.clone(), prices.lowest.to_string(), prices.middle.to_string()]);
        }
    }
    invocation.printer.table(&table);
    if models.is_empty() {
        invocation.printer.note(
            "nothing is known: offers are looked at every ten minutes while the daemon runs, from a minute after its start on",
        );
    }
    Ok(())
}

/// All that is known, for pages.
pub(super) async fn for_pages(daemon: &RunningDaemon) -> Result<Value, CommandError> {
    Ok(whole(&daemon.call(ShowPriceHistory).await?, daemon.unit()))
}

fn is_meant(priced: &PricedModel, model: &str) -> bool {
    let whole = format!("{}@{}", priced.name, priced.manifest);
    model == priced.name || model.contains('@') && whole.starts_with(model)
}

/// By what it can be ordered; who wrote a manifest that the network does not pin could call it anything.
fn name(priced: &PricedModel) -> String {
    match priced.pinned {
        true => called(&priced.name),
        false => format!("{}@{}", called(&priced.name), short(priced.manifest)),
    }
}

/// What a model cost on a day: at the least, and in the middle of those who offered it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DayPrices {
    lowest: Amount,
    middle: Amount,
}

/// Each day on which it was offered.
fn days(spans: &[PriceSpan]) -> BTreeMap<String, DayPrices> {
    let mut days = BTreeMap::new();
    for span in spans {
        let last = span.until.0.saturating_sub(1) / DAY_MS;
        for day in (span.since.0 / DAY_MS)..=last {
            let name = moment(Timestamp(day * DAY_MS)).chars().take(DAY_CHARS).collect();
            let prices = days.entry(name).or_insert(DayPrices { lowest: span.lowest, middle: span.middle });
            *prices = DayPrices { lowest: prices.lowest.min(span.lowest), middle: span.middle };
        }
    }
    days
}

fn whole(models: &[PricedModel], unit: &str) -> Value {
    let span = |span: &PriceSpan| {
        json!({
            "since": moment(span.since), "until": moment(span.until),
            "lowest": money(span.lowest, unit), "middle": money(span.middle, unit),
        })
    };
    let models = models.iter().map(|priced| {
        json!({
            "model": priced.name, "manifest": full(priced.manifest), "pinned": priced.pinned,
            "spans": priced.spans.iter().map(span).collect::<Vec<_>>(),
        })
    });
    json!({ "priced": models.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_costs_the_least_of_its_hours_and_what_was_in_the_middle_last() {
        const HOUR_MS: u64 = 3_600_000;
        let span = |since, until, lowest, middle| PriceSpan {
            since: Timestamp(since * HOUR_MS),
            until: Timestamp(until * HOUR_MS),
            lowest: Amount(lowest),
            middle: Amount(middle),
        };
        let told = days(&[span(20, 25, 5, 7), span(25, 26, 4, 9), span(30, 48, 6, 8)]);
        let told: Vec<(&str, u64, u64)> =
            told.iter().map(|(day, prices)| (day.as_str(), prices.lowest.0, prices.middle.0)).collect();
        assert_eq!(told, [("1970-01-01", 5, 7), ("1970-01-02", 4, 8)], "none of the third day");
    }
}
