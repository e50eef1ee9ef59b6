//! Vectors as arrays, number by number: for machines of any kind.

use std::{array, ops::Range};

use crate::{
    arithmetic::f16,
    cpu::{
        kernel::{self, tiles::TileVector},
        product::TileProduct,
        vector::Vector,
    },
    format::power,
    matrix::LANES,
};

/// A lane for each row of a tile.
#[derive(Clone, Copy)]
pub(super) struct Plain;

/// Numbers of any kind that lie side by side.
///
/// # Safety
///
/// There are so many, and any bits are one.
unsafe fn read<T: Copy, const N: usize>(from: *const T) -> [T; N] {
    // SAFETY: the caller's promise.
    array::from_fn(|at| unsafe { from.add(at).read_unaligned() })
}

// SAFETY of every block: pointers are as the trait says.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Vector for Plain {
    const LANES: usize = LANES;
    const FLIP: i32 = 0;

    type Floats = [f32; LANES];
    type Integers = [i32; LANES];
    type Codes = [u8; 4 * LANES];
    type Quad = [i8; 4];
    type Sums = [i32; LANES];

    unsafe fn splat(x: f32) -> [f32; LANES] {
        [x; LANES]
    }

    unsafe fn add(a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        array::from_fn(|lane| a[lane] + b[lane])
    }

    unsafe fn mul(a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        array::from_fn(|lane| a[lane] * b[lane])
    }

    unsafe fn store(to: *mut f32, x: [f32; LANES]) {
        unsafe { to.copy_from_nonoverlapping(x.as_ptr(), LANES) }
    }

    unsafe fn float(n: [i32; LANES]) -> [f32; LANES] {
        n.map(|n| n as f32)
    }

    unsafe fn halves(from: *const u8) -> [f32; LANES] {
        unsafe { read::<[u8; 2], LANES>(from.cast()) }.map(|half| f16(u16::from_le_bytes(half)))
    }

    unsafe fn powers(from: *const u8) -> [f32; LANES] {
        unsafe { read::<u8, LANES>(from) }.map(power)
    }

    unsafe fn integers(n: i32) -> [i32; LANES] {
        [n; LANES]
    }

    unsafe fn unsigned(from: *const u8) -> [i32; LANES] {
        unsafe { read::<u8, LANES>(from) }.map(i32::from)
    }

    unsafe fn signed(from: *const u8) -> [i32; LANES] {
        unsafe { read::<i8, LANES>(from.cast()) }.map(i32::from)
    }

    unsafe fn plus(a: [i32; LANES], b: [i32; LANES]) -> [i32; LANES] {
        array::from_fn(|lane| a[lane] + b[lane])
    }

    unsafe fn times(a: [i32; LANES], b: [i32; LANES]) -> [i32; LANES] {
        array::from_fn(|lane| a[lane] * b[lane])
    }

    unsafe fn bits(n: [i32; LANES], shift: u32, mask: i32) -> [i32; LANES] {
        n.map(|n| n >> shift & mask)
    }

    unsafe fn codes(from: *const u8) -> [u8; 4 * LANES] {
        unsafe { read(from) }
    }

    unsafe fn mask(codes: [u8; 4 * LANES], mask: u8) -> [u8; 4 * LANES] {
        codes.map(|code| code & mask)
    }

    unsafe fn or(a: [u8; 4 * LANES], b: [u8; 4 * LANES]) -> [u8; 4 * LANES] {
        array::from_fn(|at| a[at] | b[at])
    }

    unsafe fn right(codes: [u8; 4 * LANES], by: u32) -> [u8; 4 * LANES] {
        codes.map(|code| code >> by)
    }

    unsafe fn left(codes: [u8; 4 * LANES], by: u32) -> [u8; 4 * LANES] {
        codes.map(|code| code << by)
    }

    unsafe fn lookup(table: &[i8; 16], codes: [u8; 4 * LANES]) -> [u8; 4 * LANES] {
        codes.map(|code| table[usize::from(code)] as u8)
    }

    unsafe fn quad(from: *const i8) -> [i8; 4] {
        unsafe { read(from) }
    }

    unsafe fn start(n: i32) -> [i32; LANES] {
        [n; LANES]
    }

    unsafe fn dot(sums: [i32; LANES], codes: [u8; 4 * LANES], x: [i8; 4]) -> [i32; LANES] {
        // Codes below 64 are the same signed.
        unsafe { Self::dot_signed(sums, codes, x) }
    }

    unsafe fn dot_signed(sums: [i32; LANES], codes: [u8; 4 * LANES], x: [i8; 4]) -> [i32; LANES] {
        array::from_fn(|lane| {
            let four = codes[4 * lane..].iter().zip(x);
            sums[lane] + four.map(|(code, x)| i32::from(*code as i8) * i32::from(x)).sum::<i32>()
        })
    }

    unsafe fn settle(sums: [i32; LANES]) -> [i32; LANES] {
        sums
    }

    unsafe fn total(sums: [i32; LANES]) -> [i32; LANES] {
        sums
    }

    unsafe fn prefetch(_: *const u8) {}

    unsafe fn sweep<const F: usize>(work: &TileProduct<'_>, tiles: Range<usize>) {
        for token in 0..work.tokens() {
            unsafe { kernel::strips::<Self, F, 1, 1>(work, tiles.clone(), token) }
        }
    }
}

// SAFETY of every block: as above.
#[allow(clippy::undocumented_unsafe_blocks)]
impl TileVector for Plain {
    unsafe fn sums(from: *const i32) -> [i32; LANES] {
        unsafe { read(from) }
    }

    unsafe fn floats(from: *const f32) -> [f32; LANES] {
        unsafe { read(from) }
    }

    unsafe fn put(to: *mut i8, codes: [u8; 4 * LANES], offset: i8) {
        let integers = codes.map(|code| (code as i8).wrapping_sub(offset));
        unsafe { to.copy_from_nonoverlapping(integers.as_ptr(), integers.len()) }
    }
}
