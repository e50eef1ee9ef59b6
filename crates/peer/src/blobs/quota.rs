//! The room that blobs take, and which of them goes first.
//!
//! Blobs that nobody holds are listed by their last use; those that somebody holds are not, so finding what may go never
//! passes over what must stay.
//!
//! **Invariant:** a pinned blob never goes to make room; the bytes counted are the sum of the blobs listed, and those
//! that are promised to blobs on their way are counted beside them.

use std::collections::{BTreeMap, HashMap};

use assay_protocol::id::Digest;

use super::BlobError;

/// What is stored, how long ago it was used, and who needs it.
pub(super) struct Quota {
    limit_bytes: u64,
    bytes: u64,
    /// Of these, the bytes of pinned blobs.
    pinned_bytes: u64,
    /// Bytes of blobs that are being written.
    promised_bytes: u64,
    /// What has arrived of blobs that do not arrive now, which goes before any blob does.
    parts: BTreeMap<Digest, u64>,
    blobs: HashMap<Digest, BlobUse>,
    /// The blobs that may go, by their last use.
    idle: BTreeMap<u64, Digest>,
    /// How many hold each blob, whether it is here or not; blobs that nobody holds are not listed.
    pins: HashMap<Digest, u32>,
    uses: u64,
}

#[derive(Clone, Copy)]
struct BlobUse {
    bytes: u64,
    used: u64,
}

/// What makes room.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Going {
    /// Blobs.
    pub(super) blobs: Vec<Digest>,
    /// Blobs of which a part is here.
    pub(super) parts: Vec<Digest>,
}

impl Quota {
    pub(super) fn new(limit_bytes: u64) -> Self {
        Self {
            limit_bytes,
            bytes: 0,
            pinned_bytes: 0,
            promised_bytes: 0,
            parts: BTreeMap::new(),
            blobs: HashMap::new(),
            idle: BTreeMap::new(),
            pins: HashMap::new(),
            uses: 0,
        }
    }

    pub(super) fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn pinned_bytes(&self) -> u64 {
        self.pinned_bytes
    }

    pub(super) fn blobs(&self) -> u64 {
        self.blobs.len() as u64
    }

    pub(super) fn digests(&self) -> impl Iterator<Item = Digest> {
        self.blobs.keys().copied()
    }

    pub(super) fn contains(&self, digest: &Digest) -> bool {
        self.blobs.contains_key(digest)
    }

    pub(super) fn bytes_of(&self, digest: &Digest) -> Option<u64> {
        self.blobs.get(digest).map(|blob| blob.bytes)
    }

    pub(super) fn is_pinned(&self, digest: &Digest) -> bool {
        self.pins.contains_key(digest)
    }

    pub(super) fn add(&mut self, digest: Digest, bytes: u64) {
        self.remove(&digest);
        self.uses += 1;
        self.bytes += bytes;
        self.blobs.insert(digest, BlobUse { bytes, used: self.uses });
        match self.pins.contains_key(&digest) {
            true => self.pinned_bytes += bytes,
            false => drop(self.idle.insert(self.uses, digest)),
        }
    }

    pub(super) fn remove(&mut self, digest: &Digest) {
        let Some(blob) = self.blobs.remove(digest) else { return };
        self.bytes -= blob.bytes;
        if self.idle.remove(&blob.used).is_none() {
            self.pinned_bytes -= blob.bytes;
        }
    }

    /// Counts a use, and says whether the blob is there.
    pub(super) fn touch(&mut self, digest: &Digest) -> bool {
        let Some(&BlobUse { bytes, .. }) = self.blobs.get(digest) else { return false };
        self.add(*digest, bytes);
        true
    }

    /// One more holds this blob, which need not be there yet.
    pub(super) fn pin(&mut self, digest: Digest) {
        *self.pins.entry(digest).or_default() += 1;
        if let Some(blob) = self.blobs.get(&digest)
            && self.idle.remove(&blob.used).is_some()
        {
            self.pinned_bytes += blob.bytes;
        }
    }

    /// One less holds it. The end of the last hold counts as a use.
    pub(super) fn unpin(&mut self, digest: Digest) {
        let Some(pins) = self.pins.get_mut(&digest) else { return };
        *pins -= 1;
        if *pins == 0 {
            let bytes = self.blobs.get(&digest).map(|blob| blob.bytes);
            self.remove(&digest);
            self.pins.remove(&digest);
            bytes.into_iter().for_each(|bytes| self.add(digest, bytes));
        }
    }

    /// Counts what has arrived of a blob that does not arrive now.
    pub(super) fn note_part(&mut self, digest: Digest, bytes: u64) {
        self.parts.insert(digest, bytes);
    }

    /// It goes on arriving, and is promised with the rest: how much of it is here.
    pub(super) fn forget_part(&mut self, digest: &Digest) -> u64 {
        self.parts.remove(digest).unwrap_or_default()
    }

    /// Promises `need` bytes, and says what must go for that. It is no longer listed.
    pub(super) fn reserve(&mut self, need: u64) -> Result<Going, BlobError> {
        let (limit, stays) = (self.limit_bytes, self.pinned_bytes.saturating_add(self.promised_bytes));
        if stays.saturating_add(need) > limit {
            return Err(BlobError::NoRoom { need, have: stays, limit });
        }
        self.promised_bytes += need;
        let mut going = Going::default();
        while self.bytes.saturating_add(self.promised_bytes).saturating_add(self.part_bytes()) > limit {
            if let Some((digest, _)) = self.parts.pop_first() {
                going.parts.push(digest);
            } else if let Some((_, digest)) = self.idle.pop_first() {
                if let Some(blob) = self.blobs.remove(&digest) {
                    self.bytes -= blob.bytes;
                }
                going.blobs.push(digest);
            } else {
                break;
            }
        }
        Ok(going)
    }

    fn part_bytes(&self) -> u64 {
        self.parts.values().sum()
    }

    /// Takes a promise back: the blob is there and listed, or will never be.
    pub(super) fn redeem(&mut self, need: u64) {
        self.promised_bytes -= need;
    }
}
