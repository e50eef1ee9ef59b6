//! What the next order of a line may cost: by what is allowed to it, and by the offers of the moment.
//!
//! **Invariant:** nothing is ordered or spoken for here, and nothing is said to be likely that the ceiling has no room for.

use assay_peer::handle::{Attachment, QuoteJob, Submit};
use assay_protocol::units::Amount;

use super::BatchCourse;
use crate::{BatchError, BatchedRequest};

impl BatchCourse<'_> {
    /// The most that an order of a line may cost, where the ceiling leaves as much.
    pub(super) fn wanted(&self, request: &BatchedRequest) -> Result<Amount, BatchError> {
        let submit = request.order(self.manifest(request)?, 0);
        let wanted = submit.ok().and_then(|submit| submit.cost_max).unwrap_or(self.gear.settings.cost_max);
        Ok(self.payer.most(wanted))
    }

    /// What a line would cost now, and half as much again for another provider, as far as the ceiling leaves it. Nothing where
    /// that leaves less than it would cost, or nobody takes it now.
    pub(super) async fn likely(&mut self, line: usize) -> Result<Option<Amount>, BatchError> {
        let Some(left) = self.budget.left() else { return Ok(None) };
        let request = self.gear.lines.request(line)?;
        let Ok(submit) = request.order(self.manifest(&request)?, 0) else { return Ok(None) };
        let wish = Submit { input: Attachment::default(), ..submit };
        // A daemon that is away is noticed by whoever waits for what becomes of its jobs.
        let Ok(quote) = self.daemon.handle.call(QuoteJob(wish)).await else { return Ok(None) };
        let Some(cost) = quote.chosen.map(|chosen| chosen.order.total_max) else { return Ok(None) };
        if self.budget.lacks(cost) {
            return Ok(None);
        }
        Ok(Some(cost.plus(Amount(cost.0 / 2)).unwrap_or(cost).min(left)))
    }
}
