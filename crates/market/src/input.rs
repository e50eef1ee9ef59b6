//! Everything that can happen to a peer.

use alloc::vec::Vec;

use assay_protocol::{
    check::ShownRecord,
    claim::Written,
    id::{Digest, JobId, PeerId},
    manifest::End,
    message::Opened,
    order::{Failure, Refusal},
    outcome::Outcome,
    receipt::Receipt,
    units::{Amount, Units, Work},
};

use crate::{command::Command, owner::MachineReading};

/// One thing that happened.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "each is moved a few times; a box would cost an allocation")]
pub enum Input {
    /// The user wants something.
    Command(Command),
    /// A message came in and its signature holds.
    Message(Opened),
    /// The book has an offer that it had not before. It is said of each while the peer awaits one
    /// ([`crate::Node::awaits_offers`]), and changes nothing at other times.
    Offered {
        /// Whose it is.
        provider: PeerId,
    },
    /// A message to this peer could not be delivered; it may be tried again.
    Undelivered {
        /// Whom it was for.
        to: PeerId,
    },
    /// The last connection to a peer is gone, or there is one again. A shell that knows of none says nothing.
    Connection {
        /// To whom.
        to: PeerId,
        /// Whether there is one.
        is_open: bool,
    },
    /// A fetch ended.
    Fetched {
        /// For which job.
        holder: Digest,
        /// What was wanted.
        digest: Digest,
        /// What is here now; nothing if nobody served it.
        found: Option<Blob>,
    },
    /// The search for a receipt ended.
    Collected {
        /// Of which job.
        job: JobId,
        /// Which receipt.
        digest: Digest,
        /// What it proves; it is filed then.
        found: Result<Proven, Uncollected>,
    },
    /// A run ended.
    Ran {
        /// Which run.
        run: RunId,
        /// What came of it.
        result: Result<RunResult, Failure>,
    },
    /// What a run has written so far went to whoever listens.
    Streamed {
        /// Which run.
        run: RunId,
        /// Whole records that it has written.
        records: u64,
        /// The root over them.
        root: Digest,
    },
    /// Records were read and their paths made.
    Shown {
        /// For which run.
        run: RunId,
        /// The records, in the order of their positions; nothing if the blob is gone.
        records: Vec<ShownRecord>,
    },
    /// The search for what was long closed ended.
    Recalled {
        /// Who asked after what.
        question: Inquiry,
        /// What its receipt says; nothing, if there is none.
        closed: Option<Remembered>,
    },
    /// The machine was looked at.
    Sensed(MachineReading),
    /// The time asked for has come.
    Wake,
}

/// Somebody asks a notary after a job of which its books know nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// Which job.
    pub job: JobId,
    /// Who asks.
    pub to: PeerId,
    /// Why the books refuse to open it, if that is what was asked.
    pub refusal: Option<Refusal>,
}

/// What the receipt of a closed job says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Who ordered it.
    pub client: PeerId,
    /// Who ran it.
    pub provider: PeerId,
    /// How it ended.
    pub outcome: Outcome,
    /// The digest of the receipt.
    pub receipt: Digest,
}

impl Remembered {
    /// What this receipt, the file of this digest, says.
    #[must_use]
    pub fn of(receipt: &Receipt, digest: Digest) -> Self {
        let open = receipt.story.open.said();
        let order = open.order.said();
        let (client, provider, outcome) = (order.client, order.provider, receipt.story.outcome);
        Self { client, provider, outcome, receipt: digest }
    }
}

/// What a receipt proves to the parties of its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Proven {
    /// How the job ended.
    pub outcome: Outcome,
    /// The digest of the claim that was in the books, if there was one.
    pub claim: Option<Digest>,
    /// What the client has paid in all.
    pub cost: Amount,
}

/// Why a receipt was not filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncollected {
    /// It was not to be had this time.
    Absent,
    /// It is no receipt of this job under these rules, or a step in it does not hold.
    Refuted,
}

/// What is known of a blob that is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Blob {
    /// How many bytes it has.
    pub bytes: u64,
    /// The root over its records.
    pub root: Digest,
}

/// Names a run within one peer: a job, as its provider or to check it. Nobody is drawn twice for one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct RunId {
    /// Which job.
    pub job: JobId,
    /// True for a check.
    pub check: bool,
}

/// What a run gave. The output is in the blob store before this is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RunResult {
    /// The output.
    pub written: Written,
    /// The root over the records of what proves it.
    pub evidence_root: Digest,
    /// How many records of that there are.
    pub evidence_records: u64,
    /// What is billed.
    pub units: Units,
    /// What it cost to compute, as a run by itself.
    pub work: Work,
    /// What it costs to check.
    pub check_work: Work,
    /// Why it ended.
    pub end: End,
    /// The root mean square of the output under the manifest's policy, as the bits of a 64-bit float; 0 for none.
    pub rms: u64,
}

impl RunResult {
    /// True if it wrote nothing, or nothing proves what it wrote: nobody could confirm that.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.written.records == 0 || self.evidence_records == 0
    }
}
