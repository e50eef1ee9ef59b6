//! A product as the threads see it: a matrix, the tokens, and where the rows go.
//!
//! **Invariant:** whoever computes rows has them alone.

use std::ops::Range;

use super::{Isa, Product, Split, vector::Vector};
use crate::{
    arithmetic::{BLOCK, row_product},
    format::Format,
    matrix::{LANES, Matrix},
    quantized::Quantized,
};

/// A matrix, what it is multiplied with, and where the rows go.
pub(super) struct TileProduct<'a> {
    pub(super) weights: &'a Matrix,
    pub(super) bytes: &'a [u8],
    /// Blocks of a row.
    pub(super) blocks: usize,
    /// Bytes of a tile.
    pub(super) tile_bytes: usize,
    pub(super) x: &'a Quantized,
    out: Split<'a, f32>,
}

impl<'a> TileProduct<'a> {
    pub(super) fn new(product: &'a mut Product<'_>, x: &'a Quantized) -> Self {
        let weights = product.weights;
        assert_eq!(weights.cols(), x.cols(), "activations of another width");
        assert_eq!(product.out.len(), weights.rows() * x.tokens(), "room for other rows");
        let (blocks, bytes) = (weights.cols() / BLOCK, weights.bytes());
        let tile_bytes = bytes.len() / weights.tiles();
        Self { weights, bytes, blocks, tile_bytes, x, out: Split::new(product.out) }
    }

    pub(super) fn tiles(&self) -> usize {
        self.weights.tiles()
    }

    pub(super) fn tokens(&self) -> usize {
        self.x.tokens()
    }

    /// Where a row of a token goes.
    ///
    /// # Safety
    ///
    /// Both are there.
    pub(super) unsafe fn row(&self, token: usize, row: usize) -> *mut f32 {
        // SAFETY: the caller's promise.
        unsafe { self.out.start().add(token * self.weights.rows() + row) }
    }

    /// # Safety
    ///
    /// Nobody else has these rows.
    pub(super) unsafe fn rows(&self, token: usize, first: usize, count: usize) -> &'a mut [f32] {
        let rows = self.weights.rows();
        let (from, to) = (first.min(rows), rows.min(first + count));
        // SAFETY: the caller's promise.
        unsafe { self.out.part(token * rows + from..token * rows + to) }
    }
}

/// What computes rows of a format: vectors alone, or tiles of tokens beside them.
pub(super) trait Sweep {
    /// The rows of these tiles for every token.
    ///
    /// # Safety
    ///
    /// Nobody else has these rows, and the instructions are here.
    unsafe fn every_token<const F: usize>(work: &TileProduct<'_>, tiles: Range<usize>);
}

impl<V: Vector> Sweep for V {
    unsafe fn every_token<const F: usize>(work: &TileProduct<'_>, tiles: Range<usize>) {
        // SAFETY: the caller's promises.
        unsafe { V::sweep::<F>(work, tiles) }
    }
}

/// The rows of these tiles, for every token.
///
/// # Safety
///
/// Nobody else has these rows, and the instructions are here.
pub(super) unsafe fn matmul(isa: Isa, work: &TileProduct<'_>, tiles: Range<usize>) {
    // SAFETY: the caller's promises.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Amx => by_format::<super::amx::Amx>(work, tiles),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => by_format::<super::avx512::Avx512>(work, tiles),
            #[cfg(target_arch = "x86_64")]
            Isa::AvxVnni => by_format::<super::avx2::AvxVnni>(work, tiles),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => by_format::<super::avx2::Avx2>(work, tiles),
            #[cfg(target_arch = "aarch64")]
            Isa::NeonDot => by_format::<super::neon::NeonDot>(work, tiles),
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => by_format::<super::neon::Neon>(work, tiles),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Isa::Simd128 => by_format::<super::simd128::Simd128>(work, tiles),
            // What is not of this machine is never here.
            #[allow(unreachable_patterns)]
            Isa::Scalar
            | Isa::Avx2
            | Isa::AvxVnni
            | Isa::Avx512
            | Isa::Amx
            | Isa::Neon
            | Isa::NeonDot
            | Isa::Simd128 => define(work, tiles),
        }
    }
}

/// The definition.
///
/// # Safety
///
/// Nobody else has these rows.
unsafe fn define(work: &TileProduct<'_>, tiles: Range<usize>) {
    for token in 0..work.tokens() {
        let first = tiles.start * LANES;
        // SAFETY: the caller's promise.
        let out = unsafe { work.rows(token, first, tiles.len() * LANES) };
        for (lane, out) in out.iter_mut().enumerate() {
            let block = |b| (work.weights.block(first + lane, b), *work.x.block(token, b));
            *out = row_product((0..work.blocks).map(block));
        }
    }
}

/// # Safety
///
/// As `matmul`.
#[allow(unused, reason = "not every machine has vectors")]
pub(super) unsafe fn by_format<S: Sweep>(work: &TileProduct<'_>, tiles: Range<usize>) {
    macro_rules! sweep {
        ($($format:ident)*) => {
            match work.weights.format() {
                // SAFETY: the caller's promises.
                $(Format::$format => unsafe { S::every_token::<{ Format::$format as usize }>(work, tiles) },)*
                // SAFETY: as above. Floats are packed as this.
                Format::F32 | Format::F16 | Format::Bf16 | Format::Q8_0 => unsafe {
                    S::every_token::<{ Format::Q8_0 as usize }>(work, tiles)
                },
            }
        };
    }
    sweep!(Q4_0 Q4_1 Q5_0 Q5_1 Q2K Q3K Q4K Q5K Q6K Iq4Nl Iq4Xs Mxfp4);
}
