//! Batches as OpenAI's clients hand them in at a gateway: each line answered once and paid once, whatever is killed meanwhile.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use assay_cli::commands::demo::plan::PRICE;
use assay_market::view::SubmissionView;
use assay_peer::handle::ListJobs;
use assay_protocol::units::Amount;
use serde_json::{Value, json};

use crate::{
    assay::assay,
    gateways::{Answered, Serving},
    town::Town,
};

/// The longest that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two looks.
const LOOK_STEP: Duration = Duration::from_millis(20);

/// Whoever hands in batches, with or without a key.
struct Client<'a> {
    gateway: &'a Serving,
    bearer: String,
}

impl<'a> Client<'a> {
    fn of(gateway: &'a Serving) -> Self {
        Self::with(gateway, "none")
    }

    fn with(gateway: &'a Serving, key: &str) -> Self {
        Self { gateway, bearer: format!("Bearer {key}") }
    }

    fn asks(&self, head: &str, body: &str) -> Answered {
        self.gateway.ask(head, &[("authorization", &self.bearer)], body)
    }

    fn gets(&self, path: &str) -> Value {
        let answered = self.asks(&format!("GET {path}"), "");
        assert_eq!(answered.status, 200, "{answered:?}");
        answered.document()
    }

    fn sends(&self, purpose: &str, text: &str) -> Answered {
        self.sends_as(("x-request", "new"), purpose, text)
    }

    /// The same with something else in its head.
    fn sends_as(&self, more: (&str, &str), purpose: &str, text: &str) -> Answered {
        let purpose =
            format!("--edge\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n");
        let head =
            "--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"../in.jsonl\"\r\n\r\n";
        let body = format!("{purpose}{head}{text}\r\n--edge--\r\n");
        let kind = ("content-type", "multipart/form-data; boundary=edge");
        self.gateway.ask("POST /v1/files", &[("authorization", &self.bearer), kind, more], &body)
    }

    /// Uploads a file, and says what it is called.
    fn uploads(&self, lines: &[Value]) -> String {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let file = self.sends("batch", &text).document();
        assert_eq!((&file["bytes"], &file["purpose"]), (&json!(text.len()), &json!("batch")), "{file}");
        name(&file)
    }

    fn begins(&self, file: &str, more: Value) -> Answered {
        let mut asked =
            json!({ "input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h" });
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.asks("POST /v1/batches", &asked.to_string())
    }

    fn hands_in(&self, lines: &[Value]) -> String {
        let begun = self.begins(&self.uploads(lines), json!({ "metadata": { "page": "7" } })).document();
        assert_eq!((&begun["object"], &begun["metadata"]["page"]), (&json!("batch"), &json!("7")), "{begun}");
        name(&begun)
    }

    /// Looks until a batch is as it is to be.
    async fn waits_until(&self, batch: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let document = self.gets(&format!("/v1/batches/{batch}"));
            if is_so(&document) {
                return document;
            }
            assert!(Instant::now() < deadline, "{document}");
            tokio::time::sleep(LOOK_STEP).await;
        }
    }

    async fn waits_for(&self, batch: &str, status: &str) -> Value {
        self.waits_until(batch, |document| document["status"] == status).await
    }

    fn lines(&self, file: &Value) -> Vec<Value> {
        let content = self.asks(&format!("GET /v1/files/{}/content", file.as_str().unwrap()), "");
        assert_eq!(content.status, 200, "{content:?}");
        content.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn name(document: &Value) -> String {
    document["id"].as_str().unwrap_or_else(|| panic!("{document}")).to_owned()
}

fn line(name: &str, more: Value) -> Value {
    let mut body = json!({ "model": "sums", "messages": [{ "role": "user", "content": "27+58=" }], "max_tokens": 8, "temperature": 0 });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body })
}

async fn jobs(town: &Town) -> Vec<SubmissionView> {
    let daemon = town.network.peer("you").connect().await.unwrap();
    daemon.call(ListJobs::default()).await.unwrap().into_iter().map(|job| job.submission).collect()
}

/// Where the gateway keeps what clients hand in.
fn kept(town: &Town, what: &str) -> PathBuf {
    town.network.peer("you").home.gateway().join(what)
}

/// Lines that are recorded of the batches that are carried out. No request would see that soon enough.
fn recorded(town: &Town) -> usize {
    let folders = fs::read_dir(kept(town, "batches")).into_iter().flatten().flatten();
    let logs = folders.filter_map(|folder| fs::read_to_string(folder.path().join("results.jsonl")).ok());
    logs.map(|log| log.lines().filter(|line| line.contains("\"over\"")).count()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_is_answered_and_paid_once_though_the_gateway_is_killed() {
    let town = Town::start().await;
    let home = town.network.peer("you").home.root();
    let gateway = Serving::start(home);
    let count = 8;
    // Ben alone may answer the last, and sells nothing yet: the batch cannot be done before the gateway is killed.
    let only = json!({ "assay": { "only": town.network.peer("ben").id.to_string() } });
    let more = |number: usize| if number + 1 < count { json!({}) } else { only.clone() };
    let lines: Vec<Value> = (0..count).map(|number| line(&format!("line {number}"), more(number))).collect();
    let batch = Client::of(&gateway).hands_in(&lines);
    let deadline = Instant::now() + PATIENCE;
    while recorded(&town) == 0 {
        assert!(Instant::now() < deadline, "nothing is recorded");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    drop(gateway);
    assert!(recorded(&town) < count, "it was under way");
    town.network.peer("ben").provide(PRICE).await.unwrap();

    let gateway = Serving::start(home);
    let client = Client::of(&gateway);
    let done = client.waits_for(&batch, "completed").await;
    let counts = json!({ "total": count, "completed": count, "failed": 0 });
    assert_eq!((&done["request_counts"], &done["error_file_id"]), (&counts, &Value::Null), "{done}");
    for time in ["created_at", "in_progress_at", "finalizing_at", "completed_at"] {
        assert!(done[time].is_i64(), "{time}: {done}");
    }
    let answers = client.lines(&done["output_file_id"]);
    let named: Vec<&Value> = answers.iter().map(|answer| &answer["custom_id"]).collect();
    assert_eq!(named, lines.iter().map(|line| &line["custom_id"]).collect::<Vec<_>>());
    for answer in &answers {
        let response = &answer["response"];
        assert_eq!((&response["status_code"], &answer["error"]), (&json!(200), &Value::Null), "{answer}");
        assert_eq!(response["body"]["choices"][0]["message"]["content"], "85", "{answer}");
        let job = client.gets(&format!("/v1/jobs/{}", name(answer)));
        assert_eq!(job["ended"], true, "{job}");
    }
    let jobs = jobs(&town).await;
    let (paid, others): (Vec<&SubmissionView>, _) = jobs.iter().partition(|job| job.is_paid());
    assert_eq!(paid.len(), count);
    assert!(others.iter().all(|job| job.ended && job.answer().is_none()), "{others:?}");
    let cost = jobs.iter().map(SubmissionView::cost_max).try_fold(Amount::ZERO, Amount::plus).unwrap();
    assert_eq!(done["assay"]["spent"], cost.to_string());

    let listed = client.gets("/v1/files?purpose=batch_output");
    assert_eq!(listed["data"][0]["id"], done["output_file_id"], "{listed}");
    let late = client.asks(&format!("POST /v1/batches/{batch}/cancel"), "");
    late.fails(409, "not_cancelled");
    while fs::read_dir(kept(&town, "batches")).unwrap().count() > 1 {
        assert!(Instant::now() < deadline, "more than its record is left");
        tokio::time::sleep(LOOK_STEP).await;
    }
    assert_eq!(client.gets("/v1/batches?limit=1")["data"][0], done);
    town.check_books().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_cancelled_ends_with_what_there_is() {
    let town = Town::start().await;
    let gateway = Serving::start(town.network.peer("you").home.root());
    let client = Client::of(&gateway);
    // Nora sells nothing, so this waits for an offer of hers.
    let nora = town.network.peer("nora").id.to_string();
    let lines = [line("good", json!({})), line("waits", json!({ "assay": { "only": nora } }))];
    let batch = client.hands_in(&lines);
    client.waits_until(&batch, |document| document["request_counts"]["completed"] == 1).await;
    // What is ordered of her then waits half a minute for somebody, and not just a moment.
    town.sells_nothing().await;
    let deadline = Instant::now() + PATIENCE;
    while jobs(&town).await.iter().all(|job| job.ended) {
        assert!(Instant::now() < deadline, "nothing is ordered of her");
        tokio::time::sleep(LOOK_STEP).await;
    }
    let cancelling = client.asks(&format!("POST /v1/batches/{batch}/cancel"), "").document();
    assert!(cancelling["cancelling_at"].is_i64(), "{cancelling}");
    let ended = client.waits_for(&batch, "cancelled").await;
    assert_eq!(ended["request_counts"], json!({ "total": 2, "completed": 1, "failed": 1 }), "{ended}");
    assert_eq!(client.lines(&ended["output_file_id"])[0]["custom_id"], "good");
    let errors = client.lines(&ended["error_file_id"]);
    assert_eq!(errors[0]["custom_id"], "waits", "{errors:?}");
    assert_eq!(errors[0]["response"]["body"]["error"]["code"], "cancelled", "{errors:?}");
    let again = client.asks(&format!("POST /v1/batches/{batch}/cancel"), "");
    assert_eq!((again.status, &again.document()["status"]), (200, &json!("cancelled")));
    assert!(jobs(&town).await.iter().all(|job| job.ended));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sees_its_own_files_and_batches_and_spends_no_more_than_it_may() {
    let town = Town::start().await;
    let home = town.network.peer("you").home.root();
    let made = |arguments: &[&str]| {
        let all = [&["serve", "key", "new"], arguments, &["--json"]].concat();
        assay(home, &all).document()["secret"].as_str().unwrap().to_owned()
    };
    let (poor, rich) = (made(&["phone", "--daily-max", "0.1"]), made(&["laptop", "--daily-max", "50"]));
    let narrow = made(&["friend", "--model", "digits"]);
    let gateway = Serving::start(home);
    let [poor, rich, narrow] = [&poor, &rich, &narrow].map(|key| Client::with(&gateway, key));
    Client::of(&gateway).sends("batch", "{}").fails(401, "invalid_api_key");

    let file = rich.uploads(&[line("a", json!({}))]);
    let begun = name(&rich.begins(&file, json!({})).document());
    for path in [format!("files/{file}"), format!("files/{file}/content"), format!("batches/{begun}")] {
        poor.asks(&format!("GET /v1/{path}"), "").fails(404, "not_found");
    }
    poor.asks(&format!("DELETE /v1/files/{file}"), "").fails(404, "not_found");
    poor.asks(&format!("POST /v1/batches/{begun}/cancel"), "").fails(404, "not_found");
    poor.begins(&file, json!({})).fails(404, "not_found");
    for list in ["files", "batches"] {
        assert_eq!(poor.gets(&format!("/v1/{list}"))["data"], json!([]), "{list}");
    }
    let done = rich.waits_for(&begun, "completed").await;
    assert_eq!(rich.lines(&done["output_file_id"]).len(), 1);
    let spent: Value =
        serde_json::from_str(&fs::read_to_string(kept(&town, "spending.json")).unwrap()).unwrap();
    let cost: Amount = done["assay"]["spent"].as_str().unwrap().parse().unwrap();
    assert_eq!(spent["keys"]["laptop"], json!(cost.0), "what it did not cost was given back");

    let before = jobs(&town).await.len();
    let waits = poor.hands_in(&[line("b", json!({}))]);
    let kept_back = |document: &Value| document["assay"]["waits_for"]["code"] == "insufficient_quota";
    assert_eq!(poor.waits_until(&waits, kept_back).await["status"], "in_progress");
    poor.asks(&format!("POST /v1/batches/{waits}/cancel"), "");
    let ended = poor.waits_for(&waits, "cancelled").await;
    assert_eq!(ended["request_counts"], json!({ "total": 1, "completed": 0, "failed": 0 }), "{ended}");
    assert_eq!((&ended["output_file_id"], &ended["error_file_id"]), (&Value::Null, &Value::Null));
    assert_eq!(jobs(&town).await.len(), before, "nothing was ordered");

    let refused = narrow.waits_for(&narrow.hands_in(&[line("c", json!({}))]), "failed").await;
    assert_eq!(refused["errors"]["data"][0]["code"], "model_not_allowed", "{refused}");
    let deleted = rich.asks(&format!("DELETE /v1/files/{file}"), "").document();
    assert_eq!((&deleted["id"], &deleted["deleted"]), (&json!(file), &json!(true)));
    rich.asks(&format!("GET /v1/files/{file}"), "").fails(404, "not_found");

    fs::write(kept(&town, "keys.toml"), "key =").unwrap();
    let closed = narrow.asks("GET /v1/models", "");
    closed.fails(500, "no_keys");
    assert!(!closed.body.contains("keys.toml"), "{closed:?}");
    let deadline = Instant::now() + PATIENCE;
    while !gateway.told().contains("nobody is let in") {
        assert!(Instant::now() < deadline, "its owner is not told why");
        tokio::time::sleep(LOOK_STEP).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_batch_fails_with_the_numbers_of_its_lines_and_costs_nothing() {
    let town = Town::start().await;
    let gateway = Serving::start(town.network.peer("you").home.root());
    let client = Client::of(&gateway);
    client.sends("fine-tune", "{}").fails(400, "unsupported_parameter");
    client.asks("POST /v1/files", "{}").fails(400, "invalid_request");
    for path in ["/v1/files/..%2fkeys.toml", "/v1/files/file-1/content", "/v1/batches/batch_1"] {
        client.asks(&format!("GET {path}"), "").fails(404, "not_found");
    }
    client.asks("GET /v1/files?magic=1", "").fails(400, "invalid_value");
    let file = client.uploads(&[line("a", json!({}))]);
    for more in [json!({ "endpoint": "/v1/responses" }), json!({ "completion_window": "1h" })] {
        client.begins(&file, more).fails(400, "unsupported_parameter");
    }
    client.begins("../keys.toml", json!({})).fails(404, "not_found");

    let failed = async |lines: &[Value]| {
        let document = client.waits_for(&client.hands_in(lines), "failed").await;
        assert!(document["failed_at"].is_i64(), "{document}");
        let faults = document["errors"]["data"].as_array().unwrap().clone();
        faults.iter().map(|fault| json!([fault["line"], fault["code"], fault["param"]])).collect::<Vec<_>>()
    };
    let good = line("a", json!({}));
    let streamed = line("b", json!({ "stream": true }));
    let found = failed(&[good.clone(), streamed, json!({}), good.clone()]).await;
    assert_eq!(found[0], json!([2, "unsupported_parameter", "stream"]), "{found:?}");
    assert_eq!(
        (&found[1][0], &found[2]),
        (&json!(3), &json!([4, "invalid_value", "custom_id"])),
        "{found:?}"
    );
    let mut elsewhere = line("b", json!({ "model": "poet" }));
    elsewhere["url"] = json!("/v1/completions");
    elsewhere["body"] = json!({ "model": "sums", "prompt": "27+58=" });
    let found = failed(&[good.clone(), elsewhere, line("c", json!({ "model": "poet" }))]).await;
    let expected = [json!([2, "invalid_value", "url"]), json!([3, "model_not_found", "body.model"])];
    assert_eq!(found, expected);
    let found = failed(&[line("a", json!({ "model": "digits" }))]).await;
    assert_eq!(found, [json!([1, "invalid_value", "model"])]);
    assert_eq!(failed(&[]).await, [json!([null, "empty_file", "input_file_id"])]);
    assert!(jobs(&town).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_calls_the_tool_that_it_has_to_and_any_other_is_refused_by_name() {
    let town = Town::start().await;
    let gateway = Serving::start(town.network.peer("you").home.root());
    let client = Client::of(&gateway);
    let number = json!({ "type": "integer", "minimum": 0, "maximum": 9 });
    let parameters = json!({ "type": "object", "properties": { "n": number }, "required": ["n"] });
    let tool =
        |name: &str| json!({ "type": "function", "function": { "name": name, "parameters": parameters } });
    let with = |custom_id: &str, tools: Value, choice: Value| {
        line(custom_id, json!({ "tools": tools, "tool_choice": choice, "max_tokens": 45 }))
    };
    let named = json!({ "type": "function", "function": { "name": "add" } });
    let both = json!([tool("add"), tool("now")]);
    let sure = [with("named", both.clone(), named), with("only", json!([tool("add")]), json!("required"))];
    let done = client.waits_for(&client.hands_in(&sure), "completed").await;
    let answers = client.lines(&done["output_file_id"]);
    assert_eq!(answers.len(), sure.len(), "{done}");
    for answer in answers {
        let choice = &answer["response"]["body"]["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls", "{answer}");
        let function = &choice["message"]["tool_calls"][0]["function"];
        assert_eq!(function["name"], "add", "{answer}");
        let arguments: Value = serde_json::from_str(function["arguments"].as_str().unwrap()).unwrap();
        assert!(arguments["n"].is_u64(), "{answer}");
    }

    let before = jobs(&town).await.len();
    let result = json!({ "messages": [{ "role": "tool", "tool_call_id": "abcdef123", "content": "85" }] });
    let unsure = [
        with("auto", json!([tool("add")]), json!("auto")),
        with("one of two", both, json!("required")),
        line("a result", result),
    ];
    let failed = client.waits_for(&client.hands_in(&unsure), "failed").await;
    let faults = failed["errors"]["data"].as_array().unwrap().iter();
    let faults: Vec<Value> =
        faults.map(|fault| json!([fault["line"], fault["code"], fault["param"]])).collect();
    let refused = |line: u32, param: &str| json!([line, "unsupported_parameter", param]);
    assert_eq!(faults, [refused(1, "tools"), refused(2, "tools"), refused(3, "messages[0]")], "{failed}");
    assert_eq!(jobs(&town).await.len(), before, "nothing was ordered");
}

/// Asks, uploads and hands in, each with a key, and says what the three are called.
fn all_with_keys(client: &Client<'_>, file: Option<&str>) -> [String; 3] {
    let ask = |path: &str, key: &str, body: &Value| {
        let answered =
            client.gateway.ask(&format!("POST {path}"), &[("idempotency-key", key)], &body.to_string());
        assert_eq!(answered.status, 200, "{path}: {answered:?}");
        name(&answered.document())
    };
    let answer = ask("/v1/chat/completions", "one", &line("a", json!({}))["body"]);
    let text = line("b", json!({})).to_string();
    let sent = name(&client.sends_as(("idempotency-key", "two"), "batch", &text).document());
    let input = file.unwrap_or(&sent);
    let asked =
        json!({ "input_file_id": input, "endpoint": "/v1/chat/completions", "completion_window": "24h" });
    [answer, sent.clone(), ask("/v1/batches", "three", &asked)]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_again_with_its_key_is_the_same_and_paid_once_though_the_gateway_is_killed() {
    let town = Town::start().await;
    let home = town.network.peer("you").home.root();
    let gateway = Serving::start(home);
    let client = Client::of(&gateway);
    let first = all_with_keys(&client, None);
    assert_eq!(all_with_keys(&client, None), first);
    let other = line("a", json!({ "max_tokens": 4 }))["body"].to_string();
    let taken = gateway.ask("POST /v1/chat/completions", &[("idempotency-key", "one")], &other);
    taken.fails(409, "key_in_use");
    assert_eq!(
        (&taken.document()["error"]["param"], taken.headers["x-should-retry"].as_str()),
        (&json!("Idempotency-Key"), "false")
    );
    client.sends_as(("idempotency-key", "two"), "batch", "{}").fails(409, "key_in_use");
    let several = line("a", json!({ "n": 2 }))["body"].to_string();
    gateway
        .ask("POST /v1/chat/completions", &[("idempotency-key", "four")], &several)
        .fails(400, "unsupported_parameter");
    drop(gateway);

    let gateway = Serving::start(home);
    let client = Client::of(&gateway);
    assert_eq!(all_with_keys(&client, None), first);
    client.waits_for(&first[2], "completed").await;
    assert_eq!(client.asks(&format!("DELETE /v1/files/{}", first[1]), "").status, 200);
    let again = all_with_keys(&client, Some(&first[1]));
    assert_eq!((&again[0], &again[2]), (&first[0], &first[2]), "the batch is there though its file is not");
    assert_ne!(again[1], first[1], "what was deleted is uploaded anew");
    let jobs = jobs(&town).await;
    assert_eq!(jobs.iter().filter(|job| job.is_paid() || !job.ended).count(), 2, "{jobs:?}");

    // So do the packages of others by themselves, where no answer came.
    let fresh = name(&client.sends("batch", "{}").document());
    let repeated = client.sends_as(("x-stainless-retry-count", "1"), "batch", "{}");
    assert_eq!(name(&repeated.document()), fresh);
    assert_ne!(name(&client.sends("batch", "{}").document()), fresh, "it is uploaded anew");
}
