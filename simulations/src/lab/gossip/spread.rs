//! How long what is told to everybody takes to a peer, as the gossip of all hops gives it: what is drawn from where not each hop
//! is carried.
//!
//! **Invariant:** a table follows from the number of peers and the numbers of the gossip, and from nothing else.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Gossip, GossipParameters};
use crate::{kernel::Span, random::Stream};

/// A table is made of so many networks at least: what one gives is half as luck has it how long its ways are.
const NETWORKS_MIN: usize = 24;
/// Of few peers so many more that there are as many peers in all.
const PEERS_IN_ALL: usize = 4_096;
/// What is told in each of them.
const MESSAGES: u32 = 4;
/// More peers than this count as so many: each ten times as many are one hop further apart.
const PEERS_MAX: usize = 1_000;
/// Steps between the shortest and the longest time.
const STEPS: usize = 256;
/// Tables that are remembered.
const TABLES_MAX: usize = 64;

/// By how many peers, and the shortest and the longest way between two of them.
type TableKey = (usize, [Span; 2]);

/// The tables that were made in this process.
static TABLES: Mutex<BTreeMap<TableKey, Arc<SpreadTable>>> = Mutex::new(BTreeMap::new());

/// How long what is told to everybody takes: as many lengths of time as the table has steps, each as likely as the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpreadTable {
    nanos: Vec<u64>,
}

impl SpreadTable {
    /// Of a gossip among so many peers, by the numbers of the libp2p crate, over ways as long as that.
    #[must_use]
    pub fn of(peers: usize, latency: [Span; 2]) -> Arc<Self> {
        let key = (peers.clamp(2, PEERS_MAX), latency);
        // What whoever panicked left there is a table or none.
        let known = TABLES.lock().unwrap_or_else(PoisonError::into_inner).get(&key).map(Arc::clone);
        if let Some(table) = known {
            return table;
        }
        let table = Arc::new(Self::made(key, 1));
        let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        if tables.len() >= TABLES_MAX {
            tables.clear();
        }
        tables.insert(key, Arc::clone(&table));
        table
    }

    /// Of networks from this seed on.
    fn made((peers, latency): TableKey, first: u64) -> Self {
        let parameters = GossipParameters { latency, ..GossipParameters::LIBP2P };
        let networks = NETWORKS_MIN.max(PEERS_IN_ALL / peers) as u64;
        let delays = |seed| Gossip::new(seed, peers, parameters).delays(MESSAGES, MESSAGES);
        let mut nanos: Vec<u64> = (first..first + networks).flat_map(delays).map(|span| span.0).collect();
        nanos.sort_unstable();
        let last = nanos.len().saturating_sub(1);
        let step = |number: usize| nanos.get(number * last / STEPS).copied().unwrap_or_default();
        Self { nanos: (0..=STEPS).map(step).collect() }
    }

    /// The time that this share of all is not above, in parts of [`u64::MAX`].
    #[must_use]
    pub fn at(&self, share: u64) -> Span {
        let scaled = u128::from(share) * STEPS as u128;
        let (step, rest) = ((scaled >> 64) as usize, scaled as u64);
        let (low, high) = (self.nanos[step.min(STEPS)], self.nanos[(step + 1).min(STEPS)]);
        let more = (u128::from(high - low) * u128::from(rest)) >> 64;
        Span(low + more as u64)
    }

    /// Draws a time.
    pub fn draw(&self, luck: &mut Stream) -> Span {
        self.at(luck.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAYS: [Span; 2] = [Span::millis(5), Span::millis(40)];

    fn mean(table: &SpreadTable) -> f64 {
        let mut luck = Stream::new(1, "spread", 0);
        (0..20_000).map(|_| table.draw(&mut luck).0 as f64).sum::<f64>() / 20_000.0
    }

    /// Every hop of other networks than those that the table is made of.
    #[test]
    fn what_is_drawn_for_a_thousand_peers_is_what_all_hops_give_within_three_per_cent() {
        let (table, hops) = (SpreadTable::of(1_000, WAYS), SpreadTable::made((1_000, WAYS), 1_001));
        for share in [0.1, 0.25, 0.5, 0.75, 0.9, 0.99] {
            let share = (share * u64::MAX as f64) as u64;
            let [drawn, hop] = [table.at(share), hops.at(share)].map(|span| span.0 as f64);
            assert!((drawn / hop - 1.0).abs() < 0.03, "{share}: {drawn} and {hop}");
        }
        let delays = (1_001..1_025).flat_map(|seed| {
            let parameters = GossipParameters { latency: WAYS, ..GossipParameters::LIBP2P };
            Gossip::new(seed, 1_000, parameters).delays(MESSAGES, MESSAGES)
        });
        let (count, sum) = delays.fold((0.0, 0.0), |(count, sum), span| (count + 1.0, sum + span.0 as f64));
        assert!((mean(&table) / (sum / count) - 1.0).abs() < 0.03, "{} and {}", mean(&table), sum / count);
    }

    #[test]
    fn a_table_is_that_of_its_peers_and_ways_alone_and_grows_with_both() {
        let tables = [10, 100, 1_000].map(|peers| SpreadTable::of(peers, WAYS));
        assert!(tables.windows(2).all(|pair| mean(&pair[0]) < mean(&pair[1])));
        assert_eq!(SpreadTable::of(5_000, WAYS), tables[2]);
        assert_eq!(SpreadTable::made((10, WAYS), 1), *tables[0]);
        let far = SpreadTable::of(10, WAYS.map(|way| Span(way.0 * 10)));
        assert!(mean(&far) > 8.0 * mean(&tables[0]));
        let [least, middle, most] = [0, u64::MAX / 2, u64::MAX].map(|share| tables[0].at(share));
        assert!(least < middle && middle < most);
        assert_eq!(SpreadTable::of(1, WAYS), SpreadTable::of(2, WAYS));
    }
}
