//! Which connections were in use when they ended: one that nobody uses is ended by either side, and that says nothing of who was at
//! the other.
//!
//! **Invariant:** no connection that may have ended for want of use counts as one that was in use. Who is not connected is
//! forgotten.

use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

use libp2p::PeerId;

use super::start::IDLE_MAX;

/// Since when peers are connected, and whose connections gossip keeps.
#[derive(Debug, Default)]
pub(super) struct ConnectionUse {
    since: HashMap<PeerId, Instant>,
    /// When that was last looked at.
    gossiping: HashSet<PeerId>,
}

impl ConnectionUse {
    /// A peer is connected.
    pub(super) fn begin(&mut self, peer: PeerId, now: Instant) {
        self.since.entry(peer).or_insert(now);
    }

    /// Gossip keeps the connections of these; looked at more often than a connection may be idle.
    pub(super) fn look(&mut self, gossiping: impl Iterator<Item = PeerId>) {
        self.gossiping = gossiping.filter(|peer| self.since.contains_key(peer)).collect();
    }

    /// The last connection to a peer ended; true if it cannot have been for want of use.
    pub(super) fn end(&mut self, peer: &PeerId, now: Instant) -> bool {
        let is_young = self.since.remove(peer).is_some_and(|since| now.duration_since(since) < IDLE_MAX);
        self.gossiping.remove(peer) || is_young
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_connection_that_may_have_been_idle_for_too_long_was_not_in_use() {
        let (mut uses, began) = (ConnectionUse::default(), Instant::now());
        let (early, late) = (began + IDLE_MAX - Duration::from_millis(1), began + IDLE_MAX);
        let [ada, ben, eve] = [(); 3].map(|()| PeerId::random());
        for peer in [ada, ben] {
            uses.begin(peer, began);
            uses.begin(peer, late);
        }
        uses.look([ada, eve].into_iter());
        assert!(uses.end(&ada, late), "gossip keeps it");
        assert!(!uses.end(&ben, late), "it may have been idle for all of its life");
        assert!(!uses.end(&eve, late), "it was never connected");
        uses.begin(ada, began);
        assert!(uses.end(&ada, early), "nothing is idle for longer than it is there");
        assert!(uses.since.is_empty() && uses.gossiping.is_empty(), "nobody is remembered who is gone");
    }

    #[test]
    fn what_gossip_kept_once_and_no_more_counts_no_more() {
        let (mut uses, began, ada) = (ConnectionUse::default(), Instant::now(), PeerId::random());
        uses.begin(ada, began);
        uses.look([ada].into_iter());
        uses.look([].into_iter());
        assert!(!uses.end(&ada, began + IDLE_MAX));
    }
}
