//! What each step of the table does to a job: the checks that it passes, and the stage that it leads to.

use alloc::vec::Vec;

use super::{
    BookedClaim, Job, LiveTime, Misstep, Seat, SeatPhase, Stage, Testified, speaker,
    testimony::{opened, proven, testimony},
};
use crate::{
    check::{self, Evidence, ShownRecord, Trap},
    claim::{EvidenceLeaf, OutputLeaf},
    compare::{self, Testimony},
    deadline::ROUNDS_AHEAD,
    id::{Digest, PeerId},
    jury::Voice,
    manifest::End,
    objection::Output,
    order::secret_commit,
    outcome::Outcome,
    roster::Leaf,
    units::{Amount, Timestamp},
};

impl Job {
    /// The next stage, if the statement quotes the ticket of this job.
    pub(super) fn quoting(&self, ticket: Digest, next: Stage) -> Result<Stage, Misstep> {
        if ticket == self.ticket_digest { Ok(next) } else { Err(Misstep::OtherTicket) }
    }

    pub(super) fn claim_in(&mut self, claimed: BookedClaim, now: LiveTime) -> Result<Stage, Misstep> {
        if claimed.claim.end == End::Cancelled {
            return Err(Misstep::NotCancelled);
        }
        self.take_claim(claimed, Stage::Claimed { until: now.live.after(self.rules.timers.reveal) })
    }

    /// A provider that was done before it heard of the cancellation claims as ever.
    pub(super) fn claim_cancelled(&mut self, claimed: BookedClaim, now: LiveTime) -> Result<Stage, Misstep> {
        if claimed.claim.is_for_the_fee() {
            return self.take_claim(claimed, Stage::Closed(Outcome::Cancelled));
        }
        self.take_claim(claimed, Stage::Claimed { until: now.live.after(self.rules.timers.reveal) })
    }

    fn take_claim(&mut self, claimed: BookedClaim, next: Stage) -> Result<Stage, Misstep> {
        if claimed.claim.units > self.order.units_max {
            return Err(Misstep::Excess);
        }
        let next = self.quoting(claimed.claim.ticket, next)?;
        self.claim = Some(claimed);
        Ok(next)
    }

    pub(super) fn contradicted(
        &self,
        streamed_by: PeerId,
        output: &Output,
        leaf: &OutputLeaf,
        evidence: Digest,
        records: Option<&(ShownRecord, ShownRecord)>,
    ) -> Result<Stage, Misstep> {
        let claimed = self.claim.as_ref().is_some_and(|claimed| claimed.claim.opens_to(leaf, evidence));
        let streamed = streamed_by == self.order.provider && output.job == self.id;
        if !claimed || !streamed {
            return Err(Misstep::Unmatched);
        }
        if !output.contradicts(leaf, records) {
            return Err(Misstep::Consistent);
        }
        Ok(Stage::Closed(Outcome::FalseStream))
    }

    pub(super) fn reveal(&mut self, position: u64, secret: Digest, now: LiveTime) -> Result<Stage, Misstep> {
        if self.claim.as_ref().is_none_or(|claimed| claimed.position != position) {
            return Err(Misstep::OtherPosition);
        }
        if secret_commit(secret.as_bytes()) != self.order.secret_commit {
            return Err(Misstep::Unmatched);
        }
        (self.secret, self.revealed) = (Some(secret), true);
        Ok(Stage::Drawing { round: now.round_ahead() })
    }

    pub(super) fn known_secret(&self, secret: Digest) -> Misstep {
        if self.revealed && self.secret == Some(secret) { Misstep::Known } else { Misstep::TooLate }
    }

    pub(super) fn drawn(&mut self, check: bool, round: u64, now: LiveTime) -> Stage {
        if check || self.checked_anyway() {
            self.begin_check(round, now)
        } else {
            Stage::Waiting { until: now.live.after(self.ticket.window) }
        }
    }

    /// A check, whose first verifier is drawn by this round: at once, or when the notary has entered what opens the claim.
    pub(super) fn begin_check(&self, round: u64, now: LiveTime) -> Stage {
        if !self.order.manifest.policy.opens_itself() {
            return Stage::Checking(SeatPhase::Seating { round });
        }
        Stage::Checking(SeatPhase::Disclosing { until: now.live.after(self.rules.timers.opening), round })
    }

    /// Who is drawn again counts again with what it said: the next one is drawn at once, by the same value of the beacon.
    /// What anybody else is asked does not wait: whoever is there says so at once, and has its time from the end of the
    /// checks on that it was given before.
    pub(super) fn seat(&mut self, verifier: Option<Leaf>, after: Option<Timestamp>, now: LiveTime) -> Stage {
        let Some(leaf) = verifier else { return self.deserted() };
        let known = self.seats.iter().position(|seat| seat.peer == leaf.peer);
        if self.jury_from.is_some() {
            self.draws.push(known.unwrap_or(self.seats.len()));
        }
        if known.is_some() && self.jury_from.is_some() {
            return self.resolve_jury(now, now.beacon.round);
        }
        self.seats.push(Seat::new(leaf));
        let (begins, timers) = (after.map_or(now.live, |after| after.max(now.live)), &self.rules.timers);
        let due = begins.min(now.live.after(timers.settle_max)).after(self.rules.sealing);
        self.in_phase(SeatPhase::Calling { until: due.min(now.live.after(timers.underway)), due })
    }

    /// A verifier that is there has until its deadline; that it names it makes the notary's word on it one.
    pub(super) fn underway(&mut self, told: Timestamp, seat: u16) -> Result<Stage, Misstep> {
        if self.speaking(seat)?.is_lost() {
            return Err(Misstep::TooLate);
        }
        match self.stage.seat_phase() {
            Some(SeatPhase::Calling { due, .. }) if usize::from(seat) + 1 == self.seats.len() => {
                if told != due {
                    return Err(Misstep::OtherDeadline);
                }
                Ok(self.in_phase(SeatPhase::Sealing { until: due }))
            }
            Some(_) | None => Err(Misstep::Known),
        }
    }

    pub(super) fn seal(
        &mut self,
        commit: Digest,
        evidence: Option<Evidence>,
        seat: u16,
        now: LiveTime,
    ) -> Result<Stage, Misstep> {
        match &self.speaking(seat)?.testified {
            Testified::NotYet => {}
            Testified::Sealed(sealed) => {
                return Err(if *sealed == commit { Misstep::Known } else { Misstep::Conflict });
            }
            Testified::Heard { evidence: known, .. } if evidence == Some(*known) => {
                return Err(Misstep::Known);
            }
            Testified::Unserved(_) if self.may_yet_find(seat) => {}
            Testified::Heard { .. } | Testified::Unserved(_) | Testified::Absent | Testified::Late => {
                return Err(Misstep::TooLate);
            }
        }
        match (self.order.manifest.policy.opens_itself(), evidence) {
            (true, Some(evidence)) => return self.seal_whole(commit, evidence, seat, now),
            (true, None) | (false, Some(_)) => return Err(Misstep::Unmatched),
            (false, None) => {}
        }
        self.testify(seat, Testified::Sealed(commit));
        self.positions_round.get_or_insert(now.round_ahead());
        // Where records are drawn, the openings wait for the beacon: its rounds do not count against them.
        let waiting = self.rules.timers.opening.plus(self.rules.timers.tick.times(ROUNDS_AHEAD));
        Ok(self.in_phase(SeatPhase::Opening { until: now.live.after(waiting) }))
    }

    /// A seal that opens itself: the verifier has said all.
    fn seal_whole(
        &mut self,
        commit: Digest,
        evidence: Evidence,
        seat: u16,
        now: LiveTime,
    ) -> Result<Stage, Misstep> {
        let whole = evidence.is_in_form(self.order.manifest.policy) && evidence.rms == 0;
        if evidence.commit() != commit || !whole {
            return Err(Misstep::Unmatched);
        }
        let again = self.seats[usize::from(seat)].voice().is_some();
        let voice = Voice::Found(testimony(&evidence, &[]));
        self.testify(seat, Testified::Heard { evidence, voice });
        Ok(if again { self.reconsider(now) } else { self.resolve_seat(now) })
    }

    /// Whoever was given no input may find something after all, once, where a seal is all that it has to say: before the
    /// next verifier of a first check is drawn, and as long as a jury sits.
    fn may_yet_find(&self, seat: u16) -> bool {
        let last = usize::from(seat) + 1 == self.seats.len();
        let before_next = last && matches!(self.stage, Stage::Checking(SeatPhase::Seating { .. }));
        // Of a trap its parties pay the first that found something, and who was drawn to look at that one.
        let sits = !self.trap || self.draws.contains(&usize::from(seat));
        let open = before_next || sits && matches!(self.stage, Stage::Jury(_));
        open && self.order.manifest.policy.opens_itself()
    }

    pub(super) fn unserved(&mut self, seat: u16, now: LiveTime) -> Result<Stage, Misstep> {
        match self.speaking(seat)?.testified {
            Testified::NotYet => {}
            Testified::Unserved(_) => return Err(Misstep::Known),
            Testified::Sealed(_) | Testified::Heard { .. } | Testified::Absent | Testified::Late => {
                return Err(Misstep::TooLate);
            }
        }
        self.testify(seat, Testified::Unserved(Voice::Unserved));
        Ok(self.resolve_seat(now))
    }

    pub(super) fn open_seal(
        &mut self,
        evidence: Evidence,
        records: &[ShownRecord],
        seat: u16,
        now: LiveTime,
    ) -> Result<Stage, Misstep> {
        match &self.speaking(seat)?.testified {
            Testified::Sealed(commit) if *commit == evidence.commit() => {}
            Testified::Heard { evidence: known, .. } if *known == evidence => return Err(Misstep::Known),
            Testified::Sealed(_) | Testified::Heard { .. } => return Err(Misstep::Unmatched),
            Testified::NotYet => return Err(Misstep::TooEarly),
            Testified::Unserved(_) | Testified::Absent | Testified::Late => return Err(Misstep::TooLate),
        }
        if !evidence.is_in_form(self.order.manifest.policy) {
            return Err(Misstep::Unmatched);
        }
        if !self.wants(evidence.records, records) {
            return Err(Misstep::Unwanted);
        }
        if !proven(evidence.evidence_root, evidence.records, records) {
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

    /// An opening that does not open the claim convicts whoever signed both. One that shows other records than those
    /// that are wanted now is only refused: they may have been wanted when it was sent.
    pub(super) fn open_claim(
        &mut self,
        output: &OutputLeaf,
        evidence: &EvidenceLeaf,
        records: &[ShownRecord],
        (trap, pledged): (Option<(PeerId, Trap)>, Amount),
        now: LiveTime,
    ) -> Result<Stage, Misstep> {
        if self.order.manifest.policy.opens_itself() {
            return self.disclose(output, evidence, records, (trap, pledged), now);
        }
        if trap.is_some() || !pledged.is_zero() {
            return Err(Misstep::Unmatched);
        }
        let Some(claimed) = self.claim.filter(|_| self.positions_round.is_some()) else {
            return Err(Misstep::TooEarly);
        };
        let opens = claimed.claim.opens_to(output, evidence.digest())
            && evidence.is_in_form(self.order.manifest.policy, &output.written);
        if !opens || !proven(evidence.evidence_root, evidence.records, records) {
            return Ok(Stage::Closed(Outcome::FalseOpening));
        }
        if self.opened.is_some() {
            return Err(Misstep::Known);
        }
        if !self.wants(evidence.records, records) {
            return Err(Misstep::Unwanted);
        }
        let opened = opened(&claimed.claim, output, evidence, records);
        if !self.measured_truly(&opened) {
            return Err(Misstep::Unproven);
        }
        self.opened = Some(opened);
        if matches!(self.stage, Stage::Jury(SeatPhase::Silence { .. })) {
            return Ok(self.resolve_jury(now, now.round_ahead()));
        }
        Ok(self.resolve_if_heard(now))
    }

    /// A claim that opens itself: the notary enters what came with it, once the job is checked. It convicts nobody. Here is
    /// where a trap is one, before anybody is drawn.
    fn disclose(
        &mut self,
        output: &OutputLeaf,
        evidence: &EvidenceLeaf,
        records: &[ShownRecord],
        (trap, pledged): (Option<(PeerId, Trap)>, Amount),
        now: LiveTime,
    ) -> Result<Stage, Misstep> {
        if self.opened.is_some() {
            return Err(Misstep::Known);
        }
        let (Some(claimed), Stage::Checking(SeatPhase::Disclosing { round, .. })) = (self.claim, self.stage)
        else {
            return Err(Misstep::TooEarly);
        };
        if !check::is_whole(&claimed.claim, self.order.manifest.policy, output, evidence, records) {
            return Err(Misstep::Unmatched);
        }
        let set = |(signer, trap): (PeerId, Trap)| trap.is_set(&claimed.claim, signer, self.order.client);
        let most = if trap.is_some() { self.rules.forfeit } else { Amount::ZERO };
        if !trap.is_none_or(set) || pledged > most {
            return Err(Misstep::Unmatched);
        }
        (self.trap, self.pledged) = (trap.is_some(), pledged);
        self.opened = Some(opened(&claimed.claim, output, evidence, records));
        // One without all that is at stake in it is over, or it would be a way out of every check that costs less than one.
        if pledged < most {
            return Ok(Stage::Closed(Outcome::Trap));
        }
        // By a value that everybody knows already somebody could wait for another verifier.
        let round = if now.beacon.round <= round { round } else { now.round_ahead() };
        Ok(Stage::Checking(SeatPhase::Seating { round }))
    }

    /// Resolves the seat that is being opened once all is heard that is waited for: a jury's juror alone, all others
    /// together with the provider.
    fn resolve_if_heard(&mut self, now: LiveTime) -> Stage {
        let heard = self.seats.last().is_some_and(|seat| seat.voice().is_some());
        let ready = match self.stage {
            Stage::Checking(SeatPhase::Opening { .. }) => heard && self.opened.is_some(),
            // A newcomer is not convicted of being late: what it does not open in time counts against it.
            Stage::Jury(SeatPhase::Opening { .. }) => {
                heard && (!self.ticket.newcomer || self.opened.is_some())
            }
            Stage::Open { .. }
            | Stage::Cancelling { .. }
            | Stage::Claimed { .. }
            | Stage::Drawing { .. }
            | Stage::Waiting { .. }
            | Stage::Checking(_)
            | Stage::Jury(_)
            | Stage::Closed(_) => false,
        };
        if ready { self.resolve_seat(now) } else { self.stage }
    }

    pub(super) fn tick(&mut self, stage: Stage, frozen: bool, now: LiveTime) -> Stage {
        if let Stage::Closed(_) = stage {
            return stage;
        }
        if self.positions.is_none() && self.positions_round == Some(now.beacon.round) {
            self.positions = Some(now.beacon);
        }
        match stage {
            Stage::Open { until } if now.live >= until => Stage::Closed(Outcome::NoClaim),
            Stage::Cancelling { until } if now.live >= until => Stage::Closed(Outcome::Cancelled),
            Stage::Claimed { until } if now.live >= until => {
                self.secret = None;
                Stage::Drawing { round: now.round_ahead() }
            }
            Stage::Waiting { until } if now.live >= until && !frozen => Stage::Closed(Outcome::NotDrawn),
            Stage::Checking(SeatPhase::Calling { until, .. })
            | Stage::Jury(SeatPhase::Calling { until, .. })
                if now.live >= until =>
            {
                self.overdue(Testified::Absent, now)
            }
            Stage::Checking(SeatPhase::Sealing { until } | SeatPhase::Opening { until })
            | Stage::Jury(SeatPhase::Sealing { until } | SeatPhase::Opening { until })
                if now.live >= until =>
            {
                self.overdue(Testified::Late, now)
            }
            Stage::Jury(SeatPhase::Silence { until }) if now.live >= until => Stage::Closed(Outcome::Silent),
            // What opens the claim is lost, and nobody knows whose fault that is.
            Stage::Checking(SeatPhase::Disclosing { until, .. }) if now.live >= until => {
                Stage::Closed(Outcome::Void)
            }
            Stage::Open { .. }
            | Stage::Cancelling { .. }
            | Stage::Claimed { .. }
            | Stage::Drawing { .. }
            | Stage::Waiting { .. }
            | Stage::Checking(_)
            | Stage::Jury(_)
            | Stage::Closed(_) => stage,
        }
    }

    /// The verifier in the last seat is heard, or lost from now on.
    fn overdue(&mut self, lost: Testified, now: LiveTime) -> Stage {
        if let Some(seat) = self.seats.last_mut()
            && seat.voice().is_none()
        {
            seat.testified = lost;
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
    fn in_phase(&self, phase: SeatPhase) -> Stage {
        if self.jury_from.is_some() { Stage::Jury(phase) } else { Stage::Checking(phase) }
    }
}
