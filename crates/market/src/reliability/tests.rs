//! What a client remembers of providers, and for how long.

use super::*;
use crate::fixture::{NOW, peer};

fn weeks(count: u64) -> Timestamp {
    NOW.after(HALF_LIFE.times(count))
}

/// What a client thinks of a provider, in thousandths, after these deeds.
fn check(deeds: &[(Deed, u32)], odds: u64, proven: u64) {
    let mut reliability = Reliability::default();
    for (deed, count) in deeds {
        (0..*count).for_each(|_| reliability.note(peer(1), *deed, NOW));
    }
    let found = reliability.of(peer(1), NOW);
    let per_mille = |rate: Rate| (rate.0 * 1_000 + (1 << 31)) >> 32;
    assert_eq!((per_mille(found.odds), per_mille(found.proven)), (odds, proven), "{deeds:?}");
}

#[test]
fn a_fault_weighs_what_it_costs_the_client_and_a_stranger_has_none() {
    check(&[], 1_000, 0);
    check(&[(Deed::Paid, 4)], 1_000, 500);
    check(&[(Deed::Silent, 1)], 889, 0);
    check(&[(Deed::Declined, 1)], 889, 0);
    check(&[(Deed::Slow, 1)], 889, 0);
    check(&[(Deed::Aborted, 1)], 800, 0);
    check(&[(Deed::Blamed, 1)], 1_000, 0);
    check(&[(Deed::Blamed, 2)], 800, 0);
    check(&[(Deed::Unclaimed, 1)], 667, 0);
    check(&[(Deed::Refunded, 1)], 333, 0);
    check(&[(Deed::Refunded, 1), (Deed::Paid, 28)], 800, 875);
    check(&[(Deed::Refunded, 200)], 16, 0);
}

#[test]
fn what_another_did_as_well_counts_from_the_second_time_on() {
    for deed in [Deed::Aborted, Deed::Blamed] {
        let mut reliability = Reliability::default();
        for expected in [true, false] {
            reliability.note(peer(1), deed, NOW);
            reliability.excuse(peer(1), deed, NOW);
            assert_eq!(reliability.of(peer(1), NOW).odds == Rate::ONE, expected, "{deed:?}");
        }
        assert_eq!(reliability.thousandths(peer(1), Deed::Aborted, NOW), 0, "{deed:?}");
    }
}

#[test]
fn half_of_what_was_seen_fades_in_a_week_and_all_of_it_in_the_end() {
    let mut reliability = Reliability::default();
    (0..8).for_each(|_| reliability.note(peer(1), Deed::Aborted, NOW));
    reliability.time(peer(1), Timing { promised: Duration(0), took: Duration(4_000) }, NOW);
    let seen = |at| (reliability.thousandths(peer(1), Deed::Aborted, at), reliability.of(peer(1), at).late.0);
    let end = Timestamp(weeks(1).0 - 1);
    assert_eq!(
        [NOW, end, weeks(1), weeks(3)].map(seen),
        [(8_000, 4_000), (8_000, 4_000), (4_000, 2_000), (1_000, 500)]
    );
    assert_eq!(reliability.of(peer(1), weeks(40)), Reliability::default().of(peer(1), NOW));
    reliability.note(peer(1), Deed::Aborted, weeks(1).after(Duration(HALF_LIFE.0 / 2)));
    assert_eq!(reliability.thousandths(peer(1), Deed::Aborted, weeks(2)), 2_500, "the old fade with the new");
    assert_eq!(
        reliability.thousandths(peer(1), Deed::Aborted, NOW),
        5_000,
        "a clock that goes back fades nothing"
    );
}

#[test]
fn a_long_record_of_good_work_is_lost_in_days() {
    let mut reliability = Reliability::default();
    (0..100_000).for_each(|_| reliability.note(peer(1), Deed::Paid, NOW));
    assert_eq!(reliability.thousandths(peer(1), Deed::Paid, NOW), 256_000);
    (0..64).for_each(|_| reliability.note(peer(1), Deed::Refunded, NOW));
    assert!(reliability.of(peer(1), NOW).odds < Rate::per_mille(400));
}

#[test]
fn only_what_is_much_later_than_promised_is_slow() {
    let cases =
        [(1_000, 900, 0, 0), (1_000, 1_400, 400, 0), (1_000, 7_000, 6_000, 0), (1_000, 7_001, 6_001, 1_000)];
    for (promised, took, late, slow) in cases {
        let mut reliability = Reliability::default();
        let timing = Timing { promised: Duration(promised), took: Duration(took) };
        reliability.time(peer(1), timing, NOW);
        let found = (reliability.of(peer(1), NOW).late.0, reliability.thousandths(peer(1), Deed::Slow, NOW));
        assert_eq!(found, (late, slow), "{timing:?}");
    }
}

#[test]
fn a_delay_is_averaged_over_a_few_results_and_bounded() {
    let mut reliability = Reliability::default();
    let mut after = |took| {
        reliability.time(peer(1), Timing { promised: Duration(0), took: Duration(took) }, NOW);
        reliability.of(peer(1), NOW).late.0
    };
    assert_eq!([4_000, 0, 0, u64::MAX].map(&mut after), [4_000, 3_000, 2_250, (3 * 2_250 + 3_600_000) / 4]);
}

#[test]
fn strangers_are_forgotten_before_those_who_served_or_were_named() {
    let mut reliability = Reliability::default();
    reliability.note(peer(0), Deed::Paid, NOW);
    reliability.name(peer(1));
    for number in 2..3_000 {
        reliability.note(peer(number), Deed::Silent, NOW.after(Duration(number)));
        assert!(reliability.records.len() <= PROVIDERS_MAX);
    }
    assert!(
        reliability.is_known(peer(0)) && reliability.is_known(peer(1)) && !reliability.is_known(peer(2_999))
    );
    let remembered = |number| reliability.thousandths(peer(number), Deed::Silent, NOW) > 0;
    assert!(remembered(2_999) && !remembered(2), "the oldest go first");
}

#[test]
fn only_the_providers_own_doing_counts() {
    let aborted = |failure| deed_of(Outcome::Aborted, failure);
    assert_eq!(aborted(Some(Failure::BadInput)), Some(Deed::Blamed));
    assert_eq!(aborted(Some(Failure::InputAbsent)), Some(Deed::Blamed));
    assert_eq!(aborted(Some(Failure::Busy)), None);
    assert_eq!(aborted(Some(Failure::Machine)), Some(Deed::Aborted));
    assert_eq!(aborted(None), Some(Deed::Aborted));
    assert_eq!(deed_of(Outcome::Void, None), None);
    assert_eq!(deed_of(Outcome::NoClaim, None), Some(Deed::Unclaimed));
    assert_eq!(deed_of(Outcome::NotDrawn, None), Some(Deed::Paid));
    assert_eq!(deed_of(Outcome::Slashed, None), Some(Deed::Refunded));
    let refusals = [
        (None, Some(Deed::Silent)),
        (Some(Refusal::Price), Some(Deed::Declined)),
        (Some(Refusal::Busy), None),
        (Some(Refusal::Funds), None),
    ];
    for (refusal, deed) in refusals {
        assert_eq!(deed_of_refusal(refusal), deed, "{refusal:?}");
    }
}
