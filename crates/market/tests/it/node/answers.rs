//! How long a client waits for who was asked, and whom it asks beside.

use assay_market::Input;
use assay_protocol::{
    id::Digest, notice::NoticeEvent, objection::Output, outcome::Outcome, units::Duration, units::Rate,
};

use super::{awaiting::proven, ordering::BOTH, ordering::KEY, ordering::other, table::Table, table::account};
use crate::{cheap::Cheap, office::NOTARY, office::PROVIDER, office::id};

#[test]
fn where_an_answer_does_not_come_soon_the_next_is_asked_beside_and_the_first_that_agrees_is_taken() {
    let mut table = Table::client(&BOTH);
    table.submit(1, |_| {});
    let (first, slow) = table.proposed();
    table.pass(Duration(1_900));
    assert_eq!(table.said(), vec![("Propose", first); 2], "it is asked again meanwhile");
    table.pass(Duration(100));
    let (second, order) = table.proposed();
    assert_eq!((second, order.lane, order.nonce), (other(first), slow.lane, slow.nonce), "in the same place");
    assert!(table.node().submission(KEY).is_some_and(|view| view.attempts.len() == 2));
    table.accept(second, &order);
    assert_eq!(table.said(), [("Open", NOTARY)]);
    table.accept(first, &slow);
    assert!(table.effects.is_empty(), "one of them is enough: {:?}", table.effects);
    table.pass(Duration::seconds(20));
    assert_eq!(table.count("Propose"), 0, "{:?}", table.said());
    let silent = |table: &Table, peer| table.node().impression(id::<Cheap>(peer)).odds < Rate::ONE;
    assert!(silent(&table, first) && !silent(&table, second), "who was silent is known for it");
    table.restart();
    assert!(silent(&table, first) && !silent(&table, second), "after a restart too");
}

#[test]
fn who_was_asked_beside_and_not_needed_is_not_called_silent() {
    let mut table = Table::client(&BOTH);
    table.submit(1, |_| {});
    let (first, order) = table.proposed();
    table.pass(Duration::seconds(2));
    let second = table.proposed().0;
    table.pass(Duration(500));
    table.accept(first, &order);
    assert_eq!(table.said(), [("Open", NOTARY)]);
    assert_eq!(table.node().impression(id::<Cheap>(second)).odds, Rate::ONE);
}

#[test]
fn answers_are_awaited_for_three_usual_times() {
    let mut table = Table::client(&BOTH);
    table.submit(1, |_| {});
    let (to, order) = table.proposed();
    table.pass(Duration(300));
    table.accept(to, &order);
    table.submit(2, |_| {});
    let first = table.proposed().0;
    let beside = |table: &Table| table.said().contains(&("Propose", other(first)));
    table.pass(Duration(899));
    assert!(!beside(&table), "{:?}", table.said());
    table.pass(Duration(1));
    assert!(beside(&table), "{:?}", table.said());
}

#[test]
fn a_provider_that_is_not_heard_of_is_given_up_and_another_is_asked_once_the_money_is_free() {
    let (mut table, order, to) = Table::running(&BOTH);
    table.pass(Duration(4_900));
    assert_eq!(table.count("Cancel"), 0, "{:?}", table.said());
    table.pass(Duration(100));
    assert_eq!((table.count("Cancel"), table.count("Propose")), (1, 0), "{:?}", table.said());
    table.restart();
    assert_eq!((table.count("Cancel"), table.count("Start")), (1, 0), "{:?}", table.said());
    let (outcome, receipt) = (Outcome::Cancelled, Digest::of(b"a receipt"));
    table.notice(NOTARY, order.id(), NoticeEvent::Closed { outcome, receipt });
    table.feed(Input::Collected { job: order.id(), digest: receipt, found: Ok(proven(outcome, None)) });
    assert!(
        table.node().impression(id::<Cheap>(to)).odds < Rate::per_mille(700),
        "as one that claimed nothing"
    );
    table.hear(NOTARY, account(0, 0));
    assert_eq!(table.proposed().0, other(to), "{:?}", table.said());
}

#[test]
fn a_provider_that_writes_on_is_not_given_up_and_one_that_says_the_same_again_is() {
    let (mut table, order, to) = Table::running(&BOTH);
    let says = |table: &mut Table, records| {
        table.hear(to, Output { job: order.id(), records, root: Digest::default() });
    };
    for records in 1..=20 {
        table.pass(Duration(4_900));
        assert_eq!(table.count("Cancel"), 0, "{records}: {:?}", table.said());
        says(&mut table, records);
    }
    table.pass(Duration(2_500));
    says(&mut table, 20);
    table.pass(Duration(2_400));
    assert_eq!(table.count("Cancel"), 0, "{:?}", table.said());
    table.pass(Duration(100));
    assert_eq!(table.count("Cancel"), 1, "{:?}", table.said());
}

#[test]
fn what_a_slow_line_takes_for_the_input_is_no_silence() {
    let mut table = Table::client(&[PROVIDER]);
    table.submit(1, |submission| submission.input_bytes = 320_000);
    let (to, order) = table.proposed();
    table.accept(to, &order);
    let ticket = *table.ticket(&order).said();
    table.hear(NOTARY, ticket);
    table.pass(Duration(14_900));
    assert_eq!(table.count("Cancel"), 0, "{:?}", table.said());
    table.pass(Duration(100));
    assert_eq!(table.count("Cancel"), 1, "{:?}", table.said());
}
