//! What a peer keeps so that it can go on after a crash: an enum of records by role.
//!
//! **Invariant:** a statement among them was verified before it was kept; but for the notary's chain and what is entered
//! there later, which others are shown, and which is read as it was signed.

use alloc::boxed::Box;

use assay_protocol::{
    account::{Register, Stake, Unstake},
    check::{Check, Evidence, OpenClaim, Seal, Unserved},
    claim::{Claim, Deliver},
    codec::{self, Malformed},
    id::{Digest, JobId, PeerId},
    journal::Entry,
    notice::{Account, Notice, Tick},
    order::{Abort, Failure, Open, Order, Refusal},
    outcome::Outcome,
    signed::{Recorded, Signed},
    ticket::Ticket,
};
use serde::{Deserialize, Serialize};

use crate::{
    command::Instruction,
    former,
    input::{Proven, RunId, RunResult},
    pause::Pause,
    provision::Provision,
    reliability::Timing,
    submission::Submission,
};

/// Bytes in the longest record.
pub const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// One thing to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Of the client.
    Client(Box<ClientRecord>),
    /// Of the provider.
    Provider(Box<ProviderRecord>),
    /// Of the verifier.
    Verifier(Box<VerifierRecord>),
    /// Of the notary: its public chain.
    Chain(Box<Entry>),
    /// Of the notary: what opens a claim, before that is entered.
    Opening(Box<Signed<OpenClaim>>),
    /// Of the notary: what its beacons grow from; never leaves the machine.
    Beacon(Digest),
    /// Of the owner of accounts.
    Owner(Box<OwnerRecord>),
}

impl Record {
    /// The record that these bytes are, written by this version or the one before.
    ///
    /// # Errors
    /// [`Malformed`], if they are none.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        codec::decode(bytes, RECORD_BYTES_MAX).or_else(|error| former::record(bytes).ok_or(error))
    }
}

/// What a client keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "a record lies in a box wherever it waits")]
pub enum ClientRecord {
    /// A user's wish.
    Submitted(Submission),
    /// An order with its secret, before it is shown to anyone.
    Ordered {
        /// The submission.
        key: Digest,
        /// The order.
        order: Recorded<Order>,
        /// What it commits to.
        secret: Digest,
    },
    /// A provider's agreement: the order may be opened.
    Agreed {
        /// What the notary is shown.
        open: Recorded<Open>,
    },
    /// The notary's ticket.
    Ticketed(Recorded<Ticket>),
    /// The claim in the notary's books, as the notary has shown it.
    Claimed(Recorded<Claim>),
    /// An order that will not be opened any more, or was refused.
    Dropped {
        /// Which order.
        job: JobId,
        /// Why; nothing if nobody answered.
        reason: Option<Refusal>,
    },
    /// The provider's result, fetched and found to be what it claimed.
    Delivered {
        /// The result.
        deliver: Recorded<Deliver>,
        /// How long it took; nothing if the client was restarted meanwhile.
        timing: Option<Timing>,
    },
    /// The provider gave up.
    Failed {
        /// Which job.
        job: JobId,
        /// Why.
        reason: Failure,
    },
    /// The notary closed the job.
    Closed {
        /// Which job.
        job: JobId,
        /// The digest of the receipt.
        receipt: Digest,
        /// What that proves.
        proven: Proven,
    },
    /// No attempt is left.
    Ended {
        /// The submission.
        key: Digest,
    },
    /// No more is wanted of a submission.
    Cancelled {
        /// The submission.
        key: Digest,
    },
    /// No more is wanted of a job whose provider is not heard of.
    Forsaken {
        /// Which job.
        job: JobId,
    },
    /// The result is to be checked at the client's cost.
    Disputed {
        /// Which job.
        job: JobId,
    },
    /// The notary refused that.
    NotDisputed {
        /// Which job.
        job: JobId,
    },
    /// The user has the result.
    Taken {
        /// The submission.
        key: Digest,
    },
}

/// What an owner of accounts keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OwnerRecord {
    /// A user's wish.
    Wished {
        /// Whom to instruct.
        notary: PeerId,
        /// What to do.
        instruction: Instruction,
    },
    /// The oldest wish with a number, before it is shown to anyone.
    Numbered(Instructed),
    /// A checkpoint that its notary told everyone.
    Checkpoint(Recorded<Tick>),
    /// A notary keeps two journals.
    Forked(Box<Fork>),
    /// The oldest wish is over.
    Ended {
        /// Who was instructed.
        notary: PeerId,
        /// True if it was carried out.
        carried_out: bool,
    },
}

/// Two statements of a notary that cannot both be true: two journals of one length, or two ticks of one round.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fork {
    /// Whose.
    pub notary: PeerId,
    /// What it signed.
    pub quotes: [HeadQuote; 2],
}

/// A notary's statement of its journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HeadQuote {
    /// In a checkpoint.
    Tick(Recorded<Tick>),
    /// Of an account.
    Account(Recorded<Account>),
    /// In a notice.
    Notice(Box<Recorded<Notice>>),
    /// In a checkpoint that stands whole in this peer's records, before this one.
    Checkpoint {
        /// Of which round.
        round: u64,
    },
}

/// An instruction as it was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Instructed {
    /// To put money at stake.
    Stake(Recorded<Stake>),
    /// To withdraw money from the stake.
    Unstake(Recorded<Unstake>),
    /// To note what can be checked.
    Register(Recorded<Register>),
}

/// What a provider keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "a record lies in a box wherever it waits")]
pub enum ProviderRecord {
    /// What is offered.
    Provision(Provision),
    /// An order that was opened, with its ticket: the job begins.
    Started {
        /// The order.
        order: Recorded<Order>,
        /// The ticket for it.
        ticket: Recorded<Ticket>,
    },
    /// The claim, before anyone sees it, with what it is opened by.
    Claimed {
        /// The claim.
        claim: Recorded<Claim>,
        /// What the run gave.
        result: RunResult,
        /// Hides the output.
        output_blind: Digest,
        /// Hides the evidence.
        evidence_blind: Digest,
    },
    /// The job was cancelled by its client: the claim for the agreed fee.
    Yielded(Recorded<Claim>),
    /// The job was given up.
    Aborted(Recorded<Abort>),
    /// The job is over.
    Closed {
        /// Which job.
        job: JobId,
        /// How.
        outcome: Outcome,
    },
    /// Nothing new is taken on; or again, if that is nothing.
    Paused(Option<Pause>),
    /// No order of this client is taken on.
    Blocked(PeerId),
    /// Orders of this client are taken on again.
    Unblocked(PeerId),
}

/// What a verifier keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "each is moved a few times; a box would cost an allocation")]
pub enum VerifierRecord {
    /// A check it was drawn for.
    Asked(Recorded<Check>),
    /// The seal, before anyone sees it, with what it is opened by.
    Sealed {
        /// The seal.
        seal: Recorded<Seal>,
        /// What was sealed.
        evidence: Evidence,
        /// The digest of the output's bytes.
        output: Digest,
    },
    /// Nobody served the input.
    Unserved(Recorded<Unserved>),
    /// This machine could not run it.
    Ended(RunId),
    /// The check is long over.
    Forgotten(RunId),
}
