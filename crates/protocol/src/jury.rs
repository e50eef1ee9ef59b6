//! The jury: how jurors who found different things weigh against each other.
//!
//! **Invariant:** whoever is drawn again counts again with what it said; nobody counts that was not drawn.

use alloc::vec::Vec;

use crate::{
    compare::{self, Agreement, Testimony},
    genesis::{Checks, Threshold},
    manifest::Policy,
};

/// Voices that a verdict wants on its side: a guard against one broken machine, not against split stakes.
const VOICES_MIN: u64 = 2;

/// What a juror brings.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Voice {
    /// It ran the job.
    Found(Testimony),
    /// It was not given the input: a voice of its own kind.
    Unserved,
}

/// What a juror brings, with how much it counts.
#[derive(Clone, Copy, Debug)]
pub struct Ballot<'a> {
    /// What it says.
    pub voice: &'a Voice,
    /// How often it was drawn.
    pub draws: u64,
    /// What it has at stake.
    pub weight: u64,
}

/// How a voice stands to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stand {
    /// It found what the provider claims.
    With,
    /// It found something else; where outputs may differ a little, it belongs to the largest group that agrees on it.
    Against,
    /// It was not given the input.
    Unserved,
    /// It belongs to no group, and counts for nobody.
    Apart,
}

/// What stands on one side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Draws.
    pub draws: i64,
    /// Jurors that were drawn.
    pub voices: u64,
    /// What these have at stake.
    pub weight: u128,
}

/// A count of voices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How each voice stands, in the order of the voices.
    pub stands: Vec<Stand>,
    /// What stands with the provider.
    pub with: Side,
    /// What stands against it.
    pub against: Side,
    /// Who was not given the input.
    pub unserved: Side,
}

/// What a tally amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The provider is convicted.
    Convicted,
    /// The provider is cleared.
    Cleared,
    /// Too many could not reach anybody.
    Unreached,
    /// Enough were drawn, and nothing is decided.
    Hung,
    /// Another juror is needed.
    Open,
}

impl Tally {
    /// By how many draws those against the provider outweigh those with it.
    #[must_use]
    pub fn margin(&self) -> i64 {
        self.against.draws - self.with.draws
    }

    /// The verdict after so many draws, where all that can be drawn weighs so much.
    #[must_use]
    pub fn verdict(&self, checks: &Checks, draws: u64, electorate: u128) -> Verdict {
        let [convict, clear, unreached, most] =
            [checks.convict_margin, checks.clear_margin, checks.unreached_margin, checks.draws_max]
                .map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        let Self { with, against, unserved, .. } = self;
        let decides = |side: &Side, leads: bool| {
            side.voices >= VOICES_MIN && (leads || side.weight > electorate.saturating_sub(side.weight))
        };
        let heard = against.draws + with.draws;
        let relieved = -2 * self.margin() - unserved.draws;
        if decides(against, self.margin() >= convict) {
            Verdict::Convicted
        } else if decides(with, relieved >= clear.saturating_mul(2)) {
            Verdict::Cleared
        } else if unserved.draws - heard >= unreached {
            Verdict::Unreached
        } else if i64::try_from(draws).unwrap_or(i64::MAX) < most {
            Verdict::Open
        } else if unserved.draws > 0 && unserved.draws >= heard {
            Verdict::Unreached
        } else {
            Verdict::Hung
        }
    }
}

/// Counts voices for and against a claim; a claim that was never opened agrees with nobody.
#[must_use]
pub fn tally(
    policy: Policy,
    threshold: Option<&Threshold>,
    claimed: Option<&Testimony>,
    jurors: &[Ballot<'_>],
) -> Tally {
    let stands = stands(policy, threshold, claimed, jurors);
    let mut tally = Tally { stands, ..Tally::default() };
    for (juror, stand) in jurors.iter().zip(&tally.stands) {
        let side = match stand {
            Stand::With => &mut tally.with,
            Stand::Against => &mut tally.against,
            Stand::Unserved => &mut tally.unserved,
            Stand::Apart => continue,
        };
        side.draws += i64::try_from(juror.draws).unwrap_or(i64::MAX);
        side.voices += 1;
        side.weight += u128::from(juror.weight);
    }
    tally
}

/// How one voice by itself stands to the provider; nothing agrees with a claim that is not open.
pub(crate) fn stand(
    policy: Policy,
    threshold: Option<&Threshold>,
    claimed: Option<&Testimony>,
    voice: &Voice,
) -> Stand {
    let Voice::Found(found) = voice else { return Stand::Unserved };
    let agreement = claimed.map(|claimed| compare::compare(policy, threshold, claimed, found));
    match agreement.unwrap_or(Agreement::Mismatch) {
        Agreement::Match => Stand::With,
        Agreement::Mismatch => Stand::Against,
        Agreement::Grey => Stand::Apart,
    }
}

fn stands(
    policy: Policy,
    threshold: Option<&Threshold>,
    claimed: Option<&Testimony>,
    jurors: &[Ballot<'_>],
) -> Vec<Stand> {
    let mut stands: Vec<Stand> =
        jurors.iter().map(|juror| stand(policy, threshold, claimed, juror.voice)).collect();
    if let Policy::Tensor(_) = policy {
        let opposed = (0..).zip(&stands).filter(|(_, stand)| **stand == Stand::Against).map(|(at, _)| at);
        let opposed: Vec<usize> = opposed.collect();
        let group = largest_group(policy, threshold, jurors, &opposed);
        opposed.iter().filter(|at| !group.contains(at)).for_each(|at| stands[*at] = Stand::Apart);
    }
    stands
}

/// Those of these voices that mutually agree and were drawn most often; grown from each voice in turn, the first of equals.
fn largest_group(
    policy: Policy,
    threshold: Option<&Threshold>,
    jurors: &[Ballot<'_>],
    opposed: &[usize],
) -> Vec<usize> {
    let agree = |one: usize, other: usize| match (jurors[one].voice, jurors[other].voice) {
        (Voice::Found(one), Voice::Found(other)) => compare::agree(policy, threshold, one, other),
        (Voice::Unserved, _) | (_, Voice::Unserved) => false,
    };
    // Each pair is compared once, since a comparison reads whole records.
    let pairs: Vec<Vec<bool>> = (0..opposed.len())
        .map(|at| opposed[..at].iter().map(|other| agree(opposed[at], *other)).collect())
        .collect();
    let agreed = |one: usize, other: usize| pairs[one.max(other)][one.min(other)];
    let drawn = |group: &[usize]| group.iter().map(|at| jurors[opposed[*at]].draws).sum::<u64>();
    let mut largest: Vec<usize> = Vec::new();
    for seed in 0..opposed.len() {
        let mut group: Vec<usize> = alloc::vec![seed];
        for other in (0..opposed.len()).filter(|other| *other != seed) {
            if group.iter().all(|member| agreed(*member, other)) {
                group.push(other);
            }
        }
        if drawn(&group) > drawn(&largest) {
            largest = group;
        }
    }
    largest.into_iter().map(|at| opposed[at]).collect()
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;
    use crate::{
        claim::Written,
        genesis::DRAWS_MAX,
        id::Digest,
        manifest::{End, TensorFormat},
        units::Rate,
    };

    fn found(value: u8) -> Testimony {
        Testimony {
            written: Written { root: Digest([value; 32]), records: 1, ..Written::default() },
            evidence_root: Digest::default(),
            records: 1,
            units: 1,
            work: 1,
            check_work: 1,
            end: End::Stop,
            rms: 0,
            shown: BTreeMap::new(),
        }
    }

    fn check(voices: &[Option<u8>], margin: i64, stands: &[Stand]) {
        let voices: Vec<Voice> = voices
            .iter()
            .map(|voice| voice.map_or(Voice::Unserved, |value| Voice::Found(found(value))))
            .collect();
        let tally = tally(Policy::Exact, None, Some(&found(0)), &once(&voices));
        assert_eq!((tally.margin(), &tally.stands[..]), (margin, stands));
    }

    /// Each of these was drawn once and weighs one.
    fn once(voices: &[Voice]) -> Vec<Ballot<'_>> {
        voices.iter().map(|voice| Ballot { voice, draws: 1, weight: 1 }).collect()
    }

    #[test]
    fn whatever_differs_from_a_claim_of_exact_bytes_stands_against_it_and_who_got_no_input_for_nobody() {
        use Stand::{Against, Unserved, With};
        check(&[Some(0)], -1, &[With]);
        check(&[Some(1), Some(1), Some(2)], 3, &[Against, Against, Against]);
        check(&[Some(2), Some(1), None, Some(0)], 1, &[Against, Against, Unserved, With]);
        check(&[], 0, &[]);
    }

    #[test]
    fn whoever_is_drawn_again_counts_again_and_is_one_voice() {
        let (same, other) = (Voice::Found(found(0)), Voice::Found(found(1)));
        let heard =
            [Ballot { voice: &same, draws: 3, weight: 5 }, Ballot { voice: &other, draws: 4, weight: 2 }];
        let tally = tally(Policy::Exact, None, Some(&found(0)), &heard);
        assert_eq!(tally.with, Side { draws: 3, voices: 1, weight: 5 });
        assert_eq!(tally.against, Side { draws: 4, voices: 1, weight: 2 });
    }

    #[test]
    fn the_longest_jury_is_counted_in_a_moment_although_no_two_found_equal_bytes() {
        let policy = Policy::Tensor(TensorFormat::F32);
        let share = |of_million| Rate::of(of_million, 1_000_000);
        let threshold = Threshold { format: TensorFormat::F32, ok: share(50), bad: share(500) };
        let scaled = |by: f32| {
            let bytes: Vec<u8> =
                (0..1_024).flat_map(|value| (by * (1.0 + value as f32)).to_le_bytes()).collect();
            let shown = (0..).zip(bytes.chunks(256).map(<[u8]>::to_vec)).collect();
            Testimony { records: 16, rms: compare::rms(policy, &bytes), shown, ..found(0) }
        };
        let jurors = DRAWS_MAX as usize;
        let voices: Vec<Voice> =
            (0..jurors).map(|juror| Voice::Found(scaled(1.0 + juror as f32 * 1e-7))).collect();
        let tally = tally(policy, Some(&threshold), Some(&scaled(3.0)), &once(&voices));
        assert_eq!((tally.against.voices, tally.with.voices), (jurors as u64, 0));
    }

    #[test]
    fn a_claim_that_was_never_opened_agrees_with_nobody() {
        let voices = [Voice::Found(found(0))];
        let tally = tally(Policy::Exact, None, None, &once(&voices));
        assert_eq!((tally.margin(), &tally.stands[..]), (1, &[Stand::Against][..]));
    }

    /// The verdict over so many draws against, with and unserved, by so many voices on each side, none of any weight.
    fn verdict(draws: [i64; 3], voices: [u64; 2]) -> Verdict {
        let side = |draws: i64, voices: u64| Side { draws, voices, weight: 0 };
        let [against, with, unserved] = draws;
        let tally = Tally {
            stands: Vec::new(),
            against: side(against, voices[0]),
            with: side(with, voices[1]),
            unserved: side(unserved, 1),
        };
        tally.verdict(&Checks::default(), (against + with + unserved) as u64, u128::MAX)
    }

    #[test]
    fn a_jury_convicts_by_six_clears_by_four_and_ends_where_too_many_could_not_reach_anybody() {
        for (draws, voices, expected) in [
            ([6, 0, 0], [2, 0], Verdict::Convicted),
            ([5, 0, 0], [2, 0], Verdict::Open),
            ([9, 3, 0], [2, 1], Verdict::Convicted),
            ([9, 4, 0], [2, 1], Verdict::Open),
            ([30, 0, 0], [1, 0], Verdict::Open),
            ([0, 4, 0], [0, 2], Verdict::Cleared),
            ([0, 3, 0], [0, 2], Verdict::Open),
            ([0, 30, 0], [0, 1], Verdict::Open),
            ([3, 7, 0], [1, 2], Verdict::Cleared),
            // Each that got no input is worth half of one that stands against, when it comes to clearing.
            ([0, 4, 1], [0, 2], Verdict::Open),
            ([0, 5, 2], [0, 2], Verdict::Cleared),
            ([0, 5, 3], [0, 2], Verdict::Open),
            ([6, 0, 17], [2, 0], Verdict::Convicted),
            ([0, 0, 11], [0, 0], Verdict::Open),
            ([0, 0, 12], [0, 0], Verdict::Unreached),
            ([1, 1, 13], [1, 1], Verdict::Open),
            ([1, 1, 14], [1, 1], Verdict::Unreached),
            ([10, 10, 20], [2, 2], Verdict::Unreached),
            ([11, 10, 19], [2, 2], Verdict::Hung),
            ([22, 18, 0], [2, 2], Verdict::Hung),
        ] {
            assert_eq!(verdict(draws, voices), expected, "{draws:?} by {voices:?}");
        }
        let nobody = Tally::default().verdict(&Checks::default(), 40, 0);
        assert_eq!(nobody, Verdict::Hung, "forty that were all absent");
    }

    #[test]
    fn more_than_half_of_all_weight_decides_at_once_if_it_has_two_voices() {
        for (voices, weight, electorate, expected) in [
            (2, 51, 101, Verdict::Convicted),
            (2, 50, 100, Verdict::Open),
            (1, 51, 101, Verdict::Open),
            (2, u128::from(u64::MAX), u128::from(u64::MAX), Verdict::Convicted),
        ] {
            let side = Side { draws: 2, voices, weight };
            let tally = Tally { against: side, ..Tally::default() };
            assert_eq!(tally.verdict(&Checks::default(), 2, electorate), expected, "{side:?}");
            let tally = Tally { with: side, ..Tally::default() };
            let cleared = if expected == Verdict::Open { Verdict::Open } else { Verdict::Cleared };
            assert_eq!(tally.verdict(&Checks::default(), 2, electorate), cleared, "{side:?}");
        }
    }
}
