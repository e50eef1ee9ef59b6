//! Vocabularies: the tokens of awkward texts, and files that are wrong.
//!
//! `contrib/compare/vectors` made the files and says whose tokens these are.

mod refusals;
mod sizes;

use std::collections::BTreeMap;

use assay_engine::{
    gguf::Gguf,
    vocabulary::{TokenType, Vocabulary},
};

use crate::fuzz::texts::{CUTS, FILES, cutting};

const TEXTS: &str = include_str!("../vocabularies/texts");
const TOKENS: &str = include_str!("../vocabularies/tokens.txt");

fn read(file: &[u8]) -> Vocabulary {
    Vocabulary::read(&Gguf::parse(file).unwrap()).unwrap()
}

/// A committed vocabulary, cutting words in a way of this name.
fn small(name: &str, cut: &str) -> Vocabulary {
    let (_, file) = FILES.iter().find(|(file, _)| *file == name).unwrap();
    read(&cutting(file, cut))
}

#[test]
fn texts_have_the_tokens_of_the_vectors() {
    let texts: Vec<&str> = TEXTS.split_terminator('\0').collect();
    let mut vocabularies = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in TOKENS.lines() {
        let (heading, expected) = line.split_once(':').unwrap();
        let [name, cut, special, number] = heading.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let vocabulary = vocabularies.entry((name, cut)).or_insert_with(|| small(name, cut));
        let text = texts[number.parse::<usize>().unwrap()];
        let tokens = vocabulary.tokenize(text, special == "1").unwrap();
        let expected: Vec<u32> = expected.split_whitespace().map(|token| token.parse().unwrap()).collect();
        if tokens != expected {
            wrong.push(format!("{heading} {text:?}\n  {tokens:?}\n  {expected:?}"));
        }
    }
    assert_eq!(vocabularies.len(), CUTS.len() + 2, "a way to cut words has no vectors");
    assert!(wrong.is_empty(), "{} texts have other tokens:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn control_tokens_are_text_unless_they_are_asked_for() {
    for (name, _) in FILES {
        let vocabulary = small(name, "gpt-2");
        let start = vocabulary.token("<|im_start|>").unwrap();
        let user = vocabulary.token("<|user|>").unwrap();
        let text = "<|im_start|>a<|user|>";
        let (plain, special) =
            (vocabulary.tokenize(text, false).unwrap(), vocabulary.tokenize(text, true).unwrap());
        assert_eq!(special.first(), Some(&start), "{name}");
        assert!(!plain.contains(&start), "{name}: a stranger's text opened a turn");
        // What a vocabulary defines itself is never cut, and means nothing to programs.
        assert_eq!((plain.last(), special.last()), (Some(&user), Some(&user)), "{name}");
        assert_eq!(vocabulary.detokenize(&plain, false), text.as_bytes(), "{name}");
        assert_eq!(vocabulary.detokenize(&special, false), b"a<|user|>", "{name}");
    }
}

#[test]
fn a_longer_special_token_goes_before_a_shorter_one_within_it() {
    let vocabulary = small("bytes", "gpt-2");
    let tokens = vocabulary.tokenize("<|im_end|><s></s>", true).unwrap();
    let names = ["<|im_end|>", "<s>", "</s>"].map(|text| vocabulary.token(text).unwrap());
    assert_eq!(tokens, names);
}

#[test]
fn a_text_is_enclosed_as_the_file_says() {
    let scores = small("scores", "-");
    assert_eq!(
        (scores.bos(), scores.eos(), scores.begins(), scores.finishes()),
        (Some(1), Some(2), true, false)
    );
    assert_eq!(scores.tokenize_enclosed("", false).unwrap(), [1]);
    assert_eq!(scores.tokenize("", false).unwrap(), []);
    // Files of raw pieces are mended: their models were trained with a first token.
    assert_eq!(small("characters", "-").tokenize_enclosed("", false).unwrap(), [0]);
    assert_eq!(small("bytes", "gpt-2").tokenize_enclosed("", false).unwrap(), []);
    assert_eq!(small("bytes", "llama-bpe").tokenize_enclosed("", false).unwrap(), [0]);
}

#[test]
fn an_answer_ends_where_programs_expect_it() {
    for (name, _) in FILES {
        let vocabulary = small(name, "gpt-2");
        let named = |text: &str| vocabulary.token(text).unwrap();
        let mut ends = ["</s>", "<|im_end|>", "<|end|>", "<|endoftext|>"].map(named);
        ends.sort_unstable();
        assert_eq!(vocabulary.ends(), ends, "{name}");
        assert_eq!(vocabulary.eot(), Some(named("<|im_end|>")), "{name}");
        assert!(vocabulary.is_end(named("</s>")) && !vocabulary.is_end(named("<s>")), "{name}");
        assert_eq!(vocabulary.token_type(named("<|end|>")), Some(TokenType::Control));
    }
}

#[test]
fn the_template_is_the_file_s() {
    assert!(small("bytes", "gpt-2").template().unwrap().starts_with("{% for message"));
    assert_eq!(small("scores", "-").template(), None);
}

#[test]
fn every_byte_can_be_said() {
    for (name, _) in FILES {
        let vocabulary = small(name, "gpt-2");
        for byte in 0..=u8::MAX {
            let said = (0..vocabulary.len() as u32).any(|token| vocabulary.piece(token, false) == [byte]);
            assert!(said, "{name} has no token for {byte:#04x}");
        }
    }
}
