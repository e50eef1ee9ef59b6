//! What a user can be told, as it happens.
//!
//! **Invariant:** nothing rests on it: a peer that nobody listens to decides the same.

use alloc::boxed::Box;

use assay_protocol::{
    id::{Digest, JobId, PeerId},
    notice::Account,
    order::{Failure, Refusal},
    outcome::Outcome,
    units::{Amount, Rate},
};

use crate::{
    command::{Credit, Instruction, NotCancelled, NotCarriedOut, NotDisputed, NotGranted},
    submission::{OverDay, Unmatched},
};

/// What a user may want to know, as it happens.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A provider was heard of for the first time, or anew after silence.
    OfferSeen {
        /// Who.
        provider: PeerId,
    },
    /// A submission was not taken.
    NotSubmitted {
        /// The submission.
        key: Digest,
        /// More than is left of today is needed; nothing, if too many submissions are under way.
        over_day: Option<OverDay>,
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
        rate: Rate,
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
    /// No attempt is left.
    Failed {
        /// The submission.
        key: Digest,
        /// Why.
        reason: Box<Unmatched>,
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
    /// This notary created credits.
    Granted {
        /// Which.
        credit: Credit,
        /// False if it was said before, and they were there already.
        is_new: bool,
    },
    /// This peer created no credits.
    NotGranted {
        /// Which.
        credit: Credit,
        /// Why.
        reason: NotGranted,
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
        rate: Rate,
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
