//! Writes an answer, token by token.
//!
//! **Invariant:** a token is sent before it is read, and none is read that was not sent. Rows, rule, seed, form and stop
//! strings decide every token and the end; nothing else does.

use std::cell::RefCell;

use assay_runner::{End, Failure};
use sampling::{Rule, Seed, Step};

use crate::{form::Form, text::Text};

/// What an answer is written with.
pub(crate) trait Session {
    /// Reads tokens, and gives the logits behind the last.
    fn extend(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Failure>;
    /// What a token adds to the text.
    fn bytes(&self, token: u32) -> Result<Vec<u8>, Failure>;
    /// Sends tokens and text; false if no more is wanted.
    fn emit(&mut self, tokens: &[u32], text: &str) -> bool;
    /// Notes something.
    fn log(&mut self, line: &str);
}

/// How an answer is written.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) rule: Rule,
    pub(crate) seed: Seed,
    /// The tokens that end it.
    pub(crate) ends: Vec<u32>,
    /// The texts that it ends before.
    pub(crate) stops: Vec<String>,
    /// The most tokens that it has.
    pub(crate) tokens_max: Option<u32>,
    /// What it must come to be.
    pub(crate) form: Option<Form>,
}

impl Answer {
    /// Reads the prompt and writes the answer; says why it ended.
    pub(crate) fn write(mut self, prompt: &[u32], session: &mut impl Session) -> Result<End, Failure> {
        let mut row = session.extend(prompt).map_err(|why| too_long(prompt, &why))?;
        self.check_bias(row.len())?;
        let mut text = Text::new(self.stops.clone());
        let mut written: Vec<u32> = Vec::new();
        loop {
            let Some(token) = self.choose(&row, &written, session)? else {
                return Ok(emitted(session.emit(&[], &text.finish()), End::Stop));
            };
            written.push(token);
            if self.ends.contains(&token) {
                return Ok(emitted(session.emit(&[token], &text.finish()), End::Stop));
            }
            let bytes = session.bytes(token)?;
            let mut clear = text.push(&bytes);
            if let Some(form) = &mut self.form {
                form.take(&bytes)?;
                clear.stopped |= form.is_closed();
            }
            if clear.stopped {
                return Ok(emitted(session.emit(&[token], &clear.text), End::Stop));
            }
            if self.tokens_max.is_some_and(|most| written.len() >= most as usize) {
                clear.text += &text.finish();
                return Ok(emitted(session.emit(&[token], &clear.text), End::Length));
            }
            if !session.emit(&[token], &clear.text) {
                return Ok(End::Cancelled);
            }
            row = match session.extend(&[token]) {
                Ok(row) => row,
                // The prompt was read, and the token is the model's own: what is missing is room.
                Err(why) => {
                    session.log(&format!("the answer ends after {} tokens: {why}", written.len()));
                    return Ok(emitted(session.emit(&[], &text.finish()), End::Length));
                }
            };
        }
    }

    /// The next token; none where the answer is whole and the model has nothing to go on or to end with.
    fn choose(&self, row: &[f32], written: &[u32], session: &impl Session) -> Result<Option<u32>, Failure> {
        let index = u32::try_from(written.len()).unwrap_or(u32::MAX);
        let step = Step { row, written, index, seed: &self.seed };
        let failed = RefCell::new(None);
        let is_allowed = |token: u32| {
            let Some(form) = &self.form else { return true };
            if self.ends.contains(&token) {
                return form.is_whole();
            }
            form.allows(token, || session.bytes(token)).unwrap_or_else(|why| {
                failed.replace(Some(why));
                false
            })
        };
        let token = self.rule.choose(&step, &is_allowed);
        if let Some(why) = failed.into_inner() {
            return Err(why);
        }
        self.form.as_ref().map_or(Ok(()), Form::check_work)?;
        match (token, &self.form) {
            (None, None) => Err(Failure::Internal("the model gives no logit that is a number".into())),
            (None, Some(form)) if !form.is_whole() => Err(Failure::Unsupported(format!(
                "none of the model's tokens goes on with an answer by the schema, behind {} tokens",
                written.len()
            ))),
            (token, _) => Ok(token),
        }
    }

    fn check_bias(&self, vocabulary: usize) -> Result<(), Failure> {
        match self.rule.bias.last_key_value() {
            Some((token, _)) if *token as usize >= vocabulary => Err(Failure::BadParams(format!(
                "logit_bias names token {token}, and the model has {vocabulary}"
            ))),
            Some(_) | None => Ok(()),
        }
    }
}

/// Tokens that the model has itself made of the input can be refused for their number alone.
fn too_long(prompt: &[u32], why: &Failure) -> Failure {
    Failure::BadInput(format!("the model does not take the {} tokens of the input: {why}", prompt.len()))
}

/// The end of an answer whose last part was taken, or not.
fn emitted(taken: bool, end: End) -> End {
    if taken { end } else { End::Cancelled }
}

#[cfg(test)]
mod tests;
