//! A client of whose lanes the books know more than it does: its key was brought back into an empty home, or its journal lost its end.

use assay_market::{Input, ledger::LANES_MAX};
use assay_protocol::{
    id::Digest,
    notice::NoticeEvent,
    order::{Abort, Failure, Order, Refusal},
    outcome::Outcome,
    receipt::Happening,
    units::{Amount, Duration},
};

use super::{
    awaiting::proven,
    ordering::{BOTH, failed, other, refuse, why_given_up},
    table::{Table, account},
};
use crate::{
    cheap::Cheap,
    office::{NOTARY, PROVIDER, id},
};

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
    let (mut table, _, second) = in_one_place();
    table.accept(PROVIDER, &second);
    assert_eq!(table.said(), [("Open", NOTARY)]);
    refuse(&mut table, NOTARY, second.id(), Refusal::Nonce);
    let (to, next) = table.proposed();
    assert_eq!((to, place(&next)), (PROVIDER, (1, 0)));
}

/// Its ticket was lost, and comes once the number that it took has cost another order its lane.
#[test]
fn a_lane_that_was_left_is_nobodys_while_the_order_that_is_open_in_it_is() {
    let (mut table, first, second) = in_one_place();
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

/// The notary closes the job of an order that was opened.
fn close(table: &mut Table, order: &Order, outcome: Outcome) {
    let receipt = Digest::of(b"a receipt");
    table.notice(NOTARY, order.id(), NoticeEvent::Closed { outcome, receipt });
    table.feed(Input::Collected { job: order.id(), digest: receipt, found: Ok(proven(outcome, None)) });
}

/// Its ticket was lost, and so was the lane to whoever came next.
#[test]
fn a_lane_that_was_lost_is_used_again_once_it_is_known_which_order_had_the_number() {
    let (mut table, first, second) = in_one_place();
    table.accept(PROVIDER, &second);
    refuse(&mut table, NOTARY, second.id(), Refusal::Nonce);
    assert_eq!(place(&table.proposed().1), (1, 0));
    close(&mut table, &first, Outcome::Cancelled);
    for (number, free) in [(3, (0, 1)), (4, (2, 0))] {
        table.submit(number, |_| {});
        assert_eq!(place(&table.proposed().1), free);
    }
}

/// Has each order of a submission refused, as if its number was taken, until it is given up or has an order in this place: all
/// of them.
fn refused_until(table: &mut Table, number: u8, end: Option<(u16, u64)>) -> Vec<Order> {
    let mut orders = Vec::new();
    table.submit(number, |wish| wish.cost_max = Amount::credits(1_000_000));
    loop {
        if let Some(unmatched) = failed(table) {
            assert_eq!(unmatched.refusal, Some(Refusal::Nonce), "its user is told");
            return orders;
        }
        let (to, order) = table.proposed();
        table.accept(to, &order);
        orders.push(order.clone());
        if end == Some(place(&order)) {
            close(table, &order, Outcome::NotDrawn);
            return orders;
        }
        refuse(table, NOTARY, order.id(), Refusal::Nonce);
    }
}

/// Has eight jobs lose all lanes, with the first number in each: their orders.
fn lose_all(table: &mut Table) -> Vec<Order> {
    (1..=8).flat_map(|number| refused_until(table, number, None)).collect()
}

fn places(orders: &[Order]) -> Vec<(u16, u64)> {
    orders.iter().map(place).collect()
}

/// Its key had used all lanes before it was brought back.
#[test]
fn a_client_that_has_lost_all_lanes_tries_the_next_numbers_in_them_and_waits_for_none() {
    let mut table = Table::client(&[PROVIDER]);
    let lost = places(&lose_all(&mut table));
    assert_eq!(lost, (0..LANES_MAX).map(|lane| (lane, 0_u64)).collect::<Vec<_>>());
    let last = LANES_MAX - 1;
    let tried = refused_until(&mut table, 9, Some((last - 1, 1)));
    let expected: Vec<_> = (1..16_u64).map(|nonce| (last, nonce)).chain([(last - 1, 1)]).collect();
    assert_eq!(
        places(&tried),
        expected,
        "those first that were used least, and of none all numbers there are"
    );
    table.restart();
    table.hear(NOTARY, account(0, 0));
    table.submit(10, |_| {});
    assert_eq!(place(&table.proposed().1), (last - 1, 2), "what is known by then is not forgotten");
    table.submit(11, |_| {});
    assert_eq!(place(&table.proposed().1), (last - 2, 1), "nobody waits for the one lane that is in use");
}

/// It was closed unseen, and the number behind it was found.
#[test]
fn a_ticket_that_comes_after_that_of_a_later_number_takes_the_lane_from_nobody() {
    let mut table = Table::client(&[PROVIDER]);
    let lost = lose_all(&mut table);
    let (late, last) = (lost.last().expect("there are some"), LANES_MAX - 1);
    table.submit(9, |_| {});
    let (to, open) = table.proposed();
    assert_eq!((place(late), place(&open)), ((last, 0), (last, 1)));
    table.accept(to, &open);
    let late_ticket = *table.ticket(late).said();
    let abort = Abort { job: late.id(), ticket: late_ticket.digest(), reason: Failure::Machine };
    let abort = table.office.say(id::<Cheap>(PROVIDER), abort);
    table.office.step(Happening::Abort(abort)).unwrap();
    for ticket in [*table.ticket(&open).said(), late_ticket] {
        table.hear(NOTARY, ticket);
    }
    close(&mut table, late, Outcome::Cancelled);
    table.submit(10, |_| {});
    assert_eq!(place(&table.proposed().1), (last - 1, 1), "the lane is that of the order that is open in it");
    close(&mut table, &open, Outcome::NotDrawn);
    table.submit(11, |_| {});
    assert_eq!(place(&table.proposed().1), (last, 2), "and free after that");
}

/// Its ticket was lost.
#[test]
fn a_number_that_is_known_to_be_anothers_is_nobodys_fault_once_that_is_closed() {
    let (mut table, first, second) = in_one_place();
    table.accept(PROVIDER, &second);
    close(&mut table, &first, Outcome::Cancelled);
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
