//! How far the durable part of a journal goes, and where in it to start reading.
//!
//! **Invariant:** everything inside an extent is on the disk; its starts are batch boundaries in ascending order.

/// Bytes of file between two remembered starts: reading from any record starts at most so far before it.
const START_BYTES: u64 = 256 * 1024;

/// The part of the file that holds durable records.
#[derive(Debug)]
pub(super) struct Extent {
    /// Records in it. The last has this number; the first is 1.
    pub(super) records: u64,
    /// The byte behind it.
    pub(super) end: u64,
    starts: Vec<BatchStart>,
}

/// Where a batch begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchStart {
    /// Records in front of it.
    pub(super) before: u64,
    pub(super) offset: u64,
}

impl Extent {
    /// No records, behind a header of so many bytes.
    pub(super) fn new(header_bytes: u64) -> Self {
        let start = BatchStart { before: 0, offset: header_bytes };
        Self { records: 0, end: header_bytes, starts: vec![start] }
    }

    /// Takes in a batch that stands at the end.
    pub(super) fn grow(&mut self, records: u64, bytes: u64) {
        if self.starts.last().is_none_or(|start| self.end - start.offset >= START_BYTES) {
            self.starts.push(BatchStart { before: self.records, offset: self.end });
        }
        self.records += records;
        self.end += bytes;
    }

    /// The last remembered start in front of a record.
    pub(super) fn start_before(&self, sequence: u64) -> BatchStart {
        let after = self.starts.partition_point(|start| start.before < sequence);
        self.starts[after.saturating_sub(1)]
    }
}
