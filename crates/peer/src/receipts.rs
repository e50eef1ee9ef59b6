//! Receipts: what proves how the jobs of this peer ended, each a file named by the digest of its bytes.
//!
//! They lie outside the quota of blobs and nothing is ever removed: a receipt is what is left to show when everything else
//! of a job has gone. Who may fetch one is read out of it, so no restart forgets it.
//!
//! **Invariant:** a receipt that was filed stays; it is given to the client and the provider of its job and to nobody
//! else.

pub(crate) mod collect;
mod parties;
mod summary;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use assay_protocol::{
    codec::RECEIPT_BYTES_MAX,
    id::{Digest, JobId, PeerId},
    receipt::Receipt,
};
use tokio::{task::spawn_blocking, time::sleep};

use self::{
    parties::Parties,
    summary::{ReceiptSource, ReceiptSummary},
};
use crate::{
    disk::HomeDisk,
    folder::{Content, Folder},
    handle::{EarnedView, ListReceipts, ReceiptPage},
    network::BlobSource,
    pieces::ServedBlob,
};

/// How often a receipt is tried to be stored.
const FILE_TRIES_MAX: u32 = 5;
/// How long to wait between two tries.
const FILE_WAIT: Duration = Duration::from_secs(1);

/// Why a receipt could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// The file is not what its name says. It stays, for people to look at, until the receipt is filed again.
    #[error("the stored receipt {digest} is damaged")]
    Damaged {
        /// The name.
        digest: Digest,
    },
    /// The disk failed.
    #[error("the receipts cannot be used: {0}")]
    Disk(#[from] io::Error),
}

/// The receipts of one peer. Cheap to clone; every method blocks on the disk at most.
#[derive(Clone)]
pub struct Receipts {
    folder: Arc<Folder>,
    parties: Arc<Mutex<Parties>>,
    summary: Arc<ReceiptSummary>,
    /// Folders that may hold a name, of a file or a folder, of which the disk did not say that it has it: those of each receipt that could
    /// not be stored, until the disk has said so of all that is in them.
    unsure: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Receipts {
    /// Opens the store in `folder`, made if there is none.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn open(disk: &HomeDisk, folder: &Path) -> io::Result<Self> {
        Ok(Self {
            folder: Arc::new(Folder::open(disk, folder)?),
            parties: Arc::default(),
            summary: Arc::default(),
            unsure: Arc::default(),
        })
    }

    /// Stores a receipt under the digest of its file. Durable when this returns; the same receipt again changes nothing.
    ///
    /// # Errors
    /// If the disk fails. It may be here all the same, and not be after a loss of power.
    pub fn file(&self, receipt: &Receipt) -> io::Result<Digest> {
        let bytes = receipt.to_bytes();
        let digest = Digest::of(&bytes);
        let store = || match self.is_here(&digest) {
            Ok(true) => (false, self.settle(&digest)),
            Ok(false) => {
                let stored = self.folder.store(&bytes[..]).and_then(|_| self.settle(&digest));
                if stored.is_err() {
                    self.unsure().extend(self.folder.folders_of(&digest));
                }
                (stored.is_ok() || self.is_here(&digest).unwrap_or(false), stored)
            }
            Err(error) => (false, Err(error)),
        };
        self.summary.put(digest, receipt, store)?;
        Ok(digest)
    }

    /// Whether the whole file of a receipt has its name.
    fn is_here(&self, digest: &Digest) -> io::Result<bool> {
        let found = self.folder.read(digest, RECEIPT_BYTES_MAX as u64)?;
        Ok(matches!(found, Content::Whole(_)))
    }

    /// Has the name of a file on the disk where it is not known to be. A folder of which the disk has said that it has all names
    /// is one of those no more, whichever receipt had made it one: no name comes into it but by [`Self::file`], one at a time.
    fn settle(&self, digest: &Digest) -> io::Result<()> {
        let mut unsure = self.unsure();
        for folder in self.folder.folders_of(digest) {
            if unsure.contains(&folder) {
                self.folder.sync(&folder)?;
                unsure.remove(&folder);
            }
        }
        Ok(())
    }

    /// Stores a receipt, and tries again for a while where the disk fails.
    ///
    /// # Errors
    /// If it fails all the same.
    pub(crate) async fn file_in_time(&self, receipt: Receipt) -> io::Result<Digest> {
        let (receipt, mut tries) = (Arc::new(receipt), 1);
        loop {
            let (receipts, receipt) = (self.clone(), Arc::clone(&receipt));
            let filed = spawn_blocking(move || receipts.file(&receipt)).await;
            match filed.unwrap_or_else(|cut_short| Err(io::Error::other(cut_short))) {
                Err(error) if tries < FILE_TRIES_MAX => {
                    tracing::warn!(%error, "a receipt cannot be stored yet");
                }
                filed => return filed,
            }
            tries += 1;
            sleep(FILE_WAIT).await;
        }
    }

    /// The file of a receipt, proven to be the one of this name.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ReceiptError> {
        match self.folder.read(digest, RECEIPT_BYTES_MAX as u64)? {
            Content::Whole(bytes) => Ok(Some(bytes)),
            Content::Absent => Ok(None),
            Content::Damaged | Content::TooLong(_) => Err(ReceiptError::Damaged { digest: *digest }),
        }
    }

    /// The names of all receipts.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn list(&self) -> io::Result<Vec<Digest>> {
        Ok(self.folder.list()?.into_iter().map(|found| found.digest).collect())
    }

    /// A page of what they say to this peer; nothing, if it lies so far back that they have to be read for it. All are read
    /// the first time that this or [`Self::earned`] is asked, and none afterwards.
    pub(crate) fn page(&self, own: PeerId, wanted: &ListReceipts) -> io::Result<Option<ReceiptPage>> {
        self.summary.page(self, own, wanted)
    }

    /// What they say that this peer has earned, and of which of these jobs there is none.
    pub(crate) fn earned(&self, own: PeerId, paid: Vec<JobId>) -> io::Result<EarnedView> {
        self.summary.earned(self, own, paid)
    }

    /// Whether a peer may fetch a receipt that is here.
    fn is_served(&self, digest: &Digest, to: &PeerId) -> Result<bool, ReceiptError> {
        let known = self.parties().of(digest);
        let parties = match known {
            Some(parties) => parties,
            None => {
                let Some(bytes) = self.get(digest)? else { return Ok(false) };
                let damaged = |_| ReceiptError::Damaged { digest: *digest };
                let parties = parties::of(&Receipt::from_bytes(&bytes).map_err(damaged)?);
                self.parties().note(*digest, parties);
                parties
            }
        };
        Ok(parties.contains(to))
    }

    fn unsure(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.unsure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn parties(&self) -> MutexGuard<'_, Parties> {
        self.parties.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who may fetch a receipt: client and provider of its job.
pub(crate) fn parties_of(receipt: &Receipt) -> [PeerId; 2] {
    parties::of(receipt)
}

impl ReceiptSource for Receipts {
    fn names(&self) -> io::Result<Vec<Digest>> {
        self.list()
    }

    fn read(&self, name: &Digest) -> Option<Receipt> {
        let bytes = self.get(name).ok().flatten()?;
        Receipt::from_bytes(&bytes).ok()
    }
}

impl BlobSource for Receipts {
    fn open(&self, digest: &Digest, to: &PeerId) -> Option<ServedBlob> {
        let served = self.is_served(digest, to);
        let served = served.inspect_err(|error| tracing::warn!(%error, "a receipt cannot be served"));
        if !served.unwrap_or(false) {
            return None;
        }
        let file = self.folder.file(digest).ok().flatten()?;
        let (found, served) = ServedBlob::read(file).ok()?;
        (found == *digest).then_some(served)
    }
}
