//! Offers that were not taken up, in words: how many for which reason, each of them, and the failure where none is left.

use assay_market::{
    matching::{Aspect, Passed, PassedOver, Reason},
    submission::{OverDay, OverFunds, Unmatched, is_passing},
};
use assay_protocol::{order::Refusal, units::Amount};
use serde_json::{Value, json};

use crate::{
    command_error::{CommandError, Exit, over_day},
    commands::run::ceiling::CeilingNames,
    printer::{Table, full, local, moment, money, rate, short, verb},
};

/// What every failure says here that asked for no money.
pub(crate) const NOTHING_SPENT: &str = "nothing was spent";

/// What helps whoever has too little.
const FUNDS_HINT: &str = "a shorter answer takes less (--max-tokens), `assay provide` earns more, and the network's \
    issuer grants some (`assay account grant`); `assay account show` says what there is, and what open \
    jobs hold until they close, and `assay quote` what of it need only be there and stays yours; nothing was spent";

/// What is the matter with a peer that has left every notary of its network.
pub(crate) const NOTARY_LEFT: &str = "the notary of this network keeps two journals, and this peer has left it for good: \
    nothing can be ordered or paid through it any more";

/// What helps then.
pub(crate) const LEAVE_HINT: &str = "keep the home: receipts that this notary signed stay valid; tell whoever runs it, and join \
    another network with `assay leave --abandon` and `assay init --network FILE`";

/// True if nobody was asked, since this peer has left every notary of its network: they keep two journals.
fn left_alone(unmatched: &Unmatched) -> bool {
    unmatched.refusal == Some(Refusal::Notary) && unmatched.offers == 0
}

/// What helps where whoever was asked has its one job.
const NEWCOMER_HINT: &str = "try again once that is closed, in minutes as a rule: if it is yours (`assay job ls`), \
    `assay job wait JOB` waits for it; nothing was spent";

/// What helps where whoever fits has no room.
const BUSY_HINT: &str = "try again in a moment: if it is your own jobs that keep them busy (`assay job ls`), `assay job wait JOB` \
    waits for one; nothing was spent";

/// What helps where a run may take less time than it does.
const LIMITS_HINT: &str = "`assay offers` says how long runs take; `assay config set client.run_max 2m` lets them take two \
    minutes, and a shorter answer takes less (--max-tokens); nothing was spent";

/// What helps where nobody could check the job.
const CHECKERS_HINT: &str = "more peers with enough at stake have to check jobs of this model (`assay account register`); they \
    count from the second checkpoint after that; nothing was spent";

/// What helps where orders of a key are in the books that its home does not know.
const NONCE_HINT: &str = "the key was brought back without its journal, or another home uses it: each job that is tried finds out more \
    of the numbers that are taken, so say the same again, and let one home alone use a key; nothing was spent";

/// What helps where a notary wants another sum than was reckoned: whatever a ceiling says, what is reckoned is ordered.
const TOTAL_HINT: &str =
    "what it costs has changed since that was reckoned: say the same again; nothing was spent";

/// How many offers there are, and how many of them were not taken up for which reason.
pub(crate) fn counted(unmatched: &Unmatched, (unit, ceilings): (&str, CeilingNames)) -> String {
    let reasons = reasons(unmatched);
    let some = reasons.iter().filter(|(count, ..)| *count > 0);
    let counted = some.map(|(count, name, reason)| match *name {
        "price" => format!("{count} above {}", ceilings.price().name(unit)),
        "cost" => format!("{count} above {}", ceilings.cost().name(unit)),
        _ => format!("{count} {reason}"),
    });
    let parts: Vec<String> = std::iter::once(format!("{} seen", unmatched.offers)).chain(counted).collect();
    parts.join(", ")
}

/// How many for which reason, as the word for programs and in words.
fn reasons(unmatched: &Unmatched) -> [(u64, &'static str, &'static str); 12] {
    let (model, provider) = (unmatched.other_model, unmatched.other_provider);
    [
        (unmatched.lot, "lot", "as good (a lot decides)"),
        (unmatched.outranked, "outranked", "outranked"),
        (unmatched.strangers, "stranger", "with less to lose than others"),
        (unmatched.convicted, "convicted", "convicted lately"),
        (model, "other_model", verb(model, "serves other models", "serve other models")),
        (provider, "other_provider", verb(provider, "is of another provider", "are of other providers")),
        (unmatched.ignored, "ignored", "left out by --ignore"),
        (unmatched.price, "price", "above --max-price"),
        (unmatched.cost, "cost", "above --max-cost"),
        (unmatched.expired, "expired", "expired"),
        (unmatched.tried, "tried", "tried in vain"),
        (unmatched.busy, "busy", "busy"),
    ]
}

/// Why each was not taken up, those nearest to being chosen first.
pub(crate) fn table(passed: &Passed, limits: (&str, CeilingNames)) -> Table {
    let mut table = Table::new(["PROVIDER", "WHY NOT"]).wraps();
    for PassedOver { provider, reason } in &passed.offers {
        table.row([short(provider), words(*reason, limits)]);
    }
    table
}

/// How many were passed over that are not told one by one.
pub(crate) fn untold(passed: &Passed) -> u64 {
    let all: u64 = reasons(&passed.counts).iter().map(|(count, ..)| count).sum();
    all.saturating_sub(passed.offers.len() as u64)
}

fn words(reason: Reason, (unit, ceilings): (&str, CeilingNames)) -> String {
    match reason {
        Reason::Lot { behind } => format!("as good, {behind} behind the best; the lot fell on another"),
        Reason::Outranked { behind, over } => {
            format!("outranked, {behind} behind the best, most of it for {}", aspect(over))
        }
        Reason::Stranger => "has less to lose by this job than others".to_owned(),
        Reason::Convicted => "convicted of a false result in the last 30 days".to_owned(),
        Reason::Tried => "tried before, for this job".to_owned(),
        Reason::Busy { until } => format!("busy a moment ago; left alone until {}", local(until)),
        Reason::Price { asked } => {
            format!("asks {asked} {unit}s a unit, above {}", ceilings.price().name(unit))
        }
        Reason::Cost { total: Some(total) } => {
            format!("would cost {total} {unit}s in all, above {}", ceilings.cost().name(unit))
        }
        Reason::Cost { total: None } => "no order could be made there at the time".to_owned(),
        Reason::Expired { at } => format!("expired at {}", local(at)),
        Reason::OtherProvider => "not the provider that --provider names".to_owned(),
        Reason::Ignored => "left out by --ignore".to_owned(),
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
pub(crate) fn document(passed: &Passed, limits: (&str, CeilingNames)) -> Value {
    let offers: Vec<Value> = passed.offers.iter().map(|passed| offer_document(passed, limits)).collect();
    json!({ "counts": counts(&passed.counts, Some(limits.0)), "passed": offers })
}

/// Why nobody was found, for programs. Whoever does not know what money is called here leaves what things cost to the words
/// of the failure.
pub(crate) fn counts(unmatched: &Unmatched, unit: Option<&str>) -> Value {
    let reasons = reasons(unmatched).into_iter().filter(|(count, ..)| *count > 0);
    let over_day = unmatched.over_day.zip(unit).map(|(OverDay { most, left, need }, unit)| {
        json!({
            "daily_max": money(most, unit), "left_today": money(left, unit), "needed": money(need, unit),
        })
    });
    let over_funds = unmatched.over_funds.zip(unit).map(|(OverFunds { free, need }, unit)| {
        json!({ "free": money(free, unit), "needed_most": money(need, unit) })
    });
    let least = |amount: Option<Amount>| amount.zip(unit).map(|(amount, unit)| money(amount, unit));
    json!({
        "offers_known": unmatched.offers,
        "reasons": reasons.map(|(count, reason, _)| json!({ "reason": reason, "count": count })).collect::<Vec<_>>(),
        "unit_price_least": least(unmatched.price_least), "total_least": least(unmatched.cost_least),
        "over_day": over_day, "over_funds": over_funds, "refusal": unmatched.refusal, "failure": unmatched.failure,
    })
}

fn offer_document(passed: &PassedOver, limits: (&str, CeilingNames)) -> Value {
    let (unit, _) = limits;
    // Beside the reason, the one key that it has a value for.
    let (name, more) = match passed.reason {
        Reason::Lot { behind } => ("lot", Some(("behind", rate(behind)))),
        Reason::Outranked { behind, .. } => ("outranked", Some(("behind", rate(behind)))),
        Reason::Stranger => ("stranger", None),
        Reason::Convicted => ("convicted", None),
        Reason::Tried => ("tried", None),
        Reason::Busy { until } => ("busy", Some(("until", moment(until).into()))),
        Reason::Price { asked } => ("price", Some(("unit_price", money(asked, unit)))),
        Reason::Cost { total } => ("cost", total.map(|total| ("total", money(total, unit)))),
        Reason::Expired { at } => ("expired", Some(("valid_until", moment(at).into()))),
        Reason::OtherProvider => ("other_provider", None),
        Reason::Ignored => ("ignored", None),
        Reason::Own => ("own", None),
        Reason::OtherModel => ("other_model", None),
    };
    let over = if let Reason::Outranked { over, .. } = passed.reason { Some(over) } else { None };
    let mut document = json!({
        "provider": full(passed.provider), "reason": name, "words": words(passed.reason, limits),
        "behind": null, "over": over, "until": null, "unit_price": null, "total": null, "valid_until": null,
    });
    if let Some((key, value)) = more {
        document[key] = value;
    }
    document
}

/// No offer was taken, or none would be. `story` says where more can be learnt.
pub(crate) fn failure(
    unmatched: &Unmatched,
    (unit, ceilings): (&str, CeilingNames),
    story: &str,
) -> CommandError {
    if left_alone(unmatched) {
        return CommandError::new(
            Exit::Problem,
            "NOTARY_LEFT",
            NOTARY_LEFT,
            format!("{LEAVE_HINT}; nothing was spent"),
        );
    }
    if let Some(over) = unmatched.over_funds {
        return CommandError::new(Exit::Money, "NO_FUNDS", over, FUNDS_HINT);
    }
    if let Some(refusal) = unmatched.refusal {
        return refused(refusal, unit, story);
    }
    if let Some(over) = unmatched.over_day {
        return over_day(over);
    }
    // Who is busy may have been cheaper.
    if unmatched.is_busy() {
        let message = format!("everyone who fits is busy: {}", counted(unmatched, (unit, ceilings)));
        return CommandError::new(Exit::NoMatch, "BUSY", message, BUSY_HINT).retryable();
    }
    if unmatched.cost > 0 && unmatched.price == 0 {
        return over_ceiling(unmatched, (unit, ceilings));
    }
    let counted = counted(unmatched, (unit, ceilings));
    let message = match unmatched.price_least {
        Some(least) => format!("no offer matches: {counted}; the least asks {least} {unit}s a unit"),
        None => format!("no offer matches: {counted}"),
    };
    CommandError::new(Exit::NoMatch, "NO_MATCH", message, hint(unmatched, ceilings))
}

fn over_ceiling(unmatched: &Unmatched, (unit, ceilings): (&str, CeilingNames)) -> CommandError {
    let name = ceilings.cost().name(unit);
    let message = match unmatched.cost {
        1 => format!("the one offer that fits costs more than {name}"),
        fitting => format!("all of the {fitting} offers that fit cost more than {name}"),
    };
    let message = match unmatched.cost_least {
        Some(least) => format!("{message}, the least {least} {unit}s"),
        None => message,
    };
    let hint = format!("{}; nothing was spent", ceilings.ways_out(unmatched.cost_least, unit));
    CommandError::new(Exit::Money, "OVER_CEILING", message, hint)
}

/// Why an order was not taken, in words for whoever buys.
pub(crate) fn refusal_words(refusal: Refusal) -> String {
    if refusal == Refusal::Newcomer {
        "the provider is new: it has one job at a time, until that is closed".to_owned()
    } else if refusal == Refusal::Exposure {
        "the provider has as much work open as its stake covers".to_owned()
    } else if refusal == Refusal::Nonce {
        "the notary counts orders of this key that this home knows nothing of".to_owned()
    } else {
        refusal.to_string()
    }
}

/// The account held too little for an order of this total, and nobody knows by how much.
pub(crate) fn no_funds(total: Option<Amount>, unit: &str) -> CommandError {
    let message = match total {
        Some(total) => format!(
            "the account did not hold what the job needs: {total} {unit}s, and what has to be kept beside them"
        ),
        None => "the account did not hold what the job needs".to_owned(),
    };
    CommandError::new(Exit::Money, "NO_FUNDS", message, FUNDS_HINT)
}

fn refused(refusal: Refusal, unit: &str, story: &str) -> CommandError {
    if refusal == Refusal::Funds {
        return no_funds(None, unit);
    }
    let message = if refusal == Refusal::Notary {
        "every offer was refused, the last by a provider that takes no order of this notary: it may have left it".to_owned()
    } else {
        format!("every offer was refused, the last: {}", refusal_words(refusal))
    };
    let (exit, code, hint) = if refusal == Refusal::Total {
        (Exit::Money, "OVER_CEILING", TOTAL_HINT)
    } else if refusal == Refusal::Notary {
        (Exit::NoMatch, "NO_NOTARY", "`assay status` says which notaries were left; nothing was spent")
    } else if refusal == Refusal::Busy {
        (Exit::NoMatch, "BUSY", "try again in a moment; nothing was spent")
    } else if refusal == Refusal::Newcomer {
        (Exit::NoMatch, "REFUSED", NEWCOMER_HINT)
    } else if refusal == Refusal::Exposure {
        (Exit::NoMatch, "REFUSED", "try again in a moment; nothing was spent")
    } else if refusal == Refusal::Limits {
        (Exit::NoMatch, "REFUSED", LIMITS_HINT)
    } else if refusal == Refusal::Checkers {
        (Exit::NoMatch, "REFUSED", CHECKERS_HINT)
    } else if refusal == Refusal::Nonce {
        (Exit::NoMatch, "REFUSED", NONCE_HINT)
    } else {
        (Exit::NoMatch, "REFUSED", story)
    };
    let failure = CommandError::new(exit, code, message, hint);
    if is_passing(refusal) { failure.retryable() } else { failure }
}

fn hint(unmatched: &Unmatched, ceilings: CeilingNames) -> String {
    let hint = match unmatched {
        Unmatched { offers: 0, .. } => {
            "look at `assay status`: is anybody connected? Offers arrive within seconds"
        }
        Unmatched { price: 1.., price_least, .. } => {
            return format!("{}; `assay offers` shows the prices", ceilings.price().raise(*price_least));
        }
        Unmatched { other_provider: 1.., .. } => {
            "leave out --provider, or wait until its offer is seen; `assay offers` lists them"
        }
        Unmatched { ignored: 1.., .. } => {
            "ignore fewer with --ignore, or wait until another offer is seen; `assay offers` lists them"
        }
        Unmatched { tried: 1.., .. } => {
            "whoever was tried did not answer, or would not: their offers are listed until they expire; try again in a moment"
        }
        _ => "`assay offers` lists what can be ordered now",
    };
    hint.to_owned()
}

#[cfg(test)]
mod tests;
