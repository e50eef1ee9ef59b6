//! Products of whole tiles: sixteen rows with sixteen tokens, whose integers a machine sums at once.
//!
//! Such a product is of one block, or of the half of one that has a multiplier of its own:
//!
//! ```text
//!  activations  a line for each token: its integers of the block
//!  weights      a line for four integers of every row: what a vector of a plane of whole bytes is
//!  sums         a line for each token: an i32 for each row
//! ```
//!
//! **Invariant:** tiles sum the integers of a block, where order does not exist, and nothing else. What floats are made of
//! the sums is what `kernel` makes of them, in its order.
//!
//! What a product should cost, by the manual: the tiles sixteen cycles, their sums sixteen stores, both beside the floats.
//! Those are a conversion, two products and a sum for each token, 64 instructions or, with a minimum, 96, two at a time:
//! 32 or 48 cycles. The dot products of vectors take 64 more.

use std::ops::Range;

use super::{by_sixteens, decode, multipliers, product, scales};
use crate::{
    arithmetic::{Activations, BLOCK, GROUP},
    cpu::{product::TileProduct, vector::Vector},
    format::{Codes, Format},
    matrix::{LANES, Layout},
};

/// Tokens of a tile.
pub(in crate::cpu) const TOKENS: usize = 16;
/// Tokens whose sums are in one array of registers: more would not be taken apart by the compiler.
const HALF: usize = TOKENS / 2;
/// Tokens that are taken together: weights are unpacked once for them.
const TOGETHER: usize = 128;
/// Tiles of rows that are taken together: activations are gathered once for them.
const ROWS: usize = 4;
/// Sums of a tile.
const SUMS: usize = TOKENS * LANES;
/// Bytes of a block's integers, of all rows.
const CODES: usize = BLOCK * LANES;
/// Bytes of a line of them.
const VECTOR: usize = 4 * LANES;

/// How many lines each tile has and of how many bytes, as the machine reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
pub(in crate::cpu) struct TileShapes(pub(in crate::cpu) [u8; 64]);

impl TileShapes {
    /// Tiles 0 and 1 are sums, 2 and 3 activations, 4 and 5 weights, of so many weights of each row; 6 and 7 are nothing.
    pub(in crate::cpu) const fn of(weights: u8) -> Self {
        // The kind of these bytes; then two for the width of each tile from 16 on, and one for its lines from 48 on.
        let mut all = [0; 64];
        all[0] = 1;
        let mut tile = 0;
        while tile < 6 {
            let (bytes, lines) = match tile {
                0 | 1 => (VECTOR as u8, TOKENS as u8),
                2 | 3 => (weights, TOKENS as u8),
                _ => (VECTOR as u8, weights / 4),
            };
            all[16 + 2 * tile] = bytes;
            all[48 + tile] = lines;
            tile += 1;
        }
        Self(all)
    }
}

/// Two products that do not touch each other.
#[derive(Debug, Clone, Copy)]
pub(in crate::cpu) struct TwoTiles {
    /// Where the activations of each begin.
    pub(in crate::cpu) x: [*const i8; 2],
    /// Bytes from a line of activations to the next.
    pub(in crate::cpu) stride: usize,
    /// Where the weights of each begin, line behind line.
    pub(in crate::cpu) weights: [*const i8; 2],
    /// Where the sums of both go, line behind line and tile behind tile.
    pub(in crate::cpu) sums: *mut i32,
}

/// What multiplies tiles.
///
/// # Safety
///
/// Every function may be called only where the instructions are.
pub(in crate::cpu) trait Tiles {
    /// Tiles have these shapes from now on.
    unsafe fn begin(&mut self, shapes: &TileShapes);
    /// Two products of the shapes at hand, whose lines can be read and written.
    unsafe fn multiply(&mut self, two: TwoTiles);
    /// Tiles have no shapes any more.
    unsafe fn end(&mut self);
}

/// What tiles need of vectors of as many lanes as a tile has rows.
pub(in crate::cpu) trait TileVector: Vector {
    /// Sums as tiles store them, one for each lane.
    unsafe fn sums(from: *const i32) -> Self::Integers;
    /// A float for each lane.
    unsafe fn floats(from: *const f32) -> Self::Floats;
    /// Writes four codes for each lane, an offset taken from each.
    unsafe fn put(to: *mut i8, codes: Self::Codes, offset: i8);
}

/// What lies in the first cache while tiles are multiplied.
#[repr(C, align(64))]
struct TileScratch {
    /// A group's integers of each tile of rows, where the pack has codes that must be unpacked.
    codes: [[i8; GROUP * CODES]; ROWS],
    /// A group's activations of a tile of tokens, block by block.
    x: [[Activations; TOKENS]; GROUP],
    /// Two times two tiles of sums: while one pair is read, the other one is made.
    sums: [i32; 4 * SUMS],
    /// What has come together of each row and token.
    totals: [[[f32; LANES]; TOGETHER]; ROWS],
}

/// A group of a tile of rows.
#[derive(Clone, Copy)]
struct TileGroup {
    head: *const u8,
    /// Its integers, block by block.
    codes: *const i8,
    blocks: usize,
}

/// The tiles' rows for whole tiles of tokens; tokens behind those are left as they are.
///
/// # Safety
///
/// The instructions are here, and the caller has the rows.
#[inline(always)]
pub(in crate::cpu) unsafe fn sweep<V: TileVector, T: Tiles, const F: usize>(
    multiplier: &mut T,
    work: &TileProduct<'_>,
    tiles: Range<usize>,
) {
    let shapes = const {
        let part = if by_sixteens(Format::ALL[F]) { 2 } else { 1 };
        TileShapes::of((BLOCK / part) as u8)
    };
    let whole = work.tokens() / TOKENS * TOKENS;
    let mut scratch = TileScratch {
        codes: [[0; GROUP * CODES]; ROWS],
        x: [[Activations::ZERO; TOKENS]; GROUP],
        sums: [0; 4 * SUMS],
        totals: [[[0.0; LANES]; TOGETHER]; ROWS],
    };
    // SAFETY: the caller's promises; shapes are set for as long as there are products.
    unsafe {
        multiplier.begin(&shapes);
        for first in tiles.clone().step_by(ROWS) {
            let rows = first..tiles.end.min(first + ROWS);
            for token in (0..whole).step_by(TOGETHER) {
                let tokens = token..whole.min(token + TOGETHER);
                some::<V, T, F>(multiplier, work, &mut scratch, rows.clone(), tokens);
            }
        }
        multiplier.end();
    }
}

/// At most `ROWS` tiles' rows for at most `TOGETHER` tokens, whole tiles of them.
///
/// # Safety
///
/// As `sweep`; shapes are set.
#[inline(always)]
unsafe fn some<V: TileVector, T: Tiles, const F: usize>(
    multiplier: &mut T,
    work: &TileProduct<'_>,
    scratch: &mut TileScratch,
    tiles: Range<usize>,
    tokens: Range<usize>,
) {
    let TileScratch { codes, x, sums, totals } = scratch;
    *totals = [[[0.0; LANES]; TOGETHER]; ROWS];
    let group_bytes = const { Layout::of(Format::ALL[F]).group_bytes(GROUP) };
    let mut first = 0;
    // SAFETY: the caller's promises; a group lies where its layout says, and there is room for what it is unpacked to.
    unsafe {
        let mut groups = [TileGroup { head: work.bytes.as_ptr(), codes: codes[0].as_ptr(), blocks: 0 }; ROWS];
        while first < work.blocks {
            let blocks = GROUP.min(work.blocks - first);
            let from = first / GROUP * group_bytes;
            // Where the same tile goes on, or the one that comes in its place.
            let next = if first + blocks < work.blocks { group_bytes } else { ROWS * work.tile_bytes - from };
            for place in 0..tiles.len() {
                let head = work.bytes.as_ptr().add((tiles.start + place) * work.tile_bytes + from);
                let codes = unpacked::<V, F>(head, blocks, codes[place].as_mut_ptr());
                groups[place] = TileGroup { head, codes, blocks };
                for line in 0..group_bytes.div_ceil(64) {
                    V::prefetch(head.wrapping_add(next + 64 * line));
                }
            }
            for token in tokens.clone().step_by(TOKENS) {
                gather(work, x, token, first..first + blocks);
                for place in 0..tiles.len() {
                    let totals = totals[place][token - tokens.start..].as_mut_ptr().cast();
                    group::<V, T, F>(multiplier, &groups[place], x.as_ptr().cast(), sums, totals);
                }
            }
            first += blocks;
        }
        for place in 0..tiles.len() {
            for token in tokens.clone() {
                let out = work.rows(token, (tiles.start + place) * LANES, LANES);
                out.copy_from_slice(&totals[place][token - tokens.start][..out.len()]);
            }
        }
    }
}

/// The activations of a tile of tokens, block by block: side by side, whatever a token's width is.
#[inline(always)]
fn gather(
    work: &TileProduct<'_>,
    into: &mut [[Activations; TOKENS]; GROUP],
    token: usize,
    blocks: Range<usize>,
) {
    for lane in 0..TOKENS {
        let start = (token + lane) * work.blocks;
        let from = &work.x.blocks[start + blocks.start..start + blocks.end];
        for b in 0..from.len() {
            into[b][lane] = from[b];
        }
    }
}

/// Where the integers of a group are: in the pack, or, if its codes are others, where they are put.
///
/// # Safety
///
/// The instructions are here, the group can be read, and there is room for its integers.
#[inline(always)]
unsafe fn unpacked<V: TileVector, const F: usize>(head: *const u8, blocks: usize, to: *mut i8) -> *const i8 {
    let layout = const { Layout::of(Format::ALL[F]) };
    // SAFETY: the caller's promises.
    unsafe {
        let codes = head.add(layout.codes_at(blocks));
        let offset = match const { Format::ALL[F].codes() } {
            Codes::Bytes => return codes.cast(),
            Codes::Bits { offset, .. } => offset,
            Codes::Table(_) => 0,
        };
        for b in 0..blocks {
            let (planes, to) = (codes.add(b * layout.codes), to.add(b * CODES));
            unpack::<V, F, 0>(planes, to, offset);
            unpack::<V, F, 1>(planes, to, offset);
            unpack::<V, F, 2>(planes, to, offset);
            unpack::<V, F, 3>(planes, to, offset);
        }
        to.cast_const()
    }
}

/// Lines 2·`G` and 2·`G` + 1 of a block.
///
/// # Safety
///
/// As `unpacked`.
#[inline(always)]
unsafe fn unpack<V: TileVector, const F: usize, const G: usize>(planes: *const u8, to: *mut i8, offset: i8) {
    // SAFETY: the caller's promises.
    unsafe {
        let [even, odd] = decode::<V, F, G>(planes);
        V::put(to.add(2 * G * VECTOR), even, offset);
        V::put(to.add((2 * G + 1) * VECTOR), odd, offset);
    }
}

/// Adds a group's sums to what has come together of a tile of rows and a tile of tokens. While a pair of products is made into
/// floats, the next is on its way.
///
/// # Safety
///
/// The instructions are here, shapes are set, and all of it is there.
#[inline(always)]
unsafe fn group<V: TileVector, T: Tiles, const F: usize>(
    multiplier: &mut T,
    rows: &TileGroup,
    x: *const Activations,
    sums: &mut [i32; 4 * SUMS],
    totals: *mut f32,
) {
    let layout = const { Layout::of(Format::ALL[F]) };
    // Blocks of two products.
    let each = const { if by_sixteens(Format::ALL[F]) { 1 } else { 2 } };
    let sums = sums.as_mut_ptr();
    // SAFETY: the caller's promises.
    unsafe {
        let (mut low, mut high) = ([V::splat(0.0); HALF], [V::splat(0.0); HALF]);
        start::<T, F>(multiplier, rows, 0, x, sums);
        let mut b = 0;
        while b < rows.blocks {
            let here = sums.add(b / each % 2 * (2 * SUMS));
            if b + each < rows.blocks {
                let there = sums.add((b / each + 1) % 2 * (2 * SUMS));
                start::<T, F>(multiplier, rows, b + each, x, there);
            }
            let mut part = 0;
            while part < each && b + part < rows.blocks {
                let side = rows.head.add(layout.head + (b + part) * layout.side);
                let x = x.add((b + part) * TOKENS);
                let products = here.add(part * SUMS).cast_const();
                join::<V, F>(rows.head, side, x, products, &mut low);
                join::<V, F>(rows.head, side, x.add(HALF), products.add(HALF * LANES), &mut high);
                part += 1;
            }
            b += each;
        }
        for m in 0..HALF {
            let (one, other) = (totals.add(m * LANES), totals.add((HALF + m) * LANES));
            V::store(one, V::add(V::floats(one), low[m]));
            V::store(other, V::add(V::floats(other), high[m]));
        }
    }
}

/// The products of block `b` and of the one behind it, or of the halves of block `b`.
///
/// # Safety
///
/// As `group`.
#[inline(always)]
unsafe fn start<T: Tiles, const F: usize>(
    multiplier: &mut T,
    rows: &TileGroup,
    b: usize,
    x: *const Activations,
    sums: *mut i32,
) {
    let (tokens_step, codes_step) = if const { by_sixteens(Format::ALL[F]) } {
        (BLOCK / 2, CODES / 2)
    } else if b + 1 < rows.blocks {
        (TOKENS * size_of::<Activations>(), CODES)
    } else {
        // There is none behind the last: the same once more, which nobody reads.
        (0, 0)
    };
    // SAFETY: the caller's promises; the integers stand first in a block of activations.
    unsafe {
        let x = x.add(b * TOKENS).cast::<i8>();
        let weights = rows.codes.add(b * CODES);
        multiplier.multiply(TwoTiles {
            x: [x, x.add(tokens_step)],
            stride: size_of::<Activations>(),
            weights: [weights, weights.add(codes_step)],
            sums,
        });
    }
}

/// Adds a block's products to the sums of half a tile of tokens.
///
/// # Safety
///
/// As `group`.
#[inline(always)]
unsafe fn join<V: TileVector, const F: usize>(
    head: *const u8,
    side: *const u8,
    x: *const Activations,
    products: *const i32,
    sums: &mut [V::Floats; HALF],
) {
    // SAFETY: the caller's promises.
    unsafe {
        let both = scales::<V, F>(head, side, 0);
        let [first, second] = if const { by_sixteens(Format::ALL[F]) } {
            multipliers::<V, F>(side)
        } else {
            [V::integers(1); 2]
        };
        for m in 0..HALF {
            let at = products.add(m * LANES);
            let integers = if const { by_sixteens(Format::ALL[F]) } {
                V::plus(V::times(V::sums(at), first), V::times(V::sums(at.add(SUMS)), second))
            } else {
                V::sums(at)
            };
            sums[m] = V::add(sums[m], product::<V, F>(both, side, integers, x.add(m)));
        }
    }
}

#[cfg(test)]
mod tests;
