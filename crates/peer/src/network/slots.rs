//! A bounded number of places, and a bounded share of them for each peer.
//!
//! **Invariant:** at most `max` slots exist at a time, and at most `per_peer_max` of them are one peer's; a slot is free
//! again when it is dropped, however that comes about.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use libp2p::PeerId;

/// The places.
#[derive(Clone)]
pub(super) struct Slots {
    taken: Arc<Mutex<TakenSlots>>,
    max: usize,
    per_peer_max: usize,
}

#[derive(Debug, Default)]
struct TakenSlots {
    all: usize,
    by_peer: HashMap<PeerId, usize>,
}

/// One place, taken by a peer.
#[derive(Debug)]
pub(super) struct Slot {
    taken: Arc<Mutex<TakenSlots>>,
    peer: PeerId,
}

impl Slots {
    pub(super) fn new(max: usize, per_peer_max: usize) -> Self {
        Self { taken: Arc::default(), max, per_peer_max }
    }

    /// A place for a peer, unless all are taken or it has its share.
    pub(super) fn take(&self, peer: PeerId) -> Option<Slot> {
        let mut taken = lock(&self.taken);
        let share = taken.by_peer.get(&peer).copied().unwrap_or(0);
        if taken.all >= self.max || share >= self.per_peer_max {
            return None;
        }
        taken.all += 1;
        taken.by_peer.insert(peer, share + 1);
        Some(Slot { taken: self.taken.clone(), peer })
    }
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
}
