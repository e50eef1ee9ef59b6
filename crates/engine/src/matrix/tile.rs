//! Where the parts of a block lie in a tile of sixteen rows.
//!
//! A tile is its groups of eight blocks in order (the last may be shorter), a group is
//!
//! ```text
//!  head    f16 scales, then f16 minima, of sixteen rows      where 256 weights share them; 64 bytes
//!  sides   of each block: f16 scales, then f16 minima of sixteen rows; or the first, then the second integer scales
//!          all together filled up to 64 bytes
//!  codes   of each block: planes of bits
//! ```
//!
//! A plane is vectors of 64 bytes, four for each row. Byte k of a row in a vector of a plane of so many bits holds, from
//! its low bits up, codes 4·j + k of the vector's steps j: one step a vector where codes are bytes, two of nibbles, four
//! of two bits, eight of one bit. A code of five bits is a nibble and a bit, of six a nibble and two, of three two and one.
//!
//! **Invariant:** every vector begins at a multiple of 64 bytes.

use crate::{
    arithmetic::{BLOCK, GROUP},
    format::{Coded, Codes, Format, Scales},
};

/// Rows of a tile.
pub(crate) const LANES: usize = 16;
/// Codes of a row in a step.
const STEP: usize = 4;
const VECTOR: usize = STEP * LANES;

/// The sizes of a format's parts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    format: Format,
    /// Bytes of a group's head.
    pub(crate) head: usize,
    /// Bytes of a block's side.
    pub(crate) side: usize,
    /// Bits of the planes of codes.
    planes: [usize; 2],
    /// Bytes of a block's codes.
    pub(crate) codes: usize,
}

impl Layout {
    pub(crate) const fn of(format: Format) -> Self {
        let (head, side) = match format.scales() {
            Scales::Half => (0, 2 * LANES),
            Scales::HalfAndMinimum => (0, 4 * LANES),
            Scales::SubAndMinimum | Scales::Sixteens | Scales::SixteensAndMinimum => (64, 2 * LANES),
            Scales::Sub => (64, LANES),
            Scales::Power => (0, LANES),
        };
        let planes = match format.codes() {
            Codes::Bytes => [8, 0],
            Codes::Table(_) => [4, 0],
            Codes::Bits { bits: 2, .. } => [2, 0],
            Codes::Bits { bits: 3, .. } => [2, 1],
            Codes::Bits { bits: 5, .. } => [4, 1],
            Codes::Bits { bits: 6, .. } => [4, 2],
            Codes::Bits { .. } => [4, 0],
        };
        let codes = (planes[0] + planes[1]) * BLOCK * LANES / 8;
        Self { format, head, side, planes, codes }
    }

    /// Where codes begin in a group of so many blocks.
    pub(crate) const fn codes_at(&self, blocks: usize) -> usize {
        self.head + (self.side * blocks).next_multiple_of(64)
    }

    /// Bytes of a group of so many blocks.
    pub(crate) const fn group_bytes(&self, blocks: usize) -> usize {
        self.codes_at(blocks) + self.codes * blocks
    }

    pub(crate) const fn tile_bytes(&self, cols: usize) -> usize {
        let blocks = cols / BLOCK;
        let rest = match blocks % GROUP {
            0 => 0,
            rest => self.group_bytes(rest),
        };
        blocks / GROUP * self.group_bytes(GROUP) + rest
    }

    /// Writes a block of a row into a tile of zeros.
    pub(crate) fn put(&self, tile: &mut [u8], cols: usize, lane: usize, block: usize, coded: &Coded) {
        let (head, side, codes) = self.places(cols, block);
        for (at, bytes) in self.halves(head, side, lane).into_iter().zip(coded.halves) {
            tile[at..at + 2].copy_from_slice(&bytes.to_le_bytes());
        }
        for (at, byte) in self.subs(side, lane).into_iter().zip(coded.subs) {
            tile[at] = byte;
        }
        self.put_codes(&mut tile[codes..codes + self.codes], lane, &coded.codes);
    }

    /// Writes the codes of a row, four at a time: what a vector of a plane holds of a row is a word.
    fn put_codes(&self, mut planes: &mut [u8], lane: usize, codes: &[u8; BLOCK]) {
        let mut steps = [0u32; BLOCK / STEP];
        for (word, codes) in steps.iter_mut().zip(codes.as_chunks::<STEP>().0) {
            *word = u32::from_le_bytes(*codes);
        }
        for bits in self.planes.into_iter().filter(|bits| *bits > 0) {
            let mask = u32::MAX / 255 * ((1 << bits) - 1);
            let (plane, rest) = planes.split_at_mut(bits * VECTOR);
            for (vector, steps) in plane.chunks_exact_mut(VECTOR).zip(steps.chunks_exact(8 / bits)) {
                let parts = steps.iter().enumerate().map(|(step, codes)| (codes & mask) << (step * bits));
                let word = parts.fold(0, |all, part| all | part);
                vector[lane * STEP..(lane + 1) * STEP].copy_from_slice(&word.to_le_bytes());
            }
            // Behind the mask nothing of a neighbour is left.
            steps = steps.map(|codes| codes >> bits);
            planes = rest;
        }
    }

    /// Reads a block of a row.
    pub(crate) fn get(&self, tile: &[u8], cols: usize, lane: usize, block: usize) -> Coded {
        let (head, side, codes) = self.places(cols, block);
        let mut coded = Coded { halves: [0; 2], subs: [0; 2], codes: [0; BLOCK] };
        for (at, half) in self.halves(head, side, lane).into_iter().zip(&mut coded.halves) {
            *half = u16::from_le_bytes([tile[at], tile[at + 1]]);
        }
        for (at, sub) in self.subs(side, lane).into_iter().zip(&mut coded.subs) {
            *sub = tile[at];
        }
        for (i, code) in coded.codes.iter_mut().enumerate() {
            let (mut at, mut taken) = (codes, 0);
            for bits in self.planes {
                if bits > 0 {
                    let (byte, shift) = place(bits, lane, i);
                    let mask = ((1u16 << bits) - 1) as u8;
                    *code |= (tile[at + byte] >> shift & mask) << taken;
                    at += bits * BLOCK * LANES / 8;
                    taken += bits;
                }
            }
        }
        coded
    }

    /// Where a block's group, side and codes begin.
    const fn places(&self, cols: usize, block: usize) -> (usize, usize, usize) {
        let (blocks, first) = (cols / BLOCK, block / GROUP * GROUP);
        let here = if blocks - first < GROUP { blocks - first } else { GROUP };
        let group = block / GROUP * self.group_bytes(GROUP);
        let side = group + self.head + block % GROUP * self.side;
        (group, side, group + self.codes_at(here) + block % GROUP * self.codes)
    }

    /// Where the f16 scale and minimum of a row lie, as many as the format has.
    fn halves(&self, head: usize, side: usize, lane: usize) -> impl IntoIterator<Item = usize> + use<> {
        let at = if self.head > 0 { head } else { side };
        let (scale, minimum) = (at + 2 * lane, at + 2 * LANES + 2 * lane);
        let scales = self.format.scales();
        let count = match scales {
            Scales::Power => 0,
            Scales::Half | Scales::Sub | Scales::Sixteens => 1,
            Scales::HalfAndMinimum | Scales::SubAndMinimum | Scales::SixteensAndMinimum => 2,
        };
        [scale, minimum].into_iter().take(count)
    }

    /// Where the integer scales of a row lie, as many as the format has.
    fn subs(&self, side: usize, lane: usize) -> impl IntoIterator<Item = usize> + use<> {
        let count = match self.format.scales() {
            Scales::Half | Scales::HalfAndMinimum => 0,
            Scales::Sub | Scales::Power => 1,
            Scales::SubAndMinimum | Scales::Sixteens | Scales::SixteensAndMinimum => 2,
        };
        [side + lane, side + LANES + lane].into_iter().take(count)
    }
}

/// The byte of a plane that holds a row's code, and from which of its bits.
fn place(bits: usize, lane: usize, code: usize) -> (usize, usize) {
    let (step, k) = (code / STEP, code % STEP);
    let steps = 8 / bits;
    (step / steps * VECTOR + lane * STEP + k, step % steps * bits)
}
