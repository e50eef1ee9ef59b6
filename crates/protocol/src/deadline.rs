//! How long a job may take, from what its order and the rules of its network say: known before anything of it happens.

use crate::{
    genesis::Genesis,
    job::ABSENT_MAX,
    order::{ORDER_CHECKS_MAX, Order},
    units::Duration,
};

/// Rounds between a statement and the beacon that it is drawn with: nobody has seen the value when it is made.
pub const ROUNDS_AHEAD: u64 = 2;
/// What every run may take, and how many times its estimate beside that.
const RUN_BASE: Duration = Duration::seconds(60);
const RUN_ESTIMATES: u64 = 10;
/// How many times its estimate a check may take.
const CHECK_ESTIMATES: u64 = 3;

/// How long after its opening a job's claim is due.
#[must_use]
pub fn claim_time(genesis: &Genesis, order: &Order) -> Duration {
    order.run_max.times(3).plus(genesis.timers.claim)
}

/// The longest, in live time, that a job can be open under the rules of a network, whatever it is about.
///
/// It settles within `settle_max` unless it is checked, or waits for another job of its provider that is: that one was
/// opened before it began to wait, and may be checked as long as this one. No check takes longer than a quarter of
/// `settle_max`, since four of them fit the window of every job (T1), and none begins later than `settle_max` after its
/// draw, however many its verifier was given before.
#[must_use]
pub fn open_max(genesis: &Genesis) -> Duration {
    let (timers, checks) = (&genesis.timers, &genesis.checks);
    // A first check goes on while verifiers are given no input, and a jury may follow it.
    let verifiers =
        (u64::from(ORDER_CHECKS_MAX) + ABSENT_MAX as u64).saturating_add(checks.draws_max.saturating_mul(2));
    let seat = Duration(timers.settle_max.0 / 4)
        .plus(timers.settle_max)
        .plus(timers.opening)
        .plus(timers.gap_max.times(2 * ROUNDS_AHEAD + 2));
    let checked = seat.times(verifiers).plus(timers.silence);
    timers.settle_max.plus(checked).times(2)
}

/// The longest run that an order may ask for: what its work is estimated to take, ten times over, and a minute. Who wants
/// more time has to say that it is more work.
#[must_use]
pub fn run_max(genesis: &Genesis, order: &Order) -> Duration {
    RUN_BASE.plus(genesis.estimate(order.work_max).times(RUN_ESTIMATES))
}

/// The longest run of a check: as long as three runs, by the estimate and by what the order allows its provider, so that
/// neither a slow input nor an order that allows hardly any time makes anybody late who is honest. Where it may be tried
/// along the output, and that may be false, both a reading and a run fit in.
#[must_use]
pub fn checking(genesis: &Genesis, order: &Order) -> Duration {
    let along = if order.manifest.policy.is_proven_by_rows() { order.check_work_max() } else { 0 };
    let working = genesis.estimate(order.work_max).plus(genesis.estimate(along));
    working.max(order.run_max).times(CHECK_ESTIMATES)
}

/// How long a verifier has for its seal, from the beginning of its check: its longest run, and the time for a seal.
#[must_use]
pub fn sealing(genesis: &Genesis, order: &Order) -> Duration {
    checking(genesis, order).plus(genesis.timers.seal)
}

/// From the opening to the payment, where nobody objects and no jury is called.
#[must_use]
pub fn settle(genesis: &Genesis, order: &Order) -> Duration {
    let timers = &genesis.timers;
    let drawn = timers.reveal.plus(timers.tick.times(ROUNDS_AHEAD));
    claim_time(genesis, order).plus(drawn).plus(window(genesis, order))
}

/// From the draw to the payment, where nothing is drawn: long enough for a check to have run its course.
#[must_use]
pub fn window(genesis: &Genesis, order: &Order) -> Duration {
    let timers = &genesis.timers;
    let drawn = timers.reveal.plus(timers.tick.times(ROUNDS_AHEAD));
    let course = drawn.plus(sealing(genesis, order).times(4)).plus(timers.opening);
    timers.window.max(course)
}
