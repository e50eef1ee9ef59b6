//! The product of tiles of rows with tokens: one source for every format and every instruction set.
//!
//! **Invariant:** the order of sums is the one of `arithmetic::row_product`, row by row; how many rows and tokens share
//! the registers is not in it.
//!
//! Vectors are in plain loops and functions that are always inlined: a closure, or what the library calls with one,
//! would be compiled without the instructions, and cost thirty times as much.

#![allow(clippy::needless_range_loop, reason = "the same index runs over several arrays of registers")]

mod codes;
#[cfg(any(target_arch = "x86_64", test))]
pub(super) mod tiles;

use std::ops::Range;

use super::{product::TileProduct, vector::Vector};
use crate::{
    arithmetic::{Activations, GROUP},
    format::{Codes, Format, Scales},
    matrix::{LANES, Layout},
};
use codes::decode;

/// How far ahead weights are asked for when one token wants them from memory, in bytes. Memory gives one stream faster than
/// several.
const AHEAD: usize = 12_288;

/// Vectors of rows, `S` at a time, times `M` tokens, from `token` on.
///
/// # Safety
///
/// The instructions are here, the strips are of tiles that the caller has, the tokens are there.
#[inline(always)]
pub(super) unsafe fn strips<V: Vector, const F: usize, const S: usize, const M: usize>(
    work: &TileProduct<'_>,
    strips: Range<usize>,
    token: usize,
) {
    let mut strip = strips.start;
    while strip < strips.end {
        // SAFETY: the caller's promises.
        unsafe { some::<V, F, S, M>(work, strip, token) };
        strip += S;
    }
}

/// `S` vectors of rows, from vector `strip` of the matrix on, times `M` tokens: whole tiles, or a vector of one.
///
/// # Safety
///
/// As `strips`.
#[inline(always)]
unsafe fn some<V: Vector, const F: usize, const S: usize, const M: usize>(
    work: &TileProduct<'_>,
    strip: usize,
    token: usize,
) {
    let layout = const { Layout::of(Format::ALL[F]) };
    let parts = LANES / V::LANES;
    let (blocks, tile_bytes) = (work.blocks, work.tile_bytes);
    // A whole tile's vectors share its place, which the compiler sees in this form.
    let first = if S < parts { strip % parts } else { 0 };
    let lanes: [usize; S] = std::array::from_fn(|s| (first + s % parts) * V::LANES);
    // SAFETY: tiles and tokens are there, as the caller says.
    unsafe {
        let mut heads: [*const u8; S] =
            std::array::from_fn(|s| work.bytes.as_ptr().add((strip / parts + s / parts) * tile_bytes));
        let mut tokens: [*const Activations; M] =
            std::array::from_fn(|m| work.x.blocks.as_ptr().add((token + m) * blocks));
        let ahead = match (M, token) {
            (1, _) => AHEAD,
            (_, 0) => S.div_ceil(parts) * tile_bytes,
            _ => 0,
        };
        let mut totals = [[V::splat(0.0); M]; S];
        let mut left = blocks;
        while left > 0 {
            let here = GROUP.min(left);
            let sums = group::<V, F, S, M>(heads, lanes, tokens, here, ahead);
            for s in 0..S {
                for m in 0..M {
                    totals[s][m] = V::add(totals[s][m], sums[s][m]);
                }
            }
            heads = heads.map(|head| head.wrapping_add(layout.group_bytes(GROUP)));
            tokens = tokens.map(|token| token.wrapping_add(GROUP));
            left -= here;
        }
        write::<V, S, M>(work, strip, token, &totals);
    }
}

/// The sums over a group of so many blocks.
///
/// # Safety
///
/// The instructions are here, and the group's parts lie where its layout says.
#[inline(always)]
unsafe fn group<V: Vector, const F: usize, const S: usize, const M: usize>(
    heads: [*const u8; S],
    lanes: [usize; S],
    tokens: [*const Activations; M],
    blocks: usize,
    far: usize,
) -> [[V::Floats; M]; S] {
    let layout = const { Layout::of(Format::ALL[F]) };
    let parts = LANES / V::LANES;
    let codes = if blocks == GROUP {
        const { Layout::of(Format::ALL[F]).codes_at(GROUP) }
    } else {
        layout.codes_at(blocks)
    };
    // SAFETY: the caller's promises.
    unsafe {
        let mut sums = [[V::splat(0.0); M]; S];
        for b in 0..blocks {
            if M == 1 {
                ahead::<V>(heads[0].wrapping_add(far), layout.group_bytes(GROUP) / GROUP, b);
            } else if far > 0 {
                for head in heads.into_iter().step_by(parts) {
                    ahead::<V>(head.wrapping_add(far), layout.group_bytes(GROUP) / GROUP, b);
                }
            }
            let place = BlockPlace {
                heads,
                sides: std::array::from_fn(|s| heads[s].add(layout.head + b * layout.side)),
                codes: std::array::from_fn(|s| heads[s].add(codes + b * layout.codes + 4 * lanes[s])),
                lanes,
            };
            let x: [*const Activations; M] = std::array::from_fn(|m| tokens[m].add(b));
            block::<V, F, S, M>(&place, &x, &mut sums);
        }
        sums
    }
}

/// Asks for the weights that come `AHEAD` of a block.
///
/// # Safety
///
/// The instructions are here.
#[inline(always)]
unsafe fn ahead<V: Vector>(head: *const u8, bytes: usize, b: usize) {
    for line in 0..bytes.div_ceil(64) {
        // SAFETY: a prefetch reads nothing.
        unsafe { V::prefetch(head.wrapping_add(b * bytes + 64 * line)) };
    }
}

/// A line of the cache. That there is one on the stack has the compiler align it, and with it the registers that it keeps
/// there: across two lines they would cost twice the time of the whole product.
#[repr(align(64))]
struct CacheLine([f32; LANES]);

/// Puts the sums where their rows go; a last tile may have fewer rows than lanes.
///
/// # Safety
///
/// The instructions are here, and the caller has the rows.
#[inline(always)]
unsafe fn write<V: Vector, const S: usize, const M: usize>(
    work: &TileProduct<'_>,
    strip: usize,
    token: usize,
    sums: &[[V::Floats; M]; S],
) {
    let whole = (strip + S) * V::LANES <= work.weights.rows();
    for s in 0..S {
        for m in 0..M {
            // SAFETY: the caller's promise; a slice of all lanes has room for a vector, and so has `all`.
            unsafe {
                if whole {
                    V::store(work.row(token + m, (strip + s) * V::LANES), sums[s][m]);
                } else {
                    let mut all = CacheLine([0f32; LANES]);
                    V::store(all.0.as_mut_ptr(), sums[s][m]);
                    let out = work.rows(token + m, (strip + s) * V::LANES, V::LANES);
                    out.copy_from_slice(&all.0[..out.len()]);
                }
            }
        }
    }
}

/// Where the parts of a block lie, strip by strip.
struct BlockPlace<const S: usize> {
    heads: [*const u8; S],
    sides: [*const u8; S],
    codes: [*const u8; S],
    lanes: [usize; S],
}

/// Adds a block's product to each row's and token's sum.
///
/// # Safety
///
/// The instructions are here, and the block is where it is said to be.
#[inline(always)]
unsafe fn block<V: Vector, const F: usize, const S: usize, const M: usize>(
    place: &BlockPlace<S>,
    x: &[*const Activations; M],
    sums: &mut [[V::Floats; M]; S],
) {
    // SAFETY: the caller's promises.
    unsafe {
        let integers = integers::<V, F, S, M>(place, x);
        for s in 0..S {
            let side = place.sides[s].add(place.lanes[s]);
            let both = scales::<V, F>(place.heads[s], place.sides[s], place.lanes[s]);
            for m in 0..M {
                let product = product::<V, F>(both, side, integers[s][m], x[m]);
                sums[s][m] = V::add(sums[s][m], product);
            }
        }
    }
}

/// A block's product of each row with a token, given its scale and its minimum's, where integer scales begin, and the
/// integers.
///
/// # Safety
///
/// The instructions are here, and so are the integer scales and the activations.
#[inline(always)]
unsafe fn product<V: Vector, const F: usize>(
    (scale, minimum): (V::Floats, V::Floats),
    side: *const u8,
    integers: V::Integers,
    x: *const Activations,
) -> V::Floats {
    // SAFETY: the caller's promises.
    unsafe {
        let scale = V::mul(scale, V::splat((*x).scale));
        let product = V::mul(scale, V::float(integers));
        if const { !Format::ALL[F].scales().minimum() } {
            return product;
        }
        let total = match const { Format::ALL[F].scales() } {
            Scales::SixteensAndMinimum => {
                let least = least::<V>(side.add(LANES), (*x).sums);
                V::mul(V::splat((*x).scale), least)
            }
            Scales::Half
            | Scales::HalfAndMinimum
            | Scales::SubAndMinimum
            | Scales::Sub
            | Scales::Sixteens
            | Scales::Power => V::splat((*x).total),
        };
        V::add(product, V::mul(minimum, total))
    }
}

/// The scale and the minimum's scale of each row.
///
/// # Safety
///
/// The instructions are here, and the scales are where they are said to be.
#[inline(always)]
unsafe fn scales<V: Vector, const F: usize>(
    head: *const u8,
    side: *const u8,
    lane: usize,
) -> (V::Floats, V::Floats) {
    const HALVES: usize = 2 * LANES;
    // SAFETY: the caller's promises.
    unsafe {
        let zero = V::splat(0.0);
        let (head, half, byte) = (head.add(2 * lane), side.add(2 * lane), side.add(lane));
        match const { Format::ALL[F].scales() } {
            Scales::Half => (V::halves(half), zero),
            Scales::HalfAndMinimum => (V::halves(half), V::halves(half.add(HALVES))),
            // Both products are exact.
            Scales::SubAndMinimum => (
                V::mul(V::halves(head), V::float(V::unsigned(byte))),
                V::mul(negative::<V>(head.add(HALVES)), V::float(V::unsigned(byte.add(LANES)))),
            ),
            Scales::Sub => (V::mul(V::halves(head), V::float(V::signed(byte))), zero),
            Scales::Sixteens => (V::halves(head), zero),
            Scales::SixteensAndMinimum => (V::halves(head), negative::<V>(head.add(HALVES))),
            Scales::Power => (V::powers(byte), zero),
        }
    }
}

/// # Safety
///
/// As `scales`.
#[inline(always)]
unsafe fn negative<V: Vector>(from: *const u8) -> V::Floats {
    // SAFETY: the caller's promises.
    unsafe { V::mul(V::halves(from), V::splat(-1.0)) }
}

/// The activations' sums times the multipliers of a minimum, two of four bits in a byte.
///
/// # Safety
///
/// The instructions are here, and the bytes can be read.
#[inline(always)]
unsafe fn least<V: Vector>(from: *const u8, sums: [i32; 2]) -> V::Floats {
    // SAFETY: the caller's promises.
    unsafe {
        let both = V::unsigned(from);
        let first = V::times(V::bits(both, 0, 15), V::integers(sums[0]));
        V::float(V::plus(first, V::times(V::bits(both, 4, 15), V::integers(sums[1]))))
    }
}

/// Whether each sixteen weights of a block have a multiplier of their own.
const fn by_sixteens(format: Format) -> bool {
    matches!(format.scales(), Scales::Sixteens | Scales::SixteensAndMinimum)
}

/// What the sums of the first and of the second sixteen weights of each row are multiplied by.
///
/// # Safety
///
/// The instructions are here, and the bytes can be read.
#[inline(always)]
unsafe fn multipliers<V: Vector, const F: usize>(side: *const u8) -> [V::Integers; 2] {
    // SAFETY: the caller's promises.
    unsafe {
        match const { Format::ALL[F].scales() } {
            Scales::SixteensAndMinimum => {
                let both = V::unsigned(side);
                [V::bits(both, 0, 15), V::bits(both, 4, 15)]
            }
            Scales::Half
            | Scales::HalfAndMinimum
            | Scales::SubAndMinimum
            | Scales::Sub
            | Scales::Sixteens
            | Scales::Power => [V::signed(side), V::signed(side.add(LANES))],
        }
    }
}

/// The integer part of a block's products.
///
/// # Safety
///
/// The instructions are here, and the block is where it is said to be.
#[inline(always)]
unsafe fn integers<V: Vector, const F: usize, const S: usize, const M: usize>(
    place: &BlockPlace<S>,
    x: &[*const Activations; M],
) -> [[V::Integers; M]; S] {
    // SAFETY: the caller's promises.
    unsafe {
        if const { !by_sixteens(Format::ALL[F]) } {
            return steps::<V, F, S, M, 0, 4>(&place.codes, x);
        }
        let mut first = steps::<V, F, S, M, 0, 2>(&place.codes, x);
        let second = steps::<V, F, S, M, 2, 4>(&place.codes, x);
        for s in 0..S {
            let [low, high] = multipliers::<V, F>(place.sides[s].add(place.lanes[s]));
            for m in 0..M {
                first[s][m] = V::plus(V::times(first[s][m], low), V::times(second[s][m], high));
            }
        }
        first
    }
}

/// The sums of quant times activation, over the pairs of steps `FROM..TO` of four codes a row.
///
/// # Safety
///
/// The instructions are here, and codes and activations are where they are said to be.
#[inline(always)]
unsafe fn steps<
    V: Vector,
    const F: usize,
    const S: usize,
    const M: usize,
    const FROM: usize,
    const TO: usize,
>(
    codes: &[*const u8; S],
    x: &[*const Activations; M],
) -> [[V::Integers; M]; S] {
    // What codes have too much, the sum of the activations takes off.
    let owed = match const { Format::ALL[F].codes() } {
        Codes::Bits { offset, .. } => i32::from(offset),
        Codes::Bytes | Codes::Table(_) => V::FLIP,
    };
    // SAFETY: the caller's promises.
    unsafe {
        let mut acc = [[V::start(0); M]; S];
        for m in 0..M {
            let [first, second] = (*x[m]).sums;
            let sum = if FROM == 0 { first } else { 0 } + if TO == 4 { second } else { 0 };
            let start = V::start(-owed * sum);
            for s in 0..S {
                acc[s][m] = start;
            }
        }
        if FROM == 0 {
            pair::<V, F, S, M, 0>(codes, x, &mut acc);
            pair::<V, F, S, M, 1>(codes, x, &mut acc);
        }
        if TO == 4 {
            pair::<V, F, S, M, 2>(codes, x, &mut acc);
            pair::<V, F, S, M, 3>(codes, x, &mut acc);
        }
        let mut totals = [[V::integers(0); M]; S];
        for s in 0..S {
            for m in 0..M {
                totals[s][m] = V::total(acc[s][m]);
            }
        }
        totals
    }
}

/// The products of steps 2·`G` and 2·`G` + 1.
///
/// # Safety
///
/// As `steps`.
#[inline(always)]
unsafe fn pair<V: Vector, const F: usize, const S: usize, const M: usize, const G: usize>(
    codes: &[*const u8; S],
    x: &[*const Activations; M],
    acc: &mut [[V::Sums; M]; S],
) {
    // SAFETY: the caller's promises.
    unsafe {
        let mut all = [decode::<V, F, G>(codes[0]); S];
        for s in 1..S {
            all[s] = decode::<V, F, G>(codes[s]);
        }
        for step in 0..2 {
            for m in 0..M {
                let quad = V::quad((*x[m]).quants.as_ptr().add(8 * G + 4 * step));
                for s in 0..S {
                    acc[s][m] = match const { Format::ALL[F].codes() } {
                        Codes::Bits { .. } => V::dot(acc[s][m], all[s][step], quad),
                        Codes::Bytes | Codes::Table(_) => V::dot_signed(acc[s][m], all[s][step], quad),
                    };
                }
            }
        }
        let settles = match const { Format::ALL[F].codes() } {
            Codes::Bits { bits: 6, .. } => true,
            Codes::Bits { bits: 5, .. } => G == 1,
            Codes::Bits { .. } | Codes::Bytes | Codes::Table(_) => false,
        };
        if settles {
            for s in 0..S {
                for m in 0..M {
                    acc[s][m] = V::settle(acc[s][m]);
                }
            }
        }
    }
}
