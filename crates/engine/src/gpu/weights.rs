//! Weights as cards read them: tiles of 32 rows, so that lanes side by side read words side by side.
//!
//! A tile is its groups of eight blocks in order; a group is words of 16 bytes, each for 32 rows: the integers of the
//! blocks, then their scales, then their minima. Rows and blocks behind the end are zeros.
//!
//! **Invariant:** a block's integers and scales are those of the pack; a card decodes no format.

use super::device::Device;
use crate::{
    arithmetic::{BLOCK, GROUP, nearest_f16},
    format::{Block, Format},
    matrix::Matrix,
};

/// Rows of a tile.
pub(super) const ROWS: usize = 32;
/// Numbers of 32 bits of one word of a tile.
const WORD: usize = ROWS * 4;

/// How weights are laid out. The numbers are those of the kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CardLayout {
    /// A byte each, a scale of sixteen bits a block.
    Bytes = 0,
    /// Four bits each, of which eight is taken.
    Nibbles = 1,
    /// Four bits each, and a minimum.
    NibblesAndMinimum = 2,
    /// A byte each, scales of 32 bits and integers for each sixteen: any format, at eleven bits a weight.
    Any = 3,
    /// Floats of four bits each, and scales that are powers of two.
    Floats = 4,
}

impl CardLayout {
    const fn of(format: Format) -> Self {
        match format {
            Format::F32 | Format::F16 | Format::Bf16 | Format::Q8_0 | Format::Q5_0 | Format::Iq4Nl => {
                Self::Bytes
            }
            Format::Q4_0 => Self::Nibbles,
            Format::Q4_1 => Self::NibblesAndMinimum,
            Format::Mxfp4 => Self::Floats,
            Format::Q5_1
            | Format::Q2K
            | Format::Q3K
            | Format::Q4K
            | Format::Q5K
            | Format::Q6K
            | Format::Iq4Xs => Self::Any,
        }
    }

    /// That of all these matrices, or one that any of them can have.
    fn common(parts: &[&Matrix]) -> Self {
        if Weights::alike(parts) { Self::of(parts[0].format()) } else { Self::Any }
    }

    /// Words of a group.
    const fn words(self) -> usize {
        match self {
            Self::Bytes => 17,
            Self::Nibbles | Self::Floats => 9,
            Self::NibblesAndMinimum => 10,
            Self::Any => 22,
        }
    }

    /// Puts a block into its group; `group` begins at the row's first number.
    fn put(self, group: &mut [u32], index: usize, block: &Block) {
        let mut sixteen = |slot: usize, bits: u16| {
            group[slot * WORD + index / 2] |= u32::from(bits) << (16 * (index % 2));
        };
        match self {
            Self::Bytes => sixteen(16, half_bits(block.scale)),
            Self::Nibbles => sixteen(8, half_bits(block.scale)),
            // A power of two has no other bits.
            Self::Floats => sixteen(8, (block.scale.to_bits() >> 16) as u16),
            Self::NibblesAndMinimum => {
                sixteen(8, half_bits(block.scale));
                sixteen(9, half_bits(block.minimum.map_or(0.0, |minimum| minimum.scale)));
            }
            Self::Any => Self::put_sides(group, index, block),
        }
        match self {
            Self::Bytes | Self::Any => {
                for (i, quant) in block.quants.iter().enumerate() {
                    let at = (2 * index + i / 16) * WORD + i % 16 / 4;
                    group[at] |= u32::from(*quant as u8) << (8 * (i % 4));
                }
            }
            Self::Nibbles | Self::NibblesAndMinimum | Self::Floats => {
                for (i, quant) in block.quants.iter().enumerate() {
                    let at = index * WORD + i % 16 / 4;
                    group[at] |= u32::from(self.code(*quant)) << (8 * (i % 4) + 4 * (i / 16));
                }
            }
        }
    }

    /// The four bits that stand for an integer.
    const fn code(self, quant: i8) -> u8 {
        match self {
            Self::Nibbles => (quant + 8) as u8,
            Self::Floats => {
                let size = match quant.unsigned_abs() {
                    small @ 0..=4 => small,
                    6 => 5,
                    8 => 6,
                    _ => 7,
                };
                if quant < 0 { size | 8 } else { size }
            }
            Self::NibblesAndMinimum | Self::Bytes | Self::Any => quant as u8,
        }
    }

    fn put_sides(group: &mut [u32], index: usize, block: &Block) {
        let mut put = |slot: usize, bits: u32| group[(slot + index / 4) * WORD + index % 4] = bits;
        let (minimum, times) = block.minimum.map_or((0.0, [0, 0]), |it| (it.scale, it.multipliers));
        let [first, second] = block.multipliers;
        let bytes = [first, second, times[0], times[1]].map(|integer| integer as u8);
        put(16, block.scale.to_bits());
        put(18, minimum.to_bits());
        put(20, u32::from_le_bytes(bytes));
    }
}

/// Matrices on a card, one under another or tile by tile in turn.
#[derive(Debug, Clone)]
pub(super) struct Weights {
    pub(super) buffer: wgpu::Buffer,
    pub(super) kind: CardLayout,
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Of the pack.
    pub(super) bytes: usize,
}

impl Weights {
    /// Whether matrices can be one.
    pub(super) fn alike(parts: &[&Matrix]) -> bool {
        let kinds: Vec<CardLayout> = parts.iter().map(|matrix| CardLayout::of(matrix.format())).collect();
        kinds.iter().all(|kind| *kind == kinds[0])
    }

    /// Bytes on a card.
    pub(super) fn room(parts: &[&Matrix]) -> usize {
        let (kind, groups) = (CardLayout::common(parts), groups(parts[0].cols()));
        let rows: usize = parts.iter().map(|matrix| matrix.rows()).sum();
        tiles(rows) * groups * kind.words() * WORD * size_of::<u32>()
    }

    /// Lays matrices of as many columns one under another; tile by tile in turn where `in_turn`.
    pub(super) fn upload(device: &Device, parts: &[&Matrix], in_turn: bool) -> Self {
        let order = match in_turn {
            true => rows_in_turn(parts),
            false => {
                parts.iter().flat_map(|matrix| (0..matrix.rows()).map(move |row| (*matrix, row))).collect()
            }
        };
        Self::lay(device, parts, &order)
    }

    /// Lays the matrices of each expert, of whole tiles, behind those of the one before, tile by tile in turn.
    pub(super) fn upload_experts(device: &Device, experts: &[Vec<&Matrix>]) -> Self {
        let order: Vec<_> = experts.iter().flat_map(|parts| rows_in_turn(parts)).collect();
        Self::lay(device, &experts.concat(), &order)
    }

    fn lay(device: &Device, parts: &[&Matrix], order: &[(&Matrix, usize)]) -> Self {
        let (kind, columns) = (CardLayout::common(parts), parts[0].cols());
        let groups = groups(columns);
        let tile = groups * kind.words() * WORD;
        let mut numbers = vec![0u32; tiles(order.len()) * tile];
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = order.len().div_ceil(ROWS).div_ceil(threads);
        std::thread::scope(|scope| {
            for (numbers, order) in numbers.chunks_mut(share * tile).zip(order.chunks(share * ROWS)) {
                scope.spawn(move || {
                    for (row, (matrix, from)) in order.iter().enumerate() {
                        for block in 0..columns / BLOCK {
                            let group = (row / ROWS * groups + block / GROUP) * kind.words() * WORD;
                            let at = group + row % ROWS * 4;
                            kind.put(&mut numbers[at..], block % GROUP, &matrix.block(*from, block));
                        }
                    }
                });
            }
        });
        let bytes = parts.iter().map(|matrix| matrix.bytes().len()).sum();
        Self { buffer: device.put(&numbers), kind, rows: order.len(), columns, bytes }
    }

    /// Groups of a row.
    pub(super) const fn groups(&self) -> usize {
        groups(self.columns)
    }
}

/// The rows of matrices of whole tiles, tile by tile in turn.
fn rows_in_turn<'m>(parts: &[&'m Matrix]) -> Vec<(&'m Matrix, usize)> {
    let mut order = Vec::new();
    for tile in 0..parts[0].rows() / ROWS {
        for matrix in parts {
            order.extend((tile * ROWS..(tile + 1) * ROWS).map(|row| (*matrix, row)));
        }
    }
    order
}

/// Groups of so many columns.
pub(super) const fn groups(columns: usize) -> usize {
    columns.div_ceil(BLOCK * GROUP)
}

/// Tiles of so many rows: pairs, as many tokens take two at a time.
const fn tiles(rows: usize) -> usize {
    rows.div_ceil(2 * ROWS) * 2
}

/// The bits of what was an f16.
fn half_bits(number: f32) -> u16 {
    let size = nearest_f16(number.abs()).unwrap_or(0x7BFF);
    size | (number.to_bits() >> 16) as u16 & 0x8000
}
