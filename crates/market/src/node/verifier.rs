//! The verifier: runs again what it was drawn for, seals what it found, opens the seal when asked.
//!
//! **Invariant:** what was found is saved before it is sealed in public, and sealed before anything claimed is seen.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use assay_protocol::{
    check::{Check, Evidence, OpenSeal, Record as Shown, Seal, Unserved},
    draw,
    id::Digest,
    manifest::End,
    merkle,
    notice::{Notice, NoticeEvent},
    order::Failure,
    signed::{Signed, Signer, Verified},
    units::{Duration, Timestamp},
};

use super::{Node, alarms::Alarm};
use crate::{
    effect::{Effect, Effects, Event, Run},
    input::{RunId, RunResult},
    record::{Record, VerifierRecord},
    view::{RunState, RunView},
};

/// How often an input is asked for.
const FETCH_PAUSE: Duration = Duration(700);
/// How long after its deadline a check is kept in mind.
const KEPT: Duration = Duration::seconds(2 * 3_600);
/// Checks that are under way at the same time; more are left to other verifiers.
const CHECKS_MAX: usize = 64;
/// Checks that are kept in mind, those that are under way included; more are left to others as well.
const CHECKS_KEPT_MAX: usize = 16_384;

/// A verifier's state.
#[derive(Debug, Default)]
pub(super) struct Verifier {
    checks: BTreeMap<RunId, Checking>,
    /// Those that wait for their input, or for their run.
    under_way: BTreeSet<RunId>,
}

/// One check.
#[derive(Debug)]
struct Checking {
    check: Verified<Check>,
    phase: Phase,
    /// When the input is given up.
    serve_by: Timestamp,
}

/// How far it is.
#[derive(Clone, Debug)]
enum Phase {
    Fetching,
    Running,
    Sealed { seal: Signed<Seal>, evidence: Evidence, output: Digest },
    Unserved(Signed<Unserved>),
    Ended,
}

impl<S: Signer> Node<S> {
    pub(super) fn on_check(&mut self, check: &Verified<Check>, now: Timestamp, out: &mut Effects) {
        let run = RunId { job: check.job, check: true };
        let ours =
            check.verifier == self.signer.id() && self.config.genesis.notaries.contains(&check.signer());
        // Only what this peer said that it can check, in whose constants for work it so believes.
        if !ours || !self.checks_kind(check.signer(), check.class, check.manifest.digest()) {
            return;
        }
        let notary = check.signer();
        match self.verifier.checks.get(&run).map(|checking| checking.phase.clone()) {
            None if self.verifier.has_room() => {
                self.keep_verifier(VerifierRecord::Asked(check.signed().clone()), out);
                out.push(Effect::Tell(Event::Checking { job: check.job }));
                self.begin_check(run, now, out);
            }
            Some(Phase::Sealed { seal, .. }) => {
                out.push(Effect::Send { to: notary, message: seal.recall().into() });
            }
            Some(Phase::Unserved(unserved)) => {
                out.push(Effect::Send { to: notary, message: unserved.recall().into() });
            }
            Some(Phase::Fetching | Phase::Running | Phase::Ended) | None => {}
        }
    }

    fn begin_check(&mut self, run: RunId, now: Timestamp, out: &mut Effects) {
        let input = self.config.genesis.timers.input;
        let Some(checking) = self.verifier.checks.get_mut(&run) else { return };
        checking.serve_by = now.after(input.times(2));
        self.wake_check(run, now, out);
    }

    /// Asks for the input again, gives it up, or forgets the check.
    pub(super) fn wake_check(&mut self, run: RunId, now: Timestamp, out: &mut Effects) {
        let Some(checking) = self.verifier.checks.get(&run) else { return };
        let check = &checking.check;
        let (notary, forget_at) = (check.signer(), check.seal_by.after(KEPT));
        if now >= forget_at {
            return self.keep_verifier(VerifierRecord::Forgotten(run), out);
        }
        match checking.phase {
            Phase::Fetching if now >= checking.serve_by => {
                let unserved = Unserved { job: check.job };
                let unserved = Signed::seal(unserved, &self.signer, self.network);
                self.keep_verifier(VerifierRecord::Unserved(unserved.signed().clone()), out);
                out.push(Effect::Send { to: notary, message: unserved.into() });
                self.alarms.set(Alarm::Checking(run), forget_at);
            }
            Phase::Fetching => {
                let (digest, sources) = (check.input_commit, check.sources);
                for to in sources {
                    out.push(Effect::Send { to, message: check.clone().into() });
                }
                out.push(Effect::Fetch { digest, from: sources.into() });
                self.alarms.set(Alarm::Checking(run), now.after(FETCH_PAUSE));
            }
            Phase::Running | Phase::Sealed { .. } | Phase::Unserved(_) | Phase::Ended => {
                self.alarms.set(Alarm::Checking(run), forget_at);
            }
        }
    }

    pub(super) fn on_verifier_blob(&mut self, digest: Digest, found: bool, out: &mut Effects) {
        let Verifier { checks, under_way } = &mut self.verifier;
        for run in under_way.iter().filter(|_| found) {
            let Some(checking) = checks.get_mut(run) else { continue };
            if !matches!(checking.phase, Phase::Fetching) || checking.check.input_commit != digest {
                continue;
            }
            checking.phase = Phase::Running;
            let check = &checking.check;
            out.push(Effect::Run(Box::new(Run {
                id: *run,
                manifest: check.manifest.clone(),
                input: check.input_commit,
                seed: check.seed,
                units_max: check.units_max,
                run_max: check.run_max,
            })));
        }
    }

    pub(super) fn on_verifier_run(
        &mut self,
        run: RunId,
        result: Result<RunResult, Failure>,
        out: &mut Effects,
    ) {
        let checking =
            self.verifier.checks.get(&run).filter(|checking| matches!(checking.phase, Phase::Running));
        let Some(checking) = checking else { return };
        let (notary, check) = (checking.check.signer(), checking.check.clone());
        let salt = self.random();
        let Some((evidence, output)) = evidence(result, salt) else {
            return self.keep_verifier(VerifierRecord::Ended(run), out);
        };
        let seal = Seal { job: check.job, commit: evidence.commit() };
        let seal = Signed::seal(seal, &self.signer, self.network);
        let record = VerifierRecord::Sealed { seal: seal.signed().clone(), evidence, output };
        self.keep_verifier(record, out);
        out.push(Effect::Send { to: notary, message: seal.into() });
    }

    pub(super) fn on_verifier_notice(&mut self, notice: &Verified<Notice>, out: &mut Effects) {
        let NoticeEvent::Open { beacon } = notice.event else { return };
        let run = RunId { job: notice.job, check: true };
        let Some(checking) = self.verifier.checks.get(&run) else { return };
        let Phase::Sealed { evidence, output, .. } = &checking.phase else { return };
        if notice.signer() != checking.check.signer() {
            return;
        }
        if let Some(positions) = draw::positions(notice.job, evidence.records, beacon) {
            out.push(Effect::Show { run, output: *output, positions });
        }
    }

    /// The records that the notary wants are read: the seal is opened.
    pub(super) fn on_verifier_shown(&mut self, run: RunId, records: Vec<Shown>, out: &mut Effects) {
        let Some(checking) = self.verifier.checks.get(&run) else { return };
        let Phase::Sealed { evidence, .. } = &checking.phase else { return };
        let opening = OpenSeal { job: run.job, evidence: *evidence, records };
        self.say(checking.check.signer(), opening, out);
    }

    fn keep_verifier(&mut self, record: VerifierRecord, out: &mut Effects) {
        self.keep(Record::Verifier(Box::new(record)), out);
    }

    /// Changes the verifier's state by one record: the only way in which it changes what must survive.
    pub(super) fn fold_verifier(&mut self, record: &VerifierRecord) {
        let verifier = &mut self.verifier;
        match record {
            VerifierRecord::Asked(check) => {
                let check = check.clone().recall();
                let run = RunId { job: check.job, check: true };
                let checking = Checking { check, phase: Phase::Fetching, serve_by: Timestamp::NEVER };
                verifier.checks.insert(run, checking);
                verifier.under_way.insert(run);
            }
            VerifierRecord::Sealed { seal, evidence, output } => {
                let job = seal.clone().recall().job;
                let sealed = Phase::Sealed { seal: seal.clone(), evidence: *evidence, output: *output };
                verifier.end(RunId { job, check: true }, sealed);
            }
            VerifierRecord::Unserved(unserved) => {
                let job = unserved.clone().recall().job;
                verifier.end(RunId { job, check: true }, Phase::Unserved(unserved.clone()));
            }
            VerifierRecord::Forgotten(run) => {
                verifier.checks.remove(run);
                verifier.under_way.remove(run);
            }
            VerifierRecord::Ended(run) => verifier.end(*run, Phase::Ended),
        }
    }

    /// Takes up again what was unfinished: a run that a crash cut short begins anew.
    pub(super) fn resume_verifier(&mut self, now: Timestamp, out: &mut Effects) {
        let runs = self.verifier.checks.iter();
        let runs: Vec<(RunId, bool)> =
            runs.map(|(run, checking)| (*run, matches!(checking.phase, Phase::Fetching))).collect();
        for (run, fetching) in runs {
            if fetching {
                self.begin_check(run, now, out);
            } else {
                self.wake_check(run, now, out);
            }
        }
    }

    /// The checks that this verifier was drawn for.
    pub(super) fn view_checks(&self) -> impl Iterator<Item = RunView> {
        self.verifier.checks.iter().map(|(run, checking)| RunView {
            job: run.job,
            check: true,
            manifest: checking.check.manifest.name.clone(),
            state: match checking.phase {
                Phase::Fetching | Phase::Running => RunState::Running,
                Phase::Sealed { .. } | Phase::Unserved(_) => RunState::Committed,
                Phase::Ended => RunState::Ended,
            },
        })
    }
}

impl Verifier {
    fn has_room(&self) -> bool {
        self.under_way.len() < CHECKS_MAX && self.checks.len() < CHECKS_KEPT_MAX
    }

    /// What came of a check.
    fn end(&mut self, run: RunId, phase: Phase) {
        if let Some(checking) = self.checks.get_mut(&run) {
            checking.phase = phase;
            self.under_way.remove(&run);
        }
    }
}

/// What a run proves. A job that no sandbox can run, or whose run writes nothing, is found to have no output: that matches
/// no claim, and an honest provider makes none. A fault of this machine proves nothing.
fn evidence(result: Result<RunResult, Failure>, salt: Digest) -> Option<(Evidence, Digest)> {
    let nothing = merkle::root(&[], merkle::RECORD_BYTES);
    match result {
        Ok(run) => {
            let RunResult { output, output_root, records, units, work, end, rms } = run;
            let evidence_root = output_root;
            Some((Evidence { output_root, evidence_root, records, units, work, end, rms, salt }, output))
        }
        Err(Failure::BadInput | Failure::Trap | Failure::Limit | Failure::Empty) => {
            let (output_root, evidence_root) = (nothing, nothing);
            let (records, units, work, rms) = (0, 0, 0, 0);
            let empty =
                Evidence { output_root, evidence_root, records, units, work, end: End::Stop, rms, salt };
            Some((empty, Digest::of(&[])))
        }
        // A slower machine than the provider's proves nothing either, whatever time the client allows.
        Err(Failure::InputAbsent | Failure::Unusable | Failure::Machine | Failure::Overdue) => None,
    }
}
