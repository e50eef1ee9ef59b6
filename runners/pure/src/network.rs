//! The network of `digits`, layer by layer.
//!
//! **Invariant:** sums are taken in one fixed order, so the same pixels give the same bits everywhere.

/// What `models/digits/train.py` wrote: for each layer its matrix (inputs × outputs, by rows) and then its bias.
const WEIGHTS: &[u8] = include_bytes!("../../../models/pure-digits/weights.f32");
/// How many values each layer takes, and the last one gives.
const SIZES: [usize; 4] = [64, 192, 96, 10];

/// A probability for each digit.
pub(crate) fn scores(pixels: &[f32]) -> Vec<f32> {
    let mut weights = WEIGHTS;
    let mut values = pixels.to_vec();
    for (layer, outputs) in SIZES.into_iter().enumerate().skip(1) {
        if layer > 1 {
            values.iter_mut().for_each(|value| *value = value.max(0.0));
        }
        values = dense(&values, outputs, &mut weights);
    }
    softmax(&values)
}

fn dense(values: &[f32], outputs: usize, weights: &mut &[u8]) -> Vec<f32> {
    let mut sums = vec![0.0; outputs];
    for value in values {
        for (sum, weight) in sums.iter_mut().zip(take(weights, outputs)) {
            *sum += value * weight;
        }
    }
    for (sum, bias) in sums.iter_mut().zip(take(weights, outputs)) {
        *sum += bias;
    }
    sums
}

/// The next `count` weights.
fn take<'a>(weights: &mut &'a [u8], count: usize) -> impl Iterator<Item = f32> + use<'a> {
    let (taken, rest) = weights.split_at(count * size_of::<f32>());
    *weights = rest;
    taken.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

fn softmax(values: &[f32]) -> Vec<f32> {
    let highest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = values.iter().map(|value| libm::expf(value - highest)).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}
