//! The journal: everything a peer must not forget, in parts of which only the last is written to.
//!
//! Records are opaque bytes, numbered from 1; some are entries, and counted beside. A record is durable when
//! [`Journal::wait`] for its number returns; what relies on it may be said to others only then. Batches form by
//! themselves: what queued during one sync is the next. A part that is full is sealed: a snapshot of what it leads to can
//! be made then, and with two of those the parts before the older one can go.
//!
//! **Invariant:** a record that was announced as durable is read back by every later opening, in its place, or is in the
//! snapshot that the opening begins with, or the opening fails and says where.

mod extent;
mod format;
mod records;
mod scan;
#[cfg(test)]
pub(crate) mod tests;
mod writer;

use std::{
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use assay_market::record::RECORD_BYTES_MAX;
use assay_protocol::id::{Digest, NetworkId, PeerId};
use tokio::sync::watch;

pub use self::records::{ReadError, Records};
use self::{
    extent::PartPlace,
    format::{Header, StoredRecord},
    scan::{Scan, read_header, scan},
    writer::{BatchSink, LastPart, Shared, create, lock, write_batches},
};
use crate::disk::{DiskFile, HomeDisk};

#[cfg(test)]
pub(crate) use self::extent::PART_RECORDS;

/// Bytes of records, with their lengths, in the longest batch.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Records in one.
const BATCH_RECORDS_MAX: usize = 1024;
/// A part that is still being made.
const TEMPORARY: &str = "new";
/// Bytes of records that may wait for the disk.
pub const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Whose journal it is: that of one peer in one network. A peer that took its journal to another network would judge
/// old records by rules they were not made under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The peer.
    pub peer: PeerId,
    /// The network.
    pub network: NetworkId,
}

/// What is known of a journal without reading it: what a snapshot says, or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// The number of the last record that is known.
    pub records: u64,
    /// How many of all up to there are entries.
    pub entries: u64,
    /// The digest of its batch.
    pub digest: Digest,
}

/// Why a journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is something else, or of a version that this program does not know.
    #[error("the file is no journal of this version")]
    NotAJournal,
    /// The journal of another peer.
    #[error("the journal belongs to peer {owner}")]
    Foreign {
        /// Whose it is.
        owner: PeerId,
    },
    /// The journal was kept under the rules of another network.
    #[error("the journal was kept in the network {network}, not in this one")]
    OtherNetwork {
        /// In which it was.
        network: NetworkId,
    },
    /// Records that were acknowledged are not what they were.
    #[error(
        "the journal is damaged at byte {offset} of the part that begins with record {part}: what it held from there on \
         was acknowledged, and is lost"
    )]
    Damaged {
        /// The first record of the part.
        part: u64,
        /// Where the first damaged batch begins.
        offset: u64,
    },
    /// What the first part follows is gone, and no snapshot of it can be read.
    #[error("the journal begins with record {first}, and only what led to record {known} is known")]
    NoBeginning {
        /// Its first record.
        first: u64,
        /// Up to where a snapshot goes.
        known: u64,
    },
    /// The journal ends before what was once in it.
    #[error(
        "the journal holds {present} records where there were {known}: its end is lost, or it was put back from an \
         older copy"
    )]
    LostTail {
        /// How many records there were at least.
        known: u64,
        /// How many there are.
        present: u64,
    },
    /// The file could not be read or written.
    #[error("the journal cannot be opened: {0}")]
    Disk(#[from] io::Error),
}

/// Why a record was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// It is longer than [`RECORD_BYTES_MAX`].
    #[error("a record of {bytes} bytes, where at most {RECORD_BYTES_MAX} are allowed")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// [`QUEUE_BYTES_MAX`] bytes are waiting already: wait for some to become durable.
    #[error("the disk is too slow for the records that are waiting")]
    Full,
    /// The journal is out of use.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// A write or sync failed. What the disk holds is unknown, so the process must stop and open the journal anew.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the journal cannot be written: {reason}")]
pub struct Broken {
    /// What the system said.
    pub reason: Arc<str>,
}

/// What a journal was found to hold by somebody who only looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalFigures {
    /// Records, those that only a snapshot stands for included.
    pub records: u64,
    /// Parts that are there.
    pub parts: usize,
    /// Bytes behind the last record that belong to none: the next opening cuts them off.
    pub torn_bytes: u64,
}

/// An open journal and its writing thread.
pub struct Journal {
    shared: Arc<Shared>,
    disk: HomeDisk,
    writer: Option<JoinHandle<()>>,
}

/// Reads an open journal, from any thread.
#[derive(Clone)]
pub(crate) struct JournalReader {
    shared: Arc<Shared>,
    disk: HomeDisk,
}

impl Journal {
    /// Opens the journal of its owner in a folder, or makes an empty one. Reads all of it that lies behind what is known,
    /// cuts a torn tail off and syncs, so that everything found is durable.
    ///
    /// # Errors
    /// [`OpenError`], if it is not this peer's journal in whole.
    pub fn open(disk: &HomeDisk, folder: &Path, owner: Owner, base: &Base) -> Result<Self, OpenError> {
        if folder.is_file() {
            return Err(OpenError::NotAJournal);
        }
        disk.create_folder(folder)?;
        let Some(scan) = read(folder, owner, base)? else { return Self::begin(disk, folder, owner, base) };
        let mut file = disk.open(&scan.header.place.path(folder))?;
        if scan.torn_bytes > 0 {
            tracing::warn!(
                bytes = scan.torn_bytes,
                offset = scan.extent.end,
                "cut a torn batch off the journal"
            );
            file.set_len(scan.extent.end)?;
        }
        file.sync_all()?;
        file.seek(SeekFrom::Start(scan.extent.end))?;
        let part = LastPart { disk: disk.clone(), folder: folder.to_owned(), file };
        Ok(Self::start(disk, scan, Box::new(part))?)
    }

    /// Begins a journal behind what is known. Parts of an older one are moved out of its way, into a folder beside it.
    ///
    /// # Errors
    /// [`OpenError`], if the disk fails.
    pub fn begin(disk: &HomeDisk, folder: &Path, owner: Owner, base: &Base) -> Result<Self, OpenError> {
        let parts = PartPlace::list(folder)?;
        if !parts.is_empty() {
            let aside = aside(disk, folder, base.records)?;
            for place in parts {
                disk.rename(&place.path(folder), &place.path(&aside))?;
            }
            disk.sync_folder(&aside)?;
        }
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(io::Error::from)?;
        create(disk, folder, &Header::new(owner, key, base))?;
        Self::open(disk, folder, owner, base)
    }

    /// Cuts a damaged journal off where the damage begins, so that it opens; what stood from there on is moved to a folder
    /// beside it, whose path is returned. A journal that is whole stays as it is.
    ///
    /// # Errors
    /// [`OpenError`], if it is not this owner's journal, or cannot be written.
    pub fn cut_damage(
        disk: &HomeDisk,
        folder: &Path,
        owner: Owner,
        base: &Base,
    ) -> Result<Option<PathBuf>, OpenError> {
        let (part, offset) = match scan(folder, owner, base) {
            Ok(_) => return Ok(None),
            Err(OpenError::Damaged { part, offset }) => (part, offset),
            Err(error) => return Err(error),
        };
        let aside = aside(disk, folder, part)?;
        for place in PartPlace::list(folder)?.into_iter().filter(|place| place.first >= part) {
            let (path, lost) = (place.path(folder), place.path(&aside));
            if place.first > part || offset == 0 {
                disk.rename(&path, &lost)?;
                continue;
            }
            let mut file = disk.open(&path)?;
            file.seek(SeekFrom::Start(offset))?;
            keep_rest(disk, &mut file, &lost)?;
            // Nothing is cut off before it is kept.
            disk.sync_folder(&aside)?;
            file.set_len(offset)?;
            file.sync_all()?;
        }
        disk.sync_folder(&aside)?;
        disk.sync_folder(folder)?;
        Ok(Some(aside))
    }

    /// Reads a journal as [`Journal::open`] does, and leaves all as it is; nothing, if none was begun.
    ///
    /// # Errors
    /// [`OpenError`], as one that does not open.
    pub(crate) fn look(
        folder: &Path,
        owner: Owner,
        base: &Base,
    ) -> Result<Option<JournalFigures>, OpenError> {
        if folder.is_file() {
            return Err(OpenError::NotAJournal);
        }
        let Some(scan) = read(folder, owner, base)? else { return Ok(None) };
        let Scan { extent, torn_bytes, .. } = scan;
        Ok(Some(JournalFigures { records: extent.records, parts: extent.parts.len(), torn_bytes }))
    }

    fn start(disk: &HomeDisk, scan: Scan, sink: Box<dyn BatchSink>) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(scan.extent));
        let (header, last) = (scan.header, scan.last);
        let writer = thread::Builder::new().name("journal".into()).spawn({
            let shared = shared.clone();
            move || write_batches(&shared, sink, header, last)
        })?;
        Ok(Self { shared, disk: disk.clone(), writer: Some(writer) })
    }

    /// Queues a record and returns its sequence. Never blocks on the disk.
    ///
    /// # Errors
    /// [`AppendError`]; the record then has no sequence and will never be there.
    pub fn append(&self, record: Vec<u8>) -> Result<u64, AppendError> {
        self.push(record, false)
    }

    /// Queues a record that is an entry.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn append_entry(&self, record: Vec<u8>) -> Result<u64, AppendError> {
        self.push(record, true)
    }

    fn push(&self, bytes: Vec<u8>, is_entry: bool) -> Result<u64, AppendError> {
        if bytes.len() > RECORD_BYTES_MAX {
            return Err(AppendError::TooLong { bytes: bytes.len() });
        }
        self.shared.push(StoredRecord { bytes, is_entry })
    }

    /// The sequence up to which all records are durable, as it changes. Once broken, it stays so.
    #[must_use]
    pub fn durable(&self) -> watch::Receiver<Result<u64, Broken>> {
        self.shared.durable.subscribe()
    }

    /// Returns when all records up to `sequence` are durable.
    ///
    /// # Errors
    /// [`Broken`], if that can no longer happen.
    pub async fn wait(&self, sequence: u64) -> Result<(), Broken> {
        let mut durable = self.durable();
        let reached = |state: &Result<u64, Broken>| !matches!(state, Ok(durable) if *durable < sequence);
        match durable.wait_for(reached).await {
            Ok(state) => state.clone().map(|_| ()),
            Err(_) => Err(Broken { reason: "closed".into() }),
        }
    }

    /// The durable records from `first` on, as many as there are now.
    #[must_use]
    pub fn records(&self, first: u64) -> Records {
        self.reader().records(first)
    }

    /// How many entries are durable. Of those that are read after this was asked there are as many at least.
    #[must_use]
    pub fn entry_count(&self) -> u64 {
        lock(&self.shared.extent).entries
    }

    /// The durable entries from this one on, as many as there are now; the first is 0.
    #[must_use]
    pub fn entries(&self, first: u64) -> Records {
        Records::new(&lock(&self.shared.extent), records::ReadFrom::Entry(first))
    }

    /// What reads it from any thread.
    pub(crate) fn reader(&self) -> JournalReader {
        JournalReader { shared: Arc::clone(&self.shared), disk: self.disk.clone() }
    }

    /// Writes what is queued and ends. Dropping does the same, but nobody learns how it went.
    ///
    /// # Errors
    /// [`Broken`], if not everything queued became durable.
    pub fn close(mut self) -> Result<(), Broken> {
        self.finish();
        self.shared.durable.borrow().clone().map(|_| ())
    }

    fn finish(&mut self) {
        self.shared.close();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            self.shared.announce(Err(Broken { reason: "the writing thread panicked".into() }));
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.finish();
    }
}

impl JournalReader {
    /// The durable records from `first` on, as many as there are now.
    pub(crate) fn records(&self, first: u64) -> Records {
        Records::new(&lock(&self.shared.extent), records::ReadFrom::Record(first))
    }

    /// The number of the first record that is still there.
    pub(crate) fn first(&self) -> u64 {
        lock(&self.shared.extent).parts.first().map_or(1, |place| place.first)
    }

    /// The number of the last record of the last part that is sealed, as it changes.
    pub(crate) fn sealed(&self) -> watch::Receiver<u64> {
        self.shared.sealed.subscribe()
    }

    /// What is known once this record is, the last of a part, and how many bytes the parts from another one on take up to
    /// there.
    pub(crate) fn base_at(&self, sealed: u64, since: u64) -> io::Result<Option<(Base, u64)>> {
        let extent = lock(&self.shared.extent).clone();
        let Some(next) = extent.parts.iter().find(|place| place.first == sealed + 1) else { return Ok(None) };
        let path = next.path(&extent.folder);
        let mut header = Vec::new();
        std::fs::File::open(path)?.take(format::HEADER_BYTES as u64).read_to_end(&mut header)?;
        let Ok(header) = read_header(&mut &header[..]) else { return Ok(None) };
        let mut bytes = 0;
        for place in extent.parts.iter().filter(|place| place.first > since && place.first <= sealed) {
            bytes += std::fs::metadata(place.path(&extent.folder))?.len();
        }
        let base = Base { records: sealed, entries: next.entries, digest: header.previous };
        Ok(Some((base, bytes)))
    }

    /// Removes the parts that hold nothing behind this record.
    pub(crate) fn forget(&self, sequence: u64) -> io::Result<()> {
        let (folder, gone) = {
            let mut extent = lock(&self.shared.extent);
            let kept = extent.parts_from_record(sequence + 1).len();
            let gone = extent.parts.len() - kept;
            (extent.folder.clone(), extent.parts.drain(..gone).collect::<Vec<_>>())
        };
        for place in &gone {
            self.disk.remove(&place.path(&folder))?;
        }
        if gone.is_empty() { Ok(()) } else { self.disk.sync_folder(&folder) }
    }
}

/// Reads a journal behind what is known; nothing, if it has no parts and nothing is known.
fn read(folder: &Path, owner: Owner, base: &Base) -> Result<Option<Scan>, OpenError> {
    let scan = scan(folder, owner, base)?;
    let present = scan.as_ref().map_or(0, |scan| scan.extent.records);
    if present < base.records {
        return Err(OpenError::LostTail { known: base.records, present });
    }
    Ok(scan)
}

/// A folder beside a journal for what is cut off it from this record on. One that holds what was cut off before stays as it is.
fn aside(disk: &HomeDisk, folder: &Path, record: u64) -> io::Result<PathBuf> {
    let mut aside = folder.with_extension(format!("lost-{record}"));
    for number in 2_u64.. {
        if !aside.try_exists()? || PartPlace::list(&aside)?.is_empty() {
            break;
        }
        aside = folder.with_extension(format!("lost-{record}-{number}"));
    }
    disk.create_folder(&aside)?;
    Ok(aside)
}

/// Copies the rest of a file into a new one, durably, or leaves none.
fn keep_rest(disk: &HomeDisk, file: &mut DiskFile, path: &Path) -> io::Result<()> {
    let mut kept = disk.create_new(path)?;
    let copied = io::copy(file, &mut kept).and_then(|_| kept.sync_all());
    if copied.is_err() {
        drop(disk.remove(path));
    }
    copied
}
