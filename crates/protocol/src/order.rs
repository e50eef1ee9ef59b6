//! An order on its way: what the client asks for, what the provider agrees to, what either refuses or gives up.

use serde::{Deserialize, Serialize};

use crate::{
    codec,
    id::{Digest, JobId, PeerId},
    manifest::Manifest,
    signed::{Attested, Signed, Verified, statements},
    ticket::Ticket,
    units::{Amount, Duration, Rate, Timestamp, Units, Work},
};

/// The client's terms for one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Who orders and pays.
    pub client: PeerId,
    /// Who is to run the job.
    pub provider: PeerId,
    /// Who keeps the money and the books.
    pub notary: PeerId,
    /// One of the client's queues; each holds one open order.
    pub lane: u16,
    /// The number of this order in its lane, without gaps.
    pub nonce: u64,
    /// The class of machine that is to run it.
    pub class: Digest,
    /// What is to run.
    pub manifest: Manifest,
    /// The digest of the blob salt ‖ input.
    pub input_commit: Digest,
    /// The most units that are paid.
    pub units_max: Units,
    /// The most work that checks are paid for.
    pub work_max: Work,
    /// What a unit costs.
    pub unit_price: Amount,
    /// All that the client can lose.
    pub total_max: Amount,
    /// Re-executions that the client pays in advance and that must all match; 0 leaves the check to the draw.
    pub checks: u16,
    /// True if the job may be opened although too few others can check it.
    pub unchecked_ok: bool,
    /// What the provider keeps of a job that is cancelled before it claimed, where nothing was streamed.
    pub cancel_fee: Amount,
    /// The longest run.
    pub run_max: Duration,
    /// Until when the notary may open the job.
    pub open_by: Timestamp,
    /// The digest of the client's secret, which decides with the beacon whether the job is checked.
    pub secret_commit: Digest,
}

impl Order {
    /// The name of the job.
    #[must_use]
    pub fn id(&self) -> JobId {
        codec::digest("Order", self)
    }

    /// What every run of the job draws its choices from.
    #[must_use]
    pub fn seed(&self) -> Digest {
        codec::digest("sample", &self.id())
    }

    /// The highest pay.
    #[must_use]
    pub fn price(&self) -> Option<Amount> {
        self.unit_price.times(self.units_max)
    }
}

/// The name of a client's secret before it is revealed.
#[must_use]
pub fn secret_commit(secret: &[u8; 32]) -> Digest {
    codec::digest("secret", secret)
}

/// An order, shown to the provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Propose {
    /// The terms.
    pub order: Signed<Order>,
}

impl Verified<Propose> {
    /// The terms, as whoever ordered signed them.
    #[must_use]
    pub fn order(&self) -> Attested<'_, Order> {
        self.inside(|propose| &propose.order)
    }
}

/// The provider agrees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// To which order.
    pub job: JobId,
    /// The class of machine that will run it.
    pub class: Digest,
    /// The highest rate that the provider pays dues for.
    pub rate_max: Rate,
}

/// The provider or the notary does not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refuse {
    /// To which order.
    pub job: JobId,
    /// Why.
    pub reason: Refusal,
}

/// The most checks that one order can ask for.
pub const ORDER_CHECKS_MAX: u16 = 16;

/// Why an order was not taken.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error,
)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No slot is free; costs no trust.
    #[error("the provider is busy")]
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
    /// The client does not have the money.
    #[error("the client's account does not hold the total")]
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

/// Order and agreement, shown to the notary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// The terms.
    pub order: Signed<Order>,
    /// The agreement.
    pub accept: Signed<Accept>,
}

impl Verified<Open> {
    /// The terms, as whoever ordered signed them.
    #[must_use]
    pub fn order(&self) -> Attested<'_, Order> {
        self.inside(|open| &open.order)
    }

    /// The agreement, as whoever agreed signed it.
    #[must_use]
    pub fn accept(&self) -> Attested<'_, Accept> {
        self.inside(|open| &open.accept)
    }
}

/// The client shows the provider the ticket: from now on the provider may fetch the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// The notary's ticket.
    pub ticket: Signed<Ticket>,
}

impl Verified<Start> {
    /// The ticket, as whoever keeps the books signed it.
    #[must_use]
    pub fn ticket(&self) -> Attested<'_, Ticket> {
        self.inside(|start| &start.ticket)
    }
}

/// The provider gives the job up before a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abort {
    /// Which job.
    pub job: JobId,
    /// The digest of the ticket that it worked under.
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
}

statements!(Order, Propose { order }, Accept, Refuse, Open { order, accept }, Start { ticket }, Abort);
