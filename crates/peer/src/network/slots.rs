//! A bounded number of places, and a bounded share of them for each peer.
//!
//! Who opens a stream has yet to say what it wants. Until then it has no place: strangers who say nothing could hold all of them.
//!
//! **Invariant:** at most `max` slots exist at a time, and at most `per_peer_max` of them are one peer's; a slot is free
//! again when it is dropped, however that comes about. No peer is waited for more often than it may have slots.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use libp2p::PeerId;

/// The places.
#[derive(Clone)]
pub(super) struct Slots {
    taken: Arc<Mutex<TakenSlots>>,
    /// For those who have yet to say what they want.
    asking: Arc<Mutex<TakenSlots>>,
    max: usize,
    per_peer_max: usize,
}

#[derive(Debug, Default)]
struct TakenSlots {
    all: usize,
    by_peer: HashMap<PeerId, usize>,
}

/// Somebody who has yet to say what it wants.
pub(super) struct Asker {
    places: Slots,
    peer: PeerId,
    _asks: Slot,
}

/// One place, taken by a peer.
#[derive(Debug)]
pub(super) struct Slot {
    taken: Arc<Mutex<TakenSlots>>,
    peer: PeerId,
}

impl Slots {
    pub(super) fn new(max: usize, per_peer_max: usize) -> Self {
        Self { taken: Arc::default(), asking: Arc::default(), max, per_peer_max }
    }

    /// Lets a peer say what it wants, unless it is waited for as often as it may have places.
    pub(super) fn admit(&self, peer: PeerId) -> Option<Asker> {
        let asks = take(&self.asking, peer, (usize::MAX, self.per_peer_max))?;
        Some(Asker { places: self.clone(), peer, _asks: asks })
    }

    /// A place for a peer, unless all are taken or it has its share.
    pub(super) fn take(&self, peer: PeerId) -> Option<Slot> {
        take(&self.taken, peer, (self.max, self.per_peer_max))
    }
}

impl Asker {
    /// It has said what it wants: the place for that, unless all are taken or it has its share.
    pub(super) fn enter(self) -> Option<Slot> {
        self.places.take(self.peer)
    }
}

fn take(slots: &Arc<Mutex<TakenSlots>>, peer: PeerId, (max, per_peer_max): (usize, usize)) -> Option<Slot> {
    let mut taken = lock(slots);
    let share = taken.by_peer.get(&peer).copied().unwrap_or(0);
    if taken.all >= max || share >= per_peer_max {
        return None;
    }
    taken.all += 1;
    taken.by_peer.insert(peer, share + 1);
    Some(Slot { taken: Arc::clone(slots), peer })
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        taken.all -= 1;
        match taken.by_peer.get_mut(&self.peer) {
            Some(share) if *share > 1 => *share -= 1,
            Some(_) | None => drop(taken.by_peer.remove(&self.peer)),
        }
    }
}

fn lock(taken: &Mutex<TakenSlots>) -> MutexGuard<'_, TakenSlots> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_one_peer_nor_all_together_take_more_than_their_share() {
        let slots = Slots::new(3, 2);
        let [first, second] = [PeerId::random(), PeerId::random()];
        let held = [slots.take(first), slots.take(first), slots.take(second)];
        assert!(held.iter().all(Option::is_some));
        assert!(slots.take(second).is_none(), "all are taken");
        let [one, _two, _three] = held;
        drop(one);
        let again = slots.take(second);
        assert!(again.is_some(), "a dropped slot is free");
        drop(again);
        let _last = slots.take(first);
        assert!(slots.take(first).is_none(), "its share");
    }

    #[test]
    fn who_has_yet_to_say_what_it_wants_has_no_place_and_is_waited_for_so_often() {
        let slots = Slots::new(1, 2);
        let [silent, other] = [PeerId::random(), PeerId::random()];
        let _waits = [slots.admit(silent), slots.admit(silent)];
        assert!(slots.admit(silent).is_none(), "its share");
        let place = slots.admit(other).and_then(Asker::enter);
        assert!(place.is_some() && slots.admit(other).and_then(Asker::enter).is_none(), "there is one");
        drop(place);
        assert!(slots.admit(other).and_then(Asker::enter).is_some());
    }
}
