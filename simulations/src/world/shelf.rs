//! A peer's blobs, and who may fetch them.
//!
//! **Invariant:** blobs outlive a crash; permissions do not: a restarted brain grants again what still holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use assay_market::input::Blob;
use assay_protocol::{
    id::{Digest, PeerId},
    merkle::{self, RECORD_BYTES},
};

/// A peer's blobs.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    blobs: BTreeMap<Digest, Rc<[u8]>>,
    permitted: BTreeSet<(Digest, PeerId)>,
}

impl Shelf {
    /// Stores bytes under their digest.
    pub(super) fn put(&mut self, bytes: impl Into<Rc<[u8]>>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.blobs.insert(digest, bytes);
        digest
    }

    /// The bytes of a blob.
    pub(super) fn get(&self, digest: &Digest) -> Option<&Rc<[u8]>> {
        self.blobs.get(digest)
    }

    /// What the brain is told of a blob.
    pub(super) fn describe(&self, digest: &Digest) -> Option<Blob> {
        let bytes = self.blobs.get(digest)?;
        Some(Blob { bytes: bytes.len() as u64, root: merkle::root(bytes, RECORD_BYTES) })
    }

    pub(super) fn permit(&mut self, digest: Digest, to: PeerId) {
        self.permitted.insert((digest, to));
    }

    pub(super) fn withdraw(&mut self, digest: Digest, to: PeerId) {
        self.permitted.remove(&(digest, to));
    }

    /// The bytes of a blob, for a peer that may have them.
    pub(super) fn fetch(&self, digest: &Digest, by: PeerId) -> Option<&Rc<[u8]>> {
        self.blobs.get(digest).filter(|_| self.permitted.contains(&(*digest, by)))
    }

    pub(super) fn crash(&mut self) {
        self.permitted.clear();
    }
}
