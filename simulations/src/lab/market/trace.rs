//! A digest of everything that happens in a market, in the order in which it does, that costs next to nothing.
//!
//! It takes when what happens to whom, how much each brain wants, and the name of each entry in the books: that stands for
//! every statement that ever counted.

use assay_protocol::id::Digest;

use super::event::{Happens, MarketEvent, Matter};
use crate::kernel::Instant;

/// Odd numbers with as many ones as noughts.
const FACTORS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93];

/// The running digest.
#[derive(Debug, Default)]
pub(super) struct MarketTrace {
    lanes: [u64; 2],
    events: u64,
}

impl MarketTrace {
    pub(super) fn digest(&self) -> String {
        self.lanes.iter().map(|lane| format!("{lane:016x}")).collect()
    }

    pub(super) fn events(&self) -> u64 {
        self.events
    }

    pub(super) fn event(&mut self, now: Instant, event: &MarketEvent, matter: Option<&Matter>) {
        self.events += 1;
        let label = match event.what {
            Happens::Comes | Happens::Wants | Happens::GoesOn => matter.map_or(0, Matter::label),
            Happens::Rings => b'r',
            Happens::Syncs => b's',
            Happens::Starts => b'S',
        };
        self.fold(now.0);
        self.fold(u64::from(event.place) << 32 | u64::from(event.life) << 8 | u64::from(label));
    }

    /// A brain wants so many things.
    pub(super) fn thought(&mut self, effects: usize) {
        self.fold(effects as u64);
    }

    /// An entry comes into the books behind the one with this name.
    pub(super) fn entry(&mut self, previous: &Digest) {
        self.fold(previous.0.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte)));
    }

    fn fold(&mut self, word: u64) {
        for (lane, factor) in self.lanes.iter_mut().zip(FACTORS) {
            let mixed = (*lane ^ word).wrapping_mul(factor);
            *lane = mixed ^ (mixed >> 29) ^ factor.rotate_left(17);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_taken_in_changes_the_digest_and_so_does_its_order() {
        let event = MarketEvent { place: 1, number: 2, life: 3, what: Happens::Rings };
        let steps: [&dyn Fn(&mut MarketTrace); 6] = [
            &|trace| trace.event(Instant(1), &event, None),
            &|trace| trace.event(Instant(2), &event, None),
            &|trace| trace.event(Instant(1), &MarketEvent { place: 2, ..event }, None),
            &|trace| trace.event(Instant(1), &MarketEvent { what: Happens::Syncs, ..event }, None),
            &|trace| trace.thought(7),
            &|trace| trace.entry(&Digest([9; 32])),
        ];
        let digest = |order: &[usize]| {
            let mut trace = MarketTrace::default();
            order.iter().for_each(|step| steps[*step](&mut trace));
            trace.digest()
        };
        let mut seen: Vec<String> = (0..6).map(|step| digest(&[step])).collect();
        seen.extend([digest(&[]), digest(&[0, 4]), digest(&[4, 0]), digest(&[4, 4])]);
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }
}
