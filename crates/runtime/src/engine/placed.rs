//! Where a model is computed: by the processor, or on a card.
//!
//! **Invariant:** it decides the speed and no bit.

use std::sync::Arc;

use assay_engine::session::{Processor, Rows, Session, SessionError, SessionStep};

use super::{
    cards::{CardError, CardSession, CardStep},
    turn::TurnRows,
};

/// A session, wherever its model is.
pub(crate) enum PlacedSession {
    /// In this process's memory.
    Processor(Session),
    /// In a card's, but for the layers that the processor has.
    Card(Box<CardSession>),
}

impl PlacedSession {
    /// How many tokens were read and not taken back.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Processor(session) => session.len(),
            Self::Card(session) => session.len(),
        }
    }

    /// Takes back all but the first `length` tokens.
    pub(crate) fn truncate(&mut self, length: usize) {
        match self {
            Self::Processor(session) => session.truncate(length),
            Self::Card(session) => session.truncate(length),
        }
    }

    /// Whether a step can be taken.
    pub(crate) fn admit(&self, tokens: &[u32], rows: Rows) -> Result<(), SessionError> {
        match self {
            Self::Processor(session) => session.admit(tokens, rows),
            Self::Card(session) => session.admit(tokens, rows),
        }
    }

    /// Says what is expected behind the tokens that are read next. A hint that does not fit is none.
    pub(crate) fn expect(&mut self, draft: &[u32]) {
        let _ = match self {
            Self::Processor(session) => session.expect(draft),
            Self::Card(session) => session.expect(draft),
        };
    }

    /// Bytes of a row.
    pub(crate) fn row_bytes(&self) -> usize {
        let model = match self {
            Self::Processor(session) => session.model(),
            Self::Card(session) => session.model().model(),
        };
        model.settings().vocabulary * size_of::<f32>()
    }

    /// Counts rows from now on, for who takes each as it is given.
    pub(crate) fn keep_no_evidence(&mut self) {
        match self {
            Self::Processor(session) => session.keep_no_evidence(),
            Self::Card(session) => session.keep_no_evidence(),
        }
    }

    /// Without what was expected of it, which is of no use to another.
    pub(crate) fn ended(self) -> Self {
        match self {
            Self::Processor(session) => Self::Processor(session.fork()),
            Self::Card(mut session) => {
                let _ = session.expect(&[]);
                Self::Card(session)
            }
        }
    }

    /// Another that has read the first `length` tokens of this one, with room for `capacity`.
    pub(crate) fn resumed(&self, length: usize, capacity: usize) -> Result<Self, CardError> {
        Ok(match self {
            Self::Processor(session) => Self::Processor(session.resumed(length, capacity)?),
            Self::Card(session) => Self::Card(Box::new(session.resumed(length, capacity)?)),
        })
    }
}

/// What one session reads in a pass, and where its rows go.
pub(crate) struct PlacedStep<'a> {
    pub(crate) session: &'a mut PlacedSession,
    pub(crate) tokens: &'a [u32],
    pub(crate) rows: Rows,
    pub(crate) given: &'a mut TurnRows,
}

/// Takes steps: those of a processor in one pass, those on a card one after another, but for the layers that the processor has.
///
/// # Errors
/// The card is of no use any more. No step is refused that was admitted.
pub(crate) fn take<'a>(
    processor: Option<&mut Processor>,
    steps: impl IntoIterator<Item = PlacedStep<'a>>,
) -> Result<(), CardError> {
    let (mut together, mut rows) = (Vec::new(), Vec::new());
    let (mut on_card, mut card_rows) = (Vec::new(), Vec::new());
    for PlacedStep { session, tokens, rows: wanted, given } in steps {
        match session {
            PlacedSession::Processor(session) => {
                together.push(SessionStep { session, tokens, rows: wanted });
                rows.push(given);
            }
            PlacedSession::Card(session) => {
                on_card.push(CardStep { session, tokens, rows: wanted });
                card_rows.push(given);
            }
        }
    }
    if let Some(first) = on_card.first() {
        let model = Arc::clone(first.session.model());
        model.step(&mut on_card, |step, row| card_rows[step].add(row))?;
    }
    match processor {
        Some(processor) if !together.is_empty() => {
            Ok(processor.step(&mut together, |step, row| rows[step].add(row))?)
        }
        Some(_) | None => Ok(()),
    }
}
