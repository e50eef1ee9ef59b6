//! The product of a row of weights and a token's activations.
//!
//! **Invariant:** within a block everything is an exact integer below 2²⁴; blocks are added in order in groups of 8,
//! groups in order. Neither lanes nor threads, tiles or batches are in it.

use super::{Activations, BLOCK, GROUP};
use crate::format::Block;

/// (dw · dx) · Σ, and where the format has a minimum + m · (dx · Σx).
#[must_use]
pub fn block_product(weights: &Block, x: &Activations) -> f32 {
    let products = |half: usize| -> i32 {
        let at = half * BLOCK / 2..(half + 1) * BLOCK / 2;
        weights.quants[at.clone()].iter().zip(&x.quants[at]).map(|(w, x)| i32::from(*w) * i32::from(*x)).sum()
    };
    let [first, second] = weights.multipliers;
    let integer = first * products(0) + second * products(1);
    let product = (weights.scale * x.scale) * integer as f32;
    let Some(minimum) = weights.minimum else { return product };
    let [first, second] = minimum.multipliers;
    let integer = first * x.sums[0] + second * x.sums[1];
    product + minimum.scale * (x.scale * integer as f32)
}

/// The sum over a row's blocks.
#[must_use]
pub fn row_product(blocks: impl IntoIterator<Item = (Block, Activations)>) -> f32 {
    let mut blocks = blocks.into_iter().peekable();
    let mut total = 0f32;
    while blocks.peek().is_some() {
        let mut group = 0f32;
        for (weights, x) in blocks.by_ref().take(GROUP) {
            group += block_product(&weights, &x);
        }
        total += group;
    }
    total
}
