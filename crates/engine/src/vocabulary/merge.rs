//! Puts pieces together, the most wanted pair first, as long as there is one.
//!
//! **Invariant:** of pairs that are wanted alike the one further left goes first; n pieces take O(n log n) steps, however
//! they join.

use std::{cmp::Reverse, collections::BinaryHeap, ops::Range};

/// Stands for no piece.
const NONE: u32 = u32::MAX;

/// What a piece of text is called; tokens are called by their numbers, and what only merges know by numbers above.
pub(super) type Symbol = u32;

/// A piece of a word.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    /// What it is called, if anything knows it.
    pub(super) symbol: Option<Symbol>,
    begin: u32,
    /// 0 once it was joined to the piece before it.
    length: u32,
    before: u32,
    behind: u32,
}

impl Segment {
    /// Where in the word it stands.
    pub(super) fn range(&self) -> Range<usize> {
        self.begin as usize..(self.begin + self.length) as usize
    }
}

/// Two pieces that may be joined, as they were when they were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Bigram {
    /// The smaller, the more wanted.
    rank: u32,
    left: u32,
    right: u32,
    /// Both lengths: a pair of which one has grown is another.
    length: u32,
    /// What they become.
    symbol: Symbol,
}

/// The pieces of a word. Kept for the next word, so that a text of many allocates for one.
#[derive(Debug, Default)]
pub(super) struct Segments {
    pieces: Vec<Segment>,
    pairs: BinaryHeap<Reverse<Bigram>>,
}

impl Segments {
    /// Begins another word.
    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        self.pairs.clear();
    }

    /// Adds a piece of so many bytes, which stands behind those before.
    pub(super) fn push(&mut self, symbol: Option<Symbol>, length: usize) {
        let number = self.pieces.len() as u32;
        let begin = self.pieces.last().map_or(0, |last| last.begin + last.length);
        if let Some(last) = self.pieces.last_mut() {
            last.behind = number;
        }
        let before = number.checked_sub(1).unwrap_or(NONE);
        self.pieces.push(Segment { symbol, begin, length: length as u32, before, behind: NONE });
    }

    /// Joins what can be joined; `join` says how much two pieces are wanted as one, the smaller the more, and what they
    /// become.
    pub(super) fn merge(&mut self, join: impl Fn(&Segment, &Segment) -> Option<(u32, Symbol)>) {
        for right in 1..self.pieces.len() {
            self.offer((right - 1) as u32, right as u32, &join);
        }
        while let Some(Reverse(pair)) = self.pairs.pop() {
            let Some((left, right)) = self.piece(pair.left).zip(self.piece(pair.right)) else { continue };
            if left.length == 0 || right.length == 0 || left.length + right.length != pair.length {
                continue;
            }
            self.change(pair.right, |piece| piece.length = 0);
            self.change(right.behind, |piece| piece.before = pair.left);
            self.change(pair.left, |piece| {
                piece.symbol = Some(pair.symbol);
                piece.length = pair.length;
                piece.behind = right.behind;
            });
            self.offer(left.before, pair.left, &join);
            self.offer(pair.left, right.behind, &join);
        }
    }

    /// The pieces that are left, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Segment> {
        self.pieces.iter().filter(|piece| piece.length > 0)
    }

    fn piece(&self, number: u32) -> Option<Segment> {
        self.pieces.get(number as usize).copied()
    }

    fn change(&mut self, number: u32, change: impl FnOnce(&mut Segment)) {
        if let Some(piece) = self.pieces.get_mut(number as usize) {
            change(piece);
        }
    }

    fn offer(&mut self, left: u32, right: u32, join: &impl Fn(&Segment, &Segment) -> Option<(u32, Symbol)>) {
        let Some((one, other)) = self.piece(left).zip(self.piece(right)) else { return };
        if let Some((rank, symbol)) = join(&one, &other) {
            self.pairs.push(Reverse(Bigram { rank, left, right, length: one.length + other.length, symbol }));
        }
    }
}

/// Which pairs a vocabulary joins: for each symbol the ones it can stand before, in order.
#[derive(Debug)]
pub(super) struct Merges {
    /// Where in `pairs` those of each symbol end.
    ends: Vec<u32>,
    /// The symbol to the right, the rank, and what comes of it.
    pairs: Vec<(Symbol, u32, Symbol)>,
}

impl Merges {
    /// From left, right, rank and result of each; of two with the same sides the lower rank counts.
    pub(super) fn new(mut all: Vec<(Symbol, Symbol, u32, Symbol)>) -> Self {
        all.sort_unstable();
        all.dedup_by_key(|(left, right, ..)| (*left, *right));
        let symbols = all.last().map_or(0, |(left, ..)| *left as usize + 1);
        let mut ends = vec![0; symbols];
        for (place, (left, ..)) in all.iter().enumerate() {
            if let Some(end) = ends.get_mut(*left as usize) {
                *end = place as u32 + 1;
            }
        }
        // A symbol without pairs ends where the one before it does.
        let mut before = 0;
        for end in &mut ends {
            before = before.max(*end);
            *end = before;
        }
        Self { ends, pairs: all.into_iter().map(|(_, right, rank, result)| (right, rank, result)).collect() }
    }

    /// Rank and result of a pair.
    pub(super) fn find(&self, left: Symbol, right: Symbol) -> Option<(u32, Symbol)> {
        let left = left as usize;
        let end = *self.ends.get(left)? as usize;
        let begin =
            left.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |end| *end as usize);
        let own = self.pairs.get(begin..end)?;
        let place = own.binary_search_by_key(&right, |(right, ..)| *right).ok()?;
        own.get(place).map(|(_, rank, result)| (*rank, *result))
    }
}
