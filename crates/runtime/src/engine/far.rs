//! A session at the engine of another process, and how that process serves it.
//!
//! ```text
//!   worker                         engine
//!   Describe ────────────────────▶
//!            ◀──────── Described, keys      once in a worker's life
//!   Expect, draft ───────────────▶          a hint, not answered
//!   Read, tokens ────────────────▶ takes its turn
//!            ◀──── Given, rows, or Refused
//! ```
//!
//! **Invariant:** whoever serves a session believes nothing: frames are bounded, and a step is refused whole or taken whole. A
//! worker that goes away takes its session with it, in the middle of a turn as well. A session that goes on where another
//! ended cannot be told from one that began anew: what it was given beforehand belongs to its first step, and goes with it.

use std::{
    io::{self, ErrorKind},
    mem,
    sync::Arc,
};

use assay_engine::{gguf::Gguf, session::DRAFT_TOKENS_MAX, vocabulary::Vocabulary};
use assay_protocol::id::Digest;
use serde::{Deserialize, Serialize};

use super::{
    session::{DraftedSession, EngineError, EngineSession, ReadStep},
    shared_engine::SharedEngine,
    turn::GivenRows,
};
use crate::{
    outcome::{RunFailure, cut},
    worker::{
        EngineLink,
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
    /// Bytes of a row.
    row_bytes: usize,
}

impl FarSession {
    pub(crate) fn new(link: EngineLink, vocabulary: usize) -> Self {
        Self { link, row_bytes: vocabulary * size_of::<f32>() }
    }

    fn ask(&mut self, step: &ReadStep) -> io::Result<Result<GivenRows, String>> {
        let ReadStep { keep, tokens, first } = step;
        let wanted = tokens.len().saturating_sub(*first);
        let request = SessionRequest::Read { keep: keep.map(|keep| keep as u64), first: *first as u64 };
        let mut line = &self.link;
        send(&mut line, &request, &bytes(tokens))?;
        let bytes_max = wanted * (self.row_bytes + size_of::<Digest>());
        let (reply, body) = receive(&mut line, bytes_max as u64)?.ok_or_else(gone)?;
        match reply {
            SessionReply::Given { first, rows } if body.len() == bytes_max && rows as usize == wanted => {
                Ok(Ok(self.rows(first, wanted, body)))
            }
            SessionReply::Refused(why) => Ok(Err(why)),
            SessionReply::Described { .. } | SessionReply::Given { .. } => Err(astray(&reply)),
        }
    }

    fn rows(&self, first: u64, rows: usize, mut logits: Vec<u8>) -> GivenRows {
        let digests = logits.split_off(rows * self.row_bytes);
        let digests = digests.as_chunks().0.iter().map(|digest| Digest(*digest)).collect();
        GivenRows { first, digests, logits }
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

/// Serves one session until its worker goes away.
///
/// # Errors
/// It went away in the middle, or made no sense.
pub(crate) fn serve(link: EngineLink, engine: &SharedEngine, bounds: SessionBounds) -> io::Result<()> {
    let link = Arc::new(link);
    let mut line = link.as_ref();
    let settings = engine.model().settings();
    let vocabulary = settings.vocabulary;
    let tokens_max = settings.context.max(DRAFT_TOKENS_MAX);
    let (mut session, mut draft): (Option<DraftedSession>, Arc<[u32]>) = (None, Arc::default());
    while let Some((request, body)) = receive(&mut line, (tokens_max * size_of::<u32>()) as u64)? {
        let (keep, first) = match request {
            SessionRequest::Describe => {
                let vocabulary = u32::try_from(vocabulary).unwrap_or(u32::MAX);
                let described = SessionReply::Described { vocabulary, positions: settings.context as u64 };
                send(&mut line, &described, engine.model().pack().keys())?;
                continue;
            }
            SessionRequest::Expect => {
                draft = tokens(&body).into();
                continue;
            }
            SessionRequest::Read { keep, first } => (keep, first),
        };
        let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let mut step = ReadStep { keep: keep.map(number), tokens: tokens(&body), first: number(first) };
        let begins = session.is_none();
        let going_on = match &mut session {
            Some(session) => session,
            None => {
                let SessionBounds { positions, asker, .. } = bounds;
                let begun = engine.session(positions, asker, &step.tokens, step.first);
                let begun = begun.map_err(io::Error::other)?;
                let read: Vec<u32> = step.tokens.drain(..begun.len()).collect();
                step.first -= read.len();
                // Nothing was read that could be taken back.
                step.keep = None;
                session.insert(DraftedSession::new(begun, &read))
            }
        };
        if !draft.is_empty() {
            going_on.expect(mem::take(&mut draft));
        }
        let wanted = step.tokens.len().saturating_sub(step.first);
        let given = match (wanted as u64).saturating_mul(4 * vocabulary as u64) > bounds.rows_bytes {
            true => Err(EngineError::Refused(format!("{wanted} rows at once are too many"))),
            false => going_on.read(step, |turn| engine.take(turn, &link)),
        };
        match given {
            Ok(GivenRows { first, digests, mut logits }) => {
                let rows = u32::try_from(digests.len()).unwrap_or(u32::MAX);
                logits.extend(digests.iter().flat_map(|digest| digest.0));
                send(&mut line, &SessionReply::Given { first, rows }, &logits)?;
            }
            Err(EngineError::Refused(why)) => {
                if begins {
                    session = None;
                }
                send(&mut line, &SessionReply::Refused(cut(why)), &[])?;
            }
            Err(EngineError::Lost(why)) => return Err(io::Error::other(why)),
        }
    }
    if let (Some(asker), Some((session, tokens))) =
        (bounds.asker, session.and_then(DraftedSession::into_parts))
    {
        engine.keep(asker, session, tokens);
    }
    Ok(())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::{io::Write, thread};

    use super::*;
    use crate::{
        engine::{
            fixture::{self, sums},
            kept_sessions::KeptBytes,
            shared_engine::ModelPlace,
        },
        worker::links,
    };

    const BOUNDS: SessionBounds = SessionBounds { positions: 100, rows_bytes: 1 << 16, asker: None };

    fn engine() -> SharedEngine {
        let place = ModelPlace::Processor { model: Arc::new(sums()), threads: 1 };
        SharedEngine::start(place, KeptBytes::in_process(1 << 20)).unwrap()
    }

    /// What comes of a session whose other end does `act`.
    fn served<T>(act: impl FnOnce(EngineLink) -> T) -> (T, io::Result<()>) {
        let engine = engine();
        let (ours, theirs) = links().unwrap().unwrap();
        thread::scope(|scope| {
            let serving = scope.spawn(|| serve(ours, &engine, BOUNDS));
            let acted = act(theirs);
            (acted, serving.join().unwrap())
        })
    }

    fn step(tokens: Vec<u32>, first: usize) -> ReadStep {
        ReadStep { keep: None, tokens, first }
    }

    #[test]
    fn a_session_gives_what_its_model_does_and_its_description_has_the_vocabulary() {
        let ((), served) = served(|link| {
            let FarModel { vocabulary, tokens, .. } = FarModel::of(&link).unwrap();
            let asked = vocabulary.tokenize("27+58=", true).unwrap();
            let mut session = FarSession::new(link, tokens);
            let all = session.read(step(asked.clone(), 0)).unwrap();
            assert_eq!((all.first, all.digests.len()), (0, asked.len()));
            let again = ReadStep { keep: Some(0), ..step(asked.clone(), asked.len() - 1) };
            let last = session.read(again).unwrap();
            assert_eq!(last.first as usize, asked.len() - 1);
            assert_eq!(last.digests[..], all.digests[asked.len() - 1..]);
            assert!(all.logits.ends_with(&last.logits));
        });
        served.unwrap();
    }

    #[test]
    fn what_is_too_much_is_refused_and_the_session_goes_on() {
        let ((), served) = served(|link| {
            let tokens = FarModel::of(&link).unwrap().tokens;
            let mut session = FarSession::new(link, tokens);
            let rows = BOUNDS.rows_bytes as usize / (4 * tokens) + 1;
            let refusals = [
                (step(vec![1; rows], 0), "rows at once"),
                (step(vec![1; 101], 100), "beyond the 100"),
                (step(vec![u32::MAX], 0), "beyond the vocabulary"),
                (step(Vec::new(), 0), "at least one token"),
                (step(vec![1], usize::MAX), "are given"),
            ];
            for (step, expected) in refusals {
                let Err(EngineError::Refused(why)) = session.read(step) else {
                    panic!("{expected}: it is taken")
                };
                assert!(why.contains(expected), "{why}");
            }
            assert_eq!(session.read(step(vec![1, 2], 1)).unwrap().digests.len(), 1);
        });
        served.unwrap();
    }

    #[test]
    fn a_session_that_goes_on_cannot_be_told_from_one_that_began_anew() {
        let text = fixture::tokens(60);
        let (said, asked) = (&text[..40], &text);
        let last = || step(asked.clone(), asked.len() - 1);
        let unknown = step([said, &[u32::MAX]].concat(), 40);
        let long = step([said, &[1; 61]].concat(), 100);
        let cases = [
            vec![ReadStep { keep: Some(0), ..last() }],
            vec![ReadStep { keep: Some(7), ..last() }],
            vec![unknown, step(text[20..40].to_vec(), 19)],
            vec![long, last()],
            vec![step(said.to_vec(), 39), ReadStep { keep: Some(30), ..step(text[30..].to_vec(), 29) }],
            vec![step(said.to_vec(), 0)],
        ];
        let run = |engine: &SharedEngine, asker: Option<Digest>, steps: &[ReadStep]| {
            let (ours, theirs) = links().unwrap().unwrap();
            thread::scope(|scope| {
                scope.spawn(|| serve(ours, engine, SessionBounds { asker, ..BOUNDS }));
                let mut session = FarSession::new(theirs, engine.model().settings().vocabulary);
                let given = |step: &ReadStep| {
                    let ReadStep { keep, tokens, first } = step;
                    let step = ReadStep { keep: *keep, tokens: tokens.clone(), first: *first };
                    session.read(step).map_err(|error| match error {
                        EngineError::Refused(why) => why,
                        EngineError::Lost(why) => panic!("{why}"),
                    })
                };
                steps.iter().map(given).collect::<Vec<_>>()
            })
        };
        for steps in cases {
            let (engine, asker) = (engine(), Digest::of(b"somebody"));
            run(&engine, Some(asker), &[step(said.to_vec(), 39)]);
            assert!(engine.session(100, Some(asker), asked, 59).unwrap().len() == 40, "it was kept");
            assert_eq!(run(&engine, Some(asker), &steps), run(&engine, None, &steps), "{steps:?}");
        }
    }

    #[test]
    fn whoever_makes_no_sense_or_breaks_off_is_served_no_longer() {
        let long = [&[1, 0, 0, 0][..], &(4 * DRAFT_TOKENS_MAX as u64 + 1).to_le_bytes(), &[0]].concat();
        let unknown = [&[1, 0, 0, 0][..], &[0; 8], &[200]].concat();
        for (bytes, kind) in [
            (long, ErrorKind::InvalidData),
            (unknown, ErrorKind::InvalidData),
            (vec![1, 0, 0], ErrorKind::UnexpectedEof),
        ] {
            let ((), served) = served(|link| (&link).write_all(&bytes).unwrap());
            assert_eq!(served.unwrap_err().kind(), kind, "{bytes:?}");
        }
    }
}
