//! One query's attention over the positions it sees.
//!
//! **Invariant:** chunks are 256 absolute positions, so the sums know nothing of who asks, from where, or with whom. A
//! position that is not seen has weight +0 and may be skipped.

use std::ops::Range;

use super::{CHUNK, cap, exp, max, reciprocal, sum};

/// Below every score: what is not seen.
pub(crate) const UNSEEN: f32 = -1e30;

/// Which positions a query sees and how its scores are bent.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    /// The positions.
    pub positions: Range<usize>,
    /// Where scores are kept within ±cap.
    pub cap: Option<f32>,
    /// A score that takes its share of the weight and gives nothing.
    pub sink: Option<f32>,
}

/// The mean of the seen values, weighted by e^(score − top). `query` is scaled already; `key` and `value` give a
/// position's column.
///
/// The sink's weight joins the sum behind all chunks. A score is the sum over the columns in order. Weights are summed by chunks as rows are, chunks in order; a column of
/// the values is summed in order in each chunk, chunks in order, and multiplied by 1 / the weights' sum.
pub fn attend(
    query: &[f32],
    sight: &Sight,
    key: impl Fn(usize, usize) -> f32,
    value: impl Fn(usize, usize) -> f32,
    out: &mut [f32],
) {
    let score = |position: usize| {
        let mut score = 0f32;
        for (column, q) in query.iter().enumerate() {
            score += *q * key(position, column);
        }
        sight.cap.map_or(score, |limit| cap(score, limit))
    };
    let end = sight.positions.end;
    let mut weights = vec![UNSEEN; end];
    let mut top = sight.sink.unwrap_or(UNSEEN);
    for position in sight.positions.clone() {
        weights[position] = score(position);
        top = max(weights[position], top);
    }
    for weight in &mut weights {
        *weight = exp(*weight - top);
    }
    let mut total = 0f32;
    for chunk in weights.chunks(CHUNK) {
        total += sum(chunk);
    }
    if let Some(sink) = sight.sink {
        total += exp(sink - top);
    }
    let inverse = reciprocal(total);
    for (column, out) in out.iter_mut().enumerate() {
        let mut total = 0f32;
        for (chunk, weights) in weights.chunks(CHUNK).enumerate() {
            let mut sum = 0f32;
            for (at, weight) in weights.iter().enumerate() {
                sum += *weight * value(chunk * CHUNK + at, column);
            }
            total += sum;
        }
        *out = total * inverse;
    }
}
