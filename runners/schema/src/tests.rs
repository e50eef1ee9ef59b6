//! What schemas take and refuse, case by case; `walks` asks the same of schemas and documents that nobody thought of.

mod validator;
mod walks;

use super::*;

fn schema(text: &str) -> Schema {
    Schema::of(&Json::read(text).unwrap()).unwrap_or_else(|why| panic!("{text}: {why}"))
}

/// Whether a document is taken whole, and how many of its bytes are.
fn taken(schema: &Schema, text: &str) -> (bool, usize) {
    let mut document = schema.document();
    let count = text.bytes().take_while(|byte| document.take(&[*byte])).count();
    (count == text.len() && document.is_whole(), count)
}

fn check(text: &str, fit: &[&str], unfit: &[&str]) {
    let schema = schema(text);
    for document in fit {
        assert_eq!(taken(&schema, document), (true, document.len()), "{document} by {text}");
        assert!(schema.document().take(document.as_bytes()), "{document} at once by {text}");
    }
    for document in unfit {
        assert!(!taken(&schema, document).0, "{document} by {text}");
    }
}

#[test]
fn scalars_are_what_their_types_say() {
    check(r#"{"type":"null"}"#, &["null"], &["nul", "Null", "\"null\"", " null"]);
    check(r#"{"type":"boolean"}"#, &["true", "false"], &["True", "1", "t"]);
    check(
        r#"{"type":"integer"}"#,
        &["0", "-1", "17", "999999999999999999"],
        &["-0", "01", "1.0", "1e3", "-", "1000000000000000000"],
    );
    check(
        r#"{"type":"number"}"#,
        &["0", "-0.5", "1e9", "2.50E-07", "12"],
        &[".5", "1.", "1e", "01", "+1", "NaN", "1e100"],
    );
    check(r#"{"type":["string","null"]}"#, &["null", "\"\""], &["1", "\""]);
    check(r#"{"const":{"a":[1,2.5,"é\n"]}}"#, &[r#"{"a":[1,2.5,"é\n"]}"#], &[r#"{"a": [1,2.5,"é\n"]}"#]);
    check(
        r#"{"enum":[1,12,"1","12",null,1]}"#,
        &["1", "12", "\"1\"", "\"12\"", "null"],
        &["2", "\"\"", "121"],
    );
    check(r#"{"enum":[1,"a",null],"type":"string"}"#, &["\"a\""], &["1", "null"]);
}

#[test]
fn bounds_of_integers_are_kept_digit_by_digit() {
    for (min, max) in
        [(0, 0), (-3, 12), (7, 7), (95, 105), (-120, -95), (0, 255), (10, 99), (-1, 1), (998, 20_001)]
    {
        let schema = schema(&format!(r#"{{"type":"integer","minimum":{min},"maximum":{max}}}"#));
        for number in -1300..21_300_i64 {
            let text = number.to_string();
            assert_eq!(taken(&schema, &text).0, (min..=max).contains(&number), "{number} of {min} to {max}");
            // What is taken of it leads to some number.
            let mut document = schema.document();
            for byte in text.bytes().take_while(|byte| document.take(&[*byte])).collect::<Vec<_>>() {
                assert!(document.is_whole() || !document.next_bytes().is_empty(), "{text} at {byte}");
            }
        }
    }
}

#[test]
fn strings_are_whole_characters_within_their_bounds() {
    check(
        r#"{"type":"string"}"#,
        &["\"\"", "\"a b\"", "\"é€😀\"", r#""\"\\\/\b\f\n\r\t""#, r#""\u00e9\uFFFF\uD7ff\ue000""#],
        &["\"", "\"\n\"", "\"\t\"", r#""\x""#, r#""\ud800""#, r#""\uDFFF""#, r#""\u12""#, "'a'"],
    );
    check(
        r#"{"type":"string","minLength":2,"maxLength":3}"#,
        &["\"ab\"", "\"é€😀\"", r#""\u00e9\n""#],
        &["\"a\"", "\"abcd\""],
    );
    check(r#"{"maxLength":0}"#, &["\"\""], &["\"a\""]);
    let schema = schema(r#"{"type":"string"}"#);
    for wrong in
        [&b"\"\x80"[..], b"\"\xC3\x28", b"\"\xC0\xAF", b"\"\xED\xA0\x80", b"\"\xF4\x90", b"\"\xE2\x82\""]
    {
        assert!(!schema.document().allows(wrong), "{wrong:?}");
    }
    // Half a character is taken, and the other half must follow.
    let mut document = schema.document();
    assert!(document.take(b"\"\xE2\x82"));
    assert!(!document.is_whole() && !document.allows(b"\"") && document.allows(b"\xAC\""));
}

#[test]
fn objects_have_their_keys_in_the_order_of_their_schema() {
    let text = r#"{"type":"object","properties":{"b":{"type":"integer"},"ab":{"type":"null"},"abc":{"type":"null"},"a":true},
        "required":["ab"],"additionalProperties":false}"#;
    check(
        text,
        &[
            r#"{"ab":null}"#,
            r#"{"b": 1, "ab": null}"#,
            r#"{"ab":null,"abc":null,"a":[{}]}"#,
            r#"{"b":1,"ab":null,"a":1}"#,
        ],
        &[
            "{}",
            r#"{"b":1}"#,
            r#"{"ab":null,"b":1}"#,
            r#"{"ab":null,"ab":null}"#,
            r#"{"ab":null,}"#,
            r#"{"ab":null,"c":1}"#,
            r#"{ "ab":null}"#,
            r#"{"ab":  null}"#,
            r#"{"ab" :null}"#,
            r#"{"a":1,"ab":null}"#,
        ],
    );
    check(r#"{"properties":{},"additionalProperties":false}"#, &["{}"], &[r#"{"a":1}"#, "[]"]);
    let map = r#"{"type":"object","additionalProperties":{"type":"boolean"}}"#;
    check(map, &["{}", r#"{"x":true, "y z": false}"#], &[r#"{"x":1}"#, "{x:true}", r#"{"x":true,}"#]);
    check(r#"{"properties":{"a\"b":{"type":"null"}}}"#, &["{}", r#"{"a\"b":null}"#], &[r#"{"a":null}"#]);
}

#[test]
fn lists_have_as_many_values_as_they_may() {
    let list = r#"{"type":"array","items":{"type":["integer","number"]},"minItems":1,"maxItems":3}"#;
    check(list, &["[1]", "[1, 2.5,3]"], &["[]", "[1,]", "[1,2,3,4]", "[1 ,2]", "[ 1]", "[1"]);
    check(r#"{"items":{"type":"null"},"maxItems":0}"#, &["[]"], &["[null]"]);
    check(r#"{"type":"array"}"#, &["[]", r#"[1,"a",[],{"b":[null]}]"#], &["{}", "1"]);
}

#[test]
fn choices_are_followed_side_by_side() {
    let text = r##"{"anyOf":[{"$ref":"#/$defs/cat"},{"$ref":"#/$defs/dog"},{"type":"null"}],"$defs":{
        "cat":{"type":"object","properties":{"kind":{"const":"cat"},"lives":{"type":"integer"}},"required":["kind","lives"]},
        "dog":{"type":"object","properties":{"kind":{"const":"dog"},"tricks":{"items":{"type":"string"}}},"required":["kind"]}}}"##;
    check(
        text,
        &["null", r#"{"kind":"cat","lives":9}"#, r#"{"kind":"dog"}"#, r#"{"kind":"dog","tricks":["sit"]}"#],
        &[r#"{"kind":"cat"}"#, r#"{"kind":"cat","tricks":[]}"#, r#"{"kind":"cow"}"#],
    );
    check(r#"{"anyOf":[{"type":"integer"},{"type":"number"}]}"#, &["1", "1.5"], &["1."]);
    // Readings that come to the same are one: these would be 2⁴⁰.
    let both = schema(r#"{"items":{"anyOf":[{"type":"number"},{"type":"integer"}]}}"#);
    assert!(taken(&both, &format!("[{}1]", "1,".repeat(40))).0);
}

#[test]
fn what_names_itself_is_as_deep_as_documents_may_be() {
    let tree = r##"{"properties":{"value":{"type":"integer"},"below":{"type":"array","items":{"$ref":"#"}}},"required":["value","below"]}"##;
    let nested = |depth: usize| format!("{}{}", r#"{"value":1,"below":["#.repeat(depth), "]}".repeat(depth));
    check(tree, &[&nested(1), &nested(16)], &[&nested(17)]);
    let any = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    check("{}", &[&any(32), "1", "\"a\"", "{\"a\":{}}"], &[&any(33), "", "a"]);
    check("true", &["[]"], &["]"]);
    // A choice that is itself is no choice.
    let loops = r##"{"anyOf":[{"$ref":"#"},{"anyOf":[{"$ref":"#"},{"type":"null"}]}]}"##;
    check(loops, &["null"], &["1"]);
    // At the greatest depth nothing is begun that would need more.
    let deep = schema(
        r##"{"items":{"$ref":"#/$defs/pair"},"$defs":{"pair":{"properties":{"a":{"anyOf":[{"$ref":"#/$defs/pair"},{"type":"null"}]}},"required":["a"]}}}"##,
    );
    let mut document = deep.document();
    assert!(document.take(format!("[{}", r#"{"a":"#.repeat(31)).as_bytes()));
    assert!(document.allows(b"n") && !document.allows(b"{"));
}

#[test]
fn what_is_not_held_is_refused_by_its_name() {
    let cases = [
        (r#"{"type":"string","pattern":"a"}"#, r#""pattern" at its root is not held"#),
        (r#"{"properties":{"a":{"format":"date"}}}"#, r#""format" at /properties/a is not held"#),
        (r#"{"oneOf":[{}]}"#, r#""oneOf" at its root is not held"#),
        (r#"{"items":{"$defs":{}}}"#, r#""$defs" at /items is not held"#),
        (r#"{"$defs":{"a/b":{"not":{}}}}"#, r#""not" at /$defs/a~1b is not held"#),
        (r#"{"type":"text"}"#, r#""type" at its root is "text", which is no type"#),
        (r#"{"type":[]}"#, r#""type" at its root is empty"#),
        (
            r#"{"type":"integer","minLength":1}"#,
            r#""minLength" at its root is held of the type "string" alone"#,
        ),
        (r#"{"type":"number","minimum":1}"#, r#""minimum" at its root is held of the type "integer" alone"#),
        (
            r#"{"type":["integer","number"],"minimum":1}"#,
            r#""minimum" at its root is held of the type "integer" alone"#,
        ),
        (r#"{"type":"integer","minimum":0.5}"#, r#""minimum" at its root is no whole number"#),
        (r#"{"type":"integer","minimum":3,"maximum":2}"#, r#""maximum" at its root is less than "minimum""#),
        (r#"{"maxLength":-1}"#, r#""maxLength" at its root is no whole number from 0 up"#),
        (r#"{"minItems":2,"maxItems":1}"#, r#""maxItems" at its root is less than "minItems""#),
        (r#"{"required":["a"]}"#, r#""required" at its root names "a", which is no property"#),
        (
            r#"{"properties":{"a":{}},"additionalProperties":{}}"#,
            r#""additionalProperties" at its root is not held beside "properties""#,
        ),
        (r#"{"anyOf":[{}],"type":"object"}"#, r#""type" at its root is not held beside "anyOf""#),
        (r#"{"enum":[1],"minimum":1}"#, r#""minimum" at its root is not held beside "enum""#),
        (r#"{"enum":[1],"type":"string"}"#, r#""enum" at its root has no value that is of its type"#),
        (r#"{"enum":[]}"#, r#""enum" at its root has no value that is of its type"#),
        (r#"{"anyOf":[]}"#, r#""anyOf" at its root is empty"#),
        (
            r##"{"$ref":"#/$defs/a"}"##,
            r##""$ref" at its root names "#/$defs/a", which its root does not define"##,
        ),
        (r#"{"$ref":"https://example.com/a"}"#, "which its root does not define"),
        (r##"{"$ref":"#"}"##, "nothing fits the schema at its root"),
        (r##"{"properties":{"a":{"$ref":"#"}},"required":["a"]}"##, "nothing fits the schema at its root"),
        (r#"{"items":false,"minItems":1}"#, "nothing fits the schema at /items"),
        ("false", "nothing fits the schema at its root"),
        ("3", "what stands at its root is no schema"),
        (r#"{"items":[{}]}"#, "what stands at /items is no schema"),
        (r#"{"properties":{"\u001b[2J":{"x":1}}}"#, r#""x" at /properties/\u{1b}[2J is not held"#),
    ];
    for (text, says) in cases {
        let refused = Schema::of(&Json::read(text).unwrap()).err().map(|why| why.to_string());
        assert!(refused.as_ref().is_some_and(|why| why.contains(says)), "{text}: {refused:?}");
    }
    assert!(Json::read("{").unwrap_err().to_string().contains("no JSON"));
    assert!(Json::read(r#"{"a":1,"a":2}"#).unwrap_err().to_string().contains("stands twice"));
    let long = format!(r#"{{"title":"{}"}}"#, "a".repeat(SCHEMA_BYTES_MAX));
    assert!(matches!(Schema::of(&Json::read(&long).unwrap()), Err(SchemaError::TooLong { .. })));
    let many = format!(r#"{{"anyOf":[{}{{}}]}}"#, r#"{"type":"null"},"#.repeat(2100));
    assert!(matches!(Schema::of(&Json::read(&many).unwrap()), Err(SchemaError::TooMany)));
    let many = format!(r#"{{"anyOf":[{}{{}}]}}"#, r#"{"type":"null"},"#.repeat(64));
    assert!(Schema::of(&Json::read(&many).unwrap()).unwrap_err().to_string().contains("at most 64"));
}

#[test]
fn words_for_readers_change_nothing_and_keys_stay_in_order() {
    let text = r#"{"$schema":"x","title":"T","description":"d","type":"object","properties":{"z":{"type":"null","default":null},"a":{"type":"null","examples":[1]}},"required":["a","z"]}"#;
    check(text, &[r#"{"z":null,"a":null}"#], &[r#"{"a":null,"z":null}"#]);
    assert_eq!(Json::read(text).unwrap().to_string(), text);
    assert_eq!(
        Json::read(" [ 1 , -2, 1.50, 18446744073709551615 ] ").unwrap().to_string(),
        "[1,-2,1.5,18446744073709551615]"
    );
}

#[test]
fn nothing_follows_a_document_that_is_closed() {
    for (text, document) in
        [("{\"type\":\"object\"}", "{}"), ("{\"type\":\"boolean\"}", "true"), ("{\"enum\":[12]}", "12")]
    {
        let mut written = schema(text).document();
        assert!(written.take(document.as_bytes()) && written.is_whole() && written.next_bytes().is_empty());
        assert!(!written.take(b" ") && written.is_whole(), "what is refused changes nothing");
    }
    let mut number = schema(r#"{"type":"integer"}"#).document();
    assert!(number.take(b"12") && number.is_whole() && number.next_bytes().contains(b'3'));
    assert!(!number.next_bytes().contains(b','));
}

#[test]
fn a_schema_that_asks_for_too_much_work_is_found_out_before_it_is_done() {
    let work = |text: &str, begun: &str, token: &str| {
        let mut document = schema(text).document();
        assert!(document.take(begun.as_bytes()), "{begun}");
        let before = document.work();
        assert!(!document.allows(token.as_bytes()));
        document.work() - before
    };
    let fields: Vec<String> = (0..5_000).map(|number| format!(r#""k{number:04}":true"#)).collect();
    let wide = format!(r#"{{"properties":{{{}}}}}"#, fields.join(","));
    assert!(work(&wide, r#"{""#, "kz") > 1_000, "each key is looked at");
    let arrays: Vec<String> =
        (1..60).map(|most| format!(r#"{{"type":"array","items":true,"maxItems":{most}}}"#)).collect();
    let ways = format!(r#"{{"anyOf":[{}]}}"#, arrays.join(","));
    assert!(work(&ways, "[1,", "]") > 1_000, "each way is followed, and compared with the others");
    assert!(work(r#"{"properties":{"name":true,"age":true}}"#, r#"{""#, "nz") < 10, "as people ask");

    let mut document = schema("true").document();
    document.exhaust();
    assert!(document.is_exhausted() && !document.allows(b"1") && !document.take(b"1"));
}

#[test]
fn numbers_are_read_as_the_nearest_and_written_as_they_were() {
    for number in ["0.9452706955539223", "0.21659939713061338", "1.7976931348623157e308", "5e-324", "-2.5"] {
        let text = format!(r#"{{"const":{number}}}"#);
        assert_eq!(Json::read(&text).unwrap().to_string(), text);
        check(&text, &[number], &[]);
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_by_its_name() {
    for text in [r#"{"type":"null","type":"null"}"#, r#"{"properties":{"type":{},"type":{}}}"#] {
        let why = Json::read(text).unwrap_err().to_string();
        assert!(why.contains("the key \"type\" stands twice"), "{why}");
    }
}
