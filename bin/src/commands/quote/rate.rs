//! Why a job is checked as often as it is, in words and as a document.
//!
//! **Invariant:** every number is one that `market::policy` gave; here they only get words.

use assay_market::policy::{Components, Cost, Detection, Explanation, Newcomer, Ruler};
use serde_json::{Value, json};

use crate::printer::{Table, money, number_of, rate};

/// Thousandths that make one.
const THOUSANDTHS: u64 = 1_000;

/// Adds what an explanation says to a table of what and how.
pub(crate) fn rows(table: &mut Table, explained: &Explanation, unit: &str) {
    let mut row = |what: &str, how: String| table.row([what.to_owned(), how]);
    let Components { base, deterrence, ramp } = explained.components;
    row("check", format!("a chance of {}: {}", explained.rate, ruler(explained.ruler)));
    row("  base", format!("{base}, which no trust lowers"));
    row("  deterrence", format!("{deterrence}, from where on a cheat loses more than it gains"));
    row("  trust", format!("{ramp}, which the provider's trust leaves"));
    let Cost { premium, margin, .. } = explained.cost;
    row("premium", format!("{premium} {unit}s, {margin} of it above the expected cost of checks"));
    row("dues", format!("{} {unit}s of the provider's pay go to checks at most", explained.dues));
    row("slash", format!("a conviction costs it {} {unit}s, as far as its stake goes", explained.slash));
    row("jury", format!("convicts with a lead of {}", explained.margin));
    row(
        "a check convicts",
        format!("{} of cheats and {} of the honest", explained.convicts, explained.convicts_honest),
    );
    for detection in &explained.detections {
        row("caught", caught(detection));
    }
    row("accepted", accepted(explained.accepted_thousandths));
    if let Some(Newcomer { loss_max, garbage_max }) = explained.newcomer {
        row("you can lose", format!("{loss_max} {unit}s, if a newcomer's result is found false"));
        row("garbage earns", format!("{garbage_max} {unit}s on average, if it is a newcomer's"));
    }
}

/// What decides a rate, in words.
fn ruler(ruler: Ruler) -> &'static str {
    match ruler {
        Ruler::Newcomer => "every job of a newcomer is checked",
        Ruler::Prepaid => "the client pays for the check in advance",
        Ruler::Endowed => "the network pays for the first checks of this model on this class of machine",
        Ruler::Strict => "every job is checked after an accusation or too many unclear results",
        Ruler::Base => "the lowest that this network has",
        Ruler::Deterrence => "what it takes to make cheating a loss",
        Ruler::Ramp => "trust that the provider has still to earn",
    }
}

fn caught(detection: &Detection) -> String {
    let Detection { share, jobs } = detection;
    match jobs {
        Some(jobs) => format!("with 95 % within {}, if it cheats in {share} of them", number_of(jobs, "job")),
        None => format!("never, if it cheats in {share} of its jobs"),
    }
}

fn accepted(thousandths: Option<u64>) -> String {
    let Some(count) = thousandths else { return "every false result: no check convicts".to_owned() };
    let (whole, rest) = (count / THOUSANDTHS, count % THOUSANDTHS);
    format!("{whole}.{rest:03} false results, on average, before one convicts")
}

/// An explanation for programs.
pub(crate) fn document(explained: &Explanation, unit: &str) -> Value {
    let money = |amount| money(amount, unit);
    let Components { base, deterrence, ramp } = explained.components;
    let detections = explained.detections.iter();
    let detections =
        detections.map(|caught| json!({ "share": rate(caught.share), "jobs_needed": caught.jobs }));
    json!({
        "rate": rate(explained.rate), "ruler": explained.ruler, "words": ruler(explained.ruler),
        "components": { "base": rate(base), "deterrence": rate(deterrence), "ramp": rate(ramp) },
        "costs": costs_document(&explained.cost, unit),
        "dues": money(explained.dues), "slash": money(explained.slash), "jury_margin": explained.margin,
        "convicts": rate(explained.convicts), "convicts_honest": rate(explained.convicts_honest),
        "caught_with_95_per_cent": detections.collect::<Vec<_>>(),
        "accepted_thousandths": explained.accepted_thousandths,
        "newcomer": explained.newcomer.map(|newcomer| json!({
            "loss_max": money(newcomer.loss_max), "garbage_max": money(newcomer.garbage_max),
        })),
    })
}

/// What a client puts up, for programs.
fn costs_document(cost: &Cost, unit: &str) -> Value {
    let money = |amount| money(amount, unit);
    json!({
        "total": money(cost.total), "price": money(cost.price), "premium": money(cost.premium),
        "margin": money(cost.margin), "prepaid": money(cost.prepaid), "place": money(cost.place),
    })
}

#[cfg(test)]
mod tests {
    use assay_protocol::units::Rate;

    use super::*;

    #[test]
    fn counts_of_jobs_read_as_sentences() {
        let share = Rate::per_mille(100);
        assert_eq!(
            caught(&Detection { share, jobs: Some(29) }),
            "with 95 % within 29 jobs, if it cheats in 10.00 % of them"
        );
        assert_eq!(caught(&Detection { share, jobs: None }), "never, if it cheats in 10.00 % of its jobs");
        assert_eq!(accepted(Some(64_805)), "64.805 false results, on average, before one convicts");
        assert_eq!(accepted(Some(7)), "0.007 false results, on average, before one convicts");
        assert_eq!(accepted(None), "every false result: no check convicts");
    }
}
