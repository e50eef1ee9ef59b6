//! How much memory a model needs, before a byte of it is taken.
//!
//! **Invariant:** what is computed here is not less than what is taken.

use super::{Model, plan::ModelPlan, settings::ModelSettings};
use crate::cache::Cache;

/// Bytes of what is computed at once may come to.
const SCRATCH_BYTES: usize = 48 << 20;
/// Bytes of the logits that are computed at once.
const LOGITS_BYTES: usize = 16 << 20;
/// Tokens that are computed at once.
const TOKENS: std::ops::RangeInclusive<usize> = 16..=512;

/// Bytes that a model needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryNeed {
    /// Of its pack, which all share that run it.
    pub weights: usize,
    /// Of what is computed at once, for each that runs it.
    pub scratch: usize,
    /// Of each 256 positions of a session.
    pub page: usize,
}

impl MemoryNeed {
    /// What a model needs.
    #[must_use]
    pub fn of(plan: &ModelPlan) -> Self {
        let settings = &plan.settings;
        Self { weights: plan.pack_bytes, scratch: settings.scratch_bytes(), page: settings.page_bytes() }
    }

    /// What a model takes that is loaded.
    #[must_use]
    pub fn of_loaded(model: &Model) -> Self {
        let settings = model.settings();
        let (scratch, page) = (settings.scratch_bytes(), settings.page_bytes());
        Self { weights: model.pack().len_bytes(), scratch, page }
    }

    /// All of it, with sessions of so many positions.
    #[must_use]
    pub fn total(&self, sessions: usize, positions: usize) -> usize {
        let pages = positions.div_ceil(crate::arithmetic::CHUNK).saturating_mul(sessions);
        self.weights.saturating_add(self.scratch).saturating_add(self.page.saturating_mul(pages))
    }
}

impl ModelSettings {
    /// Bytes of 256 positions of a session.
    #[must_use]
    pub fn page_bytes(&self) -> usize {
        // The one size here that the bounds of settings leave larger than 32 bits hold: in a page it would wrap to a small one.
        self.layers.saturating_mul(self.layer_page_bytes())
    }

    /// Those of one layer.
    #[must_use]
    pub fn layer_page_bytes(&self) -> usize {
        Cache::bytes(self.key_heads, self.head_width, crate::arithmetic::CHUNK)
    }

    /// How many tokens are computed at once. It decides the speed and no bit.
    #[must_use]
    pub fn tokens_at_once(&self) -> usize {
        (SCRATCH_BYTES / self.token_bytes()).clamp(*TOKENS.start(), *TOKENS.end())
    }

    /// How many rows of logits are computed at once.
    #[must_use]
    pub fn rows_at_once(&self) -> usize {
        (LOGITS_BYTES / (4 * self.vocabulary)).clamp(1, self.tokens_at_once())
    }

    /// Bytes of what is computed at once.
    #[must_use]
    pub fn scratch_bytes(&self) -> usize {
        let logits = self.rows_at_once() * 4 * self.vocabulary;
        self.tokens_at_once() * self.token_bytes() + logits
    }

    /// Bytes that a session needs beside its pages while so many tokens are expected.
    #[must_use]
    pub fn draft_bytes(&self, tokens: usize) -> usize {
        let rows = tokens.min(crate::session::DRAFT_ROWS_AT_ONCE) * self.vocabulary;
        4 * (tokens.saturating_mul(self.width + 1)).saturating_add(rows)
    }

    /// Bytes of the numbers on the way through one layer, of one token.
    fn token_bytes(&self) -> usize {
        let numbers = 3 * self.width + 2 * self.query_width() + 2 * self.key_width() + 2 * self.feed;
        // An expert that all tokens are sent to.
        let expert = if self.routing.is_some() { 2 * self.width + 2 * self.feed } else { 0 };
        let quantized = 4 * self.width.max(self.feed).max(self.query_width());
        4 * (numbers + expert) + quantized + 8 * self.head_width
    }
}
