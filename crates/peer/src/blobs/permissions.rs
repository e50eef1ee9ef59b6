//! Who may fetch which blob.
//!
//! **Invariant:** what was never permitted, or was withdrawn since, is denied. The table is in memory only: after a
//! restart the brain grants again what still holds.

use std::collections::{HashMap, HashSet};

use assay_protocol::id::{Digest, PeerId};

/// The permissions of one store.
#[derive(Default)]
pub(super) struct Permissions {
    table: HashMap<Digest, Readers>,
}

#[derive(Default)]
struct Readers {
    everybody: bool,
    peers: HashSet<PeerId>,
}

impl Permissions {
    pub(super) fn permit(&mut self, digest: Digest, to: &[PeerId]) {
        self.table.entry(digest).or_default().peers.extend(to);
    }

    pub(super) fn permit_all(&mut self, digest: Digest) {
        self.table.entry(digest).or_default().everybody = true;
    }

    pub(super) fn withdraw(&mut self, digest: &Digest, to: &PeerId) {
        let Some(readers) = self.table.get_mut(digest) else { return };
        readers.peers.remove(to);
        if readers.peers.is_empty() && !readers.everybody {
            self.table.remove(digest);
        }
    }

    pub(super) fn withdraw_all(&mut self, digest: &Digest) {
        self.table.remove(digest);
    }

    pub(super) fn allows(&self, digest: &Digest, to: &PeerId) -> bool {
        self.table.get(digest).is_some_and(|readers| readers.everybody || readers.peers.contains(to))
    }
}
