//! An answer that was delivered: what it says, what it cost, and what is known of it.

use assay_market::view::{AttemptState, AttemptView};
use assay_peer::handle::WrittenChance;
#[cfg(test)]
use assay_protocol::id::PeerId;
use assay_protocol::{
    frames,
    id::Digest,
    manifest::{End, Manifest, Meter},
    outcome::Outcome,
    units::Amount,
};

use super::BegunAnswer;

/// An answer that was delivered.
#[derive(Clone, Debug)]
pub(crate) struct WholeAnswer {
    pub(crate) by: BegunAnswer,
    pub(crate) end: End,
    pub(crate) price: Amount,
    /// The price and all fees, at most.
    pub(crate) cost_max: Amount,
    /// The output's bytes.
    pub(crate) output: Vec<u8>,
    /// What they say, where they are frames of a text.
    pub(crate) text: String,
    /// Tokens that were read; nothing where that does not follow from what is billed.
    pub(crate) tokens_read: Option<u64>,
    /// Tokens that were written.
    pub(crate) tokens_written: u64,
    /// From the order to the first word, in seconds, where it was heard.
    pub(crate) first_word_s: Option<f64>,
    /// What is known of its result.
    pub(crate) label: &'static str,
    /// From the order to the last word, in seconds, where that was waited for.
    pub(crate) took_s: Option<f64>,
    /// What wrote it.
    pub(crate) model: String,
    /// How likely each token was, where that was asked.
    pub(crate) chances: Vec<WrittenChance>,
}

/// What is known of a result whose check was not drawn yet.
pub(crate) const PENDING: &str = "pending";

impl WholeAnswer {
    /// What an attempt delivered. How many tokens were read for it is not known from that.
    pub(crate) fn of(manifest: &Manifest, key: Digest, attempt: &AttemptView, output: Vec<u8>) -> Self {
        let is_text = manifest.policy.is_proven_by_rows();
        let text = if is_text { frames::text(&output) } else { Vec::new() };
        Self {
            by: BegunAnswer { key, job: attempt.job, provider: attempt.provider },
            end: attempt.end.unwrap_or(End::Stop),
            price: attempt.price,
            cost_max: attempt.held,
            text: String::from_utf8_lossy(&text).into_owned(),
            tokens_read: None,
            tokens_written: if is_text { frames::tokens(&output).len() as u64 } else { 0 },
            first_word_s: None,
            label: label_of(attempt),
            took_s: None,
            model: manifest.name.clone(),
            chances: Vec::new(),
            output,
        }
    }

    /// How many tokens were read for it: what is billed beside those that were written, at this price of a unit.
    pub(crate) fn tokens_read_for(&self, meter: Meter, unit_price: Amount) -> Option<u64> {
        let Meter::Tokens(weights) = meter else { return None };
        let units = self.price.0.checked_div(unit_price.0)?;
        units.checked_sub(weights.units(0, self.tokens_written))?.checked_div(weights.read.into())
    }
}

#[cfg(test)]
impl WholeAnswer {
    /// Such a text, for which seven tokens were read and three written.
    pub(crate) fn example(text: &str, end: End) -> Self {
        Self {
            by: BegunAnswer { key: Digest([1; 32]), job: Digest([2; 32]), provider: PeerId([3; 32]) },
            end,
            price: Amount(5),
            cost_max: Amount(6),
            output: Vec::new(),
            text: text.to_owned(),
            tokens_read: Some(7),
            tokens_written: 3,
            first_word_s: None,
            label: PENDING,
            took_s: Some(0.25),
            model: "sums".to_owned(),
            chances: Vec::new(),
        }
    }
}

/// Whether the checks of it that were paid for agree.
pub(crate) fn is_confirmed(attempt: &AttemptView) -> bool {
    matches!(attempt.state, AttemptState::Closed(Outcome::Checked | Outcome::Cleared))
}

/// What is known of the result of an attempt.
fn label_of(attempt: &AttemptView) -> &'static str {
    if let AttemptState::Closed(outcome) = attempt.state { outcome.label() } else { PENDING }
}
