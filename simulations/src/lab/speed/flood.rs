//! A flood: whoever hears of a message for the first time tells everybody it knows. It is what SimPy is asked for as well.

use crate::{
    kernel::Span,
    lab::{calendar::Calendar, distribution::exponential},
    random::Stream,
};

/// Peers.
const PEERS: u64 = 1_000;
/// Whom each of them knows.
const KNOWN: usize = 12;
/// Messages, one after another.
const MESSAGES: u64 = 50;
/// The mean time that a hop takes, in nanoseconds.
const HOP: f64 = 5e7;

/// Lets all messages go round; how many hops that were.
pub(super) fn hops() -> u64 {
    let mut luck = Stream::new(1, "flood", 0);
    let known: Vec<Vec<u32>> =
        (0..PEERS).map(|_| (0..KNOWN).map(|_| luck.below(PEERS) as u32).collect()).collect();
    let mut hops = 0;
    for message in 0..MESSAGES {
        let mut calendar = Calendar::default();
        let mut heard = vec![false; known.len()];
        calendar.after(Span::ZERO, (message % PEERS) as u32);
        while let Some(peer) = calendar.pop() {
            hops += 1;
            if core::mem::replace(&mut heard[peer as usize], true) {
                continue;
            }
            for other in &known[peer as usize] {
                calendar.after(Span((exponential(&mut luck) * HOP) as u64), *other);
            }
        }
    }
    hops
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_hears_of_a_message_tells_all_whom_it_knows_and_hardly_anybody_is_known_to_nobody() {
        let hops = hops();
        let most = MESSAGES * (1 + PEERS * KNOWN as u64);
        assert!(hops <= most && hops > most / 100 * 99, "{hops} of {most}");
    }
}
