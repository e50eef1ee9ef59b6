//! Receipts that the notary filed and that their parties have not all read.
//!
//! A party of a real market judges a receipt by itself. Here both take it as it was filed: whether receipts hold is asked by
//! who looks on.
//!
//! **Invariant:** what is read here is what a judgement of the same receipt gives.

use std::collections::BTreeMap;

use assay_market::input::{Proven, Remembered};
use assay_protocol::{
    id::{Digest, JobId, NetworkId, PeerId},
    receipt::{Happening, Receipt, Report, verify},
};

use crate::crypto::Simulated;

/// Who reads a receipt: the client and the provider.
pub(super) const PARTIES: u8 = 2;
/// Receipts that wait for a reader; of more some are judged when they are read.
const WAITING_MAX: usize = 65_536;

/// What a receipt says and proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct JudgedReceipt {
    pub(super) job: JobId,
    pub(super) notary: PeerId,
    pub(super) network: NetworkId,
    pub(super) said: Remembered,
    pub(super) proven: Proven,
}

/// The receipts that wait for a reader, each with how many it had.
#[derive(Debug, Default)]
pub(super) struct Archive {
    waiting: BTreeMap<Digest, (JudgedReceipt, u8)>,
}

impl Archive {
    /// Keeps a receipt for its parties.
    pub(super) fn file(&mut self, receipt: JudgedReceipt) {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_first();
        }
        self.waiting.insert(receipt.said.receipt, (receipt, 0));
    }

    /// True if every receipt was read by its parties.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Reads a receipt; says how many have, and lets go of it with the last.
    pub(super) fn read(&mut self, digest: &Digest) -> Option<(JudgedReceipt, u8)> {
        let (receipt, readers) = self.waiting.get_mut(digest)?;
        *readers += 1;
        let read = (*receipt, *readers);
        if read.1 >= PARTIES {
            self.waiting.remove(digest);
        }
        Some(read)
    }
}

impl JudgedReceipt {
    /// Nothing, if the bytes are no receipt or a step in it does not hold.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let receipt = Receipt::from_bytes(bytes).ok()?;
        let Report { job, notary, network, outcome, claim, cost, .. } = verify::<Simulated>(&receipt).ok()?;
        let said = Remembered::of(&receipt, Digest::of(bytes));
        Some(Self { job, notary, network, said, proven: Proven { outcome, claim, cost } })
    }

    /// What a judgement would say of a receipt that its notary has just made, the file of this digest.
    pub(super) fn as_filed(receipt: &Receipt, digest: Digest, network: NetworkId) -> Self {
        let story = &receipt.story;
        let claim = story.events.iter().find_map(|event| {
            if let Happening::Claim { claim, .. } = &event.what { Some(claim.said().digest()) } else { None }
        });
        let cost = story.open.said().order.said().total_max.minus_up_to(story.settlement.client);
        Self {
            job: story.ticket.job,
            notary: receipt.settled.said().signer(),
            network,
            said: Remembered::of(receipt, digest),
            proven: Proven { outcome: story.outcome, claim, cost },
        }
    }
}
