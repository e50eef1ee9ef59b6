//! A provider whose owner wants the machine for a while.

use assay_market::{Command, Effect, input::RunId};
use assay_protocol::{
    id::Digest,
    message::Message,
    order::{Failure, Order, Refusal},
    units::{Duration, Timestamp},
};

use super::table::{Table, result};
use crate::office::{CLIENT, NOTARY};

/// How long the pauses are.
const LENGTH: Duration = Duration::seconds(60);

fn pause(table: &mut Table, until: Option<Timestamp>, is_sudden: bool) {
    table.want(Command::Pause { until, is_sudden });
}

/// How many services the last offer names.
fn offered(table: &Table) -> Option<usize> {
    table.effects.iter().rev().find_map(|effect| {
        let Effect::Publish(Message::Offer(offer)) = effect else { return None };
        Some(offer.said().services().count())
    })
}

/// Why an order of now would be refused.
fn refused(table: &mut Table, nonce: u64) -> Option<Refusal> {
    table.propose(&Order { open_by: table.now.after(Duration::seconds(30)), ..table.order(7, nonce) });
    table.sent().find_map(|(_, message)| {
        let Message::Refuse(refuse) = message else { return None };
        Some(refuse.said().reason)
    })
}

#[test]
fn nothing_new_is_taken_on_until_a_pause_ends_by_itself_or_is_taken_back() {
    let mut table = Table::provider();
    let owned = table.node().provision().cloned();
    let until = table.now.after(LENGTH);
    pause(&mut table, Some(until), false);
    assert_eq!((offered(&table), table.saves()), (Some(0), 1), "all hear of it");
    assert_eq!(refused(&mut table, 0), Some(Refusal::Busy));
    table.restart();
    assert_eq!((refused(&mut table, 1), table.node().provision()), (Some(Refusal::Busy), owned.as_ref()));
    table.pass(Duration(LENGTH.0 - 1));
    assert_eq!(refused(&mut table, 2), Some(Refusal::Busy), "a moment too early");
    table.pass(Duration(1));
    assert_eq!((offered(&table), table.node().paused()), (Some(1), None), "it is told at once");
    assert_eq!(refused(&mut table, 3), None);

    pause(&mut table, None, false);
    table.pass(Duration::seconds(100_000));
    assert_eq!(refused(&mut table, 4), Some(Refusal::Busy), "it has no end of its own");
    table.want(Command::EndPause);
    assert_eq!((offered(&table), refused(&mut table, 5)), (Some(1), None));
    table.want(Command::EndPause);
    assert!(table.effects.is_empty(), "there is none: {:?}", table.effects);
}

#[test]
fn what_was_agreed_to_is_not_begun_during_a_pause() {
    let mut table = Table::provider();
    let order = table.order(0, 0);
    table.propose(&order);
    pause(&mut table, None, false);
    let ticket = table.ticket(&order);
    table.start(CLIENT, &order, ticket);
    assert_eq!((table.said(), table.saves()), (vec![("Abort", NOTARY), ("Abort", CLIENT)], 0));
}

#[test]
fn a_pause_leaves_what_runs_and_a_sudden_one_gives_it_up() {
    let stops = |table: &Table, job: Digest| {
        table
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Stop(run) if *run == RunId { job, check: false }))
    };
    for is_sudden in [false, true] {
        let (mut table, order) = Table::started(|table| table.order(0, 0));
        table.fetched(order.input_commit, Digest::default());
        pause(&mut table, None, is_sudden);
        assert_eq!(
            (stops(&table, order.id()), table.count("Abort")),
            (is_sudden, if is_sudden { 2 } else { 0 })
        );
        let reasons: Vec<Failure> = table
            .sent()
            .filter_map(|(_, message)| {
                let Message::Abort(abort) = message else { return None };
                Some(abort.said().reason)
            })
            .collect();
        assert!(reasons.iter().all(|reason| *reason == Failure::Busy), "no fault of anybody's: {reasons:?}");
        assert_eq!(table.node().due().len(), usize::from(!is_sudden));
        table.ran(order.id(), false, Ok(result(4)));
        assert_eq!(table.count("Claim"), usize::from(!is_sudden), "one thing is said of one job");
    }
    let (mut table, order) = Table::claimed();
    pause(&mut table, None, true);
    assert_eq!((stops(&table, order.id()), table.count("Abort")), (false, 0), "a claim is seen through");
    assert!(table.node().due().first().is_some_and(|due| due.is_claimed && due.job == order.id()));
}
