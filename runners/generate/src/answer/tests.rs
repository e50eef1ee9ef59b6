//! Answers of a model that says what it was told to.

use std::cell::Cell;

use schema::{Json, Schema};

use super::*;

/// What happened, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Read(Vec<u32>),
    Sent(Vec<u32>, String),
}

/// A model whose logits are highest for the tokens of a script; each token is a letter.
struct Scripted {
    script: Vec<u32>,
    /// Tokens that are read before the context is full.
    room: usize,
    /// Tokens that are taken before no more is wanted.
    wanted: usize,
    /// Tokens that have no logit.
    missing: Vec<u32>,
    /// How often it was asked what a token's bytes are.
    asked: Cell<usize>,
    events: Vec<Event>,
    logged: Vec<String>,
}

const END: u32 = 0;

fn letters(text: &str) -> Vec<u32> {
    text.bytes().map(|byte| if byte == b'.' { END } else { u32::from(byte) }).collect()
}

impl Session for Scripted {
    fn extend(&mut self, tokens: &[u32]) -> Result<Vec<f32>, Failure> {
        let read: usize = self
            .events
            .iter()
            .map(|event| if let Event::Read(tokens) = event { tokens.len() } else { 0 })
            .sum();
        if read + tokens.len() > self.room {
            return Err(Failure::Internal("the context is full".into()));
        }
        self.events.push(Event::Read(tokens.to_vec()));
        let mut row = vec![0.0; 256];
        let sent = self.sent().0.len();
        row[self.script.get(sent).copied().unwrap_or(END) as usize] = 9.0;
        for token in &self.missing {
            row[*token as usize] = f32::NAN;
        }
        Ok(row)
    }

    fn bytes(&self, token: u32) -> Result<Vec<u8>, Failure> {
        self.asked.set(self.asked.get() + 1);
        Ok(vec![token as u8])
    }

    fn emit(&mut self, tokens: &[u32], text: &str) -> bool {
        if self.sent().0.len() + tokens.len() > self.wanted {
            return false;
        }
        self.events.push(Event::Sent(tokens.to_vec(), text.to_owned()));
        true
    }

    fn log(&mut self, line: &str) {
        self.logged.push(line.to_owned());
    }
}

impl Scripted {
    fn new(script: &[u32]) -> Self {
        Self {
            script: script.to_vec(),
            room: 1000,
            wanted: 1000,
            missing: Vec::new(),
            asked: Cell::new(0),
            events: Vec::new(),
            logged: Vec::new(),
        }
    }

    fn sent(&self) -> (Vec<u32>, String) {
        let mut sent = (Vec::new(), String::new());
        for event in &self.events {
            if let Event::Sent(tokens, text) = event {
                sent.0.extend(tokens);
                sent.1 += text;
            }
        }
        sent
    }
}

fn answer(stops: &[&str], tokens_max: Option<u32>) -> Answer {
    let rule = Rule { temperature: 0.0, ..Rule::default() };
    let stops = stops.iter().map(|stop| (*stop).to_owned()).collect();
    Answer { rule, seed: [0; 32], ends: vec![END, 1], stops, tokens_max, form: None }
}

fn check(session: &mut Scripted, answer: Answer, tokens: &str, text: &str, end: End) {
    assert_eq!(answer.write(&letters("ask"), session), Ok(end));
    assert_eq!(session.sent(), (letters(tokens), text.to_owned()));
}

#[test]
fn tokens_are_sent_before_they_are_read_and_the_last_is_not_read() {
    let mut session = Scripted::new(&letters("ab."));
    check(&mut session, answer(&[], None), "ab.", "ab", End::Stop);
    let sent = |tokens: &str, text: &str| Event::Sent(letters(tokens), text.to_owned());
    let read = |tokens: &str| Event::Read(letters(tokens));
    assert_eq!(
        session.events,
        [read("ask"), sent("a", "a"), read("a"), sent("b", "b"), read("b"), sent(".", "")]
    );
}

#[test]
fn an_answer_has_no_more_tokens_than_were_asked_for() {
    for (most, tokens, text, end) in [
        (1, "a", "a", End::Length),
        (2, "ab", "ab", End::Length),
        (3, "ab.", "ab", End::Stop),
        (9, "ab.", "ab", End::Stop),
    ] {
        check(&mut Scripted::new(&letters("ab.")), answer(&[], Some(most)), tokens, text, end);
    }
    // What was held back is given where nothing more can come.
    check(&mut Scripted::new(&letters("a<b")), answer(&["<b"], Some(2)), "a<", "a<", End::Length);
    let mut session = Scripted::new(&[0xE2, 0x82]);
    assert_eq!(answer(&[], Some(2)).write(&letters("ask"), &mut session), Ok(End::Length));
    assert_eq!(session.sent(), (vec![0xE2, 0x82], "\u{FFFD}".to_owned()));
}

#[test]
fn a_stop_string_ends_the_text_before_it() {
    let mut session = Scripted::new(&letters("one<x<end>two."));
    check(&mut session, answer(&["<end>"], None), "one<x<end>", "one<x", End::Stop);
    check(&mut Scripted::new(&letters("a<e.")), answer(&["<end>"], None), "a<e.", "a<e", End::Stop);
    // At the last token that there may be, it is a stop.
    check(&mut Scripted::new(&letters("a<e")), answer(&["<e"], Some(3)), "a<e", "a", End::Stop);
}

#[test]
fn a_full_context_refuses_the_prompt_and_ends_the_answer() {
    let mut session = Scripted { room: 2, ..Scripted::new(&letters("ab.")) };
    assert!(matches!(answer(&[], None).write(&letters("ask"), &mut session), Err(Failure::BadInput(_))));
    assert!(session.events.is_empty());
    let mut session = Scripted { room: 4, ..Scripted::new(&letters("a<bc.")) };
    check(&mut session, answer(&["<x"], None), "a<", "a<", End::Length);
    assert_eq!(session.logged, ["the answer ends after 2 tokens: the context is full"]);
}

#[test]
fn nothing_is_computed_once_no_more_is_wanted() {
    let mut session = Scripted { wanted: 1, ..Scripted::new(&letters("abc.")) };
    check(&mut session, answer(&[], None), "a", "a", End::Cancelled);
    let reads = session.events.iter().filter(|event| matches!(event, Event::Read(_))).count();
    assert_eq!(reads, 2);
    check(
        &mut Scripted { wanted: 2, ..Scripted::new(&letters("ab.")) },
        answer(&[], None),
        "ab",
        "ab",
        End::Cancelled,
    );
    check(
        &mut Scripted { wanted: 0, ..Scripted::new(&letters("ab.")) },
        answer(&[], Some(1)),
        "",
        "",
        End::Cancelled,
    );
}

#[test]
fn each_token_is_drawn_at_its_own_place() {
    // All logits but the script's are equal, so that chance alone decides.
    let mut even = answer(&[], Some(40));
    even.rule = Rule { temperature: 100.0, top_p: 1.0, min_p: 0.0, top_k: 64, ..Rule::default() };
    even.ends.clear();
    let write = |answer: &Answer| {
        let mut session = Scripted::new(&letters(&"a".repeat(40)));
        answer.clone().write(&letters("ask"), &mut session).unwrap();
        session.sent().0
    };
    let written = write(&even);
    assert_eq!(written, write(&even));
    assert!(written.iter().any(|token| *token != written[0]));
    let other = write(&Answer { seed: [1; 32], ..even.clone() });
    assert_ne!(written, other);
    let row = {
        let mut row = vec![0.0; 256];
        row[usize::from(b'a')] = 9.0;
        row
    };
    for (index, token) in (0_u32..).zip(&written) {
        let step = Step { row: &row, written: &written[..index as usize], index, seed: &even.seed };
        assert_eq!(even.rule.choose(&step, &|_| true), Some(*token));
    }
}

#[test]
fn biases_are_of_tokens_that_there_are() {
    let mut biased = answer(&[], Some(1));
    biased.rule.bias = [(u32::from(b'z'), 50.0)].into();
    check(&mut Scripted::new(&letters("ab.")), biased.clone(), "z", "z", End::Length);
    biased.rule.bias.insert(256, 1.0);
    let refused = biased.write(&letters("ask"), &mut Scripted::new(&[]));
    assert_eq!(refused, Err(Failure::BadParams("logit_bias names token 256, and the model has 256".into())));
}

fn by_schema(schema: &str, tokens_max: Option<u32>) -> Answer {
    let schema = Schema::of(&Json::read(schema).unwrap()).unwrap();
    Answer { form: Some(Form::begun(schema.document())), ..answer(&[], tokens_max) }
}

const NUMBERED: &str = r#"{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}"#;

#[test]
fn an_answer_by_a_schema_ends_where_nothing_may_follow() {
    let whole = r#"{"n":12}"#;
    let mut session = Scripted::new(&letters(&format!("{whole} and more.")));
    check(&mut session, by_schema(NUMBERED, None), whole, whole, End::Stop);
    // At the last token that there may be, too.
    check(&mut Scripted::new(&letters(whole)), by_schema(NUMBERED, Some(8)), whole, whole, End::Stop);
    check(
        &mut Scripted::new(&letters(whole)),
        by_schema(NUMBERED, Some(7)),
        r#"{"n":12"#,
        r#"{"n":12"#,
        End::Length,
    );
}

#[test]
fn what_the_schema_does_not_allow_is_not_chosen_however_likely() {
    // Of equal logits the smallest token: a space, a minus, no nought behind it, and as many digits as there may be.
    let forced = format!(r#"{{"n": -1{}}}"#, "0".repeat(17));
    let mut session = Scripted::new(&letters("Sure! Here it is."));
    check(&mut session, by_schema(NUMBERED, None), &forced, &forced, End::Stop);
    // All bytes of a vocabulary are asked for once, and those of each chosen token.
    assert!(session.asked.get() <= 256 + forced.len(), "{}", session.asked.get());
}

#[test]
fn a_token_that_ends_answers_comes_only_where_the_document_is_whole() {
    let integer = r#"{"type":"integer","minimum":0}"#;
    check(&mut Scripted::new(&letters("7.")), by_schema(integer, None), "7.", "7", End::Stop);
    check(&mut Scripted::new(&letters(".7.")), by_schema(integer, None), "0", "0", End::Stop);
    let mut session = Scripted::new(&letters("\"a.\""));
    check(&mut session, by_schema(r#"{"type":"string"}"#, None), "\"a \"", "\"a \"", End::Stop);
}

#[test]
fn half_a_character_is_a_token_like_any() {
    let mut script = letters("\"");
    script.extend("€".bytes().map(u32::from));
    script.extend(letters("\""));
    let mut session = Scripted::new(&script);
    let answer = by_schema(r#"{"type":"string","maxLength":1}"#, None);
    assert_eq!(answer.write(&letters("ask"), &mut session), Ok(End::Stop));
    assert_eq!(session.sent(), (script.clone(), "\"€\"".to_owned()));
    // Where the other half is not what the model would say, it comes all the same.
    let mut session = Scripted::new(&[script[0], script[1], u32::from(b'x'), script[3], script[4]]);
    let answer = by_schema(r#"{"type":"string","maxLength":1}"#, None);
    assert_eq!(answer.write(&letters("ask"), &mut session), Ok(End::Stop));
    assert_eq!(session.sent().1, "\"\u{202C}\"");
}

#[test]
fn a_model_without_the_tokens_of_a_document_fails_and_says_so() {
    let mut session = Scripted { missing: letters("}"), ..Scripted::new(&letters(r#"{"n":12}"#)) };
    let failed = by_schema(NUMBERED, None).write(&letters("ask"), &mut session).unwrap_err();
    let Failure::Unsupported(why) = failed else { panic!("{failed:?}") };
    assert!(why.starts_with("none of the model's tokens goes on with an answer by the schema"), "{why}");
    // What is whole ends where the model has nothing to end it with.
    let mut session = Scripted::new(&letters("12"));
    session.missing = (0..256).filter(|token| ![u32::from(b'1'), u32::from(b'2')].contains(token)).collect();
    let mut endless = by_schema(r#"{"type":"integer","maximum":12,"minimum":12}"#, None);
    endless.ends.clear();
    check(&mut session, endless, "12", "12", End::Stop);
}

#[test]
fn whatever_is_drawn_fits_the_schema() {
    let schema = r#"{"type":"object","properties":{"a":{"type":"string","maxLength":9},"b":{"type":"array","maxItems":3,
        "items":{"type":["integer","boolean","null"]}}},"required":["a","b"]}"#;
    for seed in 0..40 {
        let mut even = by_schema(schema, None);
        even.rule = Rule { temperature: 100.0, top_p: 1.0, min_p: 0.0, top_k: 64, ..Rule::default() };
        even.seed = [seed; 32];
        let mut session = Scripted::new(&[]);
        assert_eq!(even.clone().write(&letters("ask"), &mut session), Ok(End::Stop));
        let value: serde_json::Value = serde_json::from_str(&session.sent().1).unwrap();
        assert!(
            value["a"].is_string() && value["b"].as_array().is_some_and(|list| list.len() <= 3),
            "{value}"
        );
        let mut again = Scripted::new(&[]);
        assert_eq!(even.write(&letters("ask"), &mut again), Ok(End::Stop));
        assert_eq!(again.sent(), session.sent());
    }
}
