//! AVX-512 with its dot product: a vector is a tile's sixteen rows.
//!
//! **Invariant:** what `Vector` says, and nothing fused.

use std::{arch::x86_64::*, ops::Range};

use super::{
    kernel::{self, tiles::TileVector},
    product::TileProduct,
    vector::Vector,
};

/// AVX-512 F, BW, VL, DQ and VNNI.
#[derive(Clone, Copy)]
pub(super) struct Avx512;

// SAFETY of every block: the trait's functions are called only where the instructions are, with pointers as it says.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Avx512 {
    const LANES: usize = 16;
    const FLIP: i32 = 128;

    type Floats = __m512;
    type Integers = __m512i;
    type Codes = __m512i;
    type Quad = __m512i;
    type Sums = __m512i;

    #[inline(always)]
    unsafe fn splat(x: f32) -> __m512 {
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, x: __m512) {
        unsafe { _mm512_storeu_ps(to, x) }
    }

    #[inline(always)]
    unsafe fn float(n: __m512i) -> __m512 {
        unsafe { _mm512_cvtepi32_ps(n) }
    }

    #[inline(always)]
    unsafe fn halves(from: *const u8) -> __m512 {
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    unsafe fn powers(from: *const u8) -> __m512 {
        unsafe {
            let exponent = Self::unsigned(from);
            let bits = _mm512_slli_epi32::<23>(_mm512_sub_epi32(exponent, _mm512_set1_epi32(1)));
            let counts = _mm512_cmpge_epi32_mask(exponent, _mm512_set1_epi32(88));
            _mm512_castsi512_ps(_mm512_maskz_mov_epi32(counts, bits))
        }
    }

    #[inline(always)]
    unsafe fn integers(n: i32) -> __m512i {
        unsafe { _mm512_set1_epi32(n) }
    }

    #[inline(always)]
    unsafe fn unsigned(from: *const u8) -> __m512i {
        unsafe { _mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn signed(from: *const u8) -> __m512i {
        unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn plus(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn times(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_mullo_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn bits(n: __m512i, shift: u32, mask: i32) -> __m512i {
        unsafe {
            let shifted = _mm512_srl_epi32(n, _mm_cvtsi32_si128(shift as i32));
            _mm512_and_si512(shifted, _mm512_set1_epi32(mask))
        }
    }

    #[inline(always)]
    unsafe fn codes(from: *const u8) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn mask(codes: __m512i, mask: u8) -> __m512i {
        unsafe { _mm512_and_si512(codes, _mm512_set1_epi8(mask as i8)) }
    }

    #[inline(always)]
    unsafe fn or(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_or_si512(a, b) }
    }

    #[inline(always)]
    unsafe fn right(codes: __m512i, by: u32) -> __m512i {
        unsafe { _mm512_srl_epi16(codes, _mm_cvtsi32_si128(by as i32)) }
    }

    #[inline(always)]
    unsafe fn left(codes: __m512i, by: u32) -> __m512i {
        unsafe { _mm512_sll_epi16(codes, _mm_cvtsi32_si128(by as i32)) }
    }

    #[inline(always)]
    unsafe fn lookup(table: &[i8; 16], codes: __m512i) -> __m512i {
        unsafe {
            let table = _mm512_broadcast_i32x4(_mm_loadu_si128(table.as_ptr().cast()));
            _mm512_shuffle_epi8(table, codes)
        }
    }

    #[inline(always)]
    unsafe fn quad(from: *const i8) -> __m512i {
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn start(n: i32) -> __m512i {
        unsafe { _mm512_set1_epi32(n) }
    }

    #[inline(always)]
    unsafe fn dot(sums: __m512i, codes: __m512i, x: __m512i) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(sums, codes, x) }
    }

    #[inline(always)]
    unsafe fn dot_signed(sums: __m512i, codes: __m512i, x: __m512i) -> __m512i {
        unsafe { _mm512_dpbusd_epi32(sums, _mm512_xor_si512(codes, _mm512_set1_epi8(-128)), x) }
    }

    #[inline(always)]
    unsafe fn settle(sums: __m512i) -> __m512i {
        sums
    }

    #[inline(always)]
    unsafe fn total(sums: __m512i) -> __m512i {
        sums
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.cast()) }
    }

    unsafe fn sweep<const F: usize>(work: &TileProduct<'_>, tiles: Range<usize>) {
        unsafe { sweep_from::<F>(work, tiles, 0) }
    }
}

// SAFETY of every block: as above.
#[allow(clippy::undocumented_unsafe_blocks)]
impl TileVector for Avx512 {
    #[inline(always)]
    unsafe fn sums(from: *const i32) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn floats(from: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn put(to: *mut i8, codes: __m512i, offset: i8) {
        unsafe { _mm512_storeu_si512(to.cast(), _mm512_sub_epi8(codes, _mm512_set1_epi8(offset))) }
    }
}

/// The tiles' rows for the tokens from `first` on.
///
/// # Safety
///
/// As `strips`.
pub(super) unsafe fn sweep_from<const F: usize>(work: &TileProduct<'_>, tiles: Range<usize>, first: usize) {
    let pairs = tiles.start..tiles.start + tiles.len() / 2 * 2;
    let last = pairs.end..tiles.end;
    // SAFETY: the caller's promises.
    unsafe {
        if work.tokens() == first + 1 {
            return run::<F, 1, 1>(work, tiles, first);
        }
        for tile in pairs.step_by(2) {
            pair::<F>(work, tile..tile + 2, first);
        }
        for token in first..work.tokens() {
            run::<F, 1, 1>(work, last.clone(), token);
        }
    }
}

/// Two tiles with every token from `first` on: four tokens at a time, then two, then one.
///
/// # Safety
///
/// As `strips`.
unsafe fn pair<const F: usize>(work: &TileProduct<'_>, tiles: Range<usize>, first: usize) {
    let mut token = first;
    // SAFETY: the caller's promises.
    unsafe {
        while token + 4 <= work.tokens() {
            run::<F, 2, 4>(work, tiles.clone(), token);
            token += 4;
        }
        if token + 2 <= work.tokens() {
            run::<F, 2, 2>(work, tiles.clone(), token);
            token += 2;
        }
        if token < work.tokens() {
            run::<F, 1, 1>(work, tiles, token);
        }
    }
}

/// # Safety
///
/// As `strips`.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,f16c")]
unsafe fn run<const F: usize, const S: usize, const M: usize>(
    work: &TileProduct<'_>,
    strips: Range<usize>,
    token: usize,
) {
    // SAFETY: the caller's promises.
    unsafe { kernel::strips::<Avx512, F, S, M>(work, strips, token) }
}
