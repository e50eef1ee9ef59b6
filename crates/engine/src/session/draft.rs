//! Tokens that are expected to come, computed ahead.
//!
//! Of each what its logits come from is kept by whoever computes them, not the logits: a row of those is a thousand times
//! as long in some models. They are computed a few rows at a time, as rows are asked for.
//!
//! **Invariant:** a draft is computed in a pass like any other tokens, so its rows are what they would have been; and as
//! long as it lasts the cache holds what was read and the draft, nothing else.

use std::ops::Range;

/// Tokens of a draft.
pub const DRAFT_TOKENS_MAX: usize = 65_536;
/// Rows whose logits are computed at once.
pub(crate) const ROWS_AT_ONCE: usize = 16;

/// What is expected, and what is known of it.
#[derive(Debug, Default)]
pub(crate) struct Continuation {
    tokens: Vec<u32>,
    /// How many were computed ahead.
    computed: usize,
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
        if self.computed == 0 { &self.tokens } else { &[] }
    }

    /// Says that so many more of what was expected were computed, as far as there was room for it.
    pub(crate) fn keep(&mut self, count: usize) {
        self.computed += count;
    }

    /// How many of these tokens were computed ahead.
    pub(crate) fn matches(&self, tokens: &[u32]) -> usize {
        let ahead = self.tokens.get(self.used..self.computed).unwrap_or_default();
        ahead.iter().zip(tokens).take_while(|(expected, token)| expected == token).count()
    }

    /// Says that so many have come as expected, and which those were.
    pub(crate) fn advance(&mut self, count: usize) -> Range<usize> {
        self.used += count;
        self.used - count..self.used
    }

    /// The rows whose logits are to be computed so that row `row` is there; none, if it is.
    pub(crate) fn missing(&mut self, row: usize, vocabulary: usize) -> Option<Range<usize>> {
        let known = self.first..self.first + self.logits.len() / vocabulary;
        if known.contains(&row) {
            return None;
        }
        self.first = row;
        Some(row..self.computed.min(row + ROWS_AT_ONCE))
    }

    /// The logits of a row that is there.
    pub(crate) fn row(&self, row: usize, vocabulary: usize) -> &[f32] {
        let at = (row - self.first) * vocabulary;
        &self.logits[at..at + vocabulary]
    }
}
