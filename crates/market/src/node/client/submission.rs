//! A user's wish, and what became of it.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    order::{Failure, Refusal},
    units::Timestamp,
};

use crate::{
    matching::{Passed, Rest},
    submission::{Submission, Unmatched},
    view::SubmissionView,
};

/// A user's wish and what became of it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Submitted {
    pub(super) submission: Submission,
    /// Its number among all.
    pub(super) arrival: u64,
    pub(super) attempts: Vec<JobId>,
    /// Orders that the notary was shown and refused for a while. It may yet open one of them.
    pub(super) waived: Vec<JobId>,
    /// Orders so far, those that met a busy provider included: each is another choice.
    pub(super) orders: usize,
    /// Opened orders that came to nothing because another one took the slot.
    pub(super) too_late: usize,
    pub(super) excluded: BTreeSet<PeerId>,
    /// Who was busy.
    #[serde(skip)]
    pub(super) resting: BTreeMap<PeerId, Rest>,
    pub(super) lane: Option<(PeerId, u16)>,
    /// Since when it looks for an offer.
    #[serde(skip)]
    pub(super) seeks_since: Option<Timestamp>,
    pub(super) refusal: Option<Refusal>,
    pub(super) failure: Option<Failure>,
    /// Who gave it up, and why.
    pub(super) failures: Vec<(PeerId, Failure)>,
    /// Why no other machine would make more of it.
    pub(super) hopeless: Option<Failure>,
    pub(super) ended: bool,
    /// True once its user, or its time, wanted its end.
    pub(super) cancelled: bool,
    #[serde(skip)]
    pub(super) unmatched: Option<Unmatched>,
    /// True while a result of it is kept for its user.
    pub(super) has_untaken: bool,
    /// What was not taken up when an offer was last looked for.
    #[serde(skip)]
    pub(super) passed: Option<Passed>,
}

/// What is remembered of a submission that is long over.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Past {
    pub(super) arrival: u64,
    pub(super) content: Digest,
    pub(super) view: SubmissionView,
}

impl Submitted {
    /// A wish of which nothing came yet.
    pub(super) fn new(submission: Submission, arrival: u64) -> Self {
        Self {
            submission,
            arrival,
            attempts: Vec::new(),
            waived: Vec::new(),
            orders: 0,
            too_late: 0,
            excluded: BTreeSet::new(),
            resting: BTreeMap::new(),
            lane: None,
            seeks_since: None,
            refusal: None,
            failure: None,
            failures: Vec::new(),
            hopeless: None,
            ended: false,
            cancelled: false,
            unmatched: None,
            has_untaken: false,
            passed: None,
        }
    }

    /// True while somebody may yet take it who was busy, and has not refused it for good since.
    pub(super) fn waits_for_busy(&self) -> bool {
        self.resting.keys().any(|provider| !self.excluded.contains(provider))
    }

    /// An order that was refused for a while, and so counted no more, was opened all the same: a copy of it came later.
    pub(super) fn take_up(&mut self, job: JobId) {
        if let Some(place) = self.waived.iter().position(|waived| *waived == job) {
            self.attempts.push(self.waived.swap_remove(place));
        }
    }
}
