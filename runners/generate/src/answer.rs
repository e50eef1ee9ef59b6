//! Writes an answer, token by token.
//!
//! **Invariant:** a token is sent before it is read, and none is read that was not sent. Rows, rule, seed and stop strings
//! decide every token and the end; nothing else does.

use assay_runner::{End, Failure};
use sampling::{Rule, Seed, Step};

use crate::text::Text;

/// What an answer is written with.
pub(crate) trait Session {
    /// Reads tokens, and gives the logits behind the last.
    fn extend(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Failure>;
    /// What a token adds to the text.
    fn bytes(&mut self, token: u32) -> Result<Vec<u8>, Failure>;
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
}

impl Answer {
    /// Reads the prompt and writes the answer; says why it ended.
    pub(crate) fn write(self, prompt: &[u32], session: &mut impl Session) -> Result<End, Failure> {
        let mut row = session.extend(prompt).map_err(|why| too_long(prompt, &why))?;
        self.check_bias(row.len())?;
        let mut text = Text::new(self.stops.clone());
        let mut written: Vec<u32> = Vec::new();
        loop {
            let token = self.choose(&row, &written)?;
            written.push(token);
            if self.ends.contains(&token) {
                return Ok(emitted(session.emit(&[token], &text.finish()), End::Stop));
            }
            let mut clear = text.push(&session.bytes(token)?);
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

    fn choose(&self, row: &[f32], written: &[u32]) -> Result<u32, Failure> {
        let index = u32::try_from(written.len()).unwrap_or(u32::MAX);
        let step = Step { row, written, index, seed: &self.seed };
        self.rule
            .choose(&step, &|_| true)
            .ok_or_else(|| Failure::Internal("the model gives no logit that is a number".into()))
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
