//! The transition table of a job: what may happen next, by whom, and by when.
//!
//! ```text
//!  Open ──────claim────▶ Claimed ──reveal / 45 s──▶ Drawing ──not drawn──▶ Waiting ──window──▶ NotDrawn
//!   │ │ cancel              ▲                         │ drawn                │ dispute, or convicted over another job
//!   │ ▼                     │                         ▼                      ▼
//!   │ Cancelling ──claim────┤              Checking: Seating ─▶ Sealing ─▶ Opening ──▶ Checked Grey GreyRefunded Mismatch
//!   │ │ the fee, 45 s       │                         ▲ another one wanted ─┘ │ └───▶ Unreached Unchecked Void (nobody left)
//!   ▼ ▼                     │ false stream,                                   ▼ mismatch
//!  Aborted NoClaim          │ false opening             Jury: Seating ─▶ Sealing ─▶ Opening ──▶ Slashed Cleared Unreached Disputed Void
//!  Cancelled Withdrawn      └▶ FalseStream FalseOpening               ▲── margin open ──┘ └─▶ Silence ──▶ Silent
//! ```
//!
//! Whoever has revealed nothing after 45 s is checked, drawn or not.
//! Where a claim opens itself, Checking begins with Disclosing, and no seat has an Opening. The second and the third look at
//! a newcomer's result are stages of a jury; Doubting, whether there is a second one, stands before it.
//! Sealing begins with Calling: who does not say that it is there is not waited for.
//!
//! A trap is closed by its first check that finds anything, as Trap; but where that found what was claimed, by two more draws,
//! as in a jury; and at once where its client had not what is at stake in it. Where nobody is given the input it ends as any.
//!
//! T2 claim, T3 reveal, T4 draw, T5 not drawn, T6 checked, T7 grey, T8 mismatch, T9 slashed, T10 cleared, T11 disputed or
//! void, T12 no claim, T13 aborted, T14 cancelling, T15 dispute, T16 unchecked or void, T17 what convicts by itself, T18 trap.
//!
//! **Invariant:** a refused step leaves the job as it was and says why; claims, seals and openings are written once;
//! every open stage has a deadline or a round, so ticks alone close every job; closed is final.

mod moves;
mod seat;
mod stage;
mod step;
mod table;
mod testimony;
mod verdict;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

pub use seat::{Seat, Testified};
pub use stage::{SeatPhase, Stage};
pub use step::{Misstep, Party, Step};

use crate::{
    check::ShownRecord,
    claim::Claim,
    compare::{self, Agreement, Testimony},
    costs,
    deadline::{self, ROUNDS_AHEAD},
    draw,
    genesis::{Checks, Genesis, Threshold, Timers},
    id::{Digest, JobId, PeerId},
    jury::{self, Ballot, Stand, Tally, Voice},
    manifest::{End, Policy},
    order::Order,
    ticket::Ticket,
    units::{Amount, Duration, Rate, Timestamp, Units, Work},
};

/// Verifiers that may fail to appear before a check is given up.
pub const ABSENT_MAX: usize = 3;
/// By how many those that were given no input outnumber those that found what was claimed, where a first check is given up.
pub const UNREACHED_LEAD: usize = 8;
/// Grey results among the last checks from which on another one is refunded.
pub const GREYS_MAX: u64 = 3;

/// A value of the beacon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beacon {
    /// Of which tick.
    pub round: u64,
    /// The value.
    pub value: Digest,
}

/// What every transition reads: time and chance as the last tick left them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveTime {
    /// The notary's time without its pauses.
    pub live: Timestamp,
    /// The last tick.
    pub beacon: Beacon,
}

impl LiveTime {
    /// The first round whose beacon nobody can have seen yet.
    #[must_use]
    pub fn round_ahead(&self) -> u64 {
        self.beacon.round.saturating_add(ROUNDS_AHEAD)
    }
}

/// The claim as it stands in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BookedClaim {
    /// What was claimed.
    pub claim: Claim,
    /// Its digest.
    pub digest: Digest,
    /// Its position in the notary's journal.
    pub position: u64,
}

/// The network's numbers that a job is run by.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Rules {
    timers: Timers,
    checks: Checks,
    threshold: Option<Threshold>,
    /// How long a verifier has for its seal.
    sealing: Duration,
    /// The chance that somebody looks again where a newcomer is accused.
    second: Rate,
    /// What is at stake in a trap.
    forfeit: Amount,
}

/// One accepted order on its way to a close.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Job {
    id: JobId,
    order: Order,
    ticket: Ticket,
    /// What the parties' statements quote.
    ticket_digest: Digest,
    rules: Rules,
    stage: Stage,
    claim: Option<BookedClaim>,
    secret: Option<Digest>,
    revealed: bool,
    forced: bool,
    suspected: bool,
    disputed: bool,
    trap: bool,
    /// What the client put up for a trap.
    pledged: Amount,
    seats: Vec<Seat>,
    /// Where the seats begin that only the jury drew, once there is one.
    jury_from: Option<usize>,
    /// The jury's draws, each by its seat: of several one may be of the same.
    draws: Vec<usize>,
    /// What all weighs that can be drawn: nobody is in the majority before that is known.
    electorate: u64,
    opened: Option<Testimony>,
    positions_round: Option<u64>,
    positions: Option<Beacon>,
    /// When it was opened, and when it was closed.
    since: Timestamp,
    ended: Option<Timestamp>,
}

impl Job {
    /// A job whose money was just reserved.
    #[must_use]
    pub fn open(genesis: &Genesis, order: Order, ticket: Ticket, now: LiveTime) -> Self {
        let threshold = match order.manifest.policy {
            Policy::Exact | Policy::Replay => None,
            Policy::Tensor(format) => genesis.threshold(format),
        };
        let rules = Rules {
            timers: genesis.timers,
            checks: genesis.checks,
            threshold,
            sealing: deadline::sealing(genesis, &order),
            second: costs::second(genesis, order.work_max, order.price()),
            forfeit: costs::forfeit(genesis, &order),
        };
        let until = now.live.after(deadline::claim_time(genesis, &order));
        Self {
            id: ticket.job,
            order,
            ticket_digest: ticket.digest(),
            ticket,
            rules,
            stage: Stage::Open { until },
            claim: None,
            secret: None,
            revealed: false,
            forced: false,
            suspected: false,
            disputed: false,
            trap: false,
            pledged: Amount::ZERO,
            seats: Vec::new(),
            jury_from: None,
            draws: Vec::new(),
            electorate: u64::MAX,
            opened: None,
            positions_round: None,
            positions: None,
            since: now.live,
            ended: None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> JobId {
        self.id
    }

    /// The client's terms.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// What the notary fixed.
    #[must_use]
    pub fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// Where it stands.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The claim, once it is in the books.
    #[must_use]
    pub fn claim(&self) -> Option<&BookedClaim> {
        self.claim.as_ref()
    }

    /// What the draws are made with: the client's secret, or nothing if it never revealed one.
    #[must_use]
    pub fn secret(&self) -> Digest {
        self.secret.unwrap_or_default()
    }

    /// True if the client revealed its secret in time: only then does the job count for trust.
    #[must_use]
    pub fn revealed(&self) -> bool {
        self.revealed
    }

    /// True if how another job of its provider ended has it checked whatever the draw says; the provider pays for that.
    #[must_use]
    pub fn forced(&self) -> bool {
        self.forced
    }

    /// True if its client did not reveal its secret in time. That has it checked whatever the draw says: whoever could drop a
    /// reveal would choose between two draws otherwise.
    #[must_use]
    pub fn unrevealed(&self) -> bool {
        let awaited =
            matches!(self.stage, Stage::Open { .. } | Stage::Cancelling { .. } | Stage::Claimed { .. });
        self.claim.is_some() && !self.revealed && !awaited
    }

    /// True if the job is checked whatever the draw says.
    #[must_use]
    pub fn checked_anyway(&self) -> bool {
        self.forced || self.unrevealed()
    }

    /// True if the client had a result checked that was not drawn.
    #[must_use]
    pub fn disputed(&self) -> bool {
        self.disputed
    }

    /// True if its parties said, before anybody was drawn to check it, that the claim is false on purpose.
    #[must_use]
    pub fn is_trap(&self) -> bool {
        self.trap
    }

    /// What its client put up for a trap: what is at stake in it, or as much of that as it had.
    #[must_use]
    pub fn pledged(&self) -> Amount {
        self.pledged
    }

    /// The work that a check of the claim is paid for at most.
    #[must_use]
    pub fn claimed_work(&self) -> Work {
        self.claim.map_or(0, |claimed| claimed.claim.work_paid(&self.order))
    }

    /// The work that a check is paid for at most that finds what was claimed.
    #[must_use]
    pub fn claimed_check_work(&self) -> Work {
        self.claim.map_or(0, |claimed| claimed.claim.check_work_paid(&self.order))
    }

    /// How long it was open; nothing while it still is.
    #[must_use]
    pub fn lasted(&self) -> Duration {
        self.ended.map_or(Duration::default(), |ended| ended.since(self.since))
    }

    /// The most that it will be paid, by its claim.
    #[must_use]
    pub fn pay_most(&self) -> Amount {
        self.claim.map_or(Amount::ZERO, |claimed| claimed.claim.pay_most(&self.order))
    }

    /// Where a check of the claim ends at the latest: a job that was cancelled is checked only as far as it got.
    #[must_use]
    pub fn checked_units(&self) -> Units {
        let cancelled = self.claim.filter(|claimed| claimed.claim.end == End::Cancelled);
        cancelled.map_or(self.order.units_max, |claimed| claimed.claim.units)
    }

    /// The verifiers drawn so far.
    #[must_use]
    pub fn seats(&self) -> &[Seat] {
        &self.seats
    }

    /// The chance that somebody looks again, where a verifier accuses a newcomer.
    #[must_use]
    pub fn second(&self) -> Rate {
        self.rules.second
    }

    /// Where the seats begin that only the jury drew, once the provider was accused.
    #[must_use]
    pub fn jury_from(&self) -> Option<usize> {
        self.jury_from
    }

    /// How many verifiers were drawn so far, whoever was drawn twice.
    #[must_use]
    pub fn drawn_so_far(&self) -> usize {
        // Where two of three decide, who accused the provider is the first of them.
        let again = usize::from(self.ticket.newcomer && !self.trap);
        self.jury_from.map_or(self.seats.len(), |from| from + self.draws.len() - again)
    }

    /// The seats of the jurors, each once, as they were first drawn.
    #[must_use]
    pub fn jurors(&self) -> Vec<usize> {
        let mut jurors: Vec<usize> = Vec::new();
        for seat in &self.draws {
            if !jurors.contains(seat) {
                jurors.push(*seat);
            }
        }
        jurors
    }

    /// Who may not be drawn next: the parties, and who was absent. Outside a jury nobody is drawn twice.
    #[must_use]
    pub fn barred(&self) -> Vec<PeerId> {
        let passed = |seat: &&Seat| self.jury_from.is_none() || seat.is_lost();
        let seated = self.seats.iter().filter(passed).map(|seat| seat.peer);
        [self.order.client, self.order.provider].into_iter().chain(seated).collect()
    }

    /// Notes what all verifiers weigh together that can be drawn, once the roster is fixed.
    pub fn enrol(&mut self, electorate: u64) {
        self.electorate = electorate;
    }

    /// What the provider opened, once it is complete.
    #[must_use]
    pub fn opened(&self) -> Option<&Testimony> {
        self.opened.as_ref()
    }

    /// The beacon that drew which records are opened.
    #[must_use]
    pub fn positions(&self) -> Option<Beacon> {
        self.positions
    }

    /// The round whose beacon draws the records that are opened, while it is awaited.
    #[must_use]
    pub fn awaited_positions(&self) -> Option<u64> {
        self.positions_round.filter(|_| self.positions.is_none())
    }

    /// What a tick or a conviction can move: a record of one that moves nothing would be idle.
    #[must_use]
    pub fn progress(&self) -> (Stage, Option<Beacon>, [bool; 2]) {
        (self.stage, self.positions, [self.forced, self.suspected])
    }

    /// When ticks alone will move it on: a time, or a round.
    #[must_use]
    pub fn due(&self) -> (Option<Timestamp>, Option<u64>) {
        self.stage.due()
    }

    /// Until when the seal of the verifier in the last seat is due; none where nobody works.
    #[must_use]
    pub fn works_until(&self) -> Option<Timestamp> {
        match self.stage.seat_phase()? {
            SeatPhase::Calling { due: until, .. } | SeatPhase::Sealing { until } => Some(until),
            SeatPhase::Seating { .. }
            | SeatPhase::Disclosing { .. }
            | SeatPhase::Opening { .. }
            | SeatPhase::Silence { .. }
            | SeatPhase::Doubting { .. } => None,
        }
    }

    /// How those jurors stand to the provider that have said all, as they were first drawn.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let heard = |at: &usize| {
            let seat = &self.seats[*at];
            let draws = self.draws.iter().filter(|drawn| *drawn == at).count() as u64;
            Some(Ballot { voice: seat.voice()?, draws, weight: seat.weight })
        };
        let heard: Vec<Ballot<'_>> = self.jurors().iter().filter_map(heard).collect();
        jury::tally(self.order.manifest.policy, self.rules.threshold.as_ref(), self.opened.as_ref(), &heard)
    }

    /// The seats of those jurors that have said all, each with how it stands to the provider.
    #[must_use]
    pub fn stands(&self) -> Vec<(usize, Stand)> {
        let heard = self.jurors().into_iter().filter(|at| self.seats[*at].voice().is_some());
        heard.zip(self.tally().stands).collect()
    }

    /// How each draw stands to the claim where it is not a jury that decides: of a newcomer, or of a trap, behind the verifier
    /// that found what was claimed; with its seat.
    #[must_use]
    pub fn looked(&self) -> Vec<(usize, Stand)> {
        let (policy, threshold) = (self.order.manifest.policy, self.rules.threshold.as_ref());
        let stand = |at: &usize| {
            let voice = self.seats.get(*at)?.voice()?;
            Some(jury::stand(policy, threshold, self.opened.as_ref(), voice))
        };
        self.draws.iter().filter_map(|at| Some((*at, stand(at)?))).collect()
    }

    /// How many found what was claimed: verifiers before any jury, and jurors.
    #[must_use]
    pub fn agreeing(&self) -> u64 {
        let stands = self.stands();
        let before = self.jury_from.unwrap_or(self.seats.len());
        let agrees = |at: usize| {
            let matched = at < before && self.compare_with(&self.seats[at]) == Some(Agreement::Match);
            matched || stands.contains(&(at, Stand::With))
        };
        (0..self.seats.len()).filter(|at| agrees(*at)).count() as u64
    }

    /// How the first verifier's finding compares with the claim; none if it found nothing or the claim is not open.
    #[must_use]
    pub fn agreement(&self) -> Option<Agreement> {
        let first = self.jury_from.map_or(self.seats.last(), |from| self.seats.get(from.checked_sub(1)?));
        self.compare_with(first?)
    }

    /// True if somebody was given no input.
    #[must_use]
    pub fn is_unserved(&self) -> bool {
        self.seats.iter().any(Seat::is_unserved)
    }

    /// How what a verifier found compares with the claim; none if it found nothing or the claim is not open.
    #[must_use]
    pub fn compare_with(&self, seat: &Seat) -> Option<Agreement> {
        let (Some(opened), Some(Voice::Found(found))) = (&self.opened, seat.voice()) else { return None };
        Some(compare::compare(self.order.manifest.policy, self.rules.threshold.as_ref(), opened, found))
    }

    /// True if these are the wanted records. Where records are drawn, none are before the beacon is known.
    fn wants(&self, count: u64, records: &[ShownRecord]) -> bool {
        let beacon = self.positions.map(|beacon| beacon.value);
        let wanted = draw::positions(self.id, count, beacon);
        wanted.is_some_and(|wanted| wanted.iter().eq(records.iter().map(|record| &record.position)))
    }
}

/// Names the peer in the seat that speaks.
fn speaker(seats: &[Seat], seat: u16) -> Option<PeerId> {
    seats.get(usize::from(seat)).map(|seat| seat.peer)
}

#[cfg(test)]
pub(crate) mod tests;
