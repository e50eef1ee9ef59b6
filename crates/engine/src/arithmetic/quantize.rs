//! Activations as integers: blocks of 32 that share a scale.
//!
//! **Invariant:** every quant is within ±127, so a block's products are exact in i32, where order does not exist.

use super::{BLOCK, LEAST, MAGIC, max, reciprocal};

/// One block of activations.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C)]
pub struct Activations {
    /// The integers.
    pub quants: [i8; BLOCK],
    /// What an integer stands for.
    pub scale: f32,
    /// The scale times the sum of the integers, rounded once.
    pub total: f32,
    /// The sums of the first and of the second sixteen integers.
    pub sums: [i32; 2],
}

impl Activations {
    /// A block of zeros.
    pub const ZERO: Self = Self { quants: [0; BLOCK], scale: 0.0, total: 0.0, sums: [0; 2] };
}

/// The scale is the greatest size times 1/127; an integer is x · (127 · (1/greatest)), to the nearest, ties to even. A
/// block without a size of 2⁻⁴⁰ is zero.
#[must_use]
pub fn quantize_block(x: &[f32; BLOCK]) -> Activations {
    let mut greatest = 0f32;
    for x in x {
        greatest = max(x.abs(), greatest);
    }
    if greatest < LEAST {
        return Activations::ZERO;
    }
    let inverse = 127.0 * reciprocal(greatest);
    let quants = x.map(|x| ((x * inverse + MAGIC).to_bits() as i32 - MAGIC.to_bits() as i32) as i8);
    let sum = |half: &[i8]| half.iter().map(|quant| i32::from(*quant)).sum();
    let (scale, sums) = (greatest * f32::from_bits(0x3C01_0204), [sum(&quants[..16]), sum(&quants[16..])]);
    Activations { quants, scale, total: scale * (sums[0] + sums[1]) as f32, sums }
}
