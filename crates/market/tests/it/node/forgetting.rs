//! What a provider does not remember any more: no ticket of that begins anything.

use std::ops::Range;

use assay_market::Input;
use assay_protocol::{
    id::Digest,
    message::Message,
    notice::NoticeEvent,
    order::{Failure, Order},
    outcome::Outcome,
    rate::ConvictionOdds,
    signed::Signed,
    ticket::{Standing, Ticket},
    units::Duration,
};

use super::table::{Table, result};
use crate::{
    cheap::Cheap,
    office::{CLIENT, NOTARY, id},
};

/// An order, and the ticket that it was opened by.
type TicketedOrder = (Order, Signed<Ticket>);

/// The client's orders in these lanes, each opened a moment after the one before and all of them after this ticket.
fn later(table: &Table, first: &Signed<Ticket>, lanes: Range<u16>) -> Vec<TicketedOrder> {
    let standing = first.said().standing;
    let at = |lane: u16| Standing { opened: standing.opened.after(Duration(lane.into())), ..standing };
    lanes.map(|lane| opened(table, table.order(lane, 0), at(lane))).collect()
}

/// An order, and the ticket that it has as things stand so.
fn opened(table: &Table, order: Order, standing: Standing) -> TicketedOrder {
    let genesis = &table.office.genesis;
    let odds = ConvictionOdds::of(&genesis.checks);
    let ticket = Ticket::for_job(order.id(), odds, genesis, &order, standing);
    (order, table.office.say(id::<Cheap>(NOTARY), ticket))
}

/// Shows the ticket of an order; true if its job begins.
fn begins(table: &mut Table, (order, ticket): &TicketedOrder) -> bool {
    table.start(CLIENT, order, ticket.clone());
    table.fetches(order.input_commit)
}

/// True if its client and its notary are told that an order has no slot.
fn is_turned_away(table: &mut Table, opened: &TicketedOrder) -> bool {
    let begins = begins(table, opened);
    let aborts = table.sent().filter(|(_, message)| {
        let Message::Abort(abort) = message else { return false };
        let abort = abort.said();
        (abort.ticket, abort.reason) == (Ticket::digest(&opened.1.said()), Failure::Busy)
    });
    aborts.count() == 2 && !begins
}

/// A provider of which more jobs are over than it remembers: those, and one that has not begun.
fn of_many_jobs() -> (Table, Vec<TicketedOrder>, TicketedOrder) {
    const REMEMBERED: u16 = 1_024;
    let mut table = Table::provider();
    let order = table.order(0, 0);
    let ticket = table.ticket(&order);
    let mut jobs = [vec![(order, ticket.clone())], later(&table, &ticket, 1..REMEMBERED + 2)].concat();
    let last = jobs.pop().expect("there are some");
    let closed = NoticeEvent::Closed { outcome: Outcome::Cancelled, receipt: Digest::default() };
    for opened in &jobs {
        assert!(begins(&mut table, opened), "{:?}", table.effects);
        table.notice(NOTARY, opened.0.id(), closed.clone());
    }
    (table, jobs, last)
}

/// Whoever fills what a provider remembers with jobs that cost hardly anything would have another one run for nothing.
#[test]
fn a_job_that_is_over_is_not_begun_again_however_many_were_over_since() {
    let (mut table, over, last) = of_many_jobs();
    for time in ["at once", "after a restart"] {
        assert!(is_turned_away(&mut table, &over[0]), "{time}: {:?}", table.effects);
        table.restart();
    }
    assert!(begins(&mut table, &last), "what was opened since is begun: {:?}", table.effects);
}

#[test]
fn a_clock_that_was_an_hour_ahead_at_the_start_turns_nobody_away_once_it_is_right() {
    let (mut table, _, (order, ticket)) = of_many_jobs();
    table.ahead = Duration::seconds(3_600);
    table.restart();
    table.ahead = Duration::default();
    table.feed(Input::Wake);
    // As long as a jump must last until it is followed.
    table.pass(Duration::seconds(300));
    table.feed(Input::Wake);
    let order = Order { open_by: table.now.after(Duration::seconds(30)), ..order };
    let standing = Standing { opened: table.now, ..ticket.said().standing };
    let now = opened(&table, order, standing);
    assert!(begins(&mut table, &now), "it was opened long after the start: {:?}", table.effects);
}

#[test]
fn a_job_that_was_turned_away_is_not_begun_however_many_were_since() {
    const REMEMBERED: u16 = 4_096;
    let mut table = Table::provider();
    let running = table.order(0, 0);
    let ticket = table.ticket(&running);
    let others = later(&table, &ticket, 1..REMEMBERED + 3);
    let (last, others) = others.split_last().expect("there are some");
    let job = running.id();
    assert!(begins(&mut table, &(running.clone(), ticket)));
    for opened in others {
        assert!(is_turned_away(&mut table, opened), "the slot is taken: {:?}", table.effects);
    }
    table.fetched(running.input_commit, Digest::default());
    table.ran(job, false, Ok(result(4)));
    assert!(is_turned_away(&mut table, &others[0]), "its client was told so: {:?}", table.effects);
    assert!(begins(&mut table, last), "what was opened since is begun: {:?}", table.effects);
}
