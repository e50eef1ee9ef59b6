//! What a run read and wrote, token by token, and the rows that it chose them from.
//!
//! **Invariant:** a token is written only while the row at the position before it is known, and that row's digest is then
//! evidence for good. What was written is not read a second time: reading it once, in its place, is part of writing it.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::id::Digest;

/// Why a guest is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misuse {
    /// There is nothing that a token could have been chosen from.
    #[error("it wrote a token without asking for the row that it is chosen from")]
    NoRow,
    /// No such token.
    #[error("it wrote a token that the model does not have")]
    Token,
    /// A second context.
    #[error("it opened a second context, and evidence is of one")]
    Contexts,
    /// More in one call than a frame holds.
    #[error("it wrote more at once than a frame holds")]
    Frame,
    /// Tokens and plain bytes in one output.
    #[error("it wrote tokens and plain bytes")]
    Mixed,
}

/// The transcript of one run.
#[derive(Debug, Default)]
pub struct Transcript {
    /// How many tokens the model knows, once there is a context.
    vocabulary: Option<usize>,
    /// Positions that were read and not taken back.
    length: usize,
    /// Digests of the rows that were given, by position.
    rows: BTreeMap<usize, Digest>,
    /// Where the first token that was written stands.
    first: Option<usize>,
    written: Vec<u32>,
    /// How many of those were read in their places.
    read_back: usize,
    /// One for each token that was written: the digest of the row that it was chosen from.
    evidence: Vec<Digest>,
}

impl Transcript {
    /// The one context of the run is opened.
    ///
    /// # Errors
    /// It is the second.
    pub fn open(&mut self, vocabulary: usize) -> Result<(), Misuse> {
        match self.vocabulary.replace(vocabulary) {
            None => Ok(()),
            Some(_) => Err(Misuse::Contexts),
        }
    }

    /// All but the first `length` positions are taken back.
    pub fn keep(&mut self, length: usize) {
        self.length = self.length.min(length);
        drop(self.rows.split_off(&self.length));
    }

    /// How many of these tokens are new to the model, and not what it wrote itself.
    #[must_use]
    pub fn new_tokens(&self, tokens: &[u32]) -> usize {
        tokens.len() - self.own(tokens)
    }

    /// These tokens are read.
    pub fn read(&mut self, tokens: &[u32]) {
        self.read_back += self.own(tokens);
        self.length += tokens.len();
    }

    /// How many of these tokens are those that were written last, in their places.
    fn own(&self, tokens: &[u32]) -> usize {
        let Some(first) = self.first.filter(|first| first + self.read_back == self.length) else { return 0 };
        let expected = &self.written[self.length - first..];
        expected.iter().zip(tokens).take_while(|(expected, token)| expected == token).count()
    }

    /// The row at a position was given.
    pub fn row(&mut self, position: usize, digest: Digest) {
        self.rows.insert(position, digest);
    }

    /// These tokens are written, if they may be.
    ///
    /// # Errors
    /// A token that does not exist, or one without a row that it can have been chosen from; nothing is written then.
    pub fn write(&mut self, tokens: &[u32]) -> Result<(), Misuse> {
        if tokens.is_empty() {
            return Ok(());
        }
        let vocabulary = self.vocabulary.ok_or(Misuse::NoRow)?;
        if tokens.iter().any(|token| *token as usize >= vocabulary) {
            return Err(Misuse::Token);
        }
        let first = *self.first.get_or_insert(self.length);
        let next = first + self.written.len();
        let rows = (next..next + tokens.len()).map(|place| self.rows.get(&place.checked_sub(1)?).copied());
        let rows = rows.collect::<Option<Vec<_>>>().ok_or(Misuse::NoRow)?;
        self.written.extend_from_slice(tokens);
        self.evidence.extend(rows);
        Ok(())
    }

    /// The evidence of all that was written.
    #[must_use]
    pub fn evidence(&self) -> &[Digest] {
        &self.evidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROMPT: [u32; 3] = [5, 6, 7];

    fn row(position: u8) -> Digest {
        Digest([position; 32])
    }

    fn prompted() -> Transcript {
        let mut transcript = Transcript::default();
        transcript.open(10).unwrap();
        transcript.read(&PROMPT);
        transcript.row(2, row(2));
        transcript
    }

    #[test]
    fn each_token_is_tied_to_the_row_before_it() {
        let mut transcript = prompted();
        transcript.write(&[8]).unwrap();
        assert_eq!(transcript.new_tokens(&[8]), 0);
        transcript.read(&[8]);
        transcript.row(3, row(3));
        transcript.write(&[9]).unwrap();
        assert_eq!(transcript.evidence(), [row(2), row(3)]);
    }

    #[test]
    fn nothing_is_written_without_its_row() {
        assert_eq!(Transcript::default().write(&[1]), Err(Misuse::NoRow));
        let mut transcript = prompted();
        assert_eq!(transcript.write(&[8, 9]), Err(Misuse::NoRow));
        assert_eq!(transcript.write(&[10]), Err(Misuse::Token));
        transcript.write(&[8]).unwrap();
        // The row of 8 was not asked for, nor is that of the prompt there for a second token.
        assert_eq!(transcript.write(&[9]), Err(Misuse::NoRow));
        assert_eq!(transcript.evidence(), [row(2)]);
        assert_eq!(transcript.open(10), Err(Misuse::Contexts));
    }

    #[test]
    fn a_row_that_was_taken_back_is_gone() {
        let mut transcript = prompted();
        transcript.keep(2);
        transcript.read(&[1]);
        assert_eq!(transcript.write(&[8]), Err(Misuse::NoRow));
        transcript.row(2, row(9));
        transcript.write(&[8]).unwrap();
        assert_eq!(transcript.evidence(), [row(9)]);
    }

    #[test]
    fn what_was_written_is_read_for_nothing_once_and_in_its_place() {
        let mut transcript = prompted();
        transcript.write(&[8]).unwrap();
        assert_eq!(transcript.new_tokens(&[7]), 1, "another token");
        assert_eq!(transcript.new_tokens(&[8, 8]), 1, "more than was written");
        transcript.read(&[8]);
        transcript.keep(3);
        assert_eq!(transcript.new_tokens(&[8]), 1, "again");
        transcript.keep(1);
        transcript.read(&[6, 7]);
        assert_eq!(transcript.new_tokens(&[8]), 1, "and again");
    }
}
