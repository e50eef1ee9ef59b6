//! The table itself: one match on stage, step and party.

use alloc::vec::Vec;

use super::{Claimed, Job, Moment, Phase, ROUNDS_AHEAD, Seat, Stage, Testified, speaker, testimony};
use crate::{
    check::{Evidence, Record},
    claim::{Claim, EvidenceLeaf, OutputLeaf},
    compare::{self, Testimony},
    id::{Digest, PeerId},
    jury::Voice,
    order::secret_commit,
    outcome::Outcome,
};

/// Who takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Party {
    /// Who ordered.
    Client,
    /// Who runs the job.
    Provider,
    /// Who checks it, by seat.
    Verifier(u16),
    /// Who keeps the books, and time with them.
    Notary,
}

/// What may happen to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The provider states what it did.
    Claim {
        /// The statement.
        claim: Claim,
        /// Its digest.
        digest: Digest,
        /// Its position in the notary's journal.
        position: u64,
    },
    /// The provider gives up.
    Abort,
    /// The client reveals its secret.
    Reveal {
        /// The position of the claim that it quotes.
        position: u64,
        /// The secret.
        secret: Digest,
    },
    /// The notary draws whether it is checked.
    Draw {
        /// Whether.
        check: bool,
    },
    /// The notary draws a verifier.
    Seat {
        /// Who it is; none if nobody can check it.
        verifier: Option<PeerId>,
    },
    /// A verifier seals what it found.
    Seal {
        /// The digest of its evidence.
        commit: Digest,
    },
    /// A verifier was not given the input.
    Unserved,
    /// The provider opens its claim.
    OpenClaim {
        /// The half that the client knows.
        output: OutputLeaf,
        /// The half that was sealed.
        evidence: EvidenceLeaf,
        /// The wanted records.
        records: Vec<Record>,
    },
    /// A verifier opens its seal.
    OpenSeal {
        /// What was sealed.
        evidence: Evidence,
        /// The wanted records.
        records: Vec<Record>,
    },
    /// Time passed.
    Tick {
        /// True while a juror supports an accusation of the provider over another job.
        frozen: bool,
    },
    /// The provider was convicted over another job.
    Convicted,
}

/// Why a step was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Misstep {
    /// The party never takes this step.
    #[error("this step is not this party's to take")]
    NotYours,
    /// The step does not belong to the stage.
    #[error("too early")]
    TooEarly,
    /// The stage for this step is over.
    #[error("too late")]
    TooLate,
    /// The same step was taken before; nothing changes.
    #[error("already known")]
    Known,
    /// Something else was said in its place before.
    #[error("contradicts what was said before")]
    Conflict,
    /// The statement does not open what was committed to, or quotes the wrong position.
    #[error("does not match its commitment")]
    Unmatched,
    /// The records are not the wanted ones, or their paths do not lead to the root.
    #[error("does not show the wanted records")]
    Unproven,
    /// The claim exceeds the order.
    #[error("exceeds the order")]
    Excess,
    /// The job is closed.
    #[error("the job is closed")]
    Closed,
}

impl Party {
    /// The verifier's seat; no seat for the others, whose steps never ask for one.
    fn seat(self) -> u16 {
        match self {
            Self::Verifier(seat) => seat,
            Self::Client | Self::Provider | Self::Notary => u16::MAX,
        }
    }
}

impl Step {
    /// True if this is a step that such a party takes.
    fn is_for(&self, party: Party) -> bool {
        match self {
            Self::Claim { .. } | Self::Abort | Self::OpenClaim { .. } => party == Party::Provider,
            Self::Reveal { .. } => party == Party::Client,
            Self::Draw { .. } | Self::Seat { .. } | Self::Tick { .. } | Self::Convicted => {
                party == Party::Notary
            }
            Self::Seal { .. } | Self::Unserved | Self::OpenSeal { .. } => {
                matches!(party, Party::Verifier(_))
            }
        }
    }
}

impl Job {
    /// Takes one step. A refused step leaves the job as it was.
    ///
    /// # Errors
    /// [`Misstep`], if the step is not this party's, not due or not true to what was committed.
    pub fn apply(&mut self, step: Step, by: Party, now: Moment) -> Result<Stage, Misstep> {
        if !step.is_for(by) {
            return Err(Misstep::NotYours);
        }
        let seat = by.seat();
        let reached = |round: u64| now.beacon.round >= round;
        let next = match (self.stage, step) {
            (stage, Step::Tick { frozen }) => self.tick(stage, frozen, now),
            (Stage::Closed(_), Step::Claim { digest, .. }) => {
                return Err(self.known_claim(digest, Misstep::Closed));
            }
            (Stage::Closed(_), _) => return Err(Misstep::Closed),

            (Stage::Open { .. }, Step::Claim { claim, digest, position }) => {
                self.claim_in(Claimed { claim, digest, position }, now)?
            }
            (_, Step::Claim { digest, .. }) => return Err(self.known_claim(digest, Misstep::TooLate)),
            (Stage::Open { .. }, Step::Abort) => Stage::Closed(Outcome::Aborted),
            (_, Step::Abort) => return Err(Misstep::TooLate),

            (Stage::Open { .. }, Step::Reveal { .. }) => return Err(Misstep::TooEarly),
            (Stage::Claimed { .. }, Step::Reveal { position, secret }) => {
                self.reveal(position, secret, now)?
            }
            (_, Step::Reveal { secret, .. }) => return Err(self.known_secret(secret)),

            (Stage::Drawing { round }, Step::Draw { check }) if reached(round) => {
                self.drawn(check, round, now)
            }
            (Stage::Open { .. } | Stage::Claimed { .. } | Stage::Drawing { .. }, Step::Draw { .. }) => {
                return Err(Misstep::TooEarly);
            }
            (_, Step::Draw { .. }) => return Err(Misstep::TooLate),

            (
                Stage::Checking(Phase::Seating { round }) | Stage::Jury(Phase::Seating { round }),
                Step::Seat { verifier },
            ) if reached(round) => self.seat(verifier, now),
            (_, Step::Seat { .. }) => return Err(Misstep::TooEarly),

            (Stage::Checking(_) | Stage::Jury(_), Step::Seal { commit }) => self.seal(commit, seat, now)?,
            (Stage::Checking(_) | Stage::Jury(_), Step::Unserved) => self.unserved(seat, now)?,
            (Stage::Checking(_) | Stage::Jury(_), Step::OpenSeal { evidence, records }) => {
                self.open_seal(evidence, &records, seat, now)?
            }
            (_, Step::Seal { .. } | Step::Unserved | Step::OpenSeal { .. }) => return Err(Misstep::NotYours),
            (Stage::Checking(_) | Stage::Jury(_), Step::OpenClaim { output, evidence, records }) => {
                self.open_claim(&output, &evidence, &records, now)?
            }
            (_, Step::OpenClaim { .. }) => return Err(Misstep::TooEarly),

            (Stage::Open { .. }, Step::Convicted) => Stage::Closed(Outcome::Withdrawn),
            (Stage::Waiting { .. }, Step::Convicted) => {
                self.forced = true;
                Stage::Checking(Phase::Seating { round: now.beacon.round + ROUNDS_AHEAD })
            }
            (stage @ (Stage::Claimed { .. } | Stage::Drawing { .. }), Step::Convicted) => {
                self.forced = true;
                stage
            }
            (stage @ (Stage::Checking(_) | Stage::Jury(_)), Step::Convicted) => stage,
        };
        self.stage = next;
        Ok(next)
    }

    fn claim_in(&mut self, claimed: Claimed, now: Moment) -> Result<Stage, Misstep> {
        if claimed.claim.units > self.order.units_max {
            return Err(Misstep::Excess);
        }
        self.claim = Some(claimed);
        Ok(Stage::Claimed { until: now.live.after(self.rules.timers.reveal) })
    }

    fn known_claim(&self, digest: Digest, otherwise: Misstep) -> Misstep {
        match &self.claim {
            Some(claimed) if claimed.digest == digest => Misstep::Known,
            Some(_) => Misstep::Conflict,
            None => otherwise,
        }
    }

    fn reveal(&mut self, position: u64, secret: Digest, now: Moment) -> Result<Stage, Misstep> {
        let quoted = self.claim.as_ref().is_some_and(|claimed| claimed.position == position);
        if !quoted || secret_commit(secret.as_bytes()) != self.order.secret_commit {
            return Err(Misstep::Unmatched);
        }
        (self.secret, self.revealed) = (Some(secret), true);
        Ok(Stage::Drawing { round: now.beacon.round + ROUNDS_AHEAD })
    }

    fn known_secret(&self, secret: Digest) -> Misstep {
        if self.revealed && self.secret == Some(secret) { Misstep::Known } else { Misstep::TooLate }
    }

    fn drawn(&mut self, check: bool, round: u64, now: Moment) -> Stage {
        if check || self.forced {
            Stage::Checking(Phase::Seating { round })
        } else {
            Stage::Waiting { until: now.live.after(self.ticket.window) }
        }
    }

    fn seat(&mut self, verifier: Option<PeerId>, now: Moment) -> Stage {
        let Some(peer) = verifier else {
            return if self.jury_from.is_some() { self.hung(&self.tally()) } else { self.unchecked() };
        };
        self.seats.push(Seat::new(peer));
        let working = self.rules.check_estimate.times(3).plus(self.rules.timers.seal);
        self.in_phase(Phase::Sealing { until: now.live.after(working) })
    }

    fn seal(&mut self, commit: Digest, seat: u16, now: Moment) -> Result<Stage, Misstep> {
        match self.speaking(seat)?.testified {
            Testified::NotYet => {}
            Testified::Sealed(sealed) => {
                return Err(if sealed == commit { Misstep::Known } else { Misstep::Conflict });
            }
            Testified::Heard { .. } | Testified::Unserved(_) | Testified::Absent => {
                return Err(Misstep::TooLate);
            }
        }
        self.testify(seat, Testified::Sealed(commit));
        self.positions_round.get_or_insert(now.beacon.round + ROUNDS_AHEAD);
        // Where records are drawn, the openings wait for the beacon: its rounds do not count against them.
        let waiting = self.rules.timers.opening.plus(self.rules.timers.tick.times(ROUNDS_AHEAD));
        Ok(self.in_phase(Phase::Opening { until: now.live.after(waiting) }))
    }

    fn unserved(&mut self, seat: u16, now: Moment) -> Result<Stage, Misstep> {
        match self.speaking(seat)?.testified {
            Testified::NotYet => {}
            Testified::Unserved(_) => return Err(Misstep::Known),
            Testified::Sealed(_) | Testified::Heard { .. } | Testified::Absent => {
                return Err(Misstep::TooLate);
            }
        }
        self.testify(seat, Testified::Unserved(Voice::Unserved));
        Ok(self.resolve_seat(now))
    }

    fn open_seal(
        &mut self,
        evidence: Evidence,
        records: &[Record],
        seat: u16,
        now: Moment,
    ) -> Result<Stage, Misstep> {
        match &self.speaking(seat)?.testified {
            Testified::Sealed(commit) if *commit == evidence.commit() => {}
            Testified::Heard { evidence: known, .. } if *known == evidence => return Err(Misstep::Known),
            Testified::Sealed(_) | Testified::Heard { .. } => return Err(Misstep::Unmatched),
            Testified::NotYet => return Err(Misstep::TooEarly),
            Testified::Unserved(_) | Testified::Absent => return Err(Misstep::TooLate),
        }
        if evidence.evidence_root != evidence.output_root {
            return Err(Misstep::Unmatched);
        }
        if !self.shows(evidence.evidence_root, evidence.records, records) {
            return Err(Misstep::Unproven);
        }
        let found = testimony(&evidence, records);
        if !self.measured_truly(&found) {
            return Err(Misstep::Unproven);
        }
        self.testify(seat, Testified::Heard { evidence, voice: Voice::Found(found) });
        Ok(self.resolve_if_heard(now))
    }

    /// Where the whole output is shown, the sealed root mean square must be that of what is shown.
    fn measured_truly(&self, found: &Testimony) -> bool {
        let whole = found.shown.len() as u64 == found.records;
        let bytes: Vec<u8> = found.shown.values().flatten().copied().collect();
        !whole || found.records == 0 || compare::rms(self.order.manifest.policy, &bytes) == found.rms
    }

    fn open_claim(
        &mut self,
        output: &OutputLeaf,
        evidence: &EvidenceLeaf,
        records: &[Record],
        now: Moment,
    ) -> Result<Stage, Misstep> {
        if self.positions_round.is_none() {
            return Err(Misstep::TooEarly);
        }
        let Some(claimed) = self.claim else { return Err(Misstep::TooEarly) };
        let bound = claimed.claim.opens_to(output, evidence.digest());
        if !bound || evidence.evidence_root != output.output_root {
            return Err(Misstep::Unmatched);
        }
        if self.opened.is_some() {
            return Err(Misstep::Known);
        }
        if !self.shows(evidence.evidence_root, evidence.records, records) {
            return Err(Misstep::Unproven);
        }
        self.opened = Some(Testimony {
            output_root: output.output_root,
            records: evidence.records,
            units: output.units,
            work: claimed.claim.work,
            end: output.end,
            rms: 0,
            shown: records.iter().map(|record| (record.position, record.bytes.clone())).collect(),
        });
        if matches!(self.stage, Stage::Jury(Phase::Silence { .. })) {
            return Ok(self.resolve_jury(now));
        }
        Ok(self.resolve_if_heard(now))
    }

    /// Resolves the seat that is being opened once all is heard that is waited for: a jury's juror alone, a first
    /// verifier together with the provider.
    fn resolve_if_heard(&mut self, now: Moment) -> Stage {
        let heard = self.seats.last().is_some_and(|seat| seat.voice().is_some());
        let ready = match self.stage {
            Stage::Checking(Phase::Opening { .. }) => heard && self.opened.is_some(),
            Stage::Jury(Phase::Opening { .. }) => heard,
            Stage::Open { .. }
            | Stage::Claimed { .. }
            | Stage::Drawing { .. }
            | Stage::Waiting { .. }
            | Stage::Checking(_)
            | Stage::Jury(_)
            | Stage::Closed(_) => false,
        };
        if ready { self.resolve_seat(now) } else { self.stage }
    }

    fn tick(&mut self, stage: Stage, frozen: bool, now: Moment) -> Stage {
        if self.positions.is_none() && self.positions_round == Some(now.beacon.round) {
            self.positions = Some(now.beacon);
        }
        match stage {
            Stage::Open { until } if now.live >= until => Stage::Closed(Outcome::NoClaim),
            Stage::Claimed { until } if now.live >= until => {
                self.secret = None;
                Stage::Drawing { round: now.beacon.round + ROUNDS_AHEAD }
            }
            Stage::Waiting { until } if now.live >= until && !frozen => Stage::Closed(Outcome::NotDrawn),
            Stage::Checking(Phase::Sealing { until } | Phase::Opening { until })
            | Stage::Jury(Phase::Sealing { until } | Phase::Opening { until })
                if now.live >= until =>
            {
                self.overdue(now)
            }
            Stage::Jury(Phase::Silence { until }) if now.live >= until => Stage::Closed(Outcome::Silent),
            Stage::Open { .. }
            | Stage::Claimed { .. }
            | Stage::Drawing { .. }
            | Stage::Waiting { .. }
            | Stage::Checking(_)
            | Stage::Jury(_)
            | Stage::Closed(_) => stage,
        }
    }

    /// The verifier in the last seat is heard, or counts as absent from now on.
    fn overdue(&mut self, now: Moment) -> Stage {
        if let Some(seat) = self.seats.last_mut()
            && seat.voice().is_none()
        {
            seat.testified = Testified::Absent;
        }
        self.resolve_seat(now)
    }

    fn speaking(&self, seat: u16) -> Result<&Seat, Misstep> {
        speaker(&self.seats, seat).ok_or(Misstep::NotYours)?;
        if usize::from(seat) + 1 < self.seats.len() && !self.seats[usize::from(seat)].is_done() {
            return Err(Misstep::TooLate);
        }
        Ok(&self.seats[usize::from(seat)])
    }

    fn testify(&mut self, seat: u16, testified: Testified) {
        self.seats[usize::from(seat)].testified = testified;
    }

    /// The stage of the check or the jury, in this phase.
    fn in_phase(&self, phase: Phase) -> Stage {
        if self.jury_from.is_some() { Stage::Jury(phase) } else { Stage::Checking(phase) }
    }
}
