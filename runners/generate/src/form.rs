//! What an answer must come to be: a document that fits a schema.
//!
//! **Invariant:** only tokens are chosen behind which the document can still be made whole. What each token's bytes are is
//! asked of the host once.

use std::cell::RefCell;

use assay_runner::Failure;
use schema::{ByteSet, Document};

/// A document while it is written, token by token.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    document: Document,
    /// The bytes that may follow: what begins with another needs no closer look.
    next: ByteSet,
    pieces: RefCell<Pieces>,
}

impl Form {
    pub(crate) fn begun(document: Document) -> Self {
        Self { next: document.next_bytes(), document, pieces: RefCell::default() }
    }

    /// Whether a token may follow that adds these bytes. One that adds none never may: nothing would come of it.
    pub(crate) fn allows(
        &self,
        token: u32,
        bytes: impl FnOnce() -> Result<Vec<u8>, Failure>,
    ) -> Result<bool, Failure> {
        let mut pieces = self.pieces.borrow_mut();
        let piece = match pieces.get(token) {
            Some(piece) => piece,
            None => pieces.keep(token, &bytes()?),
        };
        let may_begin = piece.first().is_some_and(|first| self.next.contains(*first));
        Ok(may_begin && self.document.allows(piece))
    }

    /// Takes the bytes of a token that was allowed.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if !self.document.take(bytes) {
            self.check_work()?;
            return Err(Failure::Internal("a token was chosen that the schema does not allow".into()));
        }
        self.next = self.document.next_bytes();
        Ok(())
    }

    /// A schema that asks for more work than a document may take is its client's to answer for.
    pub(crate) fn check_work(&self) -> Result<(), Failure> {
        match self.document.is_exhausted() {
            true => Err(Failure::BadParams("the schema asks for too much work at each token".into())),
            false => Ok(()),
        }
    }

    /// Whether the answer may end here.
    pub(crate) fn is_whole(&self) -> bool {
        self.document.is_whole()
    }

    /// Whether it must.
    pub(crate) fn is_closed(&self) -> bool {
        self.next.is_empty()
    }
}

/// The bytes of tokens, all in one row.
#[derive(Clone, Debug, Default)]
struct Pieces {
    bytes: Vec<u8>,
    /// Where each token's begin and end, for those that were asked of.
    places: Vec<Option<(u32, u32)>>,
}

impl Pieces {
    fn get(&self, token: u32) -> Option<&[u8]> {
        let (begin, end) = self.places.get(token as usize).copied().flatten()?;
        self.bytes.get(begin as usize..end as usize)
    }

    fn keep(&mut self, token: u32, piece: &[u8]) -> &[u8] {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(piece);
        if self.places.len() <= token as usize {
            self.places.resize(token as usize + 1, None);
        }
        // All texts that a run is handed fit into 32 bits, many times.
        let place = u32::try_from(begin).ok().zip(u32::try_from(self.bytes.len()).ok());
        if let Some(kept) = self.places.get_mut(token as usize) {
            *kept = place;
        }
        self.bytes.get(begin..).unwrap_or_default()
    }
}
