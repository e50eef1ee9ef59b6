//! A peer's journal in memory, with the barrier: what others can see waits for the records before it.
//!
//! One sync at a time; what queued during it is the next batch.
//!
//! **Invariant:** an effect is released only when every record saved before it is durable, and in the order in which
//! the effects came.

use std::collections::VecDeque;

use assay_market::{Effect, Record, record::RECORD_BYTES_MAX};
use assay_protocol::codec;

/// A peer's journal.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// Every record as bytes: the durable ones first.
    records: Vec<Vec<u8>>,
    durable: usize,
    /// Up to where the sync that is going on reaches.
    syncing: Option<usize>,
    /// What waits, each with the number of records it waits for.
    held: VecDeque<(usize, Effect)>,
}

impl Disk {
    /// Takes a record; true if a sync has to be started.
    pub(super) fn save(&mut self, record: &Record) -> bool {
        let bytes = codec::encode(record);
        assert!(bytes.len() <= RECORD_BYTES_MAX, "a record of {} bytes does not fit a journal", bytes.len());
        self.records.push(bytes);
        self.begin()
    }

    /// The bytes of the record that was saved last.
    pub(super) fn last(&self) -> &[u8] {
        self.records.last().map_or(&[], Vec::as_slice)
    }

    /// Keeps back what others can see until the records before it are durable; hands it back if they are.
    pub(super) fn hold(&mut self, effect: Effect) -> Option<Effect> {
        if self.durable == self.records.len() {
            return Some(effect);
        }
        self.held.push_back((self.records.len(), effect));
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

    /// Drops what only memory knew. The records that were not durable are lost, or are not, as luck has it.
    pub(super) fn crash(&mut self, lost: bool) {
        if lost {
            self.records.truncate(self.durable);
        }
        self.durable = self.records.len();
        self.syncing = None;
        self.held.clear();
    }

    /// The records that are durable.
    pub(super) fn copy(&self) -> Vec<Vec<u8>> {
        self.records[..self.durable].to_vec()
    }

    /// Puts these records, all durable, in the place of all others; nothing may be going on.
    pub(super) fn overwrite(&mut self, records: Vec<Vec<u8>>) {
        assert!(self.syncing.is_none() && self.held.is_empty(), "a disk in use was overwritten");
        self.durable = records.len();
        self.records = records;
    }

    /// How many records there are, durable or not.
    pub(super) fn saved(&self) -> u64 {
        self.records.len() as u64
    }

    /// How many records are durable.
    pub(super) fn durable(&self) -> u64 {
        self.durable as u64
    }

    /// What a restart reads back after a crash that lost nothing.
    pub(super) fn records(&self) -> Vec<Record> {
        let read = |bytes: &Vec<u8>| match codec::decode(bytes, RECORD_BYTES_MAX) {
            Ok(record) => record,
            Err(error) => unreachable!("a record does not read back: {error}"),
        };
        self.records.iter().map(read).collect()
    }

    fn begin(&mut self) -> bool {
        let begins = self.syncing.is_none() && self.durable < self.records.len();
        if begins {
            self.syncing = Some(self.records.len());
        }
        begins
    }
}

#[cfg(test)]
mod tests {
    use assay_market::{Steady, effect::Effect};
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
        let mut disk = Disk::default();
        assert!(disk.hold(effect(0)).is_some());
        assert!(disk.save(&record(1)));
        assert!(disk.hold(effect(1)).is_none());
        assert!(!disk.save(&record(2)));
        assert!(disk.hold(effect(2)).is_none());
        assert!(disk.release().is_none());
        assert!(disk.synced(), "the record that queued meanwhile is the next batch");
        assert!(matches!(disk.release(), Some(Effect::WakeAt(Steady(1)))));
        assert!(disk.release().is_none());
        assert!(!disk.synced());
        assert!(matches!(disk.release(), Some(Effect::WakeAt(Steady(2)))));
    }

    #[test]
    fn a_crash_loses_what_was_not_synced_and_what_waited_for_it() {
        for (lost, left) in [(true, 1), (false, 2)] {
            let mut disk = Disk::default();
            disk.save(&record(1));
            disk.synced();
            disk.save(&record(2));
            assert!(disk.hold(effect(1)).is_none());
            disk.crash(lost);
            assert_eq!(disk.records(), [record(1), record(2)][..left]);
            assert!(disk.release().is_none());
        }
    }
}
