//! A provider whose owner wants no orders of a client.

use assay_market::{Command, node::BLOCKED_MAX};
use assay_protocol::{
    id::PeerId,
    message::Message,
    order::{Failure, Order, Refusal},
    units::Duration,
};

use super::table::{Table, result};
use crate::{
    cheap::Cheap,
    office::{CLIENT, FIRST_VERIFIER, NOTARY, id},
};

fn client() -> PeerId {
    id::<Cheap>(CLIENT)
}

/// Why an order of now would be refused.
fn refused(table: &mut Table, nonce: u64) -> Option<Refusal> {
    table.propose(&Order { open_by: table.now.after(Duration::seconds(30)), ..table.order(7, nonce) });
    let answer = table.sent().find_map(|(_, message)| {
        let Message::Refuse(refuse) = message else { return None };
        Some(refuse.said().reason)
    });
    assert_eq!(table.saves(), 0, "whoever asks has nothing written");
    answer
}

#[test]
fn who_is_blocked_hears_that_there_is_no_room_until_it_is_unblocked() {
    let mut table = Table::provider();
    table.want(Command::Block { client: id::<Cheap>(FIRST_VERIFIER) });
    assert_eq!(refused(&mut table, 0), None, "somebody else is");
    table.want(Command::Block { client: client() });
    assert_eq!((table.saves(), table.published()), (1, 0), "nobody is told");
    assert_eq!(refused(&mut table, 1), Some(Refusal::Busy));
    table.restart();
    assert_eq!(refused(&mut table, 2), Some(Refusal::Busy), "a restart changes nothing");
    assert_eq!(table.node().demand().blocked, 1, "its owner can see it");
    assert!(table.node().demand().refused.is_empty(), "it was not for want of room");
    for saves in [1, 0] {
        table.want(Command::Unblock { client: client() });
        assert_eq!(table.saves(), saves);
    }
    assert_eq!(refused(&mut table, 3), None);
    assert_eq!(table.node().blocked().collect::<Vec<_>>(), [id::<Cheap>(FIRST_VERIFIER)]);
}

#[test]
fn what_a_blocked_client_was_promised_is_not_begun_and_what_was_begun_goes_on() {
    let mut table = Table::provider();
    let order = table.order(0, 0);
    table.propose(&order);
    table.want(Command::Block { client: client() });
    let ticket = table.ticket(&order);
    table.start(CLIENT, &order, ticket);
    assert_eq!((table.said(), table.saves()), (vec![("Abort", NOTARY), ("Abort", CLIENT)], 0));
    let reasons = table.sent().filter_map(|(_, message)| {
        let Message::Abort(abort) = message else { return None };
        Some(abort.said().reason)
    });
    assert!(reasons.eq([Failure::Busy; 2]), "no fault of anybody's");

    let (mut table, order) = Table::started(|table| table.order(0, 0));
    table.want(Command::Block { client: client() });
    table.fetched(order.input_commit, Default::default());
    table.ran(order.id(), false, Ok(result(4)));
    assert_eq!(table.said(), [("Deliver", CLIENT), ("Claim", NOTARY)]);
}

#[test]
fn no_more_are_blocked_than_there_is_room_for() {
    let mut table = Table::provider();
    for number in 0..=BLOCKED_MAX {
        let mut name = [0; 32];
        name[..8].copy_from_slice(&(number as u64).to_le_bytes());
        for time in 0..2 {
            table.want(Command::Block { client: PeerId(name) });
            let is_new = number < BLOCKED_MAX && time == 0;
            assert_eq!(table.saves(), usize::from(is_new), "{number}");
        }
    }
    assert_eq!(table.node().blocked().count(), BLOCKED_MAX);
    assert_eq!(refused(&mut table, 0), None);
}
