//! A daemon that serves tools of others itself: one process, and one end; and a gateway beside a daemon that goes and comes back.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{ChildStdout, Stdio},
    time::{Duration, Instant},
};

use assay_peer::handle::{JobView, ListJobs};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Deserializer, Value, json};

use crate::{
    assay::{assay, command},
    gateways::{Serving, sum},
    homes::Homestead,
    schema_set,
    town::Town,
};

/// The longest that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_STEP: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_serves_tools_of_others_and_what_it_was_answering_is_cancelled_when_it_ends() {
    let mut town = Town::start().await;
    let (nora, home) = (town.network.peer("nora").id.to_string(), town.network.peer("you").home.clone());
    assert_eq!(assay(home.root(), &["down"]).status, Some(0));
    let mut gateway = Serving::by(home.root(), &["up", "--serve", "127.0.0.1:0"]);
    let deadline = Instant::now() + PATIENCE;
    while !gateway.get("/v1/models").body.contains("\"sums\"") {
        assert!(Instant::now() < deadline, "no offer is heard of again: {}", gateway.told());
        tokio::time::sleep(LOOK_STEP).await;
    }
    let whole = gateway.ask("POST /v1/chat/completions", &[], &sum(json!({})).to_string()).document();
    assert_eq!(whole["choices"][0]["message"]["content"], "85", "{whole}");
    assert_eq!(gateway.get("/assay/v1/status").document()["schema"], "assay.status/1");
    let second = assay(home.root(), &["serve", "--listen", "127.0.0.1:0", "--no-start"]);
    assert_eq!(second.status, Some(5), "{second:?}");
    assert!(second.stderr.contains(&format!("at http://{}", gateway.address())), "{second:?}");

    // Nobody sells anything, so this waits for an offer of hers.
    town.sells_nothing().await;
    let jobs = async || -> Vec<JobView> {
        town.network.peer("you").connect().await.unwrap().call(ListJobs::default()).await.unwrap()
    };
    let before = jobs().await.len();
    let waits = sum(json!({ "assay": { "only": nora } })).to_string();
    let _connection = gateway.send("POST /v1/chat/completions", &[], &waits);
    let deadline = Instant::now() + PATIENCE;
    while jobs().await.len() <= before {
        assert!(Instant::now() < deadline, "nothing is ordered");
        tokio::time::sleep(LOOK_STEP).await;
    }
    assert_eq!(assay(home.root(), &["down"]).status, Some(0));
    assert!(gateway.ends_well(), "{}", gateway.told());
    town.network.restart("you").await.unwrap();
    let jobs = town.network.peer("you").connect().await.unwrap().call(ListJobs::default()).await.unwrap();
    let last = jobs.last().unwrap();
    assert!(last.submission.cancelled && jobs.len() == before + 1, "nobody waits for it any more: {last:?}");
    says_when_its_daemon_goes_and_is_back(&mut town).await;
}

/// What goes on until somebody ends it says first that it is there.
#[test]
fn what_goes_on_begins_with_its_words_and_its_document() {
    let homestead = Homestead::new(false);
    let up = ["up", "--listen", "/ip4/127.0.0.1/tcp/0"];
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    for (typed, words, schema) in
        [(&up[..], "Peer ", "assay.up/1"), (&serve[..], "Serving http://127.0.0.1:", "assay.serve/1")]
    {
        let line = begins(&homestead, typed, |out| {
            let mut line = String::new();
            BufReader::new(out).read_line(&mut line).unwrap();
            line
        });
        assert!(line.starts_with(words), "{line}");
        let document = begins(&homestead, &[typed, &["--json"]].concat(), |out| {
            let mut documents = Deserializer::from_reader(out).into_iter::<Value>();
            documents.next().unwrap().unwrap()
        });
        assert_eq!(document["schema"], schema);
        schema_set::judge(&document.to_string());
    }
}

/// What a command prints first; it is ended then, and so is the daemon.
fn begins<T>(homestead: &Homestead, typed: &[&str], first: impl FnOnce(ChildStdout) -> T) -> T {
    let mut begun = command(homestead.home.root(), typed, &[]);
    let mut begun = begun.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let printed = first(begun.stdout.take().unwrap());
    kill_process(Pid::from_child(&begun), Signal::INT).unwrap();
    assert!(begun.wait().unwrap().success(), "{typed:?}");
    assert_eq!(homestead.types(&["down"]).status, Some(0));
    printed
}

/// A gateway of its own outlives its daemon: it says so in a line, keeps nobody waiting, and answers again once there is one. It
/// starts one that died, and none that was ended.
async fn says_when_its_daemon_goes_and_is_back(town: &mut Town) {
    let home = town.network.peer("you").home.clone();
    let gateway = Serving::start(home.root());
    town.network.kill("you");
    let away = gateway.post("/v1/chat/completions", &sum(json!({})));
    away.fails(503, "no_daemon");
    assert_eq!(away.document()["error"]["type"], "server_error", "{away:?}");
    assert_eq!(away.headers["retry-after"], "2", "{away:?}");
    assert_eq!(gateway.get("/assay/v1/status").headers["retry-after"], "2");
    says(&gateway, "the daemon died: requests are answered with 503").await;
    town.network.restart("you").await.unwrap();
    says(&gateway, "the daemon is back").await;
    assert_eq!(gateway.get("/v1/models").status, 200);

    drop(gateway);
    let gateway = Serving::by(home.root(), &["serve", "--listen", "127.0.0.1:0"]);
    town.network.kill("you");
    says(&gateway, "the daemon is back").await;
    assert!(gateway.told().contains("the daemon died: it is started again"), "{}", gateway.told());
    assert_eq!(gateway.get("/v1/models").status, 200);
    assert!(children(&gateway) > 0 || cfg!(not(target_os = "linux")));
    assert_eq!(assay(home.root(), &["down"]).status, Some(0));
    says(&gateway, "the daemon was ended").await;
    gateway.get("/v1/models").fails(503, "no_daemon");
    let deadline = Instant::now() + PATIENCE;
    while children(&gateway) > 0 {
        assert!(Instant::now() < deadline, "what has ended is in the system's list for ever");
        tokio::time::sleep(LOOK_STEP).await;
    }
}

/// The processes that a gateway has started and that the system lists still, dead ones included, where it lists them in files.
fn children(gateway: &Serving) -> usize {
    let own = gateway.process_id().to_string();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    // Behind a name, which may hold anything, come the state and the parent.
    let is_own = |stat: &String| {
        stat.rsplit_once(") ")
            .and_then(|(_, rest)| rest.split(' ').nth(1))
            .is_some_and(|parent| parent == own)
    };
    stats.filter(is_own).count()
}

/// Waits until a gateway has said this where it was started.
async fn says(gateway: &Serving, words: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !gateway.told().contains(words) {
        assert!(Instant::now() < deadline, "never said {words:?}: {}", gateway.told());
        tokio::time::sleep(LOOK_STEP).await;
    }
}

#[test]
fn a_port_that_somebody_has_is_told_before_anything_is_started() {
    let (homestead, taken) = (Homestead::new(false), TcpListener::bind("127.0.0.1:0").unwrap());
    let place = taken.local_addr().unwrap().to_string();
    let refused = homestead.types(&["up", "--serve", &place]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    assert!(refused.stderr.contains(&format!("error: {place} cannot be listened on")), "{refused:?}");
    assert!(refused.stderr.contains("assay up --serve"), "{refused:?}");
    assert_eq!(homestead.types(&["status", "--no-start"]).status, Some(5), "no daemon was started");
}

#[test]
fn where_a_gateway_listens_is_settled_once_for_both_ways_to_start_it() {
    let (homestead, taken) = (Homestead::new(false), TcpListener::bind("127.0.0.1:0").unwrap());
    let place = taken.local_addr().unwrap().to_string();
    let set = homestead.types(&["config", "set", "gateway.listen", &place]);
    assert!(set.status == Some(0) && set.stderr.contains("the next start of the gateway"), "{set:?}");
    let refused = homestead.types(&["up", "--serve"]);
    assert!(refused.status == Some(2) && refused.stderr.contains(&place), "{refused:?}");
    let mut own = Serving::by(homestead.home.root(), &["up", "--serve", "127.0.0.1:0"]);
    let refused = homestead.types(&["serve", "--no-start"]);
    assert!(refused.status == Some(5) && refused.stderr.contains("runs already"), "{refused:?}");
    assert_eq!(homestead.types(&["down"]).status, Some(0));
    assert!(own.ends_well(), "{}", own.told());
}

#[test]
fn a_gateway_ends_with_its_home_and_says_where_it_may_be_started() {
    let homestead = Homestead::new(false);
    let home = homestead.home.root();
    let mut gateway = Serving::by(home, &["serve", "--listen", "127.0.0.1:0"]);
    let aside = home.with_extension("aside");
    fs::rename(home, &aside).unwrap();
    assert!(!gateway.ends_well());
    let told = fs::read_to_string(aside.join("serve.err")).unwrap();
    assert!(told.contains("is gone: it was removed, moved, or replaced by another"), "{told}");
    assert!(told.contains("start it where it is now: `assay serve --home DIR`"), "{told}");
}
