//! The arithmetic on processors: threads, and the widest instructions that are there.
//!
//! **Invariant:** an instruction set and a number of threads decide how fast a number comes, never which. `unsafe` is
//! here alone: for vector instructions, and for handing parts of one slice to several threads.

#![allow(unsafe_code, reason = "vector loads and stores; each block says why it is sound")]

mod attention;
mod isa;
#[cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "simd128")),
    allow(dead_code)
)]
mod kernel;
mod product;
mod rows;
mod split;
mod threads;
#[cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64", target_feature = "simd128")),
    allow(dead_code)
)]
mod vector;

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

pub use attention::{Attention, View};
pub use isa::Isa;

use crate::{
    arithmetic::{BLOCK, Pairs},
    matrix::Matrix,
    quantized::Quantized,
};
use product::TileProduct;
use split::Split;
use threads::Threads;

/// Tiles of a piece of a product: large enough to stream.
const PIECE_TILES: usize = 8;
/// Pieces of a product that each of several threads should have, so that none waits long for the last of another.
const PIECES_EACH: usize = 16;
/// Numbers of a piece of work on rows, below which another thread is not worth waking.
const PIECE_NUMBERS: usize = 16_384;

/// A processor with its threads.
#[derive(Debug)]
pub struct Cpu {
    isa: Isa,
    threads: Threads,
}

/// One matrix of several that are multiplied with the same activations.
#[derive(Debug)]
pub struct Product<'a> {
    /// The weights.
    pub weights: &'a Matrix,
    /// What it gives, a row for each token.
    pub out: &'a mut [f32],
}

impl Cpu {
    /// So many threads, the caller's among them, on the best instructions that are there.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self::with(Isa::detect(), threads)
    }

    /// So many threads on these instructions.
    ///
    /// # Panics
    ///
    /// Where the machine does not have them.
    #[must_use]
    pub fn with(isa: Isa, threads: usize) -> Self {
        assert!(isa.is_here(), "this machine has no {isa}");
        Self { isa, threads: Threads::new(threads) }
    }

    /// The instructions it uses.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// How many threads work, the caller's among them.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.threads()
    }

    /// The activations of tokens, `cols` each, as integers.
    pub fn quantize(&self, x: &[f32], cols: usize, into: &mut Quantized) {
        assert!(cols > 0 && x.len().is_multiple_of(cols), "{} are no rows of {cols}", x.len());
        into.resize(x.len() / cols, cols);
        let out = Split::new(&mut into.blocks);
        self.blocks(x.len() / BLOCK, BLOCK, &|blocks| {
            let numbers = blocks.start * BLOCK..blocks.end * BLOCK;
            // SAFETY: ranges of different pieces do not meet.
            rows::quantize(self.isa, &x[numbers], unsafe { out.part(blocks) });
        });
    }

    /// Each matrix with each token's activations.
    pub fn matmul(&self, x: &Quantized, products: &mut [Product<'_>]) {
        let works: Vec<TileProduct<'_>> =
            products.iter_mut().map(|product| TileProduct::new(product, x)).collect();
        let each = self.piece_tiles(works.iter().map(TileProduct::tiles).sum());
        let pieces: Vec<(usize, usize)> = works
            .iter()
            .enumerate()
            .flat_map(|(work, w)| (0..w.tiles()).step_by(each).map(move |tile| (work, tile)))
            .collect();
        self.threads.run(pieces.len(), &|piece| {
            let (work, tile) = pieces[piece];
            let work = &works[work];
            // SAFETY: no other piece has these tiles' rows, and `self.isa` is here.
            unsafe { product::matmul(self.isa, work, tile..work.tiles().min(tile + each)) };
        });
    }

    /// How many of so many tiles are a piece: an even number, since kernels take two at a time.
    fn piece_tiles(&self, tiles: usize) -> usize {
        match self.threads() {
            1 => PIECE_TILES,
            threads => (tiles / (threads * PIECES_EACH) / 2 * 2).clamp(2, PIECE_TILES),
        }
    }

    /// Every row of `x`, normed and weighted.
    pub fn norm(&self, x: &[f32], weights: &[f32], epsilon: f32, out: &mut [f32]) {
        let cols = weights.len();
        let out = Split::new(out);
        self.blocks(x.len() / cols, cols, &|rows| {
            let numbers = rows.start * cols..rows.end * cols;
            // SAFETY: ranges of different pieces do not meet.
            let out = unsafe { out.part(numbers.clone()) };
            rows::norm(self.isa, out, &x[numbers], weights, epsilon);
        });
    }

    /// `door(x + y)`: what the residual stream takes.
    pub fn add(&self, x: &mut [f32], y: &[f32]) {
        self.zip(x, y, &|x, y| rows::add(self.isa, x, y));
    }

    /// `silu(door(gate)) · door(up)`, in place of the gate.
    pub fn silu_gate(&self, gate: &mut [f32], up: &[f32]) {
        self.zip(gate, up, &|gate, up| rows::silu_gate(self.isa, gate, up));
    }

    /// `gelu(door(gate)) · door(up)`, in place of the gate.
    pub fn gelu_gate(&self, gate: &mut [f32], up: &[f32]) {
        self.zip(gate, up, &|gate, up| rows::gelu_gate(self.isa, gate, up));
    }

    /// `(g · sigmoid(1.702 · g)) · (u + 1)` of what is held within 7, in place of the gate.
    pub fn clamped_gate(&self, gate: &mut [f32], up: &[f32]) {
        self.zip(gate, up, &|gate, up| rows::clamped_gate(self.isa, gate, up));
    }

    /// `door(x · by)`.
    pub fn scale(&self, x: &mut [f32], by: f32) {
        rows::scale(self.isa, x, by);
    }

    /// Each row plus a bias, rounded once.
    pub fn bias(&self, x: &mut [f32], bias: &[f32]) {
        for row in x.chunks_exact_mut(bias.len()) {
            for (x, bias) in row.iter_mut().zip(bias) {
                *x += *bias;
            }
        }
    }

    /// Rotates every head of every token; cosines and sines are a row for each token.
    pub fn rotate(&self, x: &mut [f32], shape: Turned, cosines: &[f32], sines: &[f32]) {
        let Turned { heads, width, turned, pairs } = shape;
        let (count, rows) = (x.len() / (heads * width), Split::new(x));
        self.blocks(count, heads * width, &|tokens| {
            for token in tokens {
                // SAFETY: a token belongs to one piece.
                let row = unsafe { rows.part(token * heads * width..(token + 1) * heads * width) };
                let at = token * turned / 2..(token + 1) * turned / 2;
                for head in row.chunks_exact_mut(width) {
                    rows::rotate(
                        self.isa,
                        &mut head[..turned],
                        pairs,
                        &cosines[at.clone()],
                        &sines[at.clone()],
                    );
                }
            }
        });
    }

    /// Each query's attention over the positions it sees, for any number of sequences at once.
    pub fn attend(&self, view: &View<'_>, sequences: &mut [Attention<'_>]) {
        attention::attend(self.isa, &self.threads, view, sequences);
    }

    fn zip(&self, x: &mut [f32], y: &[f32], f: &(dyn Fn(&mut [f32], &[f32]) + Sync)) {
        assert_eq!(x.len(), y.len());
        let (x, count) = (Split::new(x), y.len());
        self.blocks(count.div_ceil(BLOCK), BLOCK, &|blocks| {
            let numbers = blocks.start * BLOCK..count.min(blocks.end * BLOCK);
            // SAFETY: ranges of different pieces do not meet.
            f(unsafe { x.part(numbers.clone()) }, &y[numbers]);
        });
    }

    /// Gives the threads ranges of `count` blocks of so many numbers.
    fn blocks(&self, count: usize, numbers: usize, f: &(dyn Fn(std::ops::Range<usize>) + Sync)) {
        let each = PIECE_NUMBERS.div_ceil(numbers).max(1);
        self.threads.run(count.div_ceil(each), &|piece| f(piece * each..count.min((piece + 1) * each)));
    }
}

/// What of a row of heads is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turned {
    /// The heads of a row.
    pub heads: usize,
    /// The columns of a head.
    pub width: usize,
    /// How many columns of a head, from the first on, are rotated.
    pub turned: usize,
    /// Which columns make a pair.
    pub pairs: Pairs,
}
