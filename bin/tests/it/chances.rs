//! How likely the tokens of answers were, as each endpoint tells it: at a real gateway, before a network of real peers.

use std::fs;

use serde_json::{Value, json};

use crate::{
    assay::assay,
    gateways::{Serving, addition, sum},
    town::Town,
};

/// A body with more in it.
fn with(mut body: Value, more: Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// What each token in a list of them is called.
fn tokens(list: &Value) -> Vec<&str> {
    let tokens = list.as_array().unwrap_or_else(|| panic!("{list}")).iter();
    tokens.map(|token| token["token"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn how_likely_tokens_were_is_told_where_the_model_is_here_and_refused_by_name_elsewhere() {
    let town = Town::start().await;
    let gateway = Serving::start(town.network.peer("you").home.root());
    let chat = "/v1/chat/completions";
    let asked = |more: Value| gateway.post(chat, &with(sum(json!({ "logprobs": true })), more));
    let whole = asked(json!({ "top_logprobs": 2 })).document();
    let told = &whole["choices"][0]["logprobs"]["content"];
    assert_eq!(tokens(told), ["8", "5"], "{whole}");
    for token in told.as_array().unwrap() {
        let (log, likeliest) =
            (token["logprob"].as_f64().unwrap(), token["top_logprobs"].as_array().unwrap());
        assert!((-1.0..=0.0).contains(&log) && likeliest.len() == 2, "{token}");
        assert_eq!((&likeliest[0]["token"], &likeliest[0]["logprob"]), (&token["token"], &token["logprob"]));
    }

    let streamed = asked(json!({ "top_logprobs": 2, "stream": true })).events();
    let choices = || streamed.iter().map(|event| &event["choices"][0]);
    let words: String = choices().filter_map(|choice| choice["delta"]["content"].as_str()).collect();
    assert_eq!(words, "85", "{streamed:?}");
    let behind: Vec<&Value> =
        choices().map(|choice| &choice["logprobs"]["content"]).filter(|told| told.is_array()).collect();
    assert_eq!(behind, [told], "{streamed:?}");
    assert_eq!(streamed.last().unwrap()["choices"][0]["finish_reason"], "stop");

    let plain = gateway.post(chat, &sum(json!({}))).document();
    assert_eq!(plain["choices"][0]["logprobs"], Value::Null, "{plain}");
    let key = [("idempotency-key", "one")];
    let requests = [
        (chat, sum(json!({ "logprobs": true })), "logprobs"),
        ("/v1/responses", addition(json!({ "include": ["message.output_text.logprobs"] })), "include"),
    ];
    for (path, body, param) in requests {
        let kept = gateway.ask(&format!("POST {path}"), &key, &body.to_string());
        kept.fails(400, "unsupported_parameter");
        assert_eq!(kept.document()["error"]["param"], param, "{kept:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_endpoint_tells_how_likely_tokens_were_in_its_own_shape_whole_and_streamed() {
    let town = Town::start().await;
    let home = town.network.peer("you").home.root();
    let gateway = Serving::start(home);
    continues(&gateway);
    responds(&gateway);
    answers_in_lines(&gateway);

    let folder = tempfile::tempdir().unwrap();
    let [lines, answers] = ["lines", "answers"].map(|name| folder.path().join(name));
    let bodies = [
        ("/v1/chat/completions", sum(json!({ "logprobs": true, "top_logprobs": 2 }))),
        ("/v1/completions", continued(json!({}))),
        ("/v1/completions", with(continued(json!({})), json!({ "logprobs": null }))),
    ];
    let line = |(number, (url, body)): (usize, &(&str, Value))| {
        json!({ "custom_id": number.to_string(), "url": url, "body": body }).to_string()
    };
    let text: Vec<String> = bodies.iter().enumerate().map(line).collect();
    fs::write(&lines, text.join("\n")).unwrap();
    let [lines, answers] = [&lines, &answers].map(|path| path.to_str().unwrap());
    let ran = assay(home, &["batch", "run", lines, "-o", answers]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let text = fs::read_to_string(answers).unwrap();
    let answers: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |line: usize| &answers[line]["response"]["body"]["choices"][0]["logprobs"];
    assert_eq!(tokens(&told(0)["content"]), ["8", "5"], "{text}");
    assert_eq!(told(1)["tokens"], json!(["8", "5"]), "{text}");
    assert_eq!(told(2), &Value::Null, "{text}");
}

/// A text that is to be continued.
fn continued(more: Value) -> Value {
    let body =
        json!({ "model": "sums", "prompt": "27+58=", "temperature": 0, "max_tokens": 8, "logprobs": 2 });
    with(body, more)
}

fn continues(gateway: &Serving) {
    let ask = |more: Value| gateway.post("/v1/completions", &continued(more));
    let whole = ask(json!({})).document();
    let told = &whole["choices"][0]["logprobs"];
    assert_eq!((&told["tokens"], &told["text_offset"]), (&json!(["8", "5"]), &json!([0, 1])), "{whole}");
    for (place, token) in ["8", "5"].into_iter().enumerate() {
        let likeliest = told["top_logprobs"][place].as_object().unwrap();
        assert_eq!((likeliest.len(), &likeliest[token]), (2, &told["token_logprobs"][place]), "{whole}");
    }
    let streamed = ask(json!({ "stream": true })).events();
    let choices: Vec<&Value> = streamed.iter().map(|event| &event["choices"][0]).collect();
    let words: String = choices.iter().filter_map(|choice| choice["text"].as_str()).collect();
    assert_eq!(words, "85", "{streamed:?}");
    let behind: Vec<&&Value> = choices.iter().filter(|choice| choice["logprobs"].is_object()).collect();
    assert!(matches!(behind[..], [choice] if choice["logprobs"] == *told), "{streamed:?}");
}

fn responds(gateway: &Serving) {
    let included = json!({ "include": ["message.output_text.logprobs"], "top_logprobs": 2 });
    let ask = |more: Value| gateway.post("/v1/responses", &with(addition(included.clone()), more));
    let whole = ask(json!({})).document();
    let told = &whole["output"][0]["content"][0]["logprobs"];
    assert_eq!((tokens(told), &whole["top_logprobs"]), (vec!["8", "5"], &json!(2)), "{whole}");
    let streamed = ask(json!({ "stream": true })).events();
    let of = |name: &str| {
        streamed.iter().find(|event| event["type"] == name).unwrap_or_else(|| panic!("{streamed:?}"))
    };
    assert_eq!(&of("response.output_text.done")["logprobs"], told);
    assert_eq!(&of("response.output_item.done")["item"]["content"][0]["logprobs"], told);
    assert_eq!(&of("response.completed")["response"]["output"][0]["content"][0]["logprobs"], told);
}

fn answers_in_lines(gateway: &Serving) {
    let likely = json!({ "model": "sums", "logprobs": true, "top_logprobs": 2, "options": { "num_predict": 8, "temperature": 0 } });
    let said = json!({ "messages": [{ "role": "user", "content": "27+58=" }] });
    let prompt = json!({ "prompt": "27+58=" });
    for (path, asked) in [("/api/chat", said), ("/api/generate", prompt)] {
        let ask = |more: Value| gateway.post(path, &with(with(likely.clone(), asked.clone()), more));
        let whole = ask(json!({ "stream": false })).document();
        assert_eq!(tokens(&whole["logprobs"]), ["8", "5"], "{path}: {whole}");
        assert_eq!(whole["logprobs"][0]["top_logprobs"].as_array().map(Vec::len), Some(2), "{whole}");
        let streamed = ask(json!({}));
        let lines: Vec<Value> =
            streamed.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let told: Vec<&Value> = lines.iter().filter(|line| line["logprobs"].is_array()).collect();
        assert!(matches!(told[..], [line] if line["logprobs"] == whole["logprobs"]), "{path}: {lines:?}");
        assert_eq!(lines.last().unwrap()["done"], true, "{path}: {lines:?}");
    }
}

/// What runs at a peer is held still meanwhile, so that the question is under way when its daemon is killed.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_comes_back_is_asked_again_how_likely_tokens_were() {
    use std::time::{Duration, Instant};

    use assay_peer::handle::ListJobs;
    use rustix::process::{Pid, Signal, kill_process};

    const PATIENCE: Duration = Duration::from_secs(300);
    let mut town = Town::start().await;
    let home = town.network.peer("you").home.root().to_owned();
    let gateway = Serving::start(&home);
    let body = sum(json!({ "logprobs": true }));
    let before = gateway.post("/v1/chat/completions", &body).document();
    assert_eq!(tokens(&before["choices"][0]["logprobs"]["content"]), ["8", "5"], "{before}");

    let runs = below(town.network.peer("you").process_id().unwrap());
    assert!(!runs.is_empty(), "what computes chances is kept for the next");
    let all = |signal: Signal| {
        for pid in runs.iter().filter_map(|run| Pid::from_raw(*run)) {
            // One may have ended by itself.
            let _ = kill_process(pid, signal);
        }
    };
    all(Signal::STOP);
    let asking = gateway.send("POST /v1/chat/completions", &[], &body.to_string());
    let deadline = Instant::now() + PATIENCE;
    let is_answered = async || {
        let jobs = town.network.peer("you").connect().await.unwrap().call(ListJobs::default()).await.unwrap();
        jobs.len() == 2 && jobs.iter().all(|job| job.submission.answer().is_some())
    };
    while !is_answered().await {
        assert!(Instant::now() < deadline, "it is never answered");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // What the gateway does first with an answer hardly takes it longer than these. Where it does, the daemon dies a moment before it
    // is asked, and the gateway goes on all the same.
    for _ in 0..20 {
        gateway.get("/assay/v1/status");
    }
    town.network.kill("you");
    all(Signal::KILL);
    town.network.restart("you").await.unwrap();
    let after = crate::gateways::Answered::read(asking).document();
    assert_eq!(after["choices"][0]["logprobs"], before["choices"][0]["logprobs"], "{after}");
}

/// The numbers of the processes below one.
#[cfg(target_os = "linux")]
fn below(process: u32) -> Vec<i32> {
    let parent_of = |number: i32| -> Option<i32> {
        let status = fs::read_to_string(format!("/proc/{number}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
    };
    let named = fs::read_dir("/proc").unwrap().flatten();
    let numbers = named.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let parents: Vec<(i32, i32)> =
        numbers.filter_map(|number: i32| Some((number, parent_of(number)?))).collect();
    let (mut found, mut at) = (vec![i32::try_from(process).unwrap()], 0);
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, above)| *above == parent).map(|(number, _)| number));
        at += 1;
    }
    found.split_off(1)
}
