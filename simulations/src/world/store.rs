//! A peer's blobs: for whom each is kept, who may fetch it, and what goes when there is no room; and its receipts, which
//! are kept for good.
//!
//! **Invariant:** what is kept for somebody never goes, and what nobody keeps goes in the order of its last use; blobs and
//! receipts outlive a crash, holders do not: a restarted brain says again what still holds.

mod holders;

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use assay_market::input::{Blob, Remembered};
use assay_protocol::{
    id::{Digest, JobId, PeerId},
    merkle::{self, RECORD_BYTES},
    receipt::Receipt,
};

use self::holders::Holders;

/// A peer's blobs and receipts.
#[derive(Debug, Default)]
pub(crate) struct SimulatedStore {
    blobs: BTreeMap<Digest, Stored>,
    /// The blobs that nobody keeps by their last use, the oldest first.
    idle: BTreeSet<(u64, Digest)>,
    uses: u64,
    bytes: usize,
    kept_bytes: usize,
    /// The most bytes of all blobs; none if there is room for any number.
    quota: Option<usize>,
    /// The most bytes of those that nobody keeps; none if any number stays.
    idle_max: Option<usize>,
    holders: Holders,
    receipts: BTreeMap<Digest, Filed>,
    /// What those say, by job.
    closed: BTreeMap<JobId, Remembered>,
}

/// One blob.
#[derive(Debug)]
struct Stored {
    bytes: Rc<[u8]>,
    used: u64,
}

/// A receipt.
#[derive(Debug)]
struct Filed {
    bytes: Rc<[u8]>,
    parties: [PeerId; 2],
}

impl SimulatedStore {
    /// From now on there is room for so many bytes.
    pub(crate) fn limit(&mut self, quota: usize) {
        self.quota = Some(quota);
    }

    /// From now on so many bytes stay that nobody keeps, and no more.
    pub(crate) fn limit_idle(&mut self, bytes: usize) {
        self.idle_max = Some(bytes);
        self.trim();
    }

    /// Stores bytes under their digest and keeps them for a holder; false if there is no room, and then it keeps nothing.
    pub(crate) fn put(&mut self, holder: Digest, bytes: impl Into<Rc<[u8]>>) -> bool {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        let is_new = self.keep(holder, digest);
        let stored = self.store(bytes);
        if !stored && is_new {
            self.holders.unkeep(&holder, &digest);
        }
        stored
    }

    /// Stores bytes under their digest, for those who keep them already; false if there is no room.
    pub(crate) fn store(&mut self, bytes: impl Into<Rc<[u8]>>) -> bool {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        if self.blobs.contains_key(&digest) {
            self.touch(&digest);
            return true;
        }
        let stored = self.make_room(bytes.len());
        if stored {
            self.insert(digest, bytes);
        }
        stored
    }

    fn insert(&mut self, digest: Digest, bytes: Rc<[u8]>) {
        self.bytes += bytes.len();
        self.uses += 1;
        match self.holders.is_kept(&digest) {
            true => self.kept_bytes += bytes.len(),
            false => drop(self.idle.insert((self.uses, digest))),
        }
        self.blobs.insert(digest, Stored { bytes, used: self.uses });
        self.trim();
    }

    /// Lets go of what nobody keeps and there is no room for.
    fn trim(&mut self) {
        let Some(most) = self.idle_max else { return };
        while self.bytes - self.kept_bytes > most
            && let Some((_, digest)) = self.idle.pop_first()
        {
            self.bytes -= self.blobs.remove(&digest).map_or(0, |stored| stored.bytes.len());
        }
    }

    /// What must go goes, unless there would be no room all the same.
    fn make_room(&mut self, need: usize) -> bool {
        let Some(quota) = self.quota else { return true };
        if self.kept_bytes + need > quota {
            return false;
        }
        while self.bytes + need > quota
            && let Some((_, digest)) = self.idle.pop_first()
        {
            self.bytes -= self.blobs.remove(&digest).map_or(0, |stored| stored.bytes.len());
        }
        true
    }

    /// Counts a use.
    fn touch(&mut self, digest: &Digest) {
        let Some(stored) = self.blobs.get_mut(digest) else { return };
        self.uses += 1;
        if self.idle.remove(&(stored.used, *digest)) {
            self.idle.insert((self.uses, *digest));
        }
        stored.used = self.uses;
    }

    /// How many bytes of blobs are kept for somebody.
    pub(crate) fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// The bytes of a blob or a receipt, for somebody who looks on.
    pub(crate) fn get(&self, digest: &Digest) -> Option<&Rc<[u8]>> {
        let receipt = || self.receipts.get(digest).map(|filed| &filed.bytes);
        self.blobs.get(digest).map(|stored| &stored.bytes).or_else(receipt)
    }

    /// The bytes of a blob, which is used.
    pub(crate) fn read(&mut self, digest: &Digest) -> Option<Rc<[u8]>> {
        self.touch(digest);
        self.blobs.get(digest).map(|stored| Rc::clone(&stored.bytes))
    }

    /// What the brain is told of a blob, which is used.
    pub(crate) fn describe(&mut self, digest: &Digest) -> Option<Blob> {
        let bytes = self.read(digest)?;
        Some(Blob { bytes: bytes.len() as u64, root: merkle::root(&bytes, RECORD_BYTES) })
    }

    /// The holder needs a blob, which need not be here yet; false if it did before.
    pub(crate) fn keep(&mut self, holder: Digest, digest: Digest) -> bool {
        let is_new = self.holders.keep(holder, digest);
        if let Some(stored) = self.blobs.get(&digest)
            && self.idle.remove(&(stored.used, digest))
        {
            self.kept_bytes += stored.bytes.len();
        }
        is_new
    }

    /// The holder lets a peer fetch a blob.
    pub(crate) fn permit(&mut self, holder: Digest, digest: Digest, to: PeerId) {
        self.holders.permit(holder, digest, to);
    }

    /// Ends everything that a holder keeps and serves. The end of the last keep counts as a use.
    pub(crate) fn release(&mut self, holder: &Digest) {
        for digest in self.holders.release(holder) {
            if self.holders.is_kept(&digest) {
                continue;
            }
            self.touch(&digest);
            self.rest(digest);
        }
    }

    /// A blob is kept for nobody any more.
    fn rest(&mut self, digest: Digest) {
        if let Some(stored) = self.blobs.get(&digest)
            && self.idle.insert((stored.used, digest))
        {
            self.kept_bytes -= stored.bytes.len();
        }
        self.trim();
    }

    /// Keeps a receipt for good.
    pub(crate) fn file(&mut self, receipt: &Receipt) {
        let bytes = receipt.to_bytes();
        let said = Remembered::of(receipt, Digest::of(&bytes));
        self.file_as(receipt.story.ticket.job, said, bytes.into());
    }

    /// Keeps the receipt of a job for good, of which this is known, and which has these bytes.
    pub(crate) fn file_as(&mut self, job: JobId, said: Remembered, bytes: Rc<[u8]>) {
        self.closed.insert(job, said);
        self.receipts.insert(said.receipt, Filed { bytes, parties: [said.client, said.provider] });
    }

    /// Lets go of a receipt that nobody will ask for, but for what it says.
    pub(crate) fn let_go(&mut self, receipt: &Digest) {
        self.receipts.remove(receipt);
    }

    /// What the receipt of a job says, if it is here.
    pub(crate) fn recall(&self, job: JobId) -> Option<Remembered> {
        self.closed.get(&job).copied()
    }

    /// The bytes of a blob or a receipt, for a peer that may have them.
    pub(crate) fn fetch(&mut self, digest: &Digest, by: PeerId) -> Option<Rc<[u8]>> {
        if let Some(filed) = self.receipts.get(digest).filter(|filed| filed.parties.contains(&by)) {
            return Some(Rc::clone(&filed.bytes));
        }
        if self.holders.is_served(digest, by) { self.read(digest) } else { None }
    }

    /// Forgets who holds what.
    pub(crate) fn crash(&mut self) {
        self.holders = Holders::default();
        let all: Vec<Digest> = self.blobs.keys().copied().collect();
        all.into_iter().for_each(|digest| self.rest(digest));
    }

    /// Lies: other bytes stand under a digest.
    #[cfg(test)]
    pub(crate) fn spoil(&mut self, digest: Digest, bytes: &[u8]) {
        self.insert(digest, bytes.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_keeps_goes_by_its_last_use_and_what_somebody_keeps_stays() {
        let mut store = SimulatedStore::default();
        store.limit_idle(10);
        let holder = |number| Digest([number; 32]);
        let digests = [1, 2, 3, 4].map(|number| Digest::of(&[number; 5]));
        for number in 1..=4 {
            assert!(store.put(holder(number), vec![number; 5]));
        }
        [2, 1, 3].into_iter().for_each(|number| store.release(&holder(number)));
        let held = digests.map(|digest| store.get(&digest).is_some());
        assert_eq!((held, store.kept_bytes()), ([true, false, true, true], 5));
    }
}
