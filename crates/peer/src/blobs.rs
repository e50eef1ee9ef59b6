//! Blobs: inputs, outputs, runners and models, each a file named by the BLAKE3 digest of its bytes.
//!
//! A blob stays while a holder keeps it: a job, a submission, the shell itself, each named by a digest. Holders say who
//! may fetch what, too, and all that a holder said ends when it is released. What nobody keeps makes room, oldest use
//! first, when the quota is reached. Beside models lie their packs, which go with them.
//!
//! **Invariant:** `get` returns bytes only if they have the digest asked for; a blob that is kept never goes to make room,
//! and one that no holder permits to a peer is not opened for it.

mod arrivals;
mod holders;
mod proofs;
mod quota;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use assay_protocol::{
    codec::{self, BLOB_BYTES_MAX},
    id::{Digest, PeerId},
};
use assay_runtime::packs;

pub(crate) use self::arrivals::BlobArrival;
use self::{
    arrivals::Arrivals,
    holders::{Holders, Reader},
    proofs::{Proofs, Stamp},
    quota::Quota,
};
use crate::{
    disk::HomeDisk,
    folder::{Content, Folder},
    network::BlobSource,
    pieces::ServedBlob,
};

/// Why a blob could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// Even without all that may go, there is no room.
    #[error("a blob of {need} bytes does not fit: {have} of {limit} bytes are in use by running jobs")]
    NoRoom {
        /// Bytes of the new blob.
        need: u64,
        /// Bytes that must stay.
        have: u64,
        /// The quota in bytes.
        limit: u64,
    },
    /// The file was not what its name says. It is removed.
    #[error("the stored blob {digest} was damaged; it has been removed")]
    Damaged {
        /// The name.
        digest: Digest,
    },
    /// Too long to be held in memory: use its path.
    #[error("the blob has {bytes} bytes; at most {BLOB_BYTES_MAX} are read at once")]
    TooLong {
        /// How long it is.
        bytes: u64,
    },
    /// The disk is too full for it.
    #[error("a blob needs {} MiB free on the disk, which has {}", need >> 20, free >> 20)]
    DiskFull {
        /// What it needs.
        need: u64,
        /// What is free.
        free: u64,
    },
    /// The disk failed.
    #[error("the blob store cannot be used: {0}")]
    Disk(#[from] io::Error),
}

/// How full a store is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Bytes in all blobs.
    pub bytes: u64,
    /// Of these, in blobs that are kept.
    pub pinned_bytes: u64,
    /// The quota in bytes.
    pub limit_bytes: u64,
    /// Blobs.
    pub blobs: u64,
    /// Those who keep or permit something.
    pub holders: u64,
}

/// The blob store of one peer. Cheap to clone; every method blocks on the disk at most.
#[derive(Clone)]
pub struct Blobs {
    folder: Arc<Folder>,
    state: Arc<Mutex<State>>,
    /// Whoever waits for an arrival hears when one is over.
    ended: Arc<Condvar>,
}

struct State {
    quota: Quota,
    arrivals: Arrivals,
    holders: Holders,
    /// Files whose bytes were seen to be what their names say.
    proofs: Proofs,
    /// Holders that were made for a [`Hold`].
    holds: u64,
}

/// Keeps blobs for as long as it lives.
#[must_use = "the blobs are kept only while this lives"]
pub struct Hold {
    blobs: Blobs,
    holder: Digest,
}

impl Hold {
    /// What it is called, to keep more under the same name.
    #[must_use]
    pub fn holder(&self) -> Digest {
        self.holder
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.blobs.release(self.holder);
    }
}

impl Blobs {
    /// Opens the store in `folder`, made if there is none, and removes what an ended process left half written.
    ///
    /// # Errors
    /// If the folder cannot be read or written.
    pub fn open(folder: &Path, quota_bytes: u64) -> io::Result<Self> {
        Self::open_on(&HomeDisk::default(), folder, quota_bytes)
    }

    /// The same on a disk that may be watched.
    ///
    /// # Errors
    /// If the folder cannot be read or written.
    pub fn open_on(disk: &HomeDisk, folder: &Path, quota_bytes: u64) -> io::Result<Self> {
        let folder = Folder::open(disk, folder)?;
        let mut found = folder.list()?;
        found.sort_unstable_by_key(|blob| blob.written);
        let mut quota = Quota::new(quota_bytes);
        found.into_iter().for_each(|blob| quota.add(blob.digest, blob.bytes));
        folder.list_parts()?.into_iter().for_each(|(digest, bytes)| quota.note_part(digest, bytes));
        let state = State {
            quota,
            arrivals: Arrivals::default(),
            holders: Holders::default(),
            proofs: Proofs::default(),
            holds: 0,
        };
        Ok(Self { folder: Arc::new(folder), state: Arc::new(Mutex::new(state)), ended: Arc::default() })
    }

    /// Stores bytes under their digest. Durable when this returns.
    ///
    /// # Errors
    /// [`BlobError::NoRoom`] or [`BlobError::Disk`].
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, BlobError> {
        let digest = Digest::of(bytes);
        if self.state().quota.touch(&digest) {
            return Ok(digest);
        }
        self.store(bytes.len() as u64, bytes)
    }

    /// Stores bytes that the holder keeps: there is no moment at which they could make room for others.
    ///
    /// # Errors
    /// As [`Blobs::put`], and then the holder does not keep them.
    pub fn put_for(&self, holder: Digest, bytes: &[u8]) -> Result<Digest, BlobError> {
        let digest = Digest::of(bytes);
        let is_new = self.state().keep(holder, digest);
        let stored = self.put(bytes);
        if stored.is_err() && is_new {
            self.state().unkeep(holder, digest);
        }
        stored
    }

    /// Stores a copy of a file of any length.
    ///
    /// # Errors
    /// [`BlobError::NoRoom`] or [`BlobError::Disk`].
    pub fn put_file(&self, path: &Path) -> Result<Digest, BlobError> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        self.has_room(bytes, 0)?;
        // One that grows meanwhile is cut, and is then another blob than somebody else's of the whole.
        self.store_promised(bytes, file.take(bytes))
    }

    /// Stores a file of any length without copying it, where the disk can share its bytes with this store; else a copy. Whoever
    /// then writes into that file may write into the blob, which is found damaged by it.
    ///
    /// # Errors
    /// As [`Blobs::put_file`].
    pub fn share_file(&self, path: &Path) -> Result<Digest, BlobError> {
        // A second name of a link would be a link.
        let path = fs::canonicalize(path)?;
        let bytes = fs::metadata(&path)?.len();
        self.make_room(bytes)?;
        let shared = self.folder.share(&path);
        let mut state = self.state();
        state.quota.redeem(bytes);
        match shared {
            Ok(Some((digest, bytes))) => {
                state.quota.add(digest, bytes);
                Ok(digest)
            }
            Ok(None) | Err(_) => {
                drop(state);
                self.put_file(&path)
            }
        }
    }

    /// The bytes of a blob, proven to be the ones of this name.
    ///
    /// # Errors
    /// [`BlobError::Damaged`], and then the file is gone; [`BlobError::TooLong`] over [`BLOB_BYTES_MAX`].
    pub fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, BlobError> {
        if !self.state().quota.touch(digest) {
            return Ok(None);
        }
        match self.folder.read(digest, BLOB_BYTES_MAX as u64)? {
            Content::Whole(bytes) => Ok(Some(bytes)),
            Content::TooLong(bytes) => Err(BlobError::TooLong { bytes }),
            Content::Damaged => Err(self.discard(*digest)),
            Content::Absent => {
                self.state().quota.remove(digest);
                Ok(None)
            }
        }
    }

    /// Where the file of a blob is, once its bytes were checked: read once, and again only when the file is another one or
    /// was written to since. It stays there while it is kept.
    ///
    /// # Errors
    /// [`BlobError::Damaged`], and then the file is gone.
    pub fn path(&self, digest: &Digest) -> Result<Option<PathBuf>, BlobError> {
        Ok(self.proven(digest)?.map(|_| self.folder.path(digest)))
    }

    /// Whether the blob is stored.
    #[must_use]
    pub fn contains(&self, digest: &Digest) -> bool {
        self.state().quota.contains(digest)
    }

    /// Bytes in all blobs.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.state().quota.bytes()
    }

    /// How full the store is.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let State { quota, holders, .. } = &*self.state();
        Figures {
            bytes: quota.bytes(),
            pinned_bytes: quota.pinned_bytes(),
            limit_bytes: quota.limit_bytes(),
            blobs: quota.blobs(),
            holders: holders.count(),
        }
    }

    /// Holds all that is here.
    pub fn hold_all(&self) -> Hold {
        let all: Vec<Digest> = self.state().quota.digests().collect();
        self.hold(all)
    }

    /// The holder needs a blob: it stays until the holder, and everybody else who keeps it, is released. It need not be
    /// there yet.
    pub fn keep(&self, holder: Digest, digest: Digest) {
        self.state().keep(holder, digest);
    }

    /// The holder lets a peer fetch a blob, as long as the holder lasts and the blob is here.
    pub fn permit(&self, holder: Digest, digest: Digest, to: PeerId) {
        self.state().holders.permit(holder, digest, Reader::Peer(to));
    }

    /// The holder lets everybody fetch a blob: runners and models.
    pub fn permit_all(&self, holder: Digest, digest: Digest) {
        self.state().holders.permit(holder, digest, Reader::Everybody);
    }

    /// Ends everything that a holder kept and permitted. One that holds nothing is no error.
    pub fn release(&self, holder: Digest) {
        let state = &mut *self.state();
        for digest in state.holders.release(&holder) {
            state.quota.unpin(digest);
        }
    }

    /// Keeps blobs while the answer lives.
    pub fn hold(&self, digests: impl IntoIterator<Item = Digest>) -> Hold {
        let state = &mut *self.state();
        state.holds += 1;
        let holder = codec::digest("hold", &state.holds);
        for digest in digests {
            state.keep(holder, digest);
        }
        Hold { blobs: self.clone(), holder }
    }

    /// Removes a blob, kept or not. What is not there is no error.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn remove(&self, digest: &Digest) -> io::Result<()> {
        let state = &mut *self.state();
        state.quota.remove(digest);
        state.proofs.forget(digest);
        self.unlink(digest)
    }

    /// Removes a blob that nobody keeps. One that somebody does, or that is not there, is no error.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn drop_idle(&self, digest: &Digest) -> io::Result<()> {
        let state = &mut *self.state();
        if state.quota.is_pinned(digest) {
            return Ok(());
        }
        state.quota.remove(digest);
        state.proofs.forget(digest);
        self.unlink(digest)
    }

    /// How many bytes a blob has that is here.
    #[must_use]
    pub fn bytes_of(&self, digest: &Digest) -> Option<u64> {
        self.state().quota.bytes_of(digest)
    }

    /// How many bytes the pack of a model has, if one is kept here.
    #[must_use]
    pub fn pack_bytes_of(&self, model: &Digest) -> Option<u64> {
        packs::bytes_of(&self.packs(), *model)
    }

    /// Where the packs of models are.
    pub(crate) fn packs(&self) -> PathBuf {
        self.folder.packs()
    }

    /// Whether a peer may fetch a blob.
    #[must_use]
    pub fn is_served(&self, digest: &Digest, to: &PeerId) -> bool {
        self.state().holders.allows(digest, to)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file of a blob, at its beginning, and its pieces.
    fn proven(&self, digest: &Digest) -> Result<Option<ServedBlob>, BlobError> {
        let Some(file) = self.open_file(digest)? else { return Ok(None) };
        // Taken first, so that what is written while the bytes are read makes it another file.
        let stamp = Stamp::of(&file.metadata()?);
        let known = self.state().proofs.of(digest, stamp.as_ref());
        if let Some(pieces) = known {
            return Ok(Some(ServedBlob { file, pieces }));
        }
        let (found, served) = ServedBlob::read(file)?;
        if found != *digest {
            return Err(self.discard(*digest));
        }
        self.state().proofs.note(*digest, stamp, served.pieces.clone());
        Ok(Some(served))
    }

    /// Opens a blob's file and counts that as a use.
    fn open_file(&self, digest: &Digest) -> io::Result<Option<File>> {
        if !self.state().quota.touch(digest) {
            return Ok(None);
        }
        let file = self.folder.file(digest)?;
        if file.is_none() {
            self.state().quota.remove(digest);
        }
        Ok(file)
    }

    fn discard(&self, digest: Digest) -> BlobError {
        tracing::warn!(%digest, "a stored blob is damaged");
        match self.remove(&digest) {
            Ok(()) => BlobError::Damaged { digest },
            Err(error) => BlobError::Disk(error),
        }
    }

    /// Takes a file away, and a pack that was made of it.
    fn unlink(&self, digest: &Digest) -> io::Result<()> {
        self.folder.remove(digest)?;
        if let Err(error) = packs::remove(&self.packs(), *digest) {
            // The next start tries again.
            tracing::warn!(%digest, %error, "the pack of a model that is gone cannot be removed");
        }
        Ok(())
    }

    fn store(&self, need: u64, from: impl Read) -> Result<Digest, BlobError> {
        self.make_room(need)?;
        self.store_promised(need, from)
    }

    /// Stores what has its room already.
    fn store_promised(&self, need: u64, from: impl Read) -> Result<Digest, BlobError> {
        let stored = self.folder.store(from);
        let quota = &mut self.state().quota;
        quota.redeem(need);
        let (digest, bytes) = stored?;
        quota.add(digest, bytes);
        Ok(digest)
    }

    /// Promises room to a blob, and removes what must go for it.
    fn make_room(&self, need: u64) -> Result<(), BlobError> {
        // The files go before anybody can put the same blobs again, whose files these would be.
        let quota = &mut self.state().quota;
        let going = quota.reserve(need)?;
        let blobs = going.blobs.iter().map(|digest| (digest, self.unlink(digest)));
        let parts = going.parts.iter().map(|digest| (digest, self.folder.remove_part(digest)));
        let mut failure = None;
        for (digest, removed) in blobs.chain(parts) {
            tracing::info!(%digest, "removing a blob to stay within the quota");
            failure = failure.or(removed.err());
        }
        match failure {
            None => Ok(()),
            Some(error) => {
                quota.redeem(need);
                Err(error.into())
            }
        }
    }
}

impl State {
    /// Says whether the holder did not keep the blob before.
    fn keep(&mut self, holder: Digest, digest: Digest) -> bool {
        let is_new = self.holders.keep(holder, digest);
        if is_new {
            self.quota.pin(digest);
        }
        is_new
    }

    fn unkeep(&mut self, holder: Digest, digest: Digest) {
        if self.holders.unkeep(holder, &digest) {
            self.quota.unpin(digest);
        }
    }
}

impl BlobSource for Blobs {
    fn open(&self, digest: &Digest, to: &PeerId) -> Option<ServedBlob> {
        if !self.is_served(digest, to) {
            return None;
        }
        let file = self.open_file(digest).ok().flatten()?;
        let meta = file.metadata().ok()?;
        let known = self.state().proofs.to_serve(digest, Stamp::of(&meta).as_ref());
        match known.filter(|pieces| pieces.bytes() == meta.len()) {
            Some(pieces) => Some(ServedBlob { file, pieces }),
            None => self.proven(digest).ok().flatten(),
        }
    }
}
