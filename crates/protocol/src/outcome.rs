//! How a job can end.

use serde::{Deserialize, Serialize};

/// How a job ended; final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Paid: the draw left it unchecked and nobody objected in time.
    NotDrawn,
    /// Paid: a re-execution matched.
    Checked,
    /// Paid: a re-execution neither matched nor mismatched.
    Grey,
    /// Paid: accused, and cleared by a jury.
    Cleared,
    /// Paid: drawn, but nobody could check it, and the stake covered it.
    Unchecked,
    /// Refunded: no claim came in time.
    NoClaim,
    /// Refunded: the provider gave up before a claim.
    Aborted,
    /// Refunded: the client cancelled, and paid the agreed fee if the provider asked for it.
    Cancelled,
    /// Refunded: one grey result too many.
    GreyRefunded,
    /// Refunded: a newcomer's result did not match.
    Mismatch,
    /// Refunded: a jury leaned against the provider without convicting it.
    Disputed,
    /// Refunded: the provider was convicted over another job before it claimed this one.
    Withdrawn,
    /// Refunded and slashed: a jury convicted the provider.
    Slashed,
    /// Refunded and slashed: accused with a juror's support, the provider never opened its claim.
    Silent,
    /// Refunded and slashed: the provider had streamed something else than it claimed.
    FalseStream,
    /// Refunded and slashed: what the provider opened is not what it had claimed.
    FalseOpening,
    /// Refunded: nothing could be found out.
    Void,
    /// Refunded: too many of those who were to check it were given no input.
    Unreached,
    /// Refunded, but for what that cost: its parties had called the claim false on purpose before anybody was drawn to check it.
    Trap,
}

impl Outcome {
    /// Every way in which a job can end.
    pub const ALL: [Self; 19] = [
        Self::NotDrawn,
        Self::Checked,
        Self::Grey,
        Self::Cleared,
        Self::Unchecked,
        Self::NoClaim,
        Self::Aborted,
        Self::Cancelled,
        Self::GreyRefunded,
        Self::Mismatch,
        Self::Disputed,
        Self::Withdrawn,
        Self::Slashed,
        Self::Silent,
        Self::FalseStream,
        Self::FalseOpening,
        Self::Void,
        Self::Unreached,
        Self::Trap,
    ];

    /// True if the provider was paid.
    #[must_use]
    pub fn is_paid(self) -> bool {
        matches!(self, Self::NotDrawn | Self::Checked | Self::Grey | Self::Cleared | Self::Unchecked)
    }

    /// True if the provider lost stake.
    #[must_use]
    pub fn is_slashed(self) -> bool {
        matches!(self, Self::Slashed | Self::Silent | Self::FalseStream | Self::FalseOpening)
    }

    /// The honest label of a receipt.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::NotDrawn => "not drawn",
            Self::Checked | Self::Cleared => "checked",
            Self::Grey => "grey",
            Self::Unchecked => "unchecked",
            Self::NoClaim
            | Self::Aborted
            | Self::Cancelled
            | Self::GreyRefunded
            | Self::Mismatch
            | Self::Disputed
            | Self::Withdrawn
            | Self::Trap => "refunded",
            Self::Slashed | Self::Silent | Self::FalseStream | Self::FalseOpening => "slashed",
            Self::Void => "void",
            Self::Unreached => "unreached",
        }
    }
}
