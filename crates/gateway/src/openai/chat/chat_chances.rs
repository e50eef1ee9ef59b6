//! How likely the tokens of an answer were, as OpenAI's clients ask and read it: `logprobs` and `top_logprobs`.
//!
//! **Invariant:** the texts of the tokens that are told, put together, are all that was written: words, thoughts and calls. A token
//! that adds nothing to that, such as the last one, is not told.

use assay_peer::handle::{TokenChance, WrittenChance};
use serde_json::{Value, json};

use crate::{answer::WholeAnswer, failure::HttpFailure};

/// The likeliest tokens of a place that are told, at most.
const LIKELIEST_MAX: u32 = 20;

/// How many of the likeliest tokens are told of each place, if chances are.
pub(super) fn wished(logprobs: Option<bool>, top: Option<u32>) -> Result<Option<u8>, HttpFailure> {
    let top = top.unwrap_or_default();
    let most = "top_logprobs is a number from 0 to 20";
    let count = u8::try_from(top).ok().filter(|_| top <= LIKELIEST_MAX);
    let count = count.ok_or_else(|| HttpFailure::wrong("top_logprobs", most))?;
    match logprobs {
        Some(true) => Ok(Some(count)),
        Some(false) | None if count > 0 => Err(HttpFailure::wrong(
            "top_logprobs",
            "top_logprobs is told beside logprobs, which is not asked for",
        )),
        Some(false) | None => Ok(None),
    }
}

/// What is told of an answer; nothing where nothing was asked.
pub(super) fn document(whole: &WholeAnswer) -> Value {
    if whole.chances.is_empty() {
        return Value::Null;
    }
    let told = whole.chances.iter().filter(|one| !one.written.text.is_empty());
    let place = |one: &WrittenChance| {
        let mut place = token(&one.written);
        place["top_logprobs"] = one.likeliest.iter().map(token).collect();
        place
    };
    json!({ "content": told.map(place).collect::<Vec<_>>(), "refusal": null })
}

fn token(chance: &TokenChance) -> Value {
    let text = String::from_utf8_lossy(&chance.text);
    json!({ "token": text, "logprob": chance.log, "bytes": chance.text })
}

#[cfg(test)]
mod tests {
    use assay_protocol::manifest::End;

    use super::*;

    #[test]
    fn so_many_are_told_as_are_asked_for() {
        let cases = [
            (None, None, Some(None)),
            (Some(false), Some(0), Some(None)),
            (Some(true), None, Some(Some(0))),
            (Some(true), Some(20), Some(Some(20))),
            (Some(true), Some(21), None),
            (Some(true), Some(300), None),
            (None, Some(1), None),
        ];
        for (logprobs, top, expected) in cases {
            assert_eq!(wished(logprobs, top).ok(), expected, "{logprobs:?}, {top:?}");
        }
    }

    #[test]
    fn tokens_are_told_as_they_add_to_the_text() {
        let chance = |text: &[u8], log: f64| TokenChance { token: 7, text: text.to_vec(), log };
        let one = |text: &[u8]| WrittenChance {
            written: chance(text, -0.5),
            likeliest: vec![chance(text, -0.5), chance(b"x", -2.0)],
        };
        let plain = WholeAnswer::example("8\u{fffd}", End::Stop);
        assert_eq!(document(&plain), Value::Null);
        let told = document(&WholeAnswer { chances: vec![one(b"8"), one(b"\xe2"), one(b"")], ..plain });
        let x = json!({ "token": "x", "logprob": -2.0, "bytes": [120] });
        let eight = json!({ "token": "8", "logprob": -0.5, "bytes": [56] });
        assert_eq!(told["content"].as_array().map(Vec::len), Some(2), "the end adds nothing: {told}");
        assert_eq!((&told["content"][0]["token"], &told["content"][0]["bytes"]), (&json!("8"), &json!([56])));
        assert_eq!(told["content"][0]["top_logprobs"], json!([eight, x]));
        assert_eq!(
            (&told["content"][1]["token"], &told["content"][1]["bytes"]),
            (&json!("\u{fffd}"), &json!([226]))
        );
    }
}
