//! Sixteen-bit floats, by integers.
//!
//! **Invariant:** reading is exact; what the cache keeps is never subnormal, infinite or NaN.

use super::MAGIC;

/// The bits of 65504, the greatest finite f16.
const GREATEST: u32 = 0x7BFF;

/// An f16 as f32: exact, subnormals too.
#[inline(always)]
#[must_use]
pub fn f16(bits: u16) -> f32 {
    let (sign, exponent, fraction) =
        (u32::from(bits >> 15) << 31, u32::from(bits >> 10) & 31, u32::from(bits) & 1023);
    match exponent {
        0 => f32::from_bits((fraction as f32 * (1.0 / 16_777_216.0)).to_bits() | sign),
        31 => f32::from_bits(sign | 0x7F80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// What the cache keeps of a key or a value: the nearest f16, ties to even; +0 below 2⁻¹⁴, at most ±65504.
#[inline(always)]
#[must_use]
pub fn keep(x: f32) -> u16 {
    let size = x.to_bits() & 0x7FFF_FFFF;
    let rounded = (size + 0xFFF + (size >> 13 & 1)) >> 13;
    let bits = rounded.saturating_sub(112 << 10);
    let bits = if bits > GREATEST { GREATEST } else { bits };
    if bits < 0x400 { 0 } else { bits as u16 | (x.to_bits() >> 16) as u16 & 0x8000 }
}

/// The nearest f16 of a size that f16 can hold, ties to even, subnormals too: the scale of a block of weights that came
/// as floats. `None` above 65504.
#[must_use]
pub fn nearest_f16(size: f32) -> Option<u16> {
    if size < f32::from_bits(0x3880_0000) {
        // Below 2⁻¹⁴ the steps are 2⁻²⁴ wide.
        return Some((size * 16_777_216.0 + MAGIC).to_bits() as u16);
    }
    let bits = size.to_bits();
    let rounded = ((bits + 0xFFF + (bits >> 13 & 1)) >> 13).checked_sub(112 << 10)?;
    (rounded <= GREATEST).then_some(rounded as u16)
}
