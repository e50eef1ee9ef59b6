//! The bytes of a part of a journal: a header, then batches.
//!
//! ```text
//! header  magic 16 · peer 32 · network 32 · key 32 · first record 8 · entries before 8 · digest of the batch before 32
//!         · BLAKE3 of the 160 bytes before
//! batch   mark 8 · digest of the batch before 32 · digest 32 · records 4 · body length 4 · check 4 · body
//! body    record after record: length 4, its highest bit set in an entry · bytes
//! ```
//!
//! Whole numbers are little-endian. The digest of a batch is keyed and covers the digest before it, both numbers and the
//! body; the first batch follows the digest of the header, which names the last one of the part before. The check is keyed
//! too and covers the length alone, so that a batch whose end is missing is told from one whose length was changed. The
//! key is random and stays in this file, so nobody whose words are recorded can word them so that they look like a batch.
//!
//! **Invariant:** a batch is there in whole or not at all, and says which batch it follows.

use std::io::{self, Read};

use assay_protocol::id::{Digest, PeerId};

use super::{BATCH_BYTES_MAX, Base, Owner, RECORD_BYTES_MAX, extent::PartPlace};

/// What every journal of this version begins with.
pub(super) const MAGIC: &[u8; 16] = b"assay journal 3\n";
/// Bytes in a header.
pub(super) const HEADER_BYTES: usize = 192;
/// Bytes in front of the body of a batch.
pub(super) const PREFIX_BYTES: usize = 84;
/// Bytes in the mark that a batch begins with.
pub(super) const MARK_BYTES: usize = 8;
/// Bytes that the length of a record takes.
pub(super) const LENGTH_BYTES: usize = 4;

/// Set in the length of a record that is an entry.
const ENTRY: u32 = 1 << 31;

/// Where in a prefix the length of the body stands.
const LENGTH_AT: usize = 76;

/// Where in a prefix the check of that length stands.
const CHECK_AT: usize = 80;

/// Who the journal belongs to, the key of its digests, and what stands before this part of it.
#[derive(Clone)]
pub(super) struct Header {
    pub(super) owner: Owner,
    key: [u8; 32],
    /// Where it begins.
    pub(super) place: PartPlace,
    /// The digest of the last batch before; none in front of the first.
    pub(super) previous: Digest,
}

/// A record as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredRecord {
    pub(super) bytes: Vec<u8>,
    /// It is counted among the entries.
    pub(super) is_entry: bool,
}

impl Header {
    /// That of a new journal, behind what is known of one before.
    pub(super) fn new(owner: Owner, key: [u8; 32], base: &Base) -> Self {
        let place = PartPlace { first: base.records + 1, entries: base.entries };
        Self { owner, key, place, previous: base.digest }
    }

    /// That of the next part.
    pub(super) fn next(&self, place: PartPlace, previous: Digest) -> Self {
        Self { place, previous, ..self.clone() }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let (Owner { peer, network }, PartPlace { first, entries }) = (&self.owner, self.place);
        let mut bytes = [&MAGIC[..], peer.as_bytes(), network.as_bytes(), &self.key].concat();
        bytes.extend([first.to_le_bytes(), entries.to_le_bytes()].concat());
        bytes.extend(self.previous.as_bytes());
        bytes.extend(Digest::of(&bytes).as_bytes());
        bytes
    }

    /// The header that the bytes are, unless they were changed.
    pub(super) fn decode(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let owner = Owner { peer: PeerId(part(bytes, 16)), network: Digest(part(bytes, 48)) };
        let number = |at| u64::from_le_bytes(part(bytes, at));
        let place = PartPlace { first: number(112), entries: number(120) };
        let header = Self { owner, key: part(bytes, 80), place, previous: Digest(part(bytes, 128)) };
        (header.encode() == bytes).then_some(header)
    }

    /// What the first batch follows.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(&self.encode())
    }

    /// What every batch of this journal begins with. Only a hint where to look: the digest proves.
    pub(super) fn mark(&self) -> [u8; MARK_BYTES] {
        part(blake3::keyed_hash(&self.key, b"mark").as_bytes(), 0)
    }

    /// The batch of these records, ready to be written, and its digest.
    pub(super) fn encode_batch(&self, previous: Digest, records: &[StoredRecord]) -> (Vec<u8>, Digest) {
        let body_bytes = records.iter().map(|record| LENGTH_BYTES + record.bytes.len()).sum::<usize>();
        let mut bytes = vec![0; PREFIX_BYTES];
        bytes.reserve_exact(body_bytes);
        for record in records {
            let mark = if record.is_entry { ENTRY } else { 0 };
            let length = u32::try_from(record.bytes.len()).unwrap_or(u32::MAX);
            bytes.extend((length | mark).to_le_bytes());
            bytes.extend(&record.bytes);
        }
        let (records, length) = (number(records.len()), number(body_bytes));
        let digest = self.batch_digest(previous, records, length, &bytes[PREFIX_BYTES..]);
        let check = self.check(length);
        let prefix =
            [&self.mark()[..], previous.as_bytes(), digest.as_bytes(), &records, &length, &check].concat();
        bytes[..PREFIX_BYTES].copy_from_slice(&prefix);
        (bytes, digest)
    }

    /// Whether these bytes, at the end of a file, are the beginning of a longer batch.
    pub(super) fn is_short(&self, batch: &[u8]) -> bool {
        if batch.len() < PREFIX_BYTES {
            return true;
        }
        let length = part(batch, LENGTH_AT);
        let body_bytes = u32::from_le_bytes(length) as usize;
        part(batch, CHECK_AT) == self.check(length) && batch.len() - PREFIX_BYTES < body_bytes
    }

    /// Reads the next batch.
    pub(super) fn read_batch(&self, from: &mut impl Read) -> Result<Batch, RecordsError> {
        let mut prefix = [0; PREFIX_BYTES];
        let read = read_up_to(from, &mut prefix)?;
        if read == 0 {
            return Err(RecordsError::End);
        }
        let (records, length) = (part(&prefix, 72), part(&prefix, LENGTH_AT));
        let body_bytes = u32::from_le_bytes(length) as usize;
        let begins = read == PREFIX_BYTES
            && prefix[..MARK_BYTES] == self.mark()
            && part(&prefix, CHECK_AT) == self.check(length);
        if !begins || body_bytes > BATCH_BYTES_MAX {
            return Err(RecordsError::Broken);
        }
        let mut body = vec![0; body_bytes];
        let whole = read_up_to(from, &mut body)? == body_bytes;
        let (previous, digest) = (Digest(part(&prefix, 8)), Digest(part(&prefix, 40)));
        if !whole || self.batch_digest(previous, records, length, &body) != digest {
            return Err(RecordsError::Broken);
        }
        let records = split(&body, u32::from_le_bytes(records)).ok_or(RecordsError::Broken)?;
        Ok(Batch { previous, digest, records, bytes: (PREFIX_BYTES + body_bytes) as u64 })
    }

    fn check(&self, length: [u8; LENGTH_BYTES]) -> [u8; LENGTH_BYTES] {
        part(blake3::keyed_hash(&self.key, &[&b"length"[..], &length].concat()).as_bytes(), 0)
    }

    fn batch_digest(&self, previous: Digest, records: [u8; 4], length: [u8; 4], body: &[u8]) -> Digest {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(previous.as_bytes()).update(&records).update(&length).update(body);
        Digest(*hasher.finalize().as_bytes())
    }
}

/// Records that were written and synced together.
pub(super) struct Batch {
    /// The digest of the batch before.
    pub(super) previous: Digest,
    pub(super) digest: Digest,
    pub(super) records: Vec<StoredRecord>,
    /// Bytes that it takes in the file.
    pub(super) bytes: u64,
}

/// Why there is no next batch.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordsError {
    #[error("the end")]
    End,
    #[error("not a batch of this journal")]
    Broken,
    #[error(transparent)]
    Disk(#[from] io::Error),
}

fn split(body: &[u8], count: u32) -> Option<Vec<StoredRecord>> {
    let (mut records, mut rest) = (Vec::new(), body);
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk::<LENGTH_BYTES>()?;
        let length = u32::from_le_bytes(*length);
        let (is_entry, length) = (length & ENTRY != 0, (length & !ENTRY) as usize);
        if length > RECORD_BYTES_MAX {
            return None;
        }
        let (record, behind) = behind.split_at_checked(length)?;
        records.push(StoredRecord { bytes: record.to_vec(), is_entry });
        rest = behind;
    }
    (records.len() == count as usize).then_some(records)
}

/// Fills `bytes` as far as the source goes.
fn read_up_to(from: &mut impl Read, bytes: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < bytes.len() {
        match from.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn part<const BYTES: usize>(bytes: &[u8], at: usize) -> [u8; BYTES] {
    let mut part = [0; BYTES];
    part.copy_from_slice(&bytes[at..at + BYTES]);
    part
}

fn number(value: usize) -> [u8; LENGTH_BYTES] {
    u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes()
}
