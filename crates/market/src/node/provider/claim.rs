//! What a provider claims: the result of a run, or the fee of a job that was cancelled; and how it opens its claim.
//!
//! **Invariant:** for one job one claim is signed, and saved with what opens it before anyone sees it.

use alloc::vec::Vec;

use assay_protocol::{
    check::{OpenClaim, ShownRecord},
    claim::{self, Claim, Deliver, EvidenceLeaf, OutputLeaf},
    id::{Digest, JobId},
    manifest::End,
    merkle,
    objection::Output,
    order::Failure,
    signed::Signer,
    units::{Duration, Timestamp},
};

use super::{Provider, ServingPhase};
use crate::{
    effect::Effect,
    input::{RunId, RunResult},
    node::{
        alarms::{Alarm, backoff},
        context::Context,
        heard::{Fault, Heard},
    },
    record::ProviderRecord,
};

/// How long a run may take to end that nobody wants any more. The sandbox waits a little less.
const CUT_WAIT: Duration = Duration::seconds(5);

impl Provider {
    pub(super) fn on_run<S: Signer>(
        &mut self,
        job: JobId,
        result: Result<RunResult, Failure>,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let Some(serving) = self.servings.get(&job) else { return Heard::NotMine };
        if !matches!(serving.phase, ServingPhase::Running) {
            return Heard::Misstep(Fault::Untimely);
        }
        let (units_max, ticket) = (serving.order.units_max, serving.ticket_digest());
        let is_cut = serving.cut;
        let is_claimed = result.as_ref().is_ok_and(|result| {
            !result.is_empty()
                && (1..=units_max).contains(&result.units)
                && serving.beats_the_fee(result.units)
        });
        self.note_run(job, cx.now);
        match result {
            // Of a job that nobody wants any more, nothing that went wrong is worth telling.
            _ if is_cut && !is_claimed => self.give_up(job, cx),
            // Nobody could confirm an empty output: claiming it would be a lie that nobody told.
            Ok(result) if result.is_empty() => self.abort(job, Failure::Empty, cx),
            Ok(result) if result.units <= units_max => self.claim(job, ticket, result, cx),
            Ok(_) => self.abort(job, Failure::Limit, cx),
            Err(failure) => self.abort(job, failure, cx),
        }
        Heard::Taken
    }

    /// Notes that a model is warm now, and how long that took if it was not.
    fn note_run(&mut self, job: JobId, now: Timestamp) {
        let Some(serving) = self.servings.get(&job) else { return };
        let manifest = serving.order.manifest.digest();
        let promised = self.provision().and_then(|provision| {
            let bench = provision.bench(serving.order.class)?;
            bench.stock(&serving.order.manifest).map(|stock| stock.run)
        });
        let since = serving.runs_since.filter(|since| !self.is_warm(manifest, *since));
        if let Some((since, promised)) = since.zip(promised) {
            self.loads.insert(manifest, Duration(now.since(since).0.saturating_sub(promised.0)));
        }
        self.ran.insert(manifest, now);
    }

    fn claim<S: Signer>(&mut self, job: JobId, ticket: Digest, result: RunResult, cx: &mut Context<'_, S>) {
        // A run that a crash cut short, and that gives the same again, is claimed in the same words.
        let (output_blind, evidence_blind) =
            (cx.secret("output blind", job), cx.secret("evidence blind", job));
        let (output, evidence) = leaves(&result, output_blind, evidence_blind);
        let RunResult { units, work, check_work, end, .. } = result;
        let commit = claim::commit(output.digest(), evidence.digest());
        let claim = cx.seal(Claim { job, ticket, units, work, check_work, end, commit });
        let claim = claim.into();
        self.keep(ProviderRecord::Claimed { claim, result, output_blind, evidence_blind }, cx);
        self.deliver(job, cx);
        self.send_claim(job, cx);
        cx.set(Alarm::Serving(job), cx.now.after(backoff(1)));
    }

    pub(super) fn deliver<S: Signer>(&self, job: JobId, cx: &mut Context<'_, S>) {
        let Some((to, claimed)) = self.claimed(job) else { return };
        let deliver = Deliver {
            claim: claimed.claim.signed().clone(),
            leaf: claimed.output,
            evidence: claimed.evidence.digest(),
        };
        cx.serve(job, deliver.leaf.written.blob, to);
        cx.say(to, deliver);
    }

    pub(super) fn send_claim<S: Signer>(&self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(serving) = self.servings.get(&job) else { return };
        if let Some(claim) = serving.claim() {
            self.send_opening(job, cx);
            cx.send(serving.order.notary, claim.verified());
        }
    }

    /// Opens a claim that opens itself, beside it, or again where the notary has lost what came with it.
    pub(super) fn send_opening<S: Signer>(&self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(serving) = self.servings.get(&job) else { return };
        if let Some(claimed) = serving.bound_claim().filter(|_| serving.opens_itself()) {
            let (output, evidence, records) = (claimed.output, claimed.evidence, Vec::new());
            cx.say(serving.order.notary, OpenClaim { job, output, evidence, records, trap: None });
        }
    }

    /// The client wants no more of a job that is not claimed yet: it ends with what was written until now, or with the
    /// agreed fee. One that is claimed stays so.
    pub(super) fn on_cancelled<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(serving) = self.servings.get_mut(&job) else { return };
        match serving.phase {
            // After a restart its client may have heard more than was written since, and less would contradict that.
            ServingPhase::Running if serving.order.manifest.gives_parts() && !serving.resumed => {
                if !core::mem::replace(&mut serving.cut, true) {
                    cx.out.push(Effect::Cut(RunId { job, check: false }));
                    cx.set(Alarm::Serving(job), cx.now.after(CUT_WAIT));
                }
            }
            ServingPhase::Fetching | ServingPhase::Running => self.give_up(job, cx),
            ServingPhase::Claimed(_) | ServingPhase::Yielded(_) | ServingPhase::Aborted(_) => {
                self.send_claim(job, cx);
            }
        }
    }

    /// Ends a cancelled job for the agreed fee.
    pub(super) fn give_up<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(ticket) = self.servings.get(&job).map(|serving| serving.ticket_digest()) else { return };
        let (commit, end) = (Digest::default(), End::Cancelled);
        let claim = cx.seal(Claim { job, ticket, units: 0, work: 0, check_work: 0, end, commit });
        self.keep(ProviderRecord::Yielded(claim.into()), cx);
        cx.out.push(Effect::Stop(RunId { job, check: false }));
        self.send_claim(job, cx);
    }

    /// A run has written so much, and its client hears it: that is signed where the same run always writes the same. Anywhere
    /// else a machine that starts anew would contradict itself and lie to nobody.
    pub(super) fn on_streamed<S: Signer>(
        &self,
        run: &RunId,
        (records, root): (u64, Digest),
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let Some(serving) = self.servings.get(&run.job) else { return Heard::NotMine };
        if !matches!(serving.phase, ServingPhase::Running) || !serving.opens_itself() {
            return Heard::Misstep(Fault::Untimely);
        }
        cx.say(serving.order.client, Output { job: run.job, records, root });
        Heard::Taken
    }

    /// The records that the notary wants are read: the claim is opened.
    pub(super) fn on_shown<S: Signer>(
        &self,
        job: JobId,
        records: &[ShownRecord],
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let Some(serving) = self.servings.get(&job) else { return Heard::NotMine };
        let Some(claimed) = serving.bound_claim() else { return Heard::Misstep(Fault::Untimely) };
        // An opening that does not open the claim convicts: bytes that a disk has spoilt are better not shown at all.
        let EvidenceLeaf { evidence_root, records: count, .. } = claimed.evidence;
        let intact = |record: &ShownRecord| {
            merkle::verify(evidence_root, count, record.position, &record.bytes, &record.path)
        };
        if !records.iter().all(intact) {
            return Heard::Misstep(Fault::Contrary);
        }
        let (output, evidence, records) = (claimed.output, claimed.evidence, records.to_vec());
        cx.say(serving.order.notary, OpenClaim { job, output, evidence, records, trap: None });
        Heard::Taken
    }
}

/// The two halves of a claim.
pub(super) fn leaves(
    result: &RunResult,
    output_blind: Digest,
    evidence_blind: Digest,
) -> (OutputLeaf, EvidenceLeaf) {
    let RunResult { written, evidence_root, evidence_records: records, units, end, rms, .. } = *result;
    let output = OutputLeaf { written, units, end, blind: output_blind };
    (output, EvidenceLeaf { evidence_root, records, rms, blind: evidence_blind })
}
