//! A language model: its vocabulary, and the one context that a run has.
//!
//! **Invariant:** whatever a guest passes is checked by the host; here it is only brought into the shape of tensors.

use crate::{
    Failure, MODEL_OF_JOB, Model, SpecialTokens, Tensor, bindings::assay::runner::text, model::Outputs,
};

/// What a context reads: tokens.
const TOKENS: &str = "tokens";
/// The first of them whose row is wanted.
const ROWS: &str = "rows";
/// How many tokens of those read before stay.
const KEEP: &str = "keep";
/// What a context gives: a row for each token that one is wanted of.
const LOGITS: &str = "logits";

/// A language model by its name.
#[derive(Clone, Debug)]
pub struct LanguageModel {
    name: String,
}

impl LanguageModel {
    /// The model that the job names.
    #[must_use]
    pub fn of_job() -> Self {
        Self::named(MODEL_OF_JOB)
    }

    /// A model by its name in the host's registry.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    /// The tokens of a text, without any that a text begins or ends with. Control tokens are found in it only if
    /// `special` says so: in what a stranger wrote they are text.
    pub fn tokenize(&self, text: &str, special: bool) -> Result<Vec<u32>, Failure> {
        text::tokenize(&self.name, text, special)
            .map_err(|why| Failure::BadInput(format!("the text has no tokens: {why}")))
    }

    /// The bytes that tokens add to a text, one token's behind the other's. A character may be spread over several
    /// tokens, and control tokens add nothing.
    pub fn detokenize(&self, tokens: &[u32]) -> Result<Vec<u8>, Failure> {
        text::detokenize(&self.name, tokens)
            .map_err(|why| Failure::Internal(format!("the tokens have no text: {why}")))
    }

    /// The token that a text begins with, if the model wants one, and all that an answer ends with.
    pub fn special_tokens(&self) -> Result<SpecialTokens, Failure> {
        text::special(&self.name)
            .map_err(|why| Failure::Unsupported(format!("the model has no special tokens: {why}")))
    }

    /// How the model wants conversations to be written, as a Jinja template.
    #[must_use]
    pub fn chat_template(&self) -> Option<String> {
        text::chat_template(&self.name)
    }

    /// The context of this run; the host refuses a second one.
    pub fn context(&self) -> Result<Context, Failure> {
        Ok(Context { model: Model::named(&self.name)?, keep: None })
    }
}

/// What a language model has read, and goes on from.
pub struct Context {
    model: Model,
    /// How many tokens stay when the next ones are read.
    keep: Option<u32>,
}

impl Context {
    /// Reads more tokens, and gives the logits behind the last of them: one for each token of the vocabulary.
    pub fn extend(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Failure> {
        self.read(tokens, None)?.take(LOGITS)?.to_f32()
    }

    /// Reads more tokens, and gives the logits behind each of them from number `first` on, row after row.
    pub fn extend_rows(&mut self, tokens: &[u32], first: usize) -> Result<Vec<f32>, Failure> {
        self.read(tokens, Some(first))?.take(LOGITS)?.to_f32()
    }

    /// Takes back what was read, but for the first tokens, before the next ones are read.
    pub fn keep(&mut self, tokens: usize) {
        let keep = u32::try_from(tokens).unwrap_or(u32::MAX);
        self.keep = Some(self.keep.map_or(keep, |before| before.min(keep)));
    }

    fn read(&mut self, tokens: &[u32], first: Option<usize>) -> Result<Outputs, Failure> {
        let numbers = tokens.iter().map(|token| number(*token)).collect::<Result<Vec<_>, _>>()?;
        let length = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        let mut inputs = vec![(TOKENS, Tensor::i32(&[length], &numbers))];
        if let Some(first) = first {
            inputs.push((ROWS, Tensor::i32(&[1], &[number(first)?])));
        }
        if let Some(keep) = self.keep.take() {
            inputs.push((KEEP, Tensor::i32(&[1], &[number(keep)?])));
        }
        self.model.run(inputs)
    }
}

fn number(value: impl TryInto<i32>) -> Result<i32, Failure> {
    value.try_into().map_err(|_| Failure::Internal("a number is too large for a tensor".into()))
}
