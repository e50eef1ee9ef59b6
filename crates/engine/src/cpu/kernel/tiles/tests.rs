//! Tiles that are played number by number: layout, what is cut off and the order of sums are the definition's, on any machine.

mod emulated;
mod plain;

use std::{array, ops::Range, sync::Arc};

use super::{TOKENS, TileShapes, Tiles, TwoTiles, sweep};
use crate::{
    arithmetic::{BLOCK, quantize_block, row_product},
    cpu::{
        Product,
        product::{Sweep, TileProduct, by_format},
    },
    format::{Coded, Codes, Format, Scales},
    matrix::{LANES, Layout, Matrix},
    quantized::Quantized,
};
use emulated::Emulated;
use plain::Plain;

/// Words from a seed.
struct Words(u64);

impl Words {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let word = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let word = (word ^ word >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ word >> 31
    }

    fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    /// A finite f16 of any size.
    fn half(&mut self) -> u16 {
        let bits = self.next() as u16;
        if bits & 0x7C00 == 0x7C00 { bits & 0x83FF } else { bits }
    }

    /// From −1 to 1.
    fn signed(&mut self) -> f32 {
        (self.next() >> 40) as f32 / 8_388_608.0 - 1.0
    }
}

/// Numbers alone: whole tiles of tokens, and none of those that are left.
struct Played;

impl Sweep for Played {
    unsafe fn every_token<const F: usize>(work: &TileProduct<'_>, tiles: Range<usize>) {
        // SAFETY: numbers need no instructions; the caller has the rows.
        unsafe { sweep::<Plain, Emulated, F>(&mut Emulated::new(), work, tiles) }
    }
}

/// The formats that there are kernels for.
fn formats() -> impl Iterator<Item = Format> {
    Format::ALL.into_iter().filter(|format| format.packed() == *format)
}

/// A block of any codes and any scales that a file may have.
fn coded(format: Format, words: &mut Words) -> Coded {
    let most = match format.codes() {
        Codes::Bytes => u8::MAX,
        Codes::Table(_) => 15,
        Codes::Bits { bits, .. } => (1 << bits) - 1,
    };
    let subs = match format.scales() {
        Scales::Power => [80 + words.byte() % 60, 0],
        Scales::SubAndMinimum => [words.byte() & 63, words.byte() & 63],
        Scales::Half
        | Scales::HalfAndMinimum
        | Scales::Sub
        | Scales::Sixteens
        | Scales::SixteensAndMinimum => [words.byte(), words.byte()],
    };
    let halves = [words.half(), words.half()];
    Coded { halves, subs, codes: array::from_fn(|_| words.byte() & most) }
}

fn matrix(format: Format, rows: usize, cols: usize, mut block: impl FnMut() -> Coded) -> Matrix {
    let layout = Layout::of(format);
    let tile = layout.tile_bytes(cols);
    let mut bytes = vec![0; rows.div_ceil(LANES) * tile];
    for row in 0..rows {
        let tile = &mut bytes[row / LANES * tile..][..tile];
        for at in 0..cols / BLOCK {
            layout.put(tile, cols, row % LANES, at, &block());
        }
    }
    Matrix::packed(format, rows, cols, Arc::new(bytes), 0).unwrap()
}

/// Activations of every kind that the arithmetic knows: plain, huge beside tiny, and blocks of zeros.
fn activations(tokens: usize, cols: usize, words: &mut Words) -> Quantized {
    let mut x = Quantized::default();
    x.resize(tokens, cols);
    for block in &mut x.blocks {
        let scale = [1.0, 1e12, 1e-9, 1e-13, 0.0][usize::from(words.byte() % 5)];
        *block = quantize_block(&array::from_fn(|_| scale * words.signed()));
    }
    x
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

/// By the definition alone.
fn defined(weights: &Matrix, x: &Quantized) -> Vec<f32> {
    let block = |token, row, b| (weights.block(row, b), *x.block(token, b));
    let row = |token, row| row_product((0..weights.cols() / BLOCK).map(|b| block(token, row, b)));
    (0..x.tokens())
        .flat_map(|token| (0..weights.rows()).map(move |at| (token, at)))
        .map(|(t, r)| row(t, r))
        .collect()
}

/// What is computed in two pieces of tiles; `NaN` is what nobody wrote.
fn computed<S: Sweep>(weights: &Matrix, x: &Quantized) -> Vec<f32> {
    let mut out = vec![f32::NAN; x.tokens() * weights.rows()];
    let mut product = Product { weights, out: &mut out };
    let work = TileProduct::new(&mut product, x);
    for tiles in [0..1, 1..work.tiles()] {
        // SAFETY: the pieces do not meet, and who asks has seen to the instructions.
        unsafe { by_format::<S>(&work, tiles) };
    }
    out
}

/// Rows that fill no tile, one, and more than are taken together; the last group of blocks is whole, or not, or odd.
const SHAPES: [(usize, usize); 4] = [(1, 256), (16, 512), (37, 768), (70, 1280)];
/// The same, for formats of blocks of 32.
const SMALL: [(usize, usize); 5] = [(1, 32), (16, 64), (37, 288), (70, 576), (130, 352)];

fn shapes(format: Format) -> &'static [(usize, usize)] {
    if format.unit().0 == BLOCK { &SMALL } else { &SHAPES }
}

#[test]
fn whole_tiles_of_tokens_are_the_definitions_in_every_format() {
    for format in formats() {
        let mut words = Words(u64::from(format.code()));
        for (rows, cols) in shapes(format).iter().copied() {
            let weights = matrix(format, rows, cols, || coded(format, &mut words));
            // A tile; two and some more; more than are taken together, and some more.
            for tokens in [16, 35, 161] {
                let x = activations(tokens, cols, &mut words);
                let (out, expected) = (computed::<Played>(&weights, &x), defined(&weights, &x));
                let whole = tokens / TOKENS * TOKENS * rows;
                assert!(bits(&out[..whole]) == bits(&expected[..whole]), "{weights:?}, {tokens} tokens");
                assert!(out[whole..].iter().all(|x| x.is_nan()), "{weights:?}: nobody asked for the others");
            }
        }
    }
}

#[test]
fn codes_and_activations_at_their_ends_are_exact_in_tiles() {
    for format in formats() {
        for fill in [0x00u8, 0x7F, 0x80, 0xFF] {
            let mut words = Words(3);
            let cols = shapes(format)[2].1;
            let least = coded(format, &mut words);
            let most = match format.codes() {
                Codes::Bytes => fill,
                Codes::Table(_) => fill & 15,
                Codes::Bits { bits, .. } => fill & ((1 << bits) - 1),
            };
            let subs = match format.scales() {
                Scales::Power | Scales::SubAndMinimum => least.subs,
                Scales::Half
                | Scales::HalfAndMinimum
                | Scales::Sub
                | Scales::Sixteens
                | Scales::SixteensAndMinimum => [fill; 2],
            };
            let weights =
                matrix(format, 33, cols, || Coded { halves: [0x3C00; 2], subs, codes: [most; BLOCK] });
            for one in [1f32, -1.0] {
                let mut x = Quantized::default();
                x.resize(TOKENS, cols);
                x.blocks.fill(quantize_block(&[one; BLOCK]));
                let (out, expected) = (computed::<Played>(&weights, &x), defined(&weights, &x));
                assert!(bits(&out) == bits(&expected), "{weights:?} of {fill:#x}, {one}");
            }
        }
    }
}

/// A machine without tiles, whose vectors make floats of what is played: what runs where there are tiles, but for these.
#[cfg(target_arch = "x86_64")]
#[test]
fn vectors_make_rows_of_tiles_and_take_the_tokens_that_are_left() {
    use crate::cpu::{Isa, amx::whole_and_rest};

    struct Vectors;

    impl Sweep for Vectors {
        unsafe fn every_token<const F: usize>(work: &TileProduct<'_>, tiles: Range<usize>) {
            // SAFETY: AVX-512 is here, or nobody asks; the caller has the rows.
            unsafe { whole_and_rest::<Emulated, F>(&mut Emulated::new(), work, tiles) }
        }
    }

    if !Isa::Avx512.is_here() {
        return;
    }
    for format in formats() {
        let mut words = Words(100 + u64::from(format.code()));
        for (rows, cols) in shapes(format).iter().copied() {
            let weights = matrix(format, rows, cols, || coded(format, &mut words));
            for tokens in [1, 7, 16, 17, 18, 39, 131] {
                let x = activations(tokens, cols, &mut words);
                let (out, expected) = (computed::<Vectors>(&weights, &x), defined(&weights, &x));
                assert!(bits(&out) == bits(&expected), "{weights:?}, {tokens} tokens");
            }
        }
    }
}

#[test]
fn shapes_stand_where_the_machine_reads_them() {
    for (weights, lines) in [(32, 8), (16, 4)] {
        let TileShapes(all) = TileShapes::of(weights);
        let mut expected = [0; 64];
        expected[0] = 1;
        for (tile, (bytes, lines)) in
            [(64, 16), (64, 16), (weights, 16), (weights, 16), (64, lines), (64, lines)]
                .into_iter()
                .enumerate()
        {
            expected[16 + 2 * tile] = bytes;
            expected[48 + tile] = lines;
        }
        assert_eq!(all, expected);
        assert_eq!(align_of::<TileShapes>(), 64);
    }
}

#[test]
fn two_tiles_are_two_products_each() {
    let mut words = Words(8);
    let (x, weights): ([[i8; 48]; 32], [[i8; 64]; 16]) = (
        array::from_fn(|_| array::from_fn(|_| words.byte() as i8)),
        array::from_fn(|_| array::from_fn(|_| words.byte() as i8)),
    );
    let mut sums = [0i32; 2 * TOKENS * LANES];
    let mut tiles = Emulated::new();
    // SAFETY: all lines of all tiles are there.
    unsafe {
        tiles.begin(&TileShapes::of(32));
        tiles.multiply(TwoTiles {
            x: [x[0].as_ptr(), x.as_ptr().add(16).cast()],
            stride: 48,
            weights: [weights.as_ptr().cast(), weights.as_ptr().add(8).cast()],
            sums: sums.as_mut_ptr(),
        });
        tiles.end();
    }
    for (at, sum) in sums.into_iter().enumerate() {
        let (token, row) = (at / LANES, at % LANES);
        let weight = |k: usize| weights[token / TOKENS * 8 + k / 4][4 * row + k % 4];
        let expected: i32 = (0..BLOCK).map(|k| i32::from(x[token][k]) * i32::from(weight(k))).sum();
        assert_eq!(sum, expected, "token {token}, row {row}");
    }
}
