//! How likely the tokens of an answer were, as clients of each endpoint ask and read it.
//!
//! **Invariant:** the texts of the tokens that are told, put together, are all that was written: words, thoughts and calls; where an
//! endpoint tells them beside words alone, they are all that any of those words is of. A token that adds nothing to that, such as
//! the last one, is not told.

mod chance_question;
mod token_place;

use std::ops::Range;

use assay_peer::handle::{CHANCES_MAX, TokenChance, WrittenChance};
use serde_json::{Map, Value, json};

pub(crate) use self::chance_question::ChanceQuestion;
use self::token_place::TokenPlace;
use crate::{
    answer::WholeAnswer,
    counted::counted,
    failure::HttpFailure,
    order::TokensMax,
    spoken::{SpokenReader, word_places},
};

/// The likeliest tokens of a place that are told, at most.
const LIKELIEST_MAX: u32 = 20;

/// What the fields are called by which an endpoint is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChanceParams {
    /// Whether chances are told.
    pub(crate) told: &'static str,
    /// How many of the likeliest tokens are, of each place.
    likeliest: &'static str,
    /// How long an answer may be.
    tokens: &'static str,
}

impl ChanceParams {
    /// Of a conversation.
    pub(crate) const CHAT: Self = Self { told: "logprobs", likeliest: "top_logprobs", tokens: "max_tokens" };
    /// Of a text that is continued.
    pub(crate) const COMPLETION: Self =
        Self { told: "logprobs", likeliest: "logprobs", tokens: "max_tokens" };
    /// Of a response.
    pub(crate) const RESPONSE: Self =
        Self { told: "include", likeliest: "top_logprobs", tokens: "max_output_tokens" };
    /// Of Ollama's clients.
    pub(crate) const OLLAMA: Self =
        Self { told: "logprobs", likeliest: "top_logprobs", tokens: "options.num_predict" };

    /// How many of the likeliest tokens are told of each place, if chances are.
    pub(crate) fn wished(self, is_told: bool, likeliest: Option<u32>) -> Result<Option<u8>, HttpFailure> {
        let Self { told, likeliest: param, .. } = self;
        let asked = likeliest.unwrap_or_default();
        let count = u8::try_from(asked).ok().filter(|_| asked <= LIKELIEST_MAX);
        let most = || HttpFailure::wrong(param, format!("{param} is a number from 0 to {LIKELIEST_MAX}"));
        let count = count.ok_or_else(most)?;
        match is_told {
            true => Ok(Some(count)),
            false if count > 0 => {
                let why = format!("{param} is told beside chances, and {told} does not ask for those");
                Err(HttpFailure::wrong(param, why))
            }
            false => Ok(None),
        }
    }

    /// Refuses to tell of an answer that may become so long more than is told of any: nobody pays for what does not come.
    pub(crate) fn check_length(self, chances: Option<u8>, tokens_max: TokensMax) -> Result<(), HttpFailure> {
        let Some(likeliest) = chances else { return Ok(()) };
        let tokens = tokens_max.count();
        let each =
            usize::try_from(tokens).ok().and_then(|tokens| CHANCES_MAX.checked_div(tokens)).unwrap_or(0);
        if each > usize::from(likeliest) {
            return Ok(());
        }
        let told = match each.checked_sub(1) {
            Some(most) => format!("{} is at most {most}", self.likeliest),
            None => "no chances are told".to_owned(),
        };
        let tokens = counted(tokens, "token", "tokens");
        let why = format!("of an answer of up to {tokens} {told}; {} makes it shorter", self.tokens);
        Err(HttpFailure::wrong(if likeliest == 0 { self.told } else { self.likeliest }, why))
    }
}

/// Each token of an answer, with the likeliest in its place; nothing where nothing was asked.
pub(crate) fn list(whole: &WholeAnswer) -> Option<Vec<Value>> {
    (!whole.chances.is_empty()).then(|| told(whole).map(listed).collect())
}

/// The same as it stands beside a message.
pub(crate) fn chat_document(whole: &WholeAnswer) -> Value {
    list(whole).map_or(Value::Null, |content| json!({ "content": content, "refusal": null }))
}

/// The same as it stands beside a text that was continued: a list of each kind, in which the same place is the same token's.
pub(crate) fn completion_document(whole: &WholeAnswer) -> Value {
    if whole.chances.is_empty() {
        return Value::Null;
    }
    let (told, places) = placed(whole);
    let of_each = |of: fn(&WrittenChance) -> Value| told.iter().map(|one| of(one)).collect::<Vec<_>>();
    json!({
        "tokens": of_each(|one| json!(name(&one.written))), "token_logprobs": of_each(|one| json!(one.written.log)),
        "top_logprobs": of_each(by_name),
        "text_offset": places.iter().map(|place| place.characters).collect::<Vec<_>>(),
    })
}

/// The tokens of each message of an answer that such a reader finds in it: those that its words are of.
pub(crate) fn of_messages(whole: &WholeAnswer, reader: SpokenReader) -> Vec<Vec<Value>> {
    if whole.chances.is_empty() {
        return Vec::new();
    }
    let (told, places) = placed(whole);
    let messages = word_places(reader, &whole.text).into_iter();
    let of_message = |words: Vec<Range<usize>>| -> Vec<Value> {
        let is_of_it = |place: &TokenPlace| {
            words.iter().any(|words| words.start < place.bytes.end && place.bytes.start < words.end)
        };
        let tokens = told.iter().zip(&places).filter(|(_, place)| is_of_it(place));
        tokens.map(|(one, _)| listed(one)).collect()
    };
    messages.map(of_message).collect()
}

/// The tokens that add to the text.
fn told(whole: &WholeAnswer) -> impl Iterator<Item = &WrittenChance> {
    whole.chances.iter().filter(|one| !one.written.text.is_empty())
}

/// The same, with where in the text each is.
fn placed(whole: &WholeAnswer) -> (Vec<&WrittenChance>, Vec<TokenPlace>) {
    let told: Vec<&WrittenChance> = told(whole).collect();
    let texts: Vec<&[u8]> = told.iter().map(|one| one.written.text.as_slice()).collect();
    let places = TokenPlace::all(&texts);
    (told, places)
}

fn listed(one: &WrittenChance) -> Value {
    let mut listed = token(&one.written);
    listed["top_logprobs"] = one.likeliest.iter().map(token).collect();
    listed
}

fn token(chance: &TokenChance) -> Value {
    let text = String::from_utf8_lossy(&chance.text);
    json!({ "token": text, "logprob": chance.log, "bytes": chance.text })
}

/// The likeliest tokens and the one that was written, by what they are called. Of two that are called the same the likelier stands.
fn by_name(one: &WrittenChance) -> Value {
    let mut logs = Map::new();
    for chance in one.likeliest.iter().chain([&one.written]) {
        logs.entry(name(chance)).or_insert_with(|| json!(chance.log));
    }
    Value::Object(logs)
}

/// What a token is called where nothing else tells it from others: its text, or its bytes, where those are a part of a character.
fn name(chance: &TokenChance) -> String {
    match str::from_utf8(&chance.text) {
        Ok(text) => text.to_owned(),
        Err(_) => chance.text.iter().fold("bytes:".to_owned(), |name, byte| format!("{name}\\x{byte:02x}")),
    }
}

#[cfg(test)]
mod tests;
