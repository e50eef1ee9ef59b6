//! A quote: what a submission would come to if it were made now, as data for a shell to print.
//!
//! **Invariant:** it binds nobody. The offers are judged as a submission with the same name would judge them at the same
//! time; only its notary knows how a provider stands by then, so whose word the numbers rest on is said beside them.

use alloc::string::String;

use assay_protocol::{
    id::JobId,
    order::Order,
    units::{Amount, Duration, Timestamp},
};
use serde::{Deserialize, Serialize};

use crate::{matching::Passed, policy::Explanation};

/// What a submission would come to if it were made now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// What would be ordered; nothing if nobody matches.
    pub chosen: Option<Chosen>,
    /// Why the other offers would not be taken up.
    pub passed: Passed,
    /// What the client can spend, as its notary last stated it.
    pub free: Option<Amount>,
}

/// What would be ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// The order, but for the client's secret.
    pub order: Order,
    /// The class of machine, in the offer's words.
    pub machine: String,
    /// How long a typical run takes, as the offer says.
    pub run: Duration,
    /// What the client must have beside the price, and keeps: any claim to such an order may be a trap, so it must be able to put
    /// up what one would.
    pub kept: Amount,
    /// What the explanation takes the provider's standing from.
    pub basis: Basis,
    /// Why the job would be checked as often as it would be.
    pub explanation: Explanation,
}

impl Quote {
    /// True if it cannot be ordered because of what it costs: whoever wants fewer units may have them.
    #[must_use]
    pub fn is_too_dear(&self) -> bool {
        match &self.chosen {
            Some(chosen) => self.free.is_some_and(|free| chosen.needed() > free),
            None => self.passed.counts.cost > 0,
        }
    }

    /// True if it can be ordered, as far as is known of the account.
    #[must_use]
    pub fn is_affordable(&self) -> bool {
        self.chosen.as_ref().is_some_and(|chosen| self.free.is_none_or(|free| chosen.needed() <= free))
    }
}

impl Chosen {
    /// What the client must hold for it to be opened.
    #[must_use]
    pub fn needed(&self) -> Amount {
        needed(&self.order, self.kept)
    }
}

/// What a client must hold for an order to be opened beside which it keeps so much.
pub(crate) fn needed(order: &Order, kept: Amount) -> Amount {
    order.total_max.plus(kept).unwrap_or(Amount(u64::MAX))
}

/// What is known of a provider's standing, which its notary alone knows for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// What the notary stated in the last ticket that this client holds of the provider, for this model on this class.
    Ticket {
        /// Of which job.
        job: JobId,
        /// When it was opened, by the notary's clock.
        opened: Timestamp,
        /// Where the opening stands in the notary's journal.
        position: u64,
    },
    /// No such ticket is here, so a newcomer's is taken: with no other standing does the client put up more.
    Newcomer,
}
