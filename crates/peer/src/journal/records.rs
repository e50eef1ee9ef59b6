//! Reading a journal back, record by record.
//!
//! **Invariant:** yields only durable records, each with the number it was appended under, in order and without a gap.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Take},
    path::Path,
    sync::Mutex,
    vec,
};

use super::{
    extent::Extent,
    format::{BatchError, Header},
    writer::lock,
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

/// Durable records with their sequences. Holds one batch in memory at a time; blocks while it reads.
pub struct Records {
    reader: Take<BufReader<File>>,
    header: Header,
    batch: vec::IntoIter<Vec<u8>>,
    /// The sequence of the last record taken out of a batch.
    sequence: u64,
    first: u64,
    /// The last record there was when reading began.
    last: u64,
    ended: bool,
}

impl Records {
    pub(super) fn new(path: &Path, header: Header, extent: &Mutex<Extent>, first: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let (place, end, last) = {
            let extent = lock(extent);
            (extent.start_before(first), extent.end, extent.records)
        };
        file.seek(SeekFrom::Start(place.offset))?;
        let reader = BufReader::new(file).take(end - place.offset);
        let (batch, sequence) = (Vec::new().into_iter(), place.before);
        Ok(Self { reader, header, batch, sequence, first, last, ended: false })
    }

    fn read_batch(&mut self) -> Result<(), ReadError> {
        let sequence = self.sequence;
        let batch = self.header.read_batch(&mut self.reader).map_err(|error| match error {
            BatchError::Disk(error) => ReadError::Disk(error),
            BatchError::End | BatchError::Broken => ReadError::Damaged { sequence },
        })?;
        self.batch = batch.records.into_iter();
        Ok(())
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
            if self.sequence >= self.first {
                return Some(Ok((self.sequence, record)));
            }
        }
        None
    }
}
