//! Everything a peer can want of its shell.
//!
//! **Invariant:** effects are performed in order. What others can see ([`Effect::Send`], [`Effect::Publish`],
//! [`Effect::Serve`], [`Effect::File`]) waits until every [`Effect::Save`] before it is durable, and so does
//! [`Effect::Release`], which must not overtake what it ends; nothing else waits.

use alloc::{boxed::Box, vec::Vec};

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    manifest::Manifest,
    message::Message,
    notice::Account,
    order::{Failure, Refusal},
    outcome::Outcome,
    receipt::Receipt,
    units::{Amount, Duration, Units},
};

use crate::{
    input::{Instruction, RunId},
    moment::Steady,
    record::Record,
};

/// The most bytes of an input or an output.
pub const BLOB_BYTES_MAX: u64 = 16 << 20;

/// Effects in the order in which they are to be performed.
pub type Effects = Vec<Effect>;

/// One thing a peer wants.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "each is moved a few times; a box would cost an allocation")]
pub enum Effect {
    /// Keep this record; what others can see waits for it.
    Save(Record),
    /// Send a message.
    Send {
        /// To whom.
        to: PeerId,
        /// What.
        message: Message,
    },
    /// Tell everyone: an offer, or a checkpoint.
    Publish(Message),
    /// Get a blob from the first of these peers that serves it; answered by `Input::Fetched`. What arrives is kept for
    /// the holder at once.
    Fetch {
        /// For which job.
        holder: Digest,
        /// Which blob.
        digest: Digest,
        /// From whom, in this order.
        from: Vec<PeerId>,
        /// The most bytes it may have.
        bytes_max: u64,
    },
    /// Get a receipt from its notary, judge it by the rules of the network, and file it; answered by `Input::Collected`.
    Collect {
        /// Of which job.
        job: JobId,
        /// Which receipt.
        digest: Digest,
        /// Whose signature it must bear.
        from: PeerId,
    },
    /// Run a job in the sandbox; answered by `Input::Ran`. What it writes is kept for the job.
    Run(Box<Run>),
    /// Stop a run; it needs no answer.
    Stop(RunId),
    /// Read records of a run's output and make their paths; answered by `Input::Shown`.
    Show {
        /// For which run.
        run: RunId,
        /// The digest of the output.
        output: Digest,
        /// Which records.
        positions: Vec<u64>,
    },
    /// Keep a blob that is here for a holder: a job, a submission, or what a user has not taken yet.
    Keep {
        /// For whom.
        holder: Digest,
        /// Which blob.
        digest: Digest,
    },
    /// End everything that is kept for a holder, that it serves and that it waits for.
    Release {
        /// Whose.
        holder: Digest,
    },
    /// Let this peer fetch a blob, for as long as it is here and the holder is not released.
    Serve {
        /// For which job.
        holder: Digest,
        /// Which blob.
        digest: Digest,
        /// Whom.
        to: PeerId,
    },
    /// Keep a receipt for good, and let its parties fetch it.
    File {
        /// The receipt.
        receipt: Box<Receipt>,
    },
    /// Send `Input::Wake` at this time; replaces the last such wish.
    WakeAt(Steady),
    /// Tell the user.
    Tell(Event),
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Which run.
    pub id: RunId,
    /// What runs.
    pub manifest: Manifest,
    /// The digest of the blob salt ‖ input, which is here.
    pub input: Digest,
    /// What it draws its choices from.
    pub seed: Digest,
    /// The most units.
    pub units_max: Units,
    /// The longest time.
    pub run_max: Duration,
}

/// What a user may want to know, as it happens.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A provider was heard of for the first time, or anew after silence.
    OfferSeen {
        /// Who.
        provider: PeerId,
    },
    /// Too many submissions are under way: this one was not taken.
    NotSubmitted {
        /// The submission.
        key: Digest,
    },
    /// The client asks a provider.
    Proposed {
        /// The submission.
        key: Digest,
        /// The order.
        job: JobId,
        /// Whom.
        provider: PeerId,
        /// The price of all units.
        price: Amount,
    },
    /// A provider, or the notary, refused the order.
    Refused {
        /// The submission.
        key: Digest,
        /// The order.
        job: JobId,
        /// Who refused.
        by: PeerId,
        /// Why.
        reason: Refusal,
    },
    /// The notary holds the money.
    Opened {
        /// The submission.
        key: Digest,
        /// The job.
        job: JobId,
        /// The rate at which it will be checked.
        rate: assay_protocol::units::Rate,
    },
    /// The provider gave up before a claim.
    Aborted {
        /// The submission.
        key: Digest,
        /// The job.
        job: JobId,
        /// Why.
        reason: Failure,
    },
    /// The result is in the blob store and is what the provider claimed.
    Delivered {
        /// The submission.
        key: Digest,
        /// The job.
        job: JobId,
        /// The digest of the output.
        output: Digest,
    },
    /// The job is closed and its receipt is here.
    Closed {
        /// The submission.
        key: Digest,
        /// The job.
        job: JobId,
        /// How.
        outcome: Outcome,
        /// The digest of the receipt.
        receipt: Digest,
    },
    /// What a notary gives as the receipt of a job is none, or proves something else than it said.
    ReceiptRefuted {
        /// The submission.
        key: Digest,
        /// The job.
        job: JobId,
        /// Whose word it was.
        notary: PeerId,
    },
    /// The notary is told that no more is wanted of a job.
    Cancelling {
        /// The submission.
        key: Digest,
        /// The job.
        job: JobId,
    },
    /// The submission ended because its user, or its time, wanted that.
    Cancelled {
        /// The submission.
        key: Digest,
    },
    /// What was to be cancelled goes on, or is over.
    NotCancelled {
        /// The submission.
        key: Digest,
        /// Why.
        reason: NotCancelled,
    },
    /// The notary is told that the client doubts a result.
    Disputing {
        /// The submission.
        key: Digest,
        /// The job.
        job: JobId,
    },
    /// The notary will have the result checked.
    Disputed {
        /// The submission.
        key: Digest,
        /// The job.
        job: JobId,
    },
    /// A dispute came to nothing.
    NotDisputed {
        /// The submission.
        key: Digest,
        /// Why.
        reason: NotDisputed,
    },
    /// The provider signed two claims for one job; the notary is shown both.
    Contradicted {
        /// The submission.
        key: Digest,
        /// The job.
        job: JobId,
    },
    /// No attempt is left.
    Failed {
        /// The submission.
        key: Digest,
        /// Why.
        reason: Unmatched,
    },
    /// A notary said what an account holds.
    Balance {
        /// Which notary.
        notary: PeerId,
        /// What it said.
        account: Account,
    },
    /// A notary signed what cannot both be true: it keeps two journals. No new order names it.
    Forked {
        /// Who.
        notary: PeerId,
    },
    /// The wall clock jumped. It is followed only if it stays there.
    ClockJumped {
        /// By how many milliseconds; negative if back.
        by_ms: i64,
    },
    /// This peer's time is far from what a notary says.
    ClockSkewed {
        /// Which notary.
        notary: PeerId,
        /// How many milliseconds this peer is ahead of it; negative if behind.
        ahead_ms: i64,
    },
    /// A notary carried out what this peer instructed.
    CarriedOut {
        /// Which notary.
        notary: PeerId,
        /// What.
        instruction: Instruction,
    },
    /// A notary did not carry out what this peer instructed.
    NotCarriedOut {
        /// Which notary.
        notary: PeerId,
        /// What.
        instruction: Instruction,
        /// Why.
        reason: NotCarriedOut,
    },
    /// This peer runs a job for pay.
    Serving {
        /// Which job.
        job: JobId,
        /// For whom.
        client: PeerId,
    },
    /// This peer was paid, or not.
    Served {
        /// Which job.
        job: JobId,
        /// How it ended.
        outcome: Outcome,
    },
    /// This peer was drawn to check a job.
    Checking {
        /// Which job.
        job: JobId,
    },
    /// This notary drew whether a job is checked.
    Drawn {
        /// Which job.
        job: JobId,
        /// The rate.
        rate: assay_protocol::units::Rate,
        /// Who checks it; nobody if it was not drawn.
        verifier: Option<PeerId>,
    },
    /// This notary called a juror because a check did not match.
    Accused {
        /// Which job.
        job: JobId,
        /// Whose claim did not match.
        provider: PeerId,
    },
    /// This notary holds money of a job that nothing would ever release: its books are wrong.
    Stranded {
        /// Which job.
        job: JobId,
    },
    /// This notary closed a job.
    Settled {
        /// Which job.
        job: JobId,
        /// How.
        outcome: Outcome,
        /// Who ran it.
        provider: PeerId,
        /// What it was paid.
        paid: Amount,
        /// What it lost.
        slashed: Amount,
        /// The digest of the receipt.
        receipt: Digest,
    },
}

/// Why something was not cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NotCancelled {
    /// No such submission is known.
    #[error("no such job is known here")]
    Unknown,
    /// It has ended.
    #[error("the job is over")]
    Ended,
    /// The provider has claimed its result, and is paid if that holds. Nobody else is asked after it.
    #[error("too late: the provider has claimed its result")]
    Claimed,
}

/// Why a dispute came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NotDisputed {
    /// No such submission is known.
    #[error("no such job is known here")]
    Unknown,
    /// There is no result yet.
    #[error("no result is here yet")]
    NotDelivered,
    /// The job is being checked anyway, or closed.
    #[error("too late: the job is being checked already, or closed")]
    TooLate,
    /// The account does not hold what the check costs.
    #[error("the account does not hold what the check costs")]
    Funds,
}

/// Why an instruction was not carried out, as far as the account's statement shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum NotCarriedOut {
    /// The peer is no notary of this network.
    #[error("no notary of this network")]
    Notary,
    /// Too many instructions wait, or too many kinds are named.
    #[error("too much at once")]
    TooMuch,
    /// The account does not hold as much.
    #[error("the account does not hold as much")]
    Funds,
    /// The stake stands for pay that is not settled yet, or too many withdrawals are under way.
    #[error("the stake stands for pay that is not settled yet, or too many withdrawals are under way")]
    Bound,
    /// The notary knows no such account.
    #[error("the notary knows no such account")]
    NoAccount,
    /// The notary did not answer. It may carry it out yet.
    #[error("the notary did not answer")]
    Unanswered,
}

/// Why offers were not taken up: how many for each reason, and what came of those that were.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Unmatched {
    /// Offers known in all.
    pub offers: u64,
    /// That serve another model.
    pub other_model: u64,
    /// That are not the wished-for provider.
    pub other_provider: u64,
    /// Above the price of a unit.
    pub price: u64,
    /// Above the total.
    pub cost: u64,
    /// That expired.
    pub expired: u64,
    /// That refused, failed or were tried before.
    pub tried: u64,
    /// That were busy a moment ago.
    pub busy: u64,
    /// That fit, where another is better.
    pub outranked: u64,
    /// That are as good as the one on which the lot fell.
    pub lot: u64,
    /// The last refusal.
    pub refusal: Option<Refusal>,
    /// The last failure.
    pub failure: Option<Failure>,
}
