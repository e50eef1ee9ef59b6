//! Who needs which blob, and whom each lets have it.
//!
//! **Invariant:** a blob is kept, and served to a peer, exactly as long as the count of those who want that is not nought;
//! what a holder said ends with it.

use std::collections::{BTreeMap, BTreeSet};

use assay_protocol::id::{Digest, PeerId};

/// The holders of one store.
#[derive(Debug, Default)]
pub(super) struct Holders {
    table: BTreeMap<Digest, Held>,
    /// How many keep each blob, whether it is here or not.
    keepers: BTreeMap<Digest, u32>,
    /// How many let each peer have a blob.
    servers: BTreeMap<(Digest, PeerId), u32>,
}

/// What one holder said.
#[derive(Debug, Default)]
struct Held {
    keeps: BTreeSet<Digest>,
    serves: BTreeSet<(Digest, PeerId)>,
}

impl Holders {
    /// Notes that the holder needs a blob; false if it was noted before.
    pub(super) fn keep(&mut self, holder: Digest, digest: Digest) -> bool {
        let is_new = self.table.entry(holder).or_default().keeps.insert(digest);
        if is_new {
            *self.keepers.entry(digest).or_default() += 1;
        }
        is_new
    }

    /// Notes that the holder needs a blob no more.
    pub(super) fn unkeep(&mut self, holder: &Digest, digest: &Digest) {
        if self.table.get_mut(holder).is_some_and(|held| held.keeps.remove(digest)) {
            one_less(&mut self.keepers, digest);
        }
    }

    pub(super) fn permit(&mut self, holder: Digest, digest: Digest, to: PeerId) {
        if self.table.entry(holder).or_default().serves.insert((digest, to)) {
            *self.servers.entry((digest, to)).or_default() += 1;
        }
    }

    /// Forgets a holder, and says what it kept.
    pub(super) fn release(&mut self, holder: &Digest) -> BTreeSet<Digest> {
        let Held { keeps, serves } = self.table.remove(holder).unwrap_or_default();
        keeps.iter().for_each(|digest| one_less(&mut self.keepers, digest));
        serves.iter().for_each(|served| one_less(&mut self.servers, served));
        keeps
    }

    pub(super) fn is_kept(&self, digest: &Digest) -> bool {
        self.keepers.contains_key(digest)
    }

    pub(super) fn is_served(&self, digest: &Digest, to: PeerId) -> bool {
        self.servers.contains_key(&(*digest, to))
    }
}

fn one_less<K: Ord>(counts: &mut BTreeMap<K, u32>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
