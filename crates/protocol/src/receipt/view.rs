//! The readable form of a receipt: JSON that says exactly what the canonical file says.
//!
//! **Invariant:** a text is accepted only if it is what its receipt is written as, so nothing can be left out of it,
//! added to it or said twice.

use alloc::string::{String, ToString};

use serde_json::Value;

use super::Receipt;
use crate::codec::RECEIPT_BYTES_MAX;

/// Bytes in the longest readable form: digits take twice the bytes that they stand for, names of fields the rest.
pub const VIEW_BYTES_MAX: usize = 8 * RECEIPT_BYTES_MAX;

/// Why a text is not the readable form of a receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAView {
    /// More bytes than any has.
    #[error("{bytes} bytes, where at most {VIEW_BYTES_MAX} are allowed")]
    TooLong {
        /// How many there are.
        bytes: usize,
    },
    /// The file of what it says has more bytes than any.
    #[error("what it says takes {bytes} bytes, where a receipt has at most {RECEIPT_BYTES_MAX}")]
    FileTooLong {
        /// How many there are.
        bytes: usize,
    },
    /// Not JSON, or not of a receipt.
    #[error("{0}")]
    Invalid(String),
    /// Something is left out or written in another way.
    #[error("not what the receipt in it is written as")]
    NotCanonical,
}

impl Receipt {
    /// The receipt as people and their programs read it.
    ///
    /// # Panics
    /// Never: a receipt has no map with keys that are not texts.
    #[must_use]
    pub fn to_view(&self) -> Value {
        match serde_json::to_value(self) {
            Ok(view) => view,
            Err(error) => unreachable!("a receipt has no readable form: {error}"),
        }
    }

    /// The same as a text, in lines for people where these are not more than a readable form may have.
    #[must_use]
    pub fn to_text(&self) -> String {
        let view = self.to_view();
        let lines = alloc::format!("{view:#}\n");
        if lines.len() <= VIEW_BYTES_MAX { lines } else { view.to_string() }
    }

    /// The receipt that a text is the readable form of, not yet judged.
    ///
    /// # Errors
    /// [`NotAView`], if it is anything else.
    pub fn from_view(text: &str) -> Result<Self, NotAView> {
        if text.len() > VIEW_BYTES_MAX {
            return Err(NotAView::TooLong { bytes: text.len() });
        }
        let invalid = |error: serde_json::Error| NotAView::Invalid(error.to_string());
        let receipt: Self = serde_json::from_str(text).map_err(invalid)?;
        let bytes = receipt.to_bytes().len();
        if bytes > RECEIPT_BYTES_MAX {
            return Err(NotAView::FileTooLong { bytes });
        }
        let said: Value = serde_json::from_str(text).map_err(invalid)?;
        if said == receipt.to_view() { Ok(receipt) } else { Err(NotAView::NotCanonical) }
    }
}
