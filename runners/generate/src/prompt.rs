//! What the model reads before it answers, as tokens.
//!
//! **Invariant:** control tokens come from the template, or from a raw input, and nothing that was said can be taken for
//! the token that texts begin or end with where the template asks for that by its name.

use assay_runner::{Failure, SpecialTokens};
use serde_json::Value;

use crate::{
    conversation::Conversation,
    params::Params,
    template::{self, BEGIN, END},
};

/// What the model reads, as text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Prompt {
    text: String,
    /// Whether control tokens are found in it, and marks stand for the tokens that texts begin and end with.
    special: bool,
    marked: bool,
}

impl Prompt {
    /// A conversation as the model's template writes it.
    pub(crate) fn chat(template: &str, said: &Conversation, params: &Params) -> Result<Self, Failure> {
        if said.messages.iter().chain(params.variables.values()).any(holds_mark) {
            return Err(Failure::BadInput(
                "the input holds U+FDD0 or U+FDD1, which are no characters".into(),
            ));
        }
        let text = template::render(template, &said.messages, params)?;
        Ok(Self { text, special: true, marked: true })
    }

    /// A text that is continued as it is.
    pub(crate) fn plain(text: &str, params: &Params) -> Result<Self, Failure> {
        if params.system.is_some() || !params.variables.is_empty() || params.date.is_some() {
            let why = "system, variables and date are for models with a chat template, and not for raw input";
            return Err(Failure::BadParams(why.into()));
        }
        Ok(Self { text: text.to_owned(), special: params.raw, marked: false })
    }

    /// The tokens, with the one that the model wants texts to begin with in front.
    pub(crate) fn tokens(
        &self,
        special: &SpecialTokens,
        tokenize: impl Fn(&str, bool) -> Result<Vec<u32>, Failure>,
    ) -> Result<Vec<u32>, Failure> {
        let mut tokens = Vec::new();
        let mut rest = self.text.as_str();
        while let Some(at) = rest.find([BEGIN, END]).filter(|_| self.marked) {
            let (before, marked) = rest.split_at(at);
            if !before.is_empty() {
                tokens.extend(tokenize(before, self.special)?);
            }
            let token = if marked.starts_with(BEGIN) { special.begin } else { special.end.first().copied() };
            tokens.extend(token);
            rest = marked.get(BEGIN.len_utf8()..).unwrap_or_default();
        }
        if !rest.is_empty() {
            tokens.extend(tokenize(rest, self.special)?);
        }
        if let Some(begin) = special.begin.filter(|_| special.leads)
            && tokens.first() != Some(&begin)
        {
            tokens.insert(0, begin);
        }
        if tokens.is_empty() {
            return Err(Failure::BadInput("there is nothing to read".into()));
        }
        Ok(tokens)
    }
}

fn holds_mark(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
        Value::String(text) => text.contains([BEGIN, END]),
        Value::Array(values) => values.iter().any(holds_mark),
        Value::Object(entries) => {
            entries.iter().any(|(key, value)| key.contains([BEGIN, END]) || holds_mark(value))
        }
    }
}

#[cfg(test)]
mod tests;
