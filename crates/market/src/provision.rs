//! What a provider wants to offer.
//!
//! **Invariant:** it is the user's wish; what is promised to others is the offer that the brain makes of it.

use alloc::{string::String, vec::Vec};

use assay_protocol::{
    id::Digest,
    manifest::Manifest,
    units::{Amount, Duration},
};

/// The longest run that a provider takes on.
pub(crate) const RUN_MAX: Duration = Duration::seconds(3_600);

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
