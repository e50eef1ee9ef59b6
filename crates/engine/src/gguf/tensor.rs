//! What a file says of a tensor: its name, its shape, how its values are written, and where.
//!
//! **Invariant:** the bytes of a [`Tensor`] are as many as its shape and type need, or none where a file is known by its
//! beginning alone, and its rows are whole blocks. They may begin at any address: whoever reads numbers from them asks for
//! no alignment.

use super::GgufError;
use crate::format::Format;

/// How many dimensions a tensor has at most.
pub const DIMENSIONS_MAX: usize = 4;

impl Format {
    /// Every type that is read.
    pub const ALL: [Self; 16] = [
        Self::F32,
        Self::F16,
        Self::Bf16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q2K,
        Self::Q3K,
        Self::Q4K,
        Self::Q5K,
        Self::Q6K,
        Self::Iq4Nl,
        Self::Iq4Xs,
        Self::Mxfp4,
    ];

    /// The name that people know it by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The number that stands for it in a file.
    #[must_use]
    pub const fn code(self) -> u32 {
        self.row().1
    }

    /// How many values a block holds.
    #[must_use]
    pub const fn block_values(self) -> usize {
        self.row().2
    }

    /// How many bytes a block takes.
    #[must_use]
    pub const fn block_bytes(self) -> usize {
        self.row().3
    }

    /// The type that a file means by a number.
    #[must_use]
    pub fn from_code(code: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kept| kept.code() == code)
    }

    /// The names of all types that are read, in one line.
    #[must_use]
    pub fn known() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// Name, number in a file, values and bytes of a block.
    const fn row(self) -> (&'static str, u32, usize, usize) {
        match self {
            Self::F32 => ("f32", 0, 1, 4),
            Self::F16 => ("f16", 1, 1, 2),
            Self::Bf16 => ("bf16", 30, 1, 2),
            Self::Q4_0 => ("q4_0", 2, 32, 18),
            Self::Q4_1 => ("q4_1", 3, 32, 20),
            Self::Q5_0 => ("q5_0", 6, 32, 22),
            Self::Q5_1 => ("q5_1", 7, 32, 24),
            Self::Q8_0 => ("q8_0", 8, 32, 34),
            Self::Q2K => ("q2_K", 10, 256, 84),
            Self::Q3K => ("q3_K", 11, 256, 110),
            Self::Q4K => ("q4_K", 12, 256, 144),
            Self::Q5K => ("q5_K", 13, 256, 176),
            Self::Q6K => ("q6_K", 14, 256, 210),
            Self::Iq4Nl => ("iq4_nl", 20, 32, 18),
            Self::Iq4Xs => ("iq4_xs", 23, 256, 136),
            Self::Mxfp4 => ("mxfp4", 39, 32, 17),
        }
    }
}

/// The name of a type that files are written in and this engine does not read, as far as it has one.
pub(super) fn foreign(code: u32) -> Option<&'static str> {
    let name = match code {
        4 => "q4_2",
        5 => "q4_3",
        9 => "q8_1",
        15 => "q8_K",
        16 => "iq2_xxs",
        17 => "iq2_xs",
        18 => "iq3_xxs",
        19 => "iq1_s",
        21 => "iq3_s",
        22 => "iq2_s",
        24 => "i8",
        25 => "i16",
        26 => "i32",
        27 => "i64",
        28 => "f64",
        29 => "iq1_m",
        31 => "q4_0_4_4",
        32 => "q4_0_4_8",
        33 => "q4_0_8_8",
        34 => "tq1_0",
        35 => "tq2_0",
        36 => "iq4_nl_4_4",
        37 => "iq4_nl_4_8",
        38 => "iq4_nl_8_8",
        40 => "nvfp4",
        41 => "q1_0",
        42 => "q2_0",
        _ => return None,
    };
    Some(name)
}

/// A tensor as it lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tensor<'a> {
    /// What the file calls it.
    pub name: &'a str,
    /// How its values are written.
    pub tensor_type: Format,
    /// Its values: row after row, each in whole blocks.
    pub bytes: &'a [u8],
    /// Its lengths, beginning with that of a row; 1 beyond its rank.
    pub(super) lengths: [usize; DIMENSIONS_MAX],
    pub(super) rank: usize,
}

impl Tensor<'_> {
    /// Its lengths, beginning with that of a row.
    #[must_use]
    pub fn lengths(&self) -> &[usize] {
        self.lengths.get(..self.rank).unwrap_or_default()
    }

    /// How many values a row holds.
    #[must_use]
    pub const fn row_length(&self) -> usize {
        self.lengths[0]
    }

    /// How many rows it has, over all other dimensions.
    #[must_use]
    pub const fn rows(&self) -> usize {
        self.lengths[1] * self.lengths[2] * self.lengths[3]
    }
}

/// How many bytes a tensor of this shape takes.
///
/// # Errors
/// Says what is wrong with a shape: too many dimensions, an empty one, rows that are no whole blocks, more bytes than
/// this machine can address.
pub(super) fn size(name: &str, tensor_type: Format, lengths: &[u64]) -> Result<usize, GgufError> {
    let name = || name.to_owned();
    if lengths.len() > DIMENSIONS_MAX {
        return Err(GgufError::Dimensions { tensor: name(), found: lengths.len() as u64 });
    }
    if lengths.contains(&0) {
        return Err(GgufError::Empty { tensor: name() });
    }
    let row = lengths.first().copied().unwrap_or(1);
    let block = tensor_type.block_values();
    if row % block as u64 != 0 {
        return Err(GgufError::Row { tensor: name(), tensor_type: tensor_type.name(), row, block });
    }
    let blocks =
        lengths.iter().skip(1).try_fold(row / block as u64, |product, more| product.checked_mul(*more));
    let bytes = blocks.and_then(|blocks| blocks.checked_mul(tensor_type.block_bytes() as u64));
    // Values are counted in `usize` as well, and a block may hold more values than bytes.
    let values = blocks.and_then(|blocks| blocks.checked_mul(block as u64));
    match (bytes.map(usize::try_from), values.map(usize::try_from)) {
        (Some(Ok(bytes)), Some(Ok(_))) => Ok(bytes),
        _ => Err(GgufError::Large { tensor: name() }),
    }
}
