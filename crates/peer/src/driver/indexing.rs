//! The index, kept a step behind the journal.
//!
//! **Invariant:** rows are written only for records that are durable, so the index is never ahead of what it is made from.

use std::collections::VecDeque;

use assay_market::record::{ClientRecord, Record};
use assay_protocol::id::{Digest, JobId};

use crate::index::{FiledReceipt, Index, IndexError};

/// Records folded in at a time when the index is made anew.
const BATCH_RECORDS: usize = 1024;
/// Records that the index may lie behind while no row waits: what it lies behind after a crash is taken for lost rows where
/// it is much.
const BEHIND_MAX: u64 = 64;

/// Why it cannot be said whether a job has a receipt.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unknowable {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the index lacks rows")]
    Incomplete,
}

/// The index and the rows that wait for the disk.
pub(crate) struct Indexing {
    index: Index,
    waiting: VecDeque<(u64, FiledReceipt)>,
    /// The last record that it was told of in this life.
    reached: u64,
    /// It failed: nothing more is written into it in this life, and the next one makes up for that.
    is_off: bool,
}

impl Indexing {
    pub(crate) fn new(index: Index) -> Self {
        Self { index, waiting: VecDeque::new(), reached: 0, is_off: false }
    }

    /// The last record that is in the index.
    pub(crate) fn sequence(&self) -> Result<u64, IndexError> {
        self.index.sequence()
    }

    /// Empties the index.
    pub(crate) fn clear(&self) -> Result<(), IndexError> {
        self.index.clear()
    }

    /// Notes a record that was saved under this number.
    pub(crate) fn note(&mut self, sequence: u64, record: &Record) {
        self.waiting.extend(row_of(record).map(|row| (sequence, row)));
    }

    /// Notes the receipt of a job that this notary closed: it belongs to the last record saved.
    pub(crate) fn note_receipt(&mut self, sequence: u64, job: JobId, receipt: Digest) {
        self.waiting.push_back((sequence, FiledReceipt { job, receipt }));
    }

    /// Writes the rows of all records up to this one.
    pub(crate) fn settle(&mut self, durable: u64) -> Result<(), IndexError> {
        let ready = self.waiting.iter().take_while(|(sequence, _)| *sequence <= durable).count();
        if ready == 0 && durable < self.reached + BEHIND_MAX {
            return Ok(());
        }
        let rows: Vec<FiledReceipt> = self.waiting.drain(..ready).map(|(_, row)| row).collect();
        if self.is_off {
            return Ok(());
        }
        self.reached = durable;
        let folded = self.index.fold(durable, &rows);
        self.is_off = folded.is_err();
        folded
    }

    /// Notes that all rows up to this durable record are there: what a snapshot stands for need not be read again for
    /// them.
    pub(crate) fn reach(&mut self, durable: u64) -> Result<(), IndexError> {
        self.settle(durable)?;
        if self.is_off || self.index.sequence()? >= durable {
            return Ok(());
        }
        self.index.fold(durable, &[])
    }

    /// The index, to be filled from receipts.
    pub(crate) fn index(&self) -> Index {
        self.index.clone()
    }

    /// Writes rows while the index is made anew, a good many at once.
    pub(crate) fn settle_many(&mut self, durable: u64) -> Result<(), IndexError> {
        if self.waiting.len() < BATCH_RECORDS { Ok(()) } else { self.settle(durable) }
    }

    /// Says that everything up to this record is in the index, and hands it to the disk.
    pub(crate) fn close(&mut self, durable: u64) -> Result<(), IndexError> {
        self.settle(durable)?;
        if self.is_off {
            return Ok(());
        }
        self.index.fold(durable, &[])?;
        self.index.flush()
    }

    /// The digest of a job's receipt, if there is one; what cannot be known now is an error.
    pub(crate) fn recall(&self, job: &JobId) -> Result<Option<Digest>, Unknowable> {
        let found = self.receipt_of(job)?;
        match found.is_none() && (self.is_off || self.index.is_incomplete()?) {
            true => Err(Unknowable::Incomplete),
            false => Ok(found),
        }
    }

    fn receipt_of(&self, job: &JobId) -> Result<Option<Digest>, IndexError> {
        match self.waiting.iter().rfind(|(_, row)| row.job == *job) {
            Some((_, row)) => Ok(Some(row.receipt)),
            None => self.index.receipt(job),
        }
    }

    /// The digest of a job's receipt.
    pub(crate) fn receipt(&self, job: &JobId) -> Option<Digest> {
        let found = self.index.receipt(job);
        found.inspect_err(|error| tracing::warn!(%error, "a receipt cannot be looked up")).ok()?
    }
}

/// The row that a record asks for.
fn row_of(record: &Record) -> Option<FiledReceipt> {
    let Record::Client(record) = record else { return None };
    let ClientRecord::Closed { job, receipt, .. } = &**record else { return None };
    Some(FiledReceipt { job: *job, receipt: *receipt })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_without_rows_is_never_far_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mut indexing = Indexing::new(Index::open(folder.path()).unwrap().index);
        for durable in 1..=3 * BEHIND_MAX {
            indexing.settle(durable).unwrap();
            assert!(indexing.sequence().unwrap() + BEHIND_MAX > durable, "{durable}");
        }
    }

    #[test]
    fn what_an_index_lacks_is_not_taken_for_what_never_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut indexing = Indexing::new(Index::open(folder.path()).unwrap().index);
        let [known, waiting, lacking] = [1, 2, 3].map(|number| Digest([number; 32]));
        indexing.note_receipt(1, known, known);
        indexing.settle(1).unwrap();
        indexing.note_receipt(2, waiting, waiting);
        assert_eq!(indexing.recall(&lacking).unwrap(), None, "the index is whole");
        indexing.index().note_missing().unwrap();
        assert!(matches!(indexing.recall(&lacking), Err(Unknowable::Incomplete)));
        for job in [known, waiting] {
            assert_eq!(indexing.recall(&job).unwrap(), Some(job));
        }
    }
}
