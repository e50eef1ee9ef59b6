//! Where each peer stands, by its name.
//!
//! **Invariant:** every peer that was listed is found, and nobody else is.

use assay_protocol::id::PeerId;

use crate::world::Place;

/// Slots for each peer, at least.
const ROOM: usize = 2;

/// The places of all peers. Names are digests already, so their first bytes say where to look.
#[derive(Debug)]
pub(super) struct Directory {
    names: Vec<PeerId>,
    /// Places, each where its name falls or behind; none is the largest number.
    slots: Vec<u32>,
}

impl Directory {
    /// Lists peers by their places.
    pub(super) fn new(names: Vec<PeerId>) -> Self {
        let size = (names.len().max(1) * ROOM).next_power_of_two();
        let mut directory = Self { slots: vec![u32::MAX; size], names };
        for place in 0..directory.names.len() {
            let mut slot = directory.begin(&directory.names[place]);
            while directory.slots[slot] != u32::MAX {
                slot = directory.next(slot);
            }
            directory.slots[slot] = place as u32;
        }
        directory
    }

    /// The name of the peer at a place.
    pub(super) fn name(&self, place: Place) -> PeerId {
        self.names[place.0]
    }

    /// The place of a peer.
    pub(super) fn find(&self, peer: &PeerId) -> Option<Place> {
        let mut slot = self.begin(peer);
        loop {
            let place = self.slots[slot];
            if place == u32::MAX {
                return None;
            }
            if self.names[place as usize] == *peer {
                return Some(Place(place as usize));
            }
            slot = self.next(slot);
        }
    }

    fn begin(&self, peer: &PeerId) -> usize {
        let first = peer.0.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        first as usize & (self.slots.len() - 1)
    }

    fn next(&self, slot: usize) -> usize {
        (slot + 1) & (self.slots.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::signed::Signer;

    use super::*;
    use crate::crypto::SimulatedKey;

    #[test]
    fn everybody_who_is_listed_is_found_at_their_place() {
        let name = |number| SimulatedKey::new(1, number).id();
        let directory = Directory::new((0..1_000).map(name).collect());
        assert!((0..1_000).all(|place| directory.find(&name(place as u64)) == Some(Place(place))));
        assert!((1_000..2_000).all(|number| directory.find(&name(number)).is_none()));
        // Names that fall on the same slot.
        let alike = |last| PeerId(std::array::from_fn(|byte| if byte == 31 { last } else { 0 }));
        let directory = Directory::new(vec![alike(1), alike(2)]);
        assert_eq!(
            [1, 2, 3].map(|last| directory.find(&alike(last))),
            [Some(Place(0)), Some(Place(1)), None]
        );
    }
}
