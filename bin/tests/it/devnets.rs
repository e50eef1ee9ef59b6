//! Devnets: networks of real daemons that outlive the command that founded them, are broken on purpose and put together again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use assay_peer::home;
use serde_json::{Value, json};

use crate::{
    assay::{Ran, assay, command},
    foundings::cut_model,
    homes::private_folder,
    person::Person,
};

/// How long something may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
const LOOK_STEP: Duration = Duration::from_millis(20);
/// A provider's name in every devnet.
const PROVIDER: &str = "provider-1";

/// A devnet in a folder of its own. Whatever becomes of a test, nothing of it goes on.
struct Devnet {
    user: Person,
    folder: PathBuf,
    _outer: tempfile::TempDir,
}

impl Devnet {
    fn new() -> Self {
        let outer = private_folder();
        Self { user: Person::new(outer.path(), "user"), folder: outer.path().join("net"), _outer: outer }
    }

    /// Types something about it that must succeed, and reads its document.
    fn asks(&self, verb: &str, words: &[&str]) -> Value {
        self.user.types(&self.typed(verb, words)).document()
    }

    fn fails(&self, verb: &str, words: &[&str], status: i32) -> Value {
        code(&self.user.types(&self.typed(verb, words)), status)
    }

    /// What is typed; nothing but peers may stand behind a `--`.
    fn typed<'a>(&'a self, verb: &'a str, words: &[&'a str]) -> Vec<&'a str> {
        [&["--json", "devnet", verb, "--dir", self.folder.to_str().unwrap()], words].concat()
    }

    /// Types something as one of its peers.
    fn as_peer(&self, name: &str, words: &[&str]) -> Ran {
        assay(&self.folder.join(name), words)
    }

    fn status(&self, name: &str) -> Value {
        self.as_peer(name, &["status", "--no-start", "--json"]).document()
    }

    /// Has the client's job read a seven.
    fn reads_a_seven(&self) {
        let seven = self.folder.join("seven-1.png");
        let ran = self.as_peer("client", &["run", "digits", seven.to_str().unwrap()]);
        assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), "7\n"), "{ran:?}");
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        self.user.types(&self.typed("down", &[]));
    }
}

/// The code of what failed.
fn code(ran: &Ran, status: i32) -> Value {
    assert_eq!(ran.status, Some(status), "{ran:?}");
    serde_json::from_str::<Value>(&ran.stderr).unwrap()["error"]["code"].clone()
}

/// The process of each peer, by its name.
fn processes(devnet: &Value) -> Vec<(&str, Option<u64>)> {
    let peers = devnet["members"].as_array().unwrap();
    peers.iter().map(|peer| (peer["name"].as_str().unwrap(), peer["process"].as_u64())).collect()
}

fn process_of(devnet: &Value, name: &str) -> Option<u64> {
    processes(devnet).into_iter().find(|(peer, _)| *peer == name).unwrap().1
}

/// Whether a process goes on, or one that it started; one that is dead and was not buried does not.
fn goes_on(process: u64) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else { return false };
    entries.flatten().any(|entry| {
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { return false };
        let Some((head, rest)) = stat.rsplit_once(") ") else { return false };
        let rest: Vec<&str> = rest.split(' ').collect();
        let number = head.split(' ').next().and_then(|number| number.parse().ok());
        rest[0] != "Z" && (number == Some(process) || rest[2].parse() == Ok(process))
    })
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} never comes");
        std::thread::sleep(LOOK_STEP);
    }
}

#[test]
fn a_devnet_is_broken_and_put_together_again_and_works_each_time() {
    let devnet = Devnet::new();
    let founded = devnet.asks("up", &[]);
    let names: Vec<&str> = processes(&founded).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["notary", "provider-1", "provider-2", "provider-3", "provider-4", "client"]);
    assert!(processes(&founded).iter().all(|(_, process)| process.is_some_and(goes_on)), "{founded}");
    // A run is begun on a machine that may have much else to do.
    let settled = devnet.as_peer("client", &["config", "set", "client.run_max", "20s"]);
    assert_eq!(settled.status, Some(0), "{settled:?}");
    devnet.reads_a_seven();
    assert_eq!(processes(&devnet.asks("up", &[])), processes(&founded), "said again it changes nothing");
    assert_eq!(devnet.fails("up", &["--clients", "2"], 2), "OTHER_CAST");

    let before = process_of(&founded, PROVIDER).unwrap();
    let killed = devnet.asks("kill", &[PROVIDER]);
    until("the end of it and its workers", || !goes_on(before));
    let listed = devnet.user.asks(&["devnet", "ls"]);
    assert_eq!(listed["devnets"], json!([without_schema(&killed)]), "one that lies elsewhere is listed");
    assert_eq!((process_of(&killed, PROVIDER), &killed["members"][1]["answers"]), (None, &false.into()));
    assert_eq!(devnet.fails("kill", &[PROVIDER], 5), "NOT_RUNNING");
    let restored = devnet.asks("up", &[]);
    assert!(process_of(&restored, PROVIDER).is_some_and(|process| process != before && goes_on(process)));
    assert_eq!(process_of(&restored, "client"), process_of(&founded, "client"));

    is_cut(&devnet);
    let healed = devnet.asks("heal", &[]);
    assert_eq!(healed["sides"], json!([]));
    assert_eq!(devnet.status("client")["severed"], json!([]));
    devnet.reads_a_seven();

    let ended = devnet.asks("down", &[]);
    let first_and_last = (&ended["peers_ended"][0]["name"], &ended["peers_ended"][5]["name"]);
    assert_eq!(first_and_last, (&"client".into(), &"notary".into()));
    assert!(
        ended["peers_ended"].as_array().unwrap().iter().all(|peer| peer["was_killed"] == false),
        "{ended}"
    );
    for (name, process) in processes(&healed) {
        until(name, || !goes_on(process.unwrap()));
        assert_eq!(home::owner_of(&devnet.folder.join(name)).unwrap(), None);
    }
    assert_eq!(devnet.asks("down", &["--rm"])["is_removed"], true);
    assert!(!devnet.folder.exists());
    assert_eq!(devnet.user.asks(&["devnet", "ls"])["devnets"], json!([]));
}

fn without_schema(document: &Value) -> Value {
    let mut body = document.clone();
    body.as_object_mut().unwrap().remove("schema");
    body
}

/// The client is cut off from all others, and so is the process that takes its place.
fn is_cut(devnet: &Devnet) {
    let seven = devnet.folder.join("seven-1.png");
    assert_ne!(devnet.status("client")["neighbours"], json!([]));
    let cut = devnet.asks("partition", &["--", "client"]);
    assert_eq!(cut["sides"][1], json!(["client"]));
    assert!(cut["members"].as_array().unwrap().iter().all(|peer| peer["is_told"] == true), "{cut}");
    for _ in 0..2 {
        let client = devnet.status("client");
        assert_eq!((&client["neighbours"], client["severed"].as_array().unwrap().len()), (&json!([]), 5));
        let notary = devnet.status("notary");
        assert_eq!(notary["severed"], json!([client["peer"]]));
        let asked = devnet.as_peer("client", &["run", "digits", seven.to_str().unwrap(), "--json"]);
        assert_eq!(code(&asked, 6), "NO_MATCH", "{asked:?}");
        devnet.asks("kill", &["client"]);
        devnet.asks("up", &[]);
    }
}

#[test]
fn what_a_killed_command_leaves_goes_on_or_ends() {
    let devnet = Devnet::new();
    let begins = || -> Child {
        let mut up = command(&devnet.user.home, &devnet.typed("up", &[]), &[]);
        up.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let cut_short = |mut up: Child| {
        up.kill().unwrap();
        up.wait().unwrap();
    };
    let up = begins();
    until("a home", || devnet.folder.join("notary").exists());
    cut_short(up);
    let up = begins();
    until("a daemon", || devnet.folder.join("provider-4/socket").exists());
    cut_short(up);
    let whole = devnet.asks("up", &[]);
    assert!(processes(&whole).iter().all(|(_, process)| process.is_some_and(goes_on)), "{whole}");
    assert_eq!(whole["is_founded"], true);
    devnet.asks("down", &["--rm"]);
    processes(&whole).iter().for_each(|(name, process)| until(name, || !goes_on(process.unwrap())));
    assert!(!devnet.folder.exists());
}

/// A devnet that was founded and of which nothing runs, as its file says.
fn at_rest(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    let peers: Vec<Value> = ["notary", PROVIDER, "client"]
        .iter()
        .enumerate()
        .map(|(place, name)| {
            fs::create_dir_all(folder.join(name)).unwrap();
            let role = name.split('-').next();
            json!({ "name": name, "role": role, "peer": format!("{place:02x}").repeat(32), "address": "" })
        })
        .collect();
    let plan = json!({ "version": 1, "name": "net", "is_founded": true, "peers": peers, "sides": [] });
    fs::write(folder.join("devnet.json"), plan.to_string()).unwrap();
}

#[test]
fn what_cannot_be_done_to_a_devnet_is_refused_in_its_own_way() {
    let devnet = Devnet::new();
    let user = &devnet.user;
    for (status, code, typed) in [
        (2, "USAGE", vec!["up", "../up"]),
        (2, "USAGE", vec!["up", "--providers", "2"]),
        (2, "USAGE", vec!["up", "lab", "--dir", "lab"]),
        (2, "NO_MODEL", vec!["up", "--model", "/nowhere.gguf"]),
        (3, "NO_DEVNET", vec!["down"]),
        (3, "NO_DEVNET", vec!["heal", "lab"]),
        (3, "NO_DEVNET", vec!["kill", "notary", "--name", "lab"]),
        (3, "NO_DEVNET", vec!["partition", "--", "client"]),
    ] {
        let ran = user.types(&[&["--json", "devnet"], &*typed].concat());
        assert_eq!(self::code(&ran, status), code, "{typed:?}");
    }
    fs::create_dir_all(&devnet.folder).unwrap();
    let cut = cut_model(&devnet.folder);
    let refused = user.types(&["devnet", "up", "--model", cut.to_str().unwrap()]);
    assert!(refused.status == Some(2) && refused.stderr.contains(" cannot be sold: tensor "), "{refused:?}");
    assert_eq!(user.asks(&["devnet", "ls"])["devnets"], json!([]), "nothing was founded");
    fs::remove_file(cut).unwrap();
    fs::write(devnet.folder.join("letter"), "dear").unwrap();
    assert_eq!(devnet.fails("up", &[], 2), "DIR_TAKEN", "nothing of anybody's is touched");
    assert_eq!(fs::read(devnet.folder.join("letter")).unwrap(), b"dear");

    at_rest(&devnet.folder);
    assert_eq!(devnet.fails("kill", &["provider-9"], 3), "UNKNOWN_PEER");
    assert_eq!(devnet.fails("kill", &["notary"], 5), "NOT_RUNNING");
    assert_eq!(devnet.fails("partition", &["client"], 2), "EMPTY_SIDE");
    assert_eq!(devnet.fails("partition", &["client", "--"], 2), "EMPTY_SIDE");
    assert_eq!(devnet.fails("partition", &["--", "client", "--", "client"], 2), "NAMED_TWICE");
    assert_eq!(devnet.fails("partition", &["--", "ada"], 3), "UNKNOWN_PEER");
    assert_eq!(
        devnet.asks("partition", &["notary", "--", "client", "--", PROVIDER])["sides"][2],
        json!([PROVIDER])
    );

    for name in ["one", "two"] {
        at_rest(&user.home.join("devnet").join(name));
    }
    assert_eq!(user.fails(&["devnet", "down"], 2), "AMBIGUOUS");
    assert_eq!(user.asks(&["devnet", "down", "one", "--rm"])["is_removed"], true);
    assert_eq!(user.asks(&["devnet", "ls"])["devnets"].as_array().unwrap().len(), 1);
}

#[test]
fn whoever_finds_no_devnet_is_told_where_there_is_one() {
    let devnet = Devnet::new();
    let user = &devnet.user;
    let none = user.types(&["devnet", "down"]);
    assert!(none.status == Some(3) && none.stderr.contains("with another --home"), "{none:?}");
    at_rest(&devnet.folder);
    let place = format!("--dir {}", devnet.folder.display());
    for typed in [["devnet", "down"], ["devnet", "ls"]] {
        let peer = devnet.as_peer("client", &typed);
        assert!(peer.stderr.contains(&place), "the peer's home is in it: {peer:?}");
        let mut there = command(&user.home, &typed, &[]);
        let there = there.current_dir(&devnet.folder).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(there.stderr).unwrap();
        assert!(said.contains("--dir /") && said.contains("/net"), "it is typed in it: {said}");
    }
    let one = user.home.join("devnet").join("one");
    at_rest(&one);
    let other = user.types(&["devnet", "down", "two"]);
    assert_eq!(other.status, Some(3), "{other:?}");
    assert!(other.stderr.contains(&format!("say where it is: --dir {}", one.display())), "{other:?}");
}

#[test]
fn devnets_of_the_usual_home_are_listed_in_another_home_too() {
    let devnet = Devnet::new();
    let (user, usual) = (&devnet.user, devnet.user.home.join("assay/devnet/lab"));
    assert_eq!(user.asks(&["devnet", "ls"])["devnets"], json!([]));
    at_rest(&usual);
    let listed = user.asks(&["devnet", "ls"]);
    assert_eq!(listed["devnets"][0]["folder"], usual.to_str().unwrap(), "{listed}");
    let place = format!("--dir {}", usual.display());
    let listed = user.types(&["devnet", "ls"]);
    assert!(listed.stderr.contains(&place) && listed.stdout.contains("lab"), "{listed:?}");
    let down = user.types(&["devnet", "down"]);
    assert!(down.status == Some(3) && down.stderr.contains(&format!("say where it is: {place}")), "{down:?}");
    assert_eq!(assay(&user.home.join("assay"), &["devnet", "down"]).status, Some(0));
}

#[test]
fn a_process_that_only_has_the_number_of_a_daemon_is_left_alone() {
    let devnet = Devnet::new();
    at_rest(&devnet.folder);
    let mut stranger = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    fs::write(devnet.folder.join("notary/lock"), stranger.id().to_string()).unwrap();
    assert_eq!(devnet.fails("kill", &["notary"], 5), "NOT_RUNNING");
    assert_eq!(devnet.asks("down", &[])["peers_ended"][2]["was_running"], false);
    assert!(stranger.try_wait().unwrap().is_none(), "it was killed");
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}
