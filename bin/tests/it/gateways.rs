//! The gateway as other people's tools meet it: a real one, before a network of real peers.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use assay_peer::handle::ListJobs;
use serde_json::{Value, json};

use crate::{
    assay::{assay, command},
    town::{CHECKERS, Town},
    transcripts::market,
};

/// The longest that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_STEP: Duration = Duration::from_millis(50);

/// A gateway that runs.
pub(crate) struct Serving {
    process: Child,
    address: String,
    /// What it says on standard error.
    told: PathBuf,
}

/// What it answers.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// How a gateway is started whose daemon runs.
const SERVE: [&str; 4] = ["serve", "--listen", "127.0.0.1:0", "--no-start"];

impl Serving {
    pub(crate) fn start(home: &Path) -> Self {
        Self::by(home, &SERVE)
    }

    /// One that is started like this.
    pub(crate) fn by(home: &Path, arguments: &[&str]) -> Self {
        Self::run(home, command(home, arguments, &[]))
    }

    /// One that may open as few files as on a system that gives few to whoever does not ask for more.
    pub(crate) fn with_few_files(home: &Path) -> Self {
        let own = command(home, &SERVE, &[]);
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "ulimit -Sn 256 && exec \"$0\" \"$@\""]);
        shell.arg(own.get_program()).args(own.get_args()).env_clear();
        shell.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Self::run(home, shell)
    }

    fn run(home: &Path, mut command: Command) -> Self {
        let told = home.join("serve.err");
        let standard_error = File::create(&told).unwrap();
        let mut process = command.stdout(Stdio::piped()).stderr(standard_error).spawn().unwrap();
        let address = BufReader::new(process.stdout.as_mut().unwrap())
            .lines()
            .map_while(Result::ok)
            .find_map(|line| Some(line.split_once("http://")?.1.split('/').next()?.to_owned()));
        let address = address.unwrap_or_else(|| panic!("{}", fs::read_to_string(&told).unwrap()));
        Self { process, address, told }
    }

    /// Whether it ended well, once it has.
    pub(crate) fn ends_well(&mut self) -> bool {
        self.process.wait().unwrap().success()
    }

    /// Where it is.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What it said to whoever started it.
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(&self.told).unwrap()
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let connection = TcpStream::connect(&self.address).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection
    }

    /// Sends a request and does not wait for what comes.
    pub(crate) fn send(&self, head: &str, headers: &[(&str, &str)], body: &str) -> TcpStream {
        let mut connection = self.connect();
        let host = if headers.iter().any(|(name, _)| *name == "host") {
            String::new()
        } else {
            format!("host: {}\r\n", self.address)
        };
        let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let text = format!(
            "{head} HTTP/1.1\r\n{host}{more}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        // Whoever refuses a body need not have read it.
        let _ = connection.write_all(text.as_bytes());
        connection
    }

    pub(crate) fn ask(&self, head: &str, headers: &[(&str, &str)], body: &str) -> Answered {
        Answered::read(self.send(head, headers, body))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answered {
        self.ask(&format!("POST {path}"), &[], &body.to_string())
    }

    pub(crate) fn get(&self, path: &str) -> Answered {
        self.ask(&format!("GET {path}"), &[], "")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Answered {
    pub(crate) fn read(connection: TcpStream) -> Self {
        let mut reader = BufReader::new(connection);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            lines.push(line.to_owned());
        }
        let status =
            lines.first().and_then(|line| line.split(' ').nth(1)).expect("a status").parse().unwrap();
        let pair = |line: &String| {
            line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        };
        let headers: BTreeMap<String, String> = lines.iter().skip(1).filter_map(pair).collect();
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        let bytes = if headers.get("transfer-encoding").is_some_and(|how| how == "chunked") {
            joined(&bytes)
        } else {
            bytes
        };
        Self { status, headers, body: String::from_utf8_lossy(&bytes).into_owned() }
    }

    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn events(&self) -> Vec<Value> {
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        data.take_while(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
    }

    pub(crate) fn fails(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.document()["error"]["code"], code, "{self:?}");
    }
}

/// What came in chunks.
fn joined(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        whole.extend_from_slice(&bytes[end + 2..end + 2 + length]);
        bytes = &bytes[end + 4 + length..];
    }
    whole
}

pub(crate) fn sum(more: Value) -> Value {
    let mut whole = json!({ "model": "sums", "messages": [{ "role": "user", "content": "27+58=" }], "max_tokens": 8, "temperature": 0 });
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    whole
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_of_others_are_answered_as_they_expect_and_told_where_it_ran() {
    let town = Town::start().await;
    let ada = town.network.peer("ada").id.to_string();
    let gateway = Serving::start(town.network.peer("you").home.root());
    let listed = gateway.get("/v1/models").document();
    assert!(listed["data"].as_array().unwrap().iter().any(|model| model["id"] == "sums"), "{listed}");

    let whole = gateway.post("/v1/chat/completions", &sum(json!({})));
    let said = whole.document();
    assert_eq!(said["choices"][0]["message"]["content"], "85", "{whole:?}");
    assert_eq!(said["choices"][0]["finish_reason"], "stop");
    assert_eq!(said["usage"], json!({ "prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10 }));
    assert_eq!((&whole.headers["x-assay-provider"], &said["assay"][0]["provider"]), (&ada, &json!(ada)));
    assert_eq!(json!(whole.headers["x-assay-cost"]), said["assay"][0]["price"]);

    let streamed = gateway.post(
        "/v1/chat/completions",
        &sum(json!({ "stream": true, "stream_options": { "include_usage": true } })),
    );
    assert_eq!(streamed.headers["content-type"], "text/event-stream");
    let events = streamed.events();
    let words: String =
        events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(words, "85", "{streamed:?}");
    assert_eq!(events.last().unwrap()["usage"], said["usage"]);
    assert!(streamed.body.ends_with("data: [DONE]\n\n"));

    let short =
        gateway.post("/v1/chat/completions", &sum(json!({ "max_tokens": 1, "assay": { "only": ada } })));
    assert_eq!(short.document()["choices"][0]["finish_reason"], "length", "{short:?}");

    let continued = gateway.post(
        "/v1/completions",
        &json!({ "model": "sums", "prompt": "27+58=", "temperature": 0, "max_tokens": 8 }),
    );
    assert_eq!(continued.document()["choices"][0]["text"], "85", "{continued:?}");
    let lines = gateway.post(
        "/api/chat",
        &json!({ "model": "sums", "messages": [{ "role": "user", "content": "27+58=" }], "options": { "num_predict": 8 } }),
    );
    let lines: Vec<Value> = lines.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let words: String = lines.iter().filter_map(|line| line["message"]["content"].as_str()).collect();
    assert_eq!((words.as_str(), &lines.last().unwrap()["done"]), ("85", &json!(true)), "{lines:?}");
    let once = gateway.post(
        "/api/generate",
        &json!({ "model": "sums:latest", "prompt": "27+58=", "stream": false, "options": { "num_predict": 8 } }),
    );
    let once = once.document();
    assert_eq!((&once["response"], &once["model"]), (&json!("85"), &json!("sums:latest")), "{once}");
    let tagged = json!({ "model": "sums:8b", "prompt": "27+58=" });
    assert_eq!(gateway.post("/api/generate", &tagged).status, 404);
    let fitting =
        json!({ "model": "sums", "prompt": "27+58=", "stream": false, "format": { "enum": [[1, 2]] } });
    assert_eq!(gateway.post("/api/generate", &fitting).document()["response"], "[1,2]");

    let receipt = whole.headers["x-assay-receipt"].clone();
    let deadline = Instant::now() + PATIENCE;
    while gateway.get(&receipt).status == 404 {
        assert!(Instant::now() < deadline, "there is never a receipt");
        tokio::time::sleep(LOOK_STEP).await;
    }
    let job = gateway.get(&format!("/v1/jobs/{}", said["id"].as_str().unwrap())).document();
    assert_eq!((&job["ended"], &job["attempts"][0]["provider"]), (&json!(true), &json!(ada)), "{job}");
    let counted = gateway.get("/metrics").body;
    assert!(counted.contains("assay_gateway_answers_total{key=\"\"} 7"), "{counted}");
    assert!(counted.contains("assay_gateway_answers_open 0\n"), "{counted}");
}

/// The same, as a response is asked for.
pub(crate) fn addition(more: Value) -> Value {
    let mut whole = json!({ "model": "sums", "input": "27+58=", "max_output_tokens": 8, "temperature": 0 });
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    whole
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_comes_whole_or_as_numbered_events_and_nothing_is_kept_for_the_next() {
    let town = Town::start().await;
    let ada = town.network.peer("ada").id.to_string();
    let gateway = Serving::start(town.network.peer("you").home.root());
    let ask = |more: Value| gateway.post("/v1/responses", &addition(more));

    let whole = ask(json!({ "metadata": { "page": "7" }, "store": false }));
    let said = whole.document();
    assert_eq!(said["output"][0]["content"][0]["text"], "85", "{whole:?}");
    assert_eq!((&said["status"], &said["metadata"]), (&json!("completed"), &json!({ "page": "7" })));
    assert_eq!((&said["usage"]["input_tokens"], &said["usage"]["output_tokens"]), (&json!(7), &json!(3)));
    assert_eq!((&whole.headers["x-assay-provider"], &said["assay"][0]["provider"]), (&ada, &json!(ada)));
    let job = gateway.get(&format!("/v1/jobs/{}", said["id"].as_str().unwrap())).document();
    assert_eq!(job["attempts"][0]["provider"], ada, "{job}");

    let streamed = ask(json!({ "stream": true, "stream_options": { "include_obfuscation": false } }));
    assert_eq!(streamed.headers["content-type"], "text/event-stream");
    assert_eq!(streamed.headers["x-assay-provider"], ada);
    let events = streamed.events();
    let names: Vec<&str> = streamed.body.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(
        names.first().zip(names.last()),
        Some((&"response.created", &"response.completed")),
        "{names:?}"
    );
    assert_eq!(names.len(), events.len());
    for (number, (event, name)) in events.iter().zip(names).enumerate() {
        assert_eq!((&event["type"], &event["sequence_number"]), (&json!(name), &json!(number)));
    }
    let words: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(words, "85", "{streamed:?}");
    let response = &events.last().unwrap()["response"];
    assert_eq!((&response["usage"], &response["id"]), (&said["usage"], &events[0]["response"]["id"]));
    assert_eq!(response["assay"][0]["provider"], ada);

    let short = ask(json!({ "max_output_tokens": 1, "stream": true })).events();
    let last = short.last().unwrap();
    assert_eq!(last["type"], "response.incomplete", "{last}");
    assert_eq!(last["response"]["incomplete_details"]["reason"], "max_output_tokens");
    let parts = json!([{ "role": "user", "content": [{ "type": "input_text", "text": "27+58=" }] }]);
    let again = ask(json!({ "input": parts })).document();
    assert_eq!(again["output"][0]["content"], said["output"][0]["content"], "{again}");
    let format = json!({ "type": "json_schema", "name": "pair", "schema": { "enum": [[1, 2]] } });
    let fitting = ask(json!({ "text": { "format": format }, "max_output_tokens": 40 })).document();
    assert_eq!(fitting["output"][0]["content"][0]["text"], "[1,2]", "{fitting}");

    for (param, more) in [
        ("previous_response_id", json!({ "previous_response_id": said["id"] })),
        ("store", json!({ "store": true })),
        ("tools[0].type", json!({ "tools": [{ "type": "web_search" }], "stream": true })),
    ] {
        let refused = ask(more);
        refused.fails(400, "unsupported_parameter");
        assert_eq!(refused.document()["error"]["param"], param);
    }
    ask(json!({ "model": "poet", "stream": true })).fails(404, "model_not_found");
    ask(json!({ "assay": { "max_cost": "0.0001" }, "stream": true })).fails(402, "too_expensive");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_hangs_up_has_its_job_cancelled_and_so_has_a_gateway_that_ends() {
    let town = Town::start().await;
    let you = town.network.peer("you");
    let mut gateway = Serving::start(you.home.root());
    // Nobody sells anything, so this waits for an offer of hers.
    town.sells_nothing().await;
    let nora = town.network.peer("nora").id.to_string();
    let chat = sum(json!({ "assay": { "only": nora } })).to_string();
    let response = addition(json!({ "assay": { "only": nora }, "stream": true })).to_string();
    let asked = [
        ("POST /v1/chat/completions", &chat),
        ("POST /v1/responses", &response),
        ("POST /v1/chat/completions", &chat),
    ];
    let jobs = async || you.connect().await.unwrap().call(ListJobs::default()).await.unwrap();
    for (before, (head, body)) in asked.into_iter().enumerate() {
        let connection = gateway.send(head, &[], body);
        let deadline = Instant::now() + PATIENCE;
        while jobs().await.len() <= before {
            assert!(Instant::now() < deadline, "nothing is ordered");
            tokio::time::sleep(LOOK_STEP).await;
        }
        if before + 1 < asked.len() {
            drop(connection);
        } else {
            let killed = Command::new("kill").args(["-INT", &gateway.process.id().to_string()]).status();
            assert!(killed.unwrap().success());
            assert!(gateway.process.wait().unwrap().success());
        }
        while !jobs().await.iter().all(|job| job.submission.cancelled) {
            assert!(Instant::now() < deadline, "the job goes on");
            tokio::time::sleep(LOOK_STEP).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_without_a_key_where_there_is_one_nor_beyond_what_it_may() {
    let town = Town::start().await;
    let home = town.network.peer("you").home.root();
    let gateway = Serving::start(home);
    let made = |arguments: &[&str]| {
        let all = [&["serve", "key", "new"], arguments, &["--json"]].concat();
        assay(home, &all).document()["secret"].as_str().unwrap().to_owned()
    };
    let asked = |secret: &str, body: &Value| {
        let bearer = format!("Bearer {secret}");
        gateway.ask("POST /v1/chat/completions", &[("authorization", &bearer)], &body.to_string())
    };
    assert_eq!(gateway.get("/v1/models").status, 200, "there is no key yet");
    let (whole, poor) = (made(&["laptop", "--daily-max", "50"]), made(&["phone", "--daily-max", "0.1"]));
    let narrow = made(&["friend", "--model", "digits"]);
    gateway.get("/v1/models").fails(401, "invalid_api_key");
    asked("assay-0000", &sum(json!({}))).fails(401, "invalid_api_key");
    assert_eq!(gateway.get("/healthz").status, 200);
    // Nothing is checked before it is looked what is counted of an open job, and so nothing closed.
    town.hold(&CHECKERS);
    let answered = asked(&whole, &sum(json!({})));
    assert_eq!(answered.document()["choices"][0]["message"]["content"], "85", "{answered:?}");
    asked(&poor, &sum(json!({}))).fails(429, "insufficient_quota");
    asked(&narrow, &sum(json!({}))).fails(403, "model_not_allowed");
    // What one has asked is nothing of a poorer one's, by whatever name others know it.
    let bearer = |secret: &str| format!("Bearer {secret}");
    let seen = |secret: &str, name: &str| {
        gateway.ask(&format!("GET /v1/jobs/{name}"), &[("authorization", &bearer(secret))], "")
    };
    let (job, answer) = (answered.headers["x-assay-job"].clone(), answered.document()["id"].clone());
    seen(&poor, &job).fails(404, "not_found");
    let own = seen(&whole, answer.as_str().unwrap()).document();
    assert_eq!(own["attempts"][0]["job"], job.as_str(), "{own}");
    // What an answer did not cost is given back once its job is over, and not before: it may yet be refuted.
    let file = town.network.peer("you").home.gateway().join("spending.json");
    let counted = || {
        let spent: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        spent["keys"]["laptop"].as_f64().unwrap() / 1e9
    };
    let cost: f64 = answered.document()["assay"][0]["cost_max"].as_str().unwrap().parse().unwrap();
    assert!(counted() > 1.4 * cost, "half as much again is reserved: {} for {cost}", counted());
    town.let_go(&CHECKERS);
    let deadline = Instant::now() + PATIENCE;
    // Its place was paid for no longer than it was taken, and nobody checked it: it cost less than was held for it.
    while counted() >= cost {
        assert!(Instant::now() < deadline, "{} is counted of {cost}", counted());
        tokio::time::sleep(LOOK_STEP).await;
    }
    assert!(counted() > 0.0, "it cost something");
    assert_eq!(assay(home, &["serve", "key", "rm", "laptop"]).status, Some(0));
    asked(&whole, &sum(json!({}))).fails(401, "invalid_api_key");
    let listed = assay(home, &["serve", "key", "ls", "--json"]).document();
    assert_eq!(listed["keys"].as_array().unwrap().len(), 2, "{listed}");
    assert!(!listed.to_string().contains(&poor), "a key is shown once");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_checked_for_sure_is_told_once_the_check_agrees() {
    // Whoever checks may be slow where a machine is busy.
    let town = market().await;
    let gateway = Serving::start(town.network.peer("you").home.root());
    let asked = sum(json!({ "assay": { "check": "always" } }));
    let whole = gateway.post("/v1/chat/completions", &asked);
    let said = whole.document();
    assert_eq!(said["choices"][0]["message"]["content"], "85", "{whole:?}");
    assert_eq!(
        (&said["assay"][0]["label"], &*whole.headers["x-assay-label"]),
        (&json!("checked"), "checked")
    );
    let streamed =
        gateway.post("/v1/chat/completions", &sum(json!({ "assay": { "check": 1 }, "stream": true })));
    let events = streamed.events();
    let words: Vec<&str> = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .filter(|words| !words.is_empty())
        .collect();
    assert_eq!(words, ["85"], "all of it at once: {streamed:?}");
}

#[test]
fn keys_have_names_and_gateways_have_keys_before_others_reach_them() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let refused = assay(&home, &["serve", "key", "new", "a b"]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    let absent = assay(&home, &["serve", "key", "rm", "phone"]);
    assert_eq!(absent.status, Some(3), "{absent:?}");
}
