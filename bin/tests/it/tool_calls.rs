//! Tools that a model calls, as other people's tools ask for it: through a real gateway, of real peers.

use serde_json::{Value, json};

use crate::{
    gateways::{Serving, sum},
    person::Person,
    town::Town,
};

/// A tool with one small number.
fn add() -> Value {
    let number = json!({ "type": "integer", "minimum": 0, "maximum": 9 });
    let parameters = json!({ "type": "object", "properties": { "n": number }, "required": ["n"] });
    json!({ "type": "function", "function": { "name": "add", "parameters": parameters } })
}

/// A question that is answered with a call of it.
fn call(more: Value) -> Value {
    let named = json!({ "type": "function", "function": { "name": "add" } });
    let mut whole = sum(json!({ "tools": [add()], "tool_choice": named, "max_tokens": 45 }));
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    whole
}

fn number(arguments: &str) -> Option<u64> {
    serde_json::from_str::<Value>(arguments).unwrap()["n"].as_u64()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_wanted_by_name_is_made_and_other_tools_are_for_templates_that_have_them() {
    let town = Town::start().await;
    let gateway = Serving::start(town.network.peer("you").home.root());
    let chat = "/v1/chat/completions";

    let whole = gateway.post(chat, &call(json!({}))).document();
    let (choice, message) = (&whole["choices"][0], &whole["choices"][0]["message"]);
    assert_eq!(
        (&choice["finish_reason"], &message["content"]),
        (&json!("tool_calls"), &Value::Null),
        "{whole}"
    );
    let function = &message["tool_calls"][0]["function"];
    assert_eq!(function["name"], "add", "{whole}");
    assert!(number(function["arguments"].as_str().unwrap()).is_some(), "{whole}");

    let streamed = gateway.post(chat, &call(json!({ "stream": true }))).events();
    let deltas =
        || streamed.iter().flat_map(|event| event["choices"][0]["delta"]["tool_calls"].as_array()).flatten();
    assert_eq!(deltas().next().unwrap()["function"]["name"], "add", "{streamed:?}");
    let arguments: String = deltas().map(|delta| delta["function"]["arguments"].as_str().unwrap()).collect();
    assert!(number(&arguments).is_some(), "{streamed:?}");

    let flat = json!({
        "model": "sums", "input": "27+58=", "max_output_tokens": 45, "tool_choice": "required",
        "tools": [{ "type": "function", "name": "add", "parameters": add()["function"]["parameters"] }],
    });
    let response = gateway.post("/v1/responses", &flat).document();
    let item = &response["output"][0];
    assert_eq!((&item["type"], &item["name"]), (&json!("function_call"), &json!("add")), "{response}");
    assert!(number(item["arguments"].as_str().unwrap()).is_some(), "{response}");

    for choice in ["auto", "required"] {
        let tools = json!([add(), { "type": "function", "function": { "name": "now" } }]);
        let refused = gateway.post(chat, &call(json!({ "tools": tools, "tool_choice": choice })));
        refused.fails(400, "unsupported_parameter");
        assert_eq!(refused.document()["error"]["param"], "tools", "{refused:?}");
    }
    let result = json!({ "role": "tool", "tool_call_id": "abcdef123", "content": "85" });
    let told = gateway.post(chat, &sum(json!({ "messages": [result] })));
    assert_eq!(told.document()["error"]["param"], "messages[0]", "{told:?}");
    assert_eq!(
        gateway.post(chat, &call(json!({ "tool_choice": "none" }))).document()["choices"][0]["finish_reason"],
        "stop"
    );

    let shown = gateway.post("/api/show", &json!({ "model": "sums" })).document();
    assert_eq!(shown["capabilities"], json!(["completion"]), "{shown}");
    assert!(shown["template"].as_str().unwrap().contains("{{ bos_token }}"), "{shown}");
    let pulled = gateway.post("/api/pull", &json!({ "model": "sums" }));
    let last: Value = serde_json::from_str(pulled.body.lines().last().unwrap()).unwrap();
    assert_eq!((pulled.status, last), (200, json!({ "status": "success" })));
    let latest = gateway.post("/api/show", &json!({ "model": "sums:latest" })).document();
    assert_eq!(latest, shown, "what is latest of a model is the model");
    let unknown = gateway.post("/api/pull", &json!({ "model": "poet", "stream": false }));
    assert!(unknown.status == 404 && unknown.body.contains("assay model add"), "{unknown:?}");
}

/// A model whose template has tools is told them, though nothing of the model is in this home.
pub(crate) fn are_told_to_a_model_that_is_elsewhere(buyer: &Person) {
    let gateway = Serving::start(&buyer.home);
    let shown = gateway.post("/api/show", &json!({ "model": "adder" })).document();
    assert_eq!(shown["capabilities"], json!(["completion", "tools"]), "{shown}");
    let now = json!({ "type": "function", "function": { "name": "now" } });
    let asked = |tools: &[&Value]| {
        let body = json!({
            "model": "adder", "messages": [{ "role": "user", "content": "27+58=" }], "tools": tools, "temperature": 0,
            "max_tokens": 8,
        });
        gateway.post("/v1/chat/completions", &body).document()["choices"][0]["message"]["content"].clone()
    };
    assert_eq!(asked(&[]), "85");
    // Its template writes how many there are, and what is to be added to them.
    assert_eq!(asked(&[&now, &add()]), "3");
    let body = json!({
        "model": "adder", "messages": [{ "role": "user", "content": "27+58=" }], "logprobs": true, "max_tokens": 8,
    });
    let refused = gateway.post("/v1/chat/completions", &body);
    refused.fails(400, "unsupported_parameter");
    assert_eq!(refused.document()["error"]["param"], "logprobs", "{refused:?}");
    assert!(refused.body.contains("`assay model pull adder`"), "{refused:?}");
}
