//! A client's lanes at its notaries: in each at most one order is open, and its numbers follow one another.
//!
//! A submission stays in one lane, but for one that goes on while what was written of it by a provider that was given up is still
//! in the books: it leaves that lane to what was written. And but for one whose lane is not where this client takes it to be: its key
//! was brought back into an empty home, or its journal lost its end, and books know more of its orders than it does. Which number
//! is the next there nobody says, so such a lane is left, and the next one tried. An order that turns out to have been opened there
//! shows the number again; and where no lane is free, and more are lost than in use, the next numbers of those are tried: of the
//! last lanes first, which were used least, and of each [`PROBES`] before the next. And but for one whose lane turns out to
//! hold an order that somebody else had given up: until that is closed it has the lane to itself.

use alloc::boxed::Box;
use core::cmp::Reverse;

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    order::Refusal,
};

use super::{Attempt, Client, Submitted};
use crate::{ledger::LANES_MAX, node::context::Outlook, view::AttemptState};

/// One queue at a notary.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Lane {
    /// The number of its next order; of a lost one, beside [`LOST`], the first that was not tried.
    pub(super) next: u64,
    pub(super) user: Option<Digest>,
}

/// Marks a lane whose next number is not known: no order has as high a number.
const LOST: u64 = 1 << 63;
/// What marked one before, when no other number was tried in it.
const UNTRIED: u64 = u64::MAX;
/// Numbers that are tried in one lost lane before those of the next: where somebody else has an order open there, none is the
/// right one.
const PROBES: u64 = 16;

impl Lane {
    /// One in which this number was taken.
    fn lost(number: u64) -> Self {
        Self { next: LOST | (number + 1), user: None }
    }

    fn is_lost(self) -> bool {
        self.next >= LOST
    }

    /// The number of the next order in it.
    fn number(self) -> u64 {
        if self.next == UNTRIED { 0 } else { self.next & !LOST }
    }

    /// True while it cannot be used by whoever comes.
    fn is_taken(self) -> bool {
        self.user.is_some() || self.is_lost()
    }
}

/// Where an order goes: which notary, which lane there, and its number in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct LanePlace {
    pub(super) notary: PeerId,
    pub(super) lane: u16,
    pub(super) nonce: u64,
}

impl Client {
    /// Where the next order of a submission goes: its own lane, or a free one. None if every lane is in use.
    pub(super) fn place_for(&self, submitted: &Submitted, outlook: Outlook<'_>) -> Option<LanePlace> {
        let notary = outlook.notary_in_use()?;
        let own =
            submitted.lane.filter(|place| place.0 == notary && !self.is_taken_by_part(submitted, *place));
        let lane = own.map(|(_, lane)| lane).or_else(|| self.free_lane(notary))?;
        Some(self.place(notary, lane))
    }

    /// True if the order of a part of it is still open in this lane.
    pub(super) fn is_taken_by_part(&self, submitted: &Submitted, (notary, lane): (PeerId, u16)) -> bool {
        let mut open = self.parts_of(submitted).filter(|part| part.is_open());
        open.any(|part| (part.order.notary, part.order.lane) == (notary, lane))
    }

    /// An order is open in its lane, which is its submission's until it is closed. That may have left the lane, if only because
    /// the number seemed to be taken; whoever uses it since goes on in another one. Where a later number was opened there as well
    /// the ticket came too late: its order is over, and the lane is whoever's it is.
    pub(super) fn take_lane(&mut self, job: JobId) {
        let Some(attempt) = self.attempts.get(&job) else { return };
        let (key, place, nonce) = (attempt.key, place_of(attempt), attempt.order.nonce);
        if self.is_passed(place, nonce) {
            return;
        }
        let lane = self.lanes.entry(place).or_default();
        lane.next = nonce + 1;
        let before = lane.user.replace(key).filter(|user| *user != key);
        let before = before.and_then(|user| self.submissions.get_mut(&user));
        if let Some(other) = before.filter(|other| other.lane == Some(place)) {
            other.lane = None;
        }
    }

    /// True if an order with a later number in a lane is known to have been opened.
    fn is_passed(&self, place: (PeerId, u16), nonce: u64) -> bool {
        // Seldom does anybody have to look: mostly its number is the last that was tried.
        let is_behind = self.lanes.get(&place).is_some_and(|lane| lane.next > nonce);
        let passes =
            |other: &Attempt| place_of(other) == place && other.order.nonce > nonce && was_opened(other);
        is_behind && self.attempts.values().any(|other| passes(other))
    }

    /// An order of a submission is closed: where that does not go on in the same lane, the lane is free.
    pub(super) fn leave_lane(&mut self, key: Digest, place: (PeerId, u16)) {
        let goes_on = |submitted: &Submitted| !submitted.ended && submitted.lane == Some(place);
        let is_left = !self.submissions.get(&key).map(Box::as_ref).is_some_and(goes_on);
        let lane = self.lanes.get_mut(&place).filter(|lane| is_left && lane.user == Some(key));
        if let Some(lane) = lane {
            lane.user = None;
            self.none_free = None;
        }
    }

    /// An order was open under its number, and is closed: the next number in its lane is known, if it was not.
    pub(super) fn count_on(&mut self, (place, nonce): ((PeerId, u16), u64)) {
        let lane = self.lanes.entry(place).or_default();
        if lane.is_lost() {
            (lane.next, self.none_free) = (nonce + 1, None);
        }
        lane.next = lane.next.max(nonce + 1);
    }

    /// True if the number of an order that the notary was shown can be that of none of the orders that this client remembers. One
    /// for something else that got no ticket is in nobody's way, whatever became of it: whoever wanted that has left the lane. Nor
    /// is one under another number that got none.
    pub(super) fn is_out_of_step(&self, job: JobId) -> bool {
        let Some(shown) = self.attempts.get(&job).filter(|attempt| attempt.open.is_some()) else {
            return false;
        };
        let may_have_it = |other: &Attempt| {
            let is_own = other.key == shown.key && other.order.nonce == shown.order.nonce;
            let counts = is_own || other.ticket.is_some();
            counts && place_of(other) == place_of(shown) && other.may_close()
        };
        let is_taken = self.attempts.iter().any(|(name, other)| *name != job && may_have_it(other));
        let is_next = self.lanes.get(&place_of(shown)).is_some_and(|lane| lane.next == shown.order.nonce);
        is_next && !is_taken
    }

    /// True if the number of an order that the notary was shown is known to be that of another one, which was opened: its ticket
    /// came late, or was lost, and its close is proven.
    pub(super) fn is_overtaken(&self, job: JobId) -> bool {
        let Some(shown) = self.attempts.get(&job).filter(|attempt| attempt.open.is_some()) else {
            return false;
        };
        let has_it = |other: &Attempt| {
            let is_there = place_of(other) == place_of(shown) && other.order.nonce == shown.order.nonce;
            was_opened(other) && is_there
        };
        self.attempts.iter().any(|(name, other)| *name != job && has_it(other))
    }

    /// True if a submission goes on in another lane, or under another number, than an order of it that the notary was shown, because
    /// that said that the number was taken. Its word alone keeps it from opening both, as long as nothing shows who had the number.
    pub(super) fn is_left_behind(&self, job: JobId, submitted: &Submitted) -> bool {
        let taken = AttemptState::Refused(Refusal::Nonce);
        let attempt = self.attempts.get(&job).filter(|attempt| attempt.state == taken && attempt.is_waived());
        let Some(attempt) = attempt else { return false };
        let (place, nonce) = (place_of(attempt), attempt.order.nonce);
        let is_there = submitted.lane == Some(place);
        let goes_on = is_there && self.lanes.get(&place).is_some_and(|lane| lane.next == nonce);
        !goes_on && !self.is_overtaken(job)
    }

    /// Leaves the lane of an order, whose number there was taken.
    pub(super) fn lose_lane(&mut self, job: JobId) {
        let Some(attempt) = self.attempts.get(&job) else { return };
        let (key, place, nonce) = (attempt.key, place_of(attempt), attempt.order.nonce);
        self.lanes.insert(place, Lane::lost(nonce));
        // With more that are lost there may be one to try.
        self.none_free = None;
        if let Some(submitted) = self.submissions.get_mut(&key).filter(|of| of.lane == Some(place)) {
            submitted.lane = None;
        }
    }

    /// True if another submission could have a lane now.
    pub(super) fn has_lane(&self, outlook: Outlook<'_>) -> bool {
        // With fewer lanes than there can be, some is free, and nobody has to look for it.
        if self.lanes.len() < usize::from(LANES_MAX) {
            return true;
        }
        outlook.notary_in_use().is_none_or(|notary| self.free_lane(notary).is_some())
    }

    /// The same, remembering where there is none: whoever asks again looks at no lane until one becomes free.
    pub(super) fn finds_lane(&mut self, outlook: Outlook<'_>) -> bool {
        let notary = outlook.notary_in_use();
        if notary.is_some() && self.none_free == notary {
            return false;
        }
        let finds = self.has_lane(outlook);
        self.none_free = notary.filter(|_| !finds);
        finds
    }

    /// The next place in a lane.
    pub(super) fn place(&self, notary: PeerId, lane: u16) -> LanePlace {
        LanePlace { notary, lane, nonce: self.lanes.get(&(notary, lane)).map_or(0, |lane| lane.number()) }
    }

    /// The first lane that nobody uses, or else one that was lost and is to be tried again.
    pub(super) fn free_lane(&self, notary: PeerId) -> Option<u16> {
        // In one walk: lanes are taken from the first on, so up to a free one there is no gap.
        let taken = self.lanes.range((notary, 0)..).zip(0..LANES_MAX);
        let taken = taken
            .take_while(|(((of, lane), state), place)| (*of, *lane) == (notary, *place) && state.is_taken());
        let free = u16::try_from(taken.count()).ok().filter(|lane| *lane < LANES_MAX);
        free.or_else(|| self.lost_lane(notary))
    }

    /// The lost lane that is tried next where none is free. As long as more are in use, one of those is waited for: it becomes
    /// free for certain, and who tries others may find none.
    fn lost_lane(&self, notary: PeerId) -> Option<u16> {
        if 2 * self.lost_at(notary) <= LANES_MAX {
            return None;
        }
        let lost = self.lanes_at(notary).filter(|(_, lane)| lane.is_lost());
        lost.min_by_key(|(number, lane)| (lane.number() / PROBES, Reverse(*number))).map(|(number, _)| number)
    }

    /// How many lanes are lost at a notary.
    pub(super) fn lost_at(&self, notary: PeerId) -> u16 {
        let lost = self.lanes_at(notary).filter(|(_, lane)| lane.is_lost()).count();
        u16::try_from(lost).unwrap_or(LANES_MAX)
    }

    fn lanes_at(&self, notary: PeerId) -> impl Iterator<Item = (u16, Lane)> {
        self.lanes.range((notary, 0)..=(notary, u16::MAX)).map(|((_, number), lane)| (*number, *lane))
    }

    /// True for a submission that never had a lane, or left it to a part.
    pub(super) fn waits_for_lane(&self, key: Digest) -> bool {
        let submitted = self.submissions.get(&key).filter(|submitted| !submitted.ended);
        let has_none = |of: &Submitted| of.lane.is_none_or(|place| self.is_taken_by_part(of, place));
        submitted.is_some_and(|submitted| has_none(submitted))
    }
}

/// The lane that an order is in.
fn place_of(attempt: &Attempt) -> (PeerId, u16) {
    (attempt.order.notary, attempt.order.lane)
}

/// True if an order is known to have been opened: by its ticket, or by its close where that was lost.
fn was_opened(attempt: &Attempt) -> bool {
    attempt.ticket.is_some() || matches!(attempt.state, AttemptState::Closed(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_that_was_left_for_good_before_any_was_tried_again_is_tried_from_its_first_number_on() {
        let left = Lane { next: UNTRIED, user: None };
        assert!(left.is_taken() && left.is_lost());
        assert_eq!([left, Lane::lost(0), Lane::lost(6)].map(Lane::number), [0, 1, 7]);
        assert!(Lane::lost(0).is_lost() && !Lane { next: 1, user: None }.is_taken());
    }
}
