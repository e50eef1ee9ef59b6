//! Receipts: everything that happened to one job, in one file that anyone can judge.
//!
//! **Invariant:** a receipt holds statements as they were signed, and of its own only what [`verify()`] computes again.

mod verify;

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

pub use verify::{Refuted, Report, Step, verify};

use crate::{
    check::{OpenClaim, OpenSeal, Seal, Unserved},
    claim::{Claim, Reveal},
    codec::{self, Malformed, RECEIPT_BYTES_MAX},
    draw::Try,
    genesis::Genesis,
    id::{Digest, PeerId},
    notice::Settled,
    order::{Abort, Open, Ticket},
    outcome::Outcome,
    payout::Settlement,
    roster::RosterRoot,
    signed::Signed,
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
    /// The claim, with its position in the journal.
    pub claim: Option<Claimed>,
    /// The provider gave up instead.
    pub abort: Option<Signed<Abort>>,
    /// The client's secret.
    pub reveal: Option<Signed<Reveal>>,
    /// What decided whether the job was checked.
    pub draw: Option<Drawn>,
    /// Who could check it.
    pub roster: Option<RosterRoot>,
    /// The verifiers, in the order in which they were drawn.
    pub seats: Vec<SeatStory>,
    /// What decided which records were opened, where not all were.
    pub positions: Option<Beacon>,
    /// The provider opens its claim.
    pub opening: Option<Signed<OpenClaim>>,
    /// The anchors of the hash chains that the beacons belong to.
    pub anchors: Vec<Anchor>,
    /// How it ended.
    pub outcome: Outcome,
    /// Who paid what.
    pub settlement: Settlement,
    /// The position in the notary's journal of the entry that closed the job.
    pub position: u64,
}

/// A claim in the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claimed {
    /// The claim.
    pub claim: Signed<Claim>,
    /// Its position in the notary's journal.
    pub position: u64,
}

/// A value of the beacon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beacon {
    /// Of which tick.
    pub round: u64,
    /// The value.
    pub value: Digest,
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

/// What decided whether a job was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drawn {
    /// The beacon it was drawn with.
    pub beacon: Beacon,
    /// Whether it was to be checked.
    pub check: bool,
}

/// One verifier of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeatStory {
    /// Who was drawn.
    pub peer: PeerId,
    /// The beacon it was drawn with.
    pub beacon: Beacon,
    /// The positions that were tried, the last being its own.
    pub tries: Vec<Try>,
    /// What it sealed.
    pub seal: Option<Signed<Seal>>,
    /// It was not given the input.
    pub unserved: Option<Signed<Unserved>>,
    /// What it opened.
    pub opening: Option<Signed<OpenSeal>>,
}

impl Story {
    /// The name of the receipt: what the notary signs.
    #[must_use]
    pub fn digest(&self) -> Digest {
        codec::digest("receipt", self)
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
