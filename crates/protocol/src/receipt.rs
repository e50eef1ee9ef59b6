//! Receipts: everything that happened to one job, in one file that anyone can judge.
//!
//! **Invariant:** a receipt holds statements as they were signed, in the order in which the notary took them; whatever
//! else it says is computed again from these by [`verify`](fn@verify).

pub mod event;
mod meaning;
mod punctual;
mod verify;
mod view;

use alloc::{sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

pub use event::{Happening, StoryEvent};
pub use verify::{Refuted, Report, Stop, lot, verify};
pub use view::{NotAView, VIEW_BYTES_MAX};

use crate::{
    codec::{self, Malformed, RECEIPT_BYTES_MAX, bounded},
    genesis::Genesis,
    id::{Digest, NetworkId},
    notice::{Settled, Tick},
    order::Open,
    outcome::Outcome,
    payout::Settlement,
    roster::Listing,
    signed::{Signed, Signer},
    ticket::Ticket,
};

/// Events in the longest story: forty jurors are drawn, seal and open, each with a tick between.
pub const EVENTS_MAX: usize = 1_024;
/// Ticks in the longest story.
pub const TICKS_MAX: usize = 2_048;
/// What stories are named under.
const STORY: &str = "story";

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
    pub genesis: Arc<Genesis>,
    /// Order and agreement.
    pub open: Signed<Open>,
    /// What the notary fixed.
    pub ticket: Ticket,
    /// The ticks that anything in it happened at, and those that anchor their beacons, by round.
    #[serde(deserialize_with = "bounded::list::<TICKS_MAX, _, _>")]
    pub ticks: Vec<Signed<Tick>>,
    /// What moved the job, in order.
    #[serde(deserialize_with = "bounded::list::<EVENTS_MAX, _, _>")]
    pub events: Vec<StoryEvent>,
    /// Who could check it, in the last checkpoint before the claim.
    pub listing: Option<Listing>,
    /// How it ended.
    pub outcome: Outcome,
    /// Who paid what.
    pub settlement: Settlement,
    /// The position in the notary's journal of the entry that closed the job.
    pub position: u64,
}

impl Story {
    /// The name of the story: what the notary signs.
    #[must_use]
    pub fn digest(&self) -> Digest {
        codec::digest(STORY, self)
    }
}

impl Receipt {
    /// The receipt of a story with the word of whoever closed the job, and the digest of its file. The story is most of that,
    /// and what is signed as well: it is written once for both.
    #[must_use]
    pub fn seal<S: Signer>(story: Story, signer: &S, network: NetworkId) -> (Self, Digest) {
        let mut file = codec::encode_versioned(&story);
        let settled = Settled { job: story.ticket.job, receipt: codec::digest_versioned(STORY, &file) };
        let settled = Signed::seal(settled, signer, network).into_signed();
        file.extend(codec::encode(&settled));
        (Self { story, settled }, Digest::of(&file))
    }

    /// The canonical file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode_versioned(self)
    }

    /// The receipt that a file holds, not yet judged.
    ///
    /// # Errors
    /// [`Malformed`], if it is anything but one canonical receipt of allowed length.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Malformed> {
        codec::decode_versioned(bytes, RECEIPT_BYTES_MAX)
    }
}
