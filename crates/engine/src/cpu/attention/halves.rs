//! How sixteen f16 of the cache become f32.
//!
//! **Invariant:** each is exact, so it is no part of the arithmetic.

use crate::cache::TILE;

/// A way to read them.
pub(super) trait Halves {
    fn read(cells: &[u16; TILE]) -> [f32; TILE];
}

pub(super) struct Portable;

impl Halves for Portable {
    /// The bits in their place, times 2¹¹²: none of them is subnormal.
    #[inline(always)]
    fn read(cells: &[u16; TILE]) -> [f32; TILE] {
        cells.map(|cell| {
            let bits = (i32::from(cell as i16) << 13) as u32 & 0x8FFF_E000;
            f32::from_bits(bits) * f32::from_bits(0x7780_0000)
        })
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    //! F16C, as wide as the vectors are.

    use std::arch::x86_64::*;

    use super::{Halves, TILE};

    pub(in super::super) struct Wide;
    pub(in super::super) struct Half;

    impl Halves for Wide {
        #[inline(always)]
        fn read(cells: &[u16; TILE]) -> [f32; TILE] {
            let mut out = [0f32; TILE];
            // SAFETY: used by `avx512` alone; both arrays hold sixteen.
            unsafe {
                _mm512_storeu_ps(out.as_mut_ptr(), _mm512_cvtph_ps(_mm256_loadu_si256(cells.as_ptr().cast())))
            };
            out
        }
    }

    impl Halves for Half {
        #[inline(always)]
        fn read(cells: &[u16; TILE]) -> [f32; TILE] {
            let mut out = [0f32; TILE];
            for at in [0, 8] {
                // SAFETY: used by `avx2` alone; both arrays hold sixteen.
                unsafe {
                    let cells = _mm_loadu_si128(cells.as_ptr().add(at).cast());
                    _mm256_storeu_ps(out.as_mut_ptr().add(at), _mm256_cvtph_ps(cells));
                }
            }
            out
        }
    }
}
