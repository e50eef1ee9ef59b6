//! Why what a provider offers is not changed as its owner wants.
//!
//! **Invariant:** whoever is refused still offers what was offered before.

use assay_protocol::{id::Digest, units::Amount};
use serde::{Deserialize, Serialize};

use super::refused::short;

/// Why an offer stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum OfferRefused {
    /// No order can be made at the price.
    #[error("{name} cannot be offered at {unit_price}: an order has a price")]
    NoPrice {
        /// Which model.
        name: String,
        /// What a unit was to cost.
        unit_price: Amount,
    },
    /// A model is not on offer.
    #[error("{name} is not offered here; offered are {}", offered.join(", "))]
    NotOffered {
        /// What was asked for.
        name: String,
        /// What is.
        offered: Vec<String>,
    },
    /// There would be nothing left to offer.
    #[error("{name} is all that is offered here")]
    Last {
        /// Which model.
        name: String,
    },
    /// More jobs at the same time than a provider takes on.
    #[error("{slots} jobs at a time are more than the {max} that any provider takes on")]
    TooManySlots {
        /// How many were wanted.
        slots: u16,
        /// How many there may be.
        max: u16,
    },
    /// The owner of this home has not said that a stranger's runner may run here.
    #[error("{name} brings a runner of whoever wrote it, {runner}, which does not run here yet")]
    RunnerNotAllowed {
        /// Which model.
        name: String,
        /// Its runner.
        runner: Digest,
    },
    /// Nothing is taken back that the owner of this home has not said.
    #[error("the runner {} runs here by the word of the network or of the program", short(runner))]
    RunnerNotYours {
        /// Which.
        runner: Digest,
    },
    /// A model with a runner that is to run here no more is on offer.
    #[error("{name} is on offer, and runs by it")]
    RunnerInUse {
        /// Which model.
        name: String,
    },
    /// More clients would be blocked than there is room for.
    #[error("{max} clients can be blocked, and these would be more")]
    TooManyBlocked {
        /// How many there may be.
        max: usize,
    },
}
