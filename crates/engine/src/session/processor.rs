//! Runs sessions of one model on one processor, several in one pass where they come together.
//!
//! **Invariant:** a step is refused before anything was changed, or is taken whole. What a session is given does not
//! depend on who else is in the step.

use std::{ops::Range, sync::Arc};

use super::{Row, RowDigest, Rows, Session, SessionError};
use crate::{
    cpu::Cpu,
    model::{HeadWork, Model, Scratch, Stretch},
};

/// A processor with a model, and room for one pass.
#[derive(Debug)]
pub struct Processor {
    model: Arc<Model>,
    cpu: Cpu,
    scratch: Scratch,
}

/// What one session is to read in a step.
#[derive(Debug)]
pub struct SessionStep<'a> {
    /// The session.
    pub session: &'a mut Session,
    /// What it reads.
    pub tokens: &'a [u32],
    /// Of which of them rows are wanted.
    pub rows: Rows,
}

/// What is left of a work once rows of its draft were given.
#[derive(Debug, Default)]
struct Fresh {
    /// What is to be computed: tokens that were given, then what is expected.
    tokens: Vec<u32>,
    /// How many were given.
    given: usize,
    /// The first whose row is wanted.
    wanted: usize,
    /// The position of the first.
    position: usize,
    /// How many were computed.
    done: usize,
}

/// A row that is wanted: its work, its position, and where its residual stream is.
struct RowsWanted {
    work: usize,
    position: usize,
    at: usize,
}

type Sink<'s> = &'s mut dyn FnMut(usize, Row<'_>);

impl Processor {
    /// A processor that runs a model.
    #[must_use]
    pub fn new(model: Arc<Model>, cpu: Cpu) -> Self {
        Self { model, cpu, scratch: Scratch::default() }
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Reads tokens into a session, and gives the rows that are wanted, each as it comes.
    ///
    /// # Errors
    /// Says why the step is refused; nothing was changed.
    pub fn extend(
        &mut self,
        session: &mut Session,
        tokens: &[u32],
        rows: Rows,
        mut out: impl FnMut(Row<'_>),
    ) -> Result<(), SessionError> {
        self.step(&mut [SessionStep { session, tokens, rows }], |_, row| out(row))
    }

    /// Reads tokens into several sessions at once. Rows come with the number of their work; those of one work in order.
    ///
    /// # Errors
    /// Says why the step is refused; nothing was changed.
    pub fn step(
        &mut self,
        works: &mut [SessionStep<'_>],
        mut out: impl FnMut(usize, Row<'_>),
    ) -> Result<(), SessionError> {
        for work in works.iter() {
            if !Arc::ptr_eq(&work.session.model, &self.model) {
                return Err(SessionError::Model);
            }
            work.session.admit(work.tokens, work.rows)?;
        }
        let out: Sink<'_> = &mut out;
        let mut fresh = Vec::with_capacity(works.len());
        for (number, work) in works.iter_mut().enumerate() {
            fresh.push(self.hand_out(number, work, out));
        }
        while fresh.iter().any(|fresh| fresh.done < fresh.tokens.len()) {
            self.pass(works, &mut fresh, out);
        }
        for work in works {
            work.session.length += work.tokens.len();
        }
        Ok(())
    }

    /// Gives the rows that were computed ahead, and says what is left.
    fn hand_out(&mut self, number: usize, work: &mut SessionStep<'_>, out: Sink<'_>) -> Fresh {
        let (width, vocabulary) = (self.model.settings().width, self.model.settings().vocabulary);
        let position = work.session.length;
        let Session { draft, ahead, evidence, capacity, .. } = &mut *work.session;
        let first = work.rows.first(work.tokens.len());
        let matched = draft.matches(work.tokens);
        for (token, row) in draft.advance(matched).enumerate().skip(first) {
            if let Some(missing) = draft.missing(row, vocabulary) {
                let Scratch { normed, quantized, .. } = &mut self.scratch;
                let (residual, logits) =
                    (&ahead[missing.start * width..missing.end * width], &mut draft.logits);
                self.model.logits(&self.cpu, residual, &mut HeadWork { normed, quantized, logits });
            }
            let logits = draft.row(row, vocabulary);
            let digest = RowDigest::of(logits);
            evidence.add(digest);
            out(number, Row { position: position + token, logits, digest });
        }
        let mut tokens = work.tokens[matched..].to_vec();
        let given = tokens.len();
        if given > 0 {
            let room = *capacity - position - work.tokens.len();
            let expected = draft.expected();
            tokens.extend(&expected[..expected.len().min(room)]);
            if tokens.len() == given {
                // Another token came than was expected, or there is no room for what is.
                work.session.forget_draft();
            }
        }
        Fresh { tokens, given, wanted: first.saturating_sub(matched), position: position + matched, done: 0 }
    }

    /// Computes as many tokens as there is room for, of one session after another.
    fn pass(&mut self, works: &mut [SessionStep<'_>], fresh: &mut [Fresh], out: Sink<'_>) {
        let mut room = self.model.settings().tokens_at_once();
        let mut taken: Vec<Range<usize>> = Vec::with_capacity(fresh.len());
        let mut stretches = Vec::with_capacity(fresh.len());
        for (work, fresh) in works.iter_mut().zip(&*fresh) {
            let range = fresh.done..fresh.tokens.len().min(fresh.done + room);
            room -= range.len();
            taken.push(range.clone());
            if !range.is_empty() {
                let (caches, position) = (work.session.caches.as_mut_slice(), fresh.position + fresh.done);
                stretches.push(Stretch { caches, position, tokens: &fresh.tokens[range] });
            }
        }
        self.model.pass(&self.cpu, &mut self.scratch, &mut stretches);
        let wanted = self.sort(works, fresh, &taken);
        for rows in wanted.chunks(self.model.settings().rows_at_once()) {
            self.give(works, rows, out);
        }
        for (fresh, range) in fresh.iter_mut().zip(taken) {
            fresh.done = range.end;
        }
    }

    /// Which rows of a pass are wanted. The residual streams of what was expected go to its draft.
    fn sort(
        &self,
        works: &mut [SessionStep<'_>],
        fresh: &[Fresh],
        taken: &[Range<usize>],
    ) -> Vec<RowsWanted> {
        let width = self.model.settings().width;
        let mut wanted = Vec::new();
        let mut at = 0;
        for (work, (fresh, range)) in fresh.iter().zip(taken).enumerate() {
            for token in range.clone() {
                if token >= fresh.given {
                    let session = &mut *works[work].session;
                    session.ahead.extend(&self.scratch.residual[at * width..(at + 1) * width]);
                    session.draft.keep(1);
                } else if token >= fresh.wanted {
                    wanted.push(RowsWanted { work, position: fresh.position + token, at });
                }
                at += 1;
            }
        }
        wanted
    }

    fn give(&mut self, works: &mut [SessionStep<'_>], rows: &[RowsWanted], out: Sink<'_>) {
        let (width, vocabulary) = (self.model.settings().width, self.model.settings().vocabulary);
        let Scratch { residual, wanted, normed, quantized, logits, .. } = &mut self.scratch;
        wanted.clear();
        for row in rows {
            wanted.extend(&residual[row.at * width..(row.at + 1) * width]);
        }
        self.model.logits(&self.cpu, wanted, &mut HeadWork { normed, quantized, logits });
        for (row, logits) in rows.iter().zip(self.scratch.logits.chunks_exact(vocabulary)) {
            let digest = RowDigest::of(logits);
            works[row.work].session.evidence.add(digest);
            out(row.work, Row { position: row.position, logits, digest });
        }
    }
}
