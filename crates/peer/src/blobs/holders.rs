//! Who needs which blob, and whom each lets have it.
//!
//! **Invariant:** whatever a holder kept or permitted ends with the holder; what no holder permits is denied. The table
//! is in memory only: after a restart those who hold say so again.

use std::collections::{HashMap, HashSet};

use assay_protocol::id::{Digest, PeerId};

/// The holders of one store.
#[derive(Default)]
pub(super) struct Holders {
    table: HashMap<Digest, Held>,
    /// How many holders let each reader have a blob.
    readers: HashMap<(Digest, Reader), u32>,
}

#[derive(Default)]
struct Held {
    kept: HashSet<Digest>,
    permitted: HashSet<(Digest, Reader)>,
}

/// Who may fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Reader {
    Peer(PeerId),
    Everybody,
}

impl Holders {
    pub(super) fn count(&self) -> u64 {
        self.table.len() as u64
    }

    /// Notes that the holder needs a blob; false if it was noted before.
    pub(super) fn keep(&mut self, holder: Digest, digest: Digest) -> bool {
        self.table.entry(holder).or_default().kept.insert(digest)
    }

    /// Notes that the holder needs a blob no more; false if it did not.
    pub(super) fn unkeep(&mut self, holder: Digest, digest: &Digest) -> bool {
        let Some(held) = self.table.get_mut(&holder) else { return false };
        let was_kept = held.kept.remove(digest);
        if held.kept.is_empty() && held.permitted.is_empty() {
            self.table.remove(&holder);
        }
        was_kept
    }

    pub(super) fn permit(&mut self, holder: Digest, digest: Digest, reader: Reader) {
        if self.table.entry(holder).or_default().permitted.insert((digest, reader)) {
            *self.readers.entry((digest, reader)).or_default() += 1;
        }
    }

    /// Forgets a holder, and says which blobs it kept.
    pub(super) fn release(&mut self, holder: &Digest) -> HashSet<Digest> {
        let held = self.table.remove(holder).unwrap_or_default();
        for permitted in held.permitted {
            if let Some(count) = self.readers.get_mut(&permitted) {
                *count -= 1;
                if *count == 0 {
                    self.readers.remove(&permitted);
                }
            }
        }
        held.kept
    }

    pub(super) fn allows(&self, digest: &Digest, to: &PeerId) -> bool {
        let allows = |reader| self.readers.contains_key(&(*digest, reader));
        allows(Reader::Everybody) || allows(Reader::Peer(*to))
    }
}
