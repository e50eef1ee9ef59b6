//! What a provider claims: the result of a run, or the fee of a job that was cancelled; and how it opens its claim.
//!
//! **Invariant:** for one job one claim is signed, and saved with what opens it before anyone sees it.

use alloc::vec::Vec;

use assay_protocol::{
    check::{OpenClaim, Record as Shown},
    claim::{self, Claim, Deliver, EvidenceLeaf, OutputLeaf},
    id::{Digest, JobId},
    manifest::End,
    merkle,
    order::Failure,
    signed::{Signed, Signer},
    units::Timestamp,
};

use super::{Node, Phase};
use crate::{
    effect::{Effect, Effects},
    input::{RunId, RunResult},
    node::alarms::{Alarm, backoff},
    record::ProviderRecord,
};

impl<S: Signer> Node<S> {
    pub(in crate::node) fn on_provider_run(
        &mut self,
        job: JobId,
        result: Result<RunResult, Failure>,
        now: Timestamp,
        out: &mut Effects,
    ) {
        let Some(serving) = self.provider.servings.get(&job).filter(|at| at.phase == Phase::Running) else {
            return;
        };
        let (units_max, ticket) = (serving.order.units_max, serving.ticket_digest());
        self.provider.ran.insert(serving.order.manifest.digest(), now);
        match result {
            Ok(result) if result.records > 0 && result.units <= units_max => {
                let (output_blind, evidence_blind) = (self.random(), self.random());
                let (output, evidence) = leaves(&result, output_blind, evidence_blind);
                let claim = Claim {
                    job,
                    ticket,
                    units: result.units,
                    work: result.work,
                    end: result.end,
                    commit: claim::commit(output.digest(), evidence.digest()),
                };
                let claim = Signed::seal(claim, &self.signer, self.network).into_signed();
                self.keep_provider(
                    ProviderRecord::Claimed { claim, result, output_blind, evidence_blind },
                    out,
                );
                self.deliver(job, out);
                self.send_claim(job, out);
                self.alarms.set(Alarm::Serving(job), now.after(backoff(1)));
            }
            // Nobody could confirm an empty output: claiming it would be a lie that nobody told.
            Ok(result) if result.records == 0 => self.abort(job, Failure::Empty, now, out),
            Ok(_) => self.abort(job, Failure::Limit, now, out),
            Err(failure) => self.abort(job, failure, now, out),
        }
    }

    pub(super) fn deliver(&mut self, job: JobId, out: &mut Effects) {
        let Some((to, claimed)) = self.provider.claimed(job) else { return };
        let deliver = Deliver {
            claim: claimed.claim.clone(),
            leaf: claimed.output,
            evidence: claimed.evidence.digest(),
            output: claimed.result.output,
        };
        let digest = claimed.result.output;
        out.push(Effect::Serve { digest, to });
        self.say(to, deliver, out);
    }

    pub(super) fn send_claim(&mut self, job: JobId, out: &mut Effects) {
        let Some(serving) = self.provider.servings.get(&job) else { return };
        let yielded = if let Phase::Yielded(claim) = &serving.phase { Some(claim) } else { None };
        let claim = yielded.or(serving.claimed.as_ref().map(|claimed| &claimed.claim));
        if let Some(claim) = claim.cloned() {
            out.push(Effect::Send { to: serving.order.notary, message: claim.recall().into() });
        }
    }

    /// The client wants no more of a job that is not claimed yet: it ends with the agreed fee. One that is claimed stays
    /// so, since nobody can sign two claims.
    pub(super) fn yield_job(&mut self, job: JobId, out: &mut Effects) {
        let Some(serving) = self.provider.servings.get(&job) else { return };
        if matches!(serving.phase, Phase::Fetching | Phase::Running) {
            let nothing = Digest::default();
            let claim = Claim {
                job,
                ticket: serving.ticket_digest(),
                units: 0,
                work: 0,
                end: End::Cancelled,
                commit: nothing,
            };
            let claim = Signed::seal(claim, &self.signer, self.network).into_signed();
            self.keep_provider(ProviderRecord::Yielded(claim), out);
            out.push(Effect::Stop(RunId { job, check: false }));
        }
        self.send_claim(job, out);
    }

    /// The records that the notary wants are read: the claim is opened.
    pub(in crate::node) fn on_provider_shown(&mut self, job: JobId, records: Vec<Shown>, out: &mut Effects) {
        let Some(serving) = self.provider.servings.get(&job) else { return };
        let Some(claimed) = &serving.claimed else { return };
        // An opening that does not open the claim convicts: bytes that a disk has spoilt are better not shown at all.
        let EvidenceLeaf { evidence_root, records: count, .. } = claimed.evidence;
        let intact = |record: &Shown| {
            merkle::verify(evidence_root, count, record.position, &record.bytes, &record.path)
        };
        if !records.iter().all(intact) {
            return;
        }
        let opening = OpenClaim { job, output: claimed.output, evidence: claimed.evidence, records };
        self.say(serving.order.notary, opening, out);
    }
}

/// The two halves of a claim.
pub(super) fn leaves(
    result: &RunResult,
    output_blind: Digest,
    evidence_blind: Digest,
) -> (OutputLeaf, EvidenceLeaf) {
    let RunResult { output_root, records, units, end, rms, .. } = *result;
    let output = OutputLeaf { output_root, records, units, end, blind: output_blind };
    (output, EvidenceLeaf { evidence_root: output_root, records, rms, blind: evidence_blind })
}
