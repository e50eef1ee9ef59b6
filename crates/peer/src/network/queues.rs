//! Messages for others that wait until earlier ones have arrived.
//!
//! **Invariant:** to each peer at most `IN_FLIGHT_MAX` messages are on their way, and what waits for all peers together
//! has at most `WAITING_BYTES_MAX` bytes.

use std::collections::{HashMap, VecDeque};

use assay_protocol::id::PeerId;

/// Messages to one peer on their way at a time.
pub(super) const IN_FLIGHT_MAX: usize = 32;
/// Messages that may wait for one peer.
const WAITING_MAX: usize = 1024;
/// Bytes of messages that may wait for all peers.
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The messages of all peers.
#[derive(Default)]
pub(super) struct SendQueues {
    queues: HashMap<PeerId, PeerQueue>,
    waiting_bytes: usize,
}

#[derive(Default)]
struct PeerQueue {
    in_flight: usize,
    waiting: VecDeque<Vec<u8>>,
}

/// What to do with a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Posted {
    /// Send it now.
    Send(Vec<u8>),
    /// It waits.
    Waits,
    /// There is no room for it.
    Full,
}

impl SendQueues {
    /// Takes a message.
    pub(super) fn post(&mut self, to: PeerId, message: Vec<u8>) -> Posted {
        let queue = self.queues.entry(to).or_default();
        if queue.in_flight < IN_FLIGHT_MAX {
            queue.in_flight += 1;
            return Posted::Send(message);
        }
        let bytes = self.waiting_bytes + message.len();
        if queue.waiting.len() >= WAITING_MAX || bytes > WAITING_BYTES_MAX {
            return Posted::Full;
        }
        self.waiting_bytes = bytes;
        queue.waiting.push_back(message);
        Posted::Waits
    }

    /// A message has arrived or failed: the next to send to this peer, if one waits.
    pub(super) fn done(&mut self, to: PeerId) -> Option<Vec<u8>> {
        let queue = self.queues.get_mut(&to)?;
        if let Some(next) = queue.waiting.pop_front() {
            self.waiting_bytes -= next.len();
            return Some(next);
        }
        queue.in_flight -= 1;
        if queue.in_flight == 0 {
            self.queues.remove(&to);
        }
        None
    }

    /// Gives up what waits for a peer that cannot be reached, and says how many messages that were.
    pub(super) fn give_up(&mut self, to: PeerId) -> usize {
        let waiting = self.queues.get_mut(&to).map(|queue| std::mem::take(&mut queue.waiting));
        let given_up = waiting.unwrap_or_default();
        self.waiting_bytes -= given_up.iter().map(Vec::len).sum::<usize>();
        given_up.len()
    }

    /// Whether everything has arrived or failed.
    pub(super) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u16) -> Vec<u8> {
        [&number.to_le_bytes()[..], &[0; 64 * 1024 - 2]].concat()
    }

    #[test]
    fn messages_wait_in_order_for_a_place_and_within_bounds() {
        let (mut queues, peer) = (SendQueues::default(), PeerId([1; 32]));
        let posted: Vec<_> = (0..400).map(|number| queues.post(peer, message(number))).collect();
        let count = |of: fn(&Posted) -> bool| posted.iter().filter(|posted| of(posted)).count();
        let waiting = WAITING_BYTES_MAX / message(0).len();
        assert_eq!(count(|posted| matches!(posted, Posted::Send(_))), IN_FLIGHT_MAX);
        assert_eq!(count(|posted| *posted == Posted::Waits), waiting);
        assert_eq!(queues.done(peer), Some(message(IN_FLIGHT_MAX as u16)));
        assert_eq!(queues.give_up(peer), waiting - 1);
        assert_eq!(queues.waiting_bytes, 0);
        assert!((0..IN_FLIGHT_MAX).all(|_| !queues.is_empty() && queues.done(peer).is_none()));
        assert!(queues.is_empty());
    }
}
