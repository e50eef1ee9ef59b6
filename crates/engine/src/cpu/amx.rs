//! AMX: tiles for whole tiles of tokens, and AVX-512 for all else.
//!
//! **Invariant:** tiles sum the integers of a block and nothing more. What they hold lives no longer than one block of
//! instructions: the compiler knows of no tile, and is told of each that is written. Only their shapes outlive it.

mod permission;

use std::{arch::asm, ops::Range, ptr::from_ref};

use super::{
    avx512::{self, Avx512},
    kernel::tiles::{self, TOKENS, TileShapes, Tiles, TwoTiles},
    product::{Sweep, TileProduct},
};
pub(super) use permission::is_granted;

/// Bytes from a line of weights or of sums to the next.
const LINE: usize = 64;

/// AMX-TILE and AMX-INT8, beside AVX-512.
pub(super) struct Amx;

impl Tiles for Amx {
    #[inline(always)]
    unsafe fn begin(&mut self, shapes: &TileShapes) {
        // SAFETY: the caller says that the instructions are here; the shapes are 64 bytes of a kind that each of them has.
        unsafe {
            asm!(
                "ldtilecfg [{shapes}]",
                shapes = in(reg) from_ref(shapes),
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack, preserves_flags),
            );
        }
    }

    #[inline(always)]
    unsafe fn multiply(&mut self, two: TwoTiles) {
        let TwoTiles { x, stride, weights, sums } = two;
        // SAFETY: the caller says that shapes are set, and that all lines can be read and written.
        unsafe {
            asm!(
                "tileloadd tmm4, [{w0} + {line}*1]",
                "tileloadd tmm2, [{x0} + {stride}*1]",
                "tilezero tmm0",
                "tdpbssd tmm0, tmm2, tmm4",
                "tileloadd tmm5, [{w1} + {line}*1]",
                "tileloadd tmm3, [{x1} + {stride}*1]",
                "tilezero tmm1",
                "tdpbssd tmm1, tmm3, tmm5",
                "tilestored [{sums} + {line}*1], tmm0",
                "tilestored [{sums} + {line}*1 + 1024], tmm1",
                w0 = in(reg) weights[0],
                w1 = in(reg) weights[1],
                x0 = in(reg) x[0],
                x1 = in(reg) x[1],
                stride = in(reg) stride,
                line = in(reg) LINE,
                sums = in(reg) sums,
                out("tmm0") _, out("tmm1") _, out("tmm2") _,
                out("tmm3") _, out("tmm4") _, out("tmm5") _,
                options(nostack, preserves_flags),
            );
        }
    }

    #[inline(always)]
    unsafe fn end(&mut self) {
        // SAFETY: the caller says that the instructions are here.
        unsafe {
            asm!(
                "tilerelease",
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack, preserves_flags),
            );
        }
    }
}

impl Sweep for Amx {
    unsafe fn every_token<const F: usize>(work: &TileProduct<'_>, tiles: Range<usize>) {
        // SAFETY: the caller's promises.
        unsafe { whole_and_rest::<Self, F>(&mut Self, work, tiles) }
    }
}

/// Whole tiles of tokens by tiles, the others by vectors.
///
/// # Safety
///
/// Nobody else has these rows; AVX-512 is here, and what multiplies tiles.
pub(super) unsafe fn whole_and_rest<T: Tiles, const F: usize>(
    multiplier: &mut T,
    work: &TileProduct<'_>,
    tiles: Range<usize>,
) {
    let whole = work.tokens() / TOKENS * TOKENS;
    // SAFETY: the caller's promises.
    unsafe {
        if whole > 0 {
            run::<T, F>(multiplier, work, tiles.clone());
        }
        if whole < work.tokens() {
            avx512::sweep_from::<F>(work, tiles, whole);
        }
    }
}

/// # Safety
///
/// As `tiles::sweep`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c")]
unsafe fn run<T: Tiles, const F: usize>(multiplier: &mut T, work: &TileProduct<'_>, tiles: Range<usize>) {
    // SAFETY: the caller's promises.
    unsafe { tiles::sweep::<Avx512, T, F>(multiplier, work, tiles) }
}
