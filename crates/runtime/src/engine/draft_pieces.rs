//! What a run is expected to write, told to the engine piece by piece.
//!
//! **Invariant:** a draft decides when rows are computed and never which. No piece is longer than [`PIECE`], so that nobody
//! who shares the engine waits for a whole draft.

use std::sync::Arc;

use assay_engine::session::DRAFT_TOKENS_MAX;

/// Tokens that are told at a time.
pub(crate) const PIECE: usize = 256;

/// A draft, and how far it has come true.
#[derive(Debug, Default)]
pub(crate) struct DraftPieces {
    tokens: Arc<[u32]>,
    /// How many have come.
    came: usize,
    /// How many were told, once the tokens before the draft are known.
    told: Option<usize>,
}

impl DraftPieces {
    /// One that is too long is none: it is a hint.
    pub(crate) fn new(tokens: Arc<[u32]>) -> Self {
        if tokens.len() > DRAFT_TOKENS_MAX {
            return Self::default();
        }
        Self { tokens, ..Self::default() }
    }

    /// Gives it up.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The piece that is to be told before these tokens are read; none where there is nothing to tell.
    pub(crate) fn before(&mut self, tokens: &[u32]) -> &[u32] {
        if let Some(told) = self.told {
            if !self.tokens[self.came..].starts_with(tokens) {
                self.forget();
                return &[];
            }
            self.came += tokens.len();
            if self.came <= told {
                return &[];
            }
        }
        let end = self.tokens.len().min(self.came + PIECE);
        self.told = Some(end);
        &self.tokens[self.came..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(length: u32) -> DraftPieces {
        DraftPieces::new((0..length).collect())
    }

    #[test]
    fn a_draft_is_told_behind_the_first_tokens_and_again_where_it_was_used_up() {
        let mut draft = draft(600);
        assert_eq!(draft.before(&[7, 8, 9]), (0..256).collect::<Vec<_>>());
        for token in 0..256 {
            assert!(draft.before(&[token]).is_empty(), "{token} was computed ahead");
        }
        assert_eq!(draft.before(&[256]), (257..513).collect::<Vec<_>>());
        let many: Vec<u32> = (257..520).collect();
        assert_eq!(draft.before(&many), (520..600).collect::<Vec<_>>());
        let rest: Vec<u32> = (520..600).collect();
        assert!(draft.before(&rest).is_empty());
        assert!(draft.before(&[600]).is_empty());
    }

    #[test]
    fn a_draft_that_does_not_come_true_is_given_up() {
        let mut draft = draft(600);
        draft.before(&[7]);
        assert!(draft.before(&[0, 2]).is_empty());
        assert!(draft.before(&[0]).is_empty() && draft.before(&[300]).is_empty());
        assert!(DraftPieces::new((0..=DRAFT_TOKENS_MAX as u32).collect()).before(&[1]).is_empty());
    }
}
