//! Why nothing comes of an order: it is refused before it becomes a job, or given up before a claim.

use serde::{Deserialize, Serialize};

use crate::{
    id::{Digest, JobId},
    signed::statements,
};

/// The provider or the notary does not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refuse {
    /// To which order.
    pub job: JobId,
    /// Why.
    pub reason: Refusal,
}

/// Why an order was not taken.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error,
)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No slot is free, or those who would check the job have too many checks before them; costs no trust.
    #[error("the provider is busy, or those who would check the job are")]
    Busy,
    /// The price is not the one on offer.
    #[error("the price is below the provider's")]
    Price,
    /// The manifest is not on offer.
    #[error("the provider does not serve this model")]
    ModelAbsent,
    /// The class is not the provider's.
    #[error("the provider runs another class of machine")]
    Class,
    /// Units, work or time are beyond what the provider takes.
    #[error("the order is beyond the provider's limits")]
    Limits,
    /// Another order with the same number is known.
    #[error("another order with this number is known")]
    Conflict,
    /// The order came too late.
    #[error("the order came too late")]
    Late,
    /// The order could be opened too far in the future.
    #[error("the order names a time too far in the future")]
    Future,
    /// Client and provider are the same.
    #[error("nobody can be client and provider of one job")]
    SelfDealing,
    /// The order names another notary.
    #[error("this notary is not the one that the order names")]
    Notary,
    /// The number is not the next in its lane, or the lane holds an open order.
    #[error("the number is not the next in its lane")]
    Nonce,
    /// The provider is frozen by an accusation.
    #[error("the provider stands accused and takes no new jobs")]
    Frozen,
    /// The provider is a newcomer with an open job.
    #[error("a newcomer has one job at a time")]
    Newcomer,
    /// The client does not have the money: the total, and beside it what any of its claims would put at stake as a trap.
    #[error("the client's account does not hold the total and what it has to keep beside it")]
    Funds,
    /// The total does not cover price, premium and prepaid check.
    #[error("the total does not cover price, premium and prepaid check")]
    Total,
    /// The price does not cover the provider's dues.
    #[error("the price does not cover the provider's dues")]
    Dues,
    /// The check rate is above what the provider works for.
    #[error("the check rate is above what the provider works for")]
    Rate,
    /// The job could settle too late.
    #[error("the job could take longer to settle than the network allows")]
    Settle,
    /// The provider's unsettled pay would exceed its stake.
    #[error("the provider's unsettled pay would exceed its stake")]
    Exposure,
    /// Too few others can check the job.
    #[error("too few others can check this job")]
    Checkers,
    /// A number of the order is zero or does not fit.
    #[error("a number of the order is zero or too large")]
    Numbers,
    /// The network has no threshold for outputs of this format.
    #[error("the network cannot compare outputs of this format")]
    Policy,
    /// Too many jobs are open.
    #[error("the notary has too many open jobs")]
    Full,
}

/// The provider gives the job up before a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abort {
    /// Which job.
    pub job: JobId,
    /// The digest of the ticket that it worked under; that of zeros names the job alone, by a provider that was shown no
    /// ticket.
    pub ticket: Digest,
    /// Why.
    pub reason: Failure,
}

/// Why a run gave no result.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error,
)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The runner refuses the input or its parameters.
    #[error("the runner refuses the input")]
    BadInput,
    /// The runner trapped or broke its contract.
    #[error("the runner crashed")]
    Trap,
    /// A limit on memory, instructions or output was reached: on any machine it would be.
    #[error("a limit of the sandbox was reached")]
    Limit,
    /// The order's longest run was over: on a faster machine it may not be.
    #[error("the run took longer than the order allows")]
    Overdue,
    /// The run gave no output, which nobody could confirm.
    #[error("the run gave no output")]
    Empty,
    /// Nobody served the input.
    #[error("the input was not served")]
    InputAbsent,
    /// Runner or model are not there or not usable.
    #[error("the runner or the model is not usable")]
    Unusable,
    /// The machine failed.
    #[error("the machine failed")]
    Machine,
    /// Another ticket took the last slot.
    #[error("the provider was busy by then")]
    Busy,
    /// The client never showed its ticket.
    #[error("the client did not show its ticket")]
    NotStarted,
}

statements!(Refuse, Abort);
