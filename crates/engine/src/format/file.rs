//! Blocks as files hold them.
//!
//! **Invariant:** a block that was read has finite scales; every other value of its bits has a meaning.

use super::{Coded, Format, floats};
use crate::arithmetic::BLOCK;

/// Why a block is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A scale is infinite, no number, or greater than the arithmetic allows.
    #[error("a scale is not finite")]
    Scale,
    /// A weight is infinite, no number, or too great for a scale of sixteen bits.
    #[error("a weight is not finite")]
    Weight,
}

impl Format {
    /// Block `index` of a unit of a file.
    pub(crate) fn read(self, unit: &[u8], index: usize) -> Result<Coded, Unfit> {
        let coded = match self {
            Self::F32 => {
                return floats::block(unit.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)));
            }
            Self::F16 => return floats::block(half_words(unit).map(crate::arithmetic::f16)),
            Self::Bf16 => {
                return floats::block(half_words(unit).map(|bits| f32::from_bits(u32::from(bits) << 16)));
            }
            Self::Q4_0 | Self::Iq4Nl => simple(unit, [0, 0], nibbles(&unit[2..])),
            Self::Q4_1 => simple(unit, half_pair(unit), nibbles(&unit[4..])),
            Self::Q5_0 => simple(unit, [0, 0], fives(&unit[2..])),
            Self::Q5_1 => simple(unit, half_pair(unit), fives(&unit[4..])),
            Self::Q8_0 => simple(unit, [0, 0], std::array::from_fn(|i| unit[2 + i])),
            Self::Q2K => q2_k(unit, index),
            Self::Q3K => q3_k(unit, index),
            Self::Q4K => four_of_256(unit, index, 16),
            Self::Q5K => q5_k(unit, index),
            Self::Q6K => q6_k(unit, index),
            Self::Iq4Xs => iq4_xs(unit, index),
            Self::Mxfp4 => Coded { halves: [0, 0], subs: [unit[0], 0], codes: nibbles(&unit[1..]) },
        };
        let finite = coded.halves.iter().all(|half| half & 0x7C00 != 0x7C00);
        // 2¹⁶, as far as f16 goes: greater ones could make a sum infinite.
        let small = self != Self::Mxfp4 || coded.subs[0] <= 144;
        if finite && small { Ok(coded) } else { Err(Unfit::Scale) }
    }
}

fn half_words(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b))
}

fn half_pair(bytes: &[u8]) -> [u16; 2] {
    [0, 2].map(|at| u16::from_le_bytes([bytes[at], bytes[at + 1]]))
}

fn simple(unit: &[u8], halves: [u16; 2], codes: [u8; BLOCK]) -> Coded {
    let first = u16::from_le_bytes([unit[0], unit[1]]);
    Coded { halves: [first, halves[1]], subs: [0, 0], codes }
}

/// Sixteen bytes: the low halves are the first sixteen codes, the high halves the second.
fn nibbles(bytes: &[u8]) -> [u8; BLOCK] {
    std::array::from_fn(|i| if i < 16 { bytes[i] & 15 } else { bytes[i - 16] >> 4 })
}

/// A word of high bits, then nibbles.
fn fives(bytes: &[u8]) -> [u8; BLOCK] {
    let high = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let low = nibbles(&bytes[4..]);
    std::array::from_fn(|i| low[i] | ((high >> i & 1) as u8) << 4)
}

/// Of q4_K and q5_K: two halves, twelve bytes of scales of six bits, codes of four bits from `at` on.
fn four_of_256(unit: &[u8], index: usize, at: usize) -> Coded {
    let scales = &unit[4..16];
    let subs = if index < 4 {
        [scales[index] & 63, scales[index + 4] & 63]
    } else {
        let low = scales[index + 4];
        [low & 15 | scales[index - 4] >> 6 << 4, low >> 4 | scales[index] >> 6 << 4]
    };
    let bytes = &unit[at + index / 2 * BLOCK..];
    let codes = std::array::from_fn(|i| bytes[i] >> (4 * (index % 2)) & 15);
    Coded { halves: half_pair(unit), subs, codes }
}

fn q5_k(unit: &[u8], index: usize) -> Coded {
    let mut coded = four_of_256(unit, index, 48);
    for (code, high) in coded.codes.iter_mut().zip(&unit[16..48]) {
        *code |= (high >> index & 1) << 4;
    }
    coded
}

fn q6_k(unit: &[u8], index: usize) -> Coded {
    let (half, quarter) = (index / 4, index % 4);
    let low = &unit[64 * half + 32 * (quarter % 2)..];
    let high = &unit[128 + 32 * half..];
    let codes =
        std::array::from_fn(|i| low[i] >> (4 * (quarter / 2)) & 15 | (high[i] >> (2 * quarter) & 3) << 4);
    let scales = &unit[192 + 2 * index..];
    Coded { halves: [u16::from_le_bytes([unit[208], unit[209]]), 0], subs: [scales[0], scales[1]], codes }
}

fn q3_k(unit: &[u8], index: usize) -> Coded {
    let (high, low, scales) = (&unit[..32], &unit[32 + 32 * (index / 4)..], &unit[96..108]);
    let codes = std::array::from_fn(|i| low[i] >> (2 * (index % 4)) & 3 | (high[i] >> index & 1) << 2);
    let sub = |j: usize| {
        let low = if j < 8 { scales[j] & 15 } else { scales[j - 8] >> 4 };
        let high = scales[8 + j % 4] >> (2 * (j / 4)) & 3;
        (low | high << 4).wrapping_sub(32)
    };
    Coded {
        halves: [u16::from_le_bytes([unit[108], unit[109]]), 0],
        subs: [sub(2 * index), sub(2 * index + 1)],
        codes,
    }
}

fn q2_k(unit: &[u8], index: usize) -> Coded {
    let low = &unit[16 + 32 * (index / 4)..];
    let [first, second] = [unit[2 * index], unit[2 * index + 1]];
    Coded {
        halves: half_pair(&unit[80..]),
        subs: [first & 15 | second << 4, first >> 4 | second & 0xF0],
        codes: std::array::from_fn(|i| low[i] >> (2 * (index % 4)) & 3),
    }
}

fn iq4_xs(unit: &[u8], index: usize) -> Coded {
    let high = u16::from_le_bytes([unit[2], unit[3]]);
    let low = unit[4 + index / 2] >> (4 * (index % 2)) & 15;
    let sub = (low | ((high >> (2 * index) & 3) as u8) << 4).wrapping_sub(32);
    Coded {
        halves: [u16::from_le_bytes([unit[0], unit[1]]), 0],
        subs: [sub, 0],
        codes: nibbles(&unit[8 + 16 * index..]),
    }
}
