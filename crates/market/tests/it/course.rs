//! The course of a job from its claim to its close, with whatever truth or lie each party tells.

use assay_market::ledger::Rejection;
use assay_protocol::{
    check::{Evidence, OpenClaim, OpenSeal, Seal, ShownRecord, Unserved},
    claim::{self, Claim, EvidenceLeaf, OutputLeaf, Reveal, Written},
    codec, compare, draw,
    id::{Digest, PeerId},
    job::{SeatPhase, Stage, Testified},
    manifest::{End, Policy},
    merkle::{self, RECORD_BYTES},
    receipt::Happening,
    signed::Signed,
    units::{Amount, Units, Work},
};

use super::office::{Key, Office, Ordered};

/// Ticks after which a job that does not close is stuck.
const TICKS_MAX: usize = 2_000;

/// What a provider claims.
#[derive(Clone, Debug)]
pub(crate) struct Claimed {
    pub(crate) output: Vec<u8>,
    pub(crate) units: Units,
    pub(crate) work: Work,
    pub(crate) end: End,
}

/// What a verifier finds.
#[derive(Clone, Debug)]
pub(crate) enum Finding {
    /// This output.
    Output(Vec<u8>),
    /// Nobody gave it the input.
    Unserved,
    /// Nothing that anybody hears of.
    Absent,
}

/// What everybody does who is asked.
#[derive(Clone, Copy)]
pub(crate) struct Conduct<'a> {
    /// What the verifier in each seat finds.
    pub(crate) finding: &'a dyn Fn(usize) -> Finding,
    /// Whether the provider opens its claim.
    pub(crate) opens: bool,
}

impl Claimed {
    pub(crate) fn new(output: Vec<u8>) -> Self {
        Self { output, units: 4, work: 8, end: End::Stop }
    }

    pub(crate) fn leaves(&self, policy: Policy) -> (OutputLeaf, EvidenceLeaf) {
        let written = Written::of(&self.output);
        let blind = |name: &str| codec::digest("test blind", &(name, written.root));
        let (units, end) = (self.units, self.end);
        let output = OutputLeaf { written, units, end, blind: blind("output") };
        let rms = compare::rms(policy, &self.output);
        (
            output,
            EvidenceLeaf {
                evidence_root: written.root,
                records: written.records,
                rms,
                blind: blind("evidence"),
            },
        )
    }
}

impl<K: Key> Office<K> {
    /// What the provider of a job claims.
    pub(crate) fn claim_of(&self, job: &Ordered, claimed: &Claimed) -> Claim {
        let (output, evidence) = claimed.leaves(job.order.manifest.policy);
        Claim {
            job: job.id,
            ticket: job.ticket.digest(),
            units: claimed.units,
            work: claimed.work,
            check_work: claimed.work,
            end: claimed.end,
            commit: claim::commit(output.digest(), evidence.digest()),
        }
    }

    pub(crate) fn claim(&mut self, job: &Ordered, claimed: &Claimed) -> Result<(), Rejection> {
        let claim = self.say(job.order.provider, self.claim_of(job, claimed));
        let position = self.head.sequence;
        self.step(Happening::Claim { claim, position }).map(drop)
    }

    pub(crate) fn reveal(&mut self, job: &Ordered) -> Result<(), Rejection> {
        let position = self.job(job.id).and_then(|job| job.claim().map(|claimed| claimed.position));
        let reveal = Reveal { job: job.id, position: position.unwrap_or_default(), secret: job.secret };
        let reveal = self.say(job.order.client, reveal);
        self.step(Happening::Reveal(reveal)).map(drop)
    }

    /// Claims and reveals, and lets time pass until it is known whether the job is checked.
    pub(crate) fn run(&mut self, job: &Ordered, claimed: &Claimed) {
        self.claim(job, claimed).unwrap_or_else(|rejection| panic!("a claim was refused: {rejection}"));
        self.reveal(job).unwrap_or_else(|rejection| panic!("a reveal was refused: {rejection}"));
        self.tick_while(job, |stage| matches!(stage, Stage::Drawing { .. }));
    }

    /// Lets time pass while the stage is such.
    pub(crate) fn tick_while(&mut self, job: &Ordered, holds: impl Fn(Stage) -> bool) {
        for _ in 0..TICKS_MAX {
            if !holds(self.stage(job.id)) {
                return;
            }
            self.tick();
        }
        panic!("job {} stays in {:?}", job.id, self.stage(job.id));
    }

    /// Goes through checks and jury until the job is closed.
    pub(crate) fn judge(&mut self, job: &Ordered, claimed: &Claimed, conduct: Conduct<'_>) {
        for _ in 0..TICKS_MAX {
            if matches!(self.stage(job.id), Stage::Closed(_)) {
                return;
            }
            self.judge_once(job, claimed, conduct);
        }
        panic!("job {} stays in {:?}", job.id, self.stage(job.id));
    }

    /// Does what the check or the jury of a job waits for, if anything, and lets a tick pass.
    pub(crate) fn judge_once(&mut self, job: &Ordered, claimed: &Claimed, conduct: Conduct<'_>) {
        self.attend(job, claimed, conduct);
        if !matches!(self.stage(job.id), Stage::Closed(_)) {
            self.tick();
        }
    }

    /// Does what the check or the jury of a job waits for, if anything.
    pub(crate) fn attend(&mut self, job: &Ordered, claimed: &Claimed, conduct: Conduct<'_>) {
        match self.stage(job.id) {
            Stage::Checking(SeatPhase::Disclosing { .. }) => self.open_all(job, claimed, conduct),
            Stage::Checking(SeatPhase::Calling { .. } | SeatPhase::Sealing { .. })
            | Stage::Jury(SeatPhase::Calling { .. } | SeatPhase::Sealing { .. }) => {
                self.seal(job, conduct);
            }
            Stage::Checking(SeatPhase::Opening { .. }) | Stage::Jury(SeatPhase::Opening { .. }) => {
                self.open_all(job, claimed, conduct);
            }
            Stage::Open { .. }
            | Stage::Cancelling { .. }
            | Stage::Claimed { .. }
            | Stage::Drawing { .. }
            | Stage::Waiting { .. }
            | Stage::Checking(_)
            | Stage::Jury(_)
            | Stage::Closed(_) => {}
        }
    }

    pub(crate) fn seal(&mut self, job: &Ordered, conduct: Conduct<'_>) {
        let (at, peer) = self.last_seat(job);
        let happening = match (conduct.finding)(at) {
            Finding::Absent => return,
            Finding::Unserved => Happening::Unserved(self.say(peer, Unserved { job: job.id })),
            Finding::Output(output) => {
                let evidence = self.evidence(job, peer, &output);
                let whole = job.order.manifest.policy.opens_itself();
                let (job, commit, evidence) = (job.id, evidence.commit(), whole.then_some(evidence));
                Happening::Seal(self.say(peer, Seal { job, commit, evidence }))
            }
        };
        self.step(happening).unwrap_or_else(|rejection| panic!("a seal was refused: {rejection}"));
    }

    /// Both sides open what they can by now.
    fn open_all(&mut self, job: &Ordered, claimed: &Claimed, conduct: Conduct<'_>) {
        let opened = self.job(job.id).is_some_and(|job| job.opened().is_some());
        if conduct.opens
            && !opened
            && let Some(opening) = self.opening(job, claimed)
        {
            let opening = self.say(job.order.provider, opening);
            self.step(unhidden(opening)).unwrap_or_else(|rejection| panic!("{rejection}"));
        }
        let sealed = |job: &assay_protocol::job::Job| {
            job.seats().last().is_some_and(|seat| matches!(seat.testified, Testified::Sealed(_)))
        };
        if !self.job(job.id).is_some_and(sealed) {
            return;
        }
        let (at, peer) = self.last_seat(job);
        let Finding::Output(output) = (conduct.finding)(at) else { return };
        let evidence = self.evidence(job, peer, &output);
        let Some(records) = self.records(job, &output) else { return };
        let opening = self.say(peer, OpenSeal { job: job.id, evidence, records });
        self.step(Happening::OpenSeal(opening)).unwrap_or_else(|rejection| panic!("{rejection}"));
    }

    /// What opens a claim, once it is known which records are wanted.
    pub(crate) fn opening(&self, job: &Ordered, claimed: &Claimed) -> Option<OpenClaim> {
        let (output, evidence) = claimed.leaves(job.order.manifest.policy);
        let whole = job.order.manifest.policy.opens_itself();
        let records = if whole { Vec::new() } else { self.records(job, &claimed.output)? };
        Some(OpenClaim { job: job.id, output, evidence, records, trap: None })
    }

    pub(crate) fn evidence(&self, job: &Ordered, peer: PeerId, output: &[u8]) -> Evidence {
        let written = Written::of(output);
        Evidence {
            written,
            evidence_root: written.root,
            records: written.records,
            units: 4,
            work: 8,
            check_work: 8,
            end: End::Stop,
            rms: compare::rms(job.order.manifest.policy, output),
            salt: codec::digest("test salt", &(peer, job.id)),
        }
    }

    /// The wanted records of an output, once it is known which.
    pub(crate) fn records(&self, job: &Ordered, output: &[u8]) -> Option<Vec<ShownRecord>> {
        let count = merkle::count(output.len() as u64, RECORD_BYTES);
        let beacon = self.job(job.id)?.positions().map(|beacon| beacon.value);
        let record = |position: u64| record(output, position);
        Some(draw::positions(job.id, count, beacon)?.into_iter().map(record).collect())
    }

    pub(crate) fn last_seat(&self, job: &Ordered) -> (usize, PeerId) {
        let seats = self.job(job.id).map(|job| job.seats().to_vec()).unwrap_or_default();
        let Some(seat) = seats.last() else { panic!("nobody was drawn") };
        (seats.len() - 1, seat.peer)
    }
}

/// An opening as it is entered where nothing is hidden by it.
pub(crate) fn unhidden(opening: Signed<OpenClaim>) -> Happening {
    Happening::OpenClaim { opening, blind: Digest::default(), pledged: Amount::ZERO }
}

/// One record of an output with its path.
pub(crate) fn record(output: &[u8], position: u64) -> ShownRecord {
    let Some(path) = merkle::prove(output, RECORD_BYTES, position) else { panic!("no record {position}") };
    let from = position as usize * RECORD_BYTES;
    let bytes = output[from..output.len().min(from + RECORD_BYTES)].to_vec();
    ShownRecord { position, bytes, path }
}

/// Numbers as an output: `shift` away from the true ones, as a share of their root mean square.
pub(crate) fn output(numbers: usize, shift: f32) -> Vec<u8> {
    let sign = |place: usize| if place.is_multiple_of(2) { 1.0_f32 } else { -1.0 };
    (0..numbers).flat_map(|place| (sign(place) + shift).to_le_bytes()).collect()
}
