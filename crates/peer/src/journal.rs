//! The journal: everything a peer must not forget, in one file that only grows.
//!
//! Records are opaque bytes, numbered from 1. A record is durable when [`Journal::wait`] for its number returns; what
//! relies on it may be said to others only then. Batches form by themselves: what queued during one sync is the next.
//!
//! **Invariant:** a record that was announced as durable is read back by every later opening, in its place, or the
//! opening fails and says where.

mod extent;
mod format;
mod records;
mod scan;
#[cfg(test)]
pub(crate) mod tests;
mod writer;

use std::{
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
    thread::{self, JoinHandle},
};

use assay_market::record::RECORD_BYTES_MAX;
use assay_protocol::id::{NetworkId, PeerId};
use tokio::sync::watch;

pub use self::records::{ReadError, Records};
use self::{
    format::Header,
    scan::{Scan, scan},
    writer::{BatchSink, Shared, write_batches},
};
use crate::disk::Disk;

/// Bytes of records, with their lengths, in the longest batch.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
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
        "the journal is damaged at byte {offset}: what it held from there on was acknowledged, and is lost"
    )]
    Damaged {
        /// Where the first damaged batch begins.
        offset: u64,
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

/// An open journal and its writing thread.
pub struct Journal {
    path: PathBuf,
    header: Header,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl Journal {
    /// Opens the journal of its owner, or makes an empty one. Reads all of it, cuts a torn tail off and syncs, so that
    /// everything found is durable.
    ///
    /// # Errors
    /// [`OpenError`], if the file is not this peer's journal in whole.
    pub fn open(disk: &Disk, path: &Path, owner: Owner) -> Result<Self, OpenError> {
        if !path.try_exists()? {
            create(disk, path, owner)?;
        }
        let mut file = disk.open(path)?;
        let scan = scan(file.inner(), owner)?;
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
        Ok(Self::start(path, scan, Box::new(file))?)
    }

    /// Cuts a damaged journal off where the damage begins, so that it opens; what stood from there on is moved to a file
    /// beside it, whose path is returned. A journal that is whole stays as it is.
    ///
    /// # Errors
    /// [`OpenError`], if the file is not this owner's journal, or cannot be written.
    pub fn cut_damage(disk: &Disk, path: &Path, owner: Owner) -> Result<Option<PathBuf>, OpenError> {
        let mut file = disk.open(path)?;
        let offset = match scan(file.inner(), owner) {
            Ok(_) => return Ok(None),
            Err(OpenError::Damaged { offset }) if offset > 0 => offset,
            Err(error) => return Err(error),
        };
        let aside = path.with_extension(format!("lost-{offset}"));
        let mut lost = disk.create(&aside)?;
        file.seek(SeekFrom::Start(offset))?;
        io::copy(&mut file, &mut lost)?;
        lost.sync_all()?;
        file.set_len(offset)?;
        file.sync_all()?;
        Ok(Some(aside))
    }

    fn start(path: &Path, scan: Scan, disk: Box<dyn BatchSink>) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(scan.extent));
        let (header, last) = (scan.header, scan.last);
        let writer = thread::Builder::new().name("journal".into()).spawn({
            let (shared, header) = (shared.clone(), header.clone());
            move || write_batches(&shared, disk, &header, last)
        })?;
        Ok(Self { path: path.into(), header, shared, writer: Some(writer) })
    }

    /// Queues a record and returns its sequence. Never blocks on the disk.
    ///
    /// # Errors
    /// [`AppendError`]; the record then has no sequence and will never be there.
    pub fn append(&self, record: Vec<u8>) -> Result<u64, AppendError> {
        if record.len() > RECORD_BYTES_MAX {
            return Err(AppendError::TooLong { bytes: record.len() });
        }
        self.shared.push(record)
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
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn records(&self, first: u64) -> io::Result<Records> {
        Records::new(&self.path, self.header.clone(), &self.shared.extent, first)
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

/// Makes an empty journal, which has its name only once its header is whole.
fn create(disk: &Disk, path: &Path, owner: Owner) -> io::Result<()> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    let mut file = disk.create(&path.with_extension("new"))?;
    file.write_all(&Header::new(owner, key).encode())?;
    disk.publish(&file, path)
}
