//! Each demand of T1 that order, agreement and ticket decide: what just meets it, and what just does not.

use alloc::{collections::BTreeSet, string::String};

use super::*;
use crate::{
    id::{Digest, PeerId},
    job::tests::world::{CLIENT, Terms, checkers, genesis, order, standing},
    ticket::Standing,
    units::{Duration, Rate, Timestamp},
};

/// All that an admission is judged by.
struct Case {
    genesis: Genesis,
    order: Order,
    standing: Standing,
    accept: Accept,
}

/// Work takes a millisecond a unit, and a run so many.
fn slow(case: &mut Case, run_ms: u64) {
    (case.genesis.money.micros_per_work, case.order.run_max) = (1_000, Duration(run_ms));
}

/// Changes an order that is admitted, and says what becomes of it.
type Row = (&'static str, fn(&mut Case), Result<(), Refusal>);

const UNSOUND: &[Row] = &[
    ("nothing is changed", |_| {}, Ok(())),
    ("another notary", |case| case.order.notary = PeerId([9; 32]), Err(Refusal::Notary)),
    ("no units", |case| case.order.units_max = 0, Err(Refusal::Numbers)),
    ("no work", |case| case.order.work_max = 0, Err(Refusal::Numbers)),
    ("no price", |case| case.order.unit_price = Amount::ZERO, Err(Refusal::Numbers)),
    ("no time", |case| case.order.run_max = Duration(0), Err(Refusal::Numbers)),
    ("a minute and ten times what it takes", |case| slow(case, 60_000 + 10 * 80), Ok(())),
    ("a longer run", |case| slow(case, 60_001 + 10 * 80), Err(Refusal::Limits)),
    ("a price that does not fit", |case| case.order.unit_price = Amount(u64::MAX), Err(Refusal::Numbers)),
    ("less than the price", |case| case.order.total_max = Amount(999_999), Err(Refusal::Numbers)),
    ("a fee of the price", |case| case.order.cancel_fee = Amount(1_000_000), Ok(())),
    ("a fee above the price", |case| case.order.cancel_fee = Amount(1_000_001), Err(Refusal::Numbers)),
    ("a manifest without a name", |case| case.order.manifest.name = String::new(), Err(Refusal::Limits)),
    (
        "all the work of the manifest",
        |case| (case.order.work_max, case.order.total_max) = (1_000, Amount(3_000_000)),
        Ok(()),
    ),
    ("more than it", |case| case.order.work_max = 1_001, Err(Refusal::Limits)),
    ("too many checks", |case| case.order.checks = ORDER_CHECKS_MAX + 1, Err(Refusal::Limits)),
    ("client and provider in one", |case| case.order.provider = CLIENT, Err(Refusal::SelfDealing)),
    ("a known format", |case| case.order.manifest.policy = Terms::SPOT.policy, Ok(())),
    (
        "an unknown format",
        |case| {
            case.order.manifest.policy = Terms::SPOT.policy;
            case.genesis.thresholds.clear();
        },
        Err(Refusal::Policy),
    ),
];

/// The price is 1,000,000; a check costs 80,000 at most, of which premium and dues are 1,406 and 21,093.
const INADMISSIBLE: &[Row] = &[
    ("agreed to another order", |case| case.accept.job = Digest::default(), Err(Refusal::Conflict)),
    ("agreed for another class", |case| case.accept.class = Digest::default(), Err(Refusal::Class)),
    ("opened at the last live_time", |case| case.standing.opened = case.order.open_by, Ok(())),
    ("opened later", |case| case.standing.opened = Timestamp(case.order.open_by.0 + 1), Err(Refusal::Late)),
    ("12 hours to open it", |case| case.order.open_by = Timestamp(1_000_000 + 43_200_000), Ok(())),
    ("more", |case| case.order.open_by = Timestamp(1_000_001 + 43_200_000), Err(Refusal::Future)),
    ("price, premium and one check", |case| case.order.total_max = Amount(1_081_406), Ok(())),
    ("less", |case| case.order.total_max = Amount(1_081_405), Err(Refusal::Total)),
    ("twice as much", |case| case.order.total_max = Amount(2_162_812), Ok(())),
    ("more than twice", |case| case.order.total_max = Amount(2_162_813), Err(Refusal::Total)),
    ("and a place", |case| placed(case, 1_081_506), Ok(())),
    ("less of it", |case| placed(case, 1_081_505), Err(Refusal::Total)),
    ("twice as much with two checks", |case| prepay(case, 2_322_812), Ok(())),
    ("more than that", |case| prepay(case, 2_322_813), Err(Refusal::Total)),
    ("price, premium and prepaid checks", |case| prepay(case, 1_161_406), Ok(())),
    ("less of them", |case| prepay(case, 1_161_405), Err(Refusal::Total)),
    ("a newcomer's check", |case| newcomer(case, 1_161_406), Ok(())),
    ("less of it", |case| newcomer(case, 1_161_405), Err(Refusal::Total)),
    ("a price of the dues", |case| cheap(case, 22), Ok(())),
    ("a lower price", |case| cheap(case, 21), Err(Refusal::Dues)),
    ("agreed to just this rate", |case| case.accept.rate_max = Rate::of(1, 4), Ok(())),
    ("a lower one", |case| case.accept.rate_max = Rate(Rate::of(1, 4).0 - 1), Err(Refusal::Rate)),
    ("just the time to settle", |case| case.genesis.timers.settle_max = settle(case), Ok(())),
    (
        "less of it",
        |case| case.genesis.timers.settle_max = Duration(settle(case).0 - 1),
        Err(Refusal::Settle),
    ),
    ("a stake for all, and for a jury", |case| case.standing.exposed = Amount(297_880_000), Ok(())),
    ("for less", |case| case.standing.exposed = Amount(297_880_001), Err(Refusal::Exposure)),
    ("uncovered, even if it is checked anyway", |case| uncovered(case), Err(Refusal::Exposure)),
    ("a quarter of the stake", |case| another(case, 4_640_000), Ok(())),
    ("more than that", |case| another(case, 4_639_999), Err(Refusal::Exposure)),
    ("three that can check it", |case| case.standing.checkers = checkers(3), Ok(())),
    ("two", |case| case.standing.checkers = checkers(2), Err(Refusal::Checkers)),
    (
        "one with nearly all the weight",
        |case| case.standing.checkers.squares.low = 100,
        Err(Refusal::Checkers),
    ),
    (
        "a provider with more than a quarter",
        |case| case.standing.checkers.parties[1] = 5,
        Err(Refusal::Checkers),
    ),
    ("a client with a little less", |case| case.standing.checkers.parties[0] = 4, Ok(())),
    ("two, and it may go unchecked", |case| unchecked(case), Ok(())),
    ("the same with a newcomer, for whom nothing stands", |case| unstaked(case), Err(Refusal::Checkers)),
    ("as many as checks", |case| several(case, 4), Ok(())),
    ("fewer than checks", |case| several(case, 3), Err(Refusal::Checkers)),
];

/// Half of all places are taken, and one costs a hundred for an hour.
fn placed(case: &mut Case, total: u64) {
    (case.genesis.money.place_hour, case.standing.open) = (Amount(100), case.genesis.money.jobs_max / 2);
    case.order.total_max = Amount(total);
}

/// How long a job of this order may take from opening to payment.
fn settle(case: &Case) -> Duration {
    let (genesis, order) = (&case.genesis, &case.order);
    let timers = &genesis.timers;
    let drawn = timers.reveal.plus(timers.tick.times(deadline::ROUNDS_AHEAD));
    deadline::claim_time(genesis, order).plus(drawn).plus(deadline::window(genesis, order))
}

fn prepay(case: &mut Case, total: u64) {
    (case.order.checks, case.order.total_max) = (2, Amount(total));
}

fn newcomer(case: &mut Case, total: u64) {
    (case.standing.stake, case.order.total_max) = (Amount::ZERO, Amount(total));
}

fn cheap(case: &mut Case, unit_price: u64) {
    (case.order.unit_price, case.order.cancel_fee) = (Amount(unit_price), Amount::ZERO);
    case.order.total_max = Amount(150_000);
}

fn unchecked(case: &mut Case) {
    (case.standing.checkers, case.order.unchecked_ok) = (checkers(2), true);
}

/// The client pays a check in advance, and the stake does not stand for the job.
fn uncovered(case: &mut Case) {
    (case.order.checks, case.standing.exposed) = (1, Amount(300_000_000));
}

/// With this stake, and a job that is open already.
fn another(case: &mut Case, stake: u64) {
    (case.standing.stake, case.standing.serving) = (Amount(stake), 1);
}

/// It may go unchecked, and there is no stake.
fn unstaked(case: &mut Case) {
    unchecked(case);
    case.standing.stake = Amount::ZERO;
}

fn several(case: &mut Case, leaves: u64) {
    (case.order.checks, case.standing.checkers) = (4, checkers(leaves));
}

/// Says what becomes of an order that is admitted but for one change.
fn check(row: &Row) -> [Result<(), Refusal>; 2] {
    let (_, change, _) = row;
    let (order, standing) = (order(&Terms::SPOT), standing(&Terms::SPOT));
    let accept =
        Accept { job: order.id(), class: order.class, rate_max: Rate::ONE, starts_in: Duration::default() };
    let mut case = Case { genesis: genesis(), order, standing, accept };
    change(&mut case);
    let Case { genesis, order, standing, mut accept } = case;
    // An agreement to another order stays one; any other is to the order as it is now.
    accept.job = if accept.job == Digest::default() { accept.job } else { order.id() };
    let ticket = Ticket::new(&genesis, &order, standing);
    [sound(&genesis, &order), admit(&genesis, &order, &accept, &ticket)]
}

#[test]
fn an_order_that_no_network_can_run_is_refused_with_its_own_reason() {
    for row @ (what, _, expected) in UNSOUND {
        assert_eq!(check(row), [*expected; 2], "{what}");
    }
}

#[test]
fn an_order_that_may_not_be_opened_is_refused_with_its_own_reason() {
    for row @ (what, _, expected) in INADMISSIBLE {
        assert_eq!(check(row), [Ok(()), *expected], "{what}");
    }
}

/// True for what order, agreement and ticket decide; the rest is asked of the provider, or of the books.
fn is_decided_here(refusal: Refusal) -> bool {
    match refusal {
        Refusal::Notary
        | Refusal::Numbers
        | Refusal::Limits
        | Refusal::SelfDealing
        | Refusal::Policy
        | Refusal::Conflict
        | Refusal::Class
        | Refusal::Late
        | Refusal::Future
        | Refusal::Total
        | Refusal::Dues
        | Refusal::Rate
        | Refusal::Settle
        | Refusal::Exposure
        | Refusal::Checkers => true,
        Refusal::Busy
        | Refusal::Price
        | Refusal::ModelAbsent
        | Refusal::Nonce
        | Refusal::Frozen
        | Refusal::Newcomer
        | Refusal::Funds
        | Refusal::Full => false,
    }
}

#[test]
fn every_reason_that_is_decided_here_has_its_row() {
    let given: BTreeSet<Refusal> =
        [UNSOUND, INADMISSIBLE].concat().into_iter().filter_map(|(_, _, result)| result.err()).collect();
    assert!(given.iter().all(|refusal| is_decided_here(*refusal)));
    assert_eq!(given.len(), 15);
}
