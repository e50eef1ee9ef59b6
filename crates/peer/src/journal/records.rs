//! Reading a journal back, record by record.
//!
//! **Invariant:** yields only durable records, each with the number it was appended under, in order and without a gap.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufReader, Read, Take},
    path::PathBuf,
    vec,
};

use super::{
    extent::{Extent, PartPlace},
    format::{Header, RecordsError, StoredRecord},
    scan::read_header,
};

/// Why a durable record could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes changed since they were written.
    #[error("the journal is damaged behind record {sequence}")]
    Damaged {
        /// The last record that could be read.
        sequence: u64,
    },
    /// The file could not be read.
    #[error("the journal cannot be read: {0}")]
    Disk(#[from] io::Error),
}

/// Durable records with their numbers. Holds one batch in memory at a time; blocks while it reads.
pub struct Records {
    folder: PathBuf,
    /// The parts that are still to be read.
    parts: VecDeque<PartPlace>,
    part: Option<(Header, Take<BufReader<File>>)>,
    batch: vec::IntoIter<StoredRecord>,
    /// The number of the last record taken out of a batch.
    sequence: u64,
    /// Entries up to there.
    entries: u64,
    from: ReadFrom,
    /// The last record there was when reading began, and where it ended.
    last: u64,
    end: u64,
    ended: bool,
}

/// What is wanted.
#[derive(Clone, Copy)]
pub(super) enum ReadFrom {
    /// Records from this number on.
    Record(u64),
    /// Entries from this one on; the first is 0.
    Entry(u64),
}

impl Records {
    pub(super) fn new(extent: &Extent, from: ReadFrom) -> Self {
        let parts = match from {
            ReadFrom::Record(first) => extent.parts_from_record(first),
            ReadFrom::Entry(first) => extent.parts_from_entry(first),
        };
        let begin = parts.first().copied().unwrap_or(PartPlace { first: 1, entries: 0 });
        Self {
            folder: extent.folder.clone(),
            parts: parts.iter().copied().collect(),
            part: None,
            batch: Vec::new().into_iter(),
            sequence: begin.first - 1,
            entries: begin.entries,
            from,
            last: extent.records,
            end: extent.end,
            ended: false,
        }
    }

    /// Reads the next batch, of the next part where one ends.
    fn read_batch(&mut self) -> Result<(), ReadError> {
        let damaged = ReadError::Damaged { sequence: self.sequence };
        loop {
            if let Some((header, reader)) = &mut self.part {
                match header.read_batch(reader) {
                    Ok(batch) => {
                        self.batch = batch.records.into_iter();
                        return Ok(());
                    }
                    Err(RecordsError::Disk(error)) => return Err(error.into()),
                    Err(RecordsError::End) => {}
                    Err(RecordsError::Broken) => return Err(damaged),
                }
            }
            let Some(place) = self.parts.pop_front() else { return Err(damaged) };
            if place.first != self.sequence + 1 {
                return Err(damaged);
            }
            let mut reader = BufReader::new(File::open(place.path(&self.folder))?);
            let Ok(header) = read_header(&mut reader) else { return Err(damaged) };
            let bytes = if self.parts.is_empty() { self.end } else { u64::MAX };
            self.part = Some((header, reader.take(bytes.saturating_sub(super::format::HEADER_BYTES as u64))));
        }
    }
}

impl Iterator for Records {
    type Item = Result<(u64, Vec<u8>), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended && self.sequence < self.last {
            let Some(record) = self.batch.next() else {
                if let Err(error) = self.read_batch() {
                    self.ended = true;
                    return Some(Err(error));
                }
                continue;
            };
            self.sequence += 1;
            self.entries += u64::from(record.is_entry);
            let is_wanted = match self.from {
                ReadFrom::Record(first) => self.sequence >= first,
                ReadFrom::Entry(first) => record.is_entry && self.entries > first,
            };
            if is_wanted {
                return Some(Ok((self.sequence, record.bytes)));
            }
        }
        None
    }
}
