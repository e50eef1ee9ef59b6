//! Why a batch stands before its end, as it is kept beside it for whoever looks later.

use assay_protocol::units::Amount;
use serde::{Deserialize, Serialize};

/// Why a batch stands before its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StopNote {
    /// The word that programs tell it by.
    pub code: String,
    /// The same in words.
    pub why: String,
    /// What helps, with the command that goes on.
    pub hint: String,
    /// The ceiling that is enough for all lines that are left, as far as each costs what the next one does.
    pub enough: Option<Amount>,
}
