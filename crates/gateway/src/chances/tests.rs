//! What is asked of chances, and what is told of them.

use assay_protocol::manifest::End;

use super::*;
use crate::spoken::call_reader::{CallReader, ToolDialect};

fn chance(text: &[u8], log: f64) -> TokenChance {
    TokenChance { token: 7, text: text.to_vec(), log }
}

/// A token that was the likeliest, before an x.
fn one(text: &[u8]) -> WrittenChance {
    WrittenChance { written: chance(text, -0.5), likeliest: vec![chance(text, -0.5), chance(b"x", -2.0)] }
}

/// An answer of such tokens.
fn answer(tokens: &[&[u8]]) -> WholeAnswer {
    let plain = WholeAnswer::example(&String::from_utf8_lossy(&tokens.concat()), End::Stop);
    WholeAnswer { chances: tokens.iter().map(|token| one(token)).collect(), ..plain }
}

#[test]
fn so_many_are_told_as_are_asked_for() {
    let cases = [
        (false, None, Some(None)),
        (false, Some(0), Some(None)),
        (true, None, Some(Some(0))),
        (true, Some(20), Some(Some(20))),
        (true, Some(21), None),
        (true, Some(300), None),
        (false, Some(1), None),
    ];
    for (is_told, top, expected) in cases {
        assert_eq!(ChanceParams::CHAT.wished(is_told, top).ok(), expected, "{is_told}, {top:?}");
    }
}

#[test]
fn of_long_answers_fewer_are_told_and_that_is_said_before_they_are_ordered() {
    let said = |params: ChanceParams, chances, tokens| {
        let checked = params.check_length(chances, TokensMax::Asked(tokens));
        checked.map_err(|failure| failure.line()).err()
    };
    let fitting = [(None, u32::MAX), (Some(20), 6_241), (Some(1), 65_536), (Some(0), 131_072)];
    for (chances, tokens) in fitting {
        assert_eq!(said(ChanceParams::CHAT, chances, tokens), None, "{chances:?} of {tokens}");
    }
    for (params, chances, tokens, most) in [
        (
            ChanceParams::CHAT,
            Some(20),
            6_242,
            "of up to 6242 tokens top_logprobs is at most 19; max_tokens makes",
        ),
        (
            ChanceParams::RESPONSE,
            Some(1),
            65_537,
            "of up to 65537 tokens top_logprobs is at most 0; max_output_tokens makes",
        ),
        (ChanceParams::COMPLETION, Some(1), 65_537, "logprobs is at most 0; max_tokens makes"),
        (
            ChanceParams::OLLAMA,
            Some(0),
            131_073,
            "logprobs: of an answer of up to 131073 tokens no chances are told; options.num_predict",
        ),
    ] {
        let said = said(params, chances, tokens).unwrap_or_default();
        assert!(said.contains(most), "{chances:?} of {tokens}: {said}");
    }
    assert!(ChanceParams::CHAT.check_length(Some(20), TokensMax::Usual(6_242)).is_err());
}

#[test]
fn tokens_are_told_as_they_add_to_the_text() {
    assert_eq!(chat_document(&WholeAnswer::example("8", End::Stop)), Value::Null);
    let told = chat_document(&answer(&[b"8", b"\xe2", b""]));
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

#[test]
fn beside_a_text_each_token_has_its_name_its_chance_and_its_place() {
    assert_eq!(completion_document(&WholeAnswer::example("8", End::Stop)), Value::Null);
    // An é in two tokens, and one that is no part of a character.
    let told = completion_document(&answer(&[b"a\xc3", b"\xa9b", b"c", b"\xff", b"d", b""]));
    assert_eq!(told["tokens"], json!([r"bytes:\x61\xc3", r"bytes:\xa9\x62", "c", r"bytes:\xff", "d"]));
    assert_eq!(told["token_logprobs"], json!([-0.5, -0.5, -0.5, -0.5, -0.5]));
    assert_eq!(told["text_offset"], json!([0, 1, 3, 4, 5]));
    assert_eq!(told["top_logprobs"][2], json!({ "c": -0.5, "x": -2.0 }));
    let unlikely = WrittenChance { written: chance(b"q", -9.0), likeliest: vec![chance(b"x", -2.0)] };
    let plain = WholeAnswer::example("q", End::Stop);
    let told = completion_document(&WholeAnswer { chances: vec![unlikely], ..plain });
    assert_eq!(told["top_logprobs"], json!([{ "x": -2.0, "q": -9.0 }]), "what was written is always told");
}

#[test]
fn a_message_is_told_the_tokens_that_its_words_are_of() {
    let calls = CallReader::new(ToolDialect::Hermes, vec!["add".to_owned()], false);
    let reader = SpokenReader::new(false, Some(calls));
    let call = br#"<tool_call>{"name":"add","arguments":{"a":1}}</tool_call>"#;
    let tokens: [&[u8]; 8] = [b"<think>", b"So", b"</think>S", b"o", b".<", &call[1..], b"Then", b""];
    let told = of_messages(&answer(&tokens), reader.clone());
    let names: Vec<Vec<&str>> = told
        .iter()
        .map(|tokens| tokens.iter().filter_map(|token| token["token"].as_str()).collect())
        .collect();
    assert_eq!(names, [vec!["</think>S", "o", ".<"], vec!["Then"]], "what is thought is another So");
    assert_eq!(of_messages(&WholeAnswer::example("So.", End::Stop), reader), Vec::<Vec<Value>>::new());
}
