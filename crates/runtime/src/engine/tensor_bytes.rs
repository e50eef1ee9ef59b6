//! The bytes of tensors, as `wasi:nn` has them and any engine for networks takes and gives them.
//!
//! **Invariant:** lengths are multiplied with a check, and what is no number leaves with one bit pattern.

/// Dimensions of the deepest tensor.
const RANK_MAX: usize = 8;

/// How many elements a shape has, if it is one that an engine can be given: neither empty nor endless.
pub(super) fn elements(shape: &[usize]) -> Option<usize> {
    let product = shape.iter().try_fold(1_usize, |product, size| product.checked_mul(*size))?;
    (product > 0 && shape.len() <= RANK_MAX).then_some(product)
}

/// The numbers in `bytes`, which are a whole count of them.
pub(super) fn words<const WIDTH: usize, T>(bytes: &[u8], decode: fn([u8; WIDTH]) -> T) -> Vec<T> {
    bytes.as_chunks::<WIDTH>().0.iter().map(|word| decode(*word)).collect()
}

/// The same number, with one bit pattern for all that are none.
pub(super) fn canonical(number: f32) -> f32 {
    if number.is_nan() { f32::from_bits(0x7FC0_0000) } else { number }
}

/// The same of twice the width.
pub(super) fn canonical_wide(number: f64) -> f64 {
    if number.is_nan() { f64::from_bits(0x7FF8_0000_0000_0000) } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shape_is_empty_endless_or_too_deep() {
        for shape in [&[0][..], &[4, 0], &[usize::MAX, 2], &[1; RANK_MAX + 1]] {
            assert_eq!(elements(shape), None, "{shape:?}");
        }
        assert_eq!(elements(&[]), Some(1));
    }
}
