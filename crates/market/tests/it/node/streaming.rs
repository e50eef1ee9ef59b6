//! A provider whose client listens: what it signs of what it writes, and what it claims of what it had to break off.

use assay_market::{
    Effect, Input,
    input::{RunId, RunResult},
};
use assay_protocol::{
    id::Digest,
    manifest::{End, Meter, Policy, TensorFormat, TokenWeights},
    message::Message,
    notice::NoticeEvent,
    order::{Failure, Order},
    units::{Amount, Duration},
};

use super::table::{Table, result};
use crate::office::{CLIENT, NOTARY, PROVIDER};

const TEXT: (Policy, Meter) = (Policy::Replay, Meter::Tokens(TokenWeights { read: 1, written: 4 }));
const TENSOR: (Policy, Meter) = (Policy::Tensor(TensorFormat::F32), Meter::Calls);
const EXACT: (Policy, Meter) = (Policy::Exact, Meter::Calls);

/// A provider of a model, whose run has begun of a job that leaves this where it is cancelled.
fn running(kind: (Policy, Meter), cancel_fee: Amount) -> (Table, RunId) {
    let (table, order) = begun(kind, cancel_fee);
    (table, RunId { job: order.id(), check: false })
}

/// The same, with the order.
fn begun((policy, meter): (Policy, Meter), cancel_fee: Amount) -> (Table, Order) {
    let mut table = Table::of(PROVIDER, |genesis| {
        (genesis.manifests[0].policy, genesis.manifests[0].meter) = (policy, meter);
    });
    table.provide();
    let (mut table, order) = table.begun(|table| Order { cancel_fee, ..table.order(0, 0) });
    table.fetched(order.input_commit, Digest::default());
    assert_eq!(table.runs(), 1);
    (table, order)
}

fn cuts(table: &Table, run: RunId) -> usize {
    table.effects.iter().filter(|effect| matches!(effect, Effect::Cut(cut) if *cut == run)).count()
}

/// The ends and units of the claims that are sent.
fn claims(table: &Table) -> Vec<(End, u64)> {
    let claim = |message: &Message| {
        let Message::Claim(claim) = message else { return None };
        Some((claim.said().end, claim.said().units))
    };
    table.sent().filter_map(|(_, message)| claim(message)).collect()
}

fn part(units: u64) -> RunResult {
    RunResult { end: End::Cancelled, ..result(units) }
}

#[test]
fn a_text_that_is_cancelled_is_claimed_as_far_as_it_was_written() {
    let (mut table, run) = running(TEXT, Amount(1));
    table.notice(NOTARY, run.job, NoticeEvent::Cancelled);
    assert_eq!((cuts(&table, run), table.said().len(), table.saves()), (1, 0, 0));
    table.notice(NOTARY, run.job, NoticeEvent::Cancelled);
    assert_eq!(cuts(&table, run), 0, "once is enough");
    table.ran(run.job, false, Ok(part(3)));
    assert_eq!(claims(&table), [(End::Cancelled, 3)]);
    assert_eq!(table.count("Deliver"), 1);
}

#[test]
fn a_text_that_was_hardly_begun_when_it_was_cancelled_is_claimed_for_the_fee() {
    let dear = Amount(1_000_000_000);
    let nothing = RunResult { evidence_records: 0, ..part(3) };
    for (fee, ended) in [
        (dear, Ok(part(3))),
        (Amount(1), Ok(nothing)),
        (Amount(1), Err(Failure::Machine)),
        (Amount(1), Ok(part(1_000))),
    ] {
        let (mut table, run) = running(TEXT, fee);
        table.notice(NOTARY, run.job, NoticeEvent::Cancelled);
        table.ran(run.job, false, ended);
        assert_eq!(claims(&table), [(End::Cancelled, 0)], "{ended:?}");
        assert_eq!((table.count("Abort"), table.count("Deliver")), (0, 0), "{ended:?}");
    }
}

#[test]
fn a_run_that_does_not_end_though_it_was_cut_is_given_up() {
    let (mut table, run) = running(TEXT, Amount(1));
    table.notice(NOTARY, run.job, NoticeEvent::Cancelled);
    table.pass(Duration::seconds(5));
    assert_eq!(claims(&table), [(End::Cancelled, 0)]);
    table.ran(run.job, false, Ok(part(3)));
    assert_eq!(claims(&table), [], "it is too late");
}

#[test]
fn after_a_restart_no_less_is_claimed_than_was_streamed_before() {
    let (mut table, order) = begun(TEXT, Amount(1));
    let run = RunId { job: order.id(), check: false };
    table.feed(Input::Streamed { run, records: 40, root: Digest([7; 32]) });
    table.restart();
    table.fetched(order.input_commit, Digest::default());
    assert_eq!(table.runs(), 1);
    table.notice(NOTARY, run.job, NoticeEvent::Cancelled);
    assert_eq!((cuts(&table, run), claims(&table)), (0, vec![(End::Cancelled, 0)]));
}

#[test]
fn what_is_no_text_is_worth_nothing_in_part() {
    // What no unit is counted for is not bounded by units either.
    let free = Meter::Tokens(TokenWeights { read: 1, written: 0 });
    for kind in [EXACT, TENSOR, (Policy::Replay, Meter::Calls), (Policy::Replay, free)] {
        let (mut table, run) = running(kind, Amount(1));
        table.notice(NOTARY, run.job, NoticeEvent::Cancelled);
        assert_eq!((cuts(&table, run), claims(&table)), (0, vec![(End::Cancelled, 0)]), "{kind:?}");
    }
}

#[test]
fn what_was_streamed_is_signed_for_the_client_where_the_same_run_writes_the_same_again() {
    let stream = |run| Input::Streamed { run, records: 2, root: Digest([7; 32]) };
    for (kind, signed) in [(TEXT, 1), (EXACT, 1), (TENSOR, 0)] {
        let (mut table, run) = running(kind, Amount(1));
        table.feed(stream(run));
        let said: Vec<_> = table.sent().map(|(to, message)| (to, message.kind())).collect();
        assert_eq!(said, vec![(CLIENT, "Output"); signed], "{kind:?}");
        table.ran(run.job, false, Ok(result(3)));
        table.feed(stream(run));
        assert_eq!(table.count("Output"), 0, "what is claimed is not streamed any more");
    }
}
