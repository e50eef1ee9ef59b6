//! Files whose vocabularies are wrong, each refused by what is wrong with it.

use assay_engine::{
    gguf::{Gguf, GgufError, Writer},
    vocabulary::{MERGES_MAX, TOKEN_BYTES_MAX, TOKENS_MAX, TextError, Vocabulary, VocabularyError},
};

fn read(writer: &Writer) -> Result<Vocabulary, VocabularyError> {
    let file = writer.to_bytes(|_, _| ());
    Vocabulary::read(&Gguf::parse(&file).unwrap())
}

fn check(writer: &Writer, expected: &VocabularyError) {
    assert_eq!(read(writer).err().as_ref(), Some(expected));
}

/// A vocabulary of merges with these tokens.
fn merging(tokens: &[&str], merges: &[&str]) -> Writer {
    let mut writer = Writer::new();
    writer.key("tokenizer.ggml.model", "gpt2").key("tokenizer.ggml.pre", "gpt-2");
    writer.key("tokenizer.ggml.tokens", tokens.to_vec()).key("tokenizer.ggml.merges", merges.to_vec());
    writer
}

/// A vocabulary of scores with these tokens.
fn scoring(tokens: &[&str], scores: &[f32]) -> Writer {
    let mut writer = Writer::new();
    writer.key("tokenizer.ggml.model", "llama").key("tokenizer.ggml.add_bos_token", false);
    writer.key("tokenizer.ggml.tokens", tokens.to_vec()).key("tokenizer.ggml.scores", scores.to_vec());
    writer
}

#[test]
fn what_is_not_known_is_refused_by_name_with_what_is() {
    let refused = |kind: &str, words: &str| {
        let mut writer = Writer::new();
        writer.key("tokenizer.ggml.model", kind).key("tokenizer.ggml.pre", words);
        read(&writer).unwrap_err().to_string()
    };
    assert_eq!(
        refused("bert", "-"),
        "the vocabulary is of the kind bert, and what is read is gpt2, llama, gemma4"
    );
    let words = refused("gpt2", "superbpe");
    assert!(words.starts_with("the vocabulary cuts words by superbpe, and what is known is "), "{words}");
    for known in ["llama-bpe", "qwen2", "tekken", "deepseek-v3", "kimi-k2"] {
        assert!(words.contains(known), "{known} is not named: {words}");
    }
}

#[test]
fn missing_keys_are_named() {
    for (key, rest) in [
        ("tokenizer.ggml.model", Writer::new()),
        ("tokenizer.ggml.tokens", {
            let mut writer = Writer::new();
            writer.key("tokenizer.ggml.model", "llama");
            writer
        }),
        ("tokenizer.ggml.merges", {
            let mut writer = Writer::new();
            writer.key("tokenizer.ggml.model", "gpt2").key("tokenizer.ggml.tokens", vec!["a"]);
            writer
        }),
    ] {
        check(&rest, &VocabularyError::Key(GgufError::NoKey { key: key.to_owned() }));
    }
}

#[test]
fn tokens_are_bounded_and_each_has_a_text_of_its_own() {
    check(&merging(&[], &[]), &VocabularyError::Tokens { found: 0 });
    check(&merging(&vec!["a"; TOKENS_MAX + 1], &[]), &VocabularyError::Tokens { found: TOKENS_MAX + 1 });
    check(&merging(&["a", "b", "a"], &[]), &VocabularyError::Twice { first: 0, second: 2 });
    let long = "a".repeat(TOKEN_BYTES_MAX + 1);
    check(&merging(&["a", &long], &[]), &VocabularyError::Long { token: 1, found: TOKEN_BYTES_MAX + 1 });
    // Texts that are empty have none; they are told apart by their numbers.
    assert_eq!(read(&merging(&["a", "", ""], &[])).unwrap().len(), 3);
}

#[test]
fn merges_are_bounded() {
    check(&merging(&["a"], &vec!["a a"; MERGES_MAX + 1]), &VocabularyError::Merges { found: MERGES_MAX + 1 });
    // Each merge knows a text that is longer than the last: the sum is bounded, and not only their number.
    let long: Vec<String> = (0..1_000).map(|length| format!("{} b", "a".repeat(1 << 17 | length))).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    check(&merging(&["a"], &long), &VocabularyError::Large);
}

#[test]
fn merges_that_lead_in_a_circle_or_nowhere_end() {
    let circle =
        ["a b", "b a", "ab a", "a ba", "ba b", "aba b", "abab ab", " ", "a ", "", "ab", "a b c", "x y"];
    let vocabulary = read(&merging(&["a", "b", "ab", "ba", "aba"], &circle)).unwrap();
    let tokens = vocabulary.tokenize(&"ab".repeat(1_000), false).unwrap();
    assert_eq!(vocabulary.detokenize(&tokens, false), "ab".repeat(1_000).as_bytes());
}

#[test]
fn lists_have_an_item_for_each_token() {
    let (tokens, found) = (2, 1);
    check(
        &scoring(&["a", "b"], &[1.0]),
        &VocabularyError::Short { key: "tokenizer.ggml.scores", found, tokens },
    );
    let mut writer = scoring(&["a", "b"], &[1.0, 2.0]);
    writer.key("tokenizer.ggml.token_type", vec![1_i32]);
    check(&writer, &VocabularyError::Short { key: "tokenizer.ggml.token_type", found, tokens });
}

#[test]
fn scores_are_numbers() {
    check(&scoring(&["a", "b"], &[1.0, f32::NAN]), &VocabularyError::Score { token: 1 });
    let endless = [f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, f32::MIN_POSITIVE / 2.0];
    assert!(read(&scoring(&["a", "b", "c", "ab", "bc"], &endless)).is_ok());
}

#[test]
fn keys_name_tokens_that_exist() {
    for key in ["bos", "eos", "eot", "fim_pre"] {
        let key = format!("tokenizer.ggml.{key}_token_id");
        let mut writer = merging(&["a", "b"], &[]);
        writer.key(&key, 2_u32);
        check(&writer, &VocabularyError::NoToken { key, token: 2, tokens: 2 });
    }
    let mut writer = merging(&["a", "b"], &[]);
    writer.key("tokenizer.ggml.add_bos_token", true);
    check(&writer, &VocabularyError::Unnamed { key: "tokenizer.ggml.bos_token_id" });
}

#[test]
fn a_byte_without_a_token_is_refused_where_all_others_have_one() {
    let vocabulary = read(&scoring(&["a", "▁"], &[0.0, 0.0])).unwrap();
    assert_eq!(vocabulary.tokenize("a b", false), Err(TextError::Byte { byte: b'b' }));
    // Whoever trained by merges left it out.
    let vocabulary = read(&merging(&["a", "Ġ"], &[])).unwrap();
    assert_eq!(vocabulary.tokenize("ab a", false), Ok(vec![0, 1, 0]));
}
