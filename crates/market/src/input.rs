//! Everything that can happen to a peer.

use alloc::{string::String, vec::Vec};

use assay_protocol::{
    account::Registration,
    check::Record,
    id::{Digest, JobId, PeerId},
    manifest::{End, Manifest},
    message::Opened,
    order::Failure,
    outcome::Outcome,
    units::{Amount, Duration, Timestamp, Units, Work},
};

/// One thing that happened.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "each is moved a few times; a box would cost an allocation")]
pub enum Input {
    /// The user wants something.
    Command(Command),
    /// A message came in and its signature holds.
    Message(Opened),
    /// A message to this peer could not be delivered; it may be tried again.
    Undelivered {
        /// Whom it was for.
        to: PeerId,
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
        /// How it proves that the job ended; it is filed then.
        found: Result<Outcome, Uncollected>,
    },
    /// A run ended.
    Ran {
        /// Which run.
        run: RunId,
        /// What came of it.
        result: Result<RunResult, Failure>,
    },
    /// Records were read and their paths made.
    Shown {
        /// For which run.
        run: RunId,
        /// The records, in the order of their positions; nothing if the blob is gone.
        records: Vec<Record>,
    },
    /// The time asked for has come.
    Wake,
}

/// Why a receipt was not filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncollected {
    /// It was not to be had this time.
    Absent,
    /// It is no receipt of this job under these rules, or a step in it does not hold.
    Refuted,
}

/// What a user wants.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "each is moved a few times; a box would cost an allocation")]
pub enum Command {
    /// A job is to be run.
    Submit(Submission),
    /// These services are to be offered from now on; none ends the offer.
    Provide(Provision),
    /// The balances at a notary are to be asked for.
    Ask {
        /// Which notary.
        notary: PeerId,
    },
    /// No more is wanted of a submission.
    Cancel {
        /// The submission.
        key: Digest,
    },
    /// A result that is not drawn is to be checked at the client's cost.
    Dispute {
        /// The submission.
        key: Digest,
    },
    /// The user has the result of a submission: it need not be kept any longer.
    Taken {
        /// The submission.
        key: Digest,
    },
    /// Money is to be put at stake.
    Stake {
        /// Which notary.
        notary: PeerId,
        /// How much of what is free.
        amount: Amount,
        /// Up to which stake a part of each pay is added; none leaves it to the network.
        target: Option<Amount>,
    },
    /// Money is to be withdrawn from the stake.
    Unstake {
        /// Which notary.
        notary: PeerId,
        /// How much.
        amount: Amount,
    },
    /// These kinds of jobs can be checked here from now on, instead of what was registered before.
    Register {
        /// Which notary.
        notary: PeerId,
        /// Who runs this peer; the peer itself where nothing is declared.
        operator: Digest,
        /// What it can check.
        kinds: Vec<Registration>,
    },
}

/// What an account's owner wants its notary to do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instruction {
    /// To put money at stake.
    Stake {
        /// How much of what is free.
        amount: Amount,
        /// Up to which stake a part of each pay is added; none leaves it to the network.
        target: Option<Amount>,
    },
    /// To withdraw money from the stake.
    Unstake {
        /// How much.
        amount: Amount,
    },
    /// To note what it can check.
    Register {
        /// Who runs the peer.
        operator: Digest,
        /// What it can check, in ascending order.
        kinds: Vec<Registration>,
    },
}

/// A job as its user wants it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Submission {
    /// Names the submission: the same key again is the same job.
    pub key: Digest,
    /// What is to run.
    pub manifest: Manifest,
    /// The digest of the blob salt ‖ input, which the shell holds.
    pub input_commit: Digest,
    /// The most units that are paid.
    pub units_max: Units,
    /// The most work that checks are paid for.
    pub work_max: Work,
    /// The longest run.
    pub run_max: Duration,
    /// Re-executions that are paid in advance and must all match; 0 leaves the check to the draw.
    pub checks: u16,
    /// True if it may run although too few others can check it.
    pub unchecked_ok: bool,
    /// The most that may be spent.
    pub cost_max: Amount,
    /// The most that a unit may cost.
    pub unit_price_max: Amount,
    /// Only this provider.
    pub provider: Option<PeerId>,
    /// Providers tried one after another.
    pub attempts_max: u16,
    /// What a provider may keep of a job that is cancelled before it claims; never more than the price.
    pub cancel_fee: Amount,
    /// When it is cancelled, if it has not ended by then.
    pub until: Option<Timestamp>,
}

/// What a provider offers.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Provision {
    /// The class of this machine.
    pub class: Digest,
    /// The class in words.
    pub machine: String,
    /// What is offered.
    pub services: Vec<Stock>,
    /// Jobs that run at the same time.
    pub slots: u16,
    /// The least that an order must leave here if it is cancelled.
    pub cancel_fee_min: Amount,
    /// Where this peer can be reached.
    pub addresses: Vec<String>,
}

/// One thing that a provider offers.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stock {
    /// What runs.
    pub manifest: Manifest,
    /// What a unit costs.
    pub unit_price: Amount,
    /// How long a typical run takes here.
    pub run: Duration,
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
    /// The digest of the output's bytes.
    pub output: Digest,
    /// The root over the output's records.
    pub output_root: Digest,
    /// How many records the output has.
    pub records: u64,
    /// What is billed.
    pub units: Units,
    /// What it cost to compute.
    pub work: Work,
    /// Why it ended.
    pub end: End,
    /// The root mean square of the output under the manifest's policy, as the bits of a 64-bit float; 0 for none.
    pub rms: u64,
}
