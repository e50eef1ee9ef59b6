//! The arithmetic: what every number is made by and in which order, to the bit. This is the definition; whatever runs
//! faster gives the same bits.
//!
//! **Invariant:** only f32 `+`, `-`, `×`, each rounded once (to nearest, ties to even), comparisons and integers. Never
//! a fused product and sum, no other order than the one stated, no division, no root, no function of a library. Every sum
//! begins with +0: so no sum is −0, and a term of either zero changes nothing. What is masked may be added or skipped.
//!
//! Loops over these functions become vectors of the same bits: the compiler neither contracts nor reassociates.

mod attention;
mod frequency;
mod functions;
mod half;
mod product;
mod quantize;
mod rotary;
mod sums;

pub(crate) use attention::UNSEEN;
pub use attention::{Sight, attend};
pub use functions::{exp, gelu, inverse_root, reciprocal, sigmoid, silu, tanh};
pub use half::{f16, keep, nearest_f16};
pub use product::{block_product, row_product};
pub use quantize::{Activations, quantize_block};
pub use rotary::{Pairs, Rotary, rotate};
pub use sums::{norm, sum, sum_of_squares};

/// The least size, 2⁻⁴⁰, that passes a door.
pub const LEAST: f32 = f32::from_bits(0x2B80_0000);
/// The greatest size, 2⁴⁰, that passes a door.
pub const MOST: f32 = f32::from_bits(0x5380_0000);
/// 1.5 · 2²³: what is added to it is rounded to the nearest integer, ties to even.
pub const MAGIC: f32 = f32::from_bits(0x4B40_0000);
/// Numbers that share a scale, of weights and of activations.
pub const BLOCK: usize = 32;
/// Blocks of a row's product that are added up before they join the sum.
pub const GROUP: usize = 8;
/// Positions of a chunk of attention, counted from position 0 whoever asks.
pub const CHUNK: usize = 256;

const SIGN: u32 = 0x8000_0000;

/// Lets a size from 2⁻⁴⁰ to 2⁴⁰ pass; what is smaller is +0, what is greater is cut to 2⁴⁰.
///
/// Behind doors no term that counts is subnormal and no sum infinite, so hardware that flushes agrees with hardware
/// that does not.
#[inline(always)]
#[must_use]
pub fn door(x: f32) -> f32 {
    let size = x.abs();
    let size = if size > MOST { MOST } else { size };
    if size < LEAST { 0.0 } else { f32::from_bits(size.to_bits() | x.to_bits() & SIGN) }
}

/// The greater of two numbers; neither is NaN.
#[inline(always)]
#[must_use]
pub fn max(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The residual stream passes a door after each addition.
#[inline(always)]
pub fn add(x: &mut [f32], y: &[f32]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x = door(*x + *y);
    }
}

/// Scaled queries pass a door.
#[inline(always)]
pub fn scale(x: &mut [f32], by: f32) {
    for x in x {
        *x = door(*x * by);
    }
}

/// `silu(gate) · up`, both through a door.
#[inline(always)]
pub fn silu_gate(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = silu(door(*gate)) * door(*up);
    }
}

/// `gelu(gate) · up`, both through a door.
#[inline(always)]
pub fn gelu_gate(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = gelu(door(*gate)) * door(*up);
    }
}

/// `(g · sigmoid(1.702 · g)) · (u + 1)`, where g is the gate held below 7 and u up held within ±7, both through a door.
#[inline(always)]
pub fn clamped_gate(gate: &mut [f32], up: &[f32]) {
    const LIMIT: f32 = 7.0;
    for (gate, up) in gate.iter_mut().zip(up) {
        let (g, u) = (door(*gate), door(*up));
        let g = if g > LIMIT { LIMIT } else { g };
        let u = if u > LIMIT { LIMIT } else { u };
        let u = if u < -LIMIT { -LIMIT } else { u };
        *gate = (g * sigmoid(g * f32::from_bits(0x3FD9_DB23))) * (u + 1.0);
    }
}

/// `tanh(x / cap) · cap`, which keeps a number within ±cap.
#[inline(always)]
#[must_use]
pub fn cap(x: f32, cap: f32) -> f32 {
    tanh(door(x) * reciprocal(cap)) * cap
}
