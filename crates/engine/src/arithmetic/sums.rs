//! Sums over a row.
//!
//! **Invariant:** number i goes to lane i mod 64, in order; then lane i takes lane i + 32, i + 16, … i + 1.

use super::inverse_root;

const LANES: usize = 64;

/// The sum of a row.
#[inline(always)]
#[must_use]
pub fn sum(row: &[f32]) -> f32 {
    lanes(row, |x| x)
}

/// The sum of a row's squares.
#[inline(always)]
#[must_use]
pub fn sum_of_squares(row: &[f32]) -> f32 {
    lanes(row, |x| x * x)
}

/// (x · r) · w, where r = 1/√(Σx² · (1/n) + epsilon); 1/n is taken in f64 and rounded once more.
#[inline(always)]
pub fn norm(out: &mut [f32], row: &[f32], weights: &[f32], epsilon: f32) {
    let r = inverse_root(sum_of_squares(row) * (1.0 / row.len() as f64) as f32 + epsilon);
    for ((out, x), w) in out.iter_mut().zip(row).zip(weights) {
        *out = (*x * r) * *w;
    }
}

#[inline(always)]
fn lanes(row: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0f32; LANES];
    let (rounds, rest) = row.as_chunks::<LANES>();
    for round in rounds {
        for (sum, x) in sums.iter_mut().zip(round) {
            *sum += term(*x);
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += term(*x);
    }
    for half in [32, 16, 8, 4, 2, 1] {
        let (low, high) = sums.split_at_mut(half);
        for (low, high) in low.iter_mut().zip(high) {
            *low += *high;
        }
    }
    sums[0]
}
