//! Inputs, and what they are taken for.

use super::*;

fn read(input: &str, params: &str) -> Result<Vec<Value>, String> {
    let params: Params = serde_json::from_str(params).unwrap();
    let said = Said::read(input, params.input).and_then(|said| Conversation::of(&said, &params));
    said.map(|said| said.messages).map_err(|why| why.to_string())
}

#[test]
fn a_text_is_what_a_user_says() {
    let user = |text: &str| Ok(vec![json!({ "role": "user", "content": text })]);
    for text in ["Why?", "", "[1, 2]", "[]", r#"[{"a": 1}]"#, r#"[{"role": "user"}"#, r#"{"role": "user"}"#] {
        assert_eq!(read(text, "{}"), user(text));
    }
    let messages = r#"[{"role":"user","content":"Why?"}]"#;
    assert_eq!(read(messages, "{}"), user("Why?"));
    assert_eq!(read(messages, r#"{"input":"text"}"#), user(messages));
}

#[test]
fn messages_keep_their_order_and_what_else_they_say() {
    let text = r#"[{"role":"assistant","tool_calls":[{"z":1,"a":2}],"content":null},
        {"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"role":"tool","name":"n"}]"#;
    let read = read(text, r#"{"input":"messages"}"#).unwrap();
    assert_eq!(
        serde_json::to_string(&read).unwrap(),
        concat!(
            r#"[{"role":"assistant","tool_calls":[{"z":1,"a":2}],"content":null},"#,
            r#"{"content":"ab","role":"tool","name":"n"}]"#
        )
    );
}

#[test]
fn a_system_message_of_the_parameters_stands_where_there_is_none() {
    let params = r#"{"system":"Be brief."}"#;
    let roles = |input: &str| -> Vec<String> {
        read(input, params).unwrap().iter().map(|message| message["content"].to_string()).collect()
    };
    assert_eq!(roles("Why?"), [r#""Be brief.""#, r#""Why?""#]);
    assert_eq!(roles(r#"[{"role":"user","content":"Why?"}]"#), [r#""Be brief.""#, r#""Why?""#]);
    assert_eq!(roles(r#"[{"role":"system","content":"Rhyme."}]"#), [r#""Rhyme.""#]);
}

#[test]
fn what_cannot_be_read_is_refused_in_a_sentence() {
    let cases = [
        (r#"[{"role":"user","content":5}]"#, "{}", "the content of a message is no text"),
        (
            r#"[{"role":"user","content":[{"type":"image","text":"a"}]}]"#,
            "{}",
            "a part of a message is no text",
        ),
        (r#"[{"role":"user","content":["a"]}]"#, "{}", "a part of a message is no text"),
        ("Why?", r#"{"input":"messages"}"#, "no list of messages"),
        (r#"[{"content":"a"}]"#, r#"{"input":"messages"}"#, "has no role"),
        ("[]", r#"{"input":"messages"}"#, "has no role"),
    ];
    for (input, params, says) in cases {
        let why = read(input, params).unwrap_err();
        assert!(why.contains(says), "{input}: {why}");
    }
    let messages = Said::read(r#"[{"role":"user"}]"#, InputKind::Auto).unwrap();
    assert!(messages.text().unwrap_err().to_string().contains("chat template"));
}
