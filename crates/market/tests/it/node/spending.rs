//! What a home may spend a day: refused before anything is sent, counted over restarts, and less once less was spent.

use assay_market::{Event, Input, input::Proven, submission::OverDay};
use assay_protocol::{
    id::Digest,
    notice::NoticeEvent,
    order::{Order, Refusal, Refuse},
    outcome::Outcome,
    units::{Amount, Duration},
};

use super::table::{Table, account};
use crate::office::{FIRST_VERIFIER, NOTARY, PROVIDER};

const OTHER: u64 = FIRST_VERIFIER;
/// From the beginning of these tests to the next day.
const TO_MIDNIGHT: Duration = Duration::seconds(16 * 3_600);

fn limit(table: &mut Table, daily_max: Amount) {
    table.limit_day(Some(daily_max));
}

fn spent(table: &Table) -> Amount {
    table.node().day(table.moment()).spent
}

/// Why the last submission was not taken.
fn refused(table: &Table) -> Option<OverDay> {
    table
        .told()
        .find_map(|event| if let Event::NotSubmitted { over_day, .. } = event { *over_day } else { None })
}

/// Submits a job, and has its order agreed to: the notary is shown it.
fn agreed(table: &mut Table, number: u8) -> Order {
    agreed_within(table, number, Amount::credits(10))
}

/// The same of a job that may cost so much.
fn agreed_within(table: &mut Table, number: u8, cost_max: Amount) -> Order {
    table.submit(number, |wish| wish.cost_max = cost_max);
    let (to, order) = table.proposed();
    table.accept(to, &order);
    order
}

/// The same, and has it opened.
fn opened(table: &mut Table, number: u8) -> Order {
    let order = agreed(table, number);
    let ticket = *table.ticket(&order).said();
    table.hear(NOTARY, ticket);
    order
}

/// The notary closes a job that has cost this much.
fn close(table: &mut Table, order: &Order, outcome: Outcome, cost: Amount) {
    let (job, digest) = (order.id(), Digest([9; 32]));
    table.notice(NOTARY, job, NoticeEvent::Closed { outcome, receipt: digest });
    table.feed(Input::Collected { job, digest, found: Ok(Proven { outcome, claim: None, cost }) });
}

#[test]
fn a_home_spends_no_more_a_day_than_its_user_wants() {
    let mut table = Table::client(&[PROVIDER]);
    let order = opened(&mut table, 1);
    let need = order.total_max;
    assert_eq!(spent(&table), need, "what was opened counts whole");
    let most = need.plus(need).unwrap().minus_up_to(Amount(1));
    limit(&mut table, most);
    let key = table.submit(2, |_| {});
    assert_eq!((table.said(), table.saves()), (Vec::new(), 0), "nothing is sent, nothing is kept");
    let left = need.minus_up_to(Amount(1));
    assert_eq!(refused(&table), Some(OverDay { most, left, need }));
    assert_eq!(table.node().submission(key), None);
    limit(&mut table, most.plus(Amount(1)).unwrap());
    table.submit(2, |_| {});
    assert_eq!(table.said(), [("Propose", PROVIDER)], "a ceiling that is raised holds at once");
}

#[test]
fn what_is_spent_today_is_not_forgotten_over_a_restart_and_does_not_count_tomorrow() {
    let mut table = Table::client(&[PROVIDER]);
    let order = opened(&mut table, 1);
    limit(&mut table, order.total_max);
    table.restart();
    assert_eq!(spent(&table), order.total_max);
    table.submit(2, |_| {});
    assert!(refused(&table).is_some() && table.said().is_empty());
    table.hear(NOTARY, account(0, 0));
    table.pass(TO_MIDNIGHT);
    assert_eq!(spent(&table), Amount::ZERO);
    table.offer(PROVIDER);
    table.submit(2, |_| {});
    assert_eq!(refused(&table), None);
    assert!(table.said().contains(&("Propose", PROVIDER)), "{:?}", table.said());
    let (_, tomorrows) = table.proposed();
    close(&mut table, &order, Outcome::Aborted, Amount::ZERO);
    assert_eq!(spent(&table), tomorrows.total_max, "what ends tomorrow is not tomorrow's");
}

#[test]
fn a_job_that_is_over_counts_with_what_it_has_cost() {
    let mut table = Table::client(&[PROVIDER]);
    for (number, outcome, cost) in [
        (1, Outcome::NotDrawn, Amount(7)),
        (2, Outcome::Aborted, Amount::ZERO),
        (3, Outcome::Void, Amount(5)),
    ] {
        let before = spent(&table);
        let order = agreed(&mut table, number);
        assert_eq!(spent(&table), before.plus(order.total_max).unwrap());
        close(&mut table, &order, outcome, cost);
        assert_eq!(spent(&table), before.plus(cost).unwrap(), "{outcome:?}");
        table.want(assay_market::Command::Cancel { key: Digest([number; 32]) });
    }
    let spent_before = spent(&table);
    table.restart();
    assert_eq!(spent(&table), spent_before);
}

#[test]
fn an_order_that_nobody_opens_costs_nothing() {
    let mut table = Table::client(&[PROVIDER]);
    table.submit(1, |_| {});
    let (to, order) = table.proposed();
    assert_eq!(spent(&table), order.total_max, "it counts before anybody sees it");
    table.hear(to, Refuse { job: order.id(), reason: Refusal::Busy });
    assert_eq!(spent(&table), Amount::ZERO);
}

#[test]
fn an_order_that_its_notary_refused_counts_while_its_job_may_yet_be_opened_by_it() {
    let mut table = Table::client(&[PROVIDER]);
    let order = agreed(&mut table, 1);
    table.hear(NOTARY, Refuse { job: order.id(), reason: Refusal::Full });
    assert_eq!(spent(&table), order.total_max, "a copy of what opens it may be on its way");
    let ticket = *table.ticket(&order).said();
    table.hear(NOTARY, ticket);
    assert_eq!(spent(&table), order.total_max, "it was, and counts once");
    let mut table = Table::client(&[PROVIDER]);
    let order = agreed(&mut table, 1);
    table.hear(NOTARY, Refuse { job: order.id(), reason: Refusal::Full });
    table.want(assay_market::Command::Cancel { key: Digest([1; 32]) });
    assert!(table.node().submission(Digest([1; 32])).is_some_and(|submission| submission.ended));
    assert_eq!(spent(&table), Amount::ZERO, "{order:?}");
}

#[test]
fn of_those_that_are_asked_beside_each_other_one_counts() {
    let mut table = Table::client(&[PROVIDER, OTHER]);
    table.submit(1, |_| {});
    let (_, first) = table.proposed();
    limit(&mut table, first.total_max);
    table.pass(Duration::seconds(4));
    let attempts = table.node().submission(Digest([1; 32])).unwrap().attempts;
    assert_eq!(attempts.len(), 2, "another one is asked although all is spoken for");
    assert_eq!(spent(&table), first.total_max);
}

#[test]
fn an_attempt_that_the_day_does_not_bear_is_not_made() {
    let mut table = Table::client(&[PROVIDER, OTHER]);
    let order = opened(&mut table, 1);
    limit(&mut table, order.total_max);
    close(&mut table, &order, Outcome::Aborted, Amount(1));
    table.pass(Duration::seconds(10));
    let ended = table.node().submission(Digest([1; 32])).unwrap();
    assert_eq!(ended.attempts.len(), 1);
    let over = ended.unmatched.and_then(|unmatched| unmatched.over_day).unwrap();
    assert_eq!((over.most, over.left), (order.total_max, order.total_max.minus_up_to(Amount(1))));
    assert!(ended.ended && over.need > over.left, "{over:?}");
}

#[test]
fn a_day_is_blamed_for_no_attempt_that_what_is_left_of_its_own_ceiling_does_not_bear() {
    let total = agreed(&mut Table::client(&[PROVIDER]), 1).total_max;
    let cost = Amount(7);
    for (most, is_blamed) in [(total, false), (total.plus(cost).unwrap(), true)] {
        let mut table = Table::client(&[PROVIDER, OTHER]);
        let order = agreed_within(&mut table, 1, most);
        let ticket = *table.ticket(&order).said();
        table.hear(NOTARY, ticket);
        limit(&mut table, total);
        close(&mut table, &order, Outcome::Aborted, cost);
        table.pass(Duration::seconds(10));
        let ended = table.node().submission(Digest([1; 32])).unwrap();
        let unmatched = ended.unmatched.unwrap();
        assert_eq!(unmatched.over_day.map(|over| over.need), Some(total).filter(|_| is_blamed));
        assert_eq!((ended.attempts.len(), unmatched.cost_least), (1, total.plus(cost)), "{most:?}");
    }
}

/// A refuted result, a full house or a provider that gives up costs something all the same.
#[test]
fn all_attempts_together_cost_no_more_than_their_user_allows() {
    let total = agreed(&mut Table::client(&[PROVIDER]), 1).total_max;
    for (left, attempts) in [(total.minus_up_to(Amount(1)), 1), (total, 2)] {
        let mut table = Table::client(&[PROVIDER, OTHER]);
        let cost = Amount(7);
        let order = agreed_within(&mut table, 1, left.plus(cost).unwrap());
        let ticket = *table.ticket(&order).said();
        table.hear(NOTARY, ticket);
        close(&mut table, &order, Outcome::Mismatch, cost);
        table.pass(Duration::seconds(10));
        let made = table.node().submission(Digest([1; 32])).unwrap();
        assert_eq!((made.attempts.len(), made.ended), (attempts, attempts == 1), "{left:?}");
        let enough = made.unmatched.and_then(|unmatched| unmatched.cost_least);
        assert_eq!(enough, total.plus(cost).filter(|_| attempts == 1), "what was spent counts as well");
    }
}

/// The next one is in another lane: a notary that lies could open both.
#[test]
fn an_order_whose_number_its_notary_calls_taken_counts_beside_the_next() {
    let total = agreed(&mut Table::client(&[PROVIDER]), 1).total_max;
    let both = total.plus(total).unwrap();
    for (most, orders) in [(both.minus_up_to(Amount(1)), 1), (both, 2)] {
        let mut table = Table::client(&[PROVIDER]);
        let order = agreed_within(&mut table, 1, most);
        table.hear(NOTARY, Refuse { job: order.id(), reason: Refusal::Nonce });
        assert_eq!(table.count("Propose"), orders - 1, "{most:?}");
        table.pass(Duration::seconds(10));
        let made = table.node().submission(Digest([1; 32])).unwrap();
        assert_eq!((made.attempts.len(), made.ended), (orders, orders == 1), "{most:?}");
        let enough = made.unmatched.and_then(|unmatched| unmatched.cost_least);
        assert_eq!(enough, Some(both).filter(|_| orders == 1));
    }
}

/// Seven units are ordered at a quarter of a credit each, and four are claimed.
#[test]
fn what_comes_back_at_the_claim_is_left_of_the_day() {
    let mut table = Table::client(&[PROVIDER]);
    table.submit(1, |wish| (wish.units_max, wish.cost_max) = (7, Amount::credits(9)));
    let (to, order) = table.proposed();
    table.accept(to, &order);
    let ticket = *table.ticket(&order).said();
    table.hear(NOTARY, ticket);
    assert_eq!(spent(&table), order.total_max);
    let claim = table.claim(&order, ticket.digest());
    table.notice(NOTARY, order.id(), NoticeEvent::Claimed { position: 9, claim });
    let held = order.total_max.minus_up_to(Amount(750_000_000));
    assert_eq!(spent(&table), held);
    let seen = |table: &Table| table.node().submission(Digest([1; 32])).unwrap();
    assert_eq!((seen(&table).attempts[0].held, seen(&table).attempts[0].total_max), (held, order.total_max));
    assert_eq!(seen(&table).cost_max(), held);
    table.restart();
    assert_eq!((spent(&table), seen(&table).cost_max()), (held, held), "nor is that forgotten");
    close(&mut table, &order, Outcome::NotDrawn, Amount(9));
    assert_eq!((spent(&table), seen(&table).cost_max()), (Amount(9), Amount(9)));
}
