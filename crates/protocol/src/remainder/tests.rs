//! What goes back at a claim, and that the worst ends need all that is kept.

use proptest::{prelude::*, sample::select, test_runner::RngSeed};

use super::*;
use crate::{
    job::{
        Party,
        tests::{
            ticks,
            world::{Terms, World, name, order, rules, standing},
        },
    },
    manifest::End,
    payout::settle,
    ticket::Standing,
};

/// What goes back after each of these stories, in thousands: the price is 1,000, of which 800 are claimed; a check of the claim
/// costs 64, and one is put up in advance, of 80.
#[test]
fn what_the_claim_leaves_of_the_price_goes_back_but_for_what_checks_may_take() {
    let newcomer = Terms { checks: 1, ..Terms::NEWCOMER };
    let stories = [
        (Terms::SPOT, "", 0),
        (Terms::SPOT, "cancel", 0),
        (Terms::SPOT, "claim", 200),
        (Terms::SPOT, "claim:most", 0),
        (Terms::SPOT, "accused", 200),
        (Terms::SPOT, "cancel claim:cancelled", 500),
        (Terms::SPOT, "cancel claim:fee", 0),
        // Of a dispute that comes to nothing five checks may be the client's to pay.
        (Terms::SPOT, "claim:idle", 1_000 - (5 * 64 - 80)),
        // Where three are wanted, as many as there are draws: more than the price.
        (Terms::THRICE, "claim", 0),
        (newcomer, "claim", 200),
        // Two checks of 80 are in the advance, and three of 64 may be needed.
        (newcomer, "claim:idle", 1_000 - (3 * 64 - 2 * 80)),
    ];
    for (terms, story, expected) in stories {
        let world = World::after(&terms, story);
        assert_eq!(of(&world.genesis, &world.job), Amount(expected * 1_000), "{story}");
    }
}

/// A job with a total that is what its ticket demands.
fn opened(
    terms: &Terms,
    change: impl FnOnce(&mut Genesis, &mut Order),
    standing_too: impl FnOnce(&mut Standing),
) -> World {
    let (mut genesis, mut order, mut standing) = (rules(terms), order(terms), standing(terms));
    change(&mut genesis, &mut order);
    standing_too(&mut standing);
    let total = Ticket::new(&genesis, &order, standing).total(&genesis, &order);
    order.total_max = total.expect("small amounts");
    World::open(genesis, order, standing, terms.output_bytes)
}

/// What a closed job leaves its client beyond what went back at the claim.
fn left(world: &World, outcome: &str, at_stake: Amount) -> Amount {
    assert_eq!(name(world.job.stage()), outcome);
    let back = of(&world.genesis, &world.job);
    let settled = settle(&world.genesis, &world.job, at_stake).client;
    settled.minus(back).unwrap_or_else(|| panic!("{back} went back, and {settled} is left"))
}

/// Those that were given no input find what was claimed while the jury sits: each has earned a check.
fn find_after_all(world: &mut World) {
    for seat in 0..world.job.seats().len() {
        if world.job.seats()[seat].is_unserved() {
            let by = Party::Verifier(u16::try_from(seat).expect("few seats"));
            assert!(world.act("seal:same", by).is_ok(), "{seat}");
        }
    }
}

/// The longest first check: as many are given no input as find what was claimed, until no more are drawn; then one finds
/// something else, the others find it after all, and no juror is left. The client bears 39 checks, and 40 were kept.
#[test]
fn a_first_check_that_hardly_anybody_is_served_in_takes_all_that_is_kept() {
    let terms = Terms { checks: 1, ..Terms::EXACT };
    let mut world = opened(&terms, |genesis, _| genesis.money.per_work = Amount(100), |_| {});
    world.tell("claim:idle reveal rounds draw:check open seat unserved");
    world.tell("sealed:same unserving ".repeat(18).as_str());
    world.tell("sealed:same sealed:other");
    find_after_all(&mut world);
    world.tell("nobody");
    let check = world.genesis.check_cost(64);
    assert_eq!(
        of(&world.genesis, &world.job).plus(check.times(40).expect("little")),
        Amount(1_000_000).plus(world.genesis.check_cost(80)),
    );
    let premium = world.job.ticket().premium;
    assert_eq!(left(&world, "Void", terms.stake), check.plus(premium).expect("little"));
}

#[test]
fn a_dispute_that_comes_to_nothing_takes_all_that_is_kept() {
    let mut world = opened(&Terms::EXACT, |genesis, _| genesis.money.per_work = Amount(100), |_| {});
    world.tell("claim:idle reveal rounds draw:none dispute open rounds seat unserved");
    world.tell("sealed:same unserving sealed:same sealed:other");
    find_after_all(&mut world);
    world.tell("nobody");
    assert_eq!(left(&world, "Void", Terms::EXACT.stake), world.job.ticket().premium);
}

#[test]
fn a_newcomers_result_that_is_neither_true_nor_false_takes_all_that_is_kept() {
    // So little that a second look is drawn. The provider opens its claim too late for the first, and in time for the others.
    let mut world = opened(&Terms::NEWCOMER, |_, order| order.unit_price = Amount(300), |_| {});
    world.tell("claim:idle reveal rounds draw:check sealed:same open-seal:same overdue rounds draw:check");
    world.tell("rounds seat seal:grey rounds open open-seal:grey voice:grey");
    assert_eq!(of(&world.genesis, &world.job), Amount(300_000 - (3 * 64_000 - 100_000)));
    assert_eq!(left(&world, "Unreached", Amount::ZERO), world.job.ticket().premium);
}

#[test]
fn a_trap_that_is_confirmed_takes_all_that_is_kept() {
    let dear = |genesis: &mut Genesis, order: &mut Order| {
        (genesis.money.per_work, order.work_max) = (Amount(100), 1_000);
    };
    let mut world = opened(&Terms::EXACT, dear, |standing| standing.strict = true);
    let (dues, advance) = (world.job.ticket().dues, Amount(100_000));
    assert!(dues > advance, "all jobs of a provider that is accused are checked");
    world.tell("claim:idle reveal rounds draw:check open:trap seat seal:same sealed:same*2");
    assert_eq!(of(&world.genesis, &world.job), Amount(1_000_000).plus(advance).unwrap().minus(dues).unwrap());
    assert_eq!(left(&world, "Trap", Terms::EXACT.stake), Amount::ZERO);
}

#[test]
fn a_trap_that_was_not_paid_for_takes_what_is_held_by_then() {
    let world = World::after(&Terms::EXACT, "drawn open:trap-unfunded");
    assert_eq!(left(&world, "Trap", Terms::EXACT.stake), Amount::ZERO);
    assert_eq!(settle(&world.genesis, &world.job, Terms::EXACT.stake).client, Amount(200_000));
}

#[test]
fn what_a_claim_says_of_its_work_beyond_the_order_keeps_no_more() {
    let World { genesis, job, .. } = World::new(&Terms::SPOT);
    let of = |work| {
        let claim = Claim {
            job: job.id(),
            ticket: job.ticket().digest(),
            units: 100,
            work,
            check_work: work,
            end: End::Stop,
            commit: crate::id::Digest::default(),
        };
        after(&genesis, job.order(), job.ticket(), &claim)
    };
    assert_eq!([0, 36, 37].map(of), [900_000, 900_000, 895_000].map(Amount));
    assert_eq!(of(u64::MAX), of(80));
}

/// What somebody does next in a first check, in a jury, or between them.
const WORDS: &[&str] = &[
    "tick tick seat",
    "tick tick seat:first",
    "tick tick seat:nobody",
    "draw:check",
    "draw:none",
    "open",
    "open:trap",
    "seal:same",
    "seal:other",
    "seal:third",
    "seal:grey",
    "seal:cheaper",
    "seal:fewer",
    "seal:more",
    "open-seal:same",
    "open-seal:other",
    "open-seal:grey",
    "unserved",
    "unserved",
    "overdue",
    "convicted",
    "unreached",
    "contradict",
    "dispute",
    "unserving",
    "sealed:same",
    "sealed:other",
    "checked:same",
    "checked:other",
    "checked:grey",
    "voice:same",
    "voice:grey",
];
const BEGINNINGS: &[&str] = &[
    "claim reveal rounds draw:check",
    "claim:idle reveal rounds draw:check open",
    "claim:most reveal rounds draw:check",
    "claim:idle reveal rounds draw:none dispute open",
    "undrawn dispute",
    "claim:idle reveal rounds draw:check open:trap",
    "claim:idle reveal rounds draw:none",
    "cancel claim:cancelled reveal rounds draw:check",
    "claim:idle reveal rounds draw:check open seat unserved sealed:same unserving",
    "claim:idle reveal rounds draw:check sealed:same open-seal:same overdue rounds draw:check",
    "claim:idle reveal rounds draw:check unserving",
    "claim:idle overdue rounds draw:none",
    "claim:idle overdue rounds draw:none open seat unserved sealed:same unserving",
    "claim:most overdue rounds draw:none",
];

prop_compose! {
    fn terms()(
        exact in any::<bool>(), checks in 0..4_u16, newcomer in any::<bool>(), greys in select(&[0_u64, 3][..]),
        margin in 1..7_u64,
    ) -> Terms {
        let usual = if exact { Terms::EXACT } else { Terms::SPOT };
        let stake = if newcomer { Amount::ZERO } else { Amount(1 << 60) };
        Terms { checks, greys, margin, stake, ..usual }
    }
}

prop_compose! {
    /// Price of a unit, of a unit of work, and how much work is ordered; how long juries are; whether all jobs are checked.
    fn amounts()(
        unit_price in 1..2_000_u64, per_work in 0..3_000_u64, work_max in 40..1_000_u64, draws_max in 1..=40_u64,
        strict in any::<bool>(), margin in 0..=2_000_u64,
    ) -> (u64, u64, u64, u64, bool, u64) {
        (unit_price, per_work, work_max, draws_max, strict, margin)
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1_024,
        rng_seed: RngSeed::Fixed(20_261_103),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_story_takes_what_went_back(
        terms in terms(),
        (unit_price, per_work, work_max, draws_max, strict, margin) in amounts(),
        beginning in select(BEGINNINGS),
        words in prop::collection::vec((select(WORDS), prop::option::weighted(0.2, 0..40_u16)), 0..60),
    ) {
        let change = |genesis: &mut Genesis, order: &mut Order| {
            (genesis.money.per_work, genesis.checks.draws_max) = (Amount(per_work), draws_max);
            (order.unit_price, order.work_max) = (Amount(unit_price), work_max);
            order.cancel_fee = Amount::ZERO;
        };
        let stood = |standing: &mut Standing| {
            (standing.strict, standing.fee_margin) = (strict, crate::units::Rate::per_mille(margin));
        };
        let mut world = opened(&terms, change, stood);
        // Less is not opened.
        if world.job.order().price() < Some(world.job.ticket().dues) {
            return Ok(());
        }
        world.tell(beginning);
        for (word, seat) in words {
            match seat {
                None => world.tell(word),
                // Somebody who was given no input finds something after all.
                Some(seat) if usize::from(seat) < world.job.seats().len() => {
                    let word = if seat % 3 == 0 { "seal:other" } else { "seal:same" };
                    let _ = world.act(word, Party::Verifier(seat));
                }
                Some(_) => {}
            }
        }
        ticks::close(&mut world, "draw:check", "seat");
        let (back, settled) = (of(&world.genesis, &world.job), settle(&world.genesis, &world.job, terms.stake).client);
        prop_assert!(settled >= back, "{back} went back, {settled} is left in {:?}", world.job.stage());
        // A trap costs no more than its pledge, premium and dues, which a settlement of one that was paid for does not show.
        let Ticket { premium, dues, .. } = *world.job.ticket();
        let rest = world.job.order().total_max.minus(premium).and_then(|rest| rest.minus(dues));
        prop_assert!(rest.is_some_and(|rest| back <= rest), "{back} went back, and {dues} of dues are not there");
    }
}
