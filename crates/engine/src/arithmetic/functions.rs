//! Functions of one number, by sums and products alone.
//!
//! **Invariant:** each is a fixed sequence of rounded operations; its error is a few units in the last place at most.

use super::{MAGIC, SIGN, max};

/// 1/a for a from 2⁻¹⁰⁰ to 2¹⁰⁰.
#[inline(always)]
#[must_use]
pub fn reciprocal(a: f32) -> f32 {
    let r = f32::from_bits(0x7EF3_11C7u32.wrapping_sub(a.to_bits()));
    let r = r * (2.0 - a * r);
    let r = r * (2.0 - a * r);
    r + r * (1.0 - a * r)
}

/// 1/√a for a from 2⁻¹⁰⁰ to 2¹⁰⁰.
#[inline(always)]
#[must_use]
pub fn inverse_root(a: f32) -> f32 {
    let h = a * 0.5;
    let r = f32::from_bits(0x5F37_59DFu32.wrapping_sub(a.to_bits() >> 1));
    let r = r * (1.5 - (h * r) * r);
    let r = r * (1.5 - (h * r) * r);
    r + r * (0.5 - (h * r) * r)
}

/// eˣ for x ≤ 0, and +0 below −40.
#[inline(always)]
#[must_use]
pub fn exp(x: f32) -> f32 {
    let c = max(x, -41.0);
    let t = c * f32::from_bits(0x3FB8_AA3B) + MAGIC;
    let n = t - MAGIC;
    let r = (c - n * f32::from_bits(0x3F31_8000)) - n * f32::from_bits(0xB95E_8083);
    let p = f32::from_bits(0x3950_6967);
    let p = p * r + f32::from_bits(0x3AB7_43CE);
    let p = p * r + f32::from_bits(0x3C08_8908);
    let p = p * r + f32::from_bits(0x3D2A_A9C1);
    let p = p * r + f32::from_bits(0x3E2A_AAAA);
    let p = p * r + 0.5;
    let y = (p * (r * r) + r) + 1.0;
    // The low bits of t are n: this is · 2ⁿ.
    let y = f32::from_bits(y.to_bits().wrapping_add(t.to_bits() << 23));
    if x < -40.0 { 0.0 } else { y }
}

/// 1 / (1 + e⁻ˣ).
#[inline(always)]
#[must_use]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    let r = reciprocal(1.0 + e);
    if x >= 0.0 { r } else { e * r }
}

/// x / (1 + e⁻ˣ).
#[inline(always)]
#[must_use]
pub fn silu(x: f32) -> f32 {
    x * sigmoid(x)
}

/// A polynomial below 0.625, (1 − e⁻²ᵃ) / (1 + e⁻²ᵃ) above, with the sign of x.
#[inline(always)]
#[must_use]
pub fn tanh(x: f32) -> f32 {
    // From 10 on it is 1; cut there, no power of a is infinite.
    let a = x.abs();
    let a = if a > 16.0 { 16.0 } else { a };
    let e = exp(a * -2.0);
    let far = (1.0 - e) * reciprocal(1.0 + e);
    let z = a * a;
    let p = f32::from_bits(0xBBBA_F0EA);
    let p = p * z + f32::from_bits(0x3CA9_134E);
    let p = p * z + f32::from_bits(0xBD5C_1E2D);
    let p = p * z + f32::from_bits(0x3E08_8393);
    let p = p * z + f32::from_bits(0xBEAA_AA99);
    let near = (p * z) * a + a;
    let y = if a < 0.625 { near } else { far };
    f32::from_bits(y.to_bits() | x.to_bits() & SIGN)
}

/// (x/2) · (1 + tanh(√(2/π) · (x + 0.044715 · x³))).
#[inline(always)]
#[must_use]
pub fn gelu(x: f32) -> f32 {
    let cube = (x * x) * x;
    let inner = f32::from_bits(0x3F4C_422A) * (x + f32::from_bits(0x3D37_2713) * cube);
    (x * 0.5) * (1.0 + tanh(inner))
}
