//! That nobody works at a loss, and that a price follows those of others.

use assay_protocol::manifest::{TokenWeights, WorkPerMeter};

use super::*;
use crate::fixture::{NOW, genesis, manifest, offer, order, peer, service, signed};

const HOUR: Amount = Amount::credits(1);

/// What is left of the pay at this price, as the law takes it.
fn left(unit_price: Amount, run: Duration, levy: Levy) -> i128 {
    let order = order(unit_price);
    let taken = match levy {
        Levy::Newcomer => genesis().check_cost(order.work_max),
        Levy::Dues { rate, margin } => costs::of_order(&genesis(), &order, order.work_max, rate, margin).dues,
    };
    let price = order.price().unwrap_or_default();
    // Times an hour, so that nothing is rounded.
    let hour = i128::from(3_600_000_u64);
    (i128::from(price.0) - i128::from(taken.0)) * hour - i128::from(HOUR.0) * i128::from(run.0)
}

/// At the floor the pay covers upkeep and levy, and a nano-credit below it does not.
fn check(run: Duration, levy: Levy) {
    let floor = floor(&genesis(), &order(Amount::ZERO), run, HOUR, levy).expect("a floor");
    assert!(left(floor.unit_price, run, levy) >= 0, "{run:?} {levy:?}: {floor:?}");
    let below = floor.unit_price.minus(Amount(1)).expect("a floor above nothing");
    assert!(left(below, run, levy) < 0, "{run:?} {levy:?}: {floor:?}");
}

#[test]
fn at_the_floor_there_is_no_loss_and_just_below_it_there_is() {
    let dues = |per_mille| Levy::Dues { rate: Rate::per_mille(per_mille), margin: Rate::per_mille(150) };
    for run in [0, 1, 999, 60_000, 3_600_000].map(Duration) {
        [dues(21), dues(500), dues(1_000), Levy::Newcomer].into_iter().for_each(|levy| check(run, levy));
    }
}

#[test]
fn trust_lowers_the_floor() {
    let at = |per_mille| {
        let levy = Levy::Dues { rate: Rate::per_mille(per_mille), margin: Rate::per_mille(150) };
        floor(&genesis(), &order(Amount::ZERO), Duration::seconds(1), HOUR, levy).expect("a floor")
    };
    assert!(at(1_000).unit_price > at(100).unit_price && at(100).unit_price > at(20).unit_price);
    assert_eq!((at(20).levy, at(20).upkeep), (Amount::ZERO, Amount(277_778)));
}

#[test]
fn where_no_price_is_enough_there_is_no_floor() {
    let none = assay_protocol::order::Order { units_max: 0, ..order(Amount::ZERO) };
    assert_eq!(floor(&genesis(), &none, Duration(1), HOUR, Levy::Newcomer), None);
    let dear = Amount(u64::MAX);
    assert_eq!(floor(&genesis(), &order(dear), Duration(u64::MAX), dear, Levy::Newcomer), None);
}

fn check_suggestion(others: &[u64], floor: u64, unit_price: u64, reason: PriceBasis) {
    let mut offers: Vec<Verified<Offer>> =
        (0..).zip(others).map(|(number, price)| signed(number, offer(number, Amount(*price)))).collect();
    // None of these says what others ask for this model now.
    offers.push(signed(50, offer(50, Amount(1))));
    offers.push(signed(51, Offer { valid_until: NOW, ..offer(51, Amount(1)) }));
    let other = service(Digest::of(b"another model"), Amount(1));
    offers.push(signed(
        52,
        Offer { benches: [crate::fixture::bench([other].into())].into(), ..offer(52, Amount(1)) },
    ));
    offers.push(signed(53, offer(53, Amount(1))));
    let is_convicted = |offer: &Verified<Offer>| offer.signer() == peer(53);
    let asked = asked(offers.iter(), manifest().digest(), peer(50), NOW, is_convicted);
    let found = suggest(&genesis(), &manifest(), &asked, Amount(floor));
    assert_eq!(found, Suggestion { unit_price: Amount(unit_price), reason }, "{others:?}, floor {floor}");
}

#[test]
fn a_price_follows_the_middle_of_what_others_ask_and_never_below_the_floor() {
    check_suggestion(&[], 2_000_000, 2_399_999, PriceBasis::Alone);
    check_suggestion(&[], 100, ALONE_MIN.0, PriceBasis::Alone);
    check_suggestion(&[300], 100, 300, PriceBasis::Median { offers: 1 });
    check_suggestion(&[300, 200], 100, 200, PriceBasis::Median { offers: 2 });
    check_suggestion(&[900, 1, 200], 100, 200, PriceBasis::Median { offers: 3 });
    check_suggestion(&[1, 1, 200], 100, 100, PriceBasis::Floor { offers: 3, median: Amount(1) });
    check_suggestion(&[100], 100, 100, PriceBasis::Median { offers: 1 });
    check_suggestion(&[0], 0, 1, PriceBasis::Floor { offers: 1, median: Amount(0) });
}

#[test]
fn a_unit_of_a_heavier_model_is_worth_more() {
    let work = |token_read, token_written| WorkPerMeter { call: 8, token_read, token_written, mega_fuel: 0 };
    let texts = |read, written| Manifest {
        meter: Meter::Tokens(TokenWeights { read: 1, written: 4 }),
        work: work(read, written),
        ..manifest()
    };
    let calls = Manifest { work: work(1, 4), ..manifest() };
    let units = [&texts(1, 4), &texts(50, 400), &calls].map(work_of_a_unit);
    assert_eq!(units, [1, 100, 8]);
    let heavy = suggest(&genesis(), &texts(50, 400_000), &[], Amount::ZERO).unit_price;
    assert_eq!(heavy, genesis().check_cost(100_000).times(ALONE_CHECKS).unwrap_or_default());
}
