//! What a session reads at once, computed in pieces so that others can read beside it.
//!
//! **Invariant:** what a turn gives depends on its session and its tokens alone: not on the pieces, nor on whose turns
//! shared a pass. A turn that is refused leaves its session as it was. Digests are the engine's own, of what it computed: never of
//! what lies where others see it.

use std::sync::{Arc, Mutex, PoisonError};

use assay_engine::session::{Processor, Row, Rows};
use assay_protocol::id::Digest;

use super::{
    cards::CardError,
    placed::{self, PlacedSession, PlacedStep},
};
use crate::worker::WrittenPages;

/// Tokens that one turn reads in a pass while others wait: enough for a pass to be worth it, few enough not to be felt.
const SHARED_PIECE: usize = 64;
/// The same of one that is alone.
const LONE_PIECE: usize = 256;

/// The rows that a turn gives, one after another.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct GivenRows {
    /// The position of the first.
    pub(crate) first: u64,
    /// One for each.
    pub(crate) digests: Vec<Digest>,
    /// Their numbers, little-endian; none where those lie in pages.
    pub(crate) logits: Vec<u8>,
}

impl GivenRows {
    pub(crate) fn add(&mut self, row: Row<'_>) {
        self.note(&row);
        let start = self.logits.len();
        self.logits.resize(start + size_of_val(row.logits), 0);
        let (bytes, _) = self.logits[start..].as_chunks_mut();
        for (bytes, logit) in bytes.iter_mut().zip(row.logits) {
            *bytes = logit.to_le_bytes();
        }
    }

    /// All of a row but its numbers.
    fn note(&mut self, row: &Row<'_>) {
        if self.digests.is_empty() {
            self.first = row.position as u64;
        }
        self.digests.push(Digest(row.digest.0));
    }
}

/// Pages that a session's rows are laid in, one turn's after another's.
pub(crate) type SessionPages = Arc<Mutex<WrittenPages>>;

/// The rows of a turn while they come.
#[derive(Default)]
pub(crate) struct TurnRows {
    pub(crate) given: GivenRows,
    /// Bytes of all of them, with their digests.
    room: usize,
    /// Where their numbers go instead, with how many bytes lie there.
    pages: Option<(SessionPages, usize)>,
}

impl TurnRows {
    /// So many rows.
    fn of(rows: usize, row_bytes: usize) -> Self {
        Self { room: rows.saturating_mul(row_bytes + size_of::<Digest>()), ..Self::default() }
    }

    /// The next of them.
    pub(crate) fn add(&mut self, row: Row<'_>) {
        let Some((pages, laid)) = &mut self.pages else {
            if self.given.digests.is_empty() {
                self.given.logits.reserve_exact(self.room);
            }
            return self.given.add(row);
        };
        let fits = pages.lock().unwrap_or_else(PoisonError::into_inner).lay(*laid, row.logits);
        assert!(fits, "rows lie in pages that have room for all of them");
        *laid += size_of_val(row.logits);
        self.given.note(&row);
    }
}

/// What one session is to read, and how far it is.
pub(crate) struct EngineTurn {
    pub(crate) session: PlacedSession,
    tokens: Vec<u32>,
    /// The first token whose row is wanted.
    first: usize,
    /// What is expected behind the tokens.
    draft: Vec<u32>,
    done: usize,
    pub(crate) rows: TurnRows,
    /// Why it is refused, if it is.
    pub(crate) refused: Option<String>,
}

impl EngineTurn {
    /// Reads `tokens`, and gives the rows of those from the place `first` on.
    pub(crate) fn new(session: PlacedSession, tokens: Vec<u32>, first: usize, draft: Vec<u32>) -> Self {
        let refused = session.admit(&tokens, Rows::From(first)).err().map(|why| why.to_string());
        let rows = match refused {
            Some(_) => TurnRows::default(),
            None => TurnRows::of(tokens.len() - first, session.row_bytes()),
        };
        Self { session, tokens, first, draft, done: 0, rows, refused }
    }

    /// The same with its rows laid in pages that have room for all of them, if there are such.
    pub(crate) fn onto(mut self, pages: Option<SessionPages>) -> Self {
        self.rows.pages = pages.map(|pages| (pages, 0));
        self
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_over(&self) -> bool {
        self.refused.is_some() || self.done == self.tokens.len()
    }

    /// Whether nothing was done yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.done == 0
    }

    /// What is read next, and where its rows go.
    fn piece(&mut self, most: usize) -> PlacedStep<'_> {
        let end = self.tokens.len().min(self.done + most);
        if end == self.tokens.len() && !self.draft.is_empty() {
            self.session.expect(&std::mem::take(&mut self.draft));
        }
        let tokens = &self.tokens[self.done..end];
        let rows = Rows::From(self.first.saturating_sub(self.done).min(tokens.len()));
        self.done = end;
        PlacedStep { session: &mut self.session, tokens, rows, given: &mut self.rows }
    }
}

/// Takes all turns that are not over one piece further, in one pass.
///
/// # Errors
/// The card that computes them is of no use any more.
pub(crate) fn advance<'a>(
    processor: Option<&mut Processor>,
    turns: impl IntoIterator<Item = &'a mut EngineTurn>,
) -> Result<(), CardError> {
    let turns: Vec<_> = turns.into_iter().filter(|turn| !turn.is_over()).collect();
    let most = if turns.len() > 1 { SHARED_PIECE } else { LONE_PIECE };
    match placed::take(processor, turns.into_iter().map(|turn| turn.piece(most))) {
        Err(CardError::Session(why)) => {
            // Each was admitted whole before its first piece.
            unreachable!("a turn that was admitted is refused: {why}")
        }
        taken => taken,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use assay_engine::{cpu::Cpu, model::Model, session::Session};

    use super::*;
    use crate::engine::fixture::{sums, tokens};
    #[cfg(unix)]
    use crate::worker::links_of;

    struct Engine {
        model: Arc<Model>,
        processor: Processor,
    }

    impl Engine {
        fn new() -> Self {
            let model = Arc::new(sums());
            Self { processor: Processor::new(Arc::clone(&model), Cpu::new(1)), model }
        }

        fn turn(&self, count: u32, first: usize, draft: &[u32]) -> EngineTurn {
            let session = PlacedSession::Processor(Session::new(&self.model, 128).unwrap());
            EngineTurn::new(session, tokens(count), first, draft.to_vec())
        }

        /// What a turn gives that is alone and whole.
        fn alone(&mut self, mut turn: EngineTurn) -> GivenRows {
            let mut rows = GivenRows::default();
            let EngineTurn { session: PlacedSession::Processor(session), tokens, first, .. } = &mut turn
            else {
                panic!("no card is here")
            };
            self.processor.extend(session, tokens, Rows::From(*first), |row| rows.add(row)).unwrap();
            rows
        }
    }

    #[test]
    fn turns_of_any_length_give_together_what_each_gives_alone() {
        let mut engine = Engine::new();
        let kinds = [(1, 0), (128, 127), (65, 60), (64, 64), (100, 63), (2, 1)];
        let mut turns: Vec<EngineTurn> =
            kinds.iter().map(|(count, first)| engine.turn(*count, *first, &[3, 4])).collect();
        let mut passes = 0;
        while turns.iter().any(|turn| !turn.is_over()) {
            advance(Some(&mut engine.processor), &mut turns).unwrap();
            passes += 1;
        }
        assert_eq!(passes, 2, "128 tokens, 64 at a time");
        for (turn, (count, first)) in turns.into_iter().zip(kinds) {
            assert_eq!(turn.session.len(), count as usize);
            let alone = engine.turn(count, first, &[]);
            assert_eq!(turn.rows.given, engine.alone(alone), "{count} tokens, rows from {first}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn rows_that_lie_in_pages_are_those_of_a_turn_that_keeps_them() {
        let mut engine = Engine::new();
        let (written, read) = links_of(1 << 20).unwrap().unwrap();
        let (Some(pages), Some(read)) = (written.written_pages(), read.read_pages()) else {
            // This system has none.
            return;
        };
        let pages = Arc::new(Mutex::new(pages));
        for (count, first) in [(1, 0), (100, 3), (128, 0), (2, 1), (65, 65)] {
            let mut turn = engine.turn(count, first, &[3, 4]).onto(Some(Arc::clone(&pages)));
            while !turn.is_over() {
                advance(Some(&mut engine.processor), [&mut turn]).unwrap();
            }
            let alone = engine.turn(count, first, &[]);
            let alone = engine.alone(alone);
            let logits = read.copy(alone.logits.len()).unwrap();
            assert!(turn.rows.given.logits.is_empty());
            assert_eq!(GivenRows { logits, ..turn.rows.given }, alone, "{count} tokens, rows from {first}");
        }
    }

    #[test]
    fn a_turn_that_is_refused_reads_nothing() {
        let mut engine = Engine::new();
        let mut unknown = tokens(100);
        unknown[90] = u32::MAX;
        let session = || PlacedSession::Processor(Session::new(&engine.model, 128).unwrap());
        let mut turns = vec![
            EngineTurn::new(session(), unknown, 0, Vec::new()),
            EngineTurn::new(session(), tokens(129), 128, Vec::new()),
            EngineTurn::new(session(), tokens(3), 4, Vec::new()),
            EngineTurn::new(session(), Vec::new(), 0, Vec::new()),
            EngineTurn::new(session(), tokens(3), 2, vec![u32::MAX]),
        ];
        advance(Some(&mut engine.processor), &mut turns).unwrap();
        let last = turns.pop().unwrap();
        assert!(last.is_over() && last.refused.is_none(), "a draft is a hint");
        for turn in turns {
            assert!(turn.is_over() && turn.session.len() == 0, "{:?}", turn.refused);
            assert!(turn.refused.is_some());
        }
    }
}
