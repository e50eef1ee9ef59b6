//! Which files were read whole and found to be what their names say, so that none is read again for each job.
//!
//! **Invariant:** a proof holds for one file as it was: another file under the name, or one that was written to since, has
//! another stamp. There are at most [`PROOFS_MAX`].

use std::{collections::BTreeMap, fs::Metadata, os::unix::fs::MetadataExt};

use assay_protocol::id::Digest;

/// Files remembered: many more than a peer has runners and models.
const PROOFS_MAX: usize = 1024;

/// What a file is, and when anything of it last changed. The last of these is the system's own: nobody sets it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    file: (u64, u64),
    bytes: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            bytes: metadata.len(),
            written: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// The files that were read.
#[derive(Default)]
pub(super) struct Proofs {
    stamps: BTreeMap<Digest, Stamp>,
}

impl Proofs {
    /// Whether the file was read as it is.
    pub(super) fn holds(&self, digest: &Digest, stamp: &Stamp) -> bool {
        self.stamps.get(digest) == Some(stamp)
    }

    /// The file was read and is what its name says.
    pub(super) fn note(&mut self, digest: Digest, stamp: Stamp) {
        if self.stamps.len() >= PROOFS_MAX && !self.stamps.contains_key(&digest) {
            // Any will do: it is read once more when it is needed.
            self.stamps.pop_first();
        }
        self.stamps.insert(digest, stamp);
    }

    pub(super) fn forget(&mut self, digest: &Digest) {
        self.stamps.remove(digest);
    }
}
