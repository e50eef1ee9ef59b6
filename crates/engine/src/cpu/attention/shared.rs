//! Attention whose chunks are shared among threads, where there are too few heads of keys for even shares.
//!
//! **Invariant:** a chunk's sums are its own, and one thread joins them in the order of the chunks.

use std::ops::Range;

use super::{
    CHUNK, Isa, QueryRow, QueryRows, RowsPart, Sequence, Split, TILE, Threads, UNSEEN, View, chunks, inverse,
    max, together,
};

/// Pieces of a thread from which on uneven shares do not matter.
const PIECES_ENOUGH: usize = 8;
/// Positions below which a second meeting of all threads takes longer than even shares save.
const POSITIONS_MIN: usize = 2 * CHUNK;

/// Whether so many threads share chunks more evenly than so many pieces.
pub(super) fn is_fairer(threads: usize, pieces: usize, sequences: &[Sequence<'_>]) -> bool {
    let uneven = !pieces.is_multiple_of(threads) && pieces < PIECES_ENOUGH * threads;
    threads > 1 && uneven && sequences.iter().all(|sequence| sequence.first >= POSITIONS_MIN)
}

/// Each piece is a sequence, tokens of it and a head of keys.
pub(super) fn attend(
    isa: Isa,
    threads: &Threads,
    view: &View<'_>,
    sequences: &[Sequence<'_>],
    pieces: &[(usize, Range<usize>, usize)],
) {
    let (groups, room) = groups(view, sequences, pieces);
    let work: Vec<(&QueryGroup<'_>, usize)> =
        groups.iter().flat_map(|group| group.chunks.clone().map(move |chunk| (group, chunk))).collect();
    let mut numbers = vec![0.0; room];
    let all = Split::new(&mut numbers);
    threads.run(work.len(), &|piece| {
        let (group, chunk) = work[piece];
        // SAFETY: a chunk of a group is in one piece.
        group.step(isa, view, chunk, None, unsafe { all.part(group.room_of(chunk)) });
    });
    let tops: Vec<Vec<f32>> = groups.iter().map(|group| group.tops(&numbers)).collect();
    let all = Split::new(&mut numbers);
    threads.run(work.len(), &|piece| {
        let (group, chunk) = work[piece];
        // SAFETY: as above.
        group.step(isa, view, chunk, Some(&tops[group.number]), unsafe { all.part(group.room_of(chunk)) });
    });
    for (group, tops) in groups.iter().zip(&tops) {
        group.join(&numbers, tops);
    }
}

/// Queries that are taken together.
struct QueryGroup<'a> {
    number: usize,
    sequence: &'a Sequence<'a>,
    head: usize,
    queries: Vec<QueryRow>,
    chunks: Range<usize>,
    /// Where its first chunk's numbers begin: of each row the scores, of each the greatest, of each the sum of the
    /// weights, of each those of the values.
    room: usize,
}

/// The groups, and how many numbers all their chunks have.
fn groups<'a>(
    view: &View<'_>,
    sequences: &'a [Sequence<'a>],
    pieces: &[(usize, Range<usize>, usize)],
) -> (Vec<QueryGroup<'a>>, usize) {
    let (mut groups, mut room) = (Vec::new(), 0);
    for (sequence, tokens, head) in pieces {
        let sequence = &sequences[*sequence];
        let mut rest = sequence.queries(view, tokens.clone(), *head);
        while !rest.is_empty() {
            let others = rest.split_off(together(rest.len()));
            let sees: Vec<Range<usize>> = rest.iter().map(|query| query.sees.clone()).collect();
            let (number, chunks) = (groups.len(), chunks(&sees));
            let group = QueryGroup { number, sequence, head: *head, queries: rest, chunks, room };
            room += group.chunks.len() * group.stride();
            groups.push(group);
            rest = others;
        }
    }
    (groups, room)
}

impl QueryGroup<'_> {
    /// How many numbers a chunk has.
    fn stride(&self) -> usize {
        self.queries.len() * (CHUNK + 2 + self.sequence.cache.width())
    }

    /// Where a chunk's numbers lie.
    fn room_of(&self, chunk: usize) -> Range<usize> {
        let from = self.room + (chunk - self.chunks.start) * self.stride();
        from..from + self.stride()
    }

    /// A chunk's scores; with the greatest of all chunks, its sums.
    fn step(&self, isa: Isa, view: &View<'_>, chunk: usize, tops: Option<&[f32]>, room: &mut [f32]) {
        match self.queries.len() {
            1 => self.rows::<1>(isa, view, chunk, tops, room),
            2 => self.rows::<2>(isa, view, chunk, tops, room),
            3 => self.rows::<3>(isa, view, chunk, tops, room),
            4 => self.rows::<4>(isa, view, chunk, tops, room),
            _ => self.rows::<6>(isa, view, chunk, tops, room),
        }
    }

    fn rows<const R: usize>(
        &self,
        isa: Isa,
        view: &View<'_>,
        chunk: usize,
        tops: Option<&[f32]>,
        room: &mut [f32],
    ) {
        let end = self.queries.iter().map(|query| query.sees.end).max().unwrap_or(0);
        let length = (end - chunk * CHUNK).next_multiple_of(TILE).min(CHUNK);
        let (scores, rest) = room.split_at_mut(R * CHUNK);
        let (own, rest) = rest.split_at_mut(R);
        let (totals, values) = rest.split_at_mut(R);
        let (mut scores, mut values) =
            (scores.chunks_mut(CHUNK), values.chunks_mut(self.sequence.cache.width()));
        let scores = std::array::from_fn(|_| &mut scores.next().unwrap_or_default()[..length]);
        let part = match tops {
            None => RowsPart::Scores { chunk, scores, tops: own },
            Some(tops) => {
                let out = std::array::from_fn(|_| values.next().unwrap_or_default());
                RowsPart::Values { chunk, tops, scores, totals, out }
            }
        };
        QueryRows::<R>::new(self.sequence, view, self.head, &self.queries).work(isa, part);
    }

    /// The greatest score of each query, its sink among them.
    fn tops(&self, numbers: &[f32]) -> Vec<f32> {
        let rows = self.queries.len();
        let mut tops: Vec<f32> = self.queries.iter().map(|query| query.sink.unwrap_or(UNSEEN)).collect();
        for chunk in self.chunks.clone() {
            let own = &numbers[self.room_of(chunk)][rows * CHUNK..];
            for (top, own) in tops.iter_mut().zip(own) {
                *top = max(*own, *top);
            }
        }
        tops
    }

    /// The means of each query, of its chunks' sums.
    fn join(&self, numbers: &[f32], tops: &[f32]) {
        let (rows, width) = (self.queries.len(), self.sequence.cache.width());
        for (row, query) in self.queries.iter().enumerate() {
            let own = |chunk| &numbers[self.room_of(chunk)][rows * (CHUNK + 1)..];
            let inverse = inverse(self.chunks.clone().map(|chunk| own(chunk)[row]), tops[row], query.sink);
            // SAFETY: each query is in one group and in it once, and no other thread has any now.
            let out = unsafe { self.sequence.means(query) };
            out.fill(0.0);
            for chunk in self.chunks.clone() {
                for (out, sum) in out.iter_mut().zip(&own(chunk)[rows + row * width..]) {
                    *out += *sum;
                }
            }
            for out in out {
                *out *= inverse;
            }
        }
    }
}
