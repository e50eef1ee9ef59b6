//! AVX2, alone or with the 256-bit dot product: a vector is half a tile's rows.
//!
//! **Invariant:** what `Vector` says, and nothing fused. Without the dot product, pairs of products are sums of sixteen
//! bits, which are widened before they can overflow.

use std::{arch::x86_64::*, ops::Range};

use super::{kernel::strips, vector::Vector, work::Work};

/// AVX2 and F16C.
#[derive(Clone, Copy)]
pub(super) struct Avx2;

/// AVX2, F16C and AVX-VNNI.
#[derive(Clone, Copy)]
pub(super) struct AvxVnni;

/// Sums of products without a dot product.
#[derive(Clone, Copy)]
pub(super) struct Narrow {
    /// Of pairs, in sixteen bits.
    pairs: __m256i,
    sums: __m256i,
}

/// What both have alike.
macro_rules! halves_of_tiles {
    () => {
        const LANES: usize = 8;

        type Floats = __m256;
        type Integers = __m256i;
        type Codes = __m256i;
        type Quad = __m256i;

        #[inline(always)]
        unsafe fn splat(x: f32) -> __m256 {
            unsafe { _mm256_set1_ps(x) }
        }

        #[inline(always)]
        unsafe fn add(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_add_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn mul(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_mul_ps(a, b) }
        }

        #[inline(always)]
        unsafe fn store(to: *mut f32, x: __m256) {
            unsafe { _mm256_storeu_ps(to, x) }
        }

        #[inline(always)]
        unsafe fn float(n: __m256i) -> __m256 {
            unsafe { _mm256_cvtepi32_ps(n) }
        }

        #[inline(always)]
        unsafe fn halves(from: *const u8) -> __m256 {
            unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
        }

        #[inline(always)]
        unsafe fn powers(from: *const u8) -> __m256 {
            unsafe {
                let exponent = Self::unsigned(from);
                let bits = _mm256_slli_epi32::<23>(_mm256_sub_epi32(exponent, _mm256_set1_epi32(1)));
                let counts = _mm256_cmpgt_epi32(exponent, _mm256_set1_epi32(87));
                _mm256_castsi256_ps(_mm256_and_si256(bits, counts))
            }
        }

        #[inline(always)]
        unsafe fn integers(n: i32) -> __m256i {
            unsafe { _mm256_set1_epi32(n) }
        }

        #[inline(always)]
        unsafe fn unsigned(from: *const u8) -> __m256i {
            unsafe { _mm256_cvtepu8_epi32(_mm_loadl_epi64(from.cast())) }
        }

        #[inline(always)]
        unsafe fn signed(from: *const u8) -> __m256i {
            unsafe { _mm256_cvtepi8_epi32(_mm_loadl_epi64(from.cast())) }
        }

        #[inline(always)]
        unsafe fn plus(a: __m256i, b: __m256i) -> __m256i {
            unsafe { _mm256_add_epi32(a, b) }
        }

        #[inline(always)]
        unsafe fn times(a: __m256i, b: __m256i) -> __m256i {
            unsafe { _mm256_mullo_epi32(a, b) }
        }

        #[inline(always)]
        unsafe fn bits(n: __m256i, shift: u32, mask: i32) -> __m256i {
            unsafe {
                let shifted = _mm256_srl_epi32(n, _mm_cvtsi32_si128(shift as i32));
                _mm256_and_si256(shifted, _mm256_set1_epi32(mask))
            }
        }

        #[inline(always)]
        unsafe fn codes(from: *const u8) -> __m256i {
            unsafe { _mm256_loadu_si256(from.cast()) }
        }

        #[inline(always)]
        unsafe fn mask(codes: __m256i, mask: u8) -> __m256i {
            unsafe { _mm256_and_si256(codes, _mm256_set1_epi8(mask as i8)) }
        }

        #[inline(always)]
        unsafe fn or(a: __m256i, b: __m256i) -> __m256i {
            unsafe { _mm256_or_si256(a, b) }
        }

        #[inline(always)]
        unsafe fn right(codes: __m256i, by: u32) -> __m256i {
            unsafe { _mm256_srl_epi16(codes, _mm_cvtsi32_si128(by as i32)) }
        }

        #[inline(always)]
        unsafe fn left(codes: __m256i, by: u32) -> __m256i {
            unsafe { _mm256_sll_epi16(codes, _mm_cvtsi32_si128(by as i32)) }
        }

        #[inline(always)]
        unsafe fn lookup(table: &[i8; 16], codes: __m256i) -> __m256i {
            unsafe {
                let table = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast()));
                _mm256_shuffle_epi8(table, codes)
            }
        }

        #[inline(always)]
        unsafe fn quad(from: *const i8) -> __m256i {
            unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) }
        }

        #[inline(always)]
        unsafe fn prefetch(from: *const u8) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
        }

        unsafe fn sweep<const F: usize>(work: &Work<'_>, tiles: Range<usize>) {
            unsafe {
                for tile in tiles {
                    let mut token = 0;
                    while token + 3 <= work.tokens() {
                        Self::run::<F, 3>(work, 2 * tile, token);
                        token += 3;
                    }
                    for token in token..work.tokens() {
                        Self::run::<F, 1>(work, 2 * tile, token);
                    }
                }
            }
        }
    };
}

// SAFETY of every block: the trait's functions are called only where the instructions are, with pointers as it says.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Avx2 {
    halves_of_tiles!();

    const FLIP: i32 = 0;
    type Sums = Narrow;

    #[inline(always)]
    unsafe fn start(n: i32) -> Narrow {
        unsafe { Narrow { pairs: _mm256_setzero_si256(), sums: _mm256_set1_epi32(n) } }
    }

    #[inline(always)]
    unsafe fn dot(sums: Narrow, codes: __m256i, x: __m256i) -> Narrow {
        unsafe { Narrow { pairs: _mm256_add_epi16(sums.pairs, _mm256_maddubs_epi16(codes, x)), ..sums } }
    }

    #[inline(always)]
    unsafe fn dot_signed(sums: Narrow, codes: __m256i, x: __m256i) -> Narrow {
        unsafe {
            // A pair is at most 2 · 128 · 127, below 2¹⁵.
            let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(x, codes));
            Narrow { sums: _mm256_add_epi32(sums.sums, widened(pairs)), ..sums }
        }
    }

    #[inline(always)]
    unsafe fn settle(sums: Narrow) -> Narrow {
        unsafe {
            let zero = _mm256_setzero_si256();
            Narrow { pairs: zero, sums: _mm256_add_epi32(sums.sums, widened(sums.pairs)) }
        }
    }

    #[inline(always)]
    unsafe fn total(sums: Narrow) -> __m256i {
        unsafe { _mm256_add_epi32(sums.sums, widened(sums.pairs)) }
    }
}

#[inline(always)]
unsafe fn widened(pairs: __m256i) -> __m256i {
    // SAFETY: where AVX2 is.
    unsafe { _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)) }
}

// SAFETY of every block: as above.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for AvxVnni {
    halves_of_tiles!();

    const FLIP: i32 = 128;
    type Sums = __m256i;

    #[inline(always)]
    unsafe fn start(n: i32) -> __m256i {
        unsafe { _mm256_set1_epi32(n) }
    }

    #[inline(always)]
    unsafe fn dot(sums: __m256i, codes: __m256i, x: __m256i) -> __m256i {
        unsafe { _mm256_dpbusd_avx_epi32(sums, codes, x) }
    }

    #[inline(always)]
    unsafe fn dot_signed(sums: __m256i, codes: __m256i, x: __m256i) -> __m256i {
        unsafe { _mm256_dpbusd_avx_epi32(sums, _mm256_xor_si256(codes, _mm256_set1_epi8(-128)), x) }
    }

    #[inline(always)]
    unsafe fn settle(sums: __m256i) -> __m256i {
        sums
    }

    #[inline(always)]
    unsafe fn total(sums: __m256i) -> __m256i {
        sums
    }
}

impl Avx2 {
    /// # Safety
    ///
    /// As `strips`.
    #[target_feature(enable = "avx2,f16c")]
    unsafe fn run<const F: usize, const M: usize>(work: &Work<'_>, strip: usize, token: usize) {
        // SAFETY: the caller's promises.
        unsafe { strips::<Self, F, 2, M>(work, strip, token) }
    }
}

impl AvxVnni {
    /// # Safety
    ///
    /// As `strips`.
    #[target_feature(enable = "avx2,f16c,avxvnni")]
    unsafe fn run<const F: usize, const M: usize>(work: &Work<'_>, strip: usize, token: usize) {
        // SAFETY: the caller's promises.
        unsafe { strips::<Self, F, 2, M>(work, strip, token) }
    }
}
