//! How likely the tokens of an answer were, as OpenAI's clients ask and read it: `logprobs` and `top_logprobs`.
//!
//! **Invariant:** the texts of the tokens that are told, put together, are all that was written: words, thoughts and calls. A token
//! that adds nothing to that, such as the last one, is not told.

use assay_peer::handle::{CHANCES_MAX, TokenChance, WrittenChance};
use serde_json::{Value, json};

use crate::{answer::WholeAnswer, failure::HttpFailure, order::TokensMax};

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

/// Refuses to tell of an answer that may become so long more than is told of any: nobody pays for what does not come.
pub(super) fn check_length(chances: Option<u8>, tokens_max: TokensMax) -> Result<(), HttpFailure> {
    let Some(likeliest) = chances else { return Ok(()) };
    let tokens = tokens_max.count();
    let each = usize::try_from(tokens).ok().and_then(|tokens| CHANCES_MAX.checked_div(tokens)).unwrap_or(0);
    if each > usize::from(likeliest) {
        return Ok(());
    }
    let told = match each.checked_sub(1) {
        Some(0) => "chances are told without any top_logprobs".to_owned(),
        Some(most) => format!("top_logprobs is a number from 0 to {most}"),
        None => "no chances are told".to_owned(),
    };
    let why = format!("of an answer of up to {tokens} tokens {told}; max_tokens makes it shorter");
    Err(HttpFailure::wrong(if likeliest == 0 { "logprobs" } else { "top_logprobs" }, why))
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
    fn of_long_answers_fewer_are_told_and_that_is_said_before_they_are_ordered() {
        let said = |chances, tokens| {
            check_length(chances, TokensMax::Asked(tokens)).map_err(|failure| failure.line()).err()
        };
        let fitting = [(None, u32::MAX), (Some(20), 6_241), (Some(1), 65_536), (Some(0), 131_072)];
        for (chances, tokens) in fitting {
            assert_eq!(said(chances, tokens), None, "{chances:?} of {tokens}");
        }
        for (chances, tokens, most) in [
            (Some(20), 6_242, "of up to 6242 tokens top_logprobs is a number from 0 to 19; max_tokens"),
            (Some(1), 65_537, "of up to 65537 tokens chances are told without any top_logprobs; max_tokens"),
            (
                Some(0),
                131_073,
                "logprobs: of an answer of up to 131073 tokens no chances are told; max_tokens",
            ),
        ] {
            let said = said(chances, tokens).unwrap_or_default();
            assert!(said.contains(most), "{chances:?} of {tokens}: {said}");
        }
        assert!(check_length(Some(20), TokensMax::Usual(6_242)).is_err());
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
