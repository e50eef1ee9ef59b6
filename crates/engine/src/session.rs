//! A session: the tokens that a model has read, and what it keeps of them.
//!
//! **Invariant:** a row depends on the tokens before it and on nothing else: not on how they were handed in, on what was
//! taken back, on drafts, forks or sessions that shared a pass. A step that is refused leaves its sessions as they were.

mod draft;
mod evidence;
mod processor;

use std::sync::Arc;

pub use draft::DRAFT_TOKENS_MAX;
pub(crate) use draft::{Continuation, ROWS_AT_ONCE as DRAFT_ROWS_AT_ONCE};
pub use evidence::{ROWS_GIVEN_MAX, RowDigest, RowDigests};
pub use processor::{Processor, SessionStep};

use crate::{cache::Cache, model::Model};

/// Which rows of the tokens given are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// That of the last token.
    Last,
    /// Each token's.
    All,
    /// Those from the nth token on; all tokens passed over, none.
    From(usize),
}

impl Rows {
    /// The first token of `count` whose row is wanted.
    pub(crate) const fn first(self, count: usize) -> usize {
        match self {
            Self::Last => count - 1,
            Self::All => 0,
            Self::From(first) => first,
        }
    }
}

/// The logits that follow one token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row<'a> {
    /// Where the token stands.
    pub position: usize,
    /// One number for each token of the vocabulary.
    pub logits: &'a [f32],
    /// The digest of their bits.
    pub digest: RowDigest,
}

/// Why a step is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// Nothing to read.
    #[error("a step needs at least one token")]
    Empty,
    /// A token that does not exist.
    #[error("token {token} is beyond the vocabulary of {vocabulary}")]
    Token {
        /// The token.
        token: u32,
        /// How many there are.
        vocabulary: usize,
    },
    /// More positions than the session has.
    #[error("position {wanted} is beyond the {capacity} that the session has room for")]
    Full {
        /// How many positions there would be.
        wanted: usize,
        /// How many it has.
        capacity: usize,
    },
    /// A row of a token that was not given.
    #[error("rows from token {first} are wanted, and {count} tokens are given")]
    Row {
        /// The first wanted.
        first: usize,
        /// How many tokens are given.
        count: usize,
    },
    /// More rows than a session gives.
    #[error("{wanted} rows are more than the {ROWS_GIVEN_MAX} that a session gives")]
    Rows {
        /// How many there would be.
        wanted: usize,
    },
    /// A session of another model.
    #[error("the session is of another model")]
    Model,
    /// More positions than a session can have.
    #[error("{wanted} positions are more than the {context} that the model was made for")]
    Context {
        /// How many were asked for.
        wanted: usize,
        /// How many the model has.
        context: usize,
    },
    /// A draft that is too long.
    #[error("a draft has {found} tokens, and at most {DRAFT_TOKENS_MAX} are taken")]
    Draft {
        /// How many it has.
        found: usize,
    },
}

/// The tokens that a model has read, as far as they matter for what comes next.
#[derive(Debug)]
pub struct Session {
    model: Arc<Model>,
    /// One for each layer.
    caches: Vec<Cache>,
    /// Positions that were read and not taken back; the caches may hold a draft beyond.
    length: usize,
    capacity: usize,
    draft: Continuation,
    /// The residual stream of each token of the draft that was computed.
    ahead: Vec<f32>,
    evidence: RowDigests,
}

/// What a step has to fit into.
pub(crate) struct StepRoom {
    /// Positions that were read.
    pub(crate) length: usize,
    /// Positions that there are.
    pub(crate) capacity: usize,
    /// Rows that were given.
    pub(crate) given: usize,
    /// Tokens that there are.
    pub(crate) vocabulary: usize,
}

impl StepRoom {
    /// Whether a step can be taken.
    pub(crate) fn admit(&self, tokens: &[u32], rows: Rows) -> Result<(), SessionError> {
        if tokens.is_empty() {
            return Err(SessionError::Empty);
        }
        if let Rows::From(first) = rows
            && first > tokens.len()
        {
            return Err(SessionError::Row { first, count: tokens.len() });
        }
        let given = self.given + tokens.len() - rows.first(tokens.len());
        if given > ROWS_GIVEN_MAX {
            return Err(SessionError::Rows { wanted: given });
        }
        let wanted = self.length.saturating_add(tokens.len());
        if wanted > self.capacity {
            return Err(SessionError::Full { wanted, capacity: self.capacity });
        }
        self.knows(tokens)
    }

    /// Whether a draft can be taken.
    pub(crate) fn expect(&self, tokens: &[u32]) -> Result<(), SessionError> {
        if tokens.len() > DRAFT_TOKENS_MAX {
            return Err(SessionError::Draft { found: tokens.len() });
        }
        self.knows(tokens)
    }

    fn knows(&self, tokens: &[u32]) -> Result<(), SessionError> {
        let vocabulary = self.vocabulary;
        let unknown = tokens.iter().find(|token| **token as usize >= vocabulary);
        unknown.map_or(Ok(()), |token| Err(SessionError::Token { token: *token, vocabulary }))
    }
}

impl Session {
    /// A session with room for `capacity` positions, whose memory is taken as it fills.
    ///
    /// # Errors
    /// More positions than the model was made for.
    pub fn new(model: &Arc<Model>, capacity: usize) -> Result<Self, SessionError> {
        let settings = model.settings();
        if capacity > settings.context {
            return Err(SessionError::Context { wanted: capacity, context: settings.context });
        }
        let empty = Cache::new(settings.key_heads, settings.head_width);
        Ok(Self {
            model: Arc::clone(model),
            caches: vec![empty; settings.layers],
            length: 0,
            capacity,
            draft: Continuation::default(),
            ahead: Vec::new(),
            evidence: RowDigests::default(),
        })
    }

    /// How many tokens were read and not taken back.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.length
    }

    /// Whether no token was read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// For how many it has room.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Takes back all but the first `length` tokens.
    pub fn truncate(&mut self, length: usize) {
        if length < self.length {
            self.forget_draft();
            self.length = length;
            self.clear();
        }
    }

    /// Another session that has read the same. They share memory until they part. It has given no row yet.
    #[must_use]
    pub fn fork(&self) -> Self {
        let mut fork = Self {
            model: Arc::clone(&self.model),
            caches: self.caches.clone(),
            length: self.length,
            capacity: self.capacity,
            draft: Continuation::default(),
            ahead: Vec::new(),
            evidence: RowDigests::default(),
        };
        // What a draft holds beyond is not the fork's to keep.
        fork.clear();
        fork
    }

    /// Another session that has read the first `length` tokens of this one, with room for `capacity`.
    ///
    /// # Errors
    /// More positions than the model was made for, or fewer than were read.
    pub fn resumed(&self, length: usize, capacity: usize) -> Result<Self, SessionError> {
        let context = self.model.settings().context;
        if capacity > context {
            return Err(SessionError::Context { wanted: capacity, context });
        }
        if length > capacity.min(self.length) {
            return Err(SessionError::Full { wanted: length, capacity: capacity.min(self.length) });
        }
        let mut resumed = Self { capacity, ..self.fork() };
        resumed.truncate(length);
        Ok(resumed)
    }

    /// Says which tokens are expected after those that come next. Their rows are computed in the same pass, and handed
    /// out as they are asked for; where another token comes, the draft ends and nothing else changes.
    ///
    /// # Errors
    /// A token that does not exist, or too many.
    pub fn expect(&mut self, tokens: &[u32]) -> Result<(), SessionError> {
        self.room().expect(tokens)?;
        self.clear();
        self.ahead.clear();
        self.draft = Continuation::expecting(tokens);
        Ok(())
    }

    /// The digests of all rows that were given, in the order that they were given in.
    #[must_use]
    pub const fn evidence(&self) -> &RowDigests {
        &self.evidence
    }

    /// From now on counts rows and keeps no digest of them, for who takes each as it is given.
    pub fn keep_no_evidence(&mut self) {
        self.evidence.count_only();
    }

    /// The model that it is of.
    #[must_use]
    pub const fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Whether a step can be taken.
    ///
    /// # Errors
    /// Says why it would be refused.
    pub fn admit(&self, tokens: &[u32], rows: Rows) -> Result<(), SessionError> {
        self.room().admit(tokens, rows)
    }

    fn room(&self) -> StepRoom {
        StepRoom {
            length: self.length,
            capacity: self.capacity,
            given: self.evidence.given(),
            vocabulary: self.model.settings().vocabulary,
        }
    }

    fn forget_draft(&mut self) {
        self.draft.forget();
        self.ahead = Vec::new();
    }

    /// Gives up what is kept beyond what was read.
    fn clear(&mut self) {
        self.caches.iter_mut().for_each(|cache| cache.truncate(self.length));
    }
}
