//! Everything that a peer stores under digests: blobs within their quota, receipts and the library beside them.
//!
//! **Invariant:** a digest names the same bytes wherever they lie, so whoever asks need not know where that is.

use std::io;

use assay_protocol::id::{Digest, PeerId};

use crate::{
    blobs::{BlobError, Blobs},
    config::Home,
    disk::HomeDisk,
    library::Library,
    network::BlobSource,
    pieces::ServedBlob,
    receipts::{ReceiptError, Receipts},
};

/// Blobs, receipts and models of one peer. Cheap to clone; every method blocks on the disk at most.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) blobs: Blobs,
    pub(crate) receipts: Receipts,
    pub(crate) library: Library,
}

/// Why stored bytes could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error(transparent)]
    Blob(#[from] BlobError),
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
}

impl Store {
    /// Opens what lies in a home.
    pub(crate) fn open(disk: &HomeDisk, home: &Home, blob_bytes_max: u64) -> io::Result<Self> {
        let blobs = Blobs::open_on(disk, &home.blobs(), blob_bytes_max)?;
        let library = Library::open_on(disk, &home.models(), &blobs)?;
        Ok(Self { blobs, receipts: Receipts::open(disk, &home.receipts())?, library })
    }

    /// The bytes of this digest, proven to be those.
    pub(crate) fn get(&self, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        match self.receipts.get(digest)? {
            Some(bytes) => Ok(Some(bytes)),
            None => Ok(self.blobs.get(digest)?),
        }
    }
}

impl BlobSource for Store {
    fn open(&self, digest: &Digest, to: &PeerId) -> Option<ServedBlob> {
        self.blobs.open(digest, to).or_else(|| self.receipts.open(digest, to))
    }
}
