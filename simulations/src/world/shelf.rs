//! A peer's blobs: for whom each is kept, who may fetch it, and what goes when there is no room; and its receipts, which
//! are kept for good.
//!
//! **Invariant:** what is kept for somebody never goes; blobs and receipts outlive a crash, holders do not: a restarted
//! brain says again what still holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use assay_market::input::Blob;
use assay_protocol::{
    id::{Digest, PeerId},
    merkle::{self, RECORD_BYTES},
    receipt::Receipt,
};

/// A peer's blobs and receipts.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    blobs: BTreeMap<Digest, Stored>,
    /// The blobs by when they came, the oldest first.
    order: BTreeSet<(u64, Digest)>,
    arrivals: u64,
    bytes: usize,
    /// The most bytes of all blobs; none if there is room for any number.
    quota: Option<usize>,
    holders: BTreeMap<Digest, Holder>,
    receipts: BTreeMap<Digest, Filed>,
}

/// One blob.
#[derive(Debug)]
struct Stored {
    bytes: Rc<[u8]>,
    arrival: u64,
}

/// What is kept for somebody, and whom it is served to.
#[derive(Debug, Default)]
struct Holder {
    keeps: BTreeSet<Digest>,
    serves: BTreeSet<(Digest, PeerId)>,
}

/// A receipt.
#[derive(Debug)]
struct Filed {
    bytes: Rc<[u8]>,
    parties: [PeerId; 2],
}

impl Shelf {
    /// From now on there is room for so many bytes.
    pub(super) fn limit(&mut self, quota: usize) {
        self.quota = Some(quota);
    }

    /// Stores bytes under their digest and keeps them for a holder; false if there is no room.
    pub(super) fn put(&mut self, holder: Digest, bytes: impl Into<Rc<[u8]>>) -> bool {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.keep(holder, digest);
        if self.blobs.contains_key(&digest) {
            return true;
        }
        if !self.make_room(bytes.len()) {
            return false;
        }
        self.arrivals += 1;
        self.bytes += bytes.len();
        self.order.insert((self.arrivals, digest));
        self.blobs.insert(digest, Stored { bytes, arrival: self.arrivals });
        true
    }

    fn make_room(&mut self, bytes: usize) -> bool {
        let Some(quota) = self.quota else { return true };
        while self.bytes + bytes > quota {
            let free = self.order.iter().map(|(_, digest)| *digest).find(|digest| !self.is_kept(digest));
            let Some(digest) = free else { return false };
            let Some(Stored { bytes, arrival }) = self.blobs.remove(&digest) else { return false };
            self.order.remove(&(arrival, digest));
            self.bytes -= bytes.len();
        }
        true
    }

    fn is_kept(&self, digest: &Digest) -> bool {
        self.holders.values().any(|holder| holder.keeps.contains(digest))
    }

    /// How many bytes of blobs are kept for somebody.
    pub(super) fn kept_bytes(&self) -> usize {
        let kept = self.blobs.iter().filter(|(digest, _)| self.is_kept(digest));
        kept.map(|(_, stored)| stored.bytes.len()).sum()
    }

    /// The bytes of a blob or a receipt.
    pub(super) fn get(&self, digest: &Digest) -> Option<&Rc<[u8]>> {
        let receipt = || self.receipts.get(digest).map(|filed| &filed.bytes);
        self.blobs.get(digest).map(|stored| &stored.bytes).or_else(receipt)
    }

    /// What the brain is told of a blob.
    pub(super) fn describe(&self, digest: &Digest) -> Option<Blob> {
        let bytes = &self.blobs.get(digest)?.bytes;
        Some(Blob { bytes: bytes.len() as u64, root: merkle::root(bytes, RECORD_BYTES) })
    }

    pub(super) fn keep(&mut self, holder: Digest, digest: Digest) {
        self.holders.entry(holder).or_default().keeps.insert(digest);
    }

    pub(super) fn permit(&mut self, holder: Digest, digest: Digest, to: PeerId) {
        self.holders.entry(holder).or_default().serves.insert((digest, to));
    }

    pub(super) fn release(&mut self, holder: &Digest) {
        self.holders.remove(holder);
    }

    /// Keeps a receipt for good.
    pub(super) fn file(&mut self, receipt: &Receipt) {
        let bytes = receipt.to_bytes();
        let open = receipt.story.open.said();
        let order = open.order.said();
        let parties = [order.client, order.provider];
        self.receipts.insert(Digest::of(&bytes), Filed { bytes: bytes.into(), parties });
    }

    /// The bytes of a blob or a receipt, for a peer that may have them.
    pub(super) fn fetch(&self, digest: &Digest, by: PeerId) -> Option<&Rc<[u8]>> {
        if let Some(filed) = self.receipts.get(digest).filter(|filed| filed.parties.contains(&by)) {
            return Some(&filed.bytes);
        }
        let is_served = self.holders.values().any(|holder| holder.serves.contains(&(*digest, by)));
        self.blobs.get(digest).map(|stored| &stored.bytes).filter(|_| is_served)
    }

    pub(super) fn crash(&mut self) {
        self.holders.clear();
    }
}
