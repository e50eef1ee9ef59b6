//! Which files were read whole and found to be what their names say, so that none is read again for each job.
//!
//! **Invariant:** a proof holds for one file as it was: another file under the name, or one that was written to since, has
//! another stamp. There are at most [`PROOFS_MAX`].

use std::collections::BTreeMap;

use assay_protocol::id::Digest;

pub(super) use crate::system::Stamp;

/// Files remembered: many more than a peer has runners and models.
const PROOFS_MAX: usize = 1024;

/// The files that were read.
#[derive(Default)]
pub(super) struct Proofs {
    stamps: BTreeMap<Digest, Stamp>,
}

impl Proofs {
    /// Whether the file was read as it is. Of one without a stamp nobody knows.
    pub(super) fn holds(&self, digest: &Digest, stamp: Option<&Stamp>) -> bool {
        stamp.is_some() && self.stamps.get(digest) == stamp
    }

    /// The file was read and is what its name says.
    pub(super) fn note(&mut self, digest: Digest, stamp: Option<Stamp>) {
        let Some(stamp) = stamp else { return };
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
