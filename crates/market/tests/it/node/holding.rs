//! What a client is told of money that is held: for which job, how much of it, and until when.

use std::slice;

use assay_market::{Input, held_money::HeldMoney};
use assay_protocol::{deadline, id::Digest, notice::NoticeEvent, outcome::Outcome};

use super::{
    awaiting::{KEY, bind, delivery, proven},
    table::Table,
};
use crate::{
    cheap::Cheap,
    office::{NOTARY, PROVIDER, id},
};

#[test]
fn what_is_held_is_told_from_the_ticket_to_the_close_and_less_of_it_once_the_claim_is_in() {
    let (mut table, order, _) = Table::opening(&[PROVIDER]);
    assert_eq!(table.node().held_money(), [], "nobody has said that anything is held");
    let ticket = *table.ticket(&order).said();
    table.hear(NOTARY, ticket);
    let opened = ticket.standing.opened;
    let held = HeldMoney {
        submission: KEY,
        job: order.id(),
        manifest: order.manifest.name.clone(),
        notary: id::<Cheap>(NOTARY),
        amount: order.total_max,
        price: order.price().unwrap(),
        until: opened.after(deadline::settle(&table.office.genesis, &order)),
    };
    assert_eq!(table.node().held_money(), slice::from_ref(&held));
    assert_eq!(table.node().held_for(KEY), slice::from_ref(&held));
    assert_eq!(table.node().held_for(Digest([9; 32])), [], "nobody wants that");
    assert!(held.until > ticket.claim_by);
    assert_eq!(held.beyond_price().plus(held.price), Some(order.total_max));

    let deliver = delivery(&table, &order);
    bind(&mut table, &order, &deliver);
    let now = table.node().held_money();
    let [claimed] = &now[..] else { panic!("it is held still") };
    let view = table.node().submission(KEY).unwrap();
    assert_eq!((claimed.amount, claimed.price), (view.attempts[0].held, view.attempts[0].price));
    assert_eq!(claimed.until, held.until);
    table.restart();
    assert_eq!(table.node().held_money(), now, "a restart forgets none of it");

    let (job, receipt, outcome) = (order.id(), Digest([9; 32]), Outcome::NotDrawn);
    table.notice(NOTARY, job, NoticeEvent::Closed { outcome, receipt });
    assert_eq!(table.node().held_money().len(), 1, "only a receipt proves it");
    table.feed(Input::Collected { job, digest: receipt, found: Ok(proven(outcome, None)) });
    assert_eq!(table.node().held_money(), []);
}
