//! What a peer goes on with after a restart, wherever it was.

use assay_market::{
    Command, Event,
    view::{AttemptState, RunState},
};
use assay_protocol::{id::Digest, message::Message, notice::NoticeEvent, order::Failure, units::Duration};

use super::{
    checking::{running, seals},
    table::{Table, result},
};
use crate::office::{CLIENT, NOTARY, PROVIDER};

const KEY: Digest = Digest([1; 32]);

fn messages(table: &Table, kind: &str) -> Vec<Message> {
    table.sent().map(|(_, message)| message.clone()).filter(|message| message.kind() == kind).collect()
}

#[test]
fn a_provider_that_has_agreed_still_serves_the_order() {
    let mut table = Table::provider();
    let order = table.order(0, 0);
    table.propose(&order);
    table.restart();
    table.pass(Duration::seconds(1));
    let ticket = table.ticket(&order);
    table.start(CLIENT, &order, ticket);
    assert!(table.fetches(order.input_commit), "{:?}", table.effects);
}

#[test]
fn a_provider_whose_run_was_cut_short_begins_it_anew() {
    for runs in [false, true] {
        let (mut table, order) = Table::started(|table| table.order(0, 0));
        if runs {
            table.fetched(order.input_commit, Digest::default());
        }
        table.restart();
        assert!(table.fetches(order.input_commit), "{:?}", table.effects);
        table.fetched(order.input_commit, Digest::default());
        assert_eq!(table.runs(), 1);
    }
}

#[test]
fn a_provider_says_what_it_claimed_and_nothing_else_and_serves_the_result() {
    let (mut table, order) = Table::claimed();
    let claim = messages(&table, "Claim");
    table.restart();
    assert_eq!(messages(&table, "Claim"), claim);
    assert!(table.served().contains(&(result(4).written.blob, CLIENT)), "{:?}", table.effects);
    table.fetched(order.input_commit, Digest::default());
    assert_eq!(table.runs(), 0);

    let (mut table, order) = Table::started(|table| table.order(0, 0));
    table.notice(NOTARY, order.id(), NoticeEvent::Cancelled);
    let claim = messages(&table, "Claim");
    table.restart();
    assert_eq!(messages(&table, "Claim"), claim, "of a cancelled job as well");
    assert!(!table.fetches(order.input_commit));
}

#[test]
fn a_provider_that_gave_up_says_so_again() {
    let (mut table, order) = Table::started(|table| table.order(0, 0));
    table.fetched(order.input_commit, Digest::default());
    table.ran(order.id(), false, Err(Failure::Trap));
    let aborts = messages(&table, "Abort");
    table.restart();
    assert_eq!(messages(&table, "Abort"), aborts);
    let state = table.node().runs().first().map(|run| run.state);
    assert_eq!((table.saves(), state), (0, Some(RunState::Ended)));
}

#[test]
fn a_provider_offers_what_it_offered() {
    let mut table = Table::provider();
    table.restart();
    let published = table
        .effects
        .iter()
        .any(|effect| matches!(effect, assay_market::Effect::Publish(message) if message.kind() == "Offer"));
    assert!(published, "{:?}", table.effects);
}

#[test]
fn a_verifier_begins_anew_what_it_has_not_sealed_and_gives_an_absent_input_up() {
    let (mut table, check) = running();
    table.restart();
    assert_eq!(table.said(), [("Check", CLIENT), ("Check", PROVIDER)]);
    table.pass(Duration::seconds(6));
    assert_eq!(table.count("Unserved"), 1, "{:?}", table.said());
    table.restart();
    table.hear(NOTARY, check);
    assert_eq!(table.said(), [("Unserved", NOTARY)]);
}

#[test]
fn a_verifier_seals_nothing_twice() {
    let (mut table, check) = running();
    table.ran(check.job, true, Ok(result(4)));
    let sealed = seals(&table);
    table.restart();
    table.fetched(check.input_commit, Digest::default());
    table.ran(check.job, true, Ok(result(4)));
    assert!(table.effects.is_empty(), "{:?}", table.effects);
    table.hear(NOTARY, check);
    assert_eq!(seals(&table), sealed);
    assert_eq!(table.node().runs().len(), 1);
}

#[test]
fn a_client_goes_on_where_its_order_was() {
    let mut table = Table::client(&[PROVIDER]);
    table.submit(1, |_| {});
    let proposed = messages(&table, "Propose");
    table.restart();
    assert_eq!(messages(&table, "Propose"), proposed);

    let (mut table, ..) = Table::opening(&[PROVIDER]);
    table.restart();
    assert_eq!(table.said(), [("Open", NOTARY)]);

    let (mut table, order, _) = Table::running(&[PROVIDER]);
    table.restart();
    assert_eq!(table.said(), [("Start", PROVIDER), ("Query", NOTARY)]);
    assert_eq!(table.served(), [(order.input_commit, PROVIDER)]);
    let state = table.node().submission(KEY).and_then(|view| Some(view.attempts.last()?.state));
    assert_eq!(state, Some(AttemptState::Running));
}

#[test]
fn a_cancelled_job_stays_cancelled() {
    let (mut table, ..) = Table::running(&[PROVIDER]);
    table.want(Command::Cancel { key: KEY });
    table.restart();
    assert_eq!((table.count("Cancel"), table.count("Start")), (1, 0), "{:?}", table.said());
}

#[test]
fn the_time_of_a_submission_ends_after_a_restart_as_well() {
    let mut table = Table::client(&[PROVIDER]);
    let until = Some(table.now.after(Duration::seconds(9)));
    table.submit(1, |submission| submission.until = until);
    table.restart();
    table.pass(Duration::seconds(8));
    assert!(!table.told().any(|event| matches!(event, Event::Cancelled { .. })));
    table.pass(Duration::seconds(2));
    assert!(table.told().any(|event| *event == Event::Cancelled { key: KEY }), "{:?}", table.effects);
}
