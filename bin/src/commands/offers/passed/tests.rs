//! What is said where nobody took a job.

use assay_peer::config::ClientSettings;
use assay_protocol::units::{Amount, Rate, Timestamp};

use super::*;

const UNIT: &str = "credit";

#[test]
fn each_reason_reads_as_a_sentence_and_as_a_document() {
    let behind = Rate::per_mille(31);
    let busy = format!("busy a moment ago; left alone until {}", local(Timestamp(1_000)));
    let expired = format!("expired at {}", local(Timestamp(0)));
    let cases = [
        (Reason::Lot { behind }, "lot", "as good, 3.10 % behind the best; the lot fell on another"),
        (
            Reason::Outranked { behind, over: Aspect::Speed },
            "outranked",
            "outranked, 3.10 % behind the best, most of it for the time that a run takes",
        ),
        (Reason::Stranger, "stranger", "has less to lose by this job than others"),
        (Reason::Convicted, "convicted", "convicted of a false result in the last 30 days"),
        (Reason::Tried, "tried", "tried before, for this job"),
        (Reason::Busy { until: Timestamp(1_000) }, "busy", &*busy),
        (Reason::Price { asked: Amount::credits(2) }, "price", "asks 2.00 credits a unit, above --max-price"),
        (
            Reason::Cost { total: Some(Amount::credits(3)) },
            "cost",
            "would cost 3.00 credits in all, above --max-cost",
        ),
        (Reason::Cost { total: None }, "cost", "no order could be made there at the time"),
        (Reason::Expired { at: Timestamp(0) }, "expired", &*expired),
        (Reason::OtherProvider, "other_provider", "not the provider that --provider names"),
        (Reason::Ignored, "ignored", "left out by --ignore"),
        (Reason::Own, "own", "this peer's own"),
        (Reason::OtherModel, "other_model", "serves other models"),
    ];
    for (reason, name, sentence) in cases {
        let passed = PassedOver { provider: Default::default(), reason };
        let document = offer_document(&passed, (UNIT, CeilingNames::default()));
        assert_eq!((document["reason"].as_str(), document["words"].as_str()), (Some(name), Some(sentence)));
    }
}

#[test]
fn what_is_above_a_setting_is_not_said_to_be_above_a_flag() {
    let client = ClientSettings::default();
    let (cost, price) = (client.cost_max, client.unit_price_max);
    let limits = (UNIT, CeilingNames::of_equal(Some(cost), Some(price), &client));
    let said = words(Reason::Price { asked: Amount::credits(2) }, limits);
    assert_eq!(said, format!("asks 2.00 credits a unit, above client.unit_price_max ({price} credits)"));
    let said = words(Reason::Cost { total: Some(Amount::credits(3)) }, limits);
    assert_eq!(said, format!("would cost 3.00 credits in all, above client.cost_max ({cost} credits)"));
    let counts = Unmatched { offers: 2, price: 1, cost: 1, ..Unmatched::default() };
    let said = counted(&counts, limits);
    assert!(said.contains("1 above client.unit_price_max (") && !said.contains("--max"), "{said}");
}

#[test]
fn who_would_pay_too_little_is_told_what_is_enough_in_words_and_for_programs() {
    let (price, cost) = (Amount(140_000_000), Amount(1_250_000_000));
    let none = Unmatched::default;
    let over = OverFunds { free: Amount(300_000_000), need: Amount(900_000_000) };
    let refusal = Some(Refusal::Funds);
    let cases = [
        (
            Unmatched { offers: 3, price: 2, price_least: Some(price), ..none() },
            "raise --max-price to 0.14; ",
        ),
        (Unmatched { offers: 3, price: 2, ..none() }, "raise --max-price; "),
        (Unmatched { offers: 3, cost: 2, cost_least: Some(cost), ..none() }, "raise --max-cost to 1.25; "),
        (Unmatched { offers: 3, cost: 2, ..none() }, "raise --max-cost; "),
        (Unmatched { over_funds: Some(over), refusal, ..none() }, FUNDS_HINT),
        (Unmatched { refusal, ..none() }, FUNDS_HINT),
    ];
    for (unmatched, begin) in cases {
        let failure = failure(&unmatched, (UNIT, CeilingNames::default()), "the story");
        let [_, hint] = failure.lines();
        assert!(hint.starts_with(begin), "{hint}");
        let (counts, unpriced) = (counts(&unmatched, Some(UNIT)), counts(&unmatched, None));
        let told = |amount: Option<Amount>| amount.map_or(Value::Null, |amount| money(amount, UNIT));
        assert_eq!(counts["unit_price_least"], told(unmatched.price_least));
        assert_eq!(counts["total_least"], told(unmatched.cost_least));
        assert_eq!(counts["over_funds"]["free"], told(unmatched.over_funds.map(|over| over.free)));
        assert_eq!(counts["over_funds"]["needed_most"], told(unmatched.over_funds.map(|over| over.need)));
        let keys = ["unit_price_least", "total_least", "over_funds"];
        assert!(keys.iter().all(|key| unpriced[key].is_null()), "{unpriced}");
    }
}

#[test]
fn who_has_left_the_notary_is_told_so_and_who_was_refused_by_others_is_told_that() {
    let refusal = Some(Refusal::Notary);
    let told = |offers| {
        let counts = Unmatched { offers, refusal, ..Unmatched::default() };
        let failure = failure(&counts, (UNIT, CeilingNames::default()), "the story");
        (failure.exit(), failure.code(), failure.lines()[0].to_owned())
    };
    assert_eq!(told(0), (Exit::Problem, "NOTARY_LEFT", NOTARY_LEFT.to_owned()));
    assert_eq!((told(2).0, told(2).1), (Exit::NoMatch, "NO_NOTARY"));
}

#[test]
fn who_asked_a_new_provider_a_second_time_is_told_who_is_new_and_what_to_wait_for() {
    let unmatched = Unmatched { refusal: Some(Refusal::Newcomer), offers: 1, ..Unmatched::default() };
    let failure = failure(&unmatched, (UNIT, CeilingNames::default()), "the story");
    let [message, hint] = failure.lines();
    assert!(
        message.ends_with("the provider is new: it has one job at a time, until that is closed"),
        "{message}"
    );
    assert!(hint.contains("`assay job wait JOB`"), "{hint}");
    assert_eq!((failure.exit(), failure.code()), (Exit::NoMatch, "REFUSED"));
    assert_eq!(failure.to_json()["error"]["retryable"], true);
    assert_eq!(counts(&unmatched, Some(UNIT))["refusal"], "newcomer", "the word for programs stays");
}

#[test]
fn where_those_who_fit_are_busy_it_is_not_said_that_nobody_matches() {
    let unmatched = Unmatched { offers: 3, other_model: 1, cost: 1, busy: 1, ..Unmatched::default() };
    let failure = failure(&unmatched, (UNIT, CeilingNames::default()), "the story");
    let [message, hint] = failure.lines();
    assert_eq!(
        message,
        "everyone who fits is busy: 3 seen, 1 serves other models, 1 above --max-cost, 1 busy"
    );
    assert!(hint.starts_with("try again in a moment"), "{hint}");
    assert_eq!((failure.exit(), failure.code()), (Exit::NoMatch, "BUSY"));
    assert_eq!(failure.to_json()["error"]["retryable"], true);
}

#[test]
fn where_nobody_answers_it_is_not_said_that_what_is_listed_can_be_ordered() {
    let unmatched = Unmatched { offers: 4, tried: 4, ..Unmatched::default() };
    let failure = failure(&unmatched, (UNIT, CeilingNames::default()), "the story");
    let [message, hint] = failure.lines();
    assert_eq!(message, "no offer matches: 4 seen, 4 tried in vain");
    assert!(hint.starts_with("whoever was tried did not answer"), "{hint}");
}

#[test]
fn who_ordered_what_too_few_can_check_is_told_who_could_change_that_and_not_to_try_again() {
    let unmatched =
        Unmatched { refusal: Some(Refusal::Checkers), offers: 2, tried: 2, ..Unmatched::default() };
    let failure = failure(&unmatched, (UNIT, CeilingNames::default()), "the story");
    let [message, hint] = failure.lines();
    assert!(message.ends_with("too few others can check this job"), "{message}");
    assert!(hint.contains("`assay account register`"), "{hint}");
    assert_eq!(failure.to_json()["error"]["retryable"], false);
}

#[test]
fn whose_stake_covers_no_more_is_told_without_the_words_of_the_books() {
    let unmatched = Unmatched { refusal: Some(Refusal::Exposure), offers: 1, ..Unmatched::default() };
    let failure = failure(&unmatched, (UNIT, CeilingNames::default()), "the story");
    let [message, hint] = failure.lines();
    assert!(message.ends_with("the provider has as much work open as its stake covers"), "{message}");
    assert!(hint.starts_with("try again in a moment"), "{hint}");
}

#[test]
fn whose_orders_have_numbers_that_are_taken_is_told_where_those_may_have_come_from() {
    let unmatched = Unmatched { refusal: Some(Refusal::Nonce), offers: 1, ..Unmatched::default() };
    let failure = failure(&unmatched, (UNIT, CeilingNames::default()), "the story");
    let [message, hint] = failure.lines();
    assert!(message.ends_with("orders of this key that this home knows nothing of"), "{message}");
    assert!(hint.starts_with("the key was brought back without its journal"), "{hint}");
}

#[test]
fn who_lets_a_run_take_too_little_is_told_where_that_is_set() {
    let unmatched = Unmatched { refusal: Some(Refusal::Limits), offers: 1, ..Unmatched::default() };
    let failure = failure(&unmatched, (UNIT, CeilingNames::default()), "the story");
    let [message, hint] = failure.lines();
    assert!(message.ends_with("the order is beyond the provider's limits"), "{message}");
    assert!(hint.contains("`assay config set client.run_max 2m`"), "{hint}");
}

#[test]
fn what_is_not_told_one_by_one_is_counted() {
    let counts = Unmatched { offers: 40, lot: 2, outranked: 1, other_model: 36, ..Unmatched::default() };
    assert_eq!(
        counted(&counts, (UNIT, CeilingNames::default())),
        "40 seen, 2 as good (a lot decides), 1 outranked, 36 serve other models"
    );
    assert_eq!(untold(&Passed { counts, offers: Vec::new() }), 39);
}
