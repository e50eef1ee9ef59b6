//! Why a batch stops before its end, with lines that were not ordered.

use assay_market::submission::OverDay;
use assay_peer::handle::Refused;

use crate::BatchedFailure;

/// Why nothing more of a batch is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchStop {
    /// The ceiling of the batch leaves too little for another order.
    Ceiling,
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
