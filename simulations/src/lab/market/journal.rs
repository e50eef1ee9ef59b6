//! The barrier without a disk: what others can see waits for the records before it, and nobody reads those again unless
//! the market lets peers restart.
//!
//! **Invariant:** an effect is released only when every record saved before it is durable, and in the order in which the
//! effects came.

use std::collections::VecDeque;

use assay_market::{Effect, Record};

/// What of a peer's journal is needed.
#[derive(Debug, Default)]
pub(super) struct MarketJournal {
    saved: u64,
    durable: u64,
    /// Up to where the sync that is going on reaches.
    syncing: Option<u64>,
    /// What waits, each with the number of records it waits for.
    held: VecDeque<(u64, Effect)>,
    /// What a restart reads; nothing where nobody restarts.
    records: Option<Vec<Record>>,
}

impl MarketJournal {
    pub(super) fn new(is_kept: bool) -> Self {
        Self { records: is_kept.then(Vec::new), ..Self::default() }
    }

    /// Takes a record; true if a sync has to be started.
    pub(super) fn save(&mut self, record: Record) -> bool {
        self.saved += 1;
        self.records.iter_mut().for_each(|records| records.push(record.clone()));
        self.begin()
    }

    /// Keeps back what others can see until the records before it are durable; hands it back if they are.
    pub(super) fn hold(&mut self, effect: Effect) -> Option<Effect> {
        if self.durable == self.saved {
            return Some(effect);
        }
        self.held.push_back((self.saved, effect));
        None
    }

    /// Ends the sync that was going on; true if the next has to be started.
    pub(super) fn synced(&mut self) -> bool {
        self.durable = self.syncing.take().unwrap_or(self.durable);
        self.begin()
    }

    /// The next effect that waits for nothing any more.
    pub(super) fn release(&mut self) -> Option<Effect> {
        let (waits_for, _) = self.held.front()?;
        if *waits_for > self.durable {
            return None;
        }
        self.held.pop_front().map(|(_, effect)| effect)
    }

    /// True if every record is durable.
    #[cfg(test)]
    pub(super) fn is_durable(&self) -> bool {
        self.saved == self.durable
    }

    /// Forgets what was not durable, and what waited for it.
    pub(super) fn crash(&mut self) {
        self.records.iter_mut().for_each(|records| records.truncate(self.durable as usize));
        self.saved = self.durable;
        self.syncing = None;
        self.held.clear();
    }

    /// What a restart reads.
    pub(super) fn records(&self) -> &[Record] {
        self.records.as_deref().unwrap_or_default()
    }

    fn begin(&mut self) -> bool {
        let begins = self.syncing.is_none() && self.durable < self.saved;
        if begins {
            self.syncing = Some(self.saved);
        }
        begins
    }
}

#[cfg(test)]
mod tests {
    use assay_market::Steady;
    use assay_protocol::id::Digest;

    use super::*;

    fn record(number: u8) -> Record {
        Record::Beacon(Digest([number; 32]))
    }

    fn effect(number: u64) -> Effect {
        Effect::WakeAt(Steady(number))
    }

    #[test]
    fn what_follows_a_record_waits_for_the_sync_that_holds_it() {
        let mut journal = MarketJournal::new(true);
        assert!(journal.hold(effect(0)).is_some());
        assert!(journal.save(record(1)));
        assert!(journal.hold(effect(1)).is_none());
        assert!(!journal.save(record(2)));
        assert!(journal.hold(effect(2)).is_none());
        assert!(journal.release().is_none());
        assert!(journal.synced(), "the record that queued meanwhile is the next batch");
        assert!(matches!(journal.release(), Some(Effect::WakeAt(Steady(1)))));
        assert!(journal.release().is_none());
        journal.crash();
        assert_eq!(journal.records(), [record(1)]);
        assert!(journal.is_durable() && journal.release().is_none());
    }
}
