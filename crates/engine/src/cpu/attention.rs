//! Attention, several query rows of one head of keys at a time.
//!
//! **Invariant:** each row's sums are those of `arithmetic::attend`: rows share what is read, never a sum, and threads share
//! rows, or chunks of them that are joined in their order.

#![allow(clippy::needless_range_loop, reason = "the same index runs over several arrays of registers")]

mod halves;
mod shared;

use std::{cell::RefCell, ops::Range};

#[cfg(target_arch = "x86_64")]
use halves::x86;
use halves::{Halves, Portable};

use super::{Isa, Split, Threads};
use crate::{
    arithmetic::{CHUNK, UNSEEN, cap, exp, max, reciprocal, sum},
    cache::{Cache, TILE},
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

pub(super) fn attend(isa: Isa, threads: &Threads, view: &View<'_>, sequences: &mut [Attention<'_>]) {
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
    if isa != Isa::Scalar && shared::is_fairer(threads.threads(), pieces.len(), &sequences) {
        return shared::attend(isa, threads, view, &sequences, &pieces);
    }
    threads.run(pieces.len(), &|piece| {
        let (sequence, tokens, head) = pieces[piece].clone();
        sequences[sequence].piece(isa, view, tokens, head);
    });
}

/// One query: where it is in its sequence's rows, and the positions it sees.
#[derive(Debug, Clone)]
struct QueryRow {
    at: usize,
    sees: Range<usize>,
    sink: Option<f32>,
}

impl Sequence<'_> {
    /// The queries of a head of keys and a few tokens.
    fn queries(&self, view: &View<'_>, tokens: Range<usize>, head: usize) -> Vec<QueryRow> {
        let (width, each) = (self.cache.width(), view.heads / self.cache.heads());
        let query = |token: usize, query: usize| {
            let end = self.first + token + 1;
            let at = (token * view.heads + head * each + query) * width;
            let sink = view.sinks.map(|sinks| sinks[head * each + query]);
            QueryRow { at, sink, sees: view.window.map_or(0, |window| end.saturating_sub(window))..end }
        };
        tokens.flat_map(|token| (0..each).map(move |q| (token, q))).map(|(t, q)| query(t, q)).collect()
    }

    /// The queries of a head of keys and a few tokens, as many at a time as the registers hold.
    fn piece(&self, isa: Isa, view: &View<'_>, tokens: Range<usize>, head: usize) {
        let queries = self.queries(view, tokens, head);
        let mut rest = queries.as_slice();
        while !rest.is_empty() {
            let (these, others) = rest.split_at(together(rest.len()));
            match these.len() {
                1 => self.rows::<1>(isa, view, head, these),
                2 => self.rows::<2>(isa, view, head, these),
                3 => self.rows::<3>(isa, view, head, these),
                4 => self.rows::<4>(isa, view, head, these),
                _ => self.rows::<6>(isa, view, head, these),
            }
            rest = others;
        }
    }

    /// `R` queries, from scores to means.
    fn rows<const R: usize>(&self, isa: Isa, view: &View<'_>, head: usize, queries: &[QueryRow]) {
        thread_local! {
            static WEIGHTS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
        }
        WEIGHTS.with_borrow_mut(|weights| {
            // SAFETY: each query is in one piece and in it once.
            let out = std::array::from_fn(|r| unsafe { self.means(&queries[r]) });
            QueryRows::<R>::new(self, view, head, queries).work(isa, RowsPart::Whole { weights, out });
        });
    }

    /// Where the means of a query go.
    ///
    /// # Safety
    ///
    /// Nobody else has those of this query.
    #[allow(clippy::mut_from_ref, reason = "the caller says that the means are apart")]
    unsafe fn means(&self, query: &QueryRow) -> &mut [f32] {
        // SAFETY: the caller's promise.
        unsafe { self.out.part(query.at..query.at + self.cache.width()) }
    }
}

/// How many of so many queries are taken at a time.
fn together(queries: usize) -> usize {
    match queries {
        0..=3 => queries,
        4 | 5 | 8 => 4,
        _ => 6,
    }
}

/// `R` queries of one head of keys.
struct QueryRows<'a, const R: usize> {
    queries: [&'a [f32]; R],
    sees: [Range<usize>; R],
    cap: Option<f32>,
    sinks: [Option<f32>; R],
    cache: &'a Cache,
    head: usize,
}

/// What is done with rows at a time.
enum RowsPart<'p, const R: usize> {
    /// All of it. There is room for a weight of each position of each row, from the first page that is seen on.
    Whole { weights: &'p mut Vec<f32>, out: [&'p mut [f32]; R] },
    /// Scores of a chunk, and the greatest of each row.
    Scores { chunk: usize, scores: [&'p mut [f32]; R], tops: &'p mut [f32] },
    /// The weights of a chunk's scores, given the greatest of all; the sums of weights and of values.
    Values {
        chunk: usize,
        tops: &'p [f32],
        scores: [&'p mut [f32]; R],
        totals: &'p mut [f32],
        out: [&'p mut [f32]; R],
    },
}

impl<'a, const R: usize> QueryRows<'a, R> {
    /// The first `R` of the queries.
    fn new(of: &'a Sequence<'_>, view: &View<'_>, head: usize, queries: &[QueryRow]) -> Self {
        let width = of.cache.width();
        Self {
            queries: std::array::from_fn(|r| &of.queries[queries[r].at..][..width]),
            sees: std::array::from_fn(|r| queries[r].sees.clone()),
            cap: view.cap,
            sinks: std::array::from_fn(|r| queries[r].sink),
            cache: of.cache,
            head,
        }
    }

    fn work(&self, isa: Isa, part: RowsPart<'_, R>) {
        match isa {
            // SAFETY: a processor is made of instructions that are here alone.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 | Isa::Amx => unsafe { self.avx512(part) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 | Isa::AvxVnni => unsafe { self.avx2(part) },
            #[cfg(not(target_arch = "x86_64"))]
            Isa::Amx | Isa::Avx512 | Isa::Avx2 | Isa::AvxVnni => self.body::<Portable>(part),
            Isa::Scalar => match part {
                RowsPart::Whole { out, .. } => self.define(out),
                part @ (RowsPart::Scores { .. } | RowsPart::Values { .. }) => self.body::<Portable>(part),
            },
            Isa::Neon | Isa::NeonDot | Isa::Simd128 => self.body::<Portable>(part),
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq")]
    fn avx512(&self, part: RowsPart<'_, R>) {
        self.body::<x86::Wide>(part);
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,f16c")]
    fn avx2(&self, part: RowsPart<'_, R>) {
        self.body::<x86::Half>(part);
    }

    /// The definition, row by row.
    fn define(&self, out: [&mut [f32]; R]) {
        let (cache, head) = (self.cache, self.head);
        for (r, out) in out.into_iter().enumerate() {
            crate::arithmetic::attend(
                self.queries[r],
                &crate::arithmetic::Sight {
                    positions: self.sees[r].clone(),
                    cap: self.cap,
                    sink: self.sinks[r],
                },
                |position, column| cache.key(head, position, column),
                |position, column| cache.value(head, position, column),
                out,
            );
        }
    }

    #[inline(always)]
    fn body<H: Halves>(&self, part: RowsPart<'_, R>) {
        match part {
            RowsPart::Whole { weights, out } => self.whole::<H>(weights, out),
            RowsPart::Scores { chunk, mut scores, tops } => {
                self.scores::<H>(chunk, &mut scores);
                for r in 0..R {
                    tops[r] = top(scores[r], UNSEEN);
                }
            }
            RowsPart::Values { chunk, tops, scores, totals, out } => {
                for r in 0..R {
                    weigh(scores[r], tops[r]);
                    totals[r] = sum(scores[r]);
                }
                let end = chunk * CHUNK + scores[0].len();
                // Times one changes no bit.
                self.values::<H>(chunk, end, scores.map(|row| &*row), [1.0; R], out);
            }
        }
    }

    #[inline(always)]
    fn whole<H: Halves>(&self, weights: &mut Vec<f32>, out: [&mut [f32]; R]) {
        let seen = chunks(&self.sees);
        let end = self.sees.iter().map(|sees| sees.end).max().unwrap_or(0);
        let from = seen.start * CHUNK;
        let length = (end - from).next_multiple_of(TILE);
        weights.resize(R * length, 0.0);
        let mut rest = &mut weights[..R * length];
        let mut rows: [&mut [f32]; R] =
            std::array::from_fn(|_| rest.split_off_mut(..length).unwrap_or_default());
        for chunk in seen.clone() {
            let here = (chunk - seen.start) * CHUNK..length.min((chunk - seen.start + 1) * CHUNK);
            let mut scores = rows.each_mut().map(|row| &mut row[here.clone()]);
            self.scores::<H>(chunk, &mut scores);
        }
        let mut inverses = [0f32; R];
        for r in 0..R {
            let top = top(rows[r], self.sinks[r].unwrap_or(UNSEEN));
            weigh(rows[r], top);
            inverses[r] = inverse(rows[r].chunks(CHUNK).map(sum), top, self.sinks[r]);
        }
        self.values::<H>(seen.start, end, rows.map(|row| &*row), inverses, out);
    }

    /// The scores of a chunk's first positions; below all others where nothing is seen.
    #[inline(always)]
    fn scores<H: Halves>(&self, chunk: usize, rows: &mut [&mut [f32]; R]) {
        let width = self.cache.width();
        let Some(page) = self.cache.pages().nth(chunk) else { return };
        let keys = page.keys(self.head, width);
        for (tile, keys) in keys.chunks_exact(width * TILE).take(rows[0].len() / TILE).enumerate() {
            let mut scores = [[0f32; TILE]; R];
            for (column, keys) in keys.as_chunks::<TILE>().0.iter().enumerate() {
                let keys = H::read(keys);
                for r in 0..R {
                    let q = self.queries[r][column];
                    for i in 0..TILE {
                        scores[r][i] += q * keys[i];
                    }
                }
            }
            for r in 0..R {
                rows[r][tile * TILE..][..TILE].copy_from_slice(&scores[r]);
            }
        }
        for r in 0..R {
            if let Some(limit) = self.cap {
                for score in rows[r].iter_mut() {
                    *score = cap(*score, limit);
                }
            }
            let (first, length) = (chunk * CHUNK, rows[r].len());
            let [start, end] =
                [self.sees[r].start, self.sees[r].end].map(|at| at.saturating_sub(first).min(length));
            rows[r][..start].fill(UNSEEN);
            rows[r][end..].fill(UNSEEN);
        }
    }

    /// The weighted means of positions from chunk `first` to `end`.
    #[inline(always)]
    fn values<H: Halves>(
        &self,
        first: usize,
        end: usize,
        weights: [&[f32]; R],
        inverses: [f32; R],
        mut out: [&mut [f32]; R],
    ) {
        if R > 3 {
            self.by_columns::<H, 1>(first, end, weights, inverses, &mut out);
        } else {
            self.by_columns::<H, 2>(first, end, weights, inverses, &mut out);
        }
    }

    /// `N` · 16 columns at a time.
    #[inline(always)]
    fn by_columns<H: Halves, const N: usize>(
        &self,
        first: usize,
        end: usize,
        weights: [&[f32]; R],
        inverses: [f32; R],
        out: &mut [&mut [f32]; R],
    ) {
        let width = self.cache.width();
        let mut column = 0;
        while column + N * TILE <= width {
            self.columns::<H, N>(column, first, end, weights, inverses, out);
            column += N * TILE;
        }
        while column < width {
            self.columns::<H, 1>(column, first, end, weights, inverses, out);
            column += TILE;
        }
    }

    #[inline(always)]
    fn columns<H: Halves, const N: usize>(
        &self,
        column: usize,
        first: usize,
        end: usize,
        weights: [&[f32]; R],
        inverses: [f32; R],
        out: &mut [&mut [f32]; R],
    ) {
        let width = self.cache.width();
        let mut totals = [[[0f32; TILE]; N]; R];
        for (chunk, page) in self.cache.pages().skip(first).take(end.div_ceil(CHUNK) - first).enumerate() {
            let positions = CHUNK.min((end - first * CHUNK).saturating_sub(chunk * CHUNK));
            let values = page.values(self.head, width).chunks_exact(width);
            let mut sums = [[[0f32; TILE]; N]; R];
            for (at, row) in values.take(positions).enumerate() {
                let (cells, _) = row[column..column + N * TILE].as_chunks::<TILE>();
                let mut values = [[0f32; TILE]; N];
                for n in 0..N {
                    values[n] = H::read(&cells[n]);
                }
                for r in 0..R {
                    let weight = weights[r][chunk * CHUNK + at];
                    for n in 0..N {
                        for i in 0..TILE {
                            sums[r][n][i] += weight * values[n][i];
                        }
                    }
                }
            }
            for r in 0..R {
                for n in 0..N {
                    for i in 0..TILE {
                        totals[r][n][i] += sums[r][n][i];
                    }
                }
            }
        }
        for r in 0..R {
            for n in 0..N {
                for i in 0..TILE {
                    out[r][column + n * TILE + i] = totals[r][n][i] * inverses[r];
                }
            }
        }
    }
}

/// The chunks that any of these sees.
fn chunks(sees: &[Range<usize>]) -> Range<usize> {
    let first = sees.iter().map(|sees| sees.start).min().unwrap_or(0);
    let end = sees.iter().map(|sees| sees.end).max().unwrap_or(0);
    first / CHUNK..end.div_ceil(CHUNK)
}

/// The greatest of these scores and another.
#[inline(always)]
fn top(scores: &[f32], other: f32) -> f32 {
    let mut tops = [UNSEEN; TILE];
    for tile in scores.as_chunks::<TILE>().0 {
        for i in 0..TILE {
            tops[i] = max(tile[i], tops[i]);
        }
    }
    let mut top = other;
    for x in tops {
        top = max(x, top);
    }
    top
}

/// Makes weights of scores, +0 where nothing is seen.
#[inline(always)]
fn weigh(scores: &mut [f32], top: f32) {
    for tile in scores.as_chunks_mut::<TILE>().0 {
        for score in tile {
            *score = exp(*score - top);
        }
    }
}

/// 1 / the sum of the chunks' sums and the sink's weight.
#[inline(always)]
fn inverse(sums: impl Iterator<Item = f32>, top: f32, sink: Option<f32>) -> f32 {
    let mut total = 0f32;
    for sum in sums {
        total += sum;
    }
    if let Some(sink) = sink {
        total += exp(sink - top);
    }
    reciprocal(total)
}
