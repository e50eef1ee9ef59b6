//! Prompts as tokens, of a vocabulary whose tokens are characters.

use super::*;
use crate::{conversation::Said, params::InputKind};

fn letters(text: &str, special: bool) -> Result<Vec<u32>, Failure> {
    let text = if special { text.replace("<s>", "\u{1}") } else { text.to_owned() };
    Ok(text.chars().map(u32::from).collect())
}

fn tokens(prompt: &Prompt, begin: Option<u32>) -> Result<Vec<u32>, Failure> {
    prompt.tokens(&SpecialTokens { begin, leads: true, end: vec![2, 3] }, letters)
}

fn chat(template: &str, said: &str) -> Result<Prompt, Failure> {
    let params = Params::default();
    Prompt::chat(template, &Conversation::of(&Said::read(said, InputKind::Auto)?, &params)?, &params)
}

#[test]
fn the_template_says_where_texts_begin_and_end() {
    let prompt =
        chat("{{ bos_token }}u{{ messages[0].content }}{{ eos_token }}{{ bos_token }}a", "b").unwrap();
    assert_eq!(tokens(&prompt, Some(1)), Ok(vec![1, 117, 98, 2, 1, 97]));
    assert_eq!(tokens(&prompt, None), Ok(vec![117, 98, 2, 97]));
}

#[test]
fn a_template_names_the_first_token_of_a_model_that_has_it_in_front_of_none() {
    let special = SpecialTokens { begin: Some(1), leads: false, end: vec![2] };
    let tokens = |template| chat(template, "").unwrap().tokens(&special, letters);
    assert_eq!(tokens("{{ bos_token }}x"), Ok(vec![1, 120]));
    assert_eq!(tokens("x"), Ok(vec![120]));
}

#[test]
fn what_texts_begin_with_is_put_in_front_once() {
    for template in ["x", "{{ bos_token }}x", "<s>x"] {
        assert_eq!(tokens(&chat(template, "").unwrap(), Some(1)), Ok(vec![1, 120]), "{template}");
    }
    assert_eq!(tokens(&chat("x", "").unwrap(), None), Ok(vec![120]));
}

#[test]
fn nobody_can_say_what_stands_for_them() {
    for said in ["a\u{FDD0}", "\u{FDD1}", r#"[{"role":"user","content":"\ufdd0"}]"#] {
        assert!(matches!(chat("{{ messages[0].content }}", said), Err(Failure::BadInput(_))), "{said}");
    }
    let params: Params = serde_json::from_str(r#"{"variables":{"a":[{"\ufdd1":1}]}}"#).unwrap();
    let said = Conversation::of(&Said::Text("a".to_owned()), &params).unwrap();
    assert!(matches!(Prompt::chat("x", &said, &params), Err(Failure::BadInput(_))));
}

#[test]
fn a_plain_text_is_read_as_it_is() {
    let plain = |params: &str, text: &str| {
        let params: Params = serde_json::from_str(params).unwrap();
        Prompt::plain(text, &params)
    };
    let marked = "<s>\u{FDD0}";
    let as_text: Vec<u32> = marked.chars().map(u32::from).collect();
    assert_eq!(tokens(&plain("{}", marked).unwrap(), None), Ok(as_text));
    assert_eq!(tokens(&plain(r#"{"raw":true}"#, "<s>a").unwrap(), None), Ok(vec![1, 97]));
    assert!(matches!(tokens(&plain("{}", "").unwrap(), None), Err(Failure::BadInput(_))));
    assert_eq!(tokens(&plain("{}", "").unwrap(), Some(1)), Ok(vec![1]));
    for params in [r#"{"system":"a"}"#, r#"{"date":"2026-11-27"}"#, r#"{"variables":{"a":1}}"#] {
        assert!(matches!(plain(params, "a"), Err(Failure::BadParams(_))), "{params}");
    }
}
