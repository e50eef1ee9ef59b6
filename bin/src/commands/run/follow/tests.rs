//! What nothing came of, in one line.

use assay_market::submission::{OverFunds, Unmatched};
use assay_protocol::{
    id::PeerId,
    units::{Amount, Rate, Timestamp},
};

use super::*;

const OVER: OverFunds = OverFunds { free: Amount(300_000_000), need: Amount(900_000_000) };

fn ended(unmatched: Unmatched) -> SubmissionView {
    SubmissionView {
        key: Digest::default(),
        manifest: "digits".to_owned(),
        attempts: Vec::new(),
        cancelled: false,
        ended: true,
        unmatched: Some(unmatched),
    }
}

#[test]
fn a_job_that_came_to_nothing_says_why_in_one_line() {
    let none = Unmatched::default;
    let cases = [
        (none(), Exit::NoMatch, "no offer matches: 0 seen"),
        (
            Unmatched { offers: 7, price: 5, expired: 2, ..none() },
            Exit::NoMatch,
            "no offer matches: 7 seen, 5 above --max-price, 2 expired",
        ),
        (
            Unmatched { offers: 1, cost: 1, ..none() },
            Exit::Money,
            "the one offer that fits costs more than --max-cost",
        ),
        (
            Unmatched { offers: 3, cost: 2, ..none() },
            Exit::Money,
            "all of the 2 offers that fit cost more than --max-cost",
        ),
        (
            Unmatched { offers: 2, price: 2, price_least: Some(Amount(50_000_000)), ..none() },
            Exit::NoMatch,
            "no offer matches: 2 seen, 2 above --max-price; the least asks 0.05 tokens a unit",
        ),
        (
            Unmatched { offers: 2, cost: 2, cost_least: Some(Amount(140_000_000)), ..none() },
            Exit::Money,
            "all of the 2 offers that fit cost more than --max-cost, the least 0.14 tokens",
        ),
        (
            Unmatched { refusal: Some(Refusal::Funds), over_funds: Some(OVER), ..none() },
            Exit::Money,
            "the account holds 0.30, and the job needs 0.90 at most",
        ),
        (
            Unmatched { refusal: Some(Refusal::Funds), ..none() },
            Exit::Money,
            "the account did not hold what the job needs",
        ),
        (
            Unmatched { failure: Some(Failure::BadInput), ..none() },
            Exit::JobFailed,
            "every attempt failed, the last: the runner refuses the input",
        ),
    ];
    for (unmatched, exit, message) in cases {
        let failure = came_to_nothing(&ended(unmatched), None, false, ("token", CeilingNames::default()));
        assert_eq!(failure.exit(), exit, "{message}");
        assert_eq!(failure.to_json()["error"]["message"], message);
    }
}

fn attempt(state: AttemptState) -> AttemptView {
    AttemptView {
        job: Digest::default(),
        provider: PeerId([1; 32]),
        ordered: Timestamp(0),
        price: Amount(1),
        total_max: Amount(900_000_000),
        held: Amount(900_000_000),
        state,
        end: None,
        rate: None,
        output: None,
        receipt: None,
        cost: None,
    }
}

#[test]
fn money_that_lacked_is_told_whatever_another_refused_for_after() {
    let states = [Refusal::Funds, Refusal::Exposure].map(AttemptState::Refused);
    let attempts = states.map(attempt).to_vec();
    let told = |over_funds| {
        let unmatched = Unmatched { refusal: Some(Refusal::Exposure), over_funds, ..Unmatched::default() };
        let submission = SubmissionView { attempts: attempts.clone(), ..ended(unmatched) };
        let failure = came_to_nothing(&submission, None, false, ("token", CeilingNames::default()));
        assert_eq!((failure.exit(), failure.code()), (Exit::Money, "NO_FUNDS"));
        failure.lines()[0].to_owned()
    };
    assert_eq!(
        told(None),
        "the account did not hold what the job needs: 0.90 tokens, and what has to be kept beside them"
    );
    assert_eq!(told(Some(OVER)), "the account holds 0.30, and the job needs 0.90 at most");
}

#[test]
fn what_attempts_have_cost_in_vain_is_told_where_it_was_said_that_nothing_was_spent() {
    let (fee, held) = (Amount(140_000_000), Amount(900_000_000));
    let failed = |cost| AttemptView {
        cost,
        rate: Some(Rate::ZERO),
        ..attempt(AttemptState::Closed(Outcome::GreyRefunded))
    };
    let told = |attempts: &[AttemptView], unmatched: Unmatched| {
        let submission = SubmissionView { attempts: attempts.to_vec(), ..ended(unmatched) };
        let failure = came_to_nothing(&submission, None, false, ("token", CeilingNames::default()));
        (failure.exit(), failure.lines()[1].to_owned())
    };
    let trap = || Unmatched { failure: Some(Failure::Trap), ..Unmatched::default() };
    let (exit, hint) = told(&[failed(Some(fee))], trap());
    assert!(exit == Exit::JobFailed && hint.ends_with("; 0.14 tokens were spent on attempts"), "{hint}");
    let (_, hint) = told(&[failed(Some(Amount::ZERO))], trap());
    assert!(hint.ends_with("; nothing was spent"), "{hint}");
    let (_, hint) = told(&[failed(Some(fee)), failed(None)], trap());
    let open = format!("; {held} tokens are held for attempts that are not closed: ");
    assert!(hint.contains("; 0.14 tokens were spent on attempts; ") && hint.contains(&open), "{hint}");
    let (exit, hint) =
        told(&[failed(Some(fee))], Unmatched { over_funds: Some(OVER), ..Unmatched::default() });
    assert_eq!(exit, Exit::JobFailed, "7 would say that nothing was spent");
    assert!(hint.contains("0.14 tokens were spent") && !hint.contains("nothing was spent"), "{hint}");
}

#[test]
fn a_provider_that_was_lost_in_the_middle_is_told_before_that_nobody_else_was_found() {
    let closed = |outcome, cost| AttemptView {
        cost: Some(cost),
        rate: Some(Rate::ZERO),
        ..attempt(AttemptState::Closed(outcome))
    };
    let told = |attempts: Vec<AttemptView>, unmatched: Unmatched| {
        let submission = SubmissionView { attempts, ..ended(unmatched) };
        let failure = came_to_nothing(&submission, None, false, ("token", CeilingNames::default()));
        let [message, hint] = failure.lines().map(str::to_owned);
        (failure.exit(), failure.code(), message, hint)
    };
    let lost = || vec![closed(Outcome::NoClaim, Amount::ZERO)];
    let named = || Unmatched { offers: 2, other_provider: 1, tried: 1, ..Unmatched::default() };
    let (exit, code, message, hint) = told(lost(), named());
    assert_eq!((exit, code), (Exit::JobFailed, "PROVIDER_LOST"));
    let begins = "provider 010101010101 was lost in the middle of the job, and is paid nothing; no offer matches: 2 seen";
    assert!(message.starts_with(begins), "{message}");
    assert!(hint.contains("without --provider") && hint.ends_with("nothing was spent"), "{hint}");
    let (.., hint) = told(lost(), Unmatched { offers: 1, tried: 1, ..Unmatched::default() });
    assert!(!hint.contains("--provider"), "{hint}");
    let (.., hint) = told(vec![closed(Outcome::NoClaim, Amount(140_000_000))], named());
    assert!(hint.ends_with("; 0.14 tokens were spent on attempts"), "{hint}");

    let busy = Unmatched { busy: 1, ..named() };
    assert_eq!(told(lost(), busy).1, "BUSY", "who is busy may be asked in a moment");
    let unopened = vec![attempt(AttemptState::Unanswered)];
    assert_eq!(told(unopened, named()).1, "NO_MATCH", "it never began");
}

#[test]
fn one_attempt_that_failed_is_not_said_to_be_several() {
    let failed = attempt(AttemptState::Failed(Failure::Trap));
    let message = |attempts: Vec<AttemptView>| {
        let unmatched = Unmatched { failure: Some(Failure::Trap), ..Unmatched::default() };
        let submission = SubmissionView { attempts, ..ended(unmatched) };
        let failure = came_to_nothing(&submission, None, false, ("token", CeilingNames::default()));
        failure.lines()[0].to_owned()
    };
    assert_eq!(message(vec![failed.clone()]), "the attempt failed: the runner crashed");
    assert_eq!(message(vec![failed.clone(), failed]), "every attempt failed, the last: the runner crashed");
}

#[test]
fn what_is_paid_and_not_here_yet_is_waited_for_and_never_said_to_have_met_no_offer() {
    let paid = attempt(AttemptState::Closed(Outcome::Checked));
    let with = |attempt: &AttemptView| SubmissionView {
        attempts: vec![attempt.clone()],
        unmatched: None,
        ..ended(Unmatched::default())
    };
    assert!(is_on_its_way(&with(&paid)));
    assert!(!is_on_its_way(&SubmissionView { ended: false, ..with(&paid) }), "the rest of it is looked for");
    let here = AttemptView { output: Some(Digest::default()), ..paid };
    assert!(!is_on_its_way(&with(&here)));
    assert!(!is_on_its_way(&with(&attempt(AttemptState::Closed(Outcome::Mismatch)))), "nobody owes it");
    let failure = not_delivered(Digest::default());
    assert_eq!((failure.exit(), failure.code()), (Exit::JobFailed, "NOT_DELIVERED"));
}
