//! A notary that goes against one rule while it keeps all others.

use assay_protocol::{
    job::{Beacon, Stage},
    receipt::Happening,
};

use super::{super::town::ROUNDS, Play};

/// What a notary does against one rule; all that follows is as if it were true, and signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Crook {
    #[default]
    None,
    /// It hears the statement of this number in the first round that is too late for it.
    HearsLate(usize),
    /// It lets more ticks pass than it may before the deadline of this number that somebody missed.
    Dawdles(usize),
    /// It does not tell at which tick the records to be opened were drawn.
    TellsNoPositions,
    /// It says that the draw whether to check came out the other way.
    DrawsOtherwise(usize),
    /// It draws a round later whether to check.
    DrawsLate,
    /// It passes over whom the draw of this number lands on.
    PassesOver(usize),
    /// It fixes this number of the ticket as something else.
    Fixes(usize),
    /// It opens what this demand forbids.
    Opens(usize),
}

impl Play<'_> {
    /// The first round that is too late for a statement, if it is the one that is heard then.
    pub(super) fn too_late_for(&self, what: &Happening) -> Option<u64> {
        if self.crook != Crook::HearsLate(self.occasions) || self.crooked || what.about().is_none() {
            return None;
        }
        let (until, draw) = self.job.due();
        // While a payment waits, only a dispute can be late.
        let waits =
            matches!(self.job.stage(), Stage::Waiting { .. }) && !matches!(what, Happening::Dispute(_));
        let until = until.filter(|_| !waits);
        let awaited = draw.into_iter().chain(self.job.awaited_positions()).min();
        (self.round..ROUNDS).find(|round| {
            let missed = until.is_some_and(|until| self.live_time_of(*round).live >= until);
            missed || awaited.is_some_and(|awaited| *round >= awaited)
        })
    }

    /// Passes over the tick that a draw is due at, or over so many behind a deadline as one that is no crook could not.
    pub(super) fn dawdle(&mut self) {
        if self.crook == Crook::DrawsLate
            && matches!(self.job.stage(), Stage::Drawing { round } if round == self.round)
        {
            (self.round, self.crooked) = ((self.round + 1).min(ROUNDS - 1), self.round + 1 < ROUNDS);
        }
        let Crook::Dawdles(number) = self.crook else { return };
        let Some(until) = self.job.due().0.filter(|until| self.live_time().live >= *until) else { return };
        if self.crooked || matches!(self.job.stage(), Stage::Waiting { .. }) {
            return;
        }
        let late = until.after(self.town.genesis.timers.gap_max);
        let round = (self.round..ROUNDS).find(|round| self.live_time_of(*round).live >= late);
        if let Some(round) = round.filter(|_| self.occasions == number) {
            (self.round, self.crooked) = (round, true);
        }
        self.occasions += 1;
    }

    /// True if the crook does not tell of a tick at which nothing but the records to be opened was drawn.
    pub(super) fn conceals(&mut self, before: (Stage, Option<Beacon>, [bool; 2])) -> bool {
        let now = self.job.progress();
        let drawn = self.crook == Crook::TellsNoPositions && before.0 == now.0 && before.1 != now.1;
        self.crooked |= drawn;
        drawn
    }

    /// True if this is the draw for which the crook waits.
    pub(super) fn is_occasion(&mut self, number: usize) -> bool {
        self.occasions += 1;
        let now = !self.crooked && self.occasions == number + 1;
        self.crooked |= now;
        now
    }
}
