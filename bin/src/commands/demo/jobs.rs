//! What the story knows of each job so far.

use assay_market::event::Event;
use assay_protocol::{
    id::{Digest, JobId, PeerId},
    outcome::Outcome,
    units::Amount,
};

use super::parting::TextParting;
use crate::bundle::Sample;

/// A job of the demonstration.
#[derive(Clone, Debug)]
pub(super) struct DemoJob {
    /// The submission.
    pub(super) key: Digest,
    /// What was sent.
    pub(super) sample: &'static Sample,
    /// The order, once there is one.
    pub(super) id: Option<JobId>,
    /// Who runs it.
    pub(super) provider: Option<PeerId>,
    /// What is asked for it: once it was claimed, for the units that it took.
    pub(super) price: Amount,
    /// The digest of the output, once it is here.
    pub(super) output: Option<Digest>,
    /// What was read in the picture.
    pub(super) answer: Option<String>,
    /// How it ended at the client, with the digest of the receipt.
    pub(super) closed: Option<(Outcome, Digest)>,
    /// What the provider got, and what it lost.
    pub(super) settled: Option<(Amount, Amount)>,
    /// A check did not find what was claimed.
    pub(super) accused: bool,
    /// Nothing came of it.
    pub(super) failed: bool,
    /// Where its text parts from what a check wrote, once that was looked at.
    pub(super) parting: Option<TextParting>,
}

impl DemoJob {
    /// True once it was run again by others and paid.
    pub(super) fn is_checked(&self) -> bool {
        self.closed.is_some_and(|(outcome, _)| outcome.label() == Outcome::Checked.label())
    }

    /// True once its provider was convicted.
    pub(super) fn is_slashed(&self) -> bool {
        self.closed.is_some_and(|(outcome, _)| outcome.is_slashed())
    }
}

/// All jobs, in the order in which they were submitted.
#[derive(Clone, Debug, Default)]
pub(super) struct Jobs(Vec<DemoJob>);

impl Jobs {
    /// Adds a job that was just submitted.
    pub(super) fn submit(&mut self, key: Digest, sample: &'static Sample) {
        self.0.push(DemoJob {
            key,
            sample,
            id: None,
            provider: None,
            price: Amount::ZERO,
            output: None,
            answer: None,
            closed: None,
            settled: None,
            accused: false,
            failed: false,
            parting: None,
        });
    }

    /// All of them.
    pub(super) fn all(&self) -> &[DemoJob] {
        &self.0
    }

    /// The one that was submitted under this key.
    pub(super) fn find(&self, key: Digest) -> Option<&DemoJob> {
        self.0.iter().find(|job| job.key == key)
    }

    /// The one that was submitted under this key, to be changed.
    pub(super) fn by_key(&mut self, key: Digest) -> Option<&mut DemoJob> {
        self.0.iter_mut().find(|job| job.key == key)
    }

    /// The one with this order.
    pub(super) fn of(&self, id: JobId) -> Option<&DemoJob> {
        self.0.iter().find(|job| job.id == Some(id))
    }

    fn by_id(&mut self, id: JobId) -> Option<&mut DemoJob> {
        self.0.iter_mut().find(|job| job.id == Some(id))
    }

    /// Takes note of an event.
    pub(super) fn learn(&mut self, event: &Event) {
        match event {
            Event::Proposed { key, job, provider, price } => {
                if let Some(known) = self.by_key(*key) {
                    (known.id, known.provider, known.price) = (Some(*job), Some(*provider), *price);
                }
            }
            Event::Delivered { key, output, .. } => {
                if let Some(known) = self.by_key(*key) {
                    known.output = Some(*output);
                }
            }
            Event::Closed { key, outcome, receipt, .. } => {
                if let Some(known) = self.by_key(*key) {
                    known.closed = Some((*outcome, *receipt));
                }
            }
            Event::Failed { key, .. } => {
                // A refunded job whose provider was the only one wanted comes to nothing as well, after its close.
                if let Some(known) = self.by_key(*key) {
                    known.failed = known.closed.is_none();
                }
            }
            Event::Accused { job, .. } => {
                if let Some(known) = self.by_id(*job) {
                    known.accused = true;
                }
            }
            Event::Settled { job, paid, slashed, .. } => {
                if let Some(known) = self.by_id(*job) {
                    known.settled = Some((*paid, *slashed));
                }
            }
            Event::OfferSeen { .. }
            | Event::NotSubmitted { .. }
            | Event::Refused { .. }
            | Event::Opened { .. }
            | Event::ReceiptRefuted { .. }
            | Event::ClockJumped { .. }
            | Event::ClockSkewed { .. }
            | Event::Aborted { .. }
            | Event::Balance { .. }
            | Event::Serving { .. }
            | Event::Served { .. }
            | Event::Cancelling { .. }
            | Event::Cancelled { .. }
            | Event::NotCancelled { .. }
            | Event::Disputing { .. }
            | Event::Disputed { .. }
            | Event::NotDisputed { .. }
            | Event::Forked { .. }
            | Event::Stranded { .. }
            | Event::Granted { .. }
            | Event::NotGranted { .. }
            | Event::CarriedOut { .. }
            | Event::NotCarriedOut { .. }
            | Event::Checking { .. }
            | Event::Drawn { .. } => {}
        }
    }
}
