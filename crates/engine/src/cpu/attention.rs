//! Attention, several query rows of one head of keys at a time.
//!
//! **Invariant:** each row's sums are those of `arithmetic::attend`: rows share what is read, never a sum.

#![allow(clippy::needless_range_loop, reason = "the same index runs over several arrays of registers")]

use std::{cell::RefCell, ops::Range};

use super::{Isa, Pool, Split};
use crate::{
    arithmetic::{CHUNK, UNSEEN, cap, exp, max, reciprocal, sum},
    cache::{Cache, Page, TILE},
};

/// Tokens of a sequence that are taken together: they read the same keys.
const TOGETHER: usize = 2;

/// What the queries of a layer see, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View<'a> {
    /// Heads of queries; a head of keys serves the same number of them each, in order.
    pub heads: usize,
    /// How many positions a query sees, its own the last; all before it where there is no window.
    pub window: Option<usize>,
    /// Where scores are kept within ±cap.
    pub cap: Option<f32>,
    /// For each head of queries a score that takes its share of the weight and gives nothing.
    pub sinks: Option<&'a [f32]>,
}

/// The queries of consecutive tokens of one sequence.
#[derive(Debug)]
pub struct Attention<'a> {
    /// All heads of a token, token by token; scaled.
    pub queries: &'a [f32],
    /// The keys and values of the positions up to the last token's, that one included.
    pub cache: &'a Cache,
    /// The position of the first token.
    pub first: usize,
    /// Where the means go, in the order of the queries.
    pub out: &'a mut [f32],
}

/// One sequence's work, as threads see it.
struct Sequence<'a> {
    queries: &'a [f32],
    cache: &'a Cache,
    first: usize,
    out: Split<'a, f32>,
}

pub(super) fn attend(isa: Isa, pool: &Pool, view: &View<'_>, sequences: &mut [Attention<'_>]) {
    let mut pieces = Vec::new();
    let sequences: Vec<Sequence<'_>> = sequences
        .iter_mut()
        .enumerate()
        .map(|(at, Attention { queries, cache, first, out })| {
            let row = view.heads * cache.width();
            let tokens = queries.len() / row;
            assert!(queries.len() == out.len() && queries.len() == tokens * row, "no whole rows");
            assert!(view.heads.is_multiple_of(cache.heads()), "heads of keys do not divide heads of queries");
            assert!(*first + tokens <= cache.len(), "a query without its key");
            for token in (0..tokens).step_by(TOGETHER) {
                let together = token..tokens.min(token + TOGETHER);
                pieces.extend((0..cache.heads()).map(|head| (at, together.clone(), head)));
            }
            Sequence { queries, cache, first: *first, out: Split::new(out) }
        })
        .collect();
    pool.run(pieces.len(), &|piece| {
        let (sequence, tokens, head) = pieces[piece].clone();
        sequences[sequence].piece(isa, view, tokens, head);
    });
}

/// One query: where it is in its sequence's rows, and the positions it sees.
#[derive(Debug, Clone)]
struct Query {
    at: usize,
    sees: Range<usize>,
    sink: Option<f32>,
}

impl Sequence<'_> {
    /// The queries of a head of keys and a few tokens, as many at a time as the registers hold.
    fn piece(&self, isa: Isa, view: &View<'_>, tokens: Range<usize>, head: usize) {
        let (width, each) = (self.cache.width(), view.heads / self.cache.heads());
        let query = |token: usize, query: usize| {
            let end = self.first + token + 1;
            let at = (token * view.heads + head * each + query) * width;
            let sink = view.sinks.map(|sinks| sinks[head * each + query]);
            Query { at, sink, sees: view.window.map_or(0, |window| end.saturating_sub(window))..end }
        };
        let queries: Vec<Query> =
            tokens.flat_map(|token| (0..each).map(move |q| (token, q))).map(|(t, q)| query(t, q)).collect();
        let mut rest = queries.as_slice();
        while !rest.is_empty() {
            rest = match rest.len() {
                1 => self.rows::<1>(isa, view, head, rest),
                2 => self.rows::<2>(isa, view, head, rest),
                3 => self.rows::<3>(isa, view, head, rest),
                4 | 5 | 8 => self.rows::<4>(isa, view, head, rest),
                _ => self.rows::<6>(isa, view, head, rest),
            };
        }
    }

    /// The first `R` of the queries; gives the others back.
    fn rows<'q, const R: usize>(
        &self,
        isa: Isa,
        view: &View<'_>,
        head: usize,
        queries: &'q [Query],
    ) -> &'q [Query] {
        thread_local! {
            static WEIGHTS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
        }
        let (queries, rest) = queries.split_at(R);
        let width = self.cache.width();
        WEIGHTS.with_borrow_mut(|weights| {
            let mut rows = Rows::<R> {
                queries: std::array::from_fn(|r| &self.queries[queries[r].at..][..width]),
                sees: std::array::from_fn(|r| queries[r].sees.clone()),
                // SAFETY: each query is in one piece and in it once.
                out: std::array::from_fn(|r| unsafe { self.out.part(queries[r].at..queries[r].at + width) }),
                cap: view.cap,
                sinks: std::array::from_fn(|r| queries[r].sink),
                cache: self.cache,
                head,
                weights,
            };
            rows.attend(isa);
        });
        rest
    }
}

/// `R` queries of one head of keys.
struct Rows<'a, const R: usize> {
    queries: [&'a [f32]; R],
    sees: [Range<usize>; R],
    out: [&'a mut [f32]; R],
    cap: Option<f32>,
    sinks: [Option<f32>; R],
    cache: &'a Cache,
    head: usize,
    /// A weight for each position of each row, from the first page that is seen on.
    weights: &'a mut Vec<f32>,
}

/// How sixteen f16 of the cache become f32: exact, so it is no part of the arithmetic.
trait Halves {
    fn read(cells: &[u16; TILE]) -> [f32; TILE];
}

struct Portable;

impl Halves for Portable {
    /// The bits in their place, times 2¹¹²: none of them is subnormal.
    #[inline(always)]
    fn read(cells: &[u16; TILE]) -> [f32; TILE] {
        cells.map(|cell| {
            let bits = (i32::from(cell as i16) << 13) as u32 & 0x8FFF_E000;
            f32::from_bits(bits) * f32::from_bits(0x7780_0000)
        })
    }
}

impl<const R: usize> Rows<'_, R> {
    fn attend(&mut self, isa: Isa) {
        match isa {
            // SAFETY: a processor is made of instructions that are here alone.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { self.avx512() },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::AvxVnni => unsafe { self.avx2() },
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Avx512 | Isa::Avx2 | Isa::AvxVnni => self.body::<Portable>(),
            Isa::Scalar => self.define(),
            Isa::Neon | Isa::NeonDot | Isa::Simd128 => self.body::<Portable>(),
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    fn avx512(&mut self) {
        self.body::<x86::Wide>();
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,f16c")]
    fn avx2(&mut self) {
        self.body::<x86::Half>();
    }

    /// The definition, row by row.
    fn define(&mut self) {
        let (cache, head) = (self.cache, self.head);
        for r in 0..R {
            crate::arithmetic::attend(
                self.queries[r],
                &crate::arithmetic::Sight {
                    positions: self.sees[r].clone(),
                    cap: self.cap,
                    sink: self.sinks[r],
                },
                |position, column| cache.key(head, position, column),
                |position, column| cache.value(head, position, column),
                self.out[r],
            );
        }
    }

    #[inline(always)]
    fn body<H: Halves>(&mut self) {
        let first = self.sees.iter().map(|sees| sees.start).min().unwrap_or(0) / CHUNK;
        let end = self.sees.iter().map(|sees| sees.end).max().unwrap_or(0);
        let from = first * CHUNK;
        let length = (end - from).next_multiple_of(TILE);
        self.weights.resize(R * length, 0.0);
        let mut weights = std::mem::take(self.weights);
        let mut rest = &mut weights[..R * length];
        let mut rows: [&mut [f32]; R] =
            std::array::from_fn(|_| rest.split_off_mut(..length).unwrap_or_default());
        let pages = || self.cache.pages().skip(first);
        for (chunk, page) in pages().enumerate() {
            let at = chunk * CHUNK;
            let tiles = (length - at.min(length)).div_ceil(TILE).min(CHUNK / TILE);
            self.scores::<H>(page, tiles, at, &mut rows);
        }
        let inverses: [f32; R] = std::array::from_fn(|r| {
            if let Some(limit) = self.cap {
                rows[r].iter_mut().for_each(|score| *score = cap(*score, limit));
            }
            soften(rows[r], self.sees[r].start.max(from) - from..self.sees[r].end - from, self.sinks[r])
        });
        let rows = rows.map(|row| &*row);
        if R > 3 {
            self.values::<H, 1>(first, end, rows, inverses);
        } else {
            self.values::<H, 2>(first, end, rows, inverses);
        }
        *self.weights = weights;
    }

    /// The scores of a page's first tiles.
    #[inline(always)]
    fn scores<H: Halves>(&self, page: &Page, tiles: usize, at: usize, rows: &mut [&mut [f32]; R]) {
        let width = self.cache.width();
        let keys = page.keys(self.head, width);
        for (tile, keys) in keys.chunks_exact(width * TILE).take(tiles).enumerate() {
            let mut scores = [[0f32; TILE]; R];
            for (column, keys) in keys.as_chunks::<TILE>().0.iter().enumerate() {
                let keys = H::read(keys);
                for r in 0..R {
                    let q = self.queries[r][column];
                    scores[r] = std::array::from_fn(|i| scores[r][i] + q * keys[i]);
                }
            }
            for r in 0..R {
                rows[r][at + tile * TILE..][..TILE].copy_from_slice(&scores[r]);
            }
        }
    }

    /// The weighted means, `N` · 16 columns at a time.
    #[inline(always)]
    fn values<H: Halves, const N: usize>(
        &mut self,
        first: usize,
        end: usize,
        weights: [&[f32]; R],
        inverses: [f32; R],
    ) {
        let width = self.cache.width();
        let mut column = 0;
        while column + N * TILE <= width {
            self.columns::<H, N>(column, first, end, weights, inverses);
            column += N * TILE;
        }
        while column < width {
            self.columns::<H, 1>(column, first, end, weights, inverses);
            column += TILE;
        }
    }

    #[inline(always)]
    fn columns<H: Halves, const N: usize>(
        &mut self,
        column: usize,
        first: usize,
        end: usize,
        weights: [&[f32]; R],
        inverses: [f32; R],
    ) {
        let width = self.cache.width();
        let mut totals = [[[0f32; TILE]; N]; R];
        for (chunk, page) in self.cache.pages().skip(first).enumerate() {
            let positions = CHUNK.min((end - first * CHUNK).saturating_sub(chunk * CHUNK));
            let values = page.values(self.head, width).chunks_exact(width);
            let mut sums = [[[0f32; TILE]; N]; R];
            for (at, row) in values.take(positions).enumerate() {
                let (cells, _) = row[column..column + N * TILE].as_chunks::<TILE>();
                let values: [[f32; TILE]; N] = std::array::from_fn(|n| H::read(&cells[n]));
                for r in 0..R {
                    let weight = weights[r][chunk * CHUNK + at];
                    for n in 0..N {
                        sums[r][n] = std::array::from_fn(|i| sums[r][n][i] + weight * values[n][i]);
                    }
                }
            }
            for r in 0..R {
                for n in 0..N {
                    totals[r][n] = std::array::from_fn(|i| totals[r][n][i] + sums[r][n][i]);
                }
            }
        }
        for r in 0..R {
            for n in 0..N {
                for i in 0..TILE {
                    self.out[r][column + n * TILE + i] = totals[r][n][i] * inverses[r];
                }
            }
        }
    }
}

/// Makes weights of scores, +0 where nothing is seen; gives 1 / their sum.
#[inline(always)]
fn soften(row: &mut [f32], seen: Range<usize>, sink: Option<f32>) -> f32 {
    row[..seen.start].fill(UNSEEN);
    row[seen.end..].fill(UNSEEN);
    let (tiles, _) = row.as_chunks_mut::<TILE>();
    let mut tops = [UNSEEN; TILE];
    for tile in tiles.iter() {
        tops = std::array::from_fn(|i| max(tile[i], tops[i]));
    }
    let top = tops.into_iter().fold(sink.unwrap_or(UNSEEN), |top, x| max(x, top));
    for tile in tiles {
        *tile = tile.map(|score| exp(score - top));
    }
    let mut total = 0f32;
    for chunk in row.chunks(CHUNK) {
        total += sum(chunk);
    }
    if let Some(sink) = sink {
        total += exp(sink - top);
    }
    reciprocal(total)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! F16C, as wide as the vectors are.

    use std::arch::x86_64::*;

    use super::{Halves, TILE};

    pub(super) struct Wide;
    pub(super) struct Half;

    impl Halves for Wide {
        #[inline(always)]
        fn read(cells: &[u16; TILE]) -> [f32; TILE] {
            let mut out = [0f32; TILE];
            // SAFETY: used by `avx512` alone; both arrays hold sixteen.
            unsafe {
                _mm512_storeu_ps(out.as_mut_ptr(), _mm512_cvtph_ps(_mm256_loadu_si256(cells.as_ptr().cast())))
            };
            out
        }
    }

    impl Halves for Half {
        #[inline(always)]
        fn read(cells: &[u16; TILE]) -> [f32; TILE] {
            let mut out = [0f32; TILE];
            for at in [0, 8] {
                // SAFETY: used by `avx2` alone; both arrays hold sixteen.
                unsafe {
                    let cells = _mm_loadu_si128(cells.as_ptr().add(at).cast());
                    _mm256_storeu_ps(out.as_mut_ptr().add(at), _mm256_cvtph_ps(cells));
                }
            }
            out
        }
    }
}
