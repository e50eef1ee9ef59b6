//! Requests that are not as they should be, on every route, where no daemon is: typed errors, and no more read than is allowed.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering},
};

use axum::{
    body::{Body, Bytes, to_bytes},
    http::Request,
};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::{BatchedRequest, tests::bound};

/// What could be asked like this, if there were a daemon: all fields that say something of the answer.
const RIGHT: [(&str, &str); 9] = [
    (
        "/v1/chat/completions",
        r#"{"model":"poet","messages":[{"role":"user","content":"Why?","name":"Ann"}],"stream":true,
            "stream_options":{"include_usage":true},"n":1,"max_tokens":7,"max_completion_tokens":7,"temperature":0.5,
            "top_p":0.5,"top_k":3,"min_p":0.1,"repeat_penalty":1,"presence_penalty":0,"frequency_penalty":0,
            "logit_bias":{"7":1},"seed":7,"stop":["a"],"user":"ann","metadata":{},"response_format":{"type":"text"},
            "tools":[],"tool_choice":"none","parallel_tool_calls":true,"reasoning_effort":"none","logprobs":false,
            "modalities":["text"],"service_tier":"auto","store":false,"assay":{"check":"spot"}}"#,
    ),
    (
        "/v1/completions",
        r#"{"model":"poet","prompt":"Why?","stream":true,"n":1,"max_tokens":7,"temperature":0.5,"top_p":0.5,
            "logit_bias":{"7":1},"seed":7,"stop":"a","echo":false,"best_of":1,"suffix":"","assay":{}}"#,
    ),
    (
        "/v1/responses",
        r#"{"model":"poet","input":[{"role":"user","content":[{"type":"input_text","text":"Why?"}]}],"stream":true,
            "instructions":"Be brief.","max_output_tokens":7,"temperature":0.5,"top_p":0.5,"text":{"format":{"type":"text"}},
            "metadata":{"a":"b"},"tools":[],"tool_choice":"auto","reasoning":{"effort":"none"},"store":false,"assay":{}}"#,
    ),
    (
        "/v1/embeddings",
        r#"{"model":"poet","input":["a","b"],"encoding_format":"base64","dimensions":3,"assay":{}}"#,
    ),
    (
        "/v1/batches",
        r#"{"input_file_id":"file-1","endpoint":"/v1/embeddings","completion_window":"24h","metadata":{"a":"b"}}"#,
    ),
    (
        "/api/chat",
        r#"{"model":"poet","messages":[{"role":"user","content":"Why?"}],"stream":true,"format":"json","tools":[],
            "think":false,"keep_alive":"5m","options":{"num_predict":7,"temperature":0.5,"num_ctx":9},"assay":{}}"#,
    ),
    (
        "/api/generate",
        r#"{"model":"poet","prompt":"Why?","system":"Be brief.","raw":false,"stream":true,"format":"json","think":false,
            "options":{"stop":["a"]},"assay":{}}"#,
    ),
    ("/api/embed", r#"{"model":"poet","input":"a","truncate":true,"options":{},"keep_alive":0,"assay":{}}"#),
    ("/api/pull", r#"{"model":"poet","name":"poet","stream":false,"insecure":false}"#),
];

async fn asked(gateway: &Arc<Gateway>, path: &str, body: Body) -> (u16, Value) {
    let request = Request::post(path).header("host", "localhost").body(body).unwrap();
    let response = of(gateway).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{path}, {status}: {error}")))
}

/// What an error says in words, as the clients of a path read it.
fn words<'a>(path: &str, said: &'a Value) -> &'a str {
    if path.starts_with("/api/") {
        return said["error"].as_str().unwrap_or_else(|| panic!("{path}: {said}"));
    }
    let error = &said["error"];
    assert!(error["type"].is_string() && error["code"].is_string(), "{path}: {said}");
    error["message"].as_str().unwrap_or_else(|| panic!("{path}: {said}"))
}

#[tokio::test]
async fn whatever_type_stands_in_a_field_there_is_a_typed_error() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
    let others = [
        json!(true),
        json!(7),
        json!(-1.5),
        json!(1e300),
        json!("\u{0}"),
        json!([]),
        json!([7]),
        json!({}),
        json!({ "x": [[]] }),
    ];
    for (path, right) in RIGHT {
        let right: Value = serde_json::from_str(right).unwrap();
        let fine = asked(&gateway, path, Body::from(right.to_string())).await;
        let (status, code) = if path == "/v1/batches" { (404, "not_found") } else { (503, "no_daemon") };
        assert_eq!(fine.0, status, "{path}: {}", fine.1);
        assert!(path.starts_with("/api/") || fine.1["error"]["code"] == code, "{path}: {}", fine.1);
        for name in right.as_object().unwrap().keys() {
            for other in &others {
                let mut wrong = right.clone();
                wrong[name] = other.clone();
                let (status, said) = asked(&gateway, path, Body::from(wrong.to_string())).await;
                assert!([400, 404, 503].contains(&status), "{path}, {name}: {other}: {status}, {said}");
                assert!(!words(path, &said).is_empty(), "{path}, {name}: {other}: {said}");
            }
        }
        let mut unknown = right.clone();
        unknown["magic"] = json!(1);
        let (status, said) = asked(&gateway, path, Body::from(unknown.to_string())).await;
        assert!(status == 400 && words(path, &said).contains("magic"), "{path}: {status}, {said}");
    }
}

#[tokio::test]
async fn what_is_no_json_object_is_refused_however_it_is_broken() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
    let deep = format!("{{\"model\":{}", "[".repeat(100_000));
    let broken: [&[u8]; 8] = [
        b"",
        b"null",
        b"[]",
        b"{\"model\":\"poet\"",
        b"{\"model\":\"\xff\"}",
        br#"{"model":"\ud800"}"#,
        br#"{"model":1e999}"#,
        deep.as_bytes(),
    ];
    for (path, _) in RIGHT {
        for bytes in broken {
            let (status, said) = asked(&gateway, path, Body::from(bytes.to_vec())).await;
            let begins = String::from_utf8_lossy(&bytes[..bytes.len().min(32)]);
            assert!(status == 400 && !words(path, &said).is_empty(), "{path}, {begins}: {status}, {said}");
        }
    }
}

#[tokio::test]
async fn of_a_prompt_of_ten_megabytes_no_more_is_read_than_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
    let (piece, count) = (64 * 1024, 160);
    let long = format!(r#"{{"model":"poet","prompt":"{}"}}"#, "x".repeat(piece * count));
    for (path, _) in RIGHT {
        let read = Arc::new(AtomicUsize::new(0));
        let counts = read.clone();
        // One that does not say how long it is.
        let pieces = (0..count).map(move |_| {
            counts.fetch_add(piece, Ordering::Relaxed);
            Ok::<_, Infallible>(Bytes::from(vec![b'x'; piece]))
        });
        for body in [Body::from(long.clone()), Body::from_stream(futures::stream::iter(pieces))] {
            let (status, said) = asked(&gateway, path, body).await;
            assert!(status == 413 && words(path, &said).contains("longer"), "{path}: {status}, {said}");
        }
        assert!(read.load(Ordering::Relaxed) <= BODY_BYTES_MAX + 2 * piece, "{path}: {read:?}");
    }
}

/// What the page says that each endpoint takes: rows of a feature, with a field for each endpoint of the first row, or none.
fn matrix() -> Vec<Vec<String>> {
    let page = include_str!("../../../../docs/gateway.md");
    let (_, behind) = page.split_once("### What each endpoint takes\n").unwrap();
    let rows =
        behind.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| -> Vec<String> {
        row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    rows.map(cells).collect()
}

/// The least that such an endpoint is asked.
fn least(path: &str) -> Value {
    let mut asked = match path {
        "/v1/chat/completions" | "/api/chat" => {
            json!({ "messages": [{ "role": "user", "content": "Why?" }] })
        }
        "/v1/completions" | "/api/generate" => json!({ "prompt": "Why?" }),
        _ => json!({ "input": "Why?" }),
    };
    asked["model"] = json!("poet");
    asked
}

/// Something that a field of an endpoint may say.
fn sample(path: &str, field: &str) -> Value {
    match field {
        "n" => json!(2),
        "max_tokens" | "max_output_tokens" | "options.num_predict" | "seed" | "options.seed" => json!(7),
        "stop" | "options.stop" => json!(["a"]),
        "logit_bias" => json!({ "7": 1 }),
        "response_format" | "text.format" => json!({ "type": "json_object" }),
        "format" => json!("json"),
        "tools" if path == "/v1/responses" => json!([{ "type": "function", "name": "f", "parameters": {} }]),
        "tools" => json!([{ "type": "function", "function": { "name": "f", "parameters": {} } }]),
        "tool_choice" => json!("none"),
        "reasoning_effort" | "reasoning.effort" => json!("low"),
        "logprobs" if path == "/v1/completions" => json!(2),
        "include" => json!(["message.output_text.logprobs"]),
        "encoding_format" => json!("base64"),
        "assay" => json!({}),
        "stream" | "think" | "logprobs" => json!(true),
        _ => json!(0.5),
    }
}

#[tokio::test]
async fn each_endpoint_takes_what_the_page_says_and_refuses_the_rest_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let gateway = bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
    let matrix = matrix();
    let paths: Vec<&str> = matrix[0][1..].iter().map(|path| path.trim_matches('`')).collect();
    assert!(paths.len() == 7 && matrix.len() > 15, "{matrix:?}");
    let mut tried = 0;
    for row in &matrix[2..] {
        let cells =
            row[1..].iter().map(|cell| cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')));
        let fields: Vec<Option<&str>> = cells.collect();
        let Some(usual) = fields.iter().copied().flatten().next() else { continue };
        assert_eq!(fields.len(), paths.len(), "{row:?}");
        for (path, field) in paths.iter().zip(fields) {
            let (mut body, name) = (least(path), field.unwrap_or(usual));
            match name.split_once('.') {
                Some((outer, inner)) => body[outer][inner] = sample(path, name),
                None => body[name] = sample(path, name),
            }
            let (status, said) = asked(&gateway, path, Body::from(body.to_string())).await;
            let expected = if field.is_some() { 503 } else { 400 };
            assert_eq!(status, expected, "{}, {name} at {path}: {said}", row[0]);
            assert!(field.is_some() || words(path, &said).contains(name), "{name} at {path}: {said}");
            tried += 1;
        }
    }
    assert!(tried > 100, "only {tried} were tried");
    let batches = matrix.iter().find(|row| row[0].contains("a line of a batch")).unwrap();
    for (path, cell) in paths.into_iter().zip(&batches[1..]) {
        let line = json!({ "custom_id": "a", "url": path, "body": least(path) }).to_string();
        assert_eq!(BatchedRequest::read(&line, 7).is_ok(), cell == "yes", "{path}");
    }
}

#[test]
fn who_forgets_the_version_is_told_the_path_with_it() {
    let cases = [
        ("/chat/completions", Some("/v1/chat/completions")),
        ("/chat/completions/", Some("/v1/chat/completions")),
        ("/v1/chat/completions/", Some("/v1/chat/completions")),
        ("/v1/v1/chat/completions", Some("/v1/chat/completions")),
        ("/models/poet", Some("/v1/models/poet")),
        ("/jobs/7", Some("/v1/jobs/7")),
        ("/jobs", None),
        ("/v1/files/7/words", None),
        ("/modelsx", None),
        ("/chat", None),
        ("/v1/v1", None),
        ("/", None),
        ("*", None),
    ];
    for (path, there) in cases {
        assert_eq!(meant(path).as_deref(), there, "{path}");
    }
}

#[tokio::test]
async fn a_client_in_a_page_sees_whether_to_ask_again_and_when() {
    let (now, later) = (HttpFailure::busy("too many").after_order(), HttpFailure::busy("too many"));
    let page = "http://page.example";
    for (failure, name) in [(now, "x-should-retry"), (later, "retry-after")] {
        let routes: Router = Router::new().route("/", get(move || async move { failure }));
        let routes = routes.layer(shared_with(&[page.to_owned()]));
        let request = Request::get("/").header("origin", page).body(Body::empty()).unwrap();
        let response = routes.oneshot(request).await.unwrap();
        assert!(response.headers().contains_key(name), "{name}");
        let exposed = response.headers()["access-control-expose-headers"].to_str().unwrap();
        let is_exposed = |name: &str| exposed.split(',').any(|one| one.trim() == name);
        assert!(is_exposed(name) && is_exposed("x-assay-cost"), "{name}: {exposed}");
    }
}
