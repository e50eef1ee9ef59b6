//! The table itself: one match on stage, step and party.

use super::{BookedClaim, Job, LiveTime, Misstep, Party, SeatPhase, Stage, Step};
use crate::{id::Digest, outcome::Outcome};

impl Job {
    /// Takes one step. A refused step leaves the job as it was.
    ///
    /// # Errors
    /// [`Misstep`], if the step is not this party's, not due or not true to what was committed.
    #[allow(clippy::too_many_lines, reason = "one table is easier to check than its parts")]
    pub fn apply(&mut self, step: Step, by: Party, now: LiveTime) -> Result<Stage, Misstep> {
        use Party::{Client, Notary, Provider, Verifier};
        use Stage::{Cancelling, Checking, Claimed, Closed, Drawing, Jury, Open, Waiting};
        let reached = |round: u64| now.beacon.round >= round;
        let next = match (self.stage, step, by) {
            // Whose step it is, in any stage.
            (
                _,
                Step::Claim { .. } | Step::Abort { .. } | Step::OpenClaim { .. },
                Client | Verifier(_) | Notary,
            )
            | (
                _,
                Step::Cancel { .. } | Step::Reveal { .. } | Step::Dispute | Step::Contradict { .. },
                Provider | Verifier(_) | Notary,
            )
            | (
                _,
                Step::Draw { .. } | Step::Seat { .. } | Step::Tick { .. } | Step::Convicted | Step::Unreached,
                Client | Provider | Verifier(_),
            )
            | (
                _,
                Step::Underway { .. } | Step::Seal { .. } | Step::Unserved | Step::OpenSeal { .. },
                Client | Provider | Notary,
            ) => {
                return Err(Misstep::NotYours);
            }

            // T2, T14: the first one binds.
            (Open { .. }, Step::Claim { claim, digest, position }, Provider) => {
                self.claim_in(BookedClaim { claim, digest, position }, now)?
            }
            (Cancelling { .. }, Step::Claim { claim, digest, position }, Provider) => {
                self.claim_cancelled(BookedClaim { claim, digest, position }, now)?
            }
            (
                Claimed { .. } | Drawing { .. } | Waiting { .. } | Checking(_) | Jury(_),
                Step::Claim { .. },
                Provider,
            ) => return Err(Misstep::Known),
            (Closed(_), Step::Claim { .. }, Provider) => {
                return Err(if self.claim.is_some() { Misstep::Known } else { Misstep::Closed });
            }

            // T13.
            (Open { .. } | Cancelling { .. }, Step::Abort { ticket }, Provider)
                if ticket == Digest::default() =>
            {
                Closed(Outcome::Aborted)
            }
            (Open { .. } | Cancelling { .. }, Step::Abort { ticket }, Provider) => {
                self.quoting(ticket, Closed(Outcome::Aborted))?
            }
            (
                Claimed { .. } | Drawing { .. } | Waiting { .. } | Checking(_) | Jury(_),
                Step::Abort { .. },
                Provider,
            ) => return Err(Misstep::TooLate),

            // T14.
            (Open { until }, Step::Cancel { ticket }, Client) => {
                let until = until.min(now.live.after(self.rules.timers.cancelling));
                self.quoting(ticket, Cancelling { until })?
            }
            (Cancelling { .. }, Step::Cancel { .. }, Client) => return Err(Misstep::Known),
            (
                Claimed { .. } | Drawing { .. } | Waiting { .. } | Checking(_) | Jury(_),
                Step::Cancel { .. },
                Client,
            ) => return Err(Misstep::TooLate),

            // T3.
            (Open { .. } | Cancelling { .. }, Step::Reveal { .. }, Client) => return Err(Misstep::TooEarly),
            (Claimed { .. }, Step::Reveal { position, secret }, Client) => {
                self.reveal(position, secret, now)?
            }
            (
                Drawing { .. } | Waiting { .. } | Checking(_) | Jury(_),
                Step::Reveal { secret, .. },
                Client,
            ) => {
                return Err(self.known_secret(secret));
            }

            // T4.
            (Drawing { round }, Step::Draw { check }, Notary) if reached(round) => {
                self.drawn(check, round, now)
            }
            // T8, below the entry level.
            (Jury(SeatPhase::Doubting { round }), Step::Draw { check }, Notary) if reached(round) => {
                if check { Jury(SeatPhase::Seating { round }) } else { Closed(Outcome::Mismatch) }
            }
            (
                Open { .. }
                | Cancelling { .. }
                | Claimed { .. }
                | Drawing { .. }
                | Jury(SeatPhase::Doubting { .. }),
                Step::Draw { .. },
                Notary,
            ) => return Err(Misstep::TooEarly),
            (Waiting { .. } | Checking(_) | Jury(_), Step::Draw { .. }, Notary) => {
                return Err(Misstep::TooLate);
            }

            // T15.
            (Waiting { until }, Step::Dispute, Client) if now.live < until => {
                self.disputed = true;
                self.begin_check(now.round_ahead(), now)
            }
            (Open { .. } | Cancelling { .. } | Claimed { .. } | Drawing { .. }, Step::Dispute, Client) => {
                return Err(Misstep::TooEarly);
            }
            // A freeze that holds the payment back does not hold the window open.
            (Waiting { .. } | Checking(_) | Jury(_), Step::Dispute, Client) => {
                return Err(if self.disputed { Misstep::Known } else { Misstep::TooLate });
            }

            // T17: false stream.
            (
                Claimed { .. } | Drawing { .. } | Waiting { .. } | Checking(_) | Jury(_),
                Step::Contradict { streamed_by, output, leaf, evidence, records },
                Client,
            ) => self.contradicted(streamed_by, &output, &leaf, evidence, records.as_ref())?,
            (Open { .. } | Cancelling { .. }, Step::Contradict { .. }, Client) => {
                return Err(Misstep::TooEarly);
            }

            // T16, where nobody is drawn.
            (
                Checking(SeatPhase::Seating { round }) | Jury(SeatPhase::Seating { round }),
                Step::Seat { verifier, after },
                Notary,
            ) if reached(round) => self.seat(verifier, after, now),
            (
                Open { .. }
                | Cancelling { .. }
                | Claimed { .. }
                | Drawing { .. }
                | Waiting { .. }
                | Checking(
                    SeatPhase::Disclosing { .. } | SeatPhase::Seating { .. } | SeatPhase::Doubting { .. },
                )
                | Jury(SeatPhase::Disclosing { .. } | SeatPhase::Seating { .. } | SeatPhase::Doubting { .. }),
                Step::Seat { .. },
                Notary,
            ) => return Err(Misstep::TooEarly),
            (
                Checking(
                    SeatPhase::Calling { .. }
                    | SeatPhase::Sealing { .. }
                    | SeatPhase::Opening { .. }
                    | SeatPhase::Silence { .. },
                )
                | Jury(
                    SeatPhase::Calling { .. }
                    | SeatPhase::Sealing { .. }
                    | SeatPhase::Opening { .. }
                    | SeatPhase::Silence { .. },
                ),
                Step::Seat { .. },
                Notary,
            ) => return Err(Misstep::TooLate),

            // T6 to T11; T17: false opening.
            (Checking(_) | Jury(_), Step::Underway { due }, Verifier(seat)) => self.underway(due, seat)?,
            (Checking(_) | Jury(_), Step::Seal { commit, evidence }, Verifier(seat)) => {
                self.seal(commit, evidence, seat, now)?
            }
            (Checking(_) | Jury(_), Step::Unserved, Verifier(seat)) => self.unserved(seat, now)?,
            (Checking(_) | Jury(_), Step::OpenSeal { evidence, records }, Verifier(seat)) => {
                self.open_seal(evidence, &records, seat, now)?
            }
            (
                Checking(_) | Jury(_),
                Step::OpenClaim { output, evidence, records, trap, pledged },
                Provider,
            ) => self.open_claim(&output, &evidence, &records, (trap, pledged), now)?,
            (
                Open { .. } | Cancelling { .. } | Claimed { .. } | Drawing { .. } | Waiting { .. },
                Step::Underway { .. } | Step::Seal { .. } | Step::Unserved | Step::OpenSeal { .. },
                Verifier(_),
            ) => return Err(Misstep::NotYours),
            (
                Open { .. } | Cancelling { .. } | Claimed { .. } | Drawing { .. } | Waiting { .. },
                Step::OpenClaim { .. },
                Provider,
            ) => return Err(Misstep::TooEarly),

            // Ticks move every open stage on; a conviction over another job, those that are not checked yet.
            (stage, Step::Tick { frozen }, Notary) => self.tick(stage, frozen, now),
            (Open { .. } | Cancelling { .. }, Step::Convicted, Notary) => Closed(Outcome::Withdrawn),
            (Waiting { .. }, Step::Convicted, Notary) => {
                self.forced = true;
                self.begin_check(now.round_ahead(), now)
            }
            (stage @ (Claimed { .. } | Drawing { .. }), Step::Convicted, Notary) => {
                self.forced = true;
                stage
            }
            (stage @ (Checking(_) | Jury(_)), Step::Convicted, Notary) => stage,
            (Waiting { .. }, Step::Unreached, Notary) => {
                (self.forced, self.suspected) = (true, true);
                self.begin_check(now.round_ahead(), now)
            }
            (stage @ (Claimed { .. } | Drawing { .. }), Step::Unreached, Notary) => {
                (self.forced, self.suspected) = (true, true);
                stage
            }
            (stage @ (Open { .. } | Cancelling { .. } | Checking(_) | Jury(_)), Step::Unreached, Notary) => {
                stage
            }

            // Closed is final.
            (
                Closed(_),
                Step::Abort { .. }
                | Step::Cancel { .. }
                | Step::Reveal { .. }
                | Step::Dispute
                | Step::Contradict { .. }
                | Step::Draw { .. }
                | Step::Seat { .. }
                | Step::Underway { .. }
                | Step::Seal { .. }
                | Step::Unserved
                | Step::OpenClaim { .. }
                | Step::OpenSeal { .. }
                | Step::Convicted
                | Step::Unreached,
                Client | Provider | Verifier(_) | Notary,
            ) => return Err(Misstep::Closed),
        };
        if let Closed(_) = next {
            self.ended.get_or_insert(now.live);
        }
        self.stage = next;
        Ok(next)
    }
}
