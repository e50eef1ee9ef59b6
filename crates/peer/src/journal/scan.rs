//! Opening a journal: finding where the truth ends.
//!
//! A batch is written only after the batch before it is on the disk. So of all batches only the last can be incomplete
//! after a crash: short, or with sectors that were never written and read as zeros, early ones and late ones alike. A
//! disk writes a sector whole or not at all. What does not read as the next batch is therefore
//!
//! - a **torn tail**, which nobody was ever told of, if it is short or holds a sector of zeros, no whole batch stands
//!   behind it and it is no longer than a batch can be: it is cut off;
//! - **damage**, in all other cases: acknowledged records are gone, and the journal is refused with the place. A bit that
//!   turned in the last batch is damage too: were it cut off, the peer would forget what it has signed.
//!
//! Loss of whole batches from the end cannot be seen here. Whoever keeps the sequence elsewhere (the index, a checkpoint
//! that peers have seen) can tell: it is then ahead of the journal.
//!
//! **Invariant:** what is behind the returned end was never acknowledged.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
};

use assay_protocol::id::Digest;

use super::{
    BATCH_BYTES_MAX, OpenError, Owner,
    extent::Extent,
    format::{BatchError, HEADER_BYTES, Header, MAGIC, MARK_BYTES, PREFIX_BYTES},
};

/// What a disk writes whole or not at all. Most write more; none writes less.
pub(super) const SECTOR_BYTES: usize = 512;

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
pub(super) fn scan(file: &File, owner: Owner) -> Result<Scan, OpenError> {
    let length = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    let header = read_header(&mut reader)?;
    if header.owner.peer != owner.peer {
        return Err(OpenError::Foreign { owner: header.owner.peer });
    }
    if header.owner.network != owner.network {
        return Err(OpenError::OtherNetwork { network: header.owner.network });
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
    if is_torn(file, &header, extent.end, torn_bytes)? {
        Ok(Scan { header, last, extent, torn_bytes })
    } else {
        Err(OpenError::Damaged { offset: extent.end })
    }
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

/// Whether a crash can have left the bytes from `offset` on.
fn is_torn(mut file: &File, header: &Header, offset: u64, bytes: u64) -> io::Result<bool> {
    if bytes > (PREFIX_BYTES + BATCH_BYTES_MAX) as u64 {
        return Ok(false);
    }
    let mut rest = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(bytes).read_to_end(&mut rest)?;
    let mark = header.mark();
    let mut places = (1..rest.len()).filter(|&at| rest[at..].get(..MARK_BYTES) == Some(&mark[..]));
    let followed = places.any(|at| header.read_batch(&mut &rest[at..]).is_ok());
    Ok(!followed && (header.is_short(&rest) || lacks_a_sector(&rest, offset)))
}

/// Whether a sector, as far as it lies in these bytes at `offset` of the file, is all zeros.
fn lacks_a_sector(bytes: &[u8], offset: u64) -> bool {
    let into = usize::try_from(offset % SECTOR_BYTES as u64).unwrap_or(0);
    let (first, rest) = bytes.split_at(bytes.len().min(SECTOR_BYTES - into));
    let mut sectors = [first].into_iter().chain(rest.chunks(SECTOR_BYTES));
    sectors.any(|sector| sector.iter().all(|byte| *byte == 0))
}
