//! Tools as clients write them.

use serde_json::json;

use super::*;

const ADD: &str = r#"{"type":"function","function":{"name":"add","description":"Adds.","strict":true,
    "parameters":{"type":"object","properties":{"z":{"type":"integer"},"a":{"type":"integer"}},"required":["z"]}}}"#;
const NOW: &str = r#"{"type":"function","function":{"name":"now"}}"#;

fn wish(tools: &str, choice: Value) -> Result<Option<ToolWish>, HttpFailure> {
    let choice = Some(&choice).filter(|choice| !choice.is_null());
    ToolWish::of(SaidTools { tools: Some(tools), choice, parallel: None, shape: ToolShape::Nested })
}

fn some(tools: &[&str], choice: Value) -> ToolWish {
    wish(&format!("[{}]", tools.join(",")), choice).unwrap().unwrap()
}

fn schema(tools: &[&str], choice: Value) -> Option<String> {
    some(tools, choice).schema().unwrap().map(|schema| schema.to_string())
}

#[test]
fn a_tool_is_told_as_it_was_written() {
    let definitions = some(&[ADD, NOW], Value::Null).definitions().to_string();
    let expected = concat!(
        r#"[{"type":"function","function":{"name":"add","description":"Adds.","parameters":{"type":"object","#,
        r#""properties":{"z":{"type":"integer"},"a":{"type":"integer"}},"required":["z"]}}},"#,
        r#"{"type":"function","function":{"name":"now","parameters":{"type":"object","properties":{}}}}]"#
    );
    assert_eq!(definitions, expected);
    let flat = r#"[{"type":"function","name":"now","description":null,"parameters":{},"strict":false}]"#;
    let said = SaidTools { tools: Some(flat), choice: None, parallel: Some(false), shape: ToolShape::Flat };
    let flat = ToolWish::of(said).unwrap().unwrap();
    assert!(expected.contains(flat.definitions().to_string().trim_matches(['[', ']'])));
    assert!(flat.is_single && !some(&[NOW], Value::Null).is_single);
    assert_eq!(some(&[ADD, NOW], json!("auto")).names(), ["add", "now"]);
}

#[test]
fn a_call_that_has_to_be_made_fits_its_tool() {
    let add = concat!(
        r#"{"type":"object","properties":{"name":{"const":"add"},"arguments":{"type":"object","#,
        r#""properties":{"z":{"type":"integer"},"a":{"type":"integer"}},"required":["z"]}},"#,
        r#""required":["name","arguments"],"additionalProperties":false}"#
    );
    let now = concat!(
        r#"{"type":"object","properties":{"name":{"const":"now"},"arguments":{"type":"object","properties":{},"#,
        r#""additionalProperties":false}},"required":["name","arguments"],"additionalProperties":false}"#
    );
    let named = json!({ "type": "function", "function": { "name": "add" } });
    assert_eq!(schema(&[ADD, NOW], named.clone()).as_deref(), Some(add));
    assert_eq!(schema(&[NOW], json!("required")).as_deref(), Some(now));
    let either = format!(r#"{{"anyOf":[{add},{now}]}}"#);
    assert_eq!(schema(&[ADD, NOW], json!("required")), Some(either));
    assert_eq!(schema(&[ADD, NOW], json!("auto")), None);
    let sure = [json!("auto"), json!("required"), named].map(|choice| some(&[ADD, NOW], choice).is_sure());
    assert_eq!(sure, [false, false, true]);
    assert!(some(&[NOW], json!("required")).is_sure());
}

#[test]
fn what_a_tool_keeps_for_itself_stands_at_the_root() {
    let with = |name: &str, of: &str| {
        format!(
            r##"{{"type":"function","function":{{"name":"{name}","parameters":{{"properties":{{"x":{{"$ref":"#/$defs/X"}}}},
            "$defs":{{"X":{{"type":"{of}"}}}}}}}}}}"##
        )
    };
    let (one, same, other) = (with("one", "string"), with("two", "string"), with("three", "null"));
    let both = schema(&[&one, &same], json!("required")).unwrap();
    assert!(both.ends_with(r#"],"$defs":{"X":{"type":"string"}}}"#), "{both}");
    assert!(
        both.contains(r##""arguments":{"type":"object","properties":{"x":{"$ref":"#/$defs/X"}}}"##),
        "{both}"
    );
    let refused = some(&[&one, &other], json!("required")).schema().unwrap_err().document();
    assert_eq!(refused["error"]["param"], "tools[1].function.parameters", "{refused}");
    for parameters in [
        r##"{"properties":{"x":{"$ref":"#"}}}"##,
        r#"{"properties":{"x":{"type":"string","pattern":"a"}}}"#,
        r#"{"$defs":[]}"#,
    ] {
        let tool = format!(r#"{{"type":"function","function":{{"name":"f","parameters":{parameters}}}}}"#);
        let refused = some(&[&tool], json!("required")).schema().unwrap_err();
        assert_eq!(refused.param(), Some("tools[0].function.parameters"), "{parameters}");
        assert_eq!(schema(&[&tool], Value::Null), None, "a model that may call reads any schema");
    }
}

#[test]
fn tools_that_keep_more_than_a_schema_holds_are_refused_before_all_of_it_is_compared() {
    let tool = |number: usize| {
        let kept: Vec<String> =
            (0..600).map(|name| format!(r#""{number}.{name}":{{"type":"null"}}"#)).collect();
        let parameters = format!(r#"{{"properties":{{}},"$defs":{{{}}}}}"#, kept.join(","));
        format!(r#"{{"type":"function","function":{{"name":"f{number}","parameters":{parameters}}}}}"#)
    };
    let tools: Vec<String> = (0..100).map(tool).collect();
    let tools: Vec<&str> = tools.iter().map(String::as_str).collect();
    assert!(some(&tools[..1], json!("required")).schema().is_ok(), "each is held by itself");
    assert_eq!(some(&tools, json!("required")).schema().unwrap_err().param(), Some("tools"));
}

#[test]
fn nothing_is_called_where_nothing_may_be() {
    for (tools, choice) in [("[]", Value::Null), ("[]", json!("auto")), ("[]", json!("none"))] {
        assert_eq!(wish(tools, choice), Ok(None));
    }
    assert_eq!(wish(&format!("[{NOW}]"), json!("none")), Ok(None));
}

#[test]
fn what_is_not_read_of_a_tool_is_refused_with_its_place() {
    let function = |more: &str| format!(r#"[{{"type":"function","function":{{{more}}}}}]"#);
    let cases = [
        ("tools", "{}".to_owned()),
        ("tools", format!("[{}]", vec![NOW; 129].join(","))),
        ("tools[0].type", "[{}]".to_owned()),
        ("tools[0].type", "[7]".to_owned()),
        ("tools[0].type", r#"[{"type":"web_search"}]"#.to_owned()),
        ("tools[0].function", r#"[{"type":"function"}]"#.to_owned()),
        ("tools[0].cache", r#"[{"type":"function","function":{"name":"f"},"cache":1}]"#.to_owned()),
        ("tools[0].function.name", function(r#""name":"""#)),
        ("tools[0].function.name", function(r#""name":"two words""#)),
        ("tools[0].function.description", function(r#""name":"f","description":5"#)),
        ("tools[0].function.parameters", function(r#""name":"f","parameters":[]"#)),
        ("tools[0].function.output", function(r#""name":"f","output":{}"#)),
        ("tools[1].function.name", format!("[{NOW},{NOW}]")),
    ];
    for (param, tools) in cases {
        assert_eq!(wish(&tools, Value::Null).unwrap_err().param(), Some(param), "{tools}");
    }
    for choice in [
        json!("always"),
        json!("required"),
        json!({ "type": "function", "function": { "name": "now" } }),
        json!({ "type": "allowed_tools", "mode": "auto", "tools": [] }),
        json!(7),
    ] {
        assert_eq!(wish("[]", choice.clone()).unwrap_err().param(), Some("tool_choice"), "{choice}");
    }
    let unknown = json!({ "type": "function", "function": { "name": "then" } });
    assert_eq!(wish(&format!("[{NOW}]"), unknown).unwrap_err().param(), Some("tool_choice"));
}
