//! A recording of twenty real peers, beside which `assay sim validate` puts the laboratory: of each job what any user of them can
//! read, by `assay job show`, `assay receipt export` and `assay account history`.
//!
//! Everybody lives by the rules of the scenario of that name, and asks what is asked there.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use assay_cli::commands::demo::{
    network::{DemoNetwork, DemoPeer},
    plan::{Duty, Part},
};
use assay_peer::{
    config::NetworkFile,
    handle::{ListOffers, Provide, ServiceWish},
};
use assay_protocol::{
    genesis::{Founder, Genesis, Money},
    units::Amount,
};
use assay_simulations::{
    lab::{
        distribution::exponential,
        experiment,
        recording::{Recording, VERSION, fitted},
        scenario::{PopulationRole, Scenario},
        shipped,
    },
    plan::UNIT_PRICE,
    random::Stream,
};
use serde_json::{Value, json};

use crate::assay::{BINARY, assay};

/// Set to a file, the recording is written there, and not to its place in the sources.
const OUT: &str = "ASSAY_RECORDING";
const SCENARIO: &str = "twenty-peers";
/// What is ordered: pictures, of which the scenario's labels are the likeness.
const MODEL: &str = "digits";
/// Orders that come whenever they come, and then those that have the market for themselves.
const ORDERED: usize = 200;
const ALONE: usize = 40;
/// How long the market has been quiet before each of those: longer than a check takes.
const ALONE_AFTER: Duration = Duration::from_secs(3);
/// What chance decides when orders come, and from whom.
const SEED: u64 = 1;
/// The most that a recording takes in the sources.
const BYTES_MAX: usize = 100 * 1024;
/// Every order asks for as long a run as those of the laboratory.
const SETTINGS: &str = "[client]\nrun_max = \"1s\"\n";
/// How long something may take on a busy machine, and between two looks at it.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_STEP: Duration = Duration::from_millis(100);

const PROVIDERS: [&str; 16] = [
    "p-01", "p-02", "p-03", "p-04", "p-05", "p-06", "p-07", "p-08", "p-09", "p-10", "p-11", "p-12", "p-13",
    "p-14", "p-15", "p-16",
];
const CLIENTS: [&str; 3] = ["c-1", "c-2", "c-3"];

/// The twenty of them.
struct TwentyPeers {
    network: DemoNetwork,
    scenario: Scenario,
}

/// A job that was ordered.
struct OrderedJob {
    client: usize,
    submission: String,
    phase: &'static str,
}

fn scenario() -> Scenario {
    Scenario::read(SCENARIO, &shipped::text(SCENARIO).unwrap(), &shipped::text).unwrap()
}

fn cast() -> Vec<Part> {
    let of = |names: &'static [&'static str], duty| names.iter().map(move |name| Part { name, duty });
    let notary = Part { name: "notary", duty: Duty::Notary };
    [notary].into_iter().chain(of(&PROVIDERS, Duty::Provider)).chain(of(&CLIENTS, Duty::Client)).collect()
}

/// Has everybody live by the rules of the scenario: a picture is as dear to check as a label there, and may take as long.
fn ruled(genesis: &mut Genesis, scenario: &Scenario) {
    let rules = experiment::rules(scenario);
    genesis.manifests.retain(|manifest| manifest.name == MODEL);
    let simulated = rules.manifest(scenario.work).unwrap().work.call;
    let real = genesis.manifest(MODEL).unwrap().work.call;
    let as_dear = |each: u64| each * simulated / real;
    genesis.money = Money {
        per_work: Amount(as_dear(rules.money.per_work.0)),
        micros_per_work: as_dear(rules.money.micros_per_work),
        ..rules.money
    };
    (genesis.timers, genesis.checks) = (rules.timers, rules.checks);
    let Founder { stake, free, .. } = rules.verifiers[0];
    genesis.verifiers.iter_mut().for_each(|founder| (founder.stake, founder.free) = (stake, free));
}

impl TwentyPeers {
    /// Starts them, and waits until each client knows every offer.
    async fn gather() -> Self {
        let scenario = scenario();
        assert_eq!(scenario.count(PopulationRole::Founder), PROVIDERS.len() as u64);
        assert_eq!(scenario.count(PopulationRole::Client), CLIENTS.len() as u64);
        let mut network = DemoNetwork::found(Path::new(BINARY), &cast()).unwrap();
        let mut file = NetworkFile::read(&network.file()).unwrap();
        ruled(&mut file.genesis, &scenario);
        let homes = network.peers().iter().map(|peer| peer.home.network());
        homes.chain([network.file()]).for_each(|path| fs::write(path, file.to_toml()).unwrap());
        network.peers().iter().for_each(|peer| fs::write(peer.home.settings(), SETTINGS).unwrap());
        network.start().await.unwrap();
        let slots = Some(u16::try_from(scenario.slots).unwrap());
        for name in PROVIDERS {
            let service =
                ServiceWish { manifest: MODEL.to_owned(), unit_price: UNIT_PRICE, ..Default::default() };
            let provide = Provide { services: vec![service], slots, ..Provide::default() };
            network.peer(name).connect().await.unwrap().call(provide).await.unwrap();
        }
        for name in CLIENTS {
            network.peer(name).account().await.unwrap();
            let (handle, deadline) = (network.peer(name).connect().await.unwrap(), Instant::now() + PATIENCE);
            while handle.call(ListOffers).await.unwrap().len() < PROVIDERS.len() {
                assert!(Instant::now() < deadline, "{name} never knows all offers");
                tokio::time::sleep(LOOK_STEP).await;
            }
        }
        Self { network, scenario }
    }

    fn client(&self, number: usize) -> &DemoPeer {
        self.network.peer(CLIENTS[number])
    }

    /// Types something as a client and reads its document.
    fn asks(&self, client: usize, words: &[&str]) -> Value {
        assay(self.client(client).home.root(), &[words, &["--json"]].concat()).document()
    }

    fn picture(&self) -> String {
        self.network.folder().join("seven-1.png").to_str().unwrap().to_owned()
    }

    /// Orders whenever the next order is due, whatever became of those before it.
    fn orders(&self) -> Vec<OrderedJob> {
        let mut luck = Stream::new(SEED, "recording", 0);
        let (begun, mut due, picture) = (Instant::now(), 0.0, self.picture());
        let mut ordered = Vec::new();
        for _ in 0..ORDERED {
            due += exponential(&mut luck) * self.scenario.between as f64 / 1e9;
            thread::sleep(Duration::from_secs_f64(due).saturating_sub(begun.elapsed()));
            let client = usize::try_from(luck.below(CLIENTS.len() as u64)).unwrap();
            ordered.push(self.order(client, &picture, "market"));
        }
        ordered
    }

    /// Orders now and then, when nothing is left to be done of the order before: what is recorded is a machine at rest, as it
    /// is wherever orders are few.
    fn orders_alone(&self) -> Vec<OrderedJob> {
        let picture = self.picture();
        let one = |number: usize| {
            thread::sleep(ALONE_AFTER);
            self.order(number % CLIENTS.len(), &picture, "alone")
        };
        (0..ALONE).map(one).collect()
    }

    /// Orders, and waits for nothing that comes of it.
    fn order(&self, client: usize, picture: &str, phase: &'static str) -> OrderedJob {
        let document = self.asks(client, &["job", "submit", MODEL, picture]);
        OrderedJob { client, submission: text(&document["submission"]), phase }
    }

    /// Waits until all of these are over.
    fn are_over(&self, jobs: &[OrderedJob]) {
        for OrderedJob { client, submission, .. } in jobs {
            let home = self.client(*client).home.root();
            let ran = assay(home, &["job", "wait", submission, "--timeout", "5m"]);
            assert!(ran.status.is_some_and(|status| status != 10), "it is never over: {ran:?}");
        }
    }

    /// When the notary opened and closed each job, by the jobs' names.
    fn booked(&self) -> BTreeMap<String, [i64; 2]> {
        let of = |client| self.asks(client, &["account", "history", "--all"])["moves"].clone();
        let moves = (0..CLIENTS.len()).flat_map(|client| of(client).as_array().unwrap().clone());
        moves
            .map(|each| (text(&each["job"]), ["opened", "closed_at"].map(|key| moment(&each[key]))))
            .collect()
    }

    /// A job as a line of the recording; times are in milliseconds since `zero`.
    fn line(&self, job: &OrderedJob, shown: &Value, zero: i64, booked: &BTreeMap<String, [i64; 2]>) -> Value {
        let at = |event: &str| happened(shown, event).map(|at| at - zero);
        let attempts = shown["attempts"].as_array().unwrap();
        let mut line = json!({
            "phase": job.phase, "client": job.client, "attempts": attempts.len(),
            "asked": at("proposed"), "opened": at("opened"), "delivered": at("delivered"),
        });
        let Some(paid) = attempts.iter().find(|attempt| attempt["money"] == "paid") else { return line };
        let name = text(&paid["job"]);
        let closed = |told: &&Value| told["event"] == "closed" && told["job"] == paid["job"];
        let closed =
            shown["timeline"].as_array().unwrap().iter().find(closed).map(|told| moment(&told["at"]));
        let [claimed, checked] = self.noted(job.client, &name).map(|at| at.map(|at| at - zero));
        let more = json!({
            "paid": closed.map(|at| at - zero), "outcome": paid["outcome"],
            "drawn": paid["outcome"] != "not_drawn", "rate": paid["check_rate"]["per_cent"],
            "claimed": claimed, "checked": checked,
            "booked": booked.get(&name).map(|times| times.map(|at| at - zero)),
        });
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line
    }

    /// When the notary noted the claim of a job and the last seal on it, by the tick before, as the receipt has it.
    fn noted(&self, client: usize, job: &str) -> [Option<i64>; 2] {
        let ran = assay(self.client(client).home.root(), &["receipt", "export", job, "--readable"]);
        assert_eq!(ran.status, Some(0), "{ran:?}");
        let receipt: Value = serde_json::from_str(&ran.stdout).unwrap();
        let story = &receipt["story"];
        let ticks = story["ticks"].as_array().unwrap();
        let time = |round: &Value| {
            let tick = ticks.iter().find(|tick| tick["body"]["round"] == *round)?;
            tick["body"]["time"].as_i64()
        };
        let events = story["events"].as_array().unwrap();
        ["claim", "seal"].map(|what| {
            let last = events.iter().rev().find(|event| event["what"].get(what).is_some());
            last.and_then(|event| time(&event["round"]))
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A moment in milliseconds since 1970.
fn moment(value: &Value) -> i64 {
    text(value).parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

/// When something first happened to a job.
fn happened(shown: &Value, event: &str) -> Option<i64> {
    let told = shown["timeline"].as_array().unwrap().iter().find(|told| told["event"] == event)?;
    Some(moment(&told["at"]))
}

fn place() -> PathBuf {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../simulations/recordings/twenty-peers.jsonl");
    env::var(OUT).map_or_else(|_| usual(), PathBuf::from)
}

/// What the scenario is to have by this recording.
fn say_what_fits(scenario: &Scenario, recording: &Recording) {
    let fitted = fitted(scenario, recording).unwrap().unwrap();
    let micros = |nanos: u64| format!("\"{} us\"", nanos / 1_000);
    eprintln!("to be put into simulations/scenarios/{SCENARIO}.toml:");
    eprintln!(
        "[network]\ndelay_min = {}\ndelay_max = {}",
        micros(fitted.delays[0]),
        micros(fitted.delays[1])
    );
    let [least, most] = fitted.machine.runs;
    eprintln!("[machine]\nrun_min = {}\nrun_max = {}", micros(least), micros(most));
    let [least, most] = fitted.machine.syncs;
    eprintln!("sync_min = {}\nsync_max = {}", micros(least), micros(most));
}

#[tokio::test]
#[ignore = "six minutes of twenty real processes: by hand, optimised, on a machine that does nothing else"]
async fn twenty_real_peers_are_recorded() {
    let peers = TwentyPeers::gather().await;
    let mut jobs = peers.orders();
    peers.are_over(&jobs);
    jobs.extend(peers.orders_alone());
    peers.are_over(&jobs);
    let shown: Vec<Value> =
        jobs.iter().map(|job| peers.asks(job.client, &["job", "show", &job.submission])).collect();
    let zero = shown.iter().filter_map(|shown| happened(shown, "proposed")).min().unwrap();
    let booked = peers.booked();
    let program = peers.asks(0, &["version"]);
    let head = json!({
        "version": VERSION, "scenario": SCENARIO, "seed": SEED, "peers": 1 + PROVIDERS.len() + CLIENTS.len(),
        "between": peers.scenario.between as f64 / 1e6, "ordered": ORDERED, "alone": ALONE,
        "cores": thread::available_parallelism().map_or(1, usize::from), "system": env::consts::OS,
        "architecture": env::consts::ARCH, "is_optimised": program["is_optimised"],
        "program": program["version"], "begun": zero,
    });
    let lines = jobs.iter().zip(&shown).map(|(job, shown)| peers.line(job, shown, zero, &booked));
    let whole: String = [head].into_iter().chain(lines).map(|line| format!("{line}\n")).collect();
    assert!(whole.len() < BYTES_MAX, "{} bytes", whole.len());
    let recording = Recording::read(&whole).unwrap().unwrap();
    assert_eq!((recording.jobs.len(), recording.alone.len()), (ORDERED, ALONE));
    fs::write(place(), whole).unwrap();
    say_what_fits(&peers.scenario, &recording);
}
