//! What is spent of a day, and what is left of it.

use assay_protocol::units::Amount;
use serde::{Deserialize, Serialize};

/// What is spent of a day, by universal time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayView {
    /// The most that all orders of a day may cost; nothing for as much as the account holds.
    pub daily_max: Option<Amount>,
    /// What today's may cost, and of those that are over what they have cost.
    pub spent: Amount,
}

impl DayView {
    /// What is left of today, if there is a ceiling.
    #[must_use]
    pub fn left(&self) -> Option<Amount> {
        Some(self.daily_max?.minus_up_to(self.spent))
    }
}
