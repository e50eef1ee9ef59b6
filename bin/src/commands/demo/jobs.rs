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
    /// Who was asked, with the order and its price: of several beside each other one is taken up.
    asked: Vec<(JobId, PeerId, Amount)>,
    /// The order that is taken up, or that was made last.
    pub(super) id: Option<JobId>,
    /// Who runs it.
    pub(super) provider: Option<PeerId>,
    /// What is asked for it: once it was claimed, for the units that it took.
    pub(super) price: Amount,
    /// The digest of the output, once it is here.
    pub(super) output: Option<Digest>,
    /// What was read in the picture.
    pub(super) answer: Option<String>,
    /// How the last order of it was closed at the client, with the digest of the receipt.
    pub(super) closed: Option<(Outcome, Digest)>,
    /// What the provider got, and what it lost.
    pub(super) settled: Option<(Amount, Amount)>,
    /// A check did not find what was claimed.
    pub(super) accused: bool,
    /// How one before that was closed, while another is under way.
    refunded: Option<(Outcome, Digest)>,
    /// Nobody else is asked.
    ended: bool,
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

    /// True once nothing more is to come of it: where it was refunded somebody else is asked.
    pub(super) fn is_over(&self) -> bool {
        self.closed.is_some_and(|(outcome, _)| outcome.is_paid() || outcome.is_slashed() || self.ended)
    }

    /// True once nothing came of it and nothing will. One whose provider was the only one wanted ends after its refund too, but has
    /// a result.
    pub(super) fn is_lost(&self) -> bool {
        self.ended && (self.output.is_none() || self.closed.is_none())
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
            asked: Vec::new(),
            id: None,
            provider: None,
            price: Amount::ZERO,
            output: None,
            answer: None,
            closed: None,
            settled: None,
            accused: false,
            refunded: None,
            ended: false,
            parting: None,
        });
    }

    /// Forgets a job of which nothing came; returns whether it was one.
    pub(super) fn forget_lost(&mut self, key: Digest) -> bool {
        let before = self.0.len();
        self.0.retain(|job| job.key != key || !job.is_lost());
        self.0.len() < before
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
                    known.asked.push((*job, *provider, *price));
                    (known.id, known.provider, known.price) = (Some(*job), Some(*provider), *price);
                    known.refunded = known.closed.take().or(known.refunded);
                }
            }
            Event::Opened { key, job, .. } => {
                let Some(known) = self.by_key(*key) else { return };
                let taken_up = known.asked.iter().find(|(asked, ..)| asked == job).copied();
                if let Some((job, provider, price)) = taken_up {
                    (known.id, known.provider, known.price) = (Some(job), Some(provider), price);
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
                if let Some(known) = self.by_key(*key) {
                    known.closed = known.closed.or(known.refunded.take());
                    known.ended = true;
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

#[cfg(test)]
mod tests {
    use assay_market::submission::Unmatched;
    use assay_protocol::units::Rate;

    use super::*;
    use crate::bundle::DIGITS;

    const KEY: Digest = Digest([1; 32]);

    fn proposed(number: u8) -> Event {
        let (job, provider) = (Digest([number; 32]), PeerId([number; 32]));
        Event::Proposed { key: KEY, job, provider, price: Amount(1) }
    }

    fn closed(number: u8, outcome: Outcome) -> Event {
        Event::Closed { key: KEY, job: Digest([number; 32]), outcome, receipt: Digest([9; 32]) }
    }

    fn delivered(number: u8) -> Event {
        Event::Delivered { key: KEY, job: Digest([number; 32]), output: Digest([8; 32]) }
    }

    fn failed() -> Event {
        Event::Failed { key: KEY, reason: Box::new(Unmatched::default()) }
    }

    /// One job after these events.
    fn after(events: &[Event]) -> Jobs {
        let mut jobs = Jobs::default();
        jobs.submit(KEY, &DIGITS.samples[0]);
        events.iter().for_each(|event| jobs.learn(event));
        jobs
    }

    #[test]
    fn a_job_is_lost_whose_only_provider_was_too_slow() {
        let refunded = [proposed(2), closed(2, Outcome::Aborted)];
        let jobs = after(&refunded);
        assert!(!jobs.all()[0].is_over() && !jobs.all()[0].is_lost(), "somebody else may be asked");
        let mut jobs = after(&[&refunded[..], &[failed()]].concat());
        assert!(jobs.all()[0].is_lost(), "it was closed, and nothing came of it");
        assert!(jobs.forget_lost(KEY) && jobs.all().is_empty());
        assert!(after(&[failed()]).all()[0].is_lost(), "nobody was asked");
    }

    #[test]
    fn a_job_that_was_refunded_is_over_with_the_next_order_of_it() {
        let refunded = [proposed(2), delivered(2), closed(2, Outcome::Void), proposed(3)];
        assert!(!after(&refunded).all()[0].is_over());
        let paid = after(&[&refunded[..], &[closed(3, Outcome::Checked)]].concat());
        assert!(paid.all()[0].is_over() && paid.all()[0].is_checked());
        let given_up = after(&[&refunded[..], &[failed()]].concat());
        let closed = given_up.all()[0].closed.map(|(outcome, _)| outcome);
        assert!(given_up.all()[0].is_over() && closed == Some(Outcome::Void));
    }

    #[test]
    fn of_those_who_are_asked_beside_each_other_a_job_is_whose_order_is_taken_up() {
        let opened = Event::Opened { key: KEY, job: Digest([2; 32]), rate: Rate::ONE };
        let jobs = after(&[proposed(2), proposed(3), opened]);
        let job = &jobs.all()[0];
        assert_eq!((job.id, job.provider), (Some(Digest([2; 32])), Some(PeerId([2; 32]))));
    }

    #[test]
    fn a_cheat_that_was_the_only_one_wanted_leaves_a_job_that_is_over_and_not_lost() {
        let convicted = [proposed(2), delivered(2), closed(2, Outcome::Slashed), failed()];
        let mut jobs = after(&convicted);
        assert!(jobs.all()[0].is_over() && jobs.all()[0].is_slashed());
        assert!(!jobs.forget_lost(KEY) && jobs.all().len() == 1);
    }
}
