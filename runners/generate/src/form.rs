//! What an answer must come to be: a document that fits a schema.
//!
//! **Invariant:** only tokens are chosen behind which the document can still be made whole. What each token's bytes are is
//! asked of the host once.

mod pieces;
#[cfg(test)]
mod tests;

use std::cell::RefCell;

use assay_runner::Failure;
use schema::{ByteSet, Document};

use pieces::Pieces;

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
        let pieces = RefCell::new(Pieces::before(&document));
        Self { next: document.next_bytes(), document, pieces }
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
        let may_begin = piece.first.is_some_and(|first| self.next.contains(first));
        Ok(may_begin && pieces.allows(piece, &self.document))
    }

    /// Takes the bytes of a token that was allowed.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if !self.document.take(bytes) {
            self.check_work()?;
            return Err(Failure::Internal("a token was chosen that the schema does not allow".into()));
        }
        self.next = self.document.next_bytes();
        self.pieces.get_mut().begin_choice(&self.document);
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
