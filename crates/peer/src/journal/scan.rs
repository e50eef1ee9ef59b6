//! Opening a journal: finding where the truth ends.
//!
//! A batch is written only after the batch before it is on the disk. So of all batches only the last can be incomplete
//! after a crash, in any way: short, with zeros, or with its later pages there and its earlier ones not. What does not
//! read as the next batch is therefore
//!
//! - a **torn tail**, which nobody was ever told of, if no whole batch stands behind it and it is no longer than a
//!   batch can be: it is cut off;
//! - **damage**, in all other cases: acknowledged records are gone, and the journal is refused with the place.
//!
//! Damage to the very last batch looks like a torn tail. Whoever keeps the sequence elsewhere (the index, a checkpoint
//! that peers have seen) can tell: it is then ahead of the journal.
//!
//! **Invariant:** what is behind the returned end was never acknowledged.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
};

use assay_protocol::id::{Digest, PeerId};

use super::{
    BATCH_BYTES_MAX, OpenError,
    extent::Extent,
    format::{BatchError, HEADER_BYTES, Header, MAGIC, MARK_BYTES, PREFIX_BYTES},
};

/// What a file was found to hold.
pub(super) struct Scan {
    pub(super) header: Header,
    /// The digest that the next batch follows.
    pub(super) last: Digest,
    pub(super) extent: Extent,
    /// Bytes behind the end that belong to nothing.
    pub(super) torn_bytes: u64,
}

/// Reads a journal from its first byte to its last.
pub(super) fn scan(file: &File, peer: PeerId) -> Result<Scan, OpenError> {
    let length = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    let header = read_header(&mut reader)?;
    if header.peer != peer {
        return Err(OpenError::Foreign { owner: header.peer });
    }
    let (mut last, mut extent) = (header.digest(), Extent::new(HEADER_BYTES as u64));
    loop {
        match header.read_batch(&mut reader) {
            Ok(batch) if batch.previous == last => {
                last = batch.digest;
                extent.grow(batch.records.len() as u64, batch.bytes);
            }
            Ok(_) => return Err(OpenError::Damaged { offset: extent.end }),
            Err(BatchError::End) => return Ok(Scan { header, last, extent, torn_bytes: 0 }),
            Err(BatchError::Broken) => break,
            Err(BatchError::Disk(error)) => return Err(error.into()),
        }
    }
    let torn_bytes = length - extent.end;
    if holds_more_than_a_torn_batch(file, &header, extent.end, torn_bytes)? {
        return Err(OpenError::Damaged { offset: extent.end });
    }
    Ok(Scan { header, last, extent, torn_bytes })
}

fn read_header(reader: &mut impl Read) -> Result<Header, OpenError> {
    let mut bytes = [0; HEADER_BYTES];
    match reader.read_exact(&mut bytes) {
        Ok(()) => {}
        // A header gets its name only when it is whole, so a short file is no journal that a crash left behind.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(OpenError::NotAJournal),
        Err(error) => return Err(error.into()),
    }
    if bytes[..MAGIC.len()] != *MAGIC {
        return Err(OpenError::NotAJournal);
    }
    Header::decode(&bytes).ok_or(OpenError::Damaged { offset: 0 })
}

fn holds_more_than_a_torn_batch(
    mut file: &File,
    header: &Header,
    offset: u64,
    bytes: u64,
) -> io::Result<bool> {
    if bytes > (PREFIX_BYTES + BATCH_BYTES_MAX) as u64 {
        return Ok(true);
    }
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(bytes).read_to_end(&mut rest)?;
    let mark = header.mark();
    let mut places = (1..rest.len()).filter(|&at| rest[at..].get(..MARK_BYTES) == Some(&mark[..]));
    Ok(places.any(|at| header.read_batch(&mut &rest[at..]).is_ok()))
}
