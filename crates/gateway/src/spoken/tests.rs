//! Answers as models of several families write them, cut everywhere.

use super::{
    call_reader::{BLANK_BYTES_MAX, CALLS_MAX, CallReader, MISSES_MAX, ToolCall, ToolDialect},
    json_end::JSON_BYTES_MAX,
    *,
};

const NAMES: [&str; 3] = ["get_weather", "get", "add"];

fn reader(dialect: ToolDialect) -> SpokenReader {
    let names: Vec<String> = NAMES.map(str::to_owned).into();
    SpokenReader::new(false, Some(CallReader::new(dialect, names, false)))
}

fn call(name: &str, arguments: &str) -> ToolCall {
    ToolCall { name: name.to_owned(), arguments: arguments.to_owned() }
}

/// What is read of a text that comes in these pieces.
fn of_pieces<'a>(mut reader: SpokenReader, pieces: impl Iterator<Item = &'a str>) -> SpokenAnswer {
    let mut answer = SpokenAnswer::default();
    for piece in pieces {
        reader.take(piece).into_iter().for_each(|told| answer.add(told));
    }
    reader.end().into_iter().for_each(|told| answer.add(told));
    answer
}

/// Holds what is read to be the same whole, letter by letter, and in any two parts.
fn check(reader: &SpokenReader, text: &str, (thoughts, words): (&str, &str), calls: &[ToolCall]) {
    let expected =
        SpokenAnswer { thoughts: thoughts.to_owned(), words: words.to_owned(), calls: calls.to_vec() };
    assert_eq!(SpokenAnswer::of(reader.clone(), text), expected, "{text:?}");
    let letters = text.char_indices().map(|(at, letter)| &text[at..at + letter.len_utf8()]);
    assert_eq!(of_pieces(reader.clone(), letters), expected, "{text:?} letter by letter");
    for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
        let (one, other) = text.split_at(at);
        let read = of_pieces(reader.clone(), [one, other].into_iter());
        assert_eq!(read, expected, "{one:?} and {other:?}");
    }
    let places = word_places(reader.clone(), text).concat();
    let found: String = places.iter().map(|place| &text[place.clone()]).collect();
    assert_eq!(found, words, "the places of the words of {text:?}");
    assert!(places.is_sorted_by(|one, other| one.end <= other.start), "{places:?} in {text:?}");
}

#[test]
fn thoughts_stand_before_words_between_their_marks() {
    let plain = SpokenReader::new(false, None);
    let cases = [
        ("<think>\nIt is <late>.\n\nSo?\n</think>\n\nYes. <think>", "It is <late>.\n\nSo?", "Yes. <think>"),
        (" \n<think></think>Yes.", "", "Yes."),
        ("<think>\n\n</think>\n\n Yes.\n", "", "Yes.\n"),
        ("<think>It is ", "It is", ""),
        ("<think>It is</thin", "It is</thin", ""),
        ("<think>It </think", "It </think", ""),
        ("<think>ä</think>ö", "ä", "ö"),
        ("  Yes.</think> No.", "", "  Yes.</think> No."),
        ("<thin", "", "<thin"),
        (" <b>Yes</b> ", "", " <b>Yes</b> "),
        ("", "", ""),
    ];
    for (text, thoughts, words) in cases {
        check(&plain, text, (thoughts, words), &[]);
    }
}

#[test]
fn a_text_that_is_continued_is_words_alone() {
    let text = " <think>It is.</think> <tool_call>{}";
    check(&SpokenReader::untouched(), text, ("", text), &[]);
}

#[test]
fn a_prompt_may_have_opened_the_thoughts() {
    let thinking = SpokenReader::new(true, None);
    let cases = [
        ("It is.\n</think>\n\nYes.", "It is.", "Yes."),
        ("\n<think>\nIt is.</think>Yes.", "It is.", "Yes."),
        ("</think>Yes.", "", "Yes."),
        ("It is", "It is", ""),
        ("<thing>", "<thing>", ""),
    ];
    for (text, thoughts, words) in cases {
        check(&thinking, text, (thoughts, words), &[]);
    }
}

#[test]
fn calls_stand_between_marks() {
    let hermes = reader(ToolDialect::Hermes);
    let one = call("get_weather", r#"{"city":"Köln","days":[1,2]}"#);
    let two = call("add", r#"{"b":2,"a":"}</tool_call>"}"#);
    let first = "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Köln\", \"days\": [1, 2]}}\n</tool_call>";
    let second = r#"<tool_call>{"name": "add", "arguments": {"b": 2, "a": "}</tool_call>"}}</tool_call>"#;
    check(&hermes, first, ("", ""), std::slice::from_ref(&one));
    let both = format!("<think>\nTwo.\n</think>\n\nLet me look.\n{first}\n{second}\n");
    check(&hermes, &both, ("Two.", "Let me look.\n"), &[one.clone(), two.clone()]);
    check(&hermes, &format!("{first} Done."), ("", "Done."), std::slice::from_ref(&one));
    // The mark may be a token that gives no text.
    let bare = r#"{"name": "add", "arguments": {"b": 2, "a": "}</tool_call>"}}"#;
    check(&hermes, bare, ("", ""), &[two]);
    // A tool that nobody named is the model's mistake, and is told as what it is.
    let unknown = r#"<tool_call>{"name":"fly","arguments":"{\"up\": true}"}</tool_call>"#;
    check(&hermes, unknown, ("", ""), &[call("fly", r#"{"up": true}"#)]);
    check(&hermes, r#"<tool_call>{"name":"get"}"#, ("", ""), &[call("get", "{}")]);
}

#[test]
fn calls_stand_alone_or_behind_each_other() {
    let llama = reader(ToolDialect::Llama);
    let one = call("get", r#"{"x":1.5}"#);
    let two = call("add", r#"{"a":null}"#);
    let text = r#"{"name": "get", "parameters": {"x": 1.5}}"#;
    check(&llama, text, ("", ""), std::slice::from_ref(&one));
    check(&llama, &format!("<|python_tag|>{text}"), ("", ""), std::slice::from_ref(&one));
    let both =
        format!("\n{text}; {{\"type\": \"function\", \"name\": \"add\", \"parameters\": {{\"a\": null}}}}");
    check(&llama, &both, ("", ""), &[one.clone(), two]);
    check(&llama, &format!("{text} so"), ("", "so"), &[one]);
    for words in [
        r#"{"name": "Ann", "parameters": {}}"#,
        r#"{"x": {"name": "get", "parameters": {}}}"#,
        r#"Say {"name": "get", "parameters": {}}"#,
        r#"{"name": "get", "parameters": [1]}"#,
        r#"{"name": "get", "parameters": "five"}"#,
    ] {
        check(&llama, words, ("", words), &[]);
    }
}

#[test]
fn calls_stand_in_a_list_or_behind_their_names() {
    let mistral = reader(ToolDialect::Mistral);
    let one = call("get", r#"{"x":[]}"#);
    let two = call("add", "{}");
    let list = r#"[{"name": "get", "arguments": {"x": []}}, {"name": "add", "arguments": {}}]"#;
    check(&mistral, list, ("", ""), &[one.clone(), two.clone()]);
    check(&mistral, &format!(" [TOOL_CALLS] {list}"), ("", ""), &[one.clone(), two.clone()]);
    let named = r#"[TOOL_CALLS]get[ARGS]{"x": []}[TOOL_CALLS]add[ARGS]{}"#;
    check(&mistral, named, ("", ""), &[one.clone(), two.clone()]);
    check(&mistral, r#"get{"x": []}add{}"#, ("", ""), &[one, two]);
    check(&mistral, r#"get_weather {"city":""}"#, ("", ""), &[call("get_weather", r#"{"city":""}"#)]);
    for words in ["[1] See above.", "[{\"name\": \"Ann\"}]", "get_weather is slow.", "[]", "getting on", "["]
    {
        check(&mistral, words, ("", words), &[]);
    }
}

#[test]
fn what_is_no_whole_call_is_told_as_words() {
    let hermes = reader(ToolDialect::Hermes);
    for text in [
        "<tool_call>",
        "<tool_call>\n{\"name\": \"get\", \"arguments\": {\"x\": 1}\n</tool_call>",
        "<tool_call>{\"name\": get}</tool_call> and on",
        "<tool_call>get(1)</tool_call>",
        "<tool_call>[1]</tool_call>",
        "Write <tool_call> before it.",
        "a < b, a <tool b",
        "<tool_call>{\"arguments\": {}}</tool_call>",
        "{\"sum\": 3}",
        "{",
    ] {
        check(&hermes, text, ("", text), &[]);
    }
    let behind = r#"<tool_call>no</tool_call> <tool_call>{"name":"get"}</tool_call>"#;
    check(&hermes, behind, ("", "<tool_call>no</tool_call> "), &[call("get", "{}")]);
}

#[test]
fn who_wants_one_call_gets_one() {
    let names = NAMES.map(str::to_owned).to_vec();
    let single = SpokenReader::new(false, Some(CallReader::new(ToolDialect::Llama, names, true)));
    let text = r#"{"name":"get","parameters":{}};{"name":"add","parameters":{}}"#;
    check(&single, text, ("", ""), &[call("get", "{}")]);
}

/// A call of no arguments.
const CALL: &str = r#"<tool_call>{"name":"get"}</tool_call>"#;

#[test]
fn of_marks_without_calls_so_many_are_looked_at_and_no_more() {
    let hermes = reader(ToolDialect::Hermes);
    let mark = "<tool_call>x";
    let few = mark.repeat(MISSES_MAX - 1);
    check(&hermes, &format!("{few}{CALL}"), ("", &few), &[call("get", "{}")]);
    let many = mark.repeat(MISSES_MAX) + CALL;
    check(&hermes, &many, ("", &many), &[]);
}

#[test]
fn an_answer_holds_so_many_calls_and_none_that_is_longer_than_anybody_reads() {
    let read = |text: &str| {
        let letters = (0..text.len()).map(|at| &text[at..=at]);
        let hermes = reader(ToolDialect::Hermes);
        let whole = SpokenAnswer::of(hermes.clone(), text);
        assert_eq!(whole, of_pieces(hermes, letters));
        (whole.words, whole.calls.len())
    };
    assert_eq!(read(&format!("{} So. {CALL}", CALL.repeat(CALLS_MAX))), (format!("So. {CALL}"), CALLS_MAX));
    assert_eq!(read(&CALL.repeat(CALLS_MAX)), (String::new(), CALLS_MAX));
    let list = |count: usize| format!("[{}]", vec![r#"{"name":"get"}"#; count].join(","));
    let of_list = |count: usize| SpokenAnswer::of(reader(ToolDialect::Mistral), &list(count));
    assert_eq!(of_list(CALLS_MAX).calls.len(), CALLS_MAX);
    assert_eq!(of_list(CALLS_MAX + 1).words, list(CALLS_MAX + 1));
    let of_length = |bytes: usize| {
        let (begin, end) = (r#"{"name":"get","arguments":{"x":""#, r#""}}"#);
        let text = format!("<tool_call>{begin}{}{end}", "a".repeat(bytes - begin.len() - end.len()));
        let read = SpokenAnswer::of(reader(ToolDialect::Hermes), &text);
        assert_eq!(read.words == text, read.calls.is_empty(), "{bytes}");
        read.calls.len()
    };
    assert_eq!([JSON_BYTES_MAX, JSON_BYTES_MAX + 1].map(of_length), [1, 0]);
}

#[test]
fn a_call_shows_that_it_is_one_within_so_many_blanks() {
    let cases = [
        (ToolDialect::Hermes, "<tool_call>", r#"{"name":"get"}</tool_call>"#),
        (ToolDialect::Llama, "", r#"{"name":"get","parameters":{}}"#),
        (ToolDialect::Llama, "{", r#""name":"get","parameters":{}}"#),
        (ToolDialect::Mistral, "[", r#"{"name":"get"}]"#),
        (ToolDialect::Mistral, "get", "{}"),
        (ToolDialect::Mistral, "get[ARGS]", "{}"),
    ];
    for (dialect, begin, end) in cases {
        for (blanks, calls) in [(BLANK_BYTES_MAX, 1), (BLANK_BYTES_MAX + 1, 0)] {
            let text = format!("{begin}{}{end}", " ".repeat(blanks));
            let whole = SpokenAnswer::of(reader(dialect), &text);
            let letters = (0..text.len()).map(|at| &text[at..=at]);
            assert_eq!(of_pieces(reader(dialect), letters), whole, "{begin} {end}: {blanks}");
            let words = if calls == 0 { text.as_str() } else { "" };
            assert_eq!((whole.calls.len(), whole.words.as_str()), (calls, words), "{begin} {end}: {blanks}");
        }
    }
}

#[test]
fn an_answer_of_marks_alone_takes_no_longer_than_it_is_long() {
    let hermes = reader(ToolDialect::Hermes);
    let opened = "<tool_call>{".repeat(1 << 18);
    assert_eq!(SpokenAnswer::of(hermes.clone(), &opened).words, opened);
    let closed = format!("{CALL}{}", "</tool_call>\n".repeat(1 << 18));
    let read = SpokenAnswer::of(hermes, &closed);
    assert_eq!((read.words.as_str(), read.calls.len()), ("", 1));
}

#[test]
fn an_answer_of_blanks_alone_takes_no_longer_than_it_is_long() {
    let blanks = " ".repeat(1 << 10);
    let pieces = |begin: &'static str, end: &'static str| {
        [begin].into_iter().chain(std::iter::repeat_n(blanks.as_str(), 1 << 14)).chain([end])
    };
    let plain = SpokenReader::new(false, None);
    let read = of_pieces(plain.clone(), pieces("<think>It", "is</think>Yes."));
    assert!(read.thoughts.starts_with("It ") && read.thoughts.ends_with(" is"));
    assert_eq!((read.thoughts.len(), read.words.as_str()), (4 + (1 << 24), "Yes."));
    let read = of_pieces(plain.clone(), pieces("<think>It", "</think>Yes."));
    assert_eq!((read.thoughts.as_str(), read.words.as_str()), ("It", "Yes."));
    let read = of_pieces(plain, pieces("", "Yes."));
    assert_eq!((read.thoughts.len(), read.words.len()), (0, 4 + (1 << 24)));
}

#[test]
fn words_are_told_as_soon_as_they_can_be_no_call() {
    let mut hermes = reader(ToolDialect::Hermes);
    assert_eq!(hermes.take("So "), [Spoken::Words("So ".to_owned())]);
    assert_eq!(hermes.take("it <tool"), [Spoken::Words("it ".to_owned())]);
    assert_eq!(hermes.take("box> is {"), [Spoken::Words("<toolbox> is {".to_owned())]);
    let mut object = reader(ToolDialect::Llama);
    assert!(object.take("{\"na").is_empty());
    assert_eq!(object.take("meless\""), [Spoken::Words("{\"nameless\"".to_owned())]);
}
