//! The room blobs take, and which of them goes first.
//!
//! **Invariant:** a pinned blob is never chosen to go, and the bytes counted are the sum of the blobs listed.

use std::collections::{BTreeMap, HashMap};

use assay_protocol::id::Digest;

use super::BlobError;

/// What is stored, by name and by age of last use.
pub(super) struct Shelf {
    limit_bytes: u64,
    bytes: u64,
    blobs: HashMap<Digest, Entry>,
    /// The same blobs by their last use.
    by_use: BTreeMap<u64, Digest>,
    /// How many hold each blob; blobs that nobody holds are not listed.
    pins: HashMap<Digest, u32>,
    uses: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    bytes: u64,
    used: u64,
}

impl Shelf {
    pub(super) fn new(limit_bytes: u64) -> Self {
        let (blobs, by_use, pins) = (HashMap::new(), BTreeMap::new(), HashMap::new());
        Self { limit_bytes, bytes: 0, blobs, by_use, pins, uses: 0 }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn contains(&self, digest: &Digest) -> bool {
        self.blobs.contains_key(digest)
    }

    pub(super) fn add(&mut self, digest: Digest, bytes: u64) {
        self.remove(&digest);
        self.uses += 1;
        self.bytes += bytes;
        self.blobs.insert(digest, Entry { bytes, used: self.uses });
        self.by_use.insert(self.uses, digest);
    }

    pub(super) fn remove(&mut self, digest: &Digest) {
        if let Some(entry) = self.blobs.remove(digest) {
            self.bytes -= entry.bytes;
            self.by_use.remove(&entry.used);
        }
    }

    /// Counts a use, and says whether the blob is there.
    pub(super) fn touch(&mut self, digest: &Digest) -> bool {
        let Some(&Entry { bytes, .. }) = self.blobs.get(digest) else { return false };
        self.add(*digest, bytes);
        true
    }

    pub(super) fn pin(&mut self, digest: Digest) {
        *self.pins.entry(digest).or_default() += 1;
    }

    pub(super) fn unpin(&mut self, digest: Digest) {
        if let Some(pins) = self.pins.get_mut(&digest) {
            *pins -= 1;
            if *pins == 0 {
                self.pins.remove(&digest);
            }
        }
    }

    /// The blobs that must go so that another of `need` bytes fits; none if not even that would help.
    pub(super) fn make_room(&self, need: u64) -> Result<Vec<Digest>, BlobError> {
        let (mut have, mut going) = (self.bytes, Vec::new());
        for digest in self.by_use.values().filter(|digest| !self.pins.contains_key(digest)) {
            if have.saturating_add(need) <= self.limit_bytes {
                break;
            }
            have -= self.blobs.get(digest).map_or(0, |entry| entry.bytes);
            going.push(*digest);
        }
        if have.saturating_add(need) > self.limit_bytes {
            return Err(BlobError::NoRoom { need, have, limit: self.limit_bytes });
        }
        Ok(going)
    }
}
