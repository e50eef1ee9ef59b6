//! The activations of tokens as integers.
//!
//! **Invariant:** quantised once, they serve every matrix and every format.

use crate::arithmetic::{Activations, BLOCK};

/// Blocks of 32 integers with their scales, token by token.
#[derive(Debug, Clone, Default)]
pub struct Quantized {
    cols: usize,
    pub(crate) quants: Vec<i8>,
    /// What an integer stands for, by block.
    pub(crate) scales: Vec<f32>,
    /// The scale times the sum of the integers, by block.
    pub(crate) totals: Vec<f32>,
    /// The sums of the integers, by block.
    pub(crate) sums: Vec<i32>,
    /// The sums of the first sixteen integers, by block.
    pub(crate) firsts: Vec<i32>,
}

impl Quantized {
    /// Makes room for so many tokens of `cols` activations, a multiple of 32.
    pub(crate) fn resize(&mut self, tokens: usize, cols: usize) {
        assert!(cols.is_multiple_of(BLOCK), "{cols} activations are no whole blocks");
        let blocks = tokens * cols / BLOCK;
        self.cols = cols;
        self.quants.resize(tokens * cols, 0);
        self.scales.resize(blocks, 0.0);
        self.totals.resize(blocks, 0.0);
        self.sums.resize(blocks, 0);
        self.firsts.resize(blocks, 0);
    }

    /// The activations of a token.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// How many tokens there are.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.quants.len().checked_div(self.cols).unwrap_or(0)
    }

    /// A block of a token.
    #[must_use]
    pub fn block(&self, token: usize, block: usize) -> Activations {
        let at = token * self.cols / BLOCK + block;
        let (sum, first) = (self.sums[at], self.firsts[at]);
        let quants = std::array::from_fn(|i| self.quants[at * BLOCK + i]);
        Activations { quants, scale: self.scales[at], sums: [first, sum - first] }
    }
}
