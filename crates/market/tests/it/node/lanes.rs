//! A client of whose lanes the books know more than it does: its key was brought back into an empty home, or its journal lost its end.

use assay_market::Input;
use assay_protocol::{
    id::Digest,
    notice::NoticeEvent,
    order::{Order, Refusal},
    outcome::Outcome,
    units::Duration,
};

use super::{
    awaiting::proven,
    ordering::{BOTH, other, refuse, why_given_up},
    table::{Table, account},
};
use crate::office::{NOTARY, PROVIDER};

/// Where an order goes.
fn place(order: &Order) -> (u16, u64) {
    (order.lane, order.nonce)
}

#[test]
fn a_number_that_was_taken_before_leaves_its_lane_and_no_order_goes_there_again() {
    let (mut table, mut shown, _) = Table::opening(&[PROVIDER]);
    for lane in [1, 2] {
        assert_eq!(place(&shown), (lane - 1, 0));
        refuse(&mut table, NOTARY, shown.id(), Refusal::Nonce);
        let (to, next) = table.proposed();
        assert_eq!((to, place(&next)), (PROVIDER, (lane, 0)), "nobody was at fault");
        table.accept(PROVIDER, &next);
        assert_eq!(table.said(), [("Open", NOTARY)]);
        shown = next;
    }
    let ticket = *table.ticket(&shown).said();
    table.hear(NOTARY, ticket);
    assert_eq!(table.said(), [("Start", PROVIDER)]);
    table.restart();
    table.hear(NOTARY, account(0, 0));
    table.submit(2, |_| {});
    assert_eq!(place(&table.proposed().1), (3, 0), "those before are left, or in use");
}

#[test]
fn a_number_that_an_order_may_have_taken_that_is_remembered_stays_the_only_one() {
    let (mut table, first, to) = Table::opening(&BOTH);
    refuse(&mut table, NOTARY, first.id(), Refusal::Exposure);
    let (next, second) = table.proposed();
    assert_eq!((next, place(&second)), (other(to), place(&first)));
    table.accept(next, &second);
    refuse(&mut table, NOTARY, second.id(), Refusal::Nonce);
    table.pass(Duration::seconds(5));
    assert_eq!(place(&table.proposed().1), place(&first), "or both could be opened");
}

/// Books look at numbers last, so the first order of such a client may be refused for something else.
#[test]
fn an_order_for_something_else_that_was_refused_does_not_hold_a_client_in_a_lane_whose_number_was_taken() {
    let (mut table, first, _) = Table::opening(&[PROVIDER]);
    refuse(&mut table, NOTARY, first.id(), Refusal::Dues);
    let _ = why_given_up(&mut table);
    table.submit(2, |_| {});
    let (_, second) = table.proposed();
    assert_eq!(place(&second), place(&first), "nothing was opened there");
    table.accept(PROVIDER, &second);
    assert_eq!(table.said(), [("Open", NOTARY)]);
    refuse(&mut table, NOTARY, second.id(), Refusal::Nonce);
    let (to, next) = table.proposed();
    assert_eq!((to, place(&next)), (PROVIDER, (1, 0)));
}

/// Its ticket was lost, and comes once the number that it took has cost another order its lane.
#[test]
fn a_lane_that_was_left_is_nobodys_while_the_order_that_is_open_in_it_is() {
    let (mut table, first, _) = Table::opening(&[PROVIDER]);
    refuse(&mut table, NOTARY, first.id(), Refusal::Dues);
    let _ = why_given_up(&mut table);
    table.submit(2, |_| {});
    let (_, second) = table.proposed();
    table.accept(PROVIDER, &second);
    refuse(&mut table, NOTARY, second.id(), Refusal::Nonce);
    assert_eq!(place(&table.proposed().1), (1, 0));
    let ticket = *table.ticket(&first).said();
    table.hear(NOTARY, ticket);
    table.submit(3, |_| {});
    assert_eq!(place(&table.proposed().1), (2, 0), "the first is open, and the second is in use");
}

/// A client with one provider, whose first job was given up, and the orders in one place for that and for a second job.
fn in_one_place() -> (Table, Order, Order) {
    let (mut table, first, _) = Table::opening(&[PROVIDER]);
    refuse(&mut table, NOTARY, first.id(), Refusal::Dues);
    let _ = why_given_up(&mut table);
    table.submit(2, |_| {});
    let (_, second) = table.proposed();
    assert_eq!(place(&second), place(&first), "nothing was opened there");
    (table, first, second)
}

/// The order that was given up was opened all the same.
#[test]
fn a_ticket_that_comes_late_has_its_lane_and_whoever_uses_that_meanwhile_goes_on_in_another() {
    for is_shown in [false, true] {
        let (mut table, first, second) = in_one_place();
        let ticket = *table.ticket(&first).said();
        if is_shown {
            table.accept(PROVIDER, &second);
            table.hear(NOTARY, ticket);
        } else {
            table.hear(NOTARY, ticket);
            table.accept(PROVIDER, &second);
        }
        refuse(&mut table, NOTARY, second.id(), Refusal::Nonce);
        let (to, next) = table.proposed();
        assert_eq!((to, place(&next)), (PROVIDER, (1, 0)), "nobody was at fault, shown: {is_shown}");
        table.submit(3, |_| {});
        assert_eq!(place(&table.proposed().1), (2, 0), "the first is open, and the second in use");
    }
}

/// Its ticket was lost.
#[test]
fn a_number_that_is_known_to_be_anothers_is_nobodys_fault_once_that_is_closed() {
    let (mut table, first, second) = in_one_place();
    table.accept(PROVIDER, &second);
    let (receipt, outcome) = (Digest::of(b"a receipt"), Outcome::Cancelled);
    table.notice(NOTARY, first.id(), NoticeEvent::Closed { outcome, receipt });
    let found = Ok(proven(outcome, None));
    table.feed(Input::Collected { job: first.id(), digest: receipt, found });
    refuse(&mut table, NOTARY, second.id(), Refusal::Nonce);
    let (to, next) = table.proposed();
    assert_eq!((to, place(&next)), (PROVIDER, (0, 1)), "nothing is open there");
}

#[test]
fn a_provider_that_finds_fault_with_a_number_takes_no_lane_away() {
    let mut table = Table::client(&BOTH);
    table.submit(1, |_| {});
    let (to, order) = table.proposed();
    refuse(&mut table, to, order.id(), Refusal::Nonce);
    let (next, second) = table.proposed();
    assert_eq!((next, place(&second)), (other(to), place(&order)));
}
