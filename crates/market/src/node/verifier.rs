//! The verifier: runs again what it was drawn for, seals what it found, opens the seal when asked.
//!
//! **Invariant:** what was found is saved before it is sealed in public, and sealed before anything claimed is seen.

mod checking;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use assay_protocol::{
    check::{Check, Evidence, OpenSeal, Seal, ShownRecord, Underway, Unserved},
    claim::Written,
    draw,
    id::{Digest, JobId},
    manifest::End,
    message::Opened,
    notice::{Notice, NoticeEvent},
    order::Failure,
    signed::{Signer, Verified},
    units::{Duration, Timestamp},
};

use self::checking::{Checking, CheckingPhase, CheckingStep, Sealed};
use super::{
    alarms::Alarm,
    context::Context,
    heard::{Fault, Heard},
    role::Role,
};
use crate::{
    effect::Run,
    event::Event,
    input::{Blob, Input, RunId, RunResult},
    record::{Record, VerifierRecord},
    view::RunView,
};

/// Between two times that an input is asked for: as long as it has been looked for. Who is to serve it knows nobody who checks
/// before it has heard so, which is at about the time that it is asked first.
const FETCH_PAUSE_MIN: Duration = Duration(50);
const FETCH_PAUSE_MAX: Duration = Duration(700);
/// How long after its deadline a check is kept in mind.
const KEPT: Duration = Duration::seconds(2 * 3_600);
/// Checks whose input is fetched, or that run, at the same time; more wait for their turn, by when they are due.
const CHECKS_BEGUN_MAX: usize = 64;
/// Runs at the same time, those first that are due first: each check has three times what it should take, so that two that
/// slow each other down are in time.
const RUNS_MAX: usize = 2;
/// Checks that are kept in mind, those that are under way included; more are left to other verifiers.
const CHECKS_KEPT_MAX: usize = 16_384;

/// A verifier's state.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Verifier {
    checks: BTreeMap<JobId, Checking>,
    /// Those that wait for their turn, their input, or their run.
    under_way: BTreeSet<JobId>,
    /// Those of them whose turn has come in this life.
    #[serde(skip)]
    begun: BTreeSet<JobId>,
}

impl<S: Signer> Role<S> for Verifier {
    fn handle(&mut self, input: &Input, cx: &mut Context<'_, S>) -> Heard {
        let heard = match input {
            Input::Message(Opened::Check(check)) => self.on_check(check, cx),
            Input::Message(Opened::Notice(notice)) => self.on_notice(notice, cx),
            Input::Fetched { holder, digest, found } => self.on_fetched((*holder, *digest), *found, cx),
            Input::Ran { run, result } if run.check => self.on_run(run.job, *result, cx),
            Input::Shown { run, records } if run.check => self.on_shown(run.job, records, cx),
            Input::Command(_)
            | Input::Message(_)
            | Input::Offered { .. }
            | Input::Connection { .. }
            | Input::Undelivered { .. }
            | Input::Collected { .. }
            | Input::Recalled { .. }
            | Input::Ran { .. }
            | Input::Streamed { .. }
            | Input::Shown { .. }
            | Input::Sensed(_)
            | Input::Wake => Heard::NotMine,
        };
        self.begin_next(cx);
        self.run_next(cx);
        heard
    }

    /// A run that a crash cut short begins anew.
    fn resume(&mut self, cx: &mut Context<'_, S>) {
        let jobs: Vec<JobId> = self.checks.keys().copied().collect();
        for job in jobs {
            let Some(checking) = self.checks.get_mut(&job) else { continue };
            // When it was asked for is not remembered; not later than this, if the notary's clock is right.
            let asked = Timestamp(checking.check.seal_by.0.saturating_sub(cx.genesis.timers.seal.0));
            checking.asked = asked.min(cx.now);
            if let Some(sealed) = checking.sealed().filter(|_| cx.now < checking.shown_by(&cx.genesis.timers))
            {
                cx.hold(job, sealed.output);
            }
            if !checking.is_under_way() {
                self.go_on(job, cx);
            }
        }
        self.begin_next(cx);
    }
}

impl Verifier {
    /// Looks at a check again.
    pub(super) fn wake<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        self.go_on(job, cx);
        self.begin_next(cx);
    }

    /// Asks for the input again, gives it up, or forgets the check.
    fn go_on<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let Some(checking) = self.checks.get_mut(&job) else { return };
        let (notary, shown_by) = (checking.check.signer(), checking.shown_by(&cx.genesis.timers));
        // What waits its turn may be due long after one that is sealed at once, and of one check one thing is said.
        let forget_at = shown_by.max(checking.check.seal_by).after(KEPT);
        if cx.now >= forget_at {
            return self.keep(VerifierRecord::Forgotten(run_id(job)), cx);
        }
        match checking.phase {
            CheckingPhase::Fetching if checking.is_ready(cx.now) => {
                self.run_next(cx);
                cx.set(Alarm::Checking(job), forget_at);
            }
            CheckingPhase::Fetching if cx.now >= checking.serve_by => {
                let unserved = cx.seal(Unserved { job });
                self.keep(VerifierRecord::Unserved((&unserved).into()), cx);
                cx.send(notary, unserved);
                cx.release([job]);
                cx.set(Alarm::Checking(job), forget_at);
            }
            CheckingPhase::Fetching => {
                let due = checking.due();
                let wanted: Vec<Digest> = checking.ask(cx.now).collect();
                if !wanted.is_empty() {
                    let check = &checking.check;
                    for to in check.sources {
                        cx.send(to, check.clone());
                    }
                    for digest in wanted {
                        cx.fetch(job, digest, check.sources);
                    }
                }
                cx.set(Alarm::Checking(job), due);
            }
            CheckingPhase::Sealed(_) if cx.now < shown_by => cx.set(Alarm::Checking(job), shown_by),
            CheckingPhase::Running => cx.set(Alarm::Checking(job), forget_at),
            CheckingPhase::Sealed(_) | CheckingPhase::Unserved(_) | CheckingPhase::Ended => {
                cx.release([job]);
                cx.set(Alarm::Checking(job), forget_at);
            }
        }
    }

    fn on_check<S: Signer>(&mut self, check: &Verified<Check>, cx: &mut Context<'_, S>) -> Heard {
        let (job, notary) = (check.job, check.signer());
        if check.verifier != cx.own() {
            return Heard::NotMine;
        }
        // Only what this peer said that it can check, in whose constants for work it so believes.
        if !cx.is_notary(notary) || !checks_kind(check, cx) {
            return Heard::Misstep(Fault::Stranger);
        }
        let saved = self.checks.get(&job);
        // For one check it signs one deadline: that by which it was asked first.
        let due = saved.map_or(check.due, |checking| checking.check.due);
        match saved.map(|checking| &checking.phase) {
            None if self.checks.len() < CHECKS_KEPT_MAX => {
                self.keep(VerifierRecord::Asked(check.into()), cx);
                cx.tell(Event::Checking { job });
                cx.say(notary, Underway { job, due });
            }
            None => return Heard::Misstep(Fault::Crowded),
            Some(CheckingPhase::Sealed(sealed)) => cx.send(notary, sealed.seal.verified()),
            Some(CheckingPhase::Unserved(unserved)) => cx.send(notary, unserved.verified()),
            // It was heard, whatever comes of it: who gives no answer at all is taken to be away.
            Some(CheckingPhase::Fetching | CheckingPhase::Running | CheckingPhase::Ended) => {
                cx.say(notary, Underway { job, due });
            }
        }
        Heard::Taken
    }

    /// Begins those checks that are due first, as many as go on beside each other.
    fn begin_next<S: Signer>(&mut self, cx: &mut Context<'_, S>) {
        self.begun.retain(|job| self.under_way.contains(job));
        while self.begun.len() < CHECKS_BEGUN_MAX && self.begun.len() < self.under_way.len() {
            let waiting = self.under_way.difference(&self.begun);
            let due = |job: &&JobId| self.checks.get(job).map(|checking| checking.check.due);
            let Some(next) = waiting.min_by_key(due).copied() else { return };
            self.begun.insert(next);
            self.begin(next, cx);
        }
    }

    fn begin<S: Signer>(&mut self, job: JobId, cx: &mut Context<'_, S>) {
        let input = cx.genesis.timers.input;
        let Some(checking) = self.checks.get_mut(&job) else { return };
        checking.begin(cx.now, input);
        self.go_on(job, cx);
    }

    /// The input of a check is here, or what it may be run along, or one of them was not to be had this time.
    fn on_fetched<S: Signer>(
        &mut self,
        (job, digest): (JobId, Digest),
        found: Option<Blob>,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let Some(checking) = self.checks.get_mut(&job) else { return Heard::NotMine };
        let asked = checking.fetched(digest, found).unwrap_or(cx.now);
        if checking.is_ready(cx.now) {
            self.run_next(cx);
        } else if found.is_some() {
            // What is still looked for is given up in its own time.
            self.go_on(job, cx);
        } else {
            let (due, sought) = (checking.due(), cx.now.since(checking.asked));
            let pause = sought.clamp(FETCH_PAUSE_MIN, FETCH_PAUSE_MAX);
            cx.set(Alarm::Checking(job), asked.after(pause).min(due));
        }
        Heard::Taken
    }

    /// Runs those checks whose input is here, as many as may run at the same time.
    fn run_next<S: Signer>(&mut self, cx: &mut Context<'_, S>) {
        loop {
            let is = |job: &JobId, is: fn(&Checking, Timestamp) -> bool| {
                self.checks.get(job).is_some_and(|checking| is(checking, cx.now))
            };
            let runs = |checking: &Checking, _| matches!(checking.phase, CheckingPhase::Running);
            if self.begun.iter().filter(|job| is(job, runs)).count() >= RUNS_MAX {
                return;
            }
            let is_ready = |job: &&JobId| {
                is(job, |checking, now| {
                    matches!(checking.phase, CheckingPhase::Fetching) && checking.is_ready(now)
                })
            };
            let due = |job: &&JobId| self.checks.get(job).map(|checking| checking.check.due);
            let Some(job) = self.begun.iter().filter(is_ready).min_by_key(due).copied() else { return };
            let Some(checking) = self.checks.get_mut(&job) else { return };
            if checking.apply(CheckingStep::Run).is_err() {
                return;
            }
            let check = &checking.check;
            cx.run(Run {
                id: run_id(job),
                class: check.class,
                manifest: check.manifest.clone(),
                input: check.input_commit,
                seed: check.seed,
                units_max: check.units_max,
                run_max: check.run_max,
                listener: None,
                draft: checking.draft.here(),
            });
        }
    }

    fn on_run<S: Signer>(
        &mut self,
        job: JobId,
        result: Result<RunResult, Failure>,
        cx: &mut Context<'_, S>,
    ) -> Heard {
        let Some(checking) = self.checks.get(&job) else { return Heard::NotMine };
        if !matches!(checking.phase, CheckingPhase::Running) {
            return Heard::Misstep(Fault::Untimely);
        }
        let notary = checking.check.signer();
        let Some((evidence, output)) = evidence(result, cx.secret("seal salt", job)) else {
            self.keep(VerifierRecord::Ended(run_id(job)), cx);
            cx.release([job]);
            return Heard::Taken;
        };
        let whole = checking.check.manifest.policy.opens_itself();
        let seal = cx.seal(Seal { job, commit: evidence.commit(), evidence: whole.then_some(evidence) });
        self.keep(VerifierRecord::Sealed { seal: (&seal).into(), evidence, output }, cx);
        cx.send(notary, seal);
        // From now on it may be asked for records, however long the check waited and ran.
        if let Some(checking) = self.checks.get_mut(&job) {
            checking.asked = cx.now;
        }
        self.go_on(job, cx);
        Heard::Taken
    }

    fn on_notice<S: Signer>(&mut self, notice: &Verified<Notice>, cx: &mut Context<'_, S>) -> Heard {
        let job = notice.job;
        let Some(checking) = self.checks.get(&job) else { return Heard::NotMine };
        if notice.signer() != checking.check.signer() {
            return Heard::Misstep(Fault::Stranger);
        }
        let (NoticeEvent::Open { beacon }, Some(sealed)) = (&notice.event, checking.sealed()) else {
            return Heard::Misstep(Fault::Untimely);
        };
        if let Some(positions) = draw::positions(job, sealed.evidence.records, *beacon) {
            cx.show(run_id(job), sealed.output, positions);
        }
        Heard::Taken
    }

    /// The records that the notary wants are read: the seal is opened.
    fn on_shown<S: Signer>(&mut self, job: JobId, records: &[ShownRecord], cx: &mut Context<'_, S>) -> Heard {
        let Some(checking) = self.checks.get(&job) else { return Heard::NotMine };
        let Some(sealed) = checking.sealed() else { return Heard::Misstep(Fault::Untimely) };
        let opening = OpenSeal { job, evidence: sealed.evidence, records: records.to_vec() };
        cx.say(checking.check.signer(), opening);
        Heard::Taken
    }

    fn keep<S: Signer>(&mut self, record: VerifierRecord, cx: &mut Context<'_, S>) {
        self.fold(&record);
        cx.save(Record::Verifier(Box::new(record)));
    }

    /// Changes the verifier's state by one record: the only way in which it changes what must survive.
    pub(super) fn fold(&mut self, record: &VerifierRecord) {
        match record {
            VerifierRecord::Asked(check) => {
                let check = check.verified();
                self.under_way.insert(check.job);
                self.checks.insert(check.job, Checking::new(check));
            }
            VerifierRecord::Sealed { seal, evidence, output } => {
                let sealed = Sealed { seal: seal.clone(), evidence: *evidence, output: *output };
                self.step(seal.job, CheckingStep::Seal(sealed));
            }
            VerifierRecord::Unserved(unserved) => {
                self.step(unserved.job, CheckingStep::GiveUp(unserved.clone()));
            }
            VerifierRecord::Ended(run) => self.step(run.job, CheckingStep::Fail),
            VerifierRecord::Forgotten(run) => {
                self.checks.remove(&run.job);
                self.under_way.remove(&run.job);
            }
        }
    }

    /// Takes a step that ends a check's work; what was saved is what was taken before.
    fn step(&mut self, job: JobId, step: CheckingStep) {
        let taken = self.checks.get_mut(&job).map(|checking| checking.apply(step));
        if taken.is_some_and(|taken| taken.is_ok()) {
            self.under_way.remove(&job);
        }
    }

    /// The checks that this verifier was drawn for.
    pub(super) fn views(&self) -> impl Iterator<Item = RunView> {
        self.checks.iter().map(|(job, checking)| RunView {
            job: *job,
            check: true,
            manifest: checking.check.manifest.name.clone(),
            state: checking.state(),
        })
    }
}

/// True if this peer told the notary, or the network knew from the first day, that it checks jobs of this kind.
fn checks_kind<S: Signer>(check: &Verified<Check>, cx: &Context<'_, S>) -> bool {
    let (own, kind) = (cx.own(), check.manifest.kind(check.class));
    let founded = cx.genesis.verifiers.iter().any(|founder| {
        founder.peer == own
            && founder.classes.contains(&check.class)
            && cx.genesis.manifests.iter().any(|pinned| pinned.digest() == kind.manifest)
    });
    founded || cx.notaries.has_registered(check.signer(), &kind)
}

fn run_id(job: JobId) -> RunId {
    RunId { job, check: true }
}

/// What a run proves. A job that no sandbox can run, or whose run writes nothing, is found to have no output: that matches
/// no claim, and an honest provider makes none. A fault of this machine proves nothing.
fn evidence(result: Result<RunResult, Failure>, salt: Digest) -> Option<(Evidence, Digest)> {
    match result {
        Ok(run) => {
            let RunResult { written, evidence_root, evidence_records: records, units, work, .. } = run;
            let RunResult { check_work, end, rms, .. } = run;
            let found = Evidence { written, evidence_root, records, units, work, check_work, end, rms, salt };
            Some((found, written.blob))
        }
        Err(Failure::BadInput | Failure::Trap | Failure::Limit | Failure::Empty) => {
            let written = Written::of(&[]);
            let (evidence_root, end) = (written.root, End::Stop);
            let (records, units, work, check_work, rms) = (0, 0, 0, 0, 0);
            let empty = Evidence { written, evidence_root, records, units, work, check_work, end, rms, salt };
            Some((empty, written.blob))
        }
        // A slower machine than the provider's proves nothing either, whatever time the client allows.
        Err(
            Failure::InputAbsent
            | Failure::Unusable
            | Failure::Machine
            | Failure::Overdue
            | Failure::Busy
            | Failure::NotStarted,
        ) => None,
    }
}
