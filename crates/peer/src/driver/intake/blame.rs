//! Who sent how much of what is no message, in the last minute.
//!
//! **Invariant:** no more than [`BLAMED_MAX`] peers are remembered, for a minute; who comes when there is no room is blamed
//! for the first time each time.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use assay_protocol::id::PeerId;

/// How long faults are added up.
const WINDOW: Duration = Duration::from_secs(60);
/// Peers remembered.
const BLAMED_MAX: usize = 1024;

/// The faults of this minute.
#[derive(Default)]
pub(super) struct Blame {
    begun: Option<Instant>,
    faults: HashMap<PeerId, u32>,
}

impl Blame {
    /// Adds a fault, and says how many the peer has.
    pub(super) fn note(&mut self, peer: PeerId, now: Instant) -> u32 {
        let is_over = self.begun.is_none_or(|begun| now.saturating_duration_since(begun) >= WINDOW);
        if is_over {
            self.begun = Some(now);
            self.faults.clear();
        }
        if self.faults.len() >= BLAMED_MAX && !self.faults.contains_key(&peer) {
            return 1;
        }
        let faults = self.faults.entry(peer).or_default();
        *faults = faults.saturating_add(1);
        *faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_add_up_for_a_minute_and_names_have_a_bound() {
        let (mut blame, now) = (Blame::default(), Instant::now());
        let peer = |number: u32| PeerId(assay_protocol::codec::digest("peer", &number).0);
        assert_eq!((1..=3).map(|_| blame.note(peer(0), now)).collect::<Vec<_>>(), [1, 2, 3]);
        (0..10_000).for_each(|number| _ = blame.note(peer(number), now));
        assert_eq!((blame.faults.len(), blame.note(peer(0), now)), (BLAMED_MAX, 5));
        assert_eq!(blame.note(peer(0), now + WINDOW), 1);
        assert_eq!(blame.faults.len(), 1);
    }
}
