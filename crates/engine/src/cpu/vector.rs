//! What a kernel needs of an instruction set: vectors with a row of the tile in each lane.
//!
//! **Invariant:** integers are exact and each operation on floats is rounded once, so every implementation gives the
//! same bits.

use super::work::Work;

/// The vectors of an instruction set.
///
/// # Safety
///
/// Every function may be called only where the instruction set is; those that take a pointer read or write as many
/// numbers there as they say.
pub(super) trait Vector: Copy {
    /// Rows of a vector: 16, or a part of them.
    const LANES: usize;
    /// What is added to signed codes before they are multiplied, for the sums to take off again.
    const FLIP: i32;

    /// A float for each row.
    type Floats: Copy;
    /// An i32 for each row.
    type Integers: Copy;
    /// Four codes for each row.
    type Codes: Copy;
    /// Four activations.
    type Quad: Copy;
    /// Each row's running sum of products.
    type Sums: Copy;

    /// One number in every lane.
    unsafe fn splat(x: f32) -> Self::Floats;
    /// The sums, each rounded once.
    unsafe fn add(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// The products, each rounded once.
    unsafe fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// Writes a float for each lane.
    unsafe fn store(to: *mut f32, x: Self::Floats);
    /// Integers below 2²⁴ as floats: exact.
    unsafe fn float(n: Self::Integers) -> Self::Floats;
    /// An f16 for each lane: exact.
    unsafe fn halves(from: *const u8) -> Self::Floats;
    /// `power` of a byte for each lane.
    unsafe fn powers(from: *const u8) -> Self::Floats;

    /// One integer in every lane.
    unsafe fn integers(n: i32) -> Self::Integers;
    /// A byte for each lane.
    unsafe fn unsigned(from: *const u8) -> Self::Integers;
    /// A signed byte for each lane.
    unsafe fn signed(from: *const u8) -> Self::Integers;
    /// The sums.
    unsafe fn plus(a: Self::Integers, b: Self::Integers) -> Self::Integers;
    /// The products.
    unsafe fn times(a: Self::Integers, b: Self::Integers) -> Self::Integers;
    /// The bits of every lane that are in `mask`, shifted right by `shift`.
    unsafe fn bits(n: Self::Integers, shift: u32, mask: i32) -> Self::Integers;

    /// Four bytes for each lane.
    unsafe fn codes(from: *const u8) -> Self::Codes;
    /// The bits of every byte that are in `mask`.
    unsafe fn mask(codes: Self::Codes, mask: u8) -> Self::Codes;
    /// The bits of both.
    unsafe fn or(a: Self::Codes, b: Self::Codes) -> Self::Codes;
    /// To the right; what comes in from neighbours is masked off by the caller.
    unsafe fn right(codes: Self::Codes, by: u32) -> Self::Codes;
    /// To the left, as above.
    unsafe fn left(codes: Self::Codes, by: u32) -> Self::Codes;
    /// What a table says of codes from 0 to 15.
    unsafe fn lookup(table: &[i8; 16], codes: Self::Codes) -> Self::Codes;

    /// Four activations.
    unsafe fn quad(from: *const i8) -> Self::Quad;
    /// Sums that begin with a number.
    unsafe fn start(n: i32) -> Self::Sums;
    /// Adds the products of codes from 0 to 63.
    unsafe fn dot(sums: Self::Sums, codes: Self::Codes, x: Self::Quad) -> Self::Sums;
    /// Adds the products of signed codes, `FLIP` added to them.
    unsafe fn dot_signed(sums: Self::Sums, codes: Self::Codes, x: Self::Quad) -> Self::Sums;
    /// Makes room for further products: needed before the codes that were added exceed 254.
    unsafe fn settle(sums: Self::Sums) -> Self::Sums;
    /// The sums.
    unsafe fn total(sums: Self::Sums) -> Self::Integers;

    /// Asks for bytes that are needed soon; any address will do.
    unsafe fn prefetch(from: *const u8);

    /// The tiles' rows for every token, in strips that suit the registers.
    unsafe fn sweep<const F: usize>(work: &Work<'_>, tiles: std::ops::Range<usize>);
}
