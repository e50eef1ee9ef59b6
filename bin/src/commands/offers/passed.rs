//! Offers that were not taken up, in words: how many for which reason, each of them, and the failure where none is left.

use assay_market::{
    matching::{Aspect, Passed, PassedOver, Reason},
    submission::{OverDay, Unmatched},
};
use assay_protocol::{order::Refusal, units::Amount};
use serde_json::{Value, json};

use crate::{
    command_error::{CommandError, Exit, over_day},
    printer::{Table, full, moment, money, rate, short},
};

/// How many offers there are, and how many of them were not taken up for which reason.
pub(crate) fn counted(unmatched: &Unmatched) -> String {
    let reasons = reasons(unmatched);
    let counted =
        reasons.iter().filter(|(count, _)| *count > 0).map(|(count, reason)| format!("{count} {reason}"));
    let parts: Vec<String> = std::iter::once(format!("{} seen", unmatched.offers)).chain(counted).collect();
    parts.join(", ")
}

fn reasons(unmatched: &Unmatched) -> [(u64, &'static str); 11] {
    [
        (unmatched.lot, "as good (a lot decides)"),
        (unmatched.outranked, "outranked"),
        (unmatched.strangers, "with less to lose than others"),
        (unmatched.convicted, "convicted lately"),
        (unmatched.other_model, "serve other models"),
        (unmatched.other_provider, "are of other providers"),
        (unmatched.price, "above --max-price"),
        (unmatched.cost, "above --max-cost"),
        (unmatched.expired, "expired"),
        (unmatched.tried, "tried in vain"),
        (unmatched.busy, "busy"),
    ]
}

/// Why each was not taken up, those nearest to being chosen first.
pub(crate) fn table(passed: &Passed, unit: &str) -> Table {
    let mut table = Table::new(["PROVIDER", "WHY NOT"]);
    for PassedOver { provider, reason } in &passed.offers {
        table.row([short(provider), words(*reason, unit)]);
    }
    table
}

/// How many were passed over that are not told one by one.
pub(crate) fn untold(passed: &Passed) -> u64 {
    let all: u64 = reasons(&passed.counts).iter().map(|(count, _)| count).sum();
    all.saturating_sub(passed.offers.len() as u64)
}

fn words(reason: Reason, unit: &str) -> String {
    match reason {
        Reason::Lot { behind } => format!("as good, {behind} behind the best; the lot fell on another"),
        Reason::Outranked { behind, over } => {
            format!("outranked, {behind} behind the best, most of it for {}", aspect(over))
        }
        Reason::Stranger => "has less to lose by this job than others".to_owned(),
        Reason::Convicted => "convicted of a false result in the last 30 days".to_owned(),
        Reason::Tried => "tried before, for this job".to_owned(),
        Reason::Busy { until } => format!("busy a moment ago; left alone until {}", moment(until)),
        Reason::Price { asked } => format!("asks {asked} {unit}s a unit, above --max-price"),
        Reason::Cost { total: Some(total) } => {
            format!("would cost {total} {unit}s in all, above --max-cost")
        }
        Reason::Cost { total: None } => "no order could be made there at the time".to_owned(),
        Reason::Expired { at } => format!("expired at {}", moment(at)),
        Reason::OtherProvider => "not the provider that --provider names".to_owned(),
        Reason::Own => "this peer's own".to_owned(),
        Reason::OtherModel => "serves other models".to_owned(),
    }
}

fn aspect(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Cost => "what the job costs there",
        Aspect::Reliability => "what this client saw of it",
        Aspect::Speed => "the time that a run takes",
        Aspect::Warmth => "a model that has yet to be loaded",
        Aspect::Reach => "saying no address",
    }
}

/// The offers that were passed over, for programs.
pub(crate) fn document(passed: &Passed, unit: &str) -> Value {
    let offers: Vec<Value> = passed.offers.iter().map(|passed| offer_document(passed, unit)).collect();
    json!({ "counts": counts(&passed.counts, Some(unit)), "offers": offers })
}

/// Why nobody was found, for programs.
pub(crate) fn counts(unmatched: &Unmatched, unit: Option<&str>) -> Value {
    let mut counts = json!(unmatched);
    if let Some(OverDay { most, left, need }) = unmatched.over_day {
        let money = |amount: Amount| match unit {
            Some(unit) => money(amount, unit),
            None => json!({ "amount": amount.to_string() }),
        };
        counts["over_day"] = json!({ "most": money(most), "left": money(left), "need": money(need) });
    }
    counts
}

fn offer_document(passed: &PassedOver, unit: &str) -> Value {
    let (name, details) = match passed.reason {
        Reason::Lot { behind } => ("lot", json!({ "behind": rate(behind) })),
        Reason::Outranked { behind, over } => ("outranked", json!({ "behind": rate(behind), "over": over })),
        Reason::Stranger => ("stranger", json!({})),
        Reason::Convicted => ("convicted", json!({})),
        Reason::Tried => ("tried", json!({})),
        Reason::Busy { until } => ("busy", json!({ "until": moment(until) })),
        Reason::Price { asked } => ("price", json!({ "asked": money(asked, unit) })),
        Reason::Cost { total } => ("cost", json!({ "total": total.map(|total| money(total, unit)) })),
        Reason::Expired { at } => ("expired", json!({ "at": moment(at) })),
        Reason::OtherProvider => ("other_provider", json!({})),
        Reason::Own => ("own", json!({})),
        Reason::OtherModel => ("other_model", json!({})),
    };
    json!({
        "provider": full(passed.provider), "reason": name, "details": details,
        "words": words(passed.reason, unit),
    })
}

/// No offer was taken, or none would be. `story` says where more can be learnt.
pub(crate) fn failure(unmatched: &Unmatched, story: &str) -> CommandError {
    if let Some(refusal) = unmatched.refusal {
        return refused(refusal, story);
    }
    if let Some(over) = unmatched.over_day {
        return over_day(over);
    }
    if unmatched.cost > 0 && unmatched.price == 0 {
        let message = format!("all of the {} offers that fit cost more than --max-cost", unmatched.cost);
        return CommandError::new(
            Exit::Money,
            "OVER_CEILING",
            message,
            "raise --max-cost; nothing was spent",
        );
    }
    let message = format!("no offer matches: {}", counted(unmatched));
    CommandError::new(Exit::NoMatch, "NO_MATCH", message, hint(unmatched))
}

fn refused(refusal: Refusal, story: &str) -> CommandError {
    let message = format!("every offer was refused, the last: {refusal}");
    let (exit, code, hint) = if refusal == Refusal::Funds {
        (
            Exit::Money,
            "NO_FUNDS",
            "`assay account show` says what there is: beside the total it takes what a verifier of such jobs has at stake; \
             nothing was spent",
        )
    } else if refusal == Refusal::Total {
        (Exit::Money, "OVER_CEILING", "raise --max-cost; nothing was spent")
    } else if refusal == Refusal::Notary {
        (Exit::NoMatch, "NO_NOTARY", "`assay status` says which notaries were left; nothing was spent")
    } else if refusal == Refusal::Busy {
        (Exit::NoMatch, "BUSY", "try again in a moment; nothing was spent")
    } else {
        (Exit::NoMatch, "REFUSED", story)
    };
    let failure = CommandError::new(exit, code, message, hint);
    if refusal == Refusal::Busy { failure.retryable() } else { failure }
}

fn hint(unmatched: &Unmatched) -> &'static str {
    match unmatched {
        Unmatched { offers: 0, .. } => {
            "look at `assay status`: is anybody connected? Offers arrive within seconds"
        }
        Unmatched { price: 1.., .. } => "raise --max-price; `assay offers` shows the prices",
        Unmatched { other_provider: 1.., .. } => {
            "leave out --provider, or wait until its offer is seen; `assay offers` lists them"
        }
        _ => "`assay offers` lists what can be ordered now",
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::units::{Amount, Rate, Timestamp};

    use super::*;

    const UNIT: &str = "credit";

    #[test]
    fn each_reason_reads_as_a_sentence_and_as_a_document() {
        let behind = Rate::per_mille(31);
        let cases = [
            (Reason::Lot { behind }, "lot", "as good, 3.10 % behind the best; the lot fell on another"),
            (
                Reason::Outranked { behind, over: Aspect::Speed },
                "outranked",
                "outranked, 3.10 % behind the best, most of it for the time that a run takes",
            ),
            (Reason::Tried, "tried", "tried before, for this job"),
            (
                Reason::Busy { until: Timestamp(1_000) },
                "busy",
                "busy a moment ago; left alone until 1970-01-01T00:00:01.000Z",
            ),
            (
                Reason::Price { asked: Amount::credits(2) },
                "price",
                "asks 2.00 credits a unit, above --max-price",
            ),
            (
                Reason::Cost { total: Some(Amount::credits(3)) },
                "cost",
                "would cost 3.00 credits in all, above --max-cost",
            ),
            (Reason::Cost { total: None }, "cost", "no order could be made there at the time"),
            (Reason::Expired { at: Timestamp(0) }, "expired", "expired at 1970-01-01T00:00:00.000Z"),
            (Reason::OtherProvider, "other_provider", "not the provider that --provider names"),
            (Reason::Own, "own", "this peer's own"),
            (Reason::OtherModel, "other_model", "serves other models"),
        ];
        for (reason, name, sentence) in cases {
            let document = offer_document(&PassedOver { provider: Default::default(), reason }, UNIT);
            assert_eq!(
                (document["reason"].as_str(), document["words"].as_str()),
                (Some(name), Some(sentence))
            );
        }
    }

    #[test]
    fn what_is_not_told_one_by_one_is_counted() {
        let counts = Unmatched { offers: 40, lot: 2, outranked: 1, other_model: 36, ..Unmatched::default() };
        assert_eq!(
            counted(&counts),
            "40 seen, 2 as good (a lot decides), 1 outranked, 36 serve other models"
        );
        assert_eq!(untold(&Passed { counts, offers: Vec::new() }), 39);
    }
}
