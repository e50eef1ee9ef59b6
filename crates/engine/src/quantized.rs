//! The activations of tokens as integers.
//!
//! **Invariant:** quantised once, they serve every matrix and every format.

use crate::arithmetic::{Activations, BLOCK};

/// Blocks of 32 integers with their scales, token by token.
#[derive(Debug, Clone, Default)]
pub struct Quantized {
    cols: usize,
    pub(crate) blocks: Vec<Activations>,
}

impl Quantized {
    /// Makes room for so many tokens of `cols` activations, a multiple of 32.
    pub(crate) fn resize(&mut self, tokens: usize, cols: usize) {
        assert!(cols.is_multiple_of(BLOCK), "{cols} activations are no whole blocks");
        self.cols = cols;
        self.blocks.resize(tokens * cols / BLOCK, Activations::ZERO);
    }

    /// The activations of a token.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// How many tokens there are.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.blocks.len().checked_div(self.cols / BLOCK).unwrap_or(0)
    }

    /// A block of a token.
    #[must_use]
    pub fn block(&self, token: usize, block: usize) -> &Activations {
        &self.blocks[token * self.cols / BLOCK + block]
    }
}
