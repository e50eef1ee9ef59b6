//! What providers say that they have streamed, beside what they then claim.
//!
//! **Invariant:** a contradiction is shown under the claim in the books alone, and instead of the secret.

use assay_protocol::{
    claim::Deliver,
    id::JobId,
    objection::{Contradict, Output},
    signed::{Signer, Verified},
};

use super::Client;
use crate::node::{
    context::Context,
    heard::{Fault, Heard},
};

impl Client {
    /// The provider's word for what it has streamed so far: of several the one about most is kept.
    pub(super) fn on_stream<S: Signer>(
        &mut self,
        output: &Verified<Output>,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let answers = self.answered_after;
        let Some(attempt) = self.attempts.get_mut(&output.job) else { return Heard::NotMine };
        if output.signer() != attempt.order.provider {
            return Heard::Misstep(Fault::Stranger);
        }
        if attempt.ticket.is_none() {
            return Heard::Misstep(Fault::Untimely);
        }
        if attempt.streamed.as_ref().is_none_or(|known| known.records < output.records) {
            attempt.streamed = Some(output.clone());
            attempt.note_life(answers, cx.now);
            self.contradict(output.job, cx);
        }
        Heard::Taken
    }

    /// Notes what opens the half of a claim that its client sees, for as long as another claim may be the one in the books.
    pub(super) fn note_leaf(&mut self, job: JobId, deliver: &Verified<Deliver>) {
        if let Some(attempt) = self.attempts.get_mut(&job) {
            attempt.shown = Some(deliver.clone());
        }
    }

    /// Shows the notary that a provider has claimed something else than it says that it has streamed; true if it has. Roots and
    /// counts say so: of a claim of more records one would have to be shown that differs, and no brain has any.
    pub(super) fn contradict<S: Signer>(&self, job: JobId, cx: &mut Context<'_, S>) -> bool {
        let Some(attempt) = self.attempts.get(&job).filter(|attempt| attempt.may_close()) else {
            return false;
        };
        let (Some(output), Some(deliver)) = (&attempt.streamed, &attempt.shown) else { return false };
        let bound = attempt.bound == Some(deliver.claim().to_verified().digest());
        if !bound || !output.contradicts(&deliver.leaf, None) {
            return false;
        }
        let (leaf, evidence, records) = (deliver.leaf, deliver.evidence, None);
        cx.say(
            attempt.order.notary,
            Contradict { job, output: output.signed().clone(), leaf, evidence, records },
        );
        true
    }
}
