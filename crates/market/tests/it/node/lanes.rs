//! A client of whose lanes the books know more than it does: its key was brought back into an empty home, or its journal lost its end.

use assay_protocol::{
    order::{Order, Refusal},
    units::Duration,
};

use super::{
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

#[test]
fn a_provider_that_finds_fault_with_a_number_takes_no_lane_away() {
    let mut table = Table::client(&BOTH);
    table.submit(1, |_| {});
    let (to, order) = table.proposed();
    refuse(&mut table, to, order.id(), Refusal::Nonce);
    let (next, second) = table.proposed();
    assert_eq!((next, place(&second)), (other(to), place(&order)));
}
