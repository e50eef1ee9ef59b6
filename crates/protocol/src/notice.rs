//! What a notary says of its own accord, and what anyone may ask it.

use serde::{Deserialize, Serialize};

use crate::{
    id::{Digest, JobId},
    outcome::Outcome,
    signed::statements,
    units::{Amount, Rate, Timestamp},
};

/// The heartbeat of a notary: time and chance enter its books by this alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// One more than the tick before.
    pub round: u64,
    /// The notary's clock, never less than at the tick before.
    pub time: Timestamp,
    /// The next value of the hash chain.
    pub beacon: Digest,
    /// The anchor of the chain of the epoch that begins with the next tick.
    pub anchor: Option<Digest>,
}

/// The place in a notary's journal that an answer rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// How many records there are.
    pub sequence: u64,
    /// The digest of the last.
    pub digest: Digest,
}

/// Something a party to a job should know and act on; repeated until it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Which job.
    pub job: JobId,
    /// What happened.
    pub event: NoticeEvent,
    /// The notary's journal.
    pub head: Head,
}

/// What happened to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoticeEvent {
    /// The claim is in the books at this position: the client should reveal its secret.
    Claimed {
        /// The position to quote.
        position: u64,
    },
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
}

/// A question to a notary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The account's number of this question.
    pub sequence: u64,
    /// Also what became of this job.
    pub job: Option<JobId>,
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
    /// What open jobs hold of this client's money.
    pub held: Amount,
    /// What the pool owes it.
    pub owed: Amount,
    /// What fees exceed the expected cost of checks by, now.
    pub fee_margin: Rate,
    /// The notary's journal.
    pub head: Head,
}

/// The receipt of a closed job, by the one who closed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Which job.
    pub job: JobId,
    /// The digest of the receipt.
    pub receipt: Digest,
}

statements!(Tick, Notice, Query, Account, Settled);
