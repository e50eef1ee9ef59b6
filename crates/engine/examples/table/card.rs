//! The first card's rows, as far as a card is here and runs the model.

use std::{error::Error, sync::Arc};

use assay_engine::{
    cpu::Cpu,
    gpu::{Card, CardError, CardModel, CardSession},
    session::Rows,
};

use crate::{DigestsFound, ReadModel, THREADS_MAX, ways::Tally};

/// What was found and the card's name; nothing where there is no card, or it does not run the model.
pub(crate) fn rows(
    subject: &ReadModel,
    only: &str,
) -> Result<Option<(DigestsFound, String)>, Box<dyn Error>> {
    if Card::list().is_empty() {
        return Ok(None);
    }
    let card = Card::open(0)?;
    let model = match CardModel::load(&card, &subject.model) {
        Ok(model) => Arc::new(model),
        Err(CardError::Unserved { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let tokens = subject.tokens.as_slice();
    let mut session = CardSession::new(&model, tokens.len())?;
    let mut found = DigestsFound::default();
    for (how, size) in [("all at once", tokens.len()), ("one by one", 1), ("in pieces", 37)] {
        if how.starts_with(only) {
            session.truncate(0);
            let mut tally = Tally::default();
            read(&mut session, tokens, size, &mut tally)?;
            found.add(how.to_owned(), tally.digest());
        }
    }
    if "after some".starts_with(only) {
        session.truncate(0);
        let (first, rest) = tokens.split_at(tokens.len() / 2);
        let mut tally = Tally::default();
        read(&mut session, first, first.len(), &mut tally)?;
        let other: Vec<u32> = rest.iter().rev().copied().collect();
        session.extend(&other, Rows::Last, |_| {})?;
        session.truncate(first.len());
        let mut fork = session.fork()?;
        session.extend(&other, Rows::Last, |_| {})?;
        read(&mut fork, rest, 50, &mut tally)?;
        found.add("after some were taken back and it was forked".to_owned(), tally.digest());
    }
    if "divided in the middle".starts_with(only) {
        let layers = subject.model.settings().layers / 2;
        let divided = Arc::new(CardModel::load_last(&card, &subject.model, layers, Cpu::new(THREADS_MAX))?);
        let mut session = CardSession::new(&divided, tokens.len())?;
        let mut tally = Tally::default();
        read(&mut session, tokens, 37, &mut tally)?;
        found.add("divided in the middle between it and the processor".to_owned(), tally.digest());
    }
    Ok(Some((found, card.info().name.clone())))
}

fn read(session: &mut CardSession, tokens: &[u32], size: usize, tally: &mut Tally) -> Result<(), CardError> {
    tokens.chunks(size).try_for_each(|piece| session.extend(piece, Rows::All, |row| tally.take(&row)))
}
