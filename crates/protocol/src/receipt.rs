//! Receipts: everything that happened to one job, in one file that anyone can judge.
//!
//! **Invariant:** a receipt holds statements as they were signed, in the order in which the notary took them; whatever
//! else it says is computed again from these by [`verify`](fn@verify).

pub mod event;
mod verify;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

pub use event::{Event, Happening};
pub use verify::{Refuted, Report, Stop, barred, lot, verify};

use crate::{
    codec::{self, Malformed, RECEIPT_BYTES_MAX},
    genesis::Genesis,
    id::Digest,
    job::Moment,
    notice::Settled,
    order::Open,
    outcome::Outcome,
    payout::Settlement,
    roster::RosterRoot,
    signed::Signed,
    ticket::Ticket,
};

/// A receipt with the notary's signature on its digest: what a file holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// What happened.
    pub story: Story,
    /// The notary's word for it.
    pub settled: Signed<Settled>,
}

/// What happened to one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Story {
    /// The network's rules.
    pub genesis: Genesis,
    /// Order and agreement.
    pub open: Signed<Open>,
    /// What the notary fixed.
    pub ticket: Ticket,
    /// When it was opened.
    pub begun: Moment,
    /// What moved the job, in order.
    pub events: Vec<Event>,
    /// Who could check it, in the last checkpoint before the claim.
    pub roster: Option<RosterRoot>,
    /// The anchors of the hash chains that the beacons belong to.
    pub anchors: Vec<Anchor>,
    /// How it ended.
    pub outcome: Outcome,
    /// Who paid what.
    pub settlement: Settlement,
    /// The position in the notary's journal of the entry that closed the job.
    pub position: u64,
}

/// The end of a hash chain, published before the chain was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchor {
    /// The round before the first value of the chain.
    pub round: u64,
    /// What that value hashes to.
    pub value: Digest,
}

impl Story {
    /// The name of the story: what the notary signs.
    #[must_use]
    pub fn digest(&self) -> Digest {
        codec::digest("story", self)
    }
}

impl Receipt {
    /// The canonical file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// The receipt that a file holds, not yet judged.
    ///
    /// # Errors
    /// [`Malformed`], if it is anything but one canonical receipt of allowed length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        codec::decode(bytes, RECEIPT_BYTES_MAX)
    }
}
