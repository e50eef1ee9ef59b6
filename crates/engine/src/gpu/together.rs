//! Steps of several sessions of one model on a card.
//!
//! What the processor has of the model it computes of all of them in one pass; on the card they follow one another.
//!
//! **Invariant:** a step is refused before anything was changed. What a session is given does not depend on who else is in the
//! step.

use std::sync::{Arc, PoisonError};

use super::{CardError, CardModel, CardSession, model::CardProcessor, session::CardRead};
use crate::{
    model::Stretch,
    session::{Row, Rows, SessionError},
};

/// What one session on a card is to read in a step.
#[derive(Debug)]
pub struct CardStep<'a> {
    /// The session.
    pub session: &'a mut CardSession,
    /// What it reads.
    pub tokens: &'a [u32],
    /// Of which of them rows are wanted.
    pub rows: Rows,
}

impl CardModel {
    /// Reads tokens into several sessions. Rows come with the number of their work; those of one work in order.
    ///
    /// # Errors
    /// Says why the step is refused, and nothing was changed; or why the card gave nothing.
    pub fn step(
        self: &Arc<Self>,
        works: &mut [CardStep<'_>],
        mut out: impl FnMut(usize, Row<'_>),
    ) -> Result<(), CardError> {
        for work in works.iter() {
            if !Arc::ptr_eq(&work.session.model, self) {
                return Err(SessionError::Model.into());
            }
            work.session.admit(work.tokens, work.rows)?;
        }
        let mut reads = Vec::with_capacity(works.len());
        for (number, work) in works.iter_mut().enumerate() {
            reads.push(work.session.begin(work.tokens, work.rows, &mut |row| out(number, row))?);
        }
        while reads.iter().any(|read| read.done < read.tokens.len()) {
            let counts = self.counts(works, &reads);
            self.before_card(works, &reads, &counts);
            let each = works.iter_mut().zip(&mut reads).zip(&counts).enumerate();
            for (number, ((work, read), count)) in each.filter(|(_, (_, count))| **count > 0) {
                work.session.go_on(read, *count, &mut |row| out(number, row))?;
            }
        }
        for (work, read) in works.iter_mut().zip(&reads) {
            work.session.end(read, work.tokens.len());
        }
        Ok(())
    }

    /// How many tokens of each are computed next: as many as each has room for, and the processor for all together.
    fn counts(&self, works: &[CardStep<'_>], reads: &[CardRead]) -> Vec<usize> {
        let is_shared = self.processor.is_some();
        let mut room = if is_shared { self.model.settings().tokens_at_once() } else { usize::MAX };
        let count = |(work, read): (&CardStep<'_>, &CardRead)| {
            let count = (read.tokens.len() - read.done).min(work.session.steps.tokens_at_once).min(room);
            room -= count;
            count
        };
        works.iter().zip(reads).map(count).collect()
    }

    /// Takes these tokens through the layers that are the processor's, and hands over what they come to.
    fn before_card(&self, works: &mut [CardStep<'_>], reads: &[CardRead], counts: &[usize]) {
        let Some(processor) = &self.processor else { return };
        let mut processor = processor.lock().unwrap_or_else(PoisonError::into_inner);
        let CardProcessor { cpu, scratch } = &mut *processor;
        let mut stretches = Vec::with_capacity(works.len());
        for ((work, read), count) in works.iter_mut().zip(reads).zip(counts) {
            if *count > 0 {
                let tokens = &read.tokens[read.done..read.done + count];
                let (caches, position) = (work.session.caches.as_mut_slice(), read.next_position());
                stretches.push(Stretch { caches, position, tokens });
            }
        }
        self.model.pass_first(self.first, cpu, scratch, &mut stretches);
        let mut rest = scratch.residual.as_slice();
        for (work, count) in works.iter().zip(counts) {
            let (rows, behind) = rest.split_at(count * self.model.settings().width);
            rest = behind;
            if !rows.is_empty() {
                self.card.device.write(&work.session.steps.residual, bytemuck::cast_slice(rows));
            }
        }
    }
}
