//! What a provider was shown of the jobs that it began: at what rate each is checked, what it pays, for whom it is.
//!
//! **Invariant:** a job that is over is forgotten.

use std::collections::BTreeMap;

use assay_market::{Effect, Event, Input};
use assay_protocol::{
    id::{JobId, PeerId},
    message::Opened,
    units::{Amount, Rate},
};

/// What is known of one job.
#[derive(Clone, Copy, Debug)]
pub(super) struct StartedJob {
    /// The rate at which it is checked.
    pub(super) rate: Rate,
    /// The most that it pays.
    pub(super) price: Amount,
    /// Who ordered it.
    pub(super) client: PeerId,
}

/// The jobs that were begun and are not over.
#[derive(Clone, Debug, Default)]
pub(super) struct StartedJobs(BTreeMap<JobId, StartedJob>);

impl StartedJobs {
    /// Notes a job that begins.
    pub(super) fn hear(&mut self, input: &Input) {
        if let Input::Message(Opened::Start(start)) = input {
            let (order, ticket) = (start.order(), start.ticket());
            let price = order.price().unwrap_or_default();
            self.0.insert(ticket.job, StartedJob { rate: ticket.rate, price, client: order.client });
        }
    }

    /// Forgets a job that is over.
    pub(super) fn act(&mut self, effect: &Effect) {
        if let Effect::Tell(Event::Served { job, .. }) = effect {
            self.0.remove(job);
        }
    }

    /// What was shown of a job.
    pub(super) fn get(&self, job: &JobId) -> Option<StartedJob> {
        self.0.get(job).copied()
    }
}
