//! What the parties to one job are up to: a plan, and the fact by which each stage follows from it.

use assay_protocol::{
    check::{OpenSeal, Seal, Trap, Underway, Unserved},
    claim::Reveal,
    id::Digest,
    job::{SeatPhase, Stage, Testified},
    journal::Fact,
    manifest::End,
    merkle::{self, RECORD_BYTES},
    objection::{Cancel, Contradict, Dispute, Output},
    order::{Abort, Failure},
    receipt::Happening,
    units::{Amount, Timestamp},
};

use super::{
    cheap::Cheap,
    course::{Claimed, Finding, output, record},
    office::{Office, Ordered},
};

/// An error that is neither small nor large.
const GREY: f32 = 2e-4;
/// An error that no machine makes.
const WRONG: f32 = 0.5;
/// Records that a provider signs for while it streams.
const STREAMED: u64 = 2;

/// What a provider does with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Provider {
    /// It claims the truth.
    True,
    /// It claims something else.
    False,
    /// It claims, and signs another claim later.
    Twice,
    /// It streams something else than it claims.
    Streams,
    /// It claims something else, and its client says so with it.
    Traps,
    /// It gives up.
    Aborts,
    /// It is never heard of.
    Absent,
}

/// What a provider does when it is to open its claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opens {
    /// It does.
    Truly,
    /// It opens something else.
    Falsely,
    /// It waits until it is about to be convicted of its silence.
    Late,
    /// It does not.
    Never,
}

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// It reveals its secret.
    Reveals,
    /// It keeps it.
    Hides,
    /// It reveals it, and disputes a result that was not drawn.
    Disputes,
    /// It cancels before there is a claim.
    Cancels,
}

/// What verifiers find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finds {
    /// The truth.
    Truth,
    /// Nearly the truth.
    Grey,
    /// All of them the same lie.
    OneLie,
    /// Each another lie.
    ManyLies,
    /// The first lies.
    FirstLies,
    /// Every other one lies.
    EveryOtherLies,
    /// Nobody is given the input.
    Unserved,
    /// Nobody answers.
    Absent,
    /// The first two do not answer.
    Slow,
}

/// What everybody in one job is up to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) provider: Provider,
    pub(crate) opens: Opens,
    pub(crate) client: Client,
    pub(crate) finds: Finds,
    /// Numbers in the output: many, and some records are drawn; few, and all are opened.
    pub(crate) numbers: usize,
}

/// A job with its plan.
#[derive(Clone, Debug)]
pub(crate) struct Play {
    pub(crate) job: Ordered,
    pub(crate) plan: Plan,
}

impl Play {
    /// The next fact by which somebody moves the job; none while all wait for time to pass.
    pub(crate) fn next(&self, office: &Office<Cheap>) -> Option<Fact> {
        let happening = match office.stage(self.job.id) {
            Stage::Open { .. } => self.begin(office),
            Stage::Cancelling { .. } => self.yield_up(office),
            Stage::Claimed { .. } => self.after_claim(office),
            Stage::Drawing { .. } if self.plan.provider == Provider::Twice => {
                Some(self.claim(office, WRONG * 2.0))
            }
            Stage::Waiting { .. } if self.plan.client == Client::Disputes => {
                let dispute = Dispute { job: self.job.id };
                Some(Happening::Dispute(office.say(self.job.order.client, dispute)))
            }
            Stage::Checking(phase) | Stage::Jury(phase) => self.check(office, phase),
            Stage::Drawing { .. } | Stage::Waiting { .. } | Stage::Closed(_) => None,
        };
        happening.map(Fact::Job)
    }

    fn begin(&self, office: &Office<Cheap>) -> Option<Happening> {
        if self.plan.client == Client::Cancels {
            let cancel = Cancel { job: self.job.id, ticket: self.job.ticket.digest() };
            return Some(Happening::Cancel(office.say(self.job.order.client, cancel)));
        }
        match self.plan.provider {
            Provider::True | Provider::Twice | Provider::Streams => Some(self.claim(office, 0.0)),
            Provider::False | Provider::Traps => Some(self.claim(office, WRONG)),
            Provider::Aborts => {
                let abort =
                    Abort { job: self.job.id, ticket: self.job.ticket.digest(), reason: Failure::Machine };
                Some(Happening::Abort(office.say(self.job.order.provider, abort)))
            }
            Provider::Absent => None,
        }
    }

    /// What a provider does whose client cancelled: it claims the fee, what it has done so far, or all of it.
    fn yield_up(&self, office: &Office<Cheap>) -> Option<Happening> {
        let nothing = Claimed { output: Vec::new(), units: 0, work: 0, end: End::Cancelled };
        match self.plan.provider {
            Provider::True | Provider::Twice | Provider::Traps => Some(self.claim_of(office, &nothing)),
            Provider::False => {
                Some(self.claim_of(office, &Claimed { units: 2, end: End::Cancelled, ..self.claimed(0.0) }))
            }
            Provider::Streams => Some(self.claim(office, 0.0)),
            Provider::Aborts | Provider::Absent => None,
        }
    }

    fn after_claim(&self, office: &Office<Cheap>) -> Option<Happening> {
        if self.plan.provider == Provider::Streams && self.plan.client != Client::Hides {
            return Some(self.contradict(office));
        }
        if self.plan.client == Client::Hides {
            return None;
        }
        let position = office.job(self.job.id)?.claim()?.position;
        let reveal = Reveal { job: self.job.id, position, secret: self.job.secret };
        Some(Happening::Reveal(office.say(self.job.order.client, reveal)))
    }

    fn check(&self, office: &Office<Cheap>, phase: SeatPhase) -> Option<Happening> {
        match phase {
            SeatPhase::Disclosing { .. } => self.open_claim(office),
            SeatPhase::Seating { .. } | SeatPhase::Doubting { .. } => None,
            SeatPhase::Calling { due, .. } => self.answer(office, due),
            SeatPhase::Sealing { .. } => self.seal(office),
            SeatPhase::Opening { .. } => self.open_claim(office).or_else(|| self.open_seal(office)),
            SeatPhase::Silence { .. } => {
                let late = Self { plan: Plan { opens: Opens::Truly, ..self.plan }, ..self.clone() };
                (self.plan.opens == Opens::Late).then(|| late.open_claim(office)).flatten()
            }
        }
    }

    /// Every other verifier says that it is there before it says what it found.
    fn answer(&self, office: &Office<Cheap>, due: Timestamp) -> Option<Happening> {
        let (at, peer) = office.last_seat(&self.job);
        if at.is_multiple_of(2) {
            return self.seal(office);
        }
        let underway = Underway { job: self.job.id, due };
        Some(Happening::Underway(office.say(peer, underway)))
    }

    fn seal(&self, office: &Office<Cheap>) -> Option<Happening> {
        let (at, peer) = office.last_seat(&self.job);
        match self.finding(at) {
            Finding::Absent => None,
            Finding::Unserved => Some(Happening::Unserved(office.say(peer, Unserved { job: self.job.id }))),
            Finding::Output(output) => {
                let evidence = office.evidence(&self.job, peer, &output);
                let whole = self.job.order.manifest.policy.opens_itself();
                let (commit, evidence) = (evidence.commit(), whole.then_some(evidence));
                Some(Happening::Seal(office.say(peer, Seal { job: self.job.id, commit, evidence })))
            }
        }
    }

    fn open_claim(&self, office: &Office<Cheap>) -> Option<Happening> {
        let claimed = match self.plan.opens {
            Opens::Truly => self.claimed(self.claimed_shift()),
            Opens::Falsely => self.claimed(WRONG * 3.0),
            Opens::Late | Opens::Never => return None,
        };
        let job = office.job(self.job.id)?;
        // One that was cancelled midway is opened as it was claimed.
        let claim = job.claim()?.claim;
        let claimed = Claimed { units: claim.units, end: claim.end, ..claimed };
        if job.opened().is_some() {
            return None;
        }
        let mut opening = office.opening(&self.job, &claimed)?;
        if self.plan.provider == Provider::Traps && self.job.order.manifest.policy.opens_itself() {
            let trap = Trap { job: self.job.id, commit: claim.commit };
            opening.trap = Some(office.say(self.job.order.client, trap));
        }
        let pledged = opening.trap.as_ref().map_or(Amount::ZERO, |_| office.ledger.pledge_of(job));
        let opening = office.say(self.job.order.provider, opening);
        Some(Happening::OpenClaim { opening, blind: Digest::default(), pledged })
    }

    fn open_seal(&self, office: &Office<Cheap>) -> Option<Happening> {
        let (at, peer) = office.last_seat(&self.job);
        let seat = office.job(self.job.id)?.seats().last()?;
        let Testified::Sealed(_) = seat.testified else { return None };
        let Finding::Output(output) = self.finding(at) else { return None };
        let evidence = office.evidence(&self.job, peer, &output);
        let records = office.records(&self.job, &output)?;
        let opening = OpenSeal { job: self.job.id, evidence, records };
        Some(Happening::OpenSeal(office.say(peer, opening)))
    }

    fn contradict(&self, office: &Office<Cheap>) -> Happening {
        let (claimed, streamed) = (self.claimed(0.0), self.claimed(WRONG).output);
        let whole = &streamed[..STREAMED as usize * RECORD_BYTES];
        let root = merkle::root(whole, RECORD_BYTES);
        let word = Output { job: self.job.id, records: STREAMED, root };
        let (leaf, evidence) = claimed.leaves(self.job.order.manifest.policy);
        let contradict = Contradict {
            job: self.job.id,
            output: office.say(self.job.order.provider, word),
            leaf,
            evidence: evidence.digest(),
            records: Some((record(whole, 1), record(&claimed.output, 1))),
        };
        Happening::Contradict(Box::new(office.say(self.job.order.client, contradict)))
    }

    fn claim(&self, office: &Office<Cheap>, shift: f32) -> Happening {
        self.claim_of(office, &self.claimed(shift))
    }

    fn claim_of(&self, office: &Office<Cheap>, claimed: &Claimed) -> Happening {
        let claim = office.say(self.job.order.provider, office.claim_of(&self.job, claimed));
        Happening::Claim { claim, position: office.head.sequence }
    }

    fn claimed(&self, shift: f32) -> Claimed {
        Claimed::new(output(self.plan.numbers, shift))
    }

    /// How far what it claimed is from the truth.
    fn claimed_shift(&self) -> f32 {
        let lies = matches!(self.plan.provider, Provider::False | Provider::Traps);
        if lies && self.plan.client != Client::Cancels { WRONG } else { 0.0 }
    }

    fn finding(&self, seat: usize) -> Finding {
        let found = |shift: f32| Finding::Output(output(self.plan.numbers, shift));
        let lie = |number: usize| found(-WRONG * (number + 1) as f32);
        match self.plan.finds {
            Finds::Truth => found(0.0),
            Finds::Grey => found(GREY),
            Finds::OneLie => lie(0),
            Finds::ManyLies => lie(seat),
            Finds::FirstLies if seat == 0 => lie(0),
            Finds::EveryOtherLies if seat.is_multiple_of(2) => lie(0),
            Finds::Slow if seat < 2 => Finding::Absent,
            Finds::FirstLies | Finds::EveryOtherLies | Finds::Slow => found(0.0),
            Finds::Unserved => Finding::Unserved,
            Finds::Absent => Finding::Absent,
        }
    }
}
