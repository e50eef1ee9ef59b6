//! The index, kept a step behind the journal.
//!
//! **Invariant:** rows are written only for records that are durable, so the index is never ahead of what it is made from.

use std::collections::VecDeque;

use assay_market::record::{ClientRecord, Record};
use assay_protocol::{
    codec,
    id::{Digest, JobId},
};

use crate::index::{Change, Index, IndexError, Table};

/// Records folded in at a time when the index is made anew.
const BATCH_RECORDS: usize = 1024;

/// The index and the rows that wait for the disk.
pub(crate) struct Shelf {
    index: Index,
    waiting: VecDeque<(u64, Vec<Change>)>,
}

impl Shelf {
    pub(crate) fn new(index: Index) -> Self {
        Self { index, waiting: VecDeque::new() }
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
        let changes = changes(record);
        if !changes.is_empty() {
            self.waiting.push_back((sequence, changes));
        }
    }

    /// Notes the receipt of a job that this notary closed: it belongs to the last record saved.
    pub(crate) fn note_receipt(&mut self, sequence: u64, job: JobId, receipt: Digest) {
        self.waiting.push_back((sequence, vec![filed(job, receipt)]));
    }

    /// Writes the rows of all records up to this one.
    pub(crate) fn settle(&mut self, durable: u64) -> Result<(), IndexError> {
        let ready = self.waiting.iter().take_while(|(sequence, _)| *sequence <= durable).count();
        if ready == 0 {
            return Ok(());
        }
        let changes: Vec<Change> = self.waiting.drain(..ready).flat_map(|(_, changes)| changes).collect();
        self.index.fold(durable, &changes)
    }

    /// Writes rows while the index is made anew, a good many at once.
    pub(crate) fn settle_many(&mut self, durable: u64) -> Result<(), IndexError> {
        if self.waiting.len() < BATCH_RECORDS { Ok(()) } else { self.settle(durable) }
    }

    /// Says that everything up to this record is in the index, and hands it to the disk.
    pub(crate) fn close(&mut self, durable: u64) -> Result<(), IndexError> {
        self.settle(durable)?;
        self.index.fold(durable, &[])?;
        self.index.flush()
    }

    /// The digest of a job's receipt.
    pub(crate) fn receipt(&self, job: &JobId) -> Option<Digest> {
        let row = self.index.get(Table::Receipts, job);
        let row = row.inspect_err(|error| tracing::warn!(%error, "a receipt cannot be looked up")).ok()??;
        row.try_into().ok().map(Digest)
    }
}

/// The rows that a record asks for.
fn changes(record: &Record) -> Vec<Change> {
    let Record::Client(record) = record else { return Vec::new() };
    match &**record {
        ClientRecord::Submitted(submission) => {
            let value = codec::encode(&submission.manifest.name);
            vec![Change { table: Table::Jobs, key: submission.key, value: Some(value) }]
        }
        ClientRecord::Closed { job, receipt, .. } => vec![filed(*job, *receipt)],
        ClientRecord::Ordered { .. }
        | ClientRecord::Agreed { .. }
        | ClientRecord::Ticketed(_)
        | ClientRecord::Dropped { .. }
        | ClientRecord::Delivered { .. }
        | ClientRecord::Failed { .. }
        | ClientRecord::Ended { .. }
        | ClientRecord::Cancelled { .. }
        | ClientRecord::Disputed { .. }
        | ClientRecord::NotDisputed { .. }
        | ClientRecord::Claimed(_)
        | ClientRecord::Contradicted { .. }
        | ClientRecord::Taken { .. } => Vec::new(),
    }
}

fn filed(job: JobId, receipt: Digest) -> Change {
    Change { table: Table::Receipts, key: job, value: Some(receipt.as_bytes().to_vec()) }
}
