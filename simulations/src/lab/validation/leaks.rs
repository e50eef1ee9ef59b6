//! What it brings to lie where verifiers seal what they were told, and what traps bring those who set them and those who are told
//! something: the closed forms, beside trials by the rules of draws and payouts.
//!
//! All is counted in checks, or in prices, so that what a network asks for them does not matter; how a forfeit compares with a check
//! follows from its rules.

use assay_protocol::{genesis::Checks, rate, units::Rate};

use super::{TRIALS, Validated, mean};
use crate::{
    lab::{distribution::unit, voting},
    plan::Plan,
    random::Stream,
};

/// What is at stake, in prices.
const STAKE: f64 = 100.0;
/// Work of a job, however much.
const WORK: u64 = 1_000;

/// All of them.
pub(super) fn all() -> Vec<Validated> {
    let parts = [lazy(), hunters(10, [0.01, 0.48]), hunters(1, [0.14, 0.31]), takers()];
    parts.into_iter().flatten().collect()
}

fn of_one(rate: Rate) -> f64 {
    rate.0 as f64 / Rate::ONE.0 as f64
}

/// From which share of first verifiers on that seal what they were told it pays to lie where there are no traps: at the base rate,
/// with a jury in which as many collude as a network reckons with.
fn lazy() -> Vec<Validated> {
    let checks = Checks::default();
    let (base, convicts) = (of_one(checks.base), of_one(rate::convicts(&checks)));
    // Paid is a price; a conviction takes that and the stake.
    let pays = 1.0 - 1.0 / (base * convicts * (1.0 + STAKE));
    let honest = Rate::ONE.minus_up_to(checks.collusion);
    let gain = mean("what a lie gains where so many are lazy, in prices", 0.0, TRIALS, |luck| {
        let is_seen = unit(luck) >= pays && luck.happens(checks.power) && luck.happens(honest);
        let is_convicted = is_seen && voting::jury(&checks, honest, luck);
        // Only checked jobs are tried; so many are not.
        1.0 - base * if is_convicted { 1.0 + STAKE } else { 0.0 }
    });
    let name = "lazy verifiers from which on lies pay without traps, 2 % checked, 100 prices at stake";
    vec![Validated::within(name, 0.346, pays, 0.0005), gain]
}

/// The forfeit of a trap in checks, where the longest run is so many times as long as a job.
fn forfeit(longer: u64) -> f64 {
    let genesis = Plan::default().genesis();
    genesis.stake_least(WORK * longer).0 as f64 / genesis.check_cost(WORK).0 as f64
}

/// What a trap brings its parties, where this share of the weight seals what it is told: whoever finds something else ends it, and two
/// look at who does not.
fn hunt(takers: f64, forfeit: f64) -> f64 {
    let honest = 1.0 - takers;
    let looked_at = honest * honest * (forfeit - 2.0) - 6.0 * takers * honest - takers * takers * forfeit;
    takers * looked_at - honest
}

/// A trap: what it brings its parties, and who was first to be drawn and took what it was told, beside whoever runs what it checks.
fn trap(takers: f64, forfeit: f64, luck: &mut Stream) -> (f64, Option<f64>) {
    let [first, second, third] = [(); 3].map(|()| unit(luck) < takers);
    match (first, second, third) {
        // It ran what it checked, and its parties pay for that.
        (false, ..) => (-1.0, None),
        // Two contradict it: it has no fee, and pays what was at stake; those two are paid.
        (true, false, false) => (forfeit - 2.0, Some(-forfeit)),
        // Nobody does: it is paid for what it did not run, and its parties lose as much as they would have won.
        (true, true, true) => (-forfeit, Some(1.0)),
        // One does and one does not: all three are paid.
        (true, ..) => (-3.0, Some(1.0)),
    }
}

/// What hunters gain, and where.
fn hunters(longer: u64, published: [f64; 2]) -> Vec<Validated> {
    let forfeit = forfeit(longer);
    let of =
        if longer == 1 { "as long as the longest".to_owned() } else { format!("1/{longer} of the longest") };
    let mut pays =
        (1_u32..100).map(|share| f64::from(share) / 100.0).filter(|share| hunt(*share, forfeit) > 0.0);
    let [least, most] = [pays.next(), pays.next_back()].map(Option::unwrap_or_default);
    let mut found = vec![
        Validated::within(format!("takers from which on traps pay, jobs {of}"), published[0], least, 1e-9),
        Validated::within(format!("takers up to which they do, jobs {of}"), published[1], most, 1e-9),
    ];
    found.extend([0.05, 0.2, 0.6].map(|takers| {
        let name = format!("a trap brings its parties, in checks, {takers} take, jobs {of}");
        mean(name, hunt(takers, forfeit), TRIALS, |luck| trap(takers, forfeit, luck).0)
    }));
    found
}

/// What it brings to take what one is told.
fn takers() -> Vec<Validated> {
    let in_traps = [0.05, 0.2].map(|takers| {
        let (forfeit, caught) = (forfeit(10), (1.0 - takers) * (1.0 - takers));
        let name = format!("a taker brings home from a trap, in checks, {takers} take");
        mean(name, 1.0 - caught * (1.0 + forfeit), TRIALS, |luck| {
            loop {
                // Of those traps at which one that takes is drawn first.
                if let (_, Some(brought)) = trap(takers, forfeit, luck) {
                    break brought;
                }
            }
        })
    });
    // Everybody else runs what it checks, and one leak in twelve is a trap.
    let (part, forfeit) = (1.0 / 12.0, forfeit(1));
    let name = "a lone taker loses, in checks, where one leak in twelve is a trap";
    let trial = |luck: &mut Stream| if unit(luck) < part { forfeit } else { -1.0 };
    let loses = mean(name, part * (1.0 + forfeit) - 1.0, TRIALS, trial);
    let pays = Validated {
        name: "traps among leaks below which a lone taker gains, at most 1 in 12".to_owned(),
        target: part,
        found: 1.0 / (1.0 + forfeit),
        allowed: [0.0, part],
    };
    in_traps.into_iter().chain([loses, pays]).collect()
}
