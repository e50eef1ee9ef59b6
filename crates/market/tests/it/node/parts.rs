//! A provider that is given up in the middle of a text, and claims what it had written: somebody else goes on, beside what is
//! still to be paid of it.

use assay_market::{
    Command, Event, Input,
    ledger::LANES_MAX,
    submission::Submission,
    view::{AttemptState, AttemptView},
};
use assay_protocol::{
    claim::Claim,
    id::Digest,
    manifest::End,
    notice::NoticeEvent,
    order::Order,
    outcome::Outcome,
    signed::Signed,
    units::{Amount, Duration},
};

use super::{
    awaiting::{bind, delivery, proven},
    ordering::{BOTH, KEY, OTHER, other, why_given_up},
    table::{Table, account, result},
};
use crate::office::{NOTARY, PROVIDER};

/// A client that has given up the provider of its order, whose user lets it spend so much.
fn forsaken(cost_max: Amount) -> (Table, Order, u64) {
    forsaken_by(&BOTH, |submission| submission.cost_max = cost_max)
}

/// The same, of a client that has heard of these providers, and another wish.
fn forsaken_by(providers: &[u64], change: impl FnOnce(&mut Submission)) -> (Table, Order, u64) {
    let mut table = Table::client(providers);
    table.submit(1, change);
    let (to, order) = table.proposed();
    table.accept(to, &order);
    let ticket = *table.ticket(&order).said();
    table.hear(NOTARY, ticket);
    table.pass(Duration::seconds(6));
    assert!(table.told().any(|event| matches!(event, Event::Cancelling { .. })), "{:?}", table.effects);
    (table, order, to)
}

/// What its provider claims of it.
fn part(table: &Table, order: &Order) -> Signed<Claim> {
    let ticket = table.office.job(order.id()).map(|job| job.ticket().digest()).expect("the job is open");
    let (end, commit) = (End::Cancelled, Digest::of(b"a part"));
    let claim = Claim { job: order.id(), ticket, units: 4, work: 8, check_work: 8, end, commit };
    table.office.say(order.provider, claim)
}

fn claims(table: &mut Table, order: &Order) -> Signed<Claim> {
    let claim = part(table, order);
    table.notice(NOTARY, order.id(), NoticeEvent::Claimed { position: 9, claim: claim.clone() });
    claim
}

/// The notary closes a job as paid.
fn pays(table: &mut Table, order: &Order, claim: Option<Digest>) {
    let (job, outcome, receipt) = (order.id(), Outcome::NotDrawn, Digest::of(&order.id().0));
    table.notice(NOTARY, job, NoticeEvent::Closed { outcome, receipt });
    table.feed(Input::Collected { job, digest: receipt, found: Ok(proven(outcome, claim)) });
}

fn has_ended(table: &Table) -> bool {
    table.node().submission(KEY).expect("it is known").ended
}

#[test]
fn the_rest_of_a_text_is_ordered_elsewhere_as_soon_as_a_part_is_claimed() {
    let (mut table, order, to) = forsaken(Amount::credits(10));
    let claim = claims(&mut table, &order);
    let (next, second) = table.proposed();
    assert_eq!(table.said(), [("Propose", next), ("Reveal", NOTARY)]);
    assert_eq!((next, second.lane, second.nonce), (other(to), order.lane + 1, 0), "beside the first");
    claims(&mut table, &order);
    assert_eq!(table.count("Propose"), 0, "once is enough");

    table.accept(next, &second);
    let ticket = *table.ticket(&second).said();
    table.hear(NOTARY, ticket);
    pays(&mut table, &order, Some(claim.said().digest()));
    assert_eq!((has_ended(&table), table.count("Propose")), (false, 0), "what is wanted is the rest");
    table.restart();
    assert_eq!((has_ended(&table), table.count("Propose")), (false, 0));

    let deliver = delivery(&table, &second);
    table.hear(next, deliver.clone());
    bind(&mut table, &second, &deliver);
    table.fetched(result(4).written.blob, result(4).written.root);
    let view = table.node().submission(KEY).expect("it is known");
    assert_eq!(view.answer().map(|attempt| attempt.job), Some(second.id()));
    pays(&mut table, &second, Some(deliver.claim.said().digest()));
    let view = table.node().submission(KEY).expect("it is known");
    let paid = |attempt: &AttemptView| attempt.state == AttemptState::Closed(Outcome::NotDrawn);
    assert!(view.ended && view.attempts.iter().all(paid) && view.attempts.len() == 2, "{view:?}");
}

#[test]
fn a_lane_in_which_a_part_is_paid_is_free_once_it_is() {
    let (mut table, order, _) = forsaken(Amount::credits(10));
    let claim = claims(&mut table, &order);
    table.submit(2, |_| {});
    assert_eq!(table.proposed().1.lane, order.lane + 2, "both are in use");
    pays(&mut table, &order, Some(claim.said().digest()));
    table.submit(3, |_| {});
    let (_, third) = table.proposed();
    assert_eq!((third.lane, third.nonce), (order.lane, 1));
}

#[test]
fn a_part_counts_against_what_all_of_it_may_cost() {
    let (_, order, _) = forsaken(Amount::credits(10));
    let Amount(total) = order.total_max;
    let (mut table, order, _) = forsaken(Amount(total + total / 4));
    claims(&mut table, &order);
    assert_eq!(table.count("Propose"), 0, "both together cost more: {:?}", table.effects);
    assert_eq!(why_given_up(&mut table).cost, 1);
    assert!(has_ended(&table));
}

#[test]
fn who_wants_no_more_of_it_has_the_part() {
    let (mut table, order, _) = forsaken(Amount::credits(10));
    let claim = claims(&mut table, &order);
    let view = table.node().submission(KEY).expect("it is known");
    assert!(view.awaits_rest(&view.attempts[0]), "{view:?}");
    table.want(Command::Cancel { key: KEY });
    let view = table.node().submission(KEY).expect("it is known");
    assert!(view.cancelled && !view.awaits_rest(&view.attempts[0]), "{view:?}");
    pays(&mut table, &order, Some(claim.said().digest()));
    assert_eq!((has_ended(&table), table.count("Propose")), (true, 0));
}

#[test]
fn nobody_goes_on_with_what_its_user_wants_no_more_of_whatever_is_heard_then() {
    let (mut table, order, _) = forsaken(Amount::credits(10));
    claims(&mut table, &order);
    table.want(Command::Cancel { key: KEY });
    table.restart();
    table.hear(NOTARY, account(0, 0));
    assert_eq!((has_ended(&table), table.count("Propose")), (false, 0), "the part is still to be paid");
}

#[test]
fn the_rest_of_a_text_waits_for_a_lane_where_all_are_in_use() {
    let (mut table, order, _) = forsaken(Amount::credits(10));
    let key = |number: u16| Digest::of(&number.to_be_bytes());
    for number in 1..LANES_MAX {
        table.submit(0, |submission| submission.key = key(number));
        assert_eq!(table.proposed().1.lane, number);
    }
    claims(&mut table, &order);
    assert_eq!(table.count("Propose"), 0, "nobody can be asked");
    table.pass(Duration::seconds(10));
    assert!(!has_ended(&table), "it is given up");
    table.want(Command::Cancel { key: key(3) });
    let (_, rest) = table.proposed();
    assert_eq!((rest.lane, rest.nonce), (3, 0));
}

#[test]
fn a_part_that_is_all_that_comes_is_waited_for_until_its_job_is_over() {
    let (mut table, order, _) = forsaken_by(&BOTH, |submission| submission.attempts_max = 1);
    let claim = claims(&mut table, &order);
    assert_eq!((has_ended(&table), table.count("Propose")), (false, 0), "nobody else is to be tried");
    table.restart();
    table.hear(NOTARY, account(0, 0));
    assert!(!has_ended(&table), "its output is still to come");
    pays(&mut table, &order, Some(claim.said().digest()));
    assert_eq!((has_ended(&table), table.count("Propose")), (true, 0));
}

/// A client of before took a part for all that was wanted: what it was paid for long ago is not ordered again.
#[test]
fn nobody_goes_on_with_a_text_of_which_a_part_was_paid_long_ago() {
    for (away, goes_on) in [(Duration::seconds(60), true), (Duration::seconds(86_400), false)] {
        let (mut table, order, _) = forsaken_by(&[PROVIDER], |_| {});
        let claim = claims(&mut table, &order);
        pays(&mut table, &order, Some(claim.said().digest()));
        assert!(!has_ended(&table), "somebody may come who goes on");
        table.now = table.now.after(away);
        table.restart();
        table.hear(NOTARY, account(0, 0));
        table.offer(OTHER);
        assert_eq!((has_ended(&table), table.count("Propose")), (!goes_on, usize::from(goes_on)), "{away:?}");
    }
}
