//! What counts of a provider that its notary has said something of.

use super::*;

/// What the notary says of the provider with this number.
fn standing(number: u64, stake: u64, change: impl FnOnce(&mut PeerStanding)) -> Signed<PeerStanding> {
    let mut standing = PeerStanding {
        peer: peer(number),
        epoch: 7,
        stake: Amount(stake),
        exposed: Amount::ZERO,
        passed: Vec::new(),
        unclaimed: 0,
        convictions: 0,
        convicted_on: 0,
        means: 0,
    };
    change(&mut standing);
    Signed::seal(standing, &Key(peer(NOTARY)), Digest::default()).into_signed()
}

/// Offers at the usual price but for the first `cheap`, at half of it, with the stakes of the others.
fn staked(cheap: u64, stakes: &[u64]) -> Market {
    let stakes = stakes.to_vec();
    Market::of(cheap + stakes.len() as u64, move |number, offer| match number.checked_sub(cheap) {
        None => offer.benches[0].services[0].unit_price = Amount(PRICE.0 / 2),
        Some(place) => {
            offer.standing =
                Some(standing(number, stakes[usize::try_from(place).unwrap_or_default()], |_| {}));
        }
    })
}

#[test]
fn of_several_benches_the_cheapest_is_taken_and_of_those_the_quickest() {
    let cheapest = |prices: [u64; 3], runs: [u64; 3]| {
        let market = Market::of(1, |_, offer| {
            let bench = |place: usize| {
                let mut bench = offer.benches[0].clone();
                bench.class = Digest([u8::try_from(place).unwrap(); 32]);
                (bench.services[0].unit_price, bench.services[0].run) =
                    (Amount(prices[place]), Duration(runs[place]));
                bench
            };
            offer.benches = (0..3).map(bench).collect();
        });
        market.rank().chosen.map(|fit| fit.bench.class.0[0])
    };
    assert_eq!(cheapest([3, 2, 4], [1, 9, 1]), Some(1));
    assert_eq!(cheapest([3, 3, 3], [5, 9, 2]), Some(2));
}

#[test]
fn those_with_a_stake_are_asked_first_however_many_strangers_are_cheaper() {
    let mut market = staked(400, &[1_000, 1_000, 999]);
    let shares = market.shares(1, 200, |_, _| {});
    assert_eq!(shares[400] + shares[401], 200, "who has less than the entry level is a stranger");
    assert!(shares[400] > 60 && shares[401] > 60, "{:?}", &shares[400..]);
    let counts = market.rank().passed.counts;
    assert_eq!((counts.offers, counts.strangers), (403, 401));
    market.yardstick.falls_on_lot = true;
    let shares = market.shares(2, 200, |_, _| {});
    assert_eq!((shares[400], shares[401]), (0, 0), "now and then it is the turn of the others");
    assert!(shares[402] > 60, "half of that goes to those with something at stake: {}", shares[402]);
}

#[test]
fn a_standing_counts_that_the_notary_gave_to_this_provider_a_short_while_ago() {
    let other = |change: fn(&mut PeerStanding)| {
        Market::of(2, move |number, offer| {
            offer.benches[0].services[0].unit_price = if number == 0 { Amount(PRICE.0 / 2) } else { PRICE };
            offer.standing = (number == 1).then(|| standing(1, 1_000, change));
        })
    };
    let known = |market: &Market| market.chosen() == Some(1);
    assert!(known(&other(|_| {})) && known(&other(|of| of.epoch = 6)));
    assert!(!known(&other(|of| of.epoch = 5)), "it is too old");
    assert!(!known(&other(|of| of.peer = peer(0))), "it is another's");
    let mut elsewhere = other(|_| {});
    elsewhere.yardstick.notary = peer(901);
    assert!(!known(&elsewhere), "it is another notary's");
    let convicted = other(|of| of.convicted_on = assay_protocol::standing::day(NOW));
    assert_eq!(convicted.reasons()[&peer(1)], Reason::Convicted);
    let shown =
        |number: usize| is_convicted(&convicted.offers[number], &convicted.convicted, (peer(NOTARY), 7), NOW);
    assert_eq!([0, 1].map(shown), [false, true], "by what its own offer shows");
    let passed = |of: &mut PeerStanding| {
        of.stake = Amount::ZERO;
        of.passed.push(KindName::of(&manifest(), Digest::default()));
    };
    assert!(known(&other(passed)), "a check that was passed makes known as well");
    assert!(!known(&other(|of| {
        of.stake = Amount::ZERO;
        of.passed.push(KindName::of(&manifest(), Digest::of(b"another class")));
    })));
}

#[test]
fn whoever_a_checkpoint_says_was_convicted_is_left_out_whatever_it_shows_unless_its_user_names_it() {
    let mut market = Market::of(3, |number, offer| {
        offer.standing = (number == 1).then(|| standing(1, 1_000, |_| {}));
    });
    let (time, digest) = (NOW, Digest::default());
    let convicted = [0, 1].map(|number| Convict { peer: peer(number), on: day(NOW) }).into();
    let checkpoint = Checkpoint { anchor: digest, rosters: digest, head: Head::default(), convicted };
    let tick = Tick { round: 0, time, live: time, beacon: digest, checkpoint: Some(checkpoint) };
    market.convicted.note(peer(901), &tick);
    assert_eq!(market.chosen(), Some(1), "another notary says so");
    market.convicted.note(peer(NOTARY), &tick);
    assert_eq!(market.chosen(), Some(2));
    assert_eq!([0, 1].map(|number| market.reasons()[&peer(number)]), [Reason::Convicted; 2]);
    let told = |notary, number: usize| {
        is_convicted(&market.offers[number], &market.convicted, (peer(notary), 7), NOW)
    };
    assert_eq!([0, 1, 2].map(|number| told(NOTARY, number)), [true, true, false]);
    assert!(told(901, 0) && !told(902, 0), "each notary by itself");
    market.submission.provider = Some(peer(0));
    assert_eq!(market.chosen(), Some(0));
}

#[test]
fn what_someone_convicted_asks_is_not_told_as_the_least_that_is_enough() {
    let mut market = Market::of(3, |number, offer| {
        offer.benches[0].services[0].unit_price = Amount(PRICE.0 * (number + 2));
        let convicted = |of: &mut PeerStanding| of.convicted_on = day(NOW);
        offer.standing = (number == 0).then(|| standing(0, 1_000, convicted));
    });
    market.submission.cost_max = Amount(PRICE.0 * 10);
    let counts = market.rank().passed.counts;
    assert_eq!((counts.convicted, counts.cost), (1, 2));
    assert_eq!(counts.cost_least, Some(Amount(PRICE.0 * 30)));
    (market.submission.cost_max, market.submission.unit_price_max) = (Amount(u64::MAX), PRICE);
    let counts = market.rank().passed.counts;
    assert_eq!((counts.convicted, counts.price), (1, 2));
    assert_eq!(counts.price_least, Some(Amount(PRICE.0 * 3)));
}

#[test]
fn of_those_who_only_passed_a_check_one_in_four_is_asked_where_others_have_a_stake() {
    let mut market = Market::of(20, |number, offer| {
        let passed = |of: &mut PeerStanding| of.passed.push(KindName::of(&manifest(), Digest::default()));
        let of = if number < 2 { standing(number, 1_000, |_| {}) } else { standing(number, 0, passed) };
        offer.standing = Some(of);
    });
    let shares = market.shares(3, JOBS, |_, _| {});
    let passed: u64 = shares[2..].iter().sum();
    assert!((JOBS / 6..=JOBS / 4 + JOBS / 40).contains(&passed), "{passed} of {JOBS}: {shares:?}");
}

#[test]
fn half_of_the_lot_goes_by_stake_and_half_to_those_who_have_none() {
    // Ninety names of one machine beside five with a little at stake, and two with a lot that counts no more.
    let stakes: Vec<u64> = [vec![0; 90], vec![200; 5], vec![400, 900]].concat();
    let mut market = staked(0, &stakes);
    let shares = market.shares(4, JOBS, |_, _| {});
    let (names, some): (u64, u64) = (shares[..90].iter().sum(), shares[90..95].iter().sum());
    let rest = JOBS - names - some;
    assert!(names.abs_diff(JOBS / 2) < JOBS / 20, "{names}");
    assert!(some.abs_diff(JOBS / 2 * 5 / 9) < JOBS / 20, "{some} with 200 each, {rest} with 400 that count");
}
