//! The jury: how jurors who found different things weigh against each other.

use alloc::vec::Vec;

use crate::{
    compare::{self, Agreement, Testimony},
    genesis::Threshold,
    manifest::Policy,
};

/// What a juror brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voice {
    /// It ran the job.
    Found(Testimony),
    /// It was not given the input: this agrees with others who were not, and with nothing else.
    Unserved,
}

/// How a voice stands to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stand {
    /// It found what the provider claims.
    With,
    /// It belongs to the largest group that found something else.
    Against,
    /// It belongs to neither, and counts for nobody.
    Apart,
}

/// A count of voices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How each voice stands, in the order of the voices.
    pub stands: Vec<Stand>,
    /// How many stand with the provider.
    pub with: i64,
    /// How many stand against it.
    pub against: i64,
}

/// What a tally amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The provider is convicted.
    Convicted,
    /// The provider is cleared.
    Cleared,
    /// Another juror is needed.
    Open,
}

impl Tally {
    /// By how many the voices against the provider outweigh those with it.
    #[must_use]
    pub fn margin(&self) -> i64 {
        self.against - self.with
    }

    /// The verdict if a jury convicts by `margin`; it clears by as much, but never needs more than four.
    #[must_use]
    pub fn verdict(&self, margin: u64) -> Verdict {
        let margin = i64::try_from(margin.max(1)).unwrap_or(i64::MAX);
        if self.margin() >= margin {
            Verdict::Convicted
        } else if self.margin() <= -margin.min(4) {
            Verdict::Cleared
        } else {
            Verdict::Open
        }
    }
}

/// Counts voices for and against a claim; a claim that was never opened agrees with nobody.
#[must_use]
pub fn tally(
    policy: Policy,
    threshold: Option<&Threshold>,
    claimed: Option<&Testimony>,
    voices: &[&Voice],
) -> Tally {
    let to_claim: Vec<Agreement> =
        voices.iter().map(|voice| against(policy, threshold, claimed, voice)).collect();
    let group = largest_group(policy, threshold, voices, &to_claim);
    let stands: Vec<Stand> = (0..)
        .zip(&to_claim)
        .map(|(index, agreement)| match agreement {
            Agreement::Match => Stand::With,
            Agreement::Mismatch if group.contains(&index) => Stand::Against,
            Agreement::Mismatch | Agreement::Grey => Stand::Apart,
        })
        .collect();
    let count = |stand| stands.iter().filter(|other| **other == stand).count() as i64;
    Tally { with: count(Stand::With), against: count(Stand::Against), stands }
}

fn against(
    policy: Policy,
    threshold: Option<&Threshold>,
    claimed: Option<&Testimony>,
    voice: &Voice,
) -> Agreement {
    match (claimed, voice) {
        (Some(claimed), Voice::Found(found)) => compare::compare(policy, threshold, claimed, found),
        (None, _) | (_, Voice::Unserved) => Agreement::Mismatch,
    }
}

/// The most voices that mismatch the claim and mutually agree; grown from each voice in turn, the first of equals.
fn largest_group(
    policy: Policy,
    threshold: Option<&Threshold>,
    voices: &[&Voice],
    to_claim: &[Agreement],
) -> Vec<usize> {
    let agree = |one: usize, other: usize| match (voices[one], voices[other]) {
        (Voice::Found(one), Voice::Found(other)) => compare::agree(policy, threshold, one, other),
        (Voice::Unserved, Voice::Unserved) => true,
        (Voice::Found(_), Voice::Unserved) | (Voice::Unserved, Voice::Found(_)) => false,
    };
    let opposed: Vec<usize> = (0..voices.len()).filter(|at| to_claim[*at] == Agreement::Mismatch).collect();
    // Each pair is compared once, since a comparison reads whole records.
    let pairs: Vec<Vec<bool>> = (0..opposed.len())
        .map(|at| opposed[..at].iter().map(|other| agree(opposed[at], *other)).collect())
        .collect();
    let agreed = |one: usize, other: usize| pairs[one.max(other)][one.min(other)];
    let mut largest: Vec<usize> = Vec::new();
    for seed in 0..opposed.len() {
        let mut group: Vec<usize> = alloc::vec![seed];
        for other in (0..opposed.len()).filter(|other| *other != seed) {
            if group.iter().all(|member| agreed(*member, other)) {
                group.push(other);
            }
        }
        if group.len() > largest.len() {
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
        genesis::JURORS_MAX,
        id::Digest,
        manifest::{End, TensorFormat},
        units::Rate,
    };

    fn found(value: u8) -> Testimony {
        Testimony {
            output_root: Digest([value; 32]),
            records: 1,
            units: 1,
            work: 1,
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
        let voices: Vec<&Voice> = voices.iter().collect();
        let tally = tally(Policy::Exact, None, Some(&found(0)), &voices);
        assert_eq!((tally.margin(), &tally.stands[..]), (margin, stands));
    }

    #[test]
    fn junk_of_one_juror_vetoes_nothing_and_the_absent_agree_only_with_each_other() {
        use Stand::{Against, Apart, With};
        check(&[Some(0)], -1, &[With]);
        check(&[Some(1), Some(1), Some(2)], 2, &[Against, Against, Apart]);
        check(&[Some(2), Some(1), Some(1), Some(0)], 1, &[Apart, Against, Against, With]);
        check(&[None, None, Some(1)], 2, &[Against, Against, Apart]);
        check(&[], 0, &[]);
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
        let jurors = JURORS_MAX as usize;
        let voices: Vec<Voice> =
            (0..jurors).map(|juror| Voice::Found(scaled(1.0 + juror as f32 * 1e-7))).collect();
        let voices: Vec<&Voice> = voices.iter().collect();
        let tally = tally(policy, Some(&threshold), Some(&scaled(3.0)), &voices);
        assert_eq!((tally.against, tally.with), (jurors as i64, 0));
    }

    #[test]
    fn a_claim_that_was_never_opened_agrees_with_nobody() {
        let voice = Voice::Found(found(0));
        let tally = tally(Policy::Exact, None, None, &[&voice]);
        assert_eq!((tally.margin(), tally.verdict(1)), (1, Verdict::Convicted));
    }

    #[test]
    fn a_jury_convicts_by_its_margin_and_clears_by_at_most_four() {
        let verdict = |against, with, margin| Tally { stands: Vec::new(), with, against }.verdict(margin);
        assert_eq!(verdict(6, 0, 6), Verdict::Convicted);
        assert_eq!(verdict(5, 0, 6), Verdict::Open);
        assert_eq!(verdict(0, 4, 6), Verdict::Cleared);
        assert_eq!(verdict(0, 1, 1), Verdict::Cleared);
        assert_eq!(verdict(0, 0, 0), Verdict::Open, "no voice convicts nobody, whatever the margin");
    }
}
