//! Blobs: inputs, outputs, runners, models and receipts, each a file named by the BLAKE3 digest of its bytes.
//!
//! A blob arrives under a temporary name, is synced and then gets its own, so a name stands for whole bytes even after
//! a power loss. What no one pinned makes room, oldest use first, when the quota is reached.
//!
//! **Invariant:** `get` returns bytes only if they have the digest asked for; `open` hands a blob only to a peer that
//! was permitted to have it.

mod found;
mod permissions;
mod shelf;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use assay_protocol::id::{Digest, PeerId};

use self::{found::stored, permissions::Permissions, shelf::Shelf};
use crate::{
    files::{publish, sync_folder},
    network::{BLOB_BYTES_MAX, BlobSource},
};

/// The folder, in the store's, of blobs that are still being written.
const TEMPORARY: &str = "arriving";
/// Bytes read from a file at a time.
const CHUNK_BYTES: usize = 64 * 1024;

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
    /// The disk failed.
    #[error("the blob store cannot be used: {0}")]
    Disk(#[from] io::Error),
}

/// The blob store of one peer. Cheap to clone; every method blocks on the disk at most.
#[derive(Clone)]
pub struct Blobs {
    folder: Arc<Path>,
    state: Arc<Mutex<State>>,
}

struct State {
    shelf: Shelf,
    permissions: Permissions,
}

impl Blobs {
    /// Opens the store in `folder`, made if there is none, and removes what an ended process left half written.
    ///
    /// # Errors
    /// If the folder cannot be read or written.
    pub fn open(folder: &Path, quota_bytes: u64) -> io::Result<Self> {
        let temporary = folder.join(TEMPORARY);
        match fs::remove_dir_all(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        fs::create_dir_all(&temporary)?;
        let mut found = stored(folder)?;
        found.sort_unstable_by_key(|blob| blob.written);
        let mut shelf = Shelf::new(quota_bytes);
        found.into_iter().for_each(|blob| shelf.add(blob.digest, blob.bytes));
        let state = Mutex::new(State { shelf, permissions: Permissions::default() });
        Ok(Self { folder: folder.into(), state: Arc::new(state) })
    }

    /// Stores bytes under their digest. Durable when this returns.
    ///
    /// # Errors
    /// [`BlobError::NoRoom`] or [`BlobError::Disk`].
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, BlobError> {
        let digest = Digest::of(bytes);
        if self.contains(&digest) {
            return Ok(digest);
        }
        self.make_room(bytes.len() as u64)?;
        self.store(bytes).map(|(digest, _)| digest)
    }

    /// Stores a copy of a file of any length.
    ///
    /// # Errors
    /// [`BlobError::NoRoom`] or [`BlobError::Disk`].
    pub fn put_file(&self, path: &Path) -> Result<Digest, BlobError> {
        let file = File::open(path)?;
        self.make_room(file.metadata()?.len())?;
        self.store(file).map(|(digest, _)| digest)
    }

    /// The bytes of a blob, proven to be the ones of this name.
    ///
    /// # Errors
    /// [`BlobError::Damaged`], and then the file is gone; [`BlobError::TooLong`] over [`BLOB_BYTES_MAX`].
    pub fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, BlobError> {
        let Some(file) = self.open_file(digest)? else { return Ok(None) };
        let bytes = file.metadata()?.len();
        if bytes > BLOB_BYTES_MAX as u64 {
            return Err(BlobError::TooLong { bytes });
        }
        let mut content = Vec::new();
        file.take(BLOB_BYTES_MAX as u64).read_to_end(&mut content)?;
        if Digest::of(&content) != *digest {
            return Err(self.discard(*digest));
        }
        Ok(Some(content))
    }

    /// Where the file of a blob is, once its bytes were checked. It stays there while it is pinned.
    ///
    /// # Errors
    /// [`BlobError::Damaged`], and then the file is gone.
    pub fn path(&self, digest: &Digest) -> Result<Option<PathBuf>, BlobError> {
        let Some(mut file) = self.open_file(digest)? else { return Ok(None) };
        if copy(&mut file, &mut io::sink())?.0 != *digest {
            return Err(self.discard(*digest));
        }
        Ok(Some(self.name(digest)))
    }

    /// Whether the blob is stored.
    #[must_use]
    pub fn contains(&self, digest: &Digest) -> bool {
        self.state().shelf.contains(digest)
    }

    /// Bytes in all blobs.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.state().shelf.bytes()
    }

    /// Keeps a blob from making room for others, until it is unpinned as often. It need not be there yet.
    pub fn pin(&self, digest: Digest) {
        self.state().shelf.pin(digest);
    }

    /// Takes one pin back.
    pub fn unpin(&self, digest: Digest) {
        self.state().shelf.unpin(digest);
    }

    /// Removes a blob, pinned or not. What is not there is no error.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn remove(&self, digest: &Digest) -> io::Result<()> {
        self.state().shelf.remove(digest);
        match fs::remove_file(self.name(digest)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Permits these peers to fetch a blob.
    pub fn serve(&self, digest: Digest, to: &[PeerId]) {
        self.state().permissions.permit(digest, to);
    }

    /// Permits everybody to fetch a blob: runners, models, receipts.
    pub fn serve_all(&self, digest: Digest) {
        self.state().permissions.permit_all(digest);
    }

    /// Takes one peer's permission back.
    pub fn stop_serving(&self, digest: &Digest, to: &PeerId) {
        self.state().permissions.withdraw(digest, to);
    }

    /// Takes everybody's permission back.
    pub fn stop_serving_all(&self, digest: &Digest) {
        self.state().permissions.withdraw_all(digest);
    }

    /// Whether a peer may fetch a blob.
    #[must_use]
    pub fn is_served(&self, digest: &Digest, to: &PeerId) -> bool {
        self.state().permissions.allows(digest, to)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self, digest: &Digest) -> PathBuf {
        let name = digest.to_string();
        let (first, second) = (&name[..2], &name[2..4]);
        self.folder.join(first).join(second).join(&name)
    }

    /// Opens a blob's file and counts that as a use.
    fn open_file(&self, digest: &Digest) -> io::Result<Option<File>> {
        if !self.state().shelf.touch(digest) {
            return Ok(None);
        }
        match File::open(self.name(digest)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.state().shelf.remove(digest);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn discard(&self, digest: Digest) -> BlobError {
        tracing::warn!(%digest, "a stored blob is damaged");
        match self.remove(&digest) {
            Ok(()) => BlobError::Damaged { digest },
            Err(error) => BlobError::Disk(error),
        }
    }

    fn make_room(&self, bytes: u64) -> Result<(), BlobError> {
        let evicted = self.state().shelf.make_room(bytes)?;
        for digest in evicted {
            tracing::info!(%digest, "removing a blob to stay within the quota");
            self.remove(&digest)?;
        }
        Ok(())
    }

    fn store(&self, mut from: impl Read) -> Result<(Digest, u64), BlobError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let temporary = self.folder.join(TEMPORARY).join(format!("{:032x}", u128::from_le_bytes(random)));
        let mut file = File::create_new(&temporary)?;
        let written = copy(&mut from, &mut file).and_then(|(digest, bytes)| {
            self.publish(&file, &temporary, &digest)?;
            Ok((digest, bytes))
        });
        match written {
            Ok((digest, bytes)) => self.state().shelf.add(digest, bytes),
            // Left where it is it would only be swept at the next start, and the disk may be full.
            Err(_) => drop(fs::remove_file(&temporary)),
        }
        Ok(written?)
    }

    fn publish(&self, file: &File, temporary: &Path, digest: &Digest) -> io::Result<()> {
        let name = self.name(digest);
        if let Some(second) = name.parent()
            && !second.try_exists()?
            && let Some(first) = second.parent()
        {
            fs::create_dir_all(second)?;
            sync_folder(first)?;
            sync_folder(&self.folder)?;
        }
        publish(file, temporary, &name)
    }
}

impl BlobSource for Blobs {
    fn open(&self, digest: &Digest, to: &PeerId) -> Option<File> {
        if !self.is_served(digest, to) {
            return None;
        }
        self.open_file(digest).ok().flatten()
    }
}

/// Copies to the end and returns the digest and the length of what went by.
fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<(Digest, u64)> {
    let (mut hasher, mut bytes, mut chunk) = (blake3::Hasher::new(), 0, vec![0; CHUNK_BYTES]);
    loop {
        let read = match from.read(&mut chunk) {
            Ok(0) => return Ok((Digest(*hasher.finalize().as_bytes()), bytes)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&chunk[..read]);
        to.write_all(&chunk[..read])?;
        bytes += read as u64;
    }
}
