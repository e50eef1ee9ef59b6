//! Texts that are long and monotonous: what took the square of their length would not end here.

use std::time::{Duration, Instant};

use assay_engine::vocabulary::{INPUT_BYTES_MAX, TextError};

use super::small;
use crate::fuzz::texts::CUTS;

/// Unoptimised and beside other tests a text takes seconds; one that took the square of its length would take hours.
const TIME_MAX: Duration = Duration::from_secs(600);

fn tokenize_in_time(name: &str, cut: &str, text: &str) {
    let vocabulary = small(name, cut);
    let began = Instant::now();
    let tokens = vocabulary.tokenize(text, true).unwrap();
    assert!(began.elapsed() < TIME_MAX, "{name} by {cut} took {:?}", began.elapsed());
    assert_eq!(vocabulary.detokenize(&tokens, true), text.as_bytes(), "{name} by {cut}");
}

#[test]
fn a_mebibyte_of_one_letter_has_tokens_soon() {
    let text = "a".repeat(1 << 20);
    for (name, cut) in [("bytes", "llama-bpe"), ("characters", "-"), ("scores", "-")] {
        tokenize_in_time(name, cut, &text);
    }
}

#[test]
fn no_way_to_cut_words_looks_at_a_long_text_twice_over() {
    let parts = ["7", " ", "\n", "Ba", "BA", "éA", "!", "中", " \n", "' ", "a ", "\u{301}"];
    for cut in CUTS {
        for part in parts {
            tokenize_in_time("bytes", cut, &part.repeat(20_000));
            // The end decides what the beginning is.
            tokenize_in_time("bytes", cut, &format!("{}x", part.repeat(20_000)));
        }
    }
}

#[test]
fn a_text_beyond_the_bound_is_refused() {
    let text = "a".repeat(INPUT_BYTES_MAX + 1);
    let refused = small("bytes", "gpt-2").tokenize(&text, false);
    assert_eq!(refused, Err(TextError::Long { found: INPUT_BYTES_MAX + 1 }));
}
