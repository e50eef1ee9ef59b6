//! Snapshots: what a journal up to some record leads to, each a file beside its parts.
//!
//! ```text
//! magic 16 · peer 32 · network 32 · record 8 · entries 8 · digest of the record's batch 32 · body · BLAKE3 of all before
//! ```
//!
//! The body is the brain's. A snapshot is made of the one before it, read back from the disk, and of the records since; so
//! each that is not the last was read once, and the parts of the journal behind it are still there.
//!
//! **Invariant:** a snapshot that is not what was written, or is another peer's, is none; the last stays, and the one that it
//! was made of.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use assay_protocol::id::Digest;

use crate::{
    disk::HomeDisk,
    journal::{Base, Owner},
};

/// What every snapshot begins with.
const MAGIC: &[u8; 16] = b"assay snapshot1\n";
/// Bytes in front of the body.
const HEADER_BYTES: usize = 128;
/// Bytes behind it.
const DIGEST_BYTES: usize = 32;
/// How its name ends.
const ENDING: &str = ".snapshot";
/// One that is still being written.
const TEMPORARY: &str = "new-snapshot";

/// The snapshots of one peer.
#[derive(Clone, Debug)]
pub(crate) struct Snapshots {
    disk: HomeDisk,
    folder: PathBuf,
    owner: Owner,
}

/// One that was read.
pub(crate) struct StoredSnapshot {
    /// What is known of the journal with it.
    pub(crate) base: Base,
    /// The brain's part.
    pub(crate) body: Vec<u8>,
}

impl Snapshots {
    /// Those in the folder of a journal.
    pub(crate) fn new(disk: &HomeDisk, folder: &Path, owner: Owner) -> Self {
        Self { disk: disk.clone(), folder: folder.to_owned(), owner }
    }

    /// The records that there are snapshots of, the last first.
    pub(crate) fn list(&self) -> io::Result<Vec<u64>> {
        let mut records = Vec::new();
        let files = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(records),
            files => files?,
        };
        for file in files {
            let name = file?.file_name();
            let record = name.to_str().and_then(|name| name.strip_suffix(ENDING)?.parse::<u64>().ok());
            records.extend(record);
        }
        records.sort_unstable_by(|one, other| other.cmp(one));
        Ok(records)
    }

    /// Reads the snapshot of this record, if it is what was written.
    pub(crate) fn read(&self, record: u64) -> io::Result<Option<StoredSnapshot>> {
        let bytes = fs::read(self.path(record))?;
        Ok(self.decode(bytes).filter(|snapshot| snapshot.base.records == record))
    }

    /// Writes a snapshot. Durable when this returns.
    pub(crate) fn write(&self, base: &Base, body: &[u8]) -> io::Result<()> {
        let header = self.header(base);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&header).update(body);
        let mut file = self.disk.create(&self.folder.join(TEMPORARY))?;
        file.write_all(&header)?;
        file.write_all(body)?;
        file.write_all(hasher.finalize().as_bytes())?;
        self.disk.publish(&mut file, &self.path(base.records))
    }

    /// Removes all but these.
    pub(crate) fn prune(&self, kept: [u64; 2]) -> io::Result<()> {
        for record in self.list()?.into_iter().filter(|record| !kept.contains(record)) {
            self.disk.remove(&self.path(record))?;
        }
        Ok(())
    }

    fn path(&self, record: u64) -> PathBuf {
        self.folder.join(format!("{record:016}{ENDING}"))
    }

    fn header(&self, base: &Base) -> Vec<u8> {
        let Owner { peer, network } = self.owner;
        let numbers = [base.records.to_le_bytes(), base.entries.to_le_bytes()].concat();
        [&MAGIC[..], peer.as_bytes(), network.as_bytes(), &numbers, base.digest.as_bytes()].concat()
    }

    fn decode(&self, mut bytes: Vec<u8>) -> Option<StoredSnapshot> {
        let body_end = bytes.len().checked_sub(DIGEST_BYTES).filter(|end| *end >= HEADER_BYTES)?;
        let number = |at: usize| Some(u64::from_le_bytes(bytes[at..at + 8].try_into().ok()?));
        let base = Base {
            records: number(80)?,
            entries: number(88)?,
            digest: Digest(bytes[96..HEADER_BYTES].try_into().ok()?),
        };
        let whole = bytes[body_end..] == *blake3::hash(&bytes[..body_end]).as_bytes();
        if !whole || bytes[..HEADER_BYTES] != self.header(&base)[..] {
            return None;
        }
        bytes.truncate(body_end);
        bytes.drain(..HEADER_BYTES);
        Some(StoredSnapshot { base, body: bytes })
    }
}

#[cfg(test)]
mod tests {
    use assay_protocol::id::PeerId;

    use super::*;

    fn snapshots(folder: &Path, peer: u8) -> Snapshots {
        let owner = Owner { peer: PeerId([peer; 32]), network: Digest([9; 32]) };
        Snapshots::new(&HomeDisk::default(), folder, owner)
    }

    fn base(records: u64) -> Base {
        Base { records, entries: records / 2, digest: Digest([records as u8; 32]) }
    }

    #[test]
    fn a_snapshot_is_what_was_written_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let own = snapshots(folder.path(), 1);
        own.write(&base(7), b"body").unwrap();
        let read = own.read(7).unwrap().unwrap();
        assert_eq!((read.base, &read.body[..]), (base(7), &b"body"[..]));
        assert!(snapshots(folder.path(), 2).read(7).unwrap().is_none(), "another peer's");
        let path = own.path(7);
        let bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            fs::write(&path, flipped).unwrap();
            assert!(own.read(7).unwrap().is_none(), "byte {at}");
            fs::write(&path, &bytes[..at]).unwrap();
            assert!(own.read(7).unwrap().is_none(), "cut at {at}");
        }
    }

    #[test]
    fn those_that_are_named_stay() {
        let folder = tempfile::tempdir().unwrap();
        let own = snapshots(folder.path(), 1);
        for records in [10, 300, 20] {
            own.write(&base(records), b"body").unwrap();
        }
        own.prune([300, 20]).unwrap();
        assert_eq!(own.list().unwrap(), [300, 20]);
    }
}
