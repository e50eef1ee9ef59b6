//! Why a batch stops before its end, with lines that were not ordered.

use assay_market::submission::OverDay;
use assay_peer::handle::Refused;
use assay_protocol::units::Amount;

use crate::BatchedFailure;

/// Why nothing more of a batch is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchStop {
    /// The ceiling of the batch leaves too little for another order.
    Ceiling {
        /// What is enough for the next one, with what is spent, where that is known.
        enough: Option<Amount>,
    },
    /// The account holds too little for another order.
    Money(String),
    /// Nobody takes anything.
    Nobody(String),
    /// The home spends no more today.
    OverDay(OverDay),
    /// The daemon takes nothing more.
    Refused(Refused),
    /// The key that it is carried out for pays for nothing now.
    NotAllowed(BatchedFailure),
    /// Its user wants no more of it.
    Cancelled,
}

impl BatchStop {
    /// The same of a batch of which so much is spent: a ceiling is one for all of it.
    pub(super) fn beyond(self, spent: Amount) -> Self {
        if let Self::Ceiling { enough: Some(least) } = self {
            return Self::Ceiling { enough: least.plus(spent) };
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ceiling_that_is_enough_is_one_for_what_is_spent_as_well() {
        let stop = BatchStop::Ceiling { enough: Some(Amount(3)) };
        assert_eq!(stop.beyond(Amount(4)), BatchStop::Ceiling { enough: Some(Amount(7)) });
        for stop in [BatchStop::Ceiling { enough: None }, BatchStop::Cancelled] {
            assert_eq!(stop.clone().beyond(Amount(4)), stop);
        }
    }
}
