//! A session at the engine of another process, and how that process serves it.
//!
//! ```text
//!   worker                         engine
//!   Describe ────────────────────▶
//!            ◀──────── Described, keys      once in a worker's life
//!   Expect, draft ───────────────▶          a hint, not answered
//!   Read, tokens ────────────────▶ takes its turn
//!            ◀──── Laid, Given or Refused
//! ```
//!
//! Rows that fit lie in the pages of the link, from their beginning on, and `Laid` says so; others come with `Given`. The same
//! bits either way. The engine lays the next ones when it is asked for them: who asks before it has copied the last loses those.
//!
//! **Invariant:** whoever serves a session believes nothing: frames are bounded, and a step is refused whole or taken whole. A
//! worker that goes away takes its session with it, in the middle of a turn as well. A session that goes on where another
//! ended cannot be told from one that began anew: what it was given beforehand belongs to its first step, and goes with it.

use std::{
    io::{self, ErrorKind},
    mem,
    sync::{Arc, Mutex},
};

use assay_engine::{gguf::Gguf, session::DRAFT_TOKENS_MAX, vocabulary::Vocabulary};
use assay_protocol::id::Digest;
use serde::{Deserialize, Serialize};

use super::{
    session::{DraftedSession, EngineError, EngineSession, ReadStep},
    shared_engine::SharedEngine,
    turn::{GivenRows, SessionPages},
};
use crate::{
    outcome::{RunFailure, cut},
    worker::{
        EngineLink, ReadPages,
        wire::{receive, send},
    },
};

/// Bytes of the longest description: that of a vocabulary.
const KEYS_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// What a worker asks.
#[derive(Debug, Serialize, Deserialize)]
enum SessionRequest {
    /// What the model is.
    Describe,
    /// The body is what is expected behind the tokens that come next.
    Expect,
    /// The body is read.
    Read {
        /// How many of the tokens read before stay, if not all do.
        keep: Option<u64>,
        /// The first token whose row is wanted.
        first: u64,
        /// Whether the rows may lie in pages.
        has_pages: bool,
    },
}

/// What an engine answers.
#[derive(Debug, Serialize, Deserialize)]
enum SessionReply {
    /// The body is the model's file without its tensors.
    Described {
        /// How many tokens there are.
        vocabulary: u32,
        /// Positions that a session has at most.
        positions: u64,
    },
    /// The body is the rows, and behind them their digests.
    Given {
        /// The position of the first.
        first: u64,
        /// How many.
        rows: u32,
    },
    /// The rows lie in the pages. The body is their digests.
    Laid {
        /// The position of the first.
        first: u64,
        /// How many.
        rows: u32,
    },
    /// The step is refused.
    Refused(String),
}

/// What is known of a model that is elsewhere.
pub(crate) struct FarModel {
    pub(crate) vocabulary: Vocabulary,
    /// How many tokens there are.
    pub(crate) tokens: usize,
    /// Positions that a session has at most.
    pub(crate) positions: usize,
}

impl FarModel {
    /// Asks over a session.
    pub(crate) fn of(mut link: &EngineLink) -> Result<Self, RunFailure> {
        let lost = |error: io::Error| RunFailure::EngineDied(cut(error.to_string()));
        send(&mut link, &SessionRequest::Describe, &[]).map_err(lost)?;
        let (reply, keys) = receive(&mut link, KEYS_BYTES_MAX).map_err(lost)?.ok_or_else(|| lost(gone()))?;
        let SessionReply::Described { vocabulary: tokens, positions } = reply else {
            return Err(lost(astray(&reply)));
        };
        let refuse = |why: String| RunFailure::NotAModel(cut(why));
        let keys = Gguf::parse(&keys).map_err(|why| refuse(why.to_string()))?;
        let vocabulary = Vocabulary::read(&keys).map_err(|why| refuse(why.to_string()))?;
        let positions = usize::try_from(positions).unwrap_or(usize::MAX);
        Ok(Self { vocabulary, tokens: tokens as usize, positions })
    }
}

fn gone() -> io::Error {
    ErrorKind::UnexpectedEof.into()
}

fn astray(reply: &SessionReply) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("it answered {reply:?}"))
}

fn digests(bytes: &[u8]) -> Vec<Digest> {
    bytes.as_chunks().0.iter().map(|digest| Digest(*digest)).collect()
}

fn bytes(tokens: &[u32]) -> Vec<u8> {
    tokens.iter().flat_map(|token| token.to_le_bytes()).collect()
}

/// Tokens as they came; what is left over is no token.
fn tokens(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks().0.iter().map(|token| u32::from_le_bytes(*token)).collect()
}

/// A session at the engine of another process.
pub(crate) struct FarSession {
    link: EngineLink,
    /// What rows lie in, where there is such a thing.
    pages: Option<ReadPages>,
    /// Bytes of a row.
    row_bytes: usize,
}

impl FarSession {
    pub(crate) fn new(link: EngineLink, vocabulary: usize) -> Self {
        Self { pages: link.read_pages(), link, row_bytes: vocabulary * size_of::<f32>() }
    }

    fn ask(&mut self, step: &ReadStep) -> io::Result<Result<GivenRows, String>> {
        let ReadStep { keep, tokens, first } = step;
        let wanted = tokens.len().saturating_sub(*first);
        let has_pages = self.pages.is_some();
        let keep = keep.map(|keep| keep as u64);
        let request = SessionRequest::Read { keep, first: *first as u64, has_pages };
        let mut line = &self.link;
        send(&mut line, &request, &bytes(tokens))?;
        let (logits_bytes, digest_bytes) = (wanted * self.row_bytes, wanted * size_of::<Digest>());
        let bytes_max = logits_bytes + digest_bytes;
        let (reply, body) = receive(&mut line, bytes_max as u64)?.ok_or_else(gone)?;
        match (reply, &self.pages) {
            (SessionReply::Given { first, rows }, _)
                if body.len() == bytes_max && rows as usize == wanted =>
            {
                let mut logits = body;
                let digests = digests(&logits.split_off(logits_bytes));
                Ok(Ok(GivenRows { first, digests, logits }))
            }
            (SessionReply::Laid { first, rows }, Some(pages))
                if body.len() == digest_bytes && rows as usize == wanted =>
            {
                let logits = pages.copy(logits_bytes).ok_or(ErrorKind::InvalidData)?;
                Ok(Ok(GivenRows { first, digests: digests(&body), logits }))
            }
            (SessionReply::Refused(why), _) => Ok(Err(why)),
            (
                reply @ (SessionReply::Described { .. }
                | SessionReply::Given { .. }
                | SessionReply::Laid { .. }),
                _,
            ) => Err(astray(&reply)),
        }
    }
}

impl EngineSession for FarSession {
    fn expect(&mut self, draft: Arc<[u32]>) -> Result<(), EngineError> {
        if draft.is_empty() || draft.len() > DRAFT_TOKENS_MAX {
            return Ok(());
        }
        let sent = send(&mut &self.link, &SessionRequest::Expect, &bytes(&draft));
        sent.map_err(|error| EngineError::Lost(error.to_string()))
    }

    fn read(&mut self, step: ReadStep) -> Result<GivenRows, EngineError> {
        match self.ask(&step) {
            Ok(given) => given.map_err(EngineError::Refused),
            Err(error) => Err(EngineError::Lost(error.to_string())),
        }
    }
}

/// What a session may take of an engine.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct SessionBounds {
    /// Positions that it may read.
    pub(crate) positions: u64,
    /// Bytes of rows that it may be given at once.
    pub(crate) rows_bytes: u64,
    /// For whom it is kept once it has ended, if for anybody.
    pub(crate) asker: Option<Digest>,
}

/// What an engine has of one session.
struct ServedSession<'a> {
    link: Arc<EngineLink>,
    engine: &'a SharedEngine,
    bounds: SessionBounds,
    /// What rows are laid in, where there is such a thing.
    pages: Option<(SessionPages, usize)>,
    /// Once it has read something.
    session: Option<DraftedSession>,
    /// What is expected behind the tokens that come next.
    draft: Arc<[u32]>,
}

/// Serves one session until its worker goes away.
///
/// # Errors
/// It went away in the middle, or made no sense.
pub(crate) fn serve(link: EngineLink, engine: &SharedEngine, bounds: SessionBounds) -> io::Result<()> {
    let pages = link.written_pages().map(|pages| {
        let length = pages.length();
        (Arc::new(Mutex::new(pages)), length)
    });
    let (link, draft) = (Arc::new(link), Arc::default());
    let mut served = ServedSession { link, engine, bounds, pages, session: None, draft };
    let tokens_max = engine.model().settings().context.max(DRAFT_TOKENS_MAX);
    let link = Arc::clone(&served.link);
    let mut line = link.as_ref();
    while let Some((request, body)) = receive(&mut line, (tokens_max * size_of::<u32>()) as u64)? {
        match request {
            SessionRequest::Describe => served.describe()?,
            SessionRequest::Expect => served.draft = tokens(&body).into(),
            SessionRequest::Read { keep, first, has_pages } => {
                let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
                let step = ReadStep { keep: keep.map(number), tokens: tokens(&body), first: number(first) };
                served.read(step, has_pages)?;
            }
        }
    }
    if let (Some(asker), Some((session, tokens))) =
        (bounds.asker, served.session.and_then(DraftedSession::into_parts))
    {
        engine.keep(asker, session, tokens);
    }
    Ok(())
}

impl ServedSession<'_> {
    fn describe(&self) -> io::Result<()> {
        let settings = self.engine.model().settings();
        let vocabulary = u32::try_from(settings.vocabulary).unwrap_or(u32::MAX);
        let described = SessionReply::Described { vocabulary, positions: settings.context as u64 };
        send(&mut &*self.link, &described, self.engine.model().pack().keys())
    }

    /// Carries a step out and answers.
    fn read(&mut self, mut step: ReadStep, has_pages: bool) -> io::Result<()> {
        let begins = self.session.is_none();
        let session = match self.session.take() {
            Some(session) => session,
            None => self.begin(&mut step)?,
        };
        let session = self.session.insert(session);
        if !self.draft.is_empty() {
            session.expect(mem::take(&mut self.draft));
        }
        let wanted = step.tokens.len().saturating_sub(step.first);
        let row_bytes = size_of::<f32>() * self.engine.model().settings().vocabulary;
        let bytes = wanted.saturating_mul(row_bytes);
        let pages = self.pages.as_ref().filter(|(_, length)| has_pages && bytes <= *length);
        let pages = pages.map(|(pages, _)| Arc::clone(pages));
        let is_laid = pages.is_some();
        let given = match bytes as u64 > self.bounds.rows_bytes {
            true => Err(EngineError::Refused(format!("{wanted} rows at once are too many"))),
            false => session.read(step, |turn| self.engine.take(turn.onto(pages), &self.link)),
        };
        match given {
            Ok(given) => self.give(given, is_laid),
            Err(EngineError::Refused(why)) => {
                if begins {
                    self.session = None;
                }
                send(&mut &*self.link, &SessionReply::Refused(cut(why)), &[])
            }
            Err(EngineError::Lost(why)) => Err(io::Error::other(why)),
        }
    }

    /// Begins with a step, which is shorter by what was read before.
    fn begin(&self, step: &mut ReadStep) -> io::Result<DraftedSession> {
        let SessionBounds { positions, asker, .. } = self.bounds;
        let begun = self.engine.session(positions, asker, &step.tokens, step.first);
        let begun = begun.map_err(io::Error::other)?;
        let read: Vec<u32> = step.tokens.drain(..begun.len()).collect();
        step.first -= read.len();
        // Nothing was read that could be taken back.
        step.keep = None;
        Ok(DraftedSession::new(begun, &read))
    }

    /// Answers with rows, whose numbers go along unless they lie in the pages.
    fn give(&self, given: GivenRows, is_laid: bool) -> io::Result<()> {
        let GivenRows { first, digests, logits: mut body } = given;
        let rows = u32::try_from(digests.len()).unwrap_or(u32::MAX);
        body.extend(digests.iter().flat_map(|digest| digest.0));
        let reply =
            if is_laid { SessionReply::Laid { first, rows } } else { SessionReply::Given { first, rows } };
        send(&mut &*self.link, &reply, &body)
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
