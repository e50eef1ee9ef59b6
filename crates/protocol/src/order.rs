//! An order on its way: what the client asks for, what the provider agrees to.

mod refusal;

use serde::{Deserialize, Serialize};

pub use refusal::{Abort, Failure, Refusal, Refuse};

use crate::{
    account::Registration,
    codec,
    id::{Digest, JobId, NetworkId, PeerId},
    manifest::Manifest,
    signed::{Attested, Forged, Scheme, Signed, Statement, Verified, statements},
    standing::PeerStanding,
    units::{Amount, Duration, Rate, Timestamp, Units, Work},
};

/// The most checks that one order can ask for.
pub const ORDER_CHECKS_MAX: u16 = 16;

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
    /// The most work of a run that checks are paid for.
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

    /// The kind of jobs that it is of: who is registered for it can check it.
    #[must_use]
    pub fn kind(&self) -> Registration {
        self.manifest.kind(self.class)
    }

    /// What every run of the job draws its choices from.
    #[must_use]
    pub fn seed(&self) -> Digest {
        seed_of(self.id())
    }

    /// The most work that a check is paid for that finds what was claimed.
    #[must_use]
    pub fn check_work_max(&self) -> Work {
        self.manifest.check_work_most(self.units_max, self.work_max)
    }

    /// The highest pay.
    #[must_use]
    pub fn price(&self) -> Option<Amount> {
        self.unit_price.times(self.units_max)
    }
}

/// What every run of the job of this name draws its choices from.
#[must_use]
pub fn seed_of(job: JobId) -> Digest {
    codec::digest("sample", &job)
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
    /// What a notary says of the client.
    pub standing: Option<Signed<PeerStanding>>,
}

impl Statement for Propose {
    const NAME: &'static str = "Propose";

    fn verify_inside<S: Scheme>(&self, network: NetworkId) -> Result<(), Forged> {
        self.order.verify::<S>(network)?;
        self.standing.as_ref().map_or(Ok(()), |standing| standing.verify::<S>(network))
    }
}

impl Verified<Propose> {
    /// What a notary says of the client, as it signed it.
    #[must_use]
    pub fn standing(&self) -> Option<Attested<'_, PeerStanding>> {
        self.inside_if(|propose| propose.standing.as_ref())
    }

    /// The terms, as whoever ordered signed them.
    #[must_use]
    pub fn order(&self) -> Attested<'_, Order> {
        self.inside(|propose| &propose.order)
    }
}

/// The provider agrees. It keeps no slot and no record for that: the first ticket takes the slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// To which order.
    pub job: JobId,
    /// The class of machine that will run it.
    pub class: Digest,
    /// The highest rate that the provider pays dues for.
    pub rate_max: Rate,
    /// How long after its ticket the run could begin, as things stand.
    pub starts_in: Duration,
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

statements!(Order, Accept, Open { order, accept });
