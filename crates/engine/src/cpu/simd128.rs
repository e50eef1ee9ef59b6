//! The 128-bit vectors of wasm: a vector is a quarter of a tile's rows.
//!
//! **Invariant:** what `Vector` says. Nothing relaxed: those instructions may give other bits on other machines.

use std::{arch::wasm32::*, ops::Range};

use super::{kernel::strips, vector::Vector, work::Work};

/// Simd128.
#[derive(Clone, Copy)]
pub(super) struct Simd128;

/// Sums of products: of two rows each, in pairs of lanes that are added at last.
#[derive(Clone, Copy)]
pub(super) struct Pairs {
    low: v128,
    high: v128,
}

// SAFETY of every block: the trait's functions are called with pointers as it says; the instructions are compiled in.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Simd128 {
    const LANES: usize = 4;
    const FLIP: i32 = 0;

    type Floats = v128;
    type Integers = v128;
    type Codes = v128;
    /// Four numbers of sixteen bits, twice.
    type Quad = v128;
    type Sums = Pairs;

    #[inline(always)]
    unsafe fn splat(x: f32) -> v128 {
        f32x4_splat(x)
    }

    #[inline(always)]
    unsafe fn add(a: v128, b: v128) -> v128 {
        f32x4_add(a, b)
    }

    #[inline(always)]
    unsafe fn mul(a: v128, b: v128) -> v128 {
        f32x4_mul(a, b)
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, x: v128) {
        unsafe { v128_store(to.cast(), x) }
    }

    #[inline(always)]
    unsafe fn float(n: v128) -> v128 {
        f32x4_convert_i32x4(n)
    }

    #[inline(always)]
    unsafe fn halves(from: *const u8) -> v128 {
        unsafe {
            let bits = u32x4_extend_low_u16x8(v128_load64_zero(from.cast()));
            let sign = i32x4_shl(v128_and(bits, u32x4_splat(0x8000)), 16);
            // Exact for subnormals too: wasm never flushes.
            let size = i32x4_shl(v128_and(bits, u32x4_splat(0x7FFF)), 13);
            v128_or(f32x4_mul(size, f32x4_splat(f32::from_bits(0x7780_0000))), sign)
        }
    }

    #[inline(always)]
    unsafe fn powers(from: *const u8) -> v128 {
        unsafe {
            let exponent = Self::unsigned(from);
            let bits = i32x4_shl(i32x4_sub(exponent, i32x4_splat(1)), 23);
            v128_and(bits, i32x4_ge(exponent, i32x4_splat(88)))
        }
    }

    #[inline(always)]
    unsafe fn integers(n: i32) -> v128 {
        i32x4_splat(n)
    }

    #[inline(always)]
    unsafe fn unsigned(from: *const u8) -> v128 {
        unsafe { u32x4_extend_low_u16x8(u16x8_extend_low_u8x16(v128_load32_zero(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn signed(from: *const u8) -> v128 {
        unsafe { i32x4_extend_low_i16x8(i16x8_extend_low_i8x16(v128_load32_zero(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn plus(a: v128, b: v128) -> v128 {
        i32x4_add(a, b)
    }

    #[inline(always)]
    unsafe fn times(a: v128, b: v128) -> v128 {
        i32x4_mul(a, b)
    }

    #[inline(always)]
    unsafe fn bits(n: v128, shift: u32, mask: i32) -> v128 {
        v128_and(u32x4_shr(n, shift), i32x4_splat(mask))
    }

    #[inline(always)]
    unsafe fn codes(from: *const u8) -> v128 {
        unsafe { v128_load(from.cast()) }
    }

    #[inline(always)]
    unsafe fn mask(codes: v128, mask: u8) -> v128 {
        v128_and(codes, u8x16_splat(mask))
    }

    #[inline(always)]
    unsafe fn or(a: v128, b: v128) -> v128 {
        v128_or(a, b)
    }

    #[inline(always)]
    unsafe fn right(codes: v128, by: u32) -> v128 {
        u8x16_shr(codes, by)
    }

    #[inline(always)]
    unsafe fn left(codes: v128, by: u32) -> v128 {
        u8x16_shl(codes, by)
    }

    #[inline(always)]
    unsafe fn lookup(table: &[i8; 16], codes: v128) -> v128 {
        unsafe { i8x16_swizzle(v128_load(table.as_ptr().cast()), codes) }
    }

    #[inline(always)]
    unsafe fn quad(from: *const i8) -> v128 {
        unsafe { i16x8_extend_low_i8x16(v128_load32_splat(from.cast())) }
    }

    #[inline(always)]
    unsafe fn start(n: i32) -> Pairs {
        let half = i32x4(n, 0, n, 0);
        Pairs { low: half, high: half }
    }

    #[inline(always)]
    unsafe fn dot(sums: Pairs, codes: v128, x: v128) -> Pairs {
        Pairs {
            low: i32x4_add(sums.low, i32x4_dot_i16x8(i16x8_extend_low_i8x16(codes), x)),
            high: i32x4_add(sums.high, i32x4_dot_i16x8(i16x8_extend_high_i8x16(codes), x)),
        }
    }

    #[inline(always)]
    unsafe fn dot_signed(sums: Pairs, codes: v128, x: v128) -> Pairs {
        // Codes below 64 are the same signed.
        unsafe { Self::dot(sums, codes, x) }
    }

    #[inline(always)]
    unsafe fn settle(sums: Pairs) -> Pairs {
        sums
    }

    #[inline(always)]
    unsafe fn total(sums: Pairs) -> v128 {
        let Pairs { low, high } = sums;
        i32x4_add(i32x4_shuffle::<0, 2, 4, 6>(low, high), i32x4_shuffle::<1, 3, 5, 7>(low, high))
    }

    #[inline(always)]
    unsafe fn prefetch(_: *const u8) {}

    unsafe fn sweep<const F: usize>(work: &Work<'_>, tiles: Range<usize>) {
        unsafe {
            for strip in 4 * tiles.start..4 * tiles.end {
                let mut token = 0;
                while token + 3 <= work.tokens() {
                    run::<F, 3>(work, strip, token);
                    token += 3;
                }
                for token in token..work.tokens() {
                    run::<F, 1>(work, strip, token);
                }
            }
        }
    }
}

/// # Safety
///
/// As `strips`.
#[inline(never)]
unsafe fn run<const F: usize, const M: usize>(work: &Work<'_>, strip: usize, token: usize) {
    // SAFETY: the caller's promises.
    unsafe { strips::<Simd128, F, 1, M>(work, strip, token) }
}
