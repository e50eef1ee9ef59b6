//! Answers of a model that says what it was told to.

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
        Ok(row)
    }

    fn bytes(&mut self, token: u32) -> Result<Vec<u8>, Failure> {
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
        Self { script: script.to_vec(), room: 1000, wanted: 1000, events: Vec::new(), logged: Vec::new() }
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
    Answer { rule, seed: [0; 32], ends: vec![END, 1], stops, tokens_max }
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
