//! Weights that came as floats, rounded to q8_0.
//!
//! **Invariant:** the scale is rounded first, so the integers are the nearest to what it stands for.

use super::{Coded, Unfit};
use crate::arithmetic::{BLOCK, MAGIC, f16, max, nearest_f16, reciprocal};

/// The scale is the greatest size times 1/127, to the nearest f16; an integer is x · (1/scale), to the nearest, within
/// ±127. A block whose scale is +0 is zero.
pub(super) fn block(weights: impl Iterator<Item = f32>) -> Result<Coded, Unfit> {
    let mut block = [0f32; BLOCK];
    let mut greatest = 0f32;
    for (to, weight) in block.iter_mut().zip(weights) {
        if !weight.is_finite() {
            return Err(Unfit::Weight);
        }
        *to = weight;
        greatest = max(weight.abs(), greatest);
    }
    let scale = nearest_f16(greatest * f32::from_bits(0x3C01_0204)).ok_or(Unfit::Weight)?;
    let mut coded = Coded { halves: [scale, 0], subs: [0, 0], codes: [0; BLOCK] };
    if scale != 0 {
        let inverse = reciprocal(f16(scale));
        for (code, weight) in coded.codes.iter_mut().zip(block) {
            let quant = (weight * inverse + MAGIC).to_bits() as i32 - MAGIC.to_bits() as i32;
            *code = quant.clamp(-127, 127) as i8 as u8;
        }
    }
    Ok(coded)
}
