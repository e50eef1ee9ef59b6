//! When things happened, for people to see; nothing rests on it, so it is kept in memory alone.
//!
//! **Invariant:** no more than [`JOBS_MAX`] jobs with [`EVENTS_KEPT_MAX`] events each; the job heard of longest ago makes room.

use std::collections::BTreeMap;

use assay_market::event::Event;
use assay_protocol::{
    id::{Digest, JobId},
    units::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Jobs whose events are kept.
const JOBS_MAX: usize = 4096;
/// Events of one job that are kept, the first.
pub const EVENTS_KEPT_MAX: usize = 64;

/// Something that happened, and when.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dated {
    /// When.
    pub at: Timestamp,
    /// Which attempt of its submission the job is that it concerns, from 1; nothing, if it concerns none of this peer's.
    pub attempt: Option<u64>,
    /// What.
    pub event: Event,
}

impl Dated {
    /// The submission and the job that it concerns.
    #[must_use]
    pub fn concerns(&self) -> (Option<Digest>, Option<JobId>) {
        concerns(&self.event)
    }
}

/// What happened since the daemon started.
#[derive(Default)]
pub(crate) struct History {
    jobs: BTreeMap<Digest, Vec<Dated>>,
    /// The submission that an order belongs to.
    submissions: BTreeMap<JobId, Digest>,
}

impl History {
    /// Notes an event and returns the submission that it concerns.
    pub(crate) fn note(&mut self, dated: &Dated) -> Option<Digest> {
        let (key, job) = concerns(&dated.event);
        if let (Some(key), Some(job)) = (key, job) {
            self.submissions.insert(job, key);
        }
        let key = key.or_else(|| self.submissions.get(&job?).copied())?;
        if !self.jobs.contains_key(&key) && self.jobs.len() >= JOBS_MAX {
            self.forget_oldest();
        }
        let events = self.jobs.entry(key).or_default();
        if events.len() < EVENTS_KEPT_MAX {
            events.push(dated.clone());
        }
        Some(key)
    }

    /// What happened to a submission.
    pub(crate) fn of(&self, key: &Digest) -> Vec<Dated> {
        self.jobs.get(key).cloned().unwrap_or_default()
    }

    fn forget_oldest(&mut self) {
        let last = |events: &Vec<Dated>| events.last().map(|dated| dated.at);
        let oldest = self.jobs.iter().min_by_key(|(_, events)| last(events)).map(|(key, _)| *key);
        if let Some(oldest) = oldest {
            self.jobs.remove(&oldest);
            self.submissions.retain(|_, key| *key != oldest);
        }
    }
}

/// The submission and the job that an event concerns.
pub(crate) fn concerns(event: &Event) -> (Option<Digest>, Option<JobId>) {
    match event {
        Event::Proposed { key, job, .. }
        | Event::Refused { key, job, .. }
        | Event::Opened { key, job, .. }
        | Event::Aborted { key, job, .. }
        | Event::Delivered { key, job, .. }
        | Event::ReceiptRefuted { key, job, .. }
        | Event::Cancelling { key, job }
        | Event::Disputing { key, job }
        | Event::Disputed { key, job }
        | Event::Closed { key, job, .. } => (Some(*key), Some(*job)),
        Event::NotSubmitted { key, .. }
        | Event::Failed { key, .. }
        | Event::Cancelled { key }
        | Event::NotCancelled { key, .. }
        | Event::NotDisputed { key, .. } => (Some(*key), None),
        Event::Serving { job, .. }
        | Event::Served { job, .. }
        | Event::Checking { job, .. }
        | Event::Drawn { job, .. }
        | Event::Accused { job, .. }
        | Event::Stranded { job }
        | Event::Settled { job, .. } => (None, Some(*job)),
        Event::OfferSeen { .. }
        | Event::Balance { .. }
        | Event::Forked { .. }
        | Event::ClockJumped { .. }
        | Event::ClockSkewed { .. }
        | Event::Granted { .. }
        | Event::NotGranted { .. }
        | Event::CarriedOut { .. }
        | Event::NotCarriedOut { .. } => (None, None),
    }
}
