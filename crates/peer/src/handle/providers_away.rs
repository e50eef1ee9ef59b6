//! Providers of a model that would be asked and are not there, as far as a daemon noticed: those that rest, and those that were lost.
//!
//! **Invariant:** it is for people, and nothing is decided by it; a daemon that does not say knows of none.

use assay_market::{submission::Unmatched, view::SubmissionView};
use assay_protocol::{
    id::{Digest, PeerId},
    units::Timestamp,
};

use super::{Handle, ListOffers, ListResting, RestingProvider};

/// Those of one model of whom nothing comes for now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProvidersAway {
    /// Since when those rest that are known to have offered it.
    resting: Vec<Timestamp>,
    /// How many rest of whom it is not known what they offer.
    unknown: usize,
    /// How many were asked, and are lost.
    lost: usize,
}

impl ProvidersAway {
    /// Those of the model of an order of which nothing came, where they may be why.
    pub async fn of_submission(handle: &Handle, manifest: Digest, submission: &SubmissionView) -> Self {
        let Some(unmatched) = &submission.unmatched else { return Self::default() };
        let asked: Vec<PeerId> = submission.attempts.iter().map(|attempt| attempt.provider).collect();
        Self::look(handle, manifest, unmatched, &asked).await
    }

    /// The same of what was not ordered, or of an order that these providers were asked for.
    pub async fn look(handle: &Handle, manifest: Digest, unmatched: &Unmatched, asked: &[PeerId]) -> Self {
        // Where somebody said why, that is why.
        if unmatched.refusal.is_some() || unmatched.failure.is_some() {
            return Self::default();
        }
        let is_offered = unmatched.offers > unmatched.other_model;
        let resting = match is_offered {
            true => Vec::new(),
            false => handle.call(ListResting).await.unwrap_or_default(),
        };
        let offers = match unmatched.tried > 0 && !asked.is_empty() {
            true => handle.call(ListOffers).await.unwrap_or_default(),
            false => Vec::new(),
        };
        let is_lost =
            |provider: PeerId| offers.iter().any(|offer| offer.provider == provider && offer.lost.is_some());
        let mut lost: Vec<PeerId> = asked.iter().copied().filter(|provider| is_lost(*provider)).collect();
        lost.sort_unstable();
        lost.dedup();
        Self::of(manifest, &resting, lost.len())
    }

    /// Those of a model among all who rest, and so many that were asked and are lost.
    #[must_use]
    pub fn of(manifest: Digest, resting: &[RestingProvider], lost: usize) -> Self {
        let of_it = resting.iter().filter(|one| one.manifests.contains(&manifest));
        let unknown = resting.iter().filter(|one| one.manifests.is_empty());
        Self { resting: of_it.map(|one| one.since).collect(), unknown: unknown.count(), lost }
    }

    /// True if some rest who may have the model: they would take orders of it again.
    #[must_use]
    pub fn rests(&self) -> bool {
        !self.resting.is_empty() || self.unknown > 0
    }

    /// How many are away, and how, as a part of a sentence; nothing where nobody is known to be. `moment` tells a time.
    #[must_use]
    pub fn words(&self, moment: impl Fn(Timestamp) -> String) -> Option<String> {
        let lost = (self.lost > 0).then(|| {
            let [one, more] = [
                "of those that were asked is lost, and may be gone",
                "of those that were asked are lost, and may be gone",
            ];
            counted(self.lost, one, more)
        });
        let parts: Vec<String> = self.resting_words(moment).into_iter().chain(lost).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// How many rest that offered the model, and since when; else how many rest of whom it is not known what they offer.
    fn resting_words(&self, moment: impl Fn(Timestamp) -> String) -> Option<String> {
        if let Some(since) = self.resting.iter().max() {
            let [one, more] = [
                "provider of it is there and takes nothing new since",
                "providers of it are there and take nothing new since",
            ];
            let rest = counted(self.resting.len(), one, more);
            return Some(format!("{rest} {}: paused, or finished", moment(*since)));
        }
        (self.unknown > 0).then(|| {
            let [one, more] = [
                "provider is there and takes nothing new now",
                "providers are there and take nothing new now",
            ];
            let rest = counted(self.unknown, one, more);
            format!("{rest}, of whom it is not known here what they offer")
        })
    }
}

/// So many of something, in the words for one of it or for more.
fn counted(count: usize, one: &str, more: &str) -> String {
    let words = if count == 1 { one } else { more };
    format!("{count} {words}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: Digest = Digest([1; 32]);
    const SUMS: Digest = Digest([2; 32]);

    fn resting(number: u8, manifests: &[Digest], since: u64) -> RestingProvider {
        RestingProvider {
            provider: PeerId([number; 32]),
            since: Timestamp(since),
            told: Timestamp(since),
            manifests: manifests.to_vec(),
        }
    }

    fn told(away: &ProvidersAway) -> Option<String> {
        away.words(|since| format!("{} ms", since.0))
    }

    #[test]
    fn who_rests_is_told_with_since_when_and_whoever_may_have_the_model_apart() {
        let all = [resting(1, &[DIGITS, SUMS], 1_000), resting(2, &[DIGITS], 2_000), resting(3, &[], 3_000)];
        let of = |manifest, resting: &[RestingProvider]| ProvidersAway::of(manifest, resting, 0);
        assert_eq!(
            told(&of(DIGITS, &all)).as_deref(),
            Some("2 providers of it are there and take nothing new since 2000 ms: paused, or finished")
        );
        assert_eq!(
            told(&of(SUMS, &all)).as_deref(),
            Some("1 provider of it is there and takes nothing new since 1000 ms: paused, or finished")
        );
        let unknown = told(&of(Digest([3; 32]), &all)).unwrap();
        assert!(unknown.starts_with("1 provider is there and takes nothing new now, of whom"), "{unknown}");
        assert!(of(Digest([3; 32]), &all).rests());
        let others = of(Digest([3; 32]), &all[..2]);
        assert_eq!((told(&others), others.rests()), (None, false), "they offered something else");
    }

    #[test]
    fn who_was_asked_and_is_lost_is_told_behind_those_that_rest() {
        let lost = |count| ProvidersAway::of(DIGITS, &[], count);
        assert_eq!(told(&lost(1)).unwrap(), "1 of those that were asked is lost, and may be gone");
        assert!(told(&lost(2)).unwrap().starts_with("2 of those that were asked are lost"));
        assert!(!lost(1).rests());
        let both = told(&ProvidersAway::of(DIGITS, &[resting(1, &[DIGITS], 1)], 1)).unwrap();
        assert!(both.ends_with("paused, or finished; 1 of those that were asked is lost, and may be gone"));
    }
}
