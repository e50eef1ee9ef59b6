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
//! Only the last part can have a torn tail: a part is begun when all before it is on the disk.
//!
//! Loss of whole batches from the end cannot be seen here. Whoever keeps the sequence elsewhere (a snapshot, the index, a
//! checkpoint that peers have seen) can tell: it is then ahead of the journal.
//!
//! **Invariant:** what is behind the returned end was never acknowledged; parts that end before what is known already are
//! not read.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use assay_protocol::id::Digest;

use super::{
    BATCH_BYTES_MAX, Base, OpenError, Owner,
    extent::{Extent, PartPlace},
    format::{HEADER_BYTES, Header, MAGIC, MARK_BYTES, PREFIX_BYTES, RecordsError},
};

/// What a disk writes whole or not at all. Most write more; none writes less.
pub(super) const SECTOR_BYTES: usize = 512;

/// What a journal was found to hold.
pub(super) struct Scan {
    /// That of its last part.
    pub(super) header: Header,
    /// The digest that the next batch follows.
    pub(super) last: Digest,
    pub(super) extent: Extent,
    /// Bytes behind the end that belong to nothing.
    pub(super) torn_bytes: u64,
}

/// Reads a journal from what is known of it to its last byte; nothing, if it has no parts.
pub(super) fn scan(folder: &Path, owner: Owner, base: &Base) -> Result<Option<Scan>, OpenError> {
    let parts = PartPlace::list(folder)?;
    let Some(first) = parts.first() else { return Ok(None) };
    if first.first > base.records + 1 {
        return Err(OpenError::NoBeginning { first: first.first, known: base.records });
    }
    let begin = parts.partition_point(|place| place.first <= base.records + 1) - 1;
    let (mut known, mut at) = (Some(base.digest).filter(|_| parts[begin].first == base.records + 1), begin);
    loop {
        let (place, following) = (parts[at], parts.get(at + 1));
        let (header, part) = scan_part(folder, owner, place, known)?;
        let damaged = OpenError::Damaged { part: place.first, offset: part.end };
        match following {
            Some(next) if part.torn_bytes == 0 && part.place() == *next => known = Some(part.last),
            Some(_) => return Err(damaged),
            None => {
                let extent = Extent {
                    folder: folder.to_owned(),
                    records: part.records,
                    entries: part.entries,
                    end: part.end,
                    parts,
                };
                return Ok(Some(Scan { header, last: part.last, extent, torn_bytes: part.torn_bytes }));
            }
        }
        at += 1;
    }
}

/// What a part was found to hold.
struct ScannedPart {
    last: Digest,
    records: u64,
    entries: u64,
    end: u64,
    torn_bytes: u64,
}

impl ScannedPart {
    /// Where the next would begin.
    fn place(&self) -> PartPlace {
        PartPlace { first: self.records + 1, entries: self.entries }
    }
}

/// Reads one part, which follows the batch of this digest if that is known.
fn scan_part(
    folder: &Path,
    owner: Owner,
    place: PartPlace,
    known: Option<Digest>,
) -> Result<(Header, ScannedPart), OpenError> {
    let file = File::open(place.path(folder))?;
    let (length, mut reader) = (file.metadata()?.len(), BufReader::new(&file));
    let damaged = |offset| OpenError::Damaged { part: place.first, offset };
    let of_part = |error| if matches!(error, OpenError::Damaged { .. }) { damaged(0) } else { error };
    let header = read_header(&mut reader).map_err(of_part)?;
    if header.owner.peer != owner.peer {
        return Err(OpenError::Foreign { owner: header.owner.peer });
    }
    if header.owner.network != owner.network {
        return Err(OpenError::OtherNetwork { network: header.owner.network });
    }
    if header.place != place || known.is_some_and(|known| known != header.previous) {
        return Err(damaged(0));
    }
    let mut part = ScannedPart {
        last: header.digest(),
        records: place.first - 1,
        entries: place.entries,
        end: HEADER_BYTES as u64,
        torn_bytes: 0,
    };
    loop {
        match header.read_batch(&mut reader) {
            Ok(batch) if batch.previous == part.last => {
                part.last = batch.digest;
                part.records += batch.records.len() as u64;
                part.entries += batch.records.iter().filter(|record| record.is_entry).count() as u64;
                part.end += batch.bytes;
            }
            Ok(_) => return Err(damaged(part.end)),
            Err(RecordsError::End) => return Ok((header, part)),
            Err(RecordsError::Broken) => break,
            Err(RecordsError::Disk(error)) => return Err(error.into()),
        }
    }
    part.torn_bytes = length - part.end;
    if is_torn(&file, &header, part.end, part.torn_bytes)? {
        Ok((header, part))
    } else {
        Err(damaged(part.end))
    }
}

/// Reads what a part begins with.
pub(super) fn read_header(reader: &mut impl Read) -> Result<Header, OpenError> {
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
    Header::decode(&bytes).ok_or(OpenError::Damaged { part: 0, offset: 0 })
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
