//! A matrix of weights, packed for every instruction set alike.
//!
//! **Invariant:** what is packed was checked, so no product with it is infinite; the bytes depend on the weights alone,
//! so they can be written to a file, mapped, and shared by all.

mod tile;

use std::sync::Arc;

use crate::{
    arithmetic::BLOCK,
    format::{Block, Format, Unfit},
};

pub(crate) use tile::{LANES, Layout};

/// The bytes of a pack: of this process, or mapped from a file.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// What packs are aligned to, in bytes.
pub const ALIGNMENT: usize = 64;

/// Rows of weights in tiles of sixteen.
#[derive(Clone)]
pub struct Matrix {
    format: Format,
    rows: usize,
    cols: usize,
    bytes: SharedBytes,
    start: usize,
}

/// Why a matrix is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadWeights {
    /// A row is no whole number of the format's units, or there is nothing.
    #[error("{rows} rows of {cols} weights cannot be {}", format.name())]
    Shape {
        /// The format it was said to be.
        format: Format,
        /// Its rows.
        rows: usize,
        /// The weights of a row.
        cols: usize,
    },
    /// The bytes are not as many as the shape needs.
    #[error("{found} bytes where {needed} are needed")]
    Length {
        /// How many there should be.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// A block cannot be computed with.
    #[error("row {row}: {unfit}")]
    Block {
        /// The row it is in.
        row: usize,
        /// What is wrong with it.
        unfit: Unfit,
    },
}

impl Matrix {
    /// Packs a file's rows.
    pub fn pack(format: Format, rows: usize, cols: usize, source: &[u8]) -> Result<Self, BadWeights> {
        let size = Self::pack_bytes(format, rows, cols)?;
        let mut bytes = vec![0; size + ALIGNMENT];
        let start = bytes.as_ptr().align_offset(ALIGNMENT);
        Self::pack_into(format, rows, cols, source, &mut bytes[start..start + size])?;
        Ok(Self { format: format.packed(), rows, cols, bytes: Arc::new(bytes), start })
    }

    /// Packs a file's rows into zeros, `pack_bytes` of them.
    pub fn pack_into(
        format: Format,
        rows: usize,
        cols: usize,
        source: &[u8],
        out: &mut [u8],
    ) -> Result<(), BadWeights> {
        let needed = Self::pack_bytes(format, rows, cols)?;
        if out.len() != needed {
            return Err(BadWeights::Length { needed, found: out.len() });
        }
        let (weights, bytes) = format.unit();
        let row_bytes = cols / weights * bytes;
        let needed = rows.saturating_mul(row_bytes);
        if source.len() != needed {
            return Err(BadWeights::Length { needed, found: source.len() });
        }
        let layout = Layout::of(format.packed());
        let tiles = out.chunks_exact_mut(layout.tile_bytes(cols));
        for (tile, (out, source)) in tiles.zip(source.chunks(LANES * row_bytes)).enumerate() {
            for (lane, row) in source.chunks_exact(row_bytes).enumerate() {
                for block in 0..cols / BLOCK {
                    let unit = &row[block * BLOCK / weights * bytes..][..bytes];
                    let coded = format
                        .read(unit, block % (weights / BLOCK))
                        .map_err(|unfit| BadWeights::Block { row: tile * LANES + lane, unfit })?;
                    layout.put(out, cols, lane, block, &coded);
                }
            }
        }
        Ok(())
    }

    /// How many bytes a pack of this shape has; refused are shapes that the format cannot have.
    pub fn pack_bytes(format: Format, rows: usize, cols: usize) -> Result<usize, BadWeights> {
        let refused = BadWeights::Shape { format, rows, cols };
        if rows == 0 || cols == 0 || !cols.is_multiple_of(format.unit().0) || cols > 1 << 24 {
            return Err(refused);
        }
        let tile = Layout::of(format.packed()).tile_bytes(cols);
        rows.div_ceil(LANES).checked_mul(tile).filter(|size| *size < usize::MAX / 2).ok_or(refused)
    }

    /// A matrix that was packed before, from byte `start` on.
    pub fn packed(
        format: Format,
        rows: usize,
        cols: usize,
        bytes: SharedBytes,
        start: usize,
    ) -> Result<Self, BadWeights> {
        let needed = Self::pack_bytes(format, rows, cols)?.saturating_add(start);
        let found = (*bytes).as_ref().len();
        if found < needed {
            return Err(BadWeights::Length { needed, found });
        }
        Ok(Self { format: format.packed(), rows, cols, bytes, start })
    }

    /// The format that it is computed in.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// How many rows it has: the length of what a product gives.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many weights a row has: the length of what it is multiplied with.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// The pack.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let size = self.tiles() * self.layout().tile_bytes(self.cols);
        &(*self.bytes).as_ref()[self.start..self.start + size]
    }

    /// A block of a row.
    #[must_use]
    pub fn block(&self, row: usize, block: usize) -> Block {
        let layout = self.layout();
        let size = layout.tile_bytes(self.cols);
        let tile = &self.bytes()[row / LANES * size..][..size];
        self.format.block(&layout.get(tile, self.cols, row % LANES, block))
    }

    /// The weights of a row.
    pub fn row(&self, row: usize, out: &mut [f32]) {
        for (block, out) in out.as_chunks_mut::<BLOCK>().0.iter_mut().enumerate() {
            *out = self.block(row, block).weights();
        }
    }

    pub(crate) fn tiles(&self) -> usize {
        self.rows.div_ceil(LANES)
    }

    fn layout(&self) -> Layout {
        Layout::of(self.format)
    }
}

impl std::fmt::Debug for Matrix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} × {} {}", self.rows, self.cols, self.format.name())
    }
}
