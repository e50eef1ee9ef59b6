//! Whose bytes are whose: what a peer has kept for a job, a submission or its user, and when it lets go of that.

use std::collections::BTreeSet;

use assay_market::{Command, Input};
use assay_protocol::{
    id::Digest,
    notice::NoticeEvent,
    order::{Failure, Order},
    outcome::Outcome,
    units::Duration,
};

use super::{
    awaiting::{KEY, delivered, delivery, proven},
    checking::{asked, running},
    table::{Table, result},
};
use crate::office::{NOTARY, PROVIDER};

/// Its notary closes a job, and the receipt is here.
fn close(table: &mut Table, order: &Order, outcome: Outcome) {
    close_claimed(table, order, outcome, None);
}

fn close_claimed(table: &mut Table, order: &Order, outcome: Outcome, claim: Option<Digest>) {
    let (job, digest) = (order.id(), Digest::of(b"a receipt"));
    table.notice(NOTARY, job, NoticeEvent::Closed { outcome, receipt: digest });
    table.feed(Input::Collected { job, digest, found: Ok(proven(outcome, claim)) });
}

/// What is kept now, and after a restart.
fn kept(table: &mut Table) -> [BTreeSet<Digest>; 2] {
    let before = table.kept();
    table.restart();
    [before, table.kept()]
}

/// The same before and after a restart.
fn twice<const COUNT: usize>(blobs: [Digest; COUNT]) -> [BTreeSet<Digest>; 2] {
    [blobs.into(), blobs.into()]
}

#[test]
fn an_input_is_kept_for_its_submission_until_that_is_over_and_for_its_job_until_its_close() {
    let mut table = Table::client(&[]);
    table.submit(1, |_| {});
    assert_eq!(table.kept_for(KEY), [Digest::of(&[1])]);
    let (mut table, order, _) = Table::running(&[PROVIDER]);
    let input = order.input_commit;
    for context in ["at once", "after a restart"] {
        assert_eq!(
            (table.kept_for(KEY), table.kept_for(order.id())),
            (vec![input], vec![input]),
            "{context}"
        );
        table.restart();
    }
    close(&mut table, &order, Outcome::NoClaim);
    assert_eq!((table.kept_for(KEY), table.kept_for(order.id())), (vec![input], Vec::new()));
    table.want(Command::Cancel { key: KEY });
    assert_eq!(kept(&mut table), twice([]));
}

#[test]
fn a_result_is_kept_for_its_user_until_that_has_taken_it() {
    let (mut table, order) = delivered();
    close(&mut table, &order, Outcome::Checked);
    assert_eq!(kept(&mut table), twice([result(4).written.blob]));
    table.want(Command::Taken { key: KEY });
    assert_eq!(kept(&mut table), twice([]));
}

#[test]
fn a_result_that_comes_after_the_close_is_kept_for_its_user_alone() {
    let (mut table, order, _) = Table::running(&[PROVIDER]);
    let deliver = delivery(&table, &order);
    close_claimed(&mut table, &order, Outcome::Checked, Some(deliver.claim.said().digest()));
    table.hear(PROVIDER, deliver.clone());
    table.fetched(deliver.leaf.written.blob, deliver.leaf.written.root);
    assert_eq!(kept(&mut table), twice([deliver.leaf.written.blob]));
    assert!(table.kept_for(order.id()).is_empty());
}

#[test]
fn a_provider_keeps_input_and_result_until_the_close() {
    for outcome in [Outcome::Checked, Outcome::Slashed] {
        let (mut table, order) = Table::claimed();
        assert_eq!(kept(&mut table), twice([order.input_commit, result(4).written.blob]));
        table.notice(NOTARY, order.id(), NoticeEvent::Closed { outcome, receipt: Digest::default() });
        assert_eq!(kept(&mut table), twice([]), "{outcome:?}");
    }
    let (mut table, order) = Table::started(|table| table.order(0, 0));
    assert_eq!(table.kept_for(order.id()), [order.input_commit]);
    table.fetched(order.input_commit, Digest::default());
    table.ran(order.id(), false, Err(Failure::Trap));
    let closed = NoticeEvent::Closed { outcome: Outcome::Aborted, receipt: Digest::default() };
    table.notice(NOTARY, order.id(), closed);
    assert_eq!(kept(&mut table), twice([]));
}

#[test]
fn a_verifier_keeps_what_it_found_until_it_can_be_asked_for_no_more() {
    let (mut table, check) = running();
    assert_eq!(table.kept_for(check.job), [check.input_commit]);
    table.ran(check.job, true, Ok(result(4)));
    table.restart();
    let timers = table.office.genesis.timers;
    let asked_by = timers.seal.plus(timers.opening.times(2)).plus(timers.gap_max);
    table.pass(Duration(asked_by.0 - 1));
    assert_eq!(table.kept_for(check.job), [result(4).written.blob]);
    table.pass(Duration::seconds(10));
    assert_eq!(kept(&mut table), twice([]));
}

#[test]
fn a_verifier_keeps_nothing_of_what_it_could_not_check() {
    let (mut table, check) = running();
    table.ran(check.job, true, Err(Failure::Machine));
    assert_eq!(kept(&mut table), twice([]));
    let (mut table, check) = asked();
    assert_eq!(table.kept_for(check.job), [check.input_commit]);
    table.pass(table.office.genesis.timers.input.times(3));
    assert_eq!((table.count("Unserved"), kept(&mut table)), (1, twice([])));
}
