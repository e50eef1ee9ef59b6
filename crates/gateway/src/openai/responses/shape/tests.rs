//! A response and its events: opened, told and closed, whatever is in it and however it ends.

use assay_peer::handle::{TokenChance, WrittenChance};
use axum::http::StatusCode;

use super::*;
use crate::spoken::call_reader::{CallReader, ToolDialect};

fn shape() -> ResponseShape {
    let echo = Map::from_iter([("model".to_owned(), json!("poet"))]);
    let calls = CallReader::new(ToolDialect::Hermes, vec!["add".to_owned()], false);
    ResponseShape::new(Digest([1; 32]), echo, SpokenReader::new(false, Some(calls)))
}

#[test]
fn events_open_tell_and_close_a_response_from_within() {
    let mut shape = shape();
    let answer = WholeAnswer::example("So.", End::Stop);
    let mut told = shape.opening(0);
    told.extend(["S", "o."].map(|words| shape.words(0, words)).concat());
    told.extend(shape.closing(0, &answer));
    told.extend(shape.last(std::slice::from_ref(&answer)));
    let expected = [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ];
    let names: Vec<_> = told.iter().filter_map(|event| event.name).collect();
    assert_eq!(names, expected);
    for (number, event) in told.iter().enumerate() {
        assert_eq!(event.says["type"], expected[number]);
        assert_eq!(event.says["sequence_number"], number);
    }
    let says = |number: usize| &told[number].says;
    assert_eq!(says(0)["response"]["status"], "in_progress");
    assert_eq!((&says(0)["response"]["output"], &says(0)["response"]["usage"]), (&json!([]), &Value::Null));
    assert_eq!((&says(4)["delta"], &says(5)["delta"]), (&json!("S"), &json!("o.")));
    assert_eq!((&says(6)["text"], &says(7)["part"]["text"]), (&json!("So."), &json!("So.")));
    for number in 4..8 {
        assert_eq!(says(number)["item_id"], says(2)["item"]["id"], "{number}");
    }
    let response = &says(9)["response"];
    assert_eq!(response["id"], says(0)["response"]["id"]);
    assert_eq!(response["output"], json!([says(8)["item"]]));
    assert_eq!(response["output"][0]["content"][0]["text"], "So.");
    assert_eq!(response["assay"][0]["cancelled"], false);
}

#[test]
fn a_response_says_how_it_ended_and_what_it_took() {
    let cases = [
        (End::Stop, "completed", "completed", Value::Null, "response.completed"),
        (
            End::Length,
            "incomplete",
            "incomplete",
            json!({ "reason": "max_output_tokens" }),
            "response.incomplete",
        ),
        (End::Cancelled, "cancelled", "incomplete", Value::Null, "response.incomplete"),
    ];
    for (end, status, message, details, name) in cases {
        let answer = WholeAnswer::example("So.", end);
        let whole = shape().whole(&answer);
        assert_eq!((&whole["status"], &whole["incomplete_details"]), (&json!(status), &details));
        assert_eq!(whole["output"][0]["status"], message, "{status}");
        assert_eq!(whole["completed_at"].is_number(), end == End::Stop);
        let usage = json!({
            "input_tokens": 7, "input_tokens_details": { "cached_tokens": 0, "cache_write_tokens": 0 },
            "output_tokens": 3, "output_tokens_details": { "reasoning_tokens": 0 }, "total_tokens": 10,
        });
        assert_eq!((&whole["usage"], &whole["model"]), (&usage, &json!("poet")));
        let mut shape = shape();
        shape.words(0, "So.");
        let last = shape.closing(0, &answer).pop().unwrap();
        assert_eq!((last.name, &last.says["response"]["status"]), (Some(name), &json!(status)));
    }
}

#[test]
fn thoughts_words_and_calls_are_items_one_after_another() {
    let said =
        "<think>Hm.</think>See:<tool_call>{\"name\":\"add\",\"arguments\":{\"z\":1,\"a\":2}}</tool_call>";
    let answer = WholeAnswer::example(said, End::Stop);
    let whole = shape().whole(&answer);
    let output = whole["output"].as_array().unwrap();
    let kinds: Vec<_> = output.iter().map(|item| item["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["reasoning", "message", "function_call"]);
    assert_eq!(output[0]["content"], json!([{ "type": "reasoning_text", "text": "Hm." }]));
    assert_eq!(output[1]["content"][0]["text"], "See:");
    assert_eq!((&output[2]["name"], &output[2]["arguments"]), (&json!("add"), &json!(r#"{"z":1,"a":2}"#)));
    let mut shape = shape();
    let mut told = shape.opening(0);
    for at in 0..said.len() {
        told.extend(shape.words(0, &said[at..=at]));
    }
    told.extend(shape.closing(0, &answer));
    assert_eq!(told.last().unwrap().says["response"]["output"], whole["output"]);
    for (number, event) in told.iter().enumerate() {
        assert_eq!(event.says["sequence_number"], number);
    }
    let joined = |name: &str| -> String {
        let of_name = told.iter().filter(|event| event.name == Some(name));
        of_name.map(|event| event.says["delta"].as_str().unwrap()).collect()
    };
    assert_eq!(joined("response.reasoning_text.delta"), "Hm.");
    assert_eq!(joined("response.output_text.delta"), "See:");
    assert_eq!(joined("response.function_call_arguments.delta"), r#"{"z":1,"a":2}"#);
    let places = |name: &str| -> Vec<u64> {
        let of_name = told.iter().filter(|event| event.name == Some(name));
        of_name.map(|event| event.says["output_index"].as_u64().unwrap()).collect()
    };
    assert_eq!(places("response.output_item.added"), [0, 1, 2]);
    assert_eq!(places("response.output_item.done"), [0, 1, 2]);
}

#[test]
fn a_message_says_how_likely_its_tokens_were_as_soon_as_that_is_known() {
    let tokens = ["See", ":", r#"<tool_call>{"name":"add"}</tool_call>"#, "So", "."];
    let chances = tokens.map(|text| {
        let written = TokenChance { token: 7, text: text.as_bytes().to_vec(), log: -0.5 };
        WrittenChance { written, likeliest: Vec::new() }
    });
    let plain = WholeAnswer::example(&tokens.concat(), End::Stop);
    let answer = WholeAnswer { chances: chances.to_vec(), ..plain };
    let named = |told: &Value| -> Vec<String> {
        let tokens = told.as_array().unwrap().iter();
        tokens.map(|token| token["token"].as_str().unwrap().to_owned()).collect()
    };
    let of = |response: &Value, item: usize| named(&response["output"][item]["content"][0]["logprobs"]);
    let whole = shape().whole(&answer);
    assert_eq!(
        (of(&whole, 0), of(&whole, 2)),
        (vec!["See".into(), ":".into()], vec!["So".into(), ".".into()])
    );
    let mut shape = shape();
    let mut told = shape.opening(0);
    for text in tokens {
        told.extend(shape.words(0, text));
    }
    told.extend(shape.closing(0, &answer));
    let last = &told.last().unwrap().says["response"];
    assert_eq!(last["output"], whole["output"]);
    let done = told.iter().filter(|event| event.name == Some("response.output_text.done"));
    let done: Vec<Vec<String>> = done.map(|event| named(&event.says["logprobs"])).collect();
    assert_eq!(done, [vec![], vec!["So".to_owned(), ".".to_owned()]], "the first was closed before");
}

#[test]
fn a_response_that_breaks_off_keeps_what_was_told_and_says_why() {
    let mut shape = shape();
    shape.opening(0);
    shape.words(0, "So");
    let failure = HttpFailure::new(StatusCode::BAD_GATEWAY, "other_words", "it was not so");
    let told = shape.failing(&failure);
    let [failed] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!((failed.name, &failed.says["sequence_number"]), (Some("response.failed"), &json!(5)));
    let response = &failed.says["response"];
    assert_eq!((&response["status"], &response["usage"]), (&json!("failed"), &Value::Null));
    assert_eq!(response["output"][0]["content"][0]["text"], "So");
    assert_eq!(response["output"][0]["status"], "incomplete");
    let error = json!({
        "code": "server_error", "message": "it was not so", "type": "server_error", "param": null,
        "assay_code": "other_words",
    });
    assert_eq!(response["error"], error);
}
