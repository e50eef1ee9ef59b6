//! A vocabulary as large as those in use, and what it takes to find what may follow.

use schema::{Json, Schema};

use super::*;

/// Tokens of the vocabulary.
const TOKENS: u32 = 150_000;
/// Letters that words are made of.
const LETTERS: &[u8] = b"etaoinshrdlcumwfgypbvkjxqz";

/// Words as vocabularies have them: bytes, numbers up to three digits, and words with a space before them or none.
fn vocabulary() -> Vec<Vec<u8>> {
    let bytes = (0..=u8::MAX).map(|byte| vec![byte]);
    let numbers = (0..1_000).map(|number: u32| number.to_string().into_bytes());
    let marks =
        [&b"\""[..], b"{\"", b"\":", b"\": ", b"\",", b"\", \"", b"\"}", b"},", b"]}", b"[", b"[\"", b", "];
    let words = (0_u32..).map(|number| {
        let mut word = if number % 2 == 0 { vec![b' '] } else { Vec::new() };
        let mut rest = number / 2;
        loop {
            word.push(LETTERS[rest as usize % LETTERS.len()]);
            rest /= LETTERS.len() as u32;
            if rest == 0 {
                return word;
            }
        }
    });
    let all = bytes.chain(numbers).chain(marks.map(<[u8]>::to_vec)).chain(words);
    all.take(TOKENS as usize).collect()
}

fn document(schema: &str, written: &str) -> Document {
    let mut document = Schema::of(&Json::read(schema).unwrap()).unwrap().document();
    assert!(document.take(written.as_bytes()), "{written}");
    document
}

/// All tokens that may follow, and the work of finding them.
fn allowed(form: &Form, vocabulary: &[Vec<u8>]) -> (Vec<u32>, u64) {
    let before = form.document.work();
    let allows = |token: &u32| form.allows(*token, || Ok(vocabulary[*token as usize].clone())).unwrap();
    let allowed = (0..TOKENS).filter(allows).collect();
    (allowed, form.document.work() - before)
}

const SCHEMA: &str = r#"{"type":"object","properties":{
    "name":{"type":"string","maxLength":3},"kind":{"enum":["cat","cattle","dog"]},"count":{"type":"integer","maximum":500},
    "rest":{}},"required":["name","kind","count","rest"]}"#;

#[test]
fn the_tree_allows_what_the_document_does() {
    let vocabulary = vocabulary();
    for written in [
        "",
        r#"{"na"#,
        r#"{"name":"at"#,
        r#"{"name":"cat"#,
        r#"{"name":"","kind":"ca"#,
        r#"{"name":"","kind":"dog","count":4"#,
        r#"{"name":"","kind":"dog","count":4,"rest":{"a": "#,
    ] {
        let form = Form::begun(document(SCHEMA, written));
        let (found, _) = allowed(&form, &vocabulary);
        let plain = |token: &u32| form.document.allows(&vocabulary[*token as usize]);
        let expected: Vec<u32> = (0..TOKENS).filter(plain).collect();
        assert_eq!(found, expected, "behind {written}");
        assert!(!found.is_empty(), "behind {written}");
    }
}

#[test]
fn where_little_may_follow_a_vocabulary_is_not_followed_token_by_token() {
    let vocabulary = vocabulary();
    // One letter more and no second: nearly every token begins well.
    let mut form = Form::begun(document(SCHEMA, r#"{"name":"at"#));
    let (found, work) = allowed(&form, &vocabulary);
    assert!(found.len() < 500, "{} tokens may follow", found.len());
    assert!(work < 5_000, "it took {work} of work, and token by token it takes {TOKENS} and more");
    let (again, more) = allowed(&form, &vocabulary);
    assert_eq!((again, more), (found, 0), "what was found is kept until the next choice");
    form.take(b"e").unwrap();
    let (found, work) = allowed(&form, &vocabulary);
    assert!(
        found.iter().all(|token| vocabulary[*token as usize][0] == b'"') && work < 100,
        "{found:?}, {work}"
    );
}

#[test]
fn a_token_without_text_never_may_follow() {
    let form = Form::begun(document("{}", ""));
    assert!(!form.allows(7, || Ok(Vec::new())).unwrap());
    assert!(form.allows(8, || Ok(b"[".to_vec())).unwrap());
}
