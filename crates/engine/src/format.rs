//! How weights are written: the formats that are served, and what a block of each says.
//!
//! **Invariant:** every format is blocks of 32 weights w = scale · (multiplier · quant) + minimum, whose products with
//! activations are exact integers below 2²⁴. A format is its codes and its scales; no kernel knows more of it.

mod file;
mod floats;

pub use file::Unfit;

use crate::arithmetic::{BLOCK, f16};

/// How the values of a tensor are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// 32-bit floats.
    F32,
    /// 16-bit floats of IEEE 754.
    F16,
    /// The upper half of 32-bit floats.
    Bf16,
    /// 4 bits and a scale for 32 values.
    Q4_0,
    /// 4 bits, a scale and a minimum for 32 values.
    Q4_1,
    /// 5 bits and a scale for 32 values.
    Q5_0,
    /// 5 bits, a scale and a minimum for 32 values.
    Q5_1,
    /// 8 bits and a scale for 32 values.
    Q8_0,
    /// 2 bits, in super-blocks of 256 values.
    Q2K,
    /// 3 bits, in super-blocks of 256 values.
    Q3K,
    /// 4 bits, in super-blocks of 256 values.
    Q4K,
    /// 5 bits, in super-blocks of 256 values.
    Q5K,
    /// 6 bits, in super-blocks of 256 values.
    Q6K,
    /// 4 bits that name one of 16 uneven levels, and a scale for 32 values.
    Iq4Nl,
    /// The same levels, in super-blocks of 256 values.
    Iq4Xs,
    /// 4-bit floats and a power of two for 32 values.
    Mxfp4,
}

/// How the integers of a block are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codes {
    /// Signed bytes.
    Bytes,
    /// Numbers of so many bits, from which an offset is taken.
    Bits {
        /// How many bits a code has: 2 to 6.
        bits: u32,
        /// What code 0 stands for, negated.
        offset: i8,
    },
    /// Numbers of a table.
    Table(&'static [i8; 16]),
}

/// How the scales of a block are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scales {
    /// An f16 a block.
    Half,
    /// An f16 a block, and another that is added to each weight.
    HalfAndMinimum,
    /// An f16 for 256 weights times an integer a block; another such that is taken from each weight.
    SubAndMinimum,
    /// An f16 for 256 weights times a signed integer a block.
    Sub,
    /// An f16 for 256 weights; a signed integer for each sixteen.
    Sixteens,
    /// An f16 for 256 weights, an integer for each sixteen; another such that is taken from each weight.
    SixteensAndMinimum,
    /// A power of two a block.
    Power,
}

/// A block as a file holds it: codes and the bits of scales, without their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coded {
    /// The bits of the f16 scale and minimum, of the block or of its 256 weights.
    pub(crate) halves: [u16; 2],
    /// The integer scales; the exponent of a power.
    pub(crate) subs: [u8; 2],
    /// A code for each weight.
    pub(crate) codes: [u8; BLOCK],
}

/// Thirty-two weights of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// What an integer stands for.
    pub scale: f32,
    /// What the integers of the first and of the second sixteen are multiplied by.
    pub multipliers: [i32; 2],
    /// The integers.
    pub quants: [i8; BLOCK],
    /// What is added to each weight, where the format has that.
    pub minimum: Option<Minimum>,
}

/// What a block adds to each of its weights: scale · multiplier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Minimum {
    /// What a multiplier stands for.
    pub scale: f32,
    /// Of the first and of the second sixteen.
    pub multipliers: [i32; 2],
}

const LINES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
/// Twice what the codes of a four-bit float stand for.
const FLOATS: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

impl Format {
    /// The format it is computed in: floats become q8_0 on load.
    #[must_use]
    pub const fn packed(self) -> Self {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 => Self::Q8_0,
            Self::Q4_0
            | Self::Q4_1
            | Self::Q5_0
            | Self::Q5_1
            | Self::Q8_0
            | Self::Q2K
            | Self::Q3K
            | Self::Q4K
            | Self::Q5K
            | Self::Q6K
            | Self::Iq4Nl
            | Self::Iq4Xs
            | Self::Mxfp4 => self,
        }
    }

    /// How many weights a unit of a file holds, and in how many bytes: a block, or 32 where each is written by itself.
    #[must_use]
    pub const fn unit(self) -> (usize, usize) {
        match (self.block_values(), self.block_bytes()) {
            (1, bytes) => (BLOCK, BLOCK * bytes),
            block => block,
        }
    }

    /// How its integers are coded.
    #[must_use]
    pub const fn codes(self) -> Codes {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 | Self::Q8_0 => Codes::Bytes,
            Self::Q4_0 => Codes::Bits { bits: 4, offset: 8 },
            Self::Q4_1 | Self::Q4K => Codes::Bits { bits: 4, offset: 0 },
            Self::Q5_0 => Codes::Bits { bits: 5, offset: 16 },
            Self::Q5_1 | Self::Q5K => Codes::Bits { bits: 5, offset: 0 },
            Self::Q2K => Codes::Bits { bits: 2, offset: 0 },
            Self::Q3K => Codes::Bits { bits: 3, offset: 4 },
            Self::Q6K => Codes::Bits { bits: 6, offset: 32 },
            Self::Iq4Nl | Self::Iq4Xs => Codes::Table(&LINES),
            Self::Mxfp4 => Codes::Table(&FLOATS),
        }
    }

    /// How its scales are written.
    #[must_use]
    pub const fn scales(self) -> Scales {
        match self {
            Self::F32 | Self::F16 | Self::Bf16 | Self::Q8_0 | Self::Q4_0 | Self::Q5_0 | Self::Iq4Nl => {
                Scales::Half
            }
            Self::Q4_1 | Self::Q5_1 => Scales::HalfAndMinimum,
            Self::Q4K | Self::Q5K => Scales::SubAndMinimum,
            Self::Iq4Xs => Scales::Sub,
            Self::Q3K | Self::Q6K => Scales::Sixteens,
            Self::Q2K => Scales::SixteensAndMinimum,
            Self::Mxfp4 => Scales::Power,
        }
    }

    /// What a coded block says.
    pub(crate) fn block(self, coded: &Coded) -> Block {
        let quants = coded.codes.map(|code| self.codes().quant(code));
        let [scale, minimum] = coded.halves.map(f16);
        let [first, second] = coded.subs;
        let once = |scale| Some(Minimum { scale, multipliers: [1, 1] });
        let signed = |sub: u8| i32::from(sub as i8);
        let (scale, multipliers, minimum) = match self.scales() {
            Scales::Half => (scale, [1, 1], None),
            Scales::HalfAndMinimum => (scale, [1, 1], once(minimum)),
            // Eleven bits by six: exact.
            Scales::SubAndMinimum => (scale * f32::from(first), [1, 1], once(minimum * -f32::from(second))),
            Scales::Sub => (scale * signed(first) as f32, [1, 1], None),
            Scales::Sixteens => (scale, [signed(first), signed(second)], None),
            Scales::SixteensAndMinimum => {
                let low = [i32::from(first & 15), i32::from(first >> 4)];
                let multipliers = [i32::from(second & 15), i32::from(second >> 4)];
                (scale, low, Some(Minimum { scale: -minimum, multipliers }))
            }
            Scales::Power => (power(first), [1, 1], None),
        };
        Block { scale, multipliers, quants, minimum }
    }
}

impl Codes {
    /// The integer that a code stands for.
    const fn quant(self, code: u8) -> i8 {
        match self {
            Self::Bytes => code as i8,
            Self::Bits { offset, .. } => code as i8 - offset,
            Self::Table(table) => table[code as usize & 15],
        }
    }
}

impl Scales {
    /// Whether a block adds something to each of its weights.
    #[must_use]
    pub const fn minimum(self) -> bool {
        matches!(self, Self::HalfAndMinimum | Self::SubAndMinimum | Self::SixteensAndMinimum)
    }
}

impl Block {
    /// The weights: scale · (multiplier · quant), and where the format has a minimum + that; each rounded once.
    #[must_use]
    pub fn weights(&self) -> [f32; BLOCK] {
        std::array::from_fn(|i| {
            let half = i / (BLOCK / 2);
            let weight = self.scale * (self.multipliers[half] * i32::from(self.quants[i])) as f32;
            self.minimum.map_or(weight, |minimum| weight + minimum.scale * minimum.multipliers[half] as f32)
        })
    }
}

/// Half of 2^(exponent − 127), as codes of four-bit floats are doubled; +0 below 2⁻⁴⁰, as a door has it.
pub(crate) const fn power(exponent: u8) -> f32 {
    // The f32 whose exponent is one less.
    if exponent < 88 { 0.0 } else { f32::from_bits((exponent as u32 - 1) << 23) }
}
