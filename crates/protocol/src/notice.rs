//! What a notary says of its own accord, and what anyone may ask it.

mod tick;

use serde::{Deserialize, Serialize};

pub use tick::{CONVICTED_MAX, Checkpoint, Convict, Head, Tick};

use crate::{
    claim::Claim,
    id::{Digest, JobId, NetworkId},
    outcome::Outcome,
    signed::{Attested, Forged, Scheme, Signed, Statement, Verified, statements},
    units::{Amount, Rate},
};

/// Something a party to a job should know and act on; repeated until it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Which job.
    pub job: JobId,
    /// What happened.
    pub event: NoticeEvent,
    /// The notary's journal.
    pub head: Head,
}

/// What happened to a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoticeEvent {
    /// The claim is in the books at this position: the client should reveal its secret.
    Claimed {
        /// The position to quote.
        position: u64,
        /// The claim: a client reveals its secret to nobody before the provider has committed itself.
        claim: Signed<Claim>,
    },
    /// The client cancelled: what was done so far can still be claimed.
    Cancelled,
    /// The client disputes the result: it will be checked.
    Disputed,
    /// What was claimed or sealed should be opened.
    Open {
        /// Where the records are drawn from, once the round has come.
        beacon: Option<Digest>,
    },
    /// The job is closed.
    Closed {
        /// How.
        outcome: Outcome,
        /// The digest of the receipt.
        receipt: Digest,
    },
    /// The notary does not know the job.
    Unknown,
    /// The job is open, and half of the time for its claim is over.
    Overdue,
}

impl NoticeEvent {
    fn claim(&self) -> Option<&Signed<Claim>> {
        match self {
            Self::Claimed { claim, .. } => Some(claim),
            Self::Cancelled
            | Self::Disputed
            | Self::Open { .. }
            | Self::Closed { .. }
            | Self::Unknown
            | Self::Overdue => None,
        }
    }
}

impl Statement for Notice {
    const NAME: &'static str = "Notice";

    fn verify_inside<S: Scheme>(&self, network: NetworkId) -> Result<(), Forged> {
        self.event.claim().map_or(Ok(()), |claim| claim.verify::<S>(network))
    }
}

impl Verified<Notice> {
    /// The claim that it shows, as whoever ran the job signed it.
    #[must_use]
    pub fn claim(&self) -> Option<Attested<'_, Claim>> {
        self.inside_if(|notice| notice.event.claim())
    }
}

/// A question to a notary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The account's number of this question.
    pub sequence: u64,
    /// Also what became of this job.
    pub job: Option<JobId>,
    /// True for who wants a standing to show to others.
    pub standing: bool,
}

/// What an account holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The number of the question.
    pub sequence: u64,
    /// What can be spent.
    pub free: Amount,
    /// What is at stake.
    pub stake: Amount,
    /// What was at stake and is to be paid out; still answers for what was claimed before.
    pub unbonding: Amount,
    /// What was lost of the stake in traps and is not paid out to those who won it; fines and convictions take it still.
    pub forfeited: Amount,
    /// The number of this account's last instruction.
    pub instruction: u64,
    /// What open jobs hold of this client's money.
    pub held: Amount,
    /// What the pool owes it.
    pub owed: Amount,
    /// What fees exceed the expected cost of checks by, now.
    pub fee_margin: Rate,
    /// How many of the kinds that it is registered for it is suspended from, until it registers again.
    pub suspended: u64,
    /// All jobs that the notary keeps open: what a place among them costs follows.
    pub open: u64,
    /// The notary's journal.
    pub head: Head,
}

/// The receipt of a closed job, by the one who closed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    /// Which job.
    pub job: JobId,
    /// The digest of the receipt.
    pub receipt: Digest,
}

statements!(Query, Account, Settled);
