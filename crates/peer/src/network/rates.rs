//! How much each source, a peer or an address, may send over time: a bucket for each, which fills at a steady rate.
//!
//! **Invariant:** in any stretch of time a source is admitted at most twice its rate of one second, plus its rate; buckets
//! of those that fell silent are forgotten. There are at most [`BUCKETS_MAX`]; all for whom there is none share one.

use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

/// Seconds of its rate that a source may use at once.
const BURST_SECONDS: u32 = 2;
/// How long a source must be silent until nothing of it is remembered.
const FORGET_AFTER: Duration = Duration::from_secs(600);
/// Sources that have a bucket of their own.
const BUCKETS_MAX: usize = 16_384;

/// The buckets.
pub(super) struct Rates<S> {
    per_second: u32,
    buckets: HashMap<S, Bucket>,
    /// Of all the others.
    shared: Option<Bucket>,
}

struct Bucket {
    /// How often it may still be admitted.
    left: f64,
    filled: Instant,
    refused: u32,
}

/// What was forgotten.
pub(super) struct Forgotten<S> {
    pub(super) source: S,
    /// How often it was refused.
    pub(super) refused: u32,
}

impl<S: Eq + Hash> Rates<S> {
    pub(super) fn new(per_second: u32) -> Self {
        Self { per_second, buckets: HashMap::new(), shared: None }
    }

    /// Whether a source is within its rate; if not, how often it was refused by now.
    pub(super) fn admit(&mut self, source: S, now: Instant) -> Result<(), u32> {
        let most = f64::from(self.per_second) * f64::from(BURST_SECONDS);
        let new = Bucket { left: most, filled: now, refused: 0 };
        let has_own = self.buckets.len() < BUCKETS_MAX || self.buckets.contains_key(&source);
        let bucket = match has_own {
            true => self.buckets.entry(source).or_insert(new),
            false => self.shared.get_or_insert(new),
        };
        let passed = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.left = (bucket.left + passed * f64::from(self.per_second)).min(most);
        bucket.filled = now;
        if bucket.left < 1.0 {
            bucket.refused = bucket.refused.saturating_add(1);
            return Err(bucket.refused);
        }
        bucket.left -= 1.0;
        Ok(())
    }

    /// Forgets those that have been silent for long.
    pub(super) fn forget(&mut self, now: Instant) -> Vec<Forgotten<S>> {
        let silent = |bucket: &Bucket| now.saturating_duration_since(bucket.filled) >= FORGET_AFTER;
        let gone = self.buckets.extract_if(|_, bucket| silent(bucket));
        gone.map(|(source, bucket)| Forgotten { source, refused: bucket.refused }).collect()
    }
}

#[cfg(test)]
mod tests {
    use libp2p::PeerId;

    use super::*;

    #[test]
    fn names_that_are_made_up_share_a_bucket_once_there_are_too_many() {
        let (mut rates, now) = (Rates::new(10), Instant::now());
        (0..BUCKETS_MAX).for_each(|_| assert!(rates.admit(PeerId::random(), now).is_ok()));
        let more = (0..1_000).filter(|_| rates.admit(PeerId::random(), now).is_ok()).count();
        assert_eq!((more, rates.buckets.len()), (20, BUCKETS_MAX));
    }

    #[test]
    fn a_flood_is_cut_to_the_rate_and_forgotten_when_it_is_over() {
        let (mut rates, start, peer) = (Rates::new(10), Instant::now(), PeerId::random());
        let at = |ms| start + Duration::from_millis(ms);
        let admitted = (0..10_000).filter(|&ms| rates.admit(peer, at(ms)).is_ok()).count();
        assert!((110..=121).contains(&admitted), "{admitted} in ten seconds at ten a second");
        assert!(rates.admit(PeerId::random(), at(10_000)).is_ok(), "another peer has its own");
        assert!(rates.forget(at(20_000)).is_empty());
        let forgotten = rates.forget(at(10_000) + FORGET_AFTER);
        assert!(
            forgotten.iter().any(|gone| gone.source == peer && gone.refused as usize == 10_000 - admitted)
        );
        assert!(rates.buckets.is_empty());
    }
}
