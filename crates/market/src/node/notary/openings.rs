//! What opens claims that open themselves: it comes beside the claim, is kept beside the journal, and is entered once the
//! job is checked.
//!
//! **Invariant:** such a claim is entered only with what opens it, which is saved before.

use alloc::{boxed::Box, vec::Vec};

use assay_protocol::{
    check::OpenClaim,
    claim::Claim,
    codec,
    id::JobId,
    job::{Job, SeatPhase, Stage},
    journal::Fact,
    notice::NoticeEvent,
    receipt::Happening,
    signed::{Signed, Signer},
    units::Amount,
};

use super::Notary;
use crate::{
    node::{
        context::Context,
        heard::{Fault, Heard},
    },
    record::Record,
};

impl Notary {
    /// Takes what opens a claim that opens itself: it waits for its claim. Nothing, if it is for the books; beside a claim
    /// that is in them it says nothing new.
    pub(super) fn hold_opening(&mut self, opening: &Signed<OpenClaim>) -> Option<Heard> {
        let said = opening.said();
        let job = &self.ledger.open_job(said.job)?.job;
        if is_disclosing(job.stage()) || !job.order().manifest.policy.opens_itself() {
            return None;
        }
        if said.signer() != job.order().provider {
            return Some(Heard::Misstep(Fault::Stranger));
        }
        if awaits_claim(job) {
            self.openings.insert(job.id(), opening.clone());
        }
        Some(Heard::Taken)
    }

    /// Keeps what opens a claim that is to be entered now. What becomes of the claim, if it is not: the provider is asked
    /// for what opens it, or it opens something else.
    pub(super) fn keep_opening<S: Signer>(
        &mut self,
        claim: &Signed<Claim>,
        happening: &Happening,
        cx: &mut Context<'_, S>,
    ) -> Option<Heard> {
        let said = claim.said();
        let job = &self.ledger.open_job(said.job)?.job;
        let opens_itself = job.order().manifest.policy.opens_itself() && !said.is_for_the_fee();
        let provider = job.order().provider;
        if !awaits_claim(job) || !opens_itself || said.signer() != provider {
            return None;
        }
        let (step, by) = happening.step(job);
        let taken = job.clone().apply(step, by, self.ledger.live_time());
        taken.ok()?;
        let Some(opening) = self.openings.get(&said.job) else {
            self.notice(provider, said.job, NoticeEvent::Open { beacon: None }, cx);
            return Some(Heard::Taken);
        };
        let (policy, client) = (job.order().manifest.policy, job.order().client);
        if !opening.said().is_whole(&said, policy, client) {
            return Some(Heard::Misstep(Fault::Refused));
        }
        cx.save(Record::Opening(Box::new(opening.clone())));
        None
    }

    /// Takes what opens a claim from its own records.
    pub(in crate::node) fn fold_opening(&mut self, opening: &Signed<OpenClaim>) {
        self.openings.insert(opening.said().job, opening.clone());
    }

    /// Enters what opens the claims of those of these jobs that have come to a check.
    pub(super) fn disclose<S: Signer>(&mut self, jobs: &[JobId], cx: &mut Context<'_, S>) {
        for job in jobs {
            let disclosing = self.ledger.open_job(*job).is_some_and(|open| is_disclosing(open.job.stage()));
            if let Some(opening) = self.openings.get(job).filter(|_| disclosing).cloned() {
                // One that a provider sent again, and that opens nothing, is not taken.
                let _ = self.enter(Fact::Job(self.entry(opening)), cx);
            }
        }
    }

    /// An opening as it is entered: whoever knows the statement cannot tell by its digest in the journal that it is this one.
    /// With it what the client puts up by it.
    pub(super) fn entry(&self, opening: Signed<OpenClaim>) -> Happening {
        let said = opening.said();
        let blind = codec::digest("opening blind", &(said.job, self.seed));
        let job = self.ledger.open_job(said.job).filter(|_| said.trap.is_some());
        let pledged = job.map_or(Amount::ZERO, |open| self.ledger.pledge_of(&open.job));
        Happening::OpenClaim { opening, blind, pledged }
    }

    /// Enters what a crash kept from being entered.
    pub(super) fn disclose_all<S: Signer>(&mut self, cx: &mut Context<'_, S>) {
        let jobs: Vec<JobId> = self.openings.keys().copied().collect();
        self.disclose(&jobs, cx);
    }
}

/// True while a claim can be entered.
fn awaits_claim(job: &Job) -> bool {
    matches!(job.stage(), Stage::Open { .. } | Stage::Cancelling { .. })
}

fn is_disclosing(stage: Stage) -> bool {
    matches!(stage, Stage::Checking(SeatPhase::Disclosing { .. }))
}
