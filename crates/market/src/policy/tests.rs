//! That what is explained is what a notary does, and that the figures are those that were published.

use super::*;
use crate::fixture::{genesis, order, standing};

const PRICE: Amount = Amount(10_000_000);

fn explained(standing: Standing) -> Explanation {
    explain(&genesis(), &order(PRICE), standing, &CHEAT_SHARES).expect("numbers that fit")
}

/// Which part rules for a provider that stands so, and that the rate is that part.
fn check(standing: Standing, ruler: Ruler) -> Explanation {
    let found = explained(standing);
    assert_eq!(found.ruler, ruler, "{standing:?}");
    let ruling = match ruler {
        Ruler::Newcomer | Ruler::Strict | Ruler::Prepaid | Ruler::Endowed => Rate::ONE,
        Ruler::Base => found.components.base,
        Ruler::Deterrence => found.components.deterrence,
        Ruler::Ramp => found.components.ramp,
    };
    assert_eq!(found.rate, ruling, "{ruler:?}");
    let ticket = Ticket::new(&genesis(), &order(PRICE), standing);
    assert_eq!(
        (found.rate, found.cost.premium, found.dues, found.slash),
        (ticket.rate, ticket.premium, ticket.dues, ticket.slash)
    );
    assert_eq!(Some(found.cost.total), ticket.total(&genesis(), &order(PRICE)));
    let Cost { total, price, premium, prepaid, place, margin } = found.cost;
    assert_eq!(price.plus(premium).and_then(|sum| sum.plus(prepaid)?.plus(place)), Some(total));
    assert!(margin < premium);
    found
}

#[test]
fn each_part_of_the_rate_rules_where_it_is_the_highest() {
    let plenty = Amount::credits(10_000);
    check(standing(1_000, Amount::ZERO), Ruler::Newcomer);
    check(Standing { strict: true, ..standing(1_000, plenty) }, Ruler::Strict);
    check(Standing { endowed: true, ..standing(1_000, plenty) }, Ruler::Endowed);
    check(standing(1_000, plenty), Ruler::Base);
    check(standing(1_000, Amount::credits(2)), Ruler::Deterrence);
    check(standing(20, plenty), Ruler::Ramp);
}

#[test]
fn a_newcomer_can_cost_a_client_its_checks_and_its_premium_and_garbage_earns_a_quarter() {
    let found = check(standing(0, Amount::ZERO), Ruler::Newcomer);
    // A hundred units of work at 1,000, and as much again since its price is dear; two per cent of it with a margin of 15 %, rounded down twice.
    let newcomer = found.newcomer.expect("a newcomer");
    assert_eq!((found.cost.prepaid, found.cost.premium), (Amount(200_000), Amount(2_298)));
    assert_eq!(newcomer.loss_max, Amount(202_298));
    let price = order(PRICE).price().expect("a price");
    let share = Rate::of(newcomer.garbage_max.0, price.0);
    assert_eq!((share.0 * 1_000 + (1 << 31)) >> 32, 243, "1 − .757");
    assert_eq!(found.dues, Amount::ZERO);
    let proven = check(standing(1_000, Amount::credits(10_000)), Ruler::Base);
    assert_eq!(
        (proven.newcomer, proven.cost.prepaid),
        (None, Amount(100_000)),
        "for a secret that is not told"
    );
}

#[test]
fn a_cheat_is_caught_after_as_many_jobs_as_computed_by_hand() {
    // (chance in thousandths, least n with (1 − q)ⁿ ≤ .05)
    let cases = [
        (1_000, 1),
        (950, 1),
        (949, 2),
        (777, 2),
        (776, 3),
        (500, 5),
        (200, 14),
        (100, 29),
        (50, 59),
        (20, 149),
        (10, 299),
        (1, 2_995),
    ];
    for (per_mille, jobs) in cases {
        // Rounded up, so that a chance that is just enough stays so.
        let chance = Rate(Rate::per_mille(per_mille).0 + 1);
        assert_eq!(jobs_until_caught(chance), Some(jobs), "{per_mille} thousandths");
    }
    assert_eq!(jobs_until_caught(Rate::ZERO), None);
    assert_eq!(jobs_until_caught(Rate(u64::MAX)), Some(1));
    // ln .05 / ln(1 − 2⁻³²) = 12,866,572,140.99: what is cut shows in the last digit at most.
    let most = jobs_until_caught(Rate(1)).expect("a chance");
    assert!((12_866_572_132..=12_866_572_141).contains(&most), "{most}");
}

#[test]
fn the_count_of_jobs_is_what_multiplying_one_by_one_gives() {
    for chance in (1..400).map(|parts| Rate(parts * Rate::ONE.0 / 1_009)) {
        let missed = Power::of(Rate::ONE.minus_up_to(chance));
        let (mut left, mut jobs) = (Power::ONE, 0);
        while !left.is_negligible() {
            (left, jobs) = (left.times(missed), jobs + 1);
        }
        assert_eq!(jobs_until_caught(chance), Some(jobs), "{chance}");
    }
}

#[test]
fn a_bolder_cheat_is_caught_sooner_and_few_of_its_results_are_accepted() {
    let found = explained(standing(1_000, Amount::credits(10_000)));
    let jobs: Vec<Option<u64>> = found.detections.iter().map(|detection| detection.jobs).collect();
    // q = .02 × .7570; ln .05 / ln(1 − q·x) = 19,786.5, 1,977.3 and 196.4
    assert_eq!(jobs, [Some(19_787), Some(1_978), Some(197)]);
    assert_eq!(found.accepted_thousandths, Some(65_053));
    let strict = Standing { strict: true, ..standing(1_000, Amount::credits(10_000)) };
    assert_eq!(explained(strict).accepted_thousandths, Some(321));
    assert_eq!(accepted_thousandths(Rate::ZERO), None);
}

#[test]
fn numbers_that_do_not_fit_are_not_explained() {
    let dear = order(Amount(u64::MAX));
    assert_eq!(explain(&genesis(), &dear, standing(0, Amount::ZERO), &[]), None);
    assert_eq!(explained(standing(0, Amount::ZERO)).rate, Rate::ONE);
}
