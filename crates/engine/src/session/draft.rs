//! Tokens that are expected to come, computed ahead.
//!
//! Of each the residual stream is kept, not its logits: a row of those is a thousand times as long in some models. They
//! are computed a few rows at a time, as rows are asked for.
//!
//! **Invariant:** a draft is computed in a pass like any other tokens, so its rows are what they would have been; and as
//! long as it lasts the cache holds what was read and the draft, nothing else.

/// Tokens of a draft.
pub const DRAFT_TOKENS_MAX: usize = 65_536;
/// Rows whose logits are computed at once.
pub(crate) const ROWS_AT_ONCE: usize = 16;

/// What is expected, and what is known of it.
#[derive(Debug, Default)]
pub(crate) struct Continuation {
    tokens: Vec<u32>,
    /// The residual stream of each token, once it was computed.
    residual: Vec<f32>,
    /// How many tokens have come as expected.
    used: usize,
    /// Logits of some of them, and of which the first is.
    pub(crate) logits: Vec<f32>,
    first: usize,
}

impl Continuation {
    pub(crate) fn expecting(tokens: &[u32]) -> Self {
        Self { tokens: tokens.to_vec(), ..Self::default() }
    }

    pub(crate) fn forget(&mut self) {
        if !self.tokens.is_empty() {
            *self = Self::default();
        }
    }

    /// What is to be computed with the next tokens.
    pub(crate) fn expected(&self) -> &[u32] {
        if self.residual.is_empty() { &self.tokens } else { &[] }
    }

    /// Takes the residual stream of what was expected, as far as there was room for it.
    pub(crate) fn keep(&mut self, residual: &[f32]) {
        self.residual.extend(residual);
    }

    /// How many of these tokens were computed ahead.
    pub(crate) fn matches(&self, tokens: &[u32], width: usize) -> usize {
        let computed = self.residual.len() / width;
        let ahead = self.tokens.get(self.used..computed).unwrap_or_default();
        ahead.iter().zip(tokens).take_while(|(expected, token)| expected == token).count()
    }

    /// Says that so many have come as expected, and which those were.
    pub(crate) fn advance(&mut self, count: usize) -> std::ops::Range<usize> {
        self.used += count;
        self.used - count..self.used
    }

    /// The residual streams of the rows whose logits are to be computed so that row `row` is there; none, if it is.
    pub(crate) fn missing(&mut self, row: usize, width: usize, vocabulary: usize) -> Option<Vec<f32>> {
        let known = self.first..self.first + self.logits.len() / vocabulary;
        if known.contains(&row) {
            return None;
        }
        self.first = row;
        let end = (self.residual.len() / width).min(row + ROWS_AT_ONCE);
        Some(self.residual[row * width..end * width].to_vec())
    }

    /// The logits of a row that is there.
    pub(crate) fn row(&self, row: usize, vocabulary: usize) -> &[f32] {
        let at = (row - self.first) * vocabulary;
        &self.logits[at..at + vocabulary]
    }
}
