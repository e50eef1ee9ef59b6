//! Codes of four weights a row, put together from the planes of a block.
//!
//! **Invariant:** what `Layout` wrote is what is read; the places are the ones of its header.

use super::Vector;
use crate::{
    format::{Codes, Format},
    matrix::LANES,
};

/// Bytes of a vector of a plane, all rows.
const VECTOR: usize = 4 * LANES;

/// The codes of steps 2·`G` and 2·`G` + 1, put together from their planes.
///
/// # Safety
///
/// The instructions are here, and the planes can be read.
#[inline(always)]
pub(super) unsafe fn decode<V: Vector, const F: usize, const G: usize>(planes: *const u8) -> [V::Codes; 2] {
    // SAFETY: the caller's promises.
    unsafe {
        match const { Format::ALL[F].codes() } {
            Codes::Bytes => {
                [V::codes(planes.add(2 * G * VECTOR)), V::codes(planes.add((2 * G + 1) * VECTOR))]
            }
            Codes::Table(table) => {
                let [even, odd] = nibbles::<V, G>(planes);
                [V::lookup(table, even), V::lookup(table, odd)]
            }
            Codes::Bits { bits: 2, .. } => twos::<V, G>(planes, 0),
            Codes::Bits { bits: 3, .. } => {
                both::<V>(twos::<V, G>(planes, 0), ones::<V, G>(planes.add(2 * VECTOR), 2))
            }
            Codes::Bits { bits: 5, .. } => {
                both::<V>(nibbles::<V, G>(planes), ones::<V, G>(planes.add(4 * VECTOR), 4))
            }
            Codes::Bits { bits: 6, .. } => {
                both::<V>(nibbles::<V, G>(planes), twos::<V, G>(planes.add(4 * VECTOR), 4))
            }
            Codes::Bits { .. } => nibbles::<V, G>(planes),
        }
    }
}

/// # Safety
///
/// As `decode`.
#[inline(always)]
unsafe fn nibbles<V: Vector, const G: usize>(plane: *const u8) -> [V::Codes; 2] {
    // SAFETY: the caller's promises.
    unsafe {
        let raw = V::codes(plane.add(G * VECTOR));
        [V::mask(raw, 15), V::mask(V::right(raw, 4), 15)]
    }
}

/// Two bits of step j, which lie at 2 · (j mod 4), brought to bit `to`.
///
/// # Safety
///
/// As `decode`.
#[inline(always)]
unsafe fn twos<V: Vector, const G: usize>(plane: *const u8, to: u32) -> [V::Codes; 2] {
    // SAFETY: the caller's promises.
    unsafe {
        let raw = V::codes(plane.add(G / 2 * VECTOR));
        let from = 4 * (G % 2) as u32;
        [moved::<V>(raw, from, to, 3), moved::<V>(raw, from + 2, to, 3)]
    }
}

/// The bit of step j, which lies at j, brought to bit `to`.
///
/// # Safety
///
/// As `decode`.
#[inline(always)]
unsafe fn ones<V: Vector, const G: usize>(plane: *const u8, to: u32) -> [V::Codes; 2] {
    // SAFETY: the caller's promises.
    unsafe {
        let (raw, from) = (V::codes(plane), 2 * G as u32);
        [moved::<V>(raw, from, to, 1), moved::<V>(raw, from + 1, to, 1)]
    }
}

/// # Safety
///
/// The instructions are here.
#[inline(always)]
unsafe fn both<V: Vector>(low: [V::Codes; 2], high: [V::Codes; 2]) -> [V::Codes; 2] {
    // SAFETY: the caller's promise.
    unsafe { [V::or(low[0], high[0]), V::or(low[1], high[1])] }
}

/// Bits of every byte from one place to another, and nothing else.
///
/// # Safety
///
/// The instructions are here.
#[inline(always)]
unsafe fn moved<V: Vector>(raw: V::Codes, from: u32, to: u32, bits: u8) -> V::Codes {
    // SAFETY: the caller's promise.
    unsafe {
        let raw = if from < to { V::left(raw, to - from) } else { V::right(raw, from - to) };
        V::mask(raw, bits << to)
    }
}
