//! What those that were heard amount to: in a first check, in a jury, and where the claim was a trap.
//!
//! **Invariant:** whoever was given no input accuses nobody by that, and clears nobody; nobody is convicted for a trap, and
//! nothing else that a claim can lead to is averted by one.

use super::{ABSENT_MAX, GREYS_MAX, Job, LiveTime, SeatPhase, Stage, UNREACHED_LEAD};
use crate::{
    compare::Agreement,
    jury::{Stand, Tally, Verdict, Voice},
    outcome::Outcome,
};

/// Who looks at a newcomer's result at most, and how many of them decide.
const LOOKS: usize = 3;
const MAJORITY: usize = 2;
/// Who says whether a verifier matched a trap without having run it.
const TRAP_LOOKS: usize = 2;

impl Job {
    /// Moves on after the verifier in the last seat has testified, or will not.
    pub(super) fn resolve_seat(&mut self, now: LiveTime) -> Stage {
        match self.jury_from {
            None => self.resolve_check(now),
            Some(_) => self.resolve_jury(now, now.round_ahead()),
        }
    }

    fn resolve_check(&mut self, now: LiveTime) -> Stage {
        let Some(seat) = self.seats.last() else { return self.stage };
        let next = SeatPhase::Seating { round: now.round_ahead() };
        let agreement = match seat.voice() {
            Some(Voice::Found(_)) if self.trap => return self.spring(next),
            Some(Voice::Found(_)) => self.compare_with(seat),
            Some(Voice::Unserved) if self.ticket.newcomer && self.trap => {
                return self.unserved_newcomer(next);
            }
            Some(Voice::Unserved) if self.ticket.newcomer => return self.look_again(next),
            Some(Voice::Unserved) => return self.weigh_check(next),
            None => {
                let absent = self.seats.iter().filter(|seat| seat.is_lost()).count();
                return if absent >= ABSENT_MAX { self.unchecked() } else { Stage::Checking(next) };
            }
        };
        match agreement {
            // All that found anything before have matched, or the check would be over.
            Some(Agreement::Match) => self.weigh_check(next),
            Some(Agreement::Grey) if self.ticket.standing.greys >= GREYS_MAX => {
                Stage::Closed(Outcome::GreyRefunded)
            }
            Some(Agreement::Grey) => Stage::Closed(Outcome::Grey),
            Some(Agreement::Mismatch) | None if self.ticket.newcomer => {
                self.look_again(SeatPhase::Doubting { round: now.round_ahead() })
            }
            Some(Agreement::Mismatch) | None => {
                self.jury_from = Some(self.seats.len());
                Stage::Jury(next)
            }
        }
    }

    /// Below the entry level two of three decide, of whom the last verifier is the first.
    fn look_again(&mut self, phase: SeatPhase) -> Stage {
        self.jury_from = Some(self.seats.len());
        self.draws.push(self.seats.len().saturating_sub(1));
        Stage::Jury(phase)
    }

    /// Whether two of three have found the same; another one is drawn by the beacon of that round.
    fn weigh_look(&self, next: u64) -> Stage {
        let looked = self.looked();
        let count = |of: Stand| looked.iter().filter(|(_, stand)| *stand == of).count();
        let [matched, mismatched, unserved] = [Stand::With, Stand::Against, Stand::Unserved].map(count);
        let absent = self.seats.iter().filter(|seat| seat.is_lost()).count();
        if matched >= MAJORITY {
            Stage::Closed(Outcome::Checked)
        } else if mismatched > 0 && mismatched + unserved >= MAJORITY {
            Stage::Closed(Outcome::Mismatch)
        } else if looked.len() >= LOOKS || absent >= ABSENT_MAX {
            refunded(mismatched)
        } else {
            Stage::Jury(SeatPhase::Seating { round: next })
        }
    }

    /// A trap is over once somebody found something else. Who finds what was claimed in it is looked at by two more.
    fn spring(&mut self, next: SeatPhase) -> Stage {
        match self.seats.last().and_then(|seat| self.compare_with(seat)) {
            Some(Agreement::Match) => {
                self.jury_from = Some(self.seats.len());
                Stage::Jury(next)
            }
            Some(Agreement::Mismatch | Agreement::Grey) | None => Stage::Closed(Outcome::Trap),
        }
    }

    /// A newcomer's trap that nobody can look at is over where any of its claims would be.
    fn unserved_newcomer(&self, next: SeatPhase) -> Stage {
        let unserved = self.seats.iter().filter(|seat| seat.is_unserved()).count();
        if unserved >= LOOKS { Stage::Closed(Outcome::Unreached) } else { Stage::Checking(next) }
    }

    /// Whether two have said if a verifier that matched a trap was right, or will not; another one is drawn by the beacon of
    /// that round. As many as look may be lost: who could silence more of them would choose who looks.
    fn weigh_trap(&self, next: u64) -> Stage {
        let looks = &self.seats[self.jury_from.unwrap_or(self.seats.len())..];
        let lost = looks.iter().filter(|seat| seat.is_lost()).count();
        if self.looked().len() >= TRAP_LOOKS || lost >= TRAP_LOOKS {
            Stage::Closed(Outcome::Trap)
        } else {
            Stage::Jury(SeatPhase::Seating { round: next })
        }
    }

    /// How many found what was claimed before anybody accused the provider, and how many were given no input.
    fn reached(&self) -> (usize, usize) {
        let before = &self.seats[..self.jury_from.unwrap_or(self.seats.len())];
        let matched = before.iter().filter(|seat| self.compare_with(seat) == Some(Agreement::Match)).count();
        let unserved = before.iter().filter(|seat| seat.is_unserved()).count();
        (matched, unserved)
    }

    /// A first check that has found nothing else than was claimed: enough, given up, or another verifier.
    fn weigh_check(&self, next: SeatPhase) -> Stage {
        let (matched, unserved) = self.reached();
        let wanted = self.ticket.checks_wanted();
        let long = self.seats.len() as u64 >= self.rules.checks.draws_max;
        if matched >= wanted && matched > unserved {
            return Stage::Closed(Outcome::Checked);
        }
        // Who disputes a result is to serve the input itself: the check that it pays is theirs who asked in vain.
        if self.disputed && unserved >= ABSENT_MAX {
            return Stage::Closed(Outcome::Unchecked);
        }
        // Over another job of this provider enough was tried.
        if self.suspected && unserved > 0 {
            return Stage::Closed(Outcome::Unreached);
        }
        if unserved >= matched + UNREACHED_LEAD || unserved > 0 && long {
            return self.unchecked();
        }
        Stage::Checking(next)
    }

    /// Somebody who was given no input found something after all: the last one of a check, before another is drawn; or one
    /// that a jury, or who looks at a trap, has heard.
    pub(super) fn reconsider(&mut self, now: LiveTime) -> Stage {
        let (Stage::Checking(SeatPhase::Seating { round }) | Stage::Jury(SeatPhase::Seating { round })) =
            self.stage
        else {
            // What it found is weighed with the voice that is awaited.
            return self.stage;
        };
        if self.jury_from.is_some() { self.resolve_jury(now, round) } else { self.resolve_check(now) }
    }

    /// Weighs what the jury has said; the next juror, if one is needed, is drawn by the beacon of that round.
    pub(super) fn resolve_jury(&mut self, now: LiveTime, next: u64) -> Stage {
        if self.trap {
            return self.weigh_trap(next);
        }
        if self.ticket.newcomer {
            return self.weigh_look(next);
        }
        let tally = self.tally();
        if self.opened.is_none() && tally.margin() > 0 {
            return Stage::Jury(SeatPhase::Silence { until: now.live.after(self.rules.timers.silence) });
        }
        let absent = self.seats.iter().filter(|seat| seat.is_lost());
        let absent: u128 = absent.map(|seat| u128::from(seat.weight)).sum();
        let electorate = u128::from(self.electorate).saturating_sub(absent);
        match tally.verdict(&self.rules.checks, self.draws.len() as u64, electorate) {
            Verdict::Convicted => Stage::Closed(Outcome::Slashed),
            Verdict::Cleared => Stage::Closed(Outcome::Cleared),
            Verdict::Unreached => Stage::Closed(Outcome::Unreached),
            Verdict::Hung => hung(&tally),
            Verdict::Open => Stage::Jury(SeatPhase::Seating { round: next }),
        }
    }

    /// Nobody is left that can be drawn.
    pub(super) fn deserted(&self) -> Stage {
        match self.jury_from {
            None => self.unchecked(),
            Some(_) if self.trap => Stage::Closed(Outcome::Trap),
            Some(_) if self.ticket.newcomer => {
                refunded(self.looked().iter().filter(|(_, stand)| *stand == Stand::Against).count())
            }
            Some(_) => hung(&self.tally()),
        }
    }

    /// Nobody can check it: paid if the provider's stake stood behind it, and it is no trap; but where somebody was given no
    /// input, only if more were given it.
    fn unchecked(&self) -> Stage {
        let (matched, unserved) = self.reached();
        Stage::Closed(match (unserved, self.ticket.covered) {
            (1.., _) if matched > unserved => Outcome::Checked,
            (1.., _) => Outcome::Unreached,
            (0, _) if self.trap => Outcome::Trap,
            (0, true) => Outcome::Unchecked,
            (0, false) => Outcome::Void,
        })
    }
}

/// No two have found what a newcomer claims.
fn refunded(mismatched: usize) -> Stage {
    Stage::Closed(if mismatched > 0 { Outcome::Mismatch } else { Outcome::Unreached })
}

/// Nobody is left to decide: refunded in doubt, void without one.
fn hung(tally: &Tally) -> Stage {
    Stage::Closed(if tally.margin() > 0 { Outcome::Disputed } else { Outcome::Void })
}
