//! Clients that do not do as they should, and pages of strangers: before a real gateway, of real peers.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use assay_peer::{
    handle::{ListJobs, ShowStatus},
    system::raise_open_files,
};
use serde_json::json;

use crate::{
    gateways::{Answered, Serving, sum},
    town::Town,
};

/// The longest that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_STEP: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_is_refused_and_pages_of_strangers_can_do_nothing() {
    let town = Town::start().await;
    let gateway = Serving::with_few_files(town.network.peer("you").home.root());
    let body = sum(json!({})).to_string();
    let head = "POST /v1/chat/completions";
    gateway.ask(head, &[("origin", "https://evil.example")], &body).fails(403, "foreign_origin");
    gateway.ask(head, &[("host", "evil.example")], &body).fails(421, "unknown_host");
    gateway.ask(head, &[], &"x".repeat(20 << 20)).fails(413, "too_long");
    gateway.ask(head, &[], "{").fails(400, "invalid_request");
    gateway
        .post("/v1/chat/completions", &sum(json!({ "tools": [{ "type": "web_search" }] })))
        .fails(400, "unsupported_parameter");
    gateway.post("/v1/chat/completions", &sum(json!({ "model": "poet" }))).fails(404, "model_not_found");
    gateway.post("/v1/chat/completions", &sum(json!({ "model": "digits" }))).fails(400, "invalid_value");
    gateway
        .post("/v1/chat/completions", &sum(json!({ "assay": { "max_cost": "0.0001" } })))
        .fails(402, "too_expensive");
    gateway.post("/v1/embeddings", &json!({ "model": "sums", "input": "a" })).fails(400, "invalid_value");
    gateway.get("/v1/nothing").fails(404, "unknown_url");
    gateway.get("/v1/chat/completions").fails(405, "method_not_allowed");
    gateway.get("/v1/jobs/0123").fails(404, "not_found");
    let plain = gateway.post("/api/chat", &json!({ "model": "sums", "messages": [], "tools": [1] }));
    assert!(plain.document()["error"].as_str().unwrap().contains("tools[0].type"), "{plain:?}");
    // Half of a request is no request.
    let mut half = gateway.connect();
    half.write_all(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\r\n{")
        .unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    let mut rest = String::new();
    half.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains(" 200 "), "{rest}");
    raise_open_files();
    let idle: Vec<TcpStream> = (0..1_000).map(|_| gateway.connect()).collect();
    assert_eq!(
        gateway.post("/v1/chat/completions", &sum(json!({}))).document()["choices"][0]["message"]["content"],
        "85"
    );
    drop(idle);
    assert_eq!(
        town.network.peer("you").connect().await.unwrap().call(ShowStatus).await.unwrap().jobs,
        2,
        "the refused cost no job but the one that was too dear"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_late_is_told_all_and_who_closes_its_half_of_a_connection_has_gone_away() {
    let town = Town::start().await;
    let you = town.network.peer("you");
    let gateway = Serving::start(you.home.root());
    let (head, deadline) = ("POST /v1/chat/completions", Instant::now() + PATIENCE);
    let jobs = async || you.connect().await.unwrap().call(ListJobs::default()).await.unwrap();
    let unread = gateway.send(head, &[], &sum(json!({ "stream": true })).to_string());
    while jobs().await.iter().all(|job| job.submission.answer().is_none()) {
        assert!(Instant::now() < deadline, "nothing is answered");
        tokio::time::sleep(LOOK_STEP).await;
    }
    let other = gateway.post("/v1/chat/completions", &sum(json!({}))).document();
    assert_eq!(other["choices"][0]["message"]["content"], "85", "others are answered meanwhile: {other}");
    let events = Answered::read(unread).events();
    let words = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str());
    assert_eq!(words.collect::<String>(), "85", "{events:?}");
    assert_eq!(events.last().unwrap()["choices"][0]["finish_reason"], "stop", "{events:?}");

    // Nobody sells anything, so this waits for an offer of hers.
    town.sells_nothing().await;
    let nora = town.network.peer("nora").id.to_string();
    let before = jobs().await.len();
    let half = gateway.send(head, &[], &sum(json!({ "assay": { "only": nora } })).to_string());
    while jobs().await.len() <= before {
        assert!(Instant::now() < deadline, "nothing is ordered");
        tokio::time::sleep(LOOK_STEP).await;
    }
    half.shutdown(Shutdown::Write).unwrap();
    while !jobs().await.iter().any(|job| job.submission.cancelled) {
        assert!(Instant::now() < deadline, "the job goes on");
        tokio::time::sleep(LOOK_STEP).await;
    }
}
