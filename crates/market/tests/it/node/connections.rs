//! What a client does once there is no connection any more to whoever runs its job.

use assay_market::{Event, Input};
use assay_protocol::{order::Order, units::Duration};

use super::{
    awaiting::{bind, delivery},
    table::{Table, account},
};
use crate::{
    cheap::Cheap,
    office::{CLIENT, NOTARY, PROVIDER, id},
};

/// Bytes of an input for which a slow line takes minutes: so long its provider may be silent.
const LONG_INPUT: u64 = 10 << 20;

/// A client whose order runs for a while, and whose provider is not expected to say anything soon.
fn running() -> (Table, Order, u64) {
    let mut table = Table::client(&[PROVIDER]);
    table.submit(1, |submission| submission.input_bytes = LONG_INPUT);
    let (to, order) = table.proposed();
    table.accept(to, &order);
    let ticket = *table.ticket(&order).said();
    table.hear(NOTARY, ticket);
    table.pass(Duration::seconds(20));
    assert!(!gives_up(&table), "{:?}", table.effects);
    (table, order, to)
}

fn connection(table: &mut Table, to: u64, is_open: bool) {
    table.feed(Input::Connection { to: id::<Cheap>(to), is_open });
}

fn gives_up(table: &Table) -> bool {
    table.told().any(|event| matches!(event, Event::Cancelling { .. }))
}

#[test]
fn a_provider_out_of_reach_is_told_again_at_once_and_given_up_in_seconds() {
    let (mut table, _, to) = running();
    connection(&mut table, to, false);
    assert_eq!((table.count("Start"), table.asked()), (1, 1), "{:?}", table.effects);
    table.hear(NOTARY, account(1, 0));
    table.pass(Duration(4_900));
    assert!(!gives_up(&table) && table.count("Start") >= 3, "{:?}", table.effects);
    table.pass(Duration(200));
    assert!(gives_up(&table), "{:?}", table.effects);
}

#[test]
fn one_that_is_there_again_goes_on() {
    let (mut table, _, to) = running();
    connection(&mut table, to, false);
    table.hear(NOTARY, account(1, 0));
    table.pass(Duration::seconds(3));
    connection(&mut table, to, true);
    table.pass(Duration::seconds(60));
    assert!(!gives_up(&table), "{:?}", table.effects);
}

#[test]
fn where_the_notary_is_out_of_reach_too_nobody_is_given_up() {
    let (mut table, _, to) = running();
    connection(&mut table, to, false);
    table.pass(Duration::seconds(30));
    assert!(!gives_up(&table), "{:?}", table.effects);
    table.hear(NOTARY, account(1, 0));
    table.pass(Duration::seconds(10));
    assert!(gives_up(&table), "once it is heard, the provider alone is gone: {:?}", table.effects);
}

#[test]
fn connections_to_others_and_of_who_has_claimed_change_nothing() {
    let (mut table, order, to) = running();
    for other in [NOTARY, CLIENT, to + 1] {
        connection(&mut table, other, false);
        assert!(table.effects.is_empty(), "{:?}", table.effects);
    }
    let deliver = delivery(&table, &order);
    bind(&mut table, &order, &deliver);
    connection(&mut table, to, false);
    table.hear(NOTARY, account(1, 0));
    table.pass(Duration::seconds(10));
    assert!(!gives_up(&table), "it has committed itself: {:?}", table.effects);
}
