//! Who may have which receipt, as it was last read out of the receipts themselves.
//!
//! **Invariant:** no more than [`RECEIPTS_MAX`] are remembered; what is forgotten is read again.

use std::collections::{HashMap, VecDeque};

use assay_protocol::{
    id::{Digest, PeerId},
    receipt::Receipt,
};

/// Receipts whose parties are remembered.
const RECEIPTS_MAX: usize = 4096;

/// The parties of the receipts that were asked for last.
#[derive(Default)]
pub(super) struct Parties {
    known: HashMap<Digest, [PeerId; 2]>,
    /// The same receipts, the one read first at the front.
    order: VecDeque<Digest>,
}

impl Parties {
    pub(super) fn of(&self, digest: &Digest) -> Option<[PeerId; 2]> {
        self.known.get(digest).copied()
    }

    pub(super) fn note(&mut self, digest: Digest, parties: [PeerId; 2]) {
        if self.known.insert(digest, parties).is_some() {
            return;
        }
        self.order.push_back(digest);
        if self.order.len() > RECEIPTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

/// Client and provider of the job that a receipt is of.
pub(super) fn of(receipt: &Receipt) -> [PeerId; 2] {
    let open = receipt.story.open.said();
    let order = open.order.said();
    [order.client, order.provider]
}
