//! A session: what one run has at an engine of language models, in its own process or in another.
//!
//! **Invariant:** whichever it is, the same tokens give the same rows.

use std::sync::{Arc, Mutex, PoisonError};

use assay_engine::session::{Processor, Session};

use super::{
    draft_pieces::DraftPieces,
    placed::PlacedSession,
    turn::{EngineTurn, GivenRows, advance},
};

/// What a run reads at once.
#[derive(Debug)]
pub(crate) struct ReadStep {
    /// How many of the tokens read before stay, if not all do.
    pub(crate) keep: Option<usize>,
    /// What is read.
    pub(crate) tokens: Vec<u32>,
    /// The first of those whose row is wanted.
    pub(crate) first: usize,
}

/// Why a run does not get its rows, or what a network computes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EngineError {
    /// What it asked for is refused.
    #[error("{0}")]
    Refused(String),
    /// There is no engine any more, or none on this machine.
    #[error("{0}")]
    Lost(String),
}

/// What one run has at an engine.
pub(crate) trait EngineSession: Send + Sync {
    /// Says which tokens are expected behind those that are read next. A hint.
    fn expect(&mut self, draft: Arc<[u32]>) -> Result<(), EngineError>;
    /// Reads tokens, and gives the rows that are wanted.
    fn read(&mut self, step: ReadStep) -> Result<GivenRows, EngineError>;
}

/// What a session keeps at its engine, wherever that is.
pub(crate) struct DraftedSession {
    /// Always there but while a turn has it.
    session: Option<PlacedSession>,
    /// What it has read.
    tokens: Vec<u32>,
    draft: DraftPieces,
}

impl DraftedSession {
    /// One that has read these tokens.
    pub(crate) fn new(session: PlacedSession, tokens: &[u32]) -> Self {
        Self { session: Some(session), tokens: tokens.to_vec(), draft: DraftPieces::default() }
    }

    /// The session, and what it has read.
    pub(crate) fn into_parts(self) -> Option<(PlacedSession, Vec<u32>)> {
        Some((self.session?, self.tokens))
    }

    pub(crate) fn expect(&mut self, draft: Arc<[u32]>) {
        self.draft = DraftPieces::new(draft);
    }

    /// Has `take` carry a step out.
    ///
    /// # Errors
    /// The step is refused, or `take` gives nothing back.
    pub(crate) fn read(
        &mut self,
        step: ReadStep,
        take: impl FnOnce(EngineTurn) -> Option<EngineTurn>,
    ) -> Result<GivenRows, EngineError> {
        let ReadStep { keep, tokens, first } = step;
        let lost = || EngineError::Lost("it gave nothing back".to_owned());
        let mut session = self.session.take().ok_or_else(lost)?;
        if let Some(keep) = keep.filter(|keep| *keep < session.len()) {
            session.truncate(keep);
            self.tokens.truncate(keep);
            self.draft.forget();
        }
        let (draft, before) = (self.draft.before(&tokens).to_vec(), self.tokens.len());
        self.tokens.extend_from_slice(&tokens);
        let turn = take(EngineTurn::new(session, tokens, first, draft)).ok_or_else(lost)?;
        let EngineTurn { session, rows, refused, .. } = turn;
        self.session = Some(session);
        if refused.is_some() {
            self.tokens.truncate(before);
        }
        refused.map_or(Ok(rows.given), |why| Err(EngineError::Refused(why)))
    }
}

/// A session at the engine of this process.
pub(crate) struct OwnSession {
    kept: DraftedSession,
    processor: Arc<Mutex<Processor>>,
}

impl OwnSession {
    pub(crate) fn new(session: Session, processor: Arc<Mutex<Processor>>) -> Self {
        Self { kept: DraftedSession::new(PlacedSession::Processor(session), &[]), processor }
    }
}

impl EngineSession for OwnSession {
    fn expect(&mut self, draft: Arc<[u32]>) -> Result<(), EngineError> {
        self.kept.expect(draft);
        Ok(())
    }

    fn read(&mut self, step: ReadStep) -> Result<GivenRows, EngineError> {
        let mut processor = self.processor.lock().unwrap_or_else(PoisonError::into_inner);
        self.kept.read(step, |mut turn| {
            while !turn.is_over() {
                advance(Some(&mut processor), [&mut turn]).ok()?;
            }
            Some(turn)
        })
    }
}
