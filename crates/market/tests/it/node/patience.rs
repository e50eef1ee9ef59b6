//! How long a client looks on once nobody is left to ask: no longer than time may bring something.

use assay_protocol::{order::Refusal, units::Duration};

use super::{
    ordering::{BOTH, failed, refuse, why_given_up},
    table::Table,
};

#[test]
fn where_all_have_refused_for_good_nobody_is_waited_for_but_whoever_is_about_to_be_heard_of() {
    // Why both refuse, how long they have been known, and how long it is looked on.
    let cases = [
        (Refusal::Checkers, 10_000, 0),
        (Refusal::Limits, 5_000, 0),
        (Refusal::Rate, 4_000, 1_000),
        (Refusal::Limits, 0, 3_000),
    ];
    for (reason, known, given_up_after) in cases {
        let mut table = Table::client(&BOTH);
        table.pass(Duration(known));
        let begin = table.now;
        table.submit(1, |_| {});
        for _ in BOTH {
            let (to, order) = table.proposed();
            refuse(&mut table, to, order.id(), reason);
        }
        let why = why_given_up(&mut table);
        assert_eq!((why.refusal, why.tried), (Some(reason), 2));
        assert_eq!(table.now.since(begin).0, given_up_after, "{reason:?}, known for {known} ms");
    }
}

#[test]
fn who_was_only_busy_is_waited_for_though_another_refuses_for_good() {
    let mut table = Table::client(&BOTH);
    table.pass(Duration::seconds(10));
    table.submit(1, |_| {});
    for _ in BOTH {
        let (to, order) = table.proposed();
        refuse(&mut table, to, order.id(), Refusal::Busy);
    }
    table.pass(Duration::seconds(2));
    let (busy, order) = table.proposed();
    refuse(&mut table, busy, order.id(), Refusal::Busy);
    let (other, order) = table.proposed();
    refuse(&mut table, other, order.id(), Refusal::Limits);
    assert!(failed(&table).is_none(), "it is given up");
    table.pass(Duration(3_900));
    assert!(failed(&table).is_none() && table.count("Propose") == 0, "{:?}", table.effects);
    table.pass(Duration(200));
    assert_eq!(table.proposed().0, busy);
}
