//! Who is chosen, and what is said to the others.

mod standings;

use alloc::{collections::BTreeMap, vec};

use assay_protocol::{
    notice::{Checkpoint, Convict, Head, Tick},
    signed::Signed,
    standing::{KindName, PeerStanding, day},
    units::Duration,
};

use super::*;
use crate::{
    fixture::{Key, NOW, manifest, offer, peer, service, signed, submission},
    reliability::{Deed, Timing},
};

/// The only notary.
const NOTARY: u64 = 900;
/// The least stake that stands for a job.
const ENTRY: Amount = Amount(1_000);
/// A unit at the usual price; a job has ten.
const PRICE: Amount = Amount(1_000_000);

/// Offers with the choice among them.
struct Market {
    offers: Vec<Verified<Offer>>,
    submission: Submission,
    reliability: Reliability,
    excluded: BTreeSet<PeerId>,
    resting: BTreeMap<PeerId, Rest>,
    attempt: usize,
    /// What a job costs beside its price.
    overhead: Amount,
    yardstick: Yardstick,
    convicted: Convicted,
}

impl Market {
    /// Offers at these prices.
    fn at(prices: &[Amount]) -> Self {
        let offers = (0..).zip(prices).map(|(number, price)| signed(number, offer(number, *price)));
        Self {
            offers: offers.collect(),
            submission: submission(0),
            reliability: Reliability::default(),
            excluded: BTreeSet::new(),
            resting: BTreeMap::new(),
            attempt: 0,
            overhead: Amount::ZERO,
            yardstick: Yardstick { notary: peer(NOTARY), epoch: 7, check: Amount(100), falls_on_lot: false },
            convicted: Convicted::default(),
        }
    }

    /// Offers at the usual price, each changed.
    fn of(count: u64, change: impl Fn(u64, &mut Offer)) -> Self {
        let mut market = Self::at(&[]);
        market.offers.extend((0..count).map(|number| {
            let mut offer = offer(number, PRICE);
            change(number, &mut offer);
            signed(number, offer)
        }));
        market
    }

    fn rank(&self) -> Ranking<'_> {
        let criteria = Criteria {
            submission: &self.submission,
            manifest: manifest().digest(),
            client: peer(999),
            excluded: &self.excluded,
            resting: &self.resting,
            attempt: self.attempt,
            yardstick: self.yardstick,
            reliability: &self.reliability,
            convicted: &self.convicted,
            now: NOW,
        };
        let cost = |service: &Service| {
            let total = service.unit_price.times(self.submission.units_max)?.plus(self.overhead)?;
            Some(OrderCost { total, entry: ENTRY })
        };
        rank(self.offers.iter(), &criteria, cost)
    }

    /// The number of the provider that is chosen.
    fn chosen(&self) -> Option<u64> {
        let chosen = self.rank().chosen?.provider;
        (0..self.offers.len() as u64).find(|number| peer(*number) == chosen)
    }

    /// How often each is chosen in this many jobs.
    fn shares(&mut self, seed: u64, jobs: u64, mut after: impl FnMut(&mut Self, u64)) -> Vec<u64> {
        let mut shares: BTreeMap<u64, u64> =
            (0..self.offers.len() as u64).map(|number| (number, 0)).collect();
        for job in 0..jobs {
            self.submission.key = codec::digest("seed", &(seed, job));
            let chosen = self.chosen().expect("an offer that fits");
            *shares.entry(chosen).or_default() += 1;
            after(self, chosen);
        }
        shares.into_values().collect()
    }

    /// The reason that is told for each provider.
    fn reasons(&self) -> BTreeMap<PeerId, Reason> {
        let offers = self.rank().passed.offers;
        offers.iter().map(|passed| (passed.provider, passed.reason)).collect()
    }
}

/// The usual price and so many thousandths.
fn dearer(per_mille: u64) -> Amount {
    Amount(PRICE.0 + PRICE.0 * per_mille / 1_000)
}

/// No provider gets more than three times what the one in the middle gets.
fn check_spread(shares: &[u64], case: &str) {
    let mut sorted = shares.to_vec();
    sorted.sort_unstable();
    let (median, most) = (sorted[sorted.len() / 2], sorted[sorted.len() - 1]);
    assert!(most <= 3 * median, "{case}: the greatest share is {most}, the median {median}: {sorted:?}");
}

const PEERS: u64 = 25;
const JOBS: u64 = 4_000;
const SEEDS: u64 = 20;

#[test]
fn twenty_five_honest_peers_with_prices_within_one_per_cent_share_the_work() {
    let price = |seed: u64, number: u64| {
        let digest = codec::digest("price", &(seed, number));
        Amount(PRICE.0 + PRICE.0 * u64::from(digest.0[0]) / 25_500)
    };
    for seed in 0..SEEDS {
        let prices: Vec<Amount> = (0..PEERS).map(|number| price(seed, number)).collect();
        let mut market = Market::at(&prices);
        check_spread(&market.shares(seed, JOBS, |_, _| {}), &alloc::format!("seed {seed}"));
        let served = |market: &mut Market, chosen| market.reliability.note(peer(chosen), Deed::Paid, NOW);
        let shares = market.shares(seed, JOBS, served);
        check_spread(&shares, &alloc::format!("seed {seed}, each job remembered"));
    }
}

#[test]
fn one_peer_that_is_best_in_everything_within_one_per_cent_does_not_get_everything() {
    for seed in 0..SEEDS {
        let mut market = Market::of(PEERS, |number, offer| {
            offer.benches[0].services[0].warm = number == 7;
            offer.benches[0].services[0].unit_price = if number == 7 { PRICE } else { dearer(10) };
            offer.benches[0].services[0].run = Duration(100 + number);
        });
        (0..100).for_each(|_| market.reliability.note(peer(7), Deed::Paid, NOW));
        let shares = market.shares(seed, JOBS, |_, _| {});
        check_spread(&shares, &alloc::format!("seed {seed}"));
        assert_eq!(shares.iter().max(), Some(&shares[7]), "seed {seed}: the best gets most: {shares:?}");
    }
}

#[test]
fn the_better_of_two_is_the_likelier_and_beyond_the_edge_the_only_one() {
    for (per_mille, low, high) in [(0, 450, 550), (10, 410, 490), (40, 130, 250), (49, 50, 120), (60, 0, 0)] {
        let mut market = Market::at(&[PRICE, dearer(per_mille)]);
        let dear = market.shares(1, 1_000, |_, _| {})[1];
        assert!((low..=high).contains(&dear), "{per_mille} thousandths dearer: {dear} of 1,000");
    }
}

#[test]
fn whoever_goes_on_with_a_provider_does_so_until_another_is_much_better() {
    for (per_mille, times) in [(0, JOBS), (99, JOBS), (120, 0)] {
        let mut market = Market::at(&[PRICE, dearer(per_mille), PRICE]);
        market.submission.returns_to = Some(peer(1));
        assert_eq!(market.shares(1, JOBS, |_, _| {})[1], times, "dearer by {per_mille} thousandths");
        market.excluded.insert(peer(1));
        assert_eq!(market.shares(1, JOBS, |_, _| {})[1], 0, "it was tried");
        market.submission.returns_to = None;
        market.excluded.clear();
        let shares = market.shares(1, JOBS, |_, _| {});
        assert!(shares.iter().all(|share| *share < JOBS), "{shares:?}");
    }
}

#[test]
fn what_counts_is_the_total_and_not_the_price_of_a_unit() {
    let mut market = Market::at(&[PRICE, dearer(200)]);
    assert_eq!(market.shares(1, 200, |_, _| {})[1], 0, "a fifth dearer");
    market.overhead = Amount(PRICE.0 * 90);
    assert!(market.shares(1, 200, |_, _| {})[1] > 50, "two per cent of a total that is mostly checks");
}

/// The second of two equal offers is changed, and loses over this aspect.
fn check_loses(over: Aspect, change: impl Fn(&mut Offer), teach: impl Fn(&mut Reliability)) {
    let mut market = Market::of(2, |number, offer| {
        if number == 1 {
            change(offer)
        }
    });
    teach(&mut market.reliability);
    assert_eq!(market.shares(1, 100, |_, _| {}), [100, 0], "{over:?}");
    let reason = market.reasons()[&peer(1)];
    let Reason::Outranked { over: found, behind } = reason else { panic!("{over:?}: {reason:?}") };
    assert_eq!((found, behind > NEAR), (over, true));
}

#[test]
fn an_offer_falls_behind_in_each_aspect_and_is_told_in_which() {
    let same = |_: &mut Offer| {};
    let new = |_: &mut Reliability| {};
    let note = |deed| move |reliability: &mut Reliability| reliability.note(peer(1), deed, NOW);
    check_loses(Aspect::Reach, |offer| offer.addresses.clear(), new);
    check_loses(Aspect::Speed, |offer| offer.benches[0].services[0].run = Duration::seconds(5), new);
    for deed in [Deed::Refunded, Deed::Unclaimed, Deed::Aborted, Deed::Silent, Deed::Declined, Deed::Slow] {
        check_loses(Aspect::Reliability, same, note(deed));
    }
    let late = Timing { promised: Duration(0), took: Duration::seconds(4) };
    check_loses(Aspect::Speed, same, |reliability| reliability.time(peer(1), late, NOW));
}

#[test]
fn a_cold_provider_and_a_stranger_are_the_less_likely() {
    let mut market = Market::of(2, |number, offer| offer.benches[0].services[0].warm = number == 0);
    let cold = market.shares(1, 1_000, |_, _| {})[1];
    assert!((400..480).contains(&cold), "{cold}");
    let mut market = Market::of(2, |_, _| {});
    (0..100).for_each(|_| market.reliability.note(peer(0), Deed::Paid, NOW));
    let strange = market.shares(1, 1_000, |_, _| {})[1];
    assert!((400..480).contains(&strange), "{strange}");
}

#[test]
fn a_promise_of_no_time_at_all_wins_no_more_than_a_twentieth() {
    let slow = |number: u64, offer: &mut Offer| {
        let run = if number == 0 { Duration(0) } else { Duration::seconds(600) };
        offer.benches[0].services[0].run = run;
    };
    let market = Market::of(PEERS, slow);
    for passed in market.rank().passed.offers {
        let (Reason::Lot { behind } | Reason::Outranked { behind, .. }) = passed.reason else {
            panic!("{passed:?}")
        };
        assert!(behind <= NEAR, "{passed:?}");
    }
}

#[test]
fn an_offer_that_does_not_fit_is_told_why() {
    let mut market = Market::of(11, |number, offer| match number {
        1 => offer.benches[0].services = vec![service(Digest::of(b"other"), PRICE)],
        2 => offer.valid_until = NOW,
        4 => offer.benches[0].services[0].unit_price = Amount(PRICE.0 * 2),
        5 => offer.benches[0].services[0].unit_price = dearer(300),
        6 => offer.benches[0].services[0].unit_price = dearer(100),
        _ => {}
    });
    market.excluded.insert(peer(3));
    let rest = |until: Timestamp| Rest { since: Timestamp::default(), until, times: 1 };
    market.resting.insert(peer(9), rest(NOW.after(Duration(1))));
    market.resting.insert(peer(10), rest(NOW));
    market.submission.unit_price_max = dearer(400);
    market.submission.cost_max = Amount(dearer(200).0 * 10);
    market.submission.key = submission(3).key;
    market.offers.push(signed(999, offer(999, PRICE)));
    let ranking = market.rank();
    let chosen = ranking.chosen.clone().expect("an offer that fits").provider;
    let reasons = market.reasons();
    assert_eq!(reasons.len(), 11);
    let told = &ranking.passed.offers;
    assert!(told.is_sorted_by_key(|passed| passed.reason.distance()), "the nearest first: {told:?}");
    assert_eq!(reasons.get(&chosen), None);
    let expected = [
        (1, Reason::OtherModel),
        (2, Reason::Expired { at: NOW }),
        (3, Reason::Tried),
        (4, Reason::Price { asked: Amount(PRICE.0 * 2) }),
        (5, Reason::Cost { total: Some(Amount(dearer(300).0 * 10)) }),
        (9, Reason::Busy { until: NOW.after(Duration(1)) }),
        (999, Reason::Own),
    ];
    for (number, reason) in expected {
        assert_eq!(reasons[&peer(number)], reason, "{number}");
    }
    assert!(matches!(reasons[&peer(6)], Reason::Outranked { over: Aspect::Cost, .. }));
    let counts = Unmatched {
        offers: 12,
        other_model: 1,
        other_provider: 1,
        price: 1,
        cost: 1,
        price_least: Some(Amount(PRICE.0 * 2)),
        cost_least: Some(Amount(dearer(300).0 * 10)),
        expired: 1,
        tried: 1,
        busy: 1,
        outranked: 1,
        lot: 3,
        ..Unmatched::default()
    };
    assert_eq!(ranking.passed.counts, counts);
    market.submission.provider = Some(peer(8));
    assert_eq!(market.chosen(), Some(8));
    assert_eq!(market.reasons()[&peer(0)], Reason::OtherProvider);
}

#[test]
fn whom_the_user_does_not_want_is_left_out_and_told_so() {
    let mut market = Market::of(3, |_, _| {});
    market.submission.ignored = [peer(0), peer(2)].into();
    assert_eq!(market.chosen(), Some(1));
    assert_eq!(market.reasons()[&peer(2)], Reason::Ignored);
    assert_eq!(market.rank().passed.counts.ignored, 2);
    market.submission.ignored.push(peer(1));
    assert_eq!(market.chosen(), None);
}

#[test]
fn the_reasons_that_are_told_are_bounded_and_the_nearest_come_first() {
    let market = Market::of(200, |number, offer| {
        offer.benches[0].services[0].unit_price =
            if number % 50 == 0 { dearer(2 * number) } else { Amount(u64::MAX) };
    });
    let Passed { counts, offers } = market.rank().passed;
    assert_eq!((counts.offers, counts.outranked, counts.cost, offers.len()), (200, 3, 196, PASSED_MAX));
    let behind = |passed: &PassedOver| {
        let Reason::Outranked { behind, .. } = passed.reason else { return None };
        Some(behind)
    };
    let nearest: Vec<Option<Rate>> = offers.iter().map(behind).collect();
    assert!(nearest[..3].is_sorted() && nearest[..3].iter().all(Option::is_some), "{offers:?}");
    assert!(nearest[3..].iter().all(Option::is_none), "{offers:?}");
}

#[test]
fn of_what_costs_too_much_the_least_is_told_even_where_its_offer_is_not() {
    let most = PASSED_MAX as u64 * 3;
    let mut market = Market::of(most, |number, offer| {
        let service = &mut offer.benches[0].services[0];
        // The last are the cheapest of either kind, and behind all that are told one by one.
        service.unit_price = if number % 2 == 0 { dearer(2_000 - number) } else { dearer(900 - number) };
    });
    market.submission.unit_price_max = dearer(1_500);
    market.submission.cost_max = Amount(dearer(500).0 * 10);
    let Passed { counts, offers } = market.rank().passed;
    assert_eq!((counts.price, counts.cost, offers.len()), (most / 2, most / 2, PASSED_MAX));
    assert_eq!(counts.price_least, Some(dearer(2_000 - (most - 2))));
    assert_eq!(counts.cost_least, Some(Amount(dearer(900 - (most - 1)).0 * 10)));
}

#[test]
fn another_attempt_is_another_lot_and_the_same_is_the_same() {
    let mut market = Market::of(PEERS, |_, _| {});
    let chosen = market.chosen();
    assert_eq!(market.chosen(), chosen);
    let others = (1..10).filter(|attempt| {
        market.attempt = *attempt;
        market.chosen() != chosen
    });
    assert!(others.count() >= 7);
}

#[test]
fn numbers_at_their_limits_do_no_harm() {
    for (price, units) in [(0, 10), (u64::MAX, 1), (1, u64::MAX), (u64::MAX / 2, 2)] {
        let mut market = Market::at(&[Amount(price), Amount(price)]);
        market.submission.units_max = units;
        (0..1_000).for_each(|_| market.reliability.note(peer(1), Deed::Refunded, NOW));
        assert_eq!(market.shares(1, 50, |_, _| {}), [50, 0], "{price} × {units}");
    }
    assert_eq!(Market::at(&[]).chosen(), None);
    let market = Market::at(&[Amount(u64::MAX)]);
    assert_eq!(market.reasons()[&peer(0)], Reason::Cost { total: None });
}
