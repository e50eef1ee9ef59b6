//! The payout table to the last unit, and that no money comes from nowhere.

use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};

use proptest::{prelude::*, sample, test_runner::RngSeed};

use super::*;
use crate::{
    job::{
        Party,
        tests::{
            ticks,
            world::{Terms, World, name, order, rules, standing},
        },
    },
    manifest::{Meter, TokenWeights},
    units::Rate,
};

const SPOT: Terms = Terms::SPOT.with_margin(2);
const ALWAYS: Terms = Terms::ALWAYS.with_margin(2);
const THRICE: Terms = Terms::THRICE.with_margin(2);
const NEWCOMER: Terms = Terms::NEWCOMER.with_margin(2);
const TENSOR: Terms = Terms::SPOT.with_margin(2);

/// The payout table: a story, how it ends, what client and provider get, what the provider loses, what each verifier
/// earns or, with a minus, pays; a verifier is its seat, `p` the provider. All in thousands.
///
/// The price is 1,000, of which 800 are claimed; the client puts up 2,000; a check of the claim costs 64, the premium on
/// it 64 × 1/64 × 9/8 = 1.125, the dues 64 × 15/64 × 9/8 = 16.875; the slash is a hundred times what the client puts up,
/// but for all checks in advance beyond the first, of 80 each.
const TABLE: &[(Terms, &str)] = &[
    (
        SPOT,
        "
        undrawn overdue                             | NotDrawn     | 1198.875 | 783.125 | 0      |
        drawn seat:nobody                           | Unchecked    | 1198.875 | 783.125 | 0      |
        drawn unheard*3                             | Unchecked    | 1198.875 | 783.125 | 0      |
        drawn checked:same                          | Checked      | 1198.875 | 783.125 | 0      | 0:64
        drawn unheard checked:same                  | Checked      | 1198.875 | 783.125 | 0      | 1:64
        claim overdue rounds draw:none checked:same | Checked      | 1134.875 | 783.125 | 0      | 0:64
        claim overdue rounds draw:check checked:same | Checked     | 1134.875 | 783.125 | 0      | 0:64
        claim:idle overdue rounds draw:none checked:same | Checked | 1934.875 | 0       | 0      | 0:64
        claim overdue rounds draw:none unserving checked:same voice:same | Checked | 1134.875 | 719.125 | 0 | 1:64 2:64
        claim overdue rounds draw:none seat:nobody  | Unchecked    | 1198.875 | 783.125 | 0      |
        claim overdue rounds draw:none checked:other voice:same*2 | Cleared | 1198.875 | 783.125 | 0 | 1:64 2:64 0:-128
        claim overdue rounds draw:none checked:other voice:other*2 | Slashed | 2000 | 0 | 200000 | 0:1344 1:64 2:64
        claim overdue rounds draw:none checked:other nobody | Void | 1936     | 0       | 0      | 0:64
        claim overdue rounds draw:none unserving checked:same voice:other nobody | Void | 1936 | 0 | 0 | 1:64 2:64
        claim overdue convicted rounds draw:none checked:same | Checked | 1198.875 | 719.125 | 0 | 0:64
        claim:idle reveal rounds draw:none overdue  | NotDrawn     | 1998.875 | 0       | 0      |
        claim:most reveal rounds draw:none overdue  | NotDrawn     | 998.875  | 983.125 | 0      |
        claim convicted reveal rounds draw:none checked:same | Checked | 1198.875 | 719.125 | 0    | 0:64
        claim:idle convicted reveal rounds draw:none checked:same | Checked | 1998.875 | 0 | 0 | 0:64 p:-64
        claim convicted reveal rounds draw:none seat:nobody | Unchecked | 1198.875 | 783.125 | 0   |
        undrawn convicted checked:same              | Checked      | 1198.875 | 719.125 | 0      | 0:64
        undrawn dispute checked:same                | Checked      | 1134.875 | 783.125 | 0      | 0:64
        undrawn dispute nobody                      | Unchecked    | 1198.875 | 783.125 | 0      |
        undrawn dispute checked:other voice:same*2  | Cleared      | 1198.875 | 783.125 | 0      | 1:64 2:64 0:-128
        undrawn dispute checked:other voice:other*2 | Slashed      | 2000     | 0       | 200000 | 0:1344 1:64 2:64
        undrawn dispute checked:other nobody        | Void         | 1936     | 0       | 0      | 0:64
        accused voice:same*2                        | Cleared      | 1198.875 | 783.125 | 0      | 1:64 2:64 0:-128
        accused voice:other voice:same*3            | Cleared      | 1198.875 | 783.125 | 0      | 2:64 3:64 4:64 0:-96 1:-96
        accused voice:other voice:same voice:other voice:same*3 | Cleared | 1198.875 | 783.125 | 0 | 2:64 4:64 5:64 6:64 0:-85.334 1:-85.333 3:-85.333
        accused voice:third voice:same*3            | Cleared      | 1198.875 | 783.125 | 0      | 2:64 3:64 4:64 0:-96 1:-96
        accused unheard voice:same*2                | Cleared      | 1198.875 | 783.125 | 0      | 2:64 3:64 0:-128
        drawn unserving checked:same voice:same     | Checked      | 1198.875 | 719.125 | 0      | 1:64 2:64
        drawn unserving checked:same nobody         | Unreached    | 2000     | 0       | 0      | 1:64 p:-64
        claim:idle reveal rounds draw:check unserving checked:same voice:same | Checked | 1998.875 | 0 | 0 | 1:64 2:64 p:-64
        undrawn convicted unserving checked:same voice:same | Checked | 1198.875 | 655.125 | 0   | 1:64 2:64
        undrawn unreached unserving                 | Unreached    | 2000     | 0       | 0      |
        undrawn dispute unserving*3                 | Unchecked    | 1134.875 | 783.125 | 0      | 0:21.333 1:21.333 2:21.333
        undrawn dispute unserving checked:same unserving*2 | Unchecked | 1134.875 | 719.125 | 0  | 1:64 0:21.333 2:21.333 3:21.333
        drawn unserving checked:grey                | Grey         | 1198.875 | 783.125 | 0      | 1:64
        drawn unserving*8                           | Unreached    | 2000     | 0       | 0      |
        drawn sealed:same open-seal:same overdue open voice:same*2 | Cleared | 1198.875 | 783.125 | 0 | 0:64 1:64 2:64 p:-128
        drawn sealed:same open-seal:same overdue voice:same open voice:same | Cleared | 1198.875 | 783.125 | 0 | 0:64 1:64 2:64 p:-128
        drawn sealed:same open-seal:same overdue open voice:other voice:same*3 | Cleared | 1198.875 | 783.125 | 0 | 0:64 2:64 3:64 4:64 p:-96 1:-96
        drawn sealed:other open-seal:other overdue open voice:same*2 | Cleared | 1198.875 | 783.125 | 0 | 1:64 2:64 0:-128
        accused voice:other*2                       | Slashed      | 2000     | 0       | 200000 | 0:1344 1:64 2:64
        accused voice:other voice:third voice:other | Slashed      | 2000     | 0       | 200000 | 0:1344 1:64 3:64
        accused rounds seat:accuser voice:other     | Slashed      | 2000     | 0       | 200000 | 0:1344 1:64
        accused voice:same rounds seat:again voice:other rounds seat:again*2 seat:accuser | Slashed | 2000 | 0 | 200000 | 0:1344 2:64
        accused rounds seat:accuser voice:same*3    | Cleared      | 1198.875 | 783.125 | 0      | 1:64 2:64 3:64 0:-192
        accused voice:same voice:other*3            | Slashed      | 2000     | 0       | 200000 | 0:1344 2:64 3:64 4:64
        accused unserving*12                        | Unreached    | 2000     | 0       | 0      | 0:64 p:-64
        drawn unserving checked:other voice:other*2 | Slashed      | 2000     | 0       | 200000 | 1:1344 2:64 3:64
        claim contradict                            | FalseStream  | 2000     | 0       | 200000 |
        undrawn contradict                          | FalseStream  | 2000     | 0       | 200000 |
        drawn sealed:same open:output               | FalseOpening | 2000     | 0       | 200000 |
        drawn sealed:same open-seal:same open:output | FalseOpening | 2000    | 0       | 200000 | 0:1344
        accused voice:other contradict              | FalseStream  | 2000     | 0       | 200000 | 0:1344 1:64
        undrawn dispute contradict                  | FalseStream  | 2000     | 0       | 200000 |
        drawn sealed:other open-seal:other overdue voice:other overdue | Silent | 2000 | 0 | 200000 | 0:64 1:64
        accused voice:other nobody                  | Disputed     | 2000     | 0       | 0      | 0:64 1:64
        accused voice:other voice:third nobody      | Disputed     | 2000     | 0       | 0      | 0:64 1:64 2:64
        accused nobody                              | Void         | 2000     | 0       | 0      | 0:64
        accused voice:same unheard nobody           | Void         | 2000     | 0       | 0      | 0:64 1:64
        overdue                                     | NoClaim      | 2000     | 0       | 0      |
        abort                                       | Aborted      | 2000     | 0       | 0      |
        cancel abort                                | Aborted      | 2000     | 0       | 0      |
        convicted                                   | Withdrawn    | 2000     | 0       | 0      |
        cancel overdue                              | Cancelled    | 2000     | 0       | 0      |
        cancel claim:fee                            | Cancelled    | 1950     | 50      | 0      |
        cancel claim:cancelled reveal rounds draw:none overdue | NotDrawn | 1498.875 | 483.125 | 0 |
        cancel claim reveal rounds draw:none overdue | NotDrawn    | 1198.875 | 783.125 | 0      |
        ",
    ),
    (
        Terms { policy: Terms::EXACT.policy, ..SPOT },
        "
        drawn overdue                               | Void         | 2000     | 0       | 0      |
        undrawn dispute overdue                     | Void         | 2000     | 0       | 0      |
        drawn open seat seal:same                   | Checked      | 1198.875 | 783.125 | 0      | 0:64
        drawn open seat seal:cheaper sealed:same*2  | Cleared      | 1198.875 | 783.125 | 0      | 1:64 2:64 0:-128
        drawn open seat seal:fewer sealed:same*2    | Cleared      | 1198.875 | 783.125 | 0      | 1:64 2:64 0:-128
        drawn open seat seal:other sealed:cheaper*2 | Slashed      | 2000     | 0       | 200000 | 0:1344 1:32 2:32
        drawn open seat seal:other sealed:other sealed:third | Slashed | 2000  | 0       | 200000 | 0:1344 1:64 2:64
        ",
    ),
    (
        // What is at stake in a trap is twelve of its longest runs, 12,000; premium and dues are those of 80, as it was ordered.
        Terms { policy: Terms::EXACT.policy, ..SPOT },
        "
        drawn open:trap seat:nobody                 | Trap         | 13977.501 | 0       | 0      |
        drawn open:trap seat seal:other             | Trap         | 13913.501 | 0       | 0      | 0:64
        drawn open:trap seat seal:same sealed:other*2 | Trap         | 13849.501 | 12000   | 0      | 1:64 2:64 0:-12000
        drawn open:trap seat seal:same sealed:other rounds seat:again | Trap         | 13913.501 | 12000   | 0      | 1:64 0:-12000
        drawn open:trap seat seal:same sealed:same*2 | Trap         | 1977.501 | 0       | 0      | 0:64 1:64 2:64
        drawn open:trap seat seal:same rounds seat:first*2 | Trap         | 1977.501 | 0       | 0      | 0:64
        drawn open:trap seat seal:same unserving*2  | Trap         | 1977.501 | 0       | 0      | 0:64
        drawn open:trap seat seal:same sealed:other sealed:same | Trap         | 13785.501 | 0       | 0      | 0:64 1:64 2:64
        drawn open:trap seat seal:same sealed:other unheard*2 | Trap         | 13849.501 | 0       | 0      | 0:64 1:64
        drawn open:trap seat seal:same sealed:other nobody | Trap         | 13849.501 | 0       | 0      | 0:64 1:64
        drawn open:trap seat seal:same sealed:same unheard*2 | Trap         | 1977.501 | 0       | 0      | 0:64 1:64
        drawn open:trap seat seal:same unheard*2    | Trap         | 1977.501 | 0       | 0      | 0:64
        drawn open:trap seat seal:same nobody       | Trap         | 1977.501 | 0       | 0      | 0:64
        drawn open:trap seat seal:more              | Trap         | 13897.501 | 0       | 0      | 0:80
        claim:unworked reveal rounds draw:check open:trap seat seal:other | Trap         | 13913.501 | 0       | 0      | 0:64
        claim:unworked reveal rounds draw:check open:trap seat seal:same sealed:other*2 | Trap         | 13849.501 | 12000   | 0      | 1:64 2:64 0:-12000
        drawn open:trap-short                       | Trap         | 1977.5   | 0       | 0      |
        drawn open:trap-unfunded                    | Trap         | 200      | 0       | 0      |
        drawn open:trap seat unserved unserving*7   | Unreached    | 14000    | 0       | 0      |
        undrawn dispute open:trap unserving*3 | Unchecked | 13134.875 | 783.125 | 0 | 0:21.333 1:21.333 2:21.333
        undrawn dispute open:trap sealed:other      | Trap         | 13913.501 | 0       | 0      | 0:64
        drawn open:trap seat contradict             | FalseStream  | 14000    | 0       | 200000 |
        ",
    ),
    (
        Terms { policy: Terms::EXACT.policy, ..NEWCOMER },
        "
        drawn open:trap seat seal:other             | Trap         | 13934.594 | 0       | 0      | 0:64
        drawn open:trap seat seal:same sealed:same*2 | Trap         | 1998.594 | 0       | 0      | 0:64 1:64 2:64
        drawn open:trap seat seal:same sealed:other*2 | Trap         | 13870.594 | 0       | 0      | 1:64 2:64 0:-0
        drawn open:trap seat unserved unserving*2   | Unreached    | 13936.001 | 0       | 0      | 0:21.333 1:21.333 2:21.333
        ",
    ),
    (
        // Of who was caught no more is taken than it has.
        Terms { policy: Terms::EXACT.policy, stake: Amount(2_120_000), ..SPOT },
        "drawn open:trap seat seal:same sealed:other*2 | Trap         | 13810.498 | 2120    | 0      | 1:64 2:64 0:-2120",
    ),
    (
        ALWAYS,
        "
        drawn checked:same                          | Checked      | 1134.875 | 783.125 | 0      | 0:64
        drawn seat:nobody                           | Unchecked    | 1198.875 | 783.125 | 0      |
        accused voice:same*2                        | Cleared      | 1198.875 | 783.125 | 0      | 1:64 2:64 0:-128
        accused voice:other*2                       | Slashed      | 2000     | 0       | 200000 | 0:1344 1:64 2:64
        overdue                                     | NoClaim      | 2000     | 0       | 0      |
        ",
    ),
    (
        THRICE,
        "
        drawn checked:same voice:same*2             | Checked      | 1006.875 | 783.125 | 0      | 0:64 1:64 2:64
        drawn checked:same nobody                   | Unchecked    | 1134.875 | 783.125 | 0      | 0:64
        drawn checked:same voice:same voice:other voice:same*2 | Cleared | 1070.875 | 783.125 | 0 | 0:64 1:64 3:64 4:64 2:-128
        drawn checked:same voice:other rounds seat:first voice:same | Cleared | 1134.875 | 783.125 | 0 | 0:64 2:64 1:-64
        drawn checked:same voice:other voice:other*2 | Slashed     | 2000     | 0       | 184000 | 1:1344 2:64 3:64
        drawn checked:same voice:other nobody       | Void         | 1872     | 0       | 0      | 0:64 1:64
        ",
    ),
    (
        NEWCOMER,
        "
        drawn checked:same                          | Checked      | 1198.875 | 736     | 0      | 0:64
        claim overdue rounds draw:check checked:same | Checked     | 1198.875 | 736     | 0      | 0:64
        claim:idle reveal rounds draw:check checked:same | Checked | 1934.875 | 0       | 0      | 0:64
        drawn checked:other rounds draw:none        | Mismatch     | 1870.875 | 0       | 0      | 0:64
        drawn checked:other rounds draw:check voice:other | Mismatch | 1870.875 | 0     | 0      | 0:64 1:64
        drawn checked:other rounds draw:check seat:accuser | Mismatch | 1870.875 | 0    | 0      | 0:64
        drawn checked:other rounds draw:check voice:same voice:other | Mismatch | 1870.875 | 0 | 0 | 0:64 1:64 2:64 1:-192
        drawn checked:other rounds draw:check voice:same*2 | Checked | 1198.875 | 736   | 0      | 0:64 1:64 2:64 0:-192
        drawn checked:other rounds draw:check voice:same rounds seat:again | Checked | 1198.875 | 736 | 0 | 0:64 1:64 0:-192
        drawn checked:other rounds draw:check voice:same unserving | Mismatch | 1870.875 | 0 | 0 | 0:64 1:64
        drawn sealed:same open-seal:same overdue rounds draw:none | Mismatch | 1870.875 | 0 | 0 | 0:64
        drawn unserving checked:other               | Mismatch     | 1870.875 | 0       | 0      | 1:64
        drawn unserving checked:same voice:same     | Checked      | 1198.875 | 736     | 0      | 1:64 2:64
        drawn unserving*3                           | Unreached    | 1936.001 | 0       | 0      | 0:21.333 1:21.333 2:21.333
        drawn unserving*2 checked:same              | Unreached    | 1936     | 0       | 0      | 2:64
        drawn seat:nobody                           | Void         | 2000     | 0       | 0      |
        claim contradict                            | FalseStream  | 2000     | 0       | 0      |
        drawn sealed:same open-seal:same open:output | FalseOpening | 2000    | 0       | 0      | 0:64
        ",
    ),
    (
        Terms { checks: 3, ..NEWCOMER },
        "
        drawn checked:same voice:same*2             | Checked      | 1070.875 | 736     | 0      | 0:64 1:64 2:64
        drawn checked:same voice:other rounds draw:none | Mismatch | 1806.875 | 0       | 0      | 0:64 1:64
        drawn checked:same voice:other rounds draw:check voice:same*2 | Checked | 1070.875 | 736 | 0 | 0:64 1:64 2:64 3:64 1:-192
        ",
    ),
    (
        TENSOR,
        "
        drawn checked:near                          | Checked      | 1198.875 | 783.125 | 0      | 0:64
        drawn checked:grey                          | Grey         | 1198.875 | 783.125 | 0      | 0:64
        drawn checked:fewer                         | Checked      | 1203.875 | 778.125 | 0      | 0:64
        drawn checked:cheaper                       | Checked      | 1199.438 | 791.563 | 0      | 0:32
        accused voice:cheaper*2                     | Cleared      | 1198.875 | 783.125 | 0      | 1:32 2:32 0:-64
        ",
    ),
    (
        Terms { checks: 3, ..TENSOR },
        "
        drawn checked:same voice:fewer voice:near   | Checked      | 1011.875 | 778.125 | 0      | 0:64 1:64 2:64
        drawn checked:same voice:cheaper voice:near | Checked      | 1039.438 | 791.563 | 0      | 0:64 1:32 2:64
        ",
    ),
    (
        Terms { checks: 1, ..TENSOR },
        "drawn checked:grey                         | Grey         | 1134.875 | 783.125 | 0      | 0:64",
    ),
    (
        Terms { greys: 3, ..TENSOR },
        "
        drawn checked:grey                          | GreyRefunded | 1998.875 | 0       | 0      | 0:64 p:-16.875
        claim overdue rounds draw:none checked:grey | GreyRefunded | 1934.875 | 0       | 0      | 0:64 p:-16.875
        ",
    ),
    (
        Terms { greys: 3, checks: 1, ..TENSOR },
        "drawn checked:grey                         | GreyRefunded | 1934.875 | 0       | 0      | 0:64 p:-16.875",
    ),
    (
        Terms { stake: Amount(2_120_000), ..SPOT },
        "
        accused voice:other*2                       | Slashed      | 2000     | 0       | 2120   | 0:1124 1:64 2:64
        undrawn overdue                             | NotDrawn     | 1198.875 | 751.924 | 0      |
        ",
    ),
];

/// The cells of each row of a group.
fn rows(rows: &str) -> impl Iterator<Item = [&str; 6]> {
    rows.lines().filter(|row| !row.trim().is_empty()).map(|row| {
        let columns: Vec<&str> = row.split('|').map(str::trim).collect();
        columns.try_into().expect("story, close, client, provider, slashed, verifiers")
    })
}

/// An amount in thousands, without what is not needed behind the point.
fn thousands(amount: Amount) -> String {
    let text = format!("{}.{:03}", amount.0 / 1_000, amount.0 % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// A settlement as the last four columns of the table.
fn columns(job: &Job, settlement: &Settlement) -> [String; 4] {
    let seat = |fee: &Fee| match job.seats().iter().position(|seat| seat.peer == fee.peer) {
        Some(seat) => seat.to_string(),
        None if fee.peer == job.order().provider => "p".to_string(),
        None => panic!("{fee:?} is of nobody in the job"),
    };
    let listed = |sign: &str, fee: &Fee| format!("{}:{sign}{}", seat(fee), thousands(fee.amount));
    let fees = settlement.fees.iter().map(|fee| listed("", fee));
    let fines = settlement.fines.iter().map(|fine| listed("-", fine));
    let verifiers: Vec<String> = fees.chain(fines).collect();
    let [client, provider, slashed] =
        [settlement.client, settlement.provider, settlement.slashed].map(thousands);
    [client, provider, slashed, verifiers.join(" ")]
}

#[test]
fn every_close_pays_what_the_table_says() {
    let mut otherwise = String::new();
    let mut reached = BTreeSet::new();
    for (terms, group) in TABLE {
        for [story, close, expected @ ..] in rows(group) {
            let World { genesis, job, .. } = World::after(terms, story);
            let ended = name(job.stage());
            let actual = columns(&job, &settle(&genesis, &job, terms.stake));
            if ended != close || actual != expected {
                otherwise += &format!("{story} | {ended} | {}, not {expected:?}\n", actual.join(" | "));
            }
            reached.insert(ended);
        }
    }
    assert!(otherwise.is_empty(), "\n{otherwise}");
    for outcome in Outcome::ALL {
        assert!(reached.contains(&format!("{outcome:?}")), "{outcome:?} is in no row");
    }
}

/// Whoever cheats says that it was no work. It would have its check and its jury for nothing otherwise, there would be no
/// bounty, and what is not drawn would cost neither premium nor dues.
#[test]
fn a_claim_of_no_work_is_paid_for_as_the_work_that_its_units_are() {
    let mut order = order(&SPOT);
    // 800 units are 32 tokens, of two each.
    order.manifest.meter = Meter::Tokens(TokenWeights { read: 25, written: 25 });
    (order.manifest.work.token_read, order.manifest.work.token_written) = (2, 2);
    for (story, close, expected) in [
        ("draw:check checked:other voice:other*2", "Slashed", ["2000", "0", "200000", "0:1344 1:64 2:64"]),
        ("draw:none overdue", "NotDrawn", ["1198.875", "783.125", "0", ""]),
    ] {
        let mut world = World::open(rules(&SPOT), order.clone(), standing(&SPOT), SPOT.output_bytes);
        world.tell(&format!("claim:unworked reveal rounds {story}"));
        assert_eq!(name(world.job.stage()), close);
        let settlement = settle(&world.genesis, &world.job, SPOT.stake);
        assert_eq!(columns(&world.job, &settlement), expected.map(str::to_string), "{story}");
    }
}

/// Whoever was given no input may seal as long as a jury sits. A friend of the client's that did so would otherwise bring the
/// pay of an honest provider down to what it likes.
#[test]
fn what_is_sealed_behind_an_accusation_lowers_no_pay_and_earns_something_only_where_it_is_what_was_claimed() {
    let terms = Terms { policy: Terms::EXACT.policy, ..SPOT };
    let cleared = |late: &[&str], voices: &str| {
        let mut world = World::after(&terms, "drawn open seat unserved tick tick seat seal:other");
        for word in late {
            assert!(world.act(word, Party::Verifier(0)).is_ok(), "{word}");
        }
        world.tell(voices);
        assert_eq!(name(world.job.stage()), "Cleared", "{late:?} {voices}");
        columns(&world.job, &settle(&world.genesis, &world.job, terms.stake))
    };
    let paid = |verifiers: &str| ["1198.875", "783.125", "0", verifiers].map(str::to_string);
    for late in [&[][..], &["seal:fewer"], &["seal:cheaper"], &["seal:other"]] {
        assert_eq!(cleared(late, "sealed:same*2"), paid("2:64 3:64 1:-128"), "{late:?}");
    }
    assert_eq!(cleared(&["seal:same"], "sealed:same*2"), paid("0:64 2:64 3:64 1:-128"));
    let drawn = "tick tick seat:first sealed:same*3";
    assert_eq!(cleared(&["seal:fewer"], drawn), paid("2:64 3:64 4:64 1:-96 0:-96"));
}

#[test]
fn a_job_that_is_not_closed_pays_nobody() {
    for story in ["", "cancel", "claim", "undrawn", "drawn seat", "accused"] {
        let World { genesis, job, .. } = World::after(&SPOT, story);
        assert_eq!(settle(&genesis, &job, SPOT.stake), Settlement::default(), "{story}");
    }
}

/// A world of other amounts, with a total that its ticket admits.
fn opened(terms: &Terms, amounts: &Amounts) -> World {
    let (mut genesis, mut order, mut standing) = (rules(terms), order(terms), standing(terms));
    genesis.money.per_work = Amount(amounts.per_work);
    (order.unit_price, order.work_max) = (Amount(amounts.unit_price), amounts.work_max);
    order.cancel_fee = Amount(amounts.unit_price * order.units_max * amounts.cancel_percent / 100);
    (standing.trust, standing.fee_margin) = (amounts.trust << 32, Rate::per_mille(amounts.margin));
    standing.stake = Amount(amounts.stake);
    let total = Ticket::new(&genesis, &order, standing).total(&genesis, &order);
    order.total_max = Amount(total.expect("small amounts").0 + amounts.beyond);
    World::open(genesis, order, standing, terms.output_bytes)
}

#[derive(Clone, Copy, Debug)]
struct Amounts {
    per_work: u64,
    unit_price: u64,
    work_max: u64,
    cancel_percent: u64,
    trust: u64,
    margin: u64,
    stake: u64,
    beyond: u64,
}

prop_compose! {
    fn amounts()(
        per_work in 0..1_000_000_u64,
        unit_price in 1..1_000_000_u64,
        work_max in 1..200_u64,
        cancel_percent in 0..=100_u64,
        trust in 0..1_000_u64,
        margin in 0..2_000_u64,
        stake in prop_oneof![Just(0), 0..1_000_000_u64, 0..1_000_000_000_000_u64],
        beyond in 0..1_000_000_u64,
    ) -> Amounts {
        Amounts { per_work, unit_price, work_max, cancel_percent, trust, margin, stake, beyond }
    }
}

/// In a class that the network did not know from the first day, all who check may be friends: what comes to nothing earns
/// them nothing but what the client has paid for.
#[test]
fn the_pool_pays_no_juries_that_come_to_nothing_in_classes_that_nobody_knew() {
    let cases = [
        (SPOT, "accused voice:other voice:third nobody", "2000 "),
        (SPOT, "accused nobody", "2000 "),
        (SPOT, "claim overdue rounds draw:none checked:other nobody", "1936 0:64"),
        (SPOT, "claim overdue rounds draw:none unserving checked:same voice:other nobody", "1936 1:64"),
        (THRICE, "drawn checked:same voice:other nobody", "1872 0:64 1:64"),
    ];
    for (terms, story, expected) in cases {
        let World { mut genesis, job, .. } = World::after(&terms, story);
        genesis.verifiers.clear();
        let [client, _, _, fees] = columns(&job, &settle(&genesis, &job, terms.stake));
        assert_eq!(format!("{client} {fees}"), expected, "{story}");
    }
}

fn sum(fees: &[Fee]) -> u128 {
    fees.iter().map(|fee| u128::from(fee.amount.0)).sum()
}

/// Holds a settlement against what went in; only checks that were done can ask the pool for money.
fn assert_conserved(world: &World, at_stake: Amount) {
    let World { genesis, job, .. } = world;
    let Stage::Closed(outcome) = job.stage() else { panic!("an open job was settled") };
    let settlement = settle(genesis, job, at_stake);
    let Settlement { client, provider, slashed, fees, fines } = &settlement;
    let wide = |amount: Amount| u128::from(amount.0);
    let held = wide(job.order().total_max) + wide(job.pledged());
    let done = job.seats().iter().filter_map(Seat::found);
    // What a trap claims to have been worked counts for nothing.
    let most = if job.is_trap() { job.order().work_max } else { job.claimed_work() };
    let costs: u128 = done.map(|found| wide(genesis.check_cost(found.work.min(most)))).sum();
    // Whoever asked for an input in vain has a part of a check that was paid in advance.
    let found = |peer: PeerId| job.seats().iter().any(|seat| seat.peer == peer && seat.found().is_some());
    let (done, vain): (Vec<Fee>, Vec<Fee>) = fees.iter().copied().partition(|fee| found(fee.peer));
    let check = wide(genesis.check_cost(job.claimed_work()));
    assert!(sum(&vain) <= check, "more than a check for nothing: {settlement:?}");
    let bounty = sum(&done).saturating_sub(costs);
    let out = wide(*client) + wide(*provider) + sum(fees);
    let asked = out.saturating_sub(held + wide(*slashed) + sum(fines));
    assert!(asked <= costs, "the pool is asked for more than checks: {settlement:?}");
    assert!(*client >= remainder::of(genesis, job), "what went back is missing now: {settlement:?}");
    let won = if outcome == Outcome::Trap { sum(fines) } else { 0 };
    assert!(
        wide(*client) + wide(*provider) <= held + won,
        "the parties share more than was held: {settlement:?}"
    );
    let most = wide(job.order().total_max).max(won);
    assert!(wide(*provider) <= most, "paid more than the client put up: {settlement:?}");
    assert!(bounty <= wide(*slashed) / 2, "a bounty of more than half of the slash: {settlement:?}");
    assert!(*slashed <= at_stake && *slashed <= job.ticket().slash, "{settlement:?}");
    assert_eq!(slashed.is_zero(), !outcome.is_slashed() || at_stake.is_zero(), "{settlement:?}");
    if outcome == Outcome::Trap {
        let costs = out.saturating_sub(held + sum(fines));
        assert!(costs == 0, "a trap costs the pool {costs}: {settlement:?}");
    }
    let fined = [
        Outcome::Trap,
        Outcome::Cleared,
        Outcome::GreyRefunded,
        Outcome::Unreached,
        Outcome::Checked,
        Outcome::Mismatch,
        Outcome::Grey,
        Outcome::Unchecked,
    ];
    let fined = fined.contains(&outcome);
    assert!(fines.is_empty() || fined, "fined at {outcome:?}: {settlement:?}");
    let paid = outcome.is_paid() || outcome == Outcome::Cancelled;
    assert!(provider.is_zero() || paid || outcome == Outcome::Trap && sum(fines) > 0, "{settlement:?}");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        rng_seed: RngSeed::Fixed(20_260_102),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_money_comes_from_nowhere_whatever_the_amounts(
        group in sample::select(TABLE),
        row in any::<sample::Index>(),
        amounts in amounts(),
    ) {
        let (terms, text) = group;
        let [story, ..] = *row.get(&rows(text).collect::<Vec<_>>());
        let mut world = opened(&terms, &amounts);
        world.tell(story);
        ticks::close(&mut world, "draw:check", "seat");
        assert_conserved(&world, Amount(amounts.stake));
    }
}
