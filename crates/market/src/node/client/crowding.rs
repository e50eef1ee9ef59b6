//! Room at providers: how many orders of this client one takes at a time.
//!
//! Nobody says how much room there is; refusals do. Where a provider, or its notary, refuses an order for a while and others of
//! this client are under way there, those are as many as there is room for. No more are shown to it at a time then, but that each
//! [`EASE`] one more is tried; and once one of them makes room, who waits for it is served, the oldest first.
//!
//! **Invariant:** where no order of this client takes room there is some: nothing that was learnt keeps all orders away. How many
//! take room is counted as each changes, so that nobody looks at all of them.

use alloc::{collections::BTreeMap, vec::Vec};

use assay_protocol::{
    id::{Digest, PeerId},
    order::Refusal,
    signed::Signer,
    units::{Duration, Timestamp},
};

use super::{Attempt, Client, Submitted, choice::busy_pause, search::concerns};
use crate::{
    book::Book,
    ledger::LANES_MAX,
    node::context::{Context, Outlook},
    view::{AttemptState, AwaitedPlace},
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

/// How many orders of this client take room at a provider, or may soon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RoomUse {
    /// That it was shown and has not answered.
    proposed: u64,
    /// That are opened, or run.
    running: u64,
    /// Whose result is here, or that came to nothing, and that are not closed yet.
    settling: u64,
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
        debug_assert_eq!(
            self.room_uses,
            self.found_room_uses(),
            "an order takes room that is not counted, or the other way round"
        );
        let taken = if reason == Refusal::Busy { RoomTaken::Run } else { RoomTaken::Open };
        let most = self.room_use(provider).under_way(taken);
        if most == 0 {
            return;
        }
        self.rooms.retain(|_, room| room.is_known(now));
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
        self.rooms.keys().filter_map(move |provider| Some((*provider, self.crowded_until(*provider, now)?)))
    }

    /// When one order more is tried at a provider that has room for no more now.
    pub(super) fn crowded_until(&self, provider: PeerId, now: Timestamp) -> Option<Timestamp> {
        let room = self.rooms.get(&provider).filter(|room| room.is_known(now))?;
        (!self.has_room(provider, *room, now)).then(|| room.since.after(EASE.times(room.eased(now) + 1)))
    }

    /// When one more is tried of those who would be asked for a submission.
    pub(super) fn easing(&self, submitted: &Submitted, book: &Book, now: Timestamp) -> Option<Timestamp> {
        let mut crowded = self.crowded(now).peekable();
        crowded.peek()?;
        let manifest = submitted.submission.manifest.digest();
        let asked = crowded.filter(|(provider, _)| would_be_asked(*provider, submitted, manifest, book));
        asked.map(|(_, at)| at).min()
    }

    /// How long to look for an offer where other orders of this client take room: counted from when one last made some, since
    /// those who came before are served then.
    pub(super) fn patience_for_room(&self, submitted: &Submitted, outlook: Outlook<'_>) -> Option<Duration> {
        let made = self.last_made(submitted, outlook)?;
        let begun = submitted.seeks_since.unwrap_or(outlook.now);
        Some(made.since(begun).plus(OWN_TIME))
    }

    /// When an order of this client last made room where others of it take what a submission waits for; nothing, if none does.
    fn last_made(&self, submitted: &Submitted, outlook: Outlook<'_>) -> Option<Timestamp> {
        let takes_room = |(provider, room): &(&PeerId, &KnownRoom)| {
            room.is_known(outlook.now) && self.room_use(**provider).under_way(room.taken) > 0
        };
        let mut taken = self.rooms.iter().filter(takes_room).peekable();
        taken.peek()?;
        let manifest = submitted.submission.manifest.digest();
        let awaited =
            taken.filter(|(provider, _)| would_be_asked(**provider, submitted, manifest, outlook.book));
        awaited.map(|(_, room)| room.made).max()
    }

    /// An order of this client that a provider had taken on may have made room there.
    pub(super) fn make_room<S: Signer>(&mut self, provider: PeerId, cx: &mut Context<'_, S>) {
        self.rooms.get_mut(&provider).into_iter().for_each(|room| room.made = cx.now);
        self.use_room(provider, cx);
    }

    /// One may be shown to a provider that another is shown to no more: those who wait for that are served, the oldest first, as
    /// long as there is room.
    pub(super) fn use_room<S: Signer>(&mut self, provider: PeerId, cx: &mut Context<'_, S>) {
        let Some(room) = self.rooms.get(&provider).copied() else { return };
        let book = cx.book;
        if !self.has_room(provider, room, cx.now) {
            return;
        }
        let waits = |key: &&Digest| {
            let nobody_asked = self.asked(**key).is_some_and(|asked| asked.is_empty());
            let submitted = self.submissions.get(*key).filter(|_| nobody_asked);
            submitted.is_some_and(|of| would_be_asked(provider, of, of.submission.manifest.digest(), book))
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

    /// What keeps a submission waiting of which nobody is asked: a lane, without which nobody can be, or who is busy.
    pub(in crate::node) fn awaited(&self, key: Digest, outlook: Outlook<'_>) -> Option<AwaitedPlace> {
        let submitted = self.submissions.get(&key).filter(|of| !of.ended && !of.cancelled)?;
        if self.is_served(key) {
            return None;
        }
        if self.waits_for_lane(key) && !self.has_lane(outlook) {
            let lost = outlook.notary_in_use().map_or(0, |notary| self.lost_at(notary));
            return Some(AwaitedPlace::Lane { most: LANES_MAX - lost.min(LANES_MAX) });
        }
        let is_busy = submitted.passed.as_ref().is_some_and(|passed| passed.counts.busy > 0);
        is_busy.then(|| match self.last_made(submitted, outlook) {
            Some(since) => AwaitedPlace::OwnRoom { since },
            None => AwaitedPlace::Room,
        })
    }

    fn has_room(&self, provider: PeerId, room: KnownRoom, now: Timestamp) -> bool {
        self.room_use(provider).used(room.taken) < room.most.saturating_add(room.eased(now))
    }

    fn room_use(&self, provider: PeerId) -> RoomUse {
        self.room_uses.get(&provider).copied().unwrap_or_default()
    }

    /// Counts the orders of a submission among those that take room.
    pub(super) fn take_room(&mut self, key: Digest) {
        let Some(submitted) = self.submissions.get(&key) else { return };
        let orders = submitted.attempts.iter().filter_map(|job| self.attempts.get(job));
        for (provider, one) in orders.filter_map(|attempt| RoomUse::of(attempt)) {
            let all = self.room_uses.entry(provider).or_default();
            *all = all.plus(one);
        }
    }

    /// Counts them among those no more.
    pub(super) fn leave_room(&mut self, key: Digest) {
        let Some(submitted) = self.submissions.get(&key) else { return };
        let orders = submitted.attempts.iter().filter_map(|job| self.attempts.get(job));
        for (provider, one) in orders.filter_map(|attempt| RoomUse::of(attempt)) {
            let Some(all) = self.room_uses.get_mut(&provider) else { continue };
            *all = all.minus(one);
            if *all == RoomUse::default() {
                self.room_uses.remove(&provider);
            }
        }
    }

    /// Counts all of them anew: those of a snapshot.
    pub(in crate::node) fn count_room_uses(&mut self) {
        self.room_uses = self.found_room_uses();
    }

    /// How many take room, found among all.
    fn found_room_uses(&self) -> BTreeMap<PeerId, RoomUse> {
        let mut uses: BTreeMap<PeerId, RoomUse> = BTreeMap::new();
        for (provider, one) in self.attempts.values().filter_map(|attempt| RoomUse::of(attempt)) {
            let all = uses.entry(provider).or_default();
            *all = all.plus(one);
        }
        uses
    }
}

impl RoomUse {
    /// What one order takes, and where; nothing, if it takes no room.
    fn of(attempt: &Attempt) -> Option<(PeerId, Self)> {
        let (proposed, running, settling) = match attempt.state {
            AttemptState::Proposed => (1, 0, 0),
            AttemptState::Opening | AttemptState::Running => (0, 1, 0),
            AttemptState::Delivered | AttemptState::Failed(_) if attempt.is_open() => (0, 0, 1),
            AttemptState::Delivered
            | AttemptState::Failed(_)
            | AttemptState::Refused(_)
            | AttemptState::Unanswered
            | AttemptState::Cancelled
            | AttemptState::Closed(_) => return None,
        };
        Some((attempt.order.provider, Self { proposed, running, settling }))
    }

    fn plus(self, other: Self) -> Self {
        Self {
            proposed: self.proposed + other.proposed,
            running: self.running + other.running,
            settling: self.settling + other.settling,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            proposed: self.proposed.saturating_sub(other.proposed),
            running: self.running.saturating_sub(other.running),
            settling: self.settling.saturating_sub(other.settling),
        }
    }

    /// How many were taken on, and take room still.
    fn under_way(self, taken: RoomTaken) -> u64 {
        match taken {
            RoomTaken::Run => self.running,
            RoomTaken::Open => self.running + self.settling,
        }
    }

    /// The same with those that may be taken on soon.
    fn used(self, taken: RoomTaken) -> u64 {
        self.proposed + self.under_way(taken)
    }
}

impl KnownRoom {
    fn is_known(self, now: Timestamp) -> bool {
        now.since(self.since) < KNOWN_TIME
    }

    /// How many more are tried by now.
    fn eased(self, now: Timestamp) -> u64 {
        now.since(self.since).0 / EASE.0
    }
}

/// True if a provider would be asked for a submission for this manifest, but for its room.
fn would_be_asked(provider: PeerId, submitted: &Submitted, manifest: Digest, book: &Book) -> bool {
    let wanted = &submitted.submission;
    let is_out = submitted.excluded.contains(&provider) || wanted.ignored.contains(&provider);
    book.get(provider).is_some_and(|offer| !is_out && concerns(offer, wanted.provider, manifest))
}
