//! A provider that is lost in the middle of a text: the job goes on elsewhere, and whoever waits sees the same text as without,
//! no token of it twice and none missing, for two receipts.
//!
//! The provider writes forty tokens and no more, so it is lost there and nowhere else, whatever this machine does meanwhile.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpStream,
    path::PathBuf,
    process::{ChildStderr, Stdio},
    time::{Duration, Instant},
};

use assay_cli::commands::demo::plan::PRICE;
use assay_market::{
    event::Event,
    view::{AttemptView, SubmissionView},
};
use assay_peer::{
    executor::TOLD_TOKENS,
    handle::{Handle, HearJob, ListJobs, PauseProviding, ResumeProviding, SeverPeers, ShowStatus},
};
use assay_protocol::{
    frames,
    id::{Digest, JobId, PeerId},
    manifest::End,
    receipt::Receipt,
};
use serde_json::{Value, json};
use tokio::{task::spawn_blocking, time::timeout};

use crate::{
    assay::{Ran, assay, command},
    gateways::{Answered, Serving, sum},
    stand_in::StandIn,
    town::Town,
};

/// The longest that something may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
const LOOK_STEP: Duration = Duration::from_millis(50);
/// Tokens of the whole text.
const TOKENS: usize = 60;
/// The token of `sums` that ends answers.
const END: &str = "372";

/// How a provider is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loss {
    /// The system kills it.
    Killed,
    /// Its connection with the client breaks, and it goes on.
    Severed,
    /// It says nothing more.
    Silent,
}

/// A town in which ada and ben sell texts, and somebody who wants one.
struct Scene {
    town: Town,
    ada: PeerId,
    ben: PeerId,
    you: PeerId,
    home: PathBuf,
    folder: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let (mut town, folder) = (Town::start().await, tempfile::tempdir().unwrap());
        let [ada, ben, you] = ["ada", "ben", "you"].map(|name| town.network.peer(name).id);
        town.network.peer("ben").provide(PRICE).await.unwrap();
        town.hear("you", |event| matches!(event, Event::OfferSeen { provider } if *provider == ben)).await;
        let home = town.network.peer("you").home.root().to_owned();
        // However slow this machine is, no run is overdue.
        let settled = assay(&home, &["config", "set", "client.run_max", "20s"]);
        assert_eq!(settled.status, Some(0), "{settled:?}");
        let question = json!({
            "text": "27+58=", "temperature": 1, "seed": 7, "max_tokens": TOKENS, "logit_bias": { END: -1000 },
        });
        fs::write(folder.path().join("question.json"), question.to_string()).unwrap();
        Self { town, ada, ben, you, home, folder }
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    async fn handle(&self, name: &str) -> Handle {
        self.town.network.peer(name).connect().await.unwrap()
    }

    /// What is typed for the text.
    fn typed(&self, more: &[&str]) -> Vec<String> {
        let question = self.at("question.json");
        let order = ["run", "sums", "-f", &question, "--units", "400", "--max-cost", "2", "--no-start"];
        order.iter().chain(more).map(|&word| word.to_owned()).collect()
    }

    /// The text without anything that happens to its provider.
    fn whole(&self) -> Ran {
        let typed = self.typed(&["--provider", &self.ben.to_string()]);
        let ran = assay(&self.home, &typed.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(ran.status, Some(0), "{ran:?}");
        ran
    }

    async fn jobs(&self) -> Vec<SubmissionView> {
        let jobs = self.handle("you").await.call(ListJobs::default()).await.unwrap();
        jobs.into_iter().map(|job| job.submission).collect()
    }

    /// Has ada fall silent in the middle of a text, and ben take nothing on.
    async fn has_ada_fall_silent(&mut self) -> StandIn {
        let pause = PauseProviding { length: None, is_sudden: false };
        self.handle("ben").await.call(pause).await.unwrap();
        let status = self.handle("ada").await.call(ShowStatus).await.unwrap();
        self.town.network.kill("ada");
        let mut ada = StandIn::begin(&self.town, "ada", &status.addresses[0], |command| {
            command.args(["--conduct", "stall"]).stdout(Stdio::null()).stderr(Stdio::null());
        });
        ada.is_back(&self.town, "ada").await;
        ada
    }

    /// Waits until a job is opened that was not ordered before.
    async fn opened(&mut self, before: &BTreeSet<Digest>) -> (Digest, JobId) {
        let is_new = |event: &Event| matches!(event, Event::Opened { key, .. } if !before.contains(key));
        let Event::Opened { key, job, .. } = self.town.hear("you", is_new).await else { unreachable!() };
        (key, job)
    }

    /// Waits until each of the orders that were opened has a receipt.
    async fn receipted(&self, key: Digest) -> Vec<AttemptView> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let job = self.town.network.peer("you").job(key).await.unwrap();
            let opened = || job.submission.attempts.iter().filter(|attempt| attempt.rate.is_some());
            if job.submission.ended && opened().all(|attempt| attempt.receipt.is_some()) {
                return opened().cloned().collect();
            }
            assert!(Instant::now() < deadline, "one is never closed: {job:?}");
            tokio::time::sleep(LOOK_STEP).await;
        }
    }

    /// Waits for two receipts: of ada's part, paid as one if at all, and of ben's text, the same tokens, which is paid.
    async fn settles(&self, key: Digest, output: Digest, loss: Loss) {
        let opened = self.receipted(key).await;
        let providers: Vec<PeerId> = opened.iter().map(|attempt| attempt.provider).collect();
        assert_eq!(providers, [self.ada, self.ben], "{loss:?}: {opened:?}");
        assert_eq!(opened[1].output, Some(output), "{loss:?}: the same tokens");
        for attempt in &opened {
            let bytes = self.town.network.peer("you").receipt(attempt.job).await.unwrap();
            let outcome = Receipt::from_bytes(&bytes).unwrap().story.outcome;
            let is_second = attempt.job == opened[1].job;
            assert!(outcome.is_paid() || !is_second, "{loss:?}: {outcome:?}");
            assert!(!outcome.is_slashed(), "{loss:?}: {outcome:?}");
            let is_part = attempt.end == Some(End::Cancelled);
            assert!(
                is_second || is_part || !outcome.is_paid(),
                "{loss:?}: a part is paid as one: {attempt:?}"
            );
        }
        let audited = self.town.network.peer("you").audit().await.unwrap();
        assert_eq!(audited.divergence, None, "{loss:?}");
    }
}

/// What is asked of a gateway for the text.
fn wished(more: Value) -> Value {
    let mut whole = sum(json!({
        "temperature": 1, "seed": 7, "max_tokens": TOKENS, "logit_bias": { END: -100 },
    }));
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    whole
}

/// Waits until words of a stream are here, and leaves them there for whoever reads it.
async fn words_came(stream: &TcpStream) {
    let (deadline, mut bytes) = (Instant::now() + PATIENCE, vec![0; 1 << 16]);
    loop {
        let length = stream.peek(&mut bytes).unwrap();
        let here = String::from_utf8_lossy(&bytes[..length]);
        let mut said = here.split(r#""content":""#).skip(1);
        if said.any(|words| !words.is_empty() && !words.starts_with('"')) {
            return;
        }
        assert!(length > 0 && Instant::now() < deadline, "no words come: {here}");
        tokio::time::sleep(LOOK_STEP).await;
    }
}

/// Hears a job until so many tokens of it are there.
async fn heard(by: &Handle, key: Digest, job: JobId) -> Vec<u8> {
    let hears = async {
        let mut flow = by.call(HearJob { key, job }).await.unwrap();
        let mut heard = Vec::new();
        while frames::tokens(&heard).len() < TOLD_TOKENS {
            heard.extend(flow.next().await.expect("there is more").unwrap());
        }
        heard
    };
    timeout(PATIENCE, hears).await.expect("heard in time")
}

/// Reads what is said aside until a wait is told.
async fn told_of_a_wait(aside: BufReader<ChildStderr>) -> (BufReader<ChildStderr>, String) {
    let reads = spawn_blocking(move || {
        let (mut aside, mut said) = (aside, String::new());
        while !said.contains("still, after ") {
            assert_ne!(aside.read_line(&mut said).unwrap(), 0, "it ended without: {said}");
        }
        (aside, said)
    });
    timeout(PATIENCE, reads).await.expect("told in time").unwrap()
}

async fn goes_on(loss: Loss) {
    let mut scene = Scene::new().await;
    let whole = scene.whole();
    let before = scene.jobs().await;
    let output = before[0].answer().and_then(|attempt| attempt.output).unwrap();
    let bytes = scene.town.network.peer("you").output(output).await.unwrap();
    assert_eq!(frames::tokens(&bytes).len(), TOKENS);

    let mut ada = scene.has_ada_fall_silent().await;
    let receipt = scene.at("receipt");
    let typed = scene.typed(&["--receipt", &receipt]);
    let mut run = command(&scene.home, &typed.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    let mut run = run.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut stderr, mut aside) = (BufReader::new(run.stderr.take().unwrap()), String::new());
    let (key, job) = scene.opened(&before.iter().map(|job| job.key).collect()).await;
    let first = heard(&scene.handle("you").await, key, job).await;
    assert!(first.len() < bytes.len() && bytes.starts_with(&first), "the same, as far as it goes");
    // It is silent for longer than nothing is said of a wait, and what is said then stands beside the text. Nobody else takes
    // it over before that.
    if loss == Loss::Silent {
        (stderr, aside) = told_of_a_wait(stderr).await;
    }
    scene.handle("ben").await.call(ResumeProviding).await.unwrap();
    match loss {
        Loss::Killed => ada.kill(),
        Loss::Severed => {
            let severs = SeverPeers { peers: [scene.you].into() };
            scene.handle("ada").await.call(severs).await.unwrap();
        }
        Loss::Silent => {}
    }

    let ended = run.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    stderr.read_to_string(&mut aside).unwrap();
    assert_eq!((ended.status.code(), &said), (Some(0), &whole.stdout), "{loss:?}: {aside}");
    scene.settles(key, output, loss).await;
    let verified = assay(&scene.home, &["receipt", "verify", &receipt]);
    assert_eq!(verified.status, Some(0), "{verified:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_goes_on_where_its_provider_was_killed() {
    goes_on(Loss::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_goes_on_where_the_connection_with_its_provider_broke() {
    goes_on(Loss::Severed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_goes_on_where_its_provider_fell_silent() {
    goes_on(Loss::Silent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_a_gateway_goes_on_where_its_provider_was_killed() {
    let mut scene = Scene::new().await;
    let gateway = Serving::start(&scene.home);
    let path = "/v1/chat/completions";
    let whole = gateway.post(path, &wished(json!({ "assay": { "only": scene.ben.to_string() } }))).document();
    let choice = &whole["choices"][0];
    let ended = (&choice["finish_reason"], &whole["usage"]["completion_tokens"]);
    assert_eq!(ended, (&json!("length"), &json!(TOKENS)), "{whole}");
    let before = scene.jobs().await;
    let output = before[0].answer().and_then(|attempt| attempt.output).unwrap();

    let mut ada = scene.has_ada_fall_silent().await;
    let asked = wished(json!({
        "stream": true, "stream_options": { "include_usage": true }, "assay": { "max_cost": "2" },
    }));
    let stream = gateway.send(&format!("POST {path}"), &[], &asked.to_string());
    let (key, job) = scene.opened(&before.iter().map(|job| job.key).collect()).await;
    heard(&scene.handle("you").await, key, job).await;
    words_came(&stream).await;
    scene.handle("ben").await.call(ResumeProviding).await.unwrap();
    ada.kill();

    let streamed = spawn_blocking(move || Answered::read(stream)).await.unwrap();
    assert_eq!(streamed.headers["x-assay-provider"], scene.ada.to_string(), "it began there: {streamed:?}");
    let events = streamed.events();
    assert!(streamed.body.ends_with("data: [DONE]\n\n"), "{streamed:?}");
    assert!(events.iter().all(|event| event.get("error").is_none()), "{streamed:?}");
    let words = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str());
    assert_eq!(json!(words.collect::<String>()), choice["message"]["content"], "{streamed:?}");
    let last = events.last().unwrap();
    assert_eq!((&last["usage"], streamed.status), (&whole["usage"], 200), "{last}");
    let told = events.iter().find(|event| !event["assay"].is_null()).unwrap();
    assert_eq!(told["assay"][0]["provider"], scene.ben.to_string(), "{told}");
    scene.settles(key, output, Loss::Killed).await;
}
