//! What this lane passed on of the gossip that still holds.
//!
//! Gossipsub knows a message again too, but forgets it after a quarter of an hour: it remembers whatever is sent, before any rate is
//! asked. An offer may hold for an hour, and would then travel anew. The book is not asked, since it is also filled by what
//! peers answer: an offer that is in it may still have to be passed on.
//!
//! **Invariant:** nothing that is over is remembered, nor more than [`PROVIDERS_MAX`] providers and [`CHECKPOINTS_MAX`]
//! checkpoints; what makes room is over before all that stays, so gossipsub still knows the most of it.

use std::collections::{BTreeMap, BTreeSet};

use assay_protocol::{
    id::{Digest, PeerId},
    units::Timestamp,
};

/// Providers whose last offer is known again: in both lanes together as many as a book keeps.
const PROVIDERS_MAX: usize = 5_000;
/// Checkpoints that are known again: ten times as many as sixteen notaries make in an hour by the usual rules.
const CHECKPOINTS_MAX: usize = 1_024;

/// A gossip whose signature holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadGossip {
    /// Who signed what is in it.
    pub(super) signer: PeerId,
    /// Until when it holds.
    pub(super) until: Timestamp,
    /// What is in it.
    pub(super) kind: GossipKind,
}

/// By what a gossip of a signer is known again.
#[derive(Clone, Copy, Debug)]
pub(super) enum GossipKind {
    /// An offer, by its sequence.
    Offer(u64),
    /// A checkpoint, by its digest.
    Checkpoint(Digest),
}

/// What was passed on.
pub(super) struct PassedGossip {
    offers: PassedNumbers<PeerId>,
    checkpoints: PassedNumbers<(PeerId, Digest)>,
}

impl Default for PassedGossip {
    fn default() -> Self {
        Self { offers: PassedNumbers::new(PROVIDERS_MAX), checkpoints: PassedNumbers::new(CHECKPOINTS_MAX) }
    }
}

impl PassedGossip {
    /// Notes that this is passed on; or says that it must not be: it was, or a later offer of the same provider was.
    pub(super) fn note(&mut self, gossip: &ReadGossip, now: Timestamp) -> bool {
        let ReadGossip { signer, until, kind } = *gossip;
        match kind {
            GossipKind::Offer(sequence) => self.offers.note(signer, sequence, until, now),
            // Each is passed on, also an earlier one: of two that contradict each other everybody has to hear both.
            GossipKind::Checkpoint(digest) => self.checkpoints.note((signer, digest), 0, until, now),
        }
    }
}

/// The highest number that was passed on under each key.
struct PassedNumbers<K> {
    most: usize,
    /// The number, and until when it is remembered.
    highest: BTreeMap<K, (u64, Timestamp)>,
    by_end: BTreeSet<(Timestamp, K)>,
}

impl<K: Copy + Ord> PassedNumbers<K> {
    fn new(most: usize) -> Self {
        Self { most, highest: BTreeMap::new(), by_end: BTreeSet::new() }
    }

    fn note(&mut self, key: K, number: u64, until: Timestamp, now: Timestamp) -> bool {
        self.drop_expired(now);
        let before = self.highest.get(&key).copied();
        if before.is_some_and(|(highest, _)| highest >= number) {
            return false;
        }
        // What takes an offer back is over long before the offer is, which must not come again.
        let until = before.map_or(until, |(_, end)| until.max(end));
        if let Some((_, end)) = before {
            self.by_end.remove(&(end, key));
        }
        self.highest.insert(key, (number, until));
        self.by_end.insert((until, key));
        if self.highest.len() > self.most {
            self.drop_first();
        }
        true
    }

    fn drop_expired(&mut self, now: Timestamp) {
        while self.by_end.first().is_some_and(|(end, _)| *end <= now) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some((_, key)) = self.by_end.pop_first() {
            self.highest.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::{codec, message::PUBLISHED_VALIDITY_MAX, units::Duration};

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const HOUR: Duration = PUBLISHED_VALIDITY_MAX;

    fn peer(number: u64) -> PeerId {
        PeerId(codec::digest("peer", &number).0)
    }

    fn offer(provider: u64, sequence: u64, until: Timestamp) -> ReadGossip {
        ReadGossip { signer: peer(provider), until, kind: GossipKind::Offer(sequence) }
    }

    fn checkpoint(notary: u64, content: u64) -> ReadGossip {
        let digest = codec::digest("checkpoint", &content);
        ReadGossip { signer: peer(notary), until: NOW.after(HOUR), kind: GossipKind::Checkpoint(digest) }
    }

    #[test]
    fn what_may_be_passed_on_is_known_again_for_as_long() {
        let (mut passed, end) = (PassedGossip::default(), NOW.after(HOUR));
        let (first, second) = (offer(1, 7, end), checkpoint(2, 7));
        assert_eq!([first, second].map(|gossip| passed.note(&gossip, NOW)), [true, true]);
        for later in [NOW, NOW.after(Duration::seconds(901)), Timestamp(end.0 - 1)] {
            let again = [first, second, offer(1, 6, end)].map(|gossip| passed.note(&gossip, later));
            assert_eq!(again, [false; 3], "at {later:?}");
        }
        let others = [offer(1, 8, end), offer(2, 7, end)];
        assert_eq!(others.map(|gossip| passed.note(&gossip, NOW)), [true, true]);
        assert_eq!([first, others[0]].map(|gossip| passed.note(&gossip, NOW)), [false, false]);
    }

    #[test]
    fn an_offer_that_was_taken_back_is_not_passed_on_until_it_is_over() {
        let (mut passed, end) = (PassedGossip::default(), NOW.after(HOUR));
        assert!(passed.note(&offer(1, 7, end), NOW));
        assert!(passed.note(&offer(1, 8, NOW.after(Duration::seconds(1))), NOW));
        assert!(!passed.note(&offer(1, 7, end), NOW.after(Duration::seconds(901))));
    }

    #[test]
    fn each_of_two_checkpoints_is_passed_on_once_in_whatever_order_they_come() {
        let mut passed = PassedGossip::default();
        let all = [checkpoint(1, 8), checkpoint(1, 7), checkpoint(2, 7)];
        assert_eq!(all.map(|gossip| passed.note(&gossip, NOW)), [true; 3]);
        assert_eq!(all.map(|gossip| passed.note(&gossip, NOW)), [false; 3]);
    }

    #[test]
    fn names_have_a_bound_and_what_ends_first_makes_room() {
        let mut passed = PassedGossip::default();
        let made_up = |number: u64| offer(number, 1, NOW.after(Duration(1_000 + number)));
        assert!((0..100_000).all(|number| passed.note(&made_up(number), NOW)));
        assert!((0..10_000).all(|number| passed.note(&checkpoint(1, number), NOW)));
        assert_eq!((passed.offers.highest.len(), passed.offers.by_end.len()), (PROVIDERS_MAX, PROVIDERS_MAX));
        let checkpoints = &passed.checkpoints;
        assert_eq!((checkpoints.highest.len(), checkpoints.by_end.len()), (CHECKPOINTS_MAX, CHECKPOINTS_MAX));
        assert!((95_000..100_000).all(|number| !passed.note(&made_up(number), NOW)), "these end last");
        assert!([0, 94_999].iter().all(|number| passed.note(&made_up(*number), NOW)), "these were forgotten");
        assert_eq!(passed.offers.highest.len(), PROVIDERS_MAX);
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let (mut passed, end) = (PassedGossip::default(), NOW.after(HOUR));
        assert!((0..1_000).all(|number| passed.note(&offer(number, 1, end), NOW)));
        assert!(passed.note(&offer(1_000, 1, end.after(HOUR)), end));
        assert_eq!((passed.offers.highest.len(), passed.offers.by_end.len()), (1, 1));
    }
}
