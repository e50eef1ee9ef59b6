//! When things happened, for people to see; nothing rests on it, so it is kept in memory alone.
//!
//! **Invariant:** no more than [`JOBS_MAX`] jobs with [`MOMENTS_MAX`] moments each; the job heard of longest ago makes room.

use std::collections::BTreeMap;

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    units::Timestamp,
};

use crate::handle::{Moment, concerns};

/// Jobs whose moments are kept.
const JOBS_MAX: usize = 4096;
/// Moments of one job that are kept.
const MOMENTS_MAX: usize = 64;
/// Offers whose arrival is kept.
const OFFERS_MAX: usize = 65_536;

/// What happened since the daemon started.
#[derive(Default)]
pub(crate) struct History {
    jobs: BTreeMap<Digest, Vec<Moment>>,
    /// The submission that an order belongs to.
    submissions: BTreeMap<JobId, Digest>,
    /// The number of a provider's offer, and when it first came.
    offers: BTreeMap<PeerId, (u64, Timestamp)>,
}

impl History {
    /// Notes an event and returns the submission that it concerns.
    pub(crate) fn note(&mut self, moment: &Moment) -> Option<Digest> {
        let (key, job) = concerns(&moment.event);
        if let (Some(key), Some(job)) = (key, job) {
            self.submissions.insert(job, key);
        }
        let key = key.or_else(|| self.submissions.get(&job?).copied())?;
        if !self.jobs.contains_key(&key) && self.jobs.len() >= JOBS_MAX {
            self.forget_oldest();
        }
        let moments = self.jobs.entry(key).or_default();
        if moments.len() < MOMENTS_MAX {
            moments.push(moment.clone());
        }
        Some(key)
    }

    /// What happened to a submission.
    pub(crate) fn of(&self, key: &Digest) -> Vec<Moment> {
        self.jobs.get(key).cloned().unwrap_or_default()
    }

    /// Notes that an offer came in.
    pub(crate) fn note_offer(&mut self, provider: PeerId, sequence: u64, now: Timestamp) {
        if self.offers.len() >= OFFERS_MAX && !self.offers.contains_key(&provider) {
            return;
        }
        let known = self.offers.entry(provider).or_insert((sequence, now));
        if known.0 < sequence {
            *known = (sequence, now);
        }
    }

    /// When the offer that is known of a provider came in.
    pub(crate) fn offer_since(&self, provider: &PeerId) -> Option<Timestamp> {
        self.offers.get(provider).map(|(_, since)| *since)
    }

    fn forget_oldest(&mut self) {
        let last = |moments: &Vec<Moment>| moments.last().map(|moment| moment.at);
        let oldest = self.jobs.iter().min_by_key(|(_, moments)| last(moments)).map(|(key, _)| *key);
        if let Some(oldest) = oldest {
            self.jobs.remove(&oldest);
            self.submissions.retain(|_, key| *key != oldest);
        }
    }
}
