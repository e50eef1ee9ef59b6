//! Which files were read whole and found to be what their names say, and what proves their pieces to others, so that none
//! is read again for each job.
//!
//! **Invariant:** a proof holds for one file as it was: another file under the name, or one that was written to since, has
//! another stamp. There are at most [`PROOFS_MAX`].

use std::collections::BTreeMap;

use assay_protocol::id::Digest;

use crate::pieces::BlobPieces;
pub(super) use crate::system::Stamp;

/// Files remembered: many more than a peer has runners and models.
const PROOFS_MAX: usize = 1024;

/// The files that were read.
#[derive(Default)]
pub(super) struct Proofs {
    proofs: BTreeMap<Digest, (Option<Stamp>, BlobPieces)>,
}

impl Proofs {
    /// The pieces of a file that was read as it is. Of one without a stamp nobody knows whether it still is.
    pub(super) fn of(&self, digest: &Digest, stamp: Option<&Stamp>) -> Option<BlobPieces> {
        let (read, pieces) = self.proofs.get(digest)?;
        (stamp.is_some() && stamp == read.as_ref()).then(|| pieces.clone())
    }

    /// The same to serve it by. Where files have no stamps, those that it had when it was read: whoever is served proves them.
    pub(super) fn to_serve(&self, digest: &Digest, stamp: Option<&Stamp>) -> Option<BlobPieces> {
        match stamp {
            Some(_) => self.of(digest, stamp),
            None => self.proofs.get(digest).map(|(_, pieces)| pieces.clone()),
        }
    }

    /// The file was read, is what its name says and has these pieces.
    pub(super) fn note(&mut self, digest: Digest, stamp: Option<Stamp>, pieces: BlobPieces) {
        if self.proofs.len() >= PROOFS_MAX && !self.proofs.contains_key(&digest) {
            // Any will do: it is read once more when it is needed.
            self.proofs.pop_first();
        }
        self.proofs.insert(digest, (stamp, pieces));
    }

    pub(super) fn forget(&mut self, digest: &Digest) {
        self.proofs.remove(digest);
    }
}
