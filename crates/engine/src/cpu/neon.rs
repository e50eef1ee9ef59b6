//! NEON, alone or with the dot product: a vector is a quarter of a tile's rows.
//!
//! **Invariant:** what `Vector` says, and nothing fused. The dot product and the conversion of f16 are written as
//! instructions, since the compiler has no stable names for them.

use std::{
    arch::{aarch64::*, asm},
    ops::Range,
};

use super::{kernel::strips, vector::Vector, work::Work};

/// NEON, as every such machine has it.
#[derive(Clone, Copy)]
pub(super) struct Neon;

/// NEON and its dot product.
#[derive(Clone, Copy)]
pub(super) struct NeonDot;

/// Sums of products without a dot product: of two rows each, in pairs of lanes that are added at last.
#[derive(Clone, Copy)]
pub(super) struct Pairs {
    low: int32x4_t,
    high: int32x4_t,
}

/// What both have alike.
macro_rules! quarters_of_tiles {
    () => {
        const LANES: usize = 4;
        const FLIP: i32 = 0;

        type Floats = float32x4_t;
        type Integers = int32x4_t;
        type Codes = uint8x16_t;
        type Quad = int8x16_t;

        #[inline(always)]
        unsafe fn splat(x: f32) -> float32x4_t {
            unsafe { vdupq_n_f32(x) }
        }

        #[inline(always)]
        unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
            unsafe { vaddq_f32(a, b) }
        }

        #[inline(always)]
        unsafe fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t {
            unsafe { vmulq_f32(a, b) }
        }

        #[inline(always)]
        unsafe fn store(to: *mut f32, x: float32x4_t) {
            unsafe { vst1q_f32(to, x) }
        }

        #[inline(always)]
        unsafe fn float(n: int32x4_t) -> float32x4_t {
            unsafe { vcvtq_f32_s32(n) }
        }

        #[inline(always)]
        unsafe fn halves(from: *const u8) -> float32x4_t {
            let out: float32x4_t;
            unsafe {
                let halves = vld1_u16(from.cast());
                asm!(
                    "fcvtl {out:v}.4s, {halves:v}.4h",
                    out = lateout(vreg) out,
                    halves = in(vreg) halves,
                    options(pure, nomem, nostack, preserves_flags)
                );
            }
            out
        }

        #[inline(always)]
        unsafe fn powers(from: *const u8) -> float32x4_t {
            unsafe {
                let exponent = Self::unsigned(from);
                let bits = vshlq_n_s32::<23>(vsubq_s32(exponent, vdupq_n_s32(1)));
                let counts = vcgeq_s32(exponent, vdupq_n_s32(88));
                vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_s32(bits), counts))
            }
        }

        #[inline(always)]
        unsafe fn integers(n: i32) -> int32x4_t {
            unsafe { vdupq_n_s32(n) }
        }

        #[inline(always)]
        unsafe fn unsigned(from: *const u8) -> int32x4_t {
            unsafe {
                let bytes = vreinterpret_u8_u32(vdup_n_u32(from.cast::<u32>().read_unaligned()));
                vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))))
            }
        }

        #[inline(always)]
        unsafe fn signed(from: *const u8) -> int32x4_t {
            unsafe {
                let bytes = vreinterpret_s8_u32(vdup_n_u32(from.cast::<u32>().read_unaligned()));
                vmovl_s16(vget_low_s16(vmovl_s8(bytes)))
            }
        }

        #[inline(always)]
        unsafe fn plus(a: int32x4_t, b: int32x4_t) -> int32x4_t {
            unsafe { vaddq_s32(a, b) }
        }

        #[inline(always)]
        unsafe fn times(a: int32x4_t, b: int32x4_t) -> int32x4_t {
            unsafe { vmulq_s32(a, b) }
        }

        #[inline(always)]
        unsafe fn bits(n: int32x4_t, shift: u32, mask: i32) -> int32x4_t {
            unsafe { vandq_s32(vshlq_s32(n, vdupq_n_s32(-(shift as i32))), vdupq_n_s32(mask)) }
        }

        #[inline(always)]
        unsafe fn codes(from: *const u8) -> uint8x16_t {
            unsafe { vld1q_u8(from) }
        }

        #[inline(always)]
        unsafe fn mask(codes: uint8x16_t, mask: u8) -> uint8x16_t {
            unsafe { vandq_u8(codes, vdupq_n_u8(mask)) }
        }

        #[inline(always)]
        unsafe fn or(a: uint8x16_t, b: uint8x16_t) -> uint8x16_t {
            unsafe { vorrq_u8(a, b) }
        }

        #[inline(always)]
        unsafe fn right(codes: uint8x16_t, by: u32) -> uint8x16_t {
            unsafe { vshlq_u8(codes, vdupq_n_s8(-(by as i8))) }
        }

        #[inline(always)]
        unsafe fn left(codes: uint8x16_t, by: u32) -> uint8x16_t {
            unsafe { vshlq_u8(codes, vdupq_n_s8(by as i8)) }
        }

        #[inline(always)]
        unsafe fn lookup(table: &[i8; 16], codes: uint8x16_t) -> uint8x16_t {
            unsafe { vreinterpretq_u8_s8(vqtbl1q_s8(vld1q_s8(table.as_ptr()), codes)) }
        }

        #[inline(always)]
        unsafe fn quad(from: *const i8) -> int8x16_t {
            unsafe { vreinterpretq_s8_s32(vdupq_n_s32(from.cast::<i32>().read_unaligned())) }
        }

        #[inline(always)]
        unsafe fn dot_signed(sums: Self::Sums, codes: uint8x16_t, x: int8x16_t) -> Self::Sums {
            // Codes below 64 are the same signed.
            unsafe { Self::dot(sums, codes, x) }
        }

        #[inline(always)]
        unsafe fn settle(sums: Self::Sums) -> Self::Sums {
            sums
        }

        #[inline(always)]
        unsafe fn prefetch(from: *const u8) {
            unsafe {
                asm!("prfm pldl1keep, [{from}]", from = in(reg) from, options(readonly, nostack, preserves_flags));
            }
        }

        unsafe fn sweep<const F: usize>(work: &Work<'_>, tiles: Range<usize>) {
            unsafe {
                for tile in tiles {
                    let mut token = 0;
                    while token + 2 <= work.tokens() {
                        Self::run::<F, 2>(work, 4 * tile, token);
                        token += 2;
                    }
                    for token in token..work.tokens() {
                        Self::run::<F, 1>(work, 4 * tile, token);
                    }
                }
            }
        }
    };
}

// SAFETY of every block: the trait's functions are called only where the instructions are, with pointers as it says.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Neon {
    quarters_of_tiles!();

    type Sums = Pairs;

    #[inline(always)]
    unsafe fn start(n: i32) -> Pairs {
        unsafe {
            // n and 0, twice.
            let half = vreinterpretq_s32_s64(vdupq_n_s64(i64::from(n as u32)));
            Pairs { low: half, high: half }
        }
    }

    #[inline(always)]
    unsafe fn dot(sums: Pairs, codes: uint8x16_t, x: int8x16_t) -> Pairs {
        unsafe {
            let codes = vreinterpretq_s8_u8(codes);
            Pairs {
                low: vpadalq_s16(sums.low, vmull_s8(vget_low_s8(codes), vget_low_s8(x))),
                high: vpadalq_s16(sums.high, vmull_high_s8(codes, x)),
            }
        }
    }

    #[inline(always)]
    unsafe fn total(sums: Pairs) -> int32x4_t {
        unsafe { vpaddq_s32(sums.low, sums.high) }
    }
}

// SAFETY of every block: as above.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for NeonDot {
    quarters_of_tiles!();

    type Sums = int32x4_t;

    #[inline(always)]
    unsafe fn start(n: i32) -> int32x4_t {
        unsafe { vdupq_n_s32(n) }
    }

    #[inline(always)]
    unsafe fn dot(sums: int32x4_t, codes: uint8x16_t, x: int8x16_t) -> int32x4_t {
        let mut sums = sums;
        unsafe {
            asm!(
                ".arch_extension dotprod",
                "sdot {sums:v}.4s, {codes:v}.16b, {x:v}.16b",
                sums = inout(vreg) sums,
                codes = in(vreg) codes,
                x = in(vreg) x,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        sums
    }

    #[inline(always)]
    unsafe fn total(sums: int32x4_t) -> int32x4_t {
        sums
    }
}

impl Neon {
    /// # Safety
    ///
    /// As `strips`.
    #[target_feature(enable = "neon")]
    unsafe fn run<const F: usize, const M: usize>(work: &Work<'_>, strip: usize, token: usize) {
        // SAFETY: the caller's promises.
        unsafe { strips::<Self, F, 4, M>(work, strip, token) }
    }
}

impl NeonDot {
    /// # Safety
    ///
    /// As `strips`.
    #[target_feature(enable = "neon,dotprod")]
    unsafe fn run<const F: usize, const M: usize>(work: &Work<'_>, strip: usize, token: usize) {
        // SAFETY: the caller's promises.
        unsafe { strips::<Self, F, 4, M>(work, strip, token) }
    }
}
