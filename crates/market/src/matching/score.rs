//! The score: what an offer is worth to a client, as what it costs.
//!
//! **Invariant:** lower is better; a score is the total cost times one plus its handicaps, each of them a share of the
//! cost by which the offer counts as dearer, so that all are in one unit and each has a bound.

use alloc::vec::Vec;

use assay_protocol::units::{Duration, Rate};

use super::{Aspect, Criteria, Match};
use crate::{provision::RUN_MAX, reliability::Impression};

/// Scores up to this share above the best count as near it, and a lot decides: differences that a client does not feel.
pub(super) const NEAR: Rate = Rate(Rate::ONE.0 / 20);
/// How much likelier the best is drawn than one at the edge of [`NEAR`]: a smooth end, so that a price a hair above the
/// edge does not lose everything that one a hair below it gets.
const WEIGHT_RATIO: u64 = 16;

/// What a stranger counts as dearer: enough to prefer the proven among equals, little enough beside [`NEAR`] that
/// strangers get jobs and become proven.
const STRANGE: Rate = Rate(Rate::ONE.0 / 100);
/// What a provider counts as dearer that has yet to load: as with strangers, the first job makes it warm.
const COLD: Rate = Rate(Rate::ONE.0 / 100);
/// What an offer without an address counts as dearer: such a peer answers only while somebody is connected to it.
const UNREACHABLE: Rate = Rate(Rate::ONE.0 / 10);
/// What a run counts as dearer that takes twice the usual time. It is also the most that an offer can win by promising
/// no time at all, since times are held against the median and not against the best.
const SLOWER: Rate = Rate(Rate::ONE.0 / 20);
/// The most that slowness counts: beyond four times the usual time the user's own limit on the run decides.
const SLOWER_MAX: Rate = Rate(Rate::ONE.0 / 5);
/// Added to every time: messages, transfers and the ends of ticks take about this long, so less makes no difference.
const ROUND_TRIPS: Duration = Duration::seconds(1);

/// An offer that fits, with its score.
#[derive(Clone, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) fit: Match<'a>,
    /// How much worse than the best, in parts of the best score.
    pub(super) behind: Rate,
    score: u128,
    handicaps: Handicaps,
}

/// By which shares of its cost an offer counts as dearer.
#[derive(Clone, Copy, Debug)]
struct Handicaps {
    reliability: Rate,
    speed: Rate,
    warmth: Rate,
    reach: Rate,
}

/// The candidates, best first; among equals by name.
pub(super) fn scored<'a>(fitting: Vec<Match<'a>>, criteria: &Criteria<'_>) -> Vec<Candidate<'a>> {
    let seen = |fit: &Match<'_>| criteria.reliability.of(fit.provider, criteria.now);
    let impressions: Vec<Impression> = fitting.iter().map(seen).collect();
    let times: Vec<Duration> = fitting.iter().zip(&impressions).map(|(fit, seen)| time(fit, seen)).collect();
    let usual = median(times.clone());
    let candidate = |((fit, seen), time): ((Match<'a>, Impression), Duration)| {
        let handicaps = Handicaps::of(&fit, &seen, time, usual);
        // A job that costs nothing still has better and worse providers.
        let score = u128::from(fit.total.0.max(1)) * u128::from(handicaps.factor().0);
        Candidate { fit, behind: Rate::ZERO, score, handicaps }
    };
    let mut candidates: Vec<Candidate<'a>> =
        fitting.into_iter().zip(impressions).zip(times).map(candidate).collect();
    candidates.sort_by_key(|candidate| (candidate.score, candidate.fit.provider));
    let best = candidates.first().map_or(0, |candidate| candidate.score);
    candidates.iter_mut().for_each(|candidate| candidate.behind = excess(candidate.score, best));
    candidates
}

impl Candidate<'_> {
    /// How likely it is drawn, against the others: nothing beyond [`NEAR`].
    pub(super) fn weight(&self) -> u64 {
        let Some(left) = NEAR.0.checked_sub(self.behind.0) else { return 0 };
        let closeness = Rate::of(left, NEAR.0).0;
        (Rate::ONE.0 + closeness * (WEIGHT_RATIO - 1)) / WEIGHT_RATIO
    }

    /// In what it falls behind another most.
    pub(super) fn weakest_against(&self, best: &Self) -> Aspect {
        let (own, other) = (&self.handicaps, &best.handicaps);
        // Of equal gaps the last counts.
        let gaps = [
            (own.reach.minus_up_to(other.reach), Aspect::Reach),
            (own.warmth.minus_up_to(other.warmth), Aspect::Warmth),
            (own.speed.minus_up_to(other.speed), Aspect::Speed),
            (own.reliability.minus_up_to(other.reliability), Aspect::Reliability),
            (excess(self.fit.total.0.into(), best.fit.total.0.into()), Aspect::Cost),
        ];
        gaps.iter().max_by_key(|(gap, _)| *gap).map_or(Aspect::Cost, |(_, aspect)| *aspect)
    }
}

impl Handicaps {
    fn of(fit: &Match<'_>, seen: &Impression, time: Duration, usual: Duration) -> Self {
        // An attempt that comes to nothing is followed by another: with odds o there are 1 / o of them.
        let attempts = Rate::of(Rate::ONE.0, seen.odds.0);
        let strange = STRANGE.times(Rate::ONE.minus_up_to(seen.proven));
        Self {
            reliability: Rate(attempts.minus_up_to(Rate::ONE).0.saturating_add(strange.0)),
            speed: Rate::of(time.0, usual.0).times(SLOWER).min(SLOWER_MAX),
            warmth: if fit.service.warm { Rate::ZERO } else { COLD },
            reach: if fit.offer.addresses.is_empty() { UNREACHABLE } else { Rate::ZERO },
        }
    }

    /// One plus all of them.
    fn factor(&self) -> Rate {
        let all = [self.reliability, self.speed, self.warmth, self.reach];
        all.iter().fold(Rate::ONE, |sum, handicap| Rate(sum.0.saturating_add(handicap.0)))
    }
}

/// How long a job is expected to take: what the offer says, what this client found to come on top, and the way.
fn time(fit: &Match<'_>, seen: &Impression) -> Duration {
    fit.service.run.min(RUN_MAX).plus(seen.late).plus(ROUND_TRIPS)
}

/// The lower of the two in the middle, so that it is always somebody's.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len().saturating_sub(1) / 2).copied().unwrap_or(ROUND_TRIPS)
}

/// By which share `value` is greater than `least`; nothing if it is not.
fn excess(value: u128, least: u128) -> Rate {
    let more = value.saturating_sub(least);
    // Scores have up to 104 bits; what is cut from both does not show in a share of 32.
    let cut = (u128::BITS - value.leading_zeros()).saturating_sub(u128::BITS - 32);
    let share = ((more >> cut) << 32).checked_div((least >> cut).max(1));
    Rate(share.and_then(|share| u64::try_from(share).ok()).unwrap_or(u64::MAX))
}
