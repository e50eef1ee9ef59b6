//! The messages that go round: who has each, who asked for it, and whether anybody still speaks of it.
//!
//! **Invariant:** the number of a message is given to another only once nothing that is under way and nobody's word names it.

use crate::kernel::Instant;

/// One message.
#[derive(Clone, Copy, Debug)]
struct GossipMessage {
    source: u32,
    begun: Instant,
    /// How often it is named: by what is under way, and by those that tell of it.
    named: u32,
}

/// All of them, by their numbers.
#[derive(Debug)]
pub(super) struct GossipMessages {
    /// Words of 64 bits that hold one for each peer.
    words: usize,
    messages: Vec<GossipMessage>,
    /// By message, a bit for each peer that has it, and one for each that asked for it.
    seen: Vec<u64>,
    asked: Vec<u64>,
    free: Vec<u32>,
}

impl GossipMessages {
    /// None, among so many peers.
    pub(super) fn new(peers: usize) -> Self {
        let words = peers.div_ceil(64);
        Self { words, messages: Vec::new(), seen: Vec::new(), asked: Vec::new(), free: Vec::new() }
    }

    /// A message of this source, which is named once from now on.
    pub(super) fn begin(&mut self, source: u32, begun: Instant) -> u32 {
        let message = GossipMessage { source, begun, named: 1 };
        if let Some(number) = self.free.pop() {
            self.messages[number as usize] = message;
            let (from, to) = (number as usize * self.words, (number as usize + 1) * self.words);
            self.seen[from..to].fill(0);
            self.asked[from..to].fill(0);
            return number;
        }
        self.messages.push(message);
        self.seen.resize(self.messages.len() * self.words, 0);
        self.asked.resize(self.messages.len() * self.words, 0);
        self.messages.len() as u32 - 1
    }

    pub(super) fn source(&self, message: u32) -> u32 {
        self.messages[message as usize].source
    }

    pub(super) fn begun(&self, message: u32) -> Instant {
        self.messages[message as usize].begun
    }

    /// It is named once more.
    pub(super) fn name(&mut self, message: u32) {
        self.messages[message as usize].named += 1;
    }

    /// It is named once less.
    pub(super) fn let_go(&mut self, message: u32) {
        let named = &mut self.messages[message as usize].named;
        *named -= 1;
        if *named == 0 {
            self.free.push(message);
        }
    }

    /// A peer has it from now on; true if it had not.
    pub(super) fn mark(&mut self, peer: u32, message: u32) -> bool {
        let (word, bit) = self.place(peer, message);
        let is_new = self.seen[word] & bit == 0;
        self.seen[word] |= bit;
        is_new
    }

    /// A peer hears of it; true if it neither has it nor has asked for it.
    pub(super) fn lacks(&mut self, peer: u32, message: u32) -> bool {
        let (word, bit) = self.place(peer, message);
        let lacks = (self.seen[word] | self.asked[word]) & bit == 0;
        self.asked[word] |= bit;
        lacks
    }

    /// What a peer asked for does not come, so that it asks again.
    pub(super) fn misses(&mut self, peer: u32, message: u32) {
        let (word, bit) = self.place(peer, message);
        self.asked[word] &= !bit;
    }

    fn place(&self, peer: u32, message: u32) -> (usize, u64) {
        (message as usize * self.words + peer as usize / 64, 1 << (peer % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_given_out_again_once_nothing_names_its_message_and_nobody_has_the_next_one() {
        let mut messages = GossipMessages::new(100);
        let [first, second] = [7, 8].map(|source| messages.begin(source, Instant(1)));
        messages.name(first);
        assert!(messages.mark(70, first) && !messages.mark(70, first) && messages.mark(70, second));
        assert!(messages.lacks(3, first) && !messages.lacks(3, first) && !messages.lacks(70, first));
        messages.misses(3, first);
        assert!(messages.lacks(3, first));
        messages.let_go(first);
        assert_ne!(messages.begin(9, Instant(2)), first, "it is still named");
        messages.let_go(first);
        assert_eq!(messages.begin(10, Instant(3)), first);
        assert_eq!((messages.source(first), messages.begun(first)), (10, Instant(3)));
        assert!(messages.mark(70, first) && messages.lacks(3, first) && !messages.mark(70, second));
    }
}
