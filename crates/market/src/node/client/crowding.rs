//! Room at providers: how many orders of this client one takes at a time.
//!
//! Nobody says how much room there is; refusals do. Where a provider, or its notary, refuses an order for a while and others of
//! this client are under way there, those are as many as there is room for. No more are shown to it at a time then, but that each
//! [`EASE`] one more is tried; and once one of them makes room, who waits for it is served, the oldest first.
//!
//! **Invariant:** where no order of this client takes room there is some: nothing that was learnt keeps all orders away.

use alloc::{boxed::Box, vec::Vec};

use assay_protocol::{
    id::{Digest, PeerId},
    order::Refusal,
    signed::Signer,
    units::{Duration, Timestamp},
};

use super::{Attempt, Client, Submitted, choice::busy_pause, search::concerns};
use crate::{
    book::Book,
    node::context::{Context, Outlook},
    view::AttemptState,
};

/// After how long one order more is tried than there was room for.
const EASE: Duration = Duration::seconds(30);
/// How long it is known how many there was room for.
const KNOWN_TIME: Duration = Duration::seconds(900);
/// At how many providers.
const ROOMS_MAX: usize = 256;
/// How long a submission waits for room that another of this client takes.
const OWN_TIME: Duration = Duration::seconds(900);
/// Submissions that are looked at when room is made.
const LOOKS_MAX: usize = 64;

/// For how many orders of this client a provider has room.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownRoom {
    /// As many as were there when one more was refused.
    most: u64,
    /// When that was.
    since: Timestamp,
    /// When one of them last made room.
    made: Timestamp,
    taken: RoomTaken,
}

/// How long an order takes room at its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RoomTaken {
    /// Until its result is here: what runs takes the room.
    Run,
    /// Until its notary closed it: what is at stake takes it.
    Open,
}

impl Client {
    /// Learns from a refusal that time heals. Where no order of this client is under way others took the room, and nothing is
    /// learnt.
    pub(super) fn note_crowd(&mut self, provider: PeerId, reason: Refusal, now: Timestamp) {
        let taken = if reason == Refusal::Busy { RoomTaken::Run } else { RoomTaken::Open };
        let under_way = self.in_room(provider, taken).filter(|at| at.state != AttemptState::Proposed);
        let most = under_way.count() as u64;
        if most == 0 {
            return;
        }
        self.rooms.retain(|_, room| now.since(room.since) < KNOWN_TIME);
        if self.rooms.len() >= ROOMS_MAX && !self.rooms.contains_key(&provider) {
            let oldest = self.rooms.iter().min_by_key(|(_, room)| room.since).map(|(peer, _)| *peer);
            if let Some(oldest) = oldest {
                self.rooms.remove(&oldest);
            }
        }
        let made = self.rooms.get(&provider).map_or(now, |room| room.made);
        self.rooms.insert(provider, KnownRoom { most, since: now, made, taken });
    }

    /// Who has room for no more orders of this client now, and when one more is tried all the same.
    pub(super) fn crowded(&self, now: Timestamp) -> impl Iterator<Item = (PeerId, Timestamp)> {
        let known = self.rooms.iter().filter(move |(_, room)| now.since(room.since) < KNOWN_TIME);
        let full = known.filter(move |(provider, room)| !self.has_room(**provider, **room, now));
        full.map(move |(provider, room)| (*provider, room.since.after(EASE.times(room.eased(now) + 1))))
    }

    /// When one more is tried of those who would be asked for a submission.
    pub(super) fn easing(&self, submitted: &Submitted, book: &Book, now: Timestamp) -> Option<Timestamp> {
        let crowded = self.crowded(now).filter(|(provider, _)| would_be_asked(*provider, submitted, book));
        crowded.map(|(_, at)| at).min()
    }

    /// How long to look for an offer where other orders of this client take room: counted from when one last made some, since
    /// those who came before are served then.
    pub(super) fn patience_for_room(&self, submitted: &Submitted, outlook: Outlook<'_>) -> Option<Duration> {
        let begun = submitted.seeks_since.unwrap_or(outlook.now);
        let is_awaited = |(provider, room): &(&PeerId, &KnownRoom)| {
            outlook.now.since(room.since) < KNOWN_TIME
                && would_be_asked(**provider, submitted, outlook.book)
                && self.in_room(**provider, room.taken).any(|at| at.state != AttemptState::Proposed)
        };
        let made = self.rooms.iter().filter(is_awaited).map(|(_, room)| room.made).max()?;
        Some(made.since(begun).plus(OWN_TIME))
    }

    /// An order of this client may have made room at a provider: those who wait for it are served, the oldest first, as long as
    /// there is some.
    pub(super) fn make_room<S: Signer>(&mut self, provider: PeerId, cx: &mut Context<'_, S>) {
        let Some(room) = self.rooms.get_mut(&provider) else { return };
        room.made = cx.now;
        let (room, book) = (*room, cx.book);
        let waits = |key: &&Digest| {
            let nobody_asked = self.asked(**key).is_some_and(|asked| asked.is_empty());
            let submitted = self.submissions.get(*key).filter(|_| nobody_asked);
            submitted.is_some_and(|submitted| would_be_asked(provider, submitted, book))
        };
        let waiting: Vec<Digest> = self.waiting.values().filter(waits).take(LOOKS_MAX).copied().collect();
        for key in waiting {
            if !self.has_room(provider, room, cx.now) {
                return;
            }
            let rest = self.submissions.get_mut(&key).and_then(|of| of.resting.get_mut(&provider));
            rest.into_iter().for_each(|rest| rest.until = rest.until.min(cx.now));
            self.seek(key, cx);
        }
    }

    /// A provider says anew what it offers: whom it refused for a while asks it again, though not before the first pause is over.
    /// True if that is sooner than it would have been.
    pub(super) fn end_rest(&mut self, key: Digest, provider: PeerId, now: Timestamp) -> bool {
        let submitted = self.submissions.get_mut(&key);
        let Some(rest) = submitted.and_then(|of| of.resting.get_mut(&provider)) else { return false };
        let until = rest.since.after(busy_pause(0)).max(now);
        let is_sooner = until < rest.until;
        rest.until = rest.until.min(until);
        is_sooner
    }

    /// True if nobody is asked for a submission only because those who fit are busy.
    pub(in crate::node) fn waits_for_room(&self, key: Digest) -> bool {
        let submitted = self.submissions.get(&key).filter(|of| !of.ended && !of.cancelled);
        let passed = submitted.and_then(|of| of.passed.as_ref());
        passed.is_some_and(|passed| passed.counts.busy > 0) && !self.is_served(key)
    }

    fn has_room(&self, provider: PeerId, room: KnownRoom, now: Timestamp) -> bool {
        let used = self.in_room(provider, room.taken).count() as u64;
        used < room.most.saturating_add(room.eased(now))
    }

    /// The orders of this client that take room at a provider, or may soon. Each submission that has one has a lane.
    fn in_room(&self, provider: PeerId, taken: RoomTaken) -> impl Iterator<Item = &Attempt> {
        let submitted = self.lanes.iter().filter_map(move |(place, lane)| {
            let submitted = self.submissions.get(&lane.user?)?;
            (submitted.lane == Some(*place)).then_some(submitted)
        });
        let jobs = submitted.flat_map(|submitted| submitted.attempts.iter());
        let attempts = jobs.filter_map(move |job| self.attempts.get(job).map(Box::as_ref));
        attempts.filter(move |attempt| attempt.order.provider == provider && takes_room(attempt, taken))
    }
}

impl KnownRoom {
    /// How many more are tried by now.
    fn eased(self, now: Timestamp) -> u64 {
        now.since(self.since).0 / EASE.0
    }
}

fn takes_room(attempt: &Attempt, taken: RoomTaken) -> bool {
    match attempt.state {
        AttemptState::Proposed | AttemptState::Opening | AttemptState::Running => true,
        AttemptState::Delivered | AttemptState::Failed(_) => taken == RoomTaken::Open && attempt.is_open(),
        AttemptState::Refused(_)
        | AttemptState::Unanswered
        | AttemptState::Cancelled
        | AttemptState::Closed(_) => false,
    }
}

/// True if a provider would be asked for a submission, but for its room.
fn would_be_asked(provider: PeerId, submitted: &Submitted, book: &Book) -> bool {
    let wanted = &submitted.submission;
    let offer = book.get(provider).filter(|_| !submitted.excluded.contains(&provider));
    offer.is_some_and(|offer| concerns(offer, wanted.provider, wanted.manifest.digest()))
}
