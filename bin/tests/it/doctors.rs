//! What `assay doctor` finds: each thing that can be broken is broken, and named with what mends it; nothing is changed.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use assay_peer::network::USUAL_PORT;
use serde_json::Value;

use crate::{
    assay::{BINARY, Ran, assay},
    homes::{Homestead, private_folder},
    statuses::Hermit,
};

/// The exit status where something must be mended.
const PROBLEMS: i32 = 12;

/// What was found about something, the worst first: how it was, what, and what mends it.
fn found(ran: &Ran, about: &str) -> Vec<(String, String, String)> {
    let document: Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = document["findings"].as_array().unwrap().iter().rev();
    let about = findings.filter(|finding| finding["about"] == about);
    about
        .map(|finding| (text(&finding["severity"]), text(&finding["found"]), text(&finding["mend"])))
        .collect()
}

/// Everything in a folder: its name, its mode, what it holds.
fn everything(folder: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let metadata = fs::symlink_metadata(&entry).unwrap();
        let held = if metadata.is_file() { fs::read(&entry).unwrap() } else { Vec::new() };
        if metadata.is_dir() {
            all.extend(everything(&entry));
        }
        all.insert(entry, (metadata.permissions().mode(), held));
    }
    all
}

/// Looks at a peer that is well but for one thing, and says what the doctor says of that; it has changed nothing, and its
/// exit status says what it found.
fn diagnose(homestead: &Homestead, about: &str) -> (String, String, String) {
    let before = everything(homestead.home.root());
    let ran = homestead.types(&["doctor", "--json"]);
    assert!(everything(homestead.home.root()) == before, "the doctor changed something");
    let worst = found(&ran, about).into_iter().next().unwrap_or_else(|| panic!("{about}: {ran:?}"));
    let is_problem = worst.0 == "problem";
    assert_eq!(ran.status, Some(if is_problem { PROBLEMS } else { 0 }), "{ran:?}");
    worst
}

fn settings(homestead: &Homestead, daemon: &str) {
    fs::write(homestead.home.settings(), format!("[daemon]\n{daemon}\n")).unwrap();
}

#[test]
fn a_peer_that_is_well_has_no_problem_whether_its_daemon_runs_or_not() {
    let homestead = Homestead::new(true);
    homestead.lives_once(&[]);
    let ran = homestead.types(&["doctor"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let said: Vec<&str> = ran.stdout.lines().collect();
    for (severity, about) in [
        ("ok", "network"),
        ("ok", "home"),
        ("ok", "disk"),
        ("ok", "key"),
        ("ok", "journal"),
        ("ok", "daemon"),
        ("ok", "sandbox"),
    ] {
        let beginning = format!("{severity:<8}{about}: ");
        assert!(said.iter().any(|line| line.starts_with(&beginning)), "{beginning}: {said:?}");
    }
    let hermit = Hermit::found();
    hermit.status();
    let ran = hermit.types(&["doctor", "--json"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    let [daemon, journal, clock, ports] =
        ["daemon", "journal", "clock", "ports"].map(|about| found(&ran, about));
    assert!(daemon[0].1.starts_with("runs, version "), "{daemon:?}");
    assert!(journal[0].1.ends_with("in use"), "{journal:?}");
    assert!(clock[0].1.starts_with("not compared"), "{clock:?}");
    assert!(ports[0].1.contains("can be reached from this machine alone"), "{ports:?}");
    let peers = found(&ran, "peers").remove(0);
    assert_eq!((peers.0.as_str(), peers.1.as_str()), ("warning", "nobody is connected"));
    assert!(peers.2.contains("network file names no address"), "{peers:?}");
}

#[test]
fn a_home_that_is_not_there_or_not_its_owners_alone_is_named() {
    let folder = private_folder();
    let nowhere = folder.path().join("nowhere");
    let ran = assay(&nowhere, &["doctor"]);
    assert_eq!(ran.status, Some(PROBLEMS), "{ran:?}");
    let named = format!("problem network: no peer lives in {}", nowhere.display());
    assert!(
        ran.stdout.lines().any(|line| line.starts_with(&named) && line.contains("assay init")),
        "{ran:?}"
    );
    assert!(ran.stderr.starts_with("error: one problem was found\nhint: "), "{ran:?}");
    assert!(!nowhere.exists());

    let homestead = Homestead::new(true);
    fs::set_permissions(homestead.home.root(), Permissions::from_mode(0o750)).unwrap();
    let (severity, said, mend) = diagnose(&homestead, "home");
    assert!(severity == "problem" && said.ends_with("its mode is 750"), "{said}");
    assert_eq!(mend, format!("run `chmod -R go= {}`", homestead.home.root().display()));
}

#[test]
fn a_key_that_cannot_be_used_is_named() {
    let homestead = Homestead::new(true);
    let key = homestead.home.identity();
    let text = fs::read_to_string(&key).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    let (severity, said, mend) = diagnose(&homestead, "key");
    assert!(severity == "problem" && said.contains("its mode is 644"), "{said}");
    assert_eq!(mend, format!("run `chmod 600 {}`", key.display()));
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, &text[1..]).unwrap();
    let (severity, said, _) = diagnose(&homestead, "key");
    assert!(severity == "problem" && said.contains("64 hexadecimal digits"), "{said}");
    fs::remove_file(&key).unwrap();
    let (severity, said, _) = diagnose(&homestead, "key");
    assert!(severity == "problem" && said.starts_with("there is no key"), "{said}");
}

#[test]
fn a_journal_that_would_not_open_is_named_and_left_as_it_is() {
    let homestead = Homestead::new(true);
    homestead.lives_until(&[], |bytes| bytes > 1024);
    let whole = homestead.journal();
    let (severity, said, _) = diagnose(&homestead, "journal");
    assert!(severity == "ok" && said.contains(" in 1 part, "), "{said}");
    fs::write(homestead.part(), [&whole[..], &[9, 0, 0]].concat()).unwrap();
    let (severity, said, mend) = diagnose(&homestead, "journal");
    assert!(severity == "warning" && said.ends_with("bytes of a write that was cut short"), "{said}");
    assert!(mend.contains("the next start removes it"), "{mend}");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    fs::write(homestead.part(), &flipped).unwrap();
    let (severity, said, mend) = diagnose(&homestead, "journal");
    assert!(severity == "problem" && said.starts_with("the journal is damaged at byte "), "{said}");
    assert!(
        mend.contains("newest copy of the whole home") && mend.contains("`assay notary recover`"),
        "{mend}"
    );
    assert!(!mend.contains("--accept-lost-tail"), "never for a notary: {mend}");
}

#[test]
fn a_journal_that_ends_before_what_its_index_knows_is_named() {
    let homestead = Homestead::new(true);
    homestead.lives_until(&[], |bytes| bytes > 1024);
    let older = homestead.journal();
    homestead.lives_until(&[], |bytes| bytes > older.len() + 1024);
    let whole = homestead.journal();
    fs::write(homestead.part(), &older).unwrap();
    let (severity, said, mend) = diagnose(&homestead, "journal");
    assert!(severity == "problem" && said.contains("its end is lost"), "{said}");
    assert!(mend.contains("newest copy of the whole home"), "{mend}");
    fs::write(homestead.part(), &whole).unwrap();
    let (severity, said, _) = diagnose(&homestead, "journal");
    assert_eq!(severity, "ok", "{said}");
    let journal = homestead.home.journal();
    let aside = homestead.home.root().join("aside");
    fs::rename(&journal, &aside).unwrap();
    let (severity, said, _) = diagnose(&homestead, "journal");
    assert!(severity == "problem" && said.starts_with("the journal holds 0 records"), "{said}");
    fs::rename(&aside, &journal).unwrap();
    fs::remove_dir_all(homestead.home.index()).unwrap();
    let (severity, said, mend) = diagnose(&homestead, "journal");
    assert!(severity == "warning" && said.ends_with("no index of it that would open"), "{said}");
    assert!(mend.contains("the next start makes it anew"), "{mend}");
}

#[test]
fn rules_and_settings_that_cannot_be_read_are_named() {
    let homestead = Homestead::new(true);
    settings(&homestead, "free_bytes_mim = 1");
    let (severity, said, _) = diagnose(&homestead, "settings");
    assert!(severity == "problem" && said.contains("free_bytes_mim"), "{said}");
    fs::remove_file(homestead.home.settings()).unwrap();
    fs::write(homestead.home.network(), "name = 1\n").unwrap();
    let (severity, said, _) = diagnose(&homestead, "network");
    assert!(severity == "problem" && said.contains("network.toml"), "{said}");
}

#[test]
fn a_disk_without_room_is_named() {
    let homestead = Homestead::new(true);
    settings(&homestead, &format!("free_bytes_min = {}", i64::MAX));
    let (severity, said, mend) = diagnose(&homestead, "disk");
    assert!(severity == "problem" && said.contains("no new jobs are taken"), "{said}");
    assert!(mend.contains("daemon.free_bytes_min"), "{mend}");
}

#[test]
fn a_port_that_somebody_else_has_is_named() {
    let homestead = Homestead::new(true);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port());
    settings(&homestead, &format!("listen = [\"{address}\"]"));
    let (severity, said, mend) = diagnose(&homestead, "ports");
    assert!(severity == "problem" && said.contains(&address), "{said}");
    assert!(mend.contains("daemon.listen"), "{mend}");
    drop(taken);
    let (severity, said, _) = diagnose(&homestead, "ports");
    assert_eq!((severity.as_str(), said), ("ok", format!("{address} can be listened on")));
}

#[test]
fn the_usual_port_that_somebody_else_has_is_named() {
    let homestead = Homestead::new(true);
    // One that cannot be had is somebody else's already.
    let _taken = TcpListener::bind(("0.0.0.0", USUAL_PORT));
    let (severity, said, mend) = diagnose(&homestead, "ports");
    assert!(severity == "warning" && said.contains("it takes any free port"), "{said}");
    assert!(mend.contains("daemon.listen"), "{mend}");
}

#[test]
fn a_snapshot_that_cannot_be_used_is_named() {
    let homestead = Homestead::new(true);
    homestead.lives_once(&[]);
    fs::write(homestead.home.journal().join("0000000000000001.snapshot"), "no snapshot").unwrap();
    let (severity, said, mend) = diagnose(&homestead, "journal");
    assert!(severity == "warning" && said.ends_with("snapshots: 0, and 1 that cannot be used"), "{said}");
    assert!(mend.contains("is begun with"), "{mend}");
}

#[test]
fn a_notary_that_waits_to_be_told_what_it_said_is_named() {
    let homestead = Homestead::new(true);
    homestead.lives_once(&[]);
    settings(&homestead, "listen = [\"/ip4/127.0.0.1/tcp/0\"]");
    let started = homestead.types(&["status"]);
    let ran = homestead.types(&["doctor", "--json"]);
    homestead.types(&["down"]);
    assert_eq!((started.status, ran.status), (Some(0), Some(0)), "{started:?}, {ran:?}");
    let (severity, said, mend) = found(&ran, "notary").remove(0);
    assert!(severity == "warning" && said.starts_with("keeps no books yet"), "{said}");
    assert!(mend.contains("assay up --alone"), "{mend}");
}

/// The program is run under a name that it has lost, so that it does not find itself to start a worker.
#[test]
fn a_sandbox_that_does_not_start_is_named() {
    let homestead = Homestead::new(true);
    let folder = tempfile::tempdir_in(Path::new(BINARY).parent().unwrap()).unwrap();
    let name = folder.path().join("assay");
    fs::hard_link(BINARY, &name).unwrap();
    let mut lost = Command::new("/bin/sh");
    lost.args(["-c", "exec 3<\"$0\"; /bin/rm \"$0\"; exec /proc/self/fd/3 doctor --json"]).arg(name);
    let output = lost.env_clear().env("ASSAY_HOME", homestead.home.root()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    let ran = Ran { status: output.status.code(), stdout, stderr };
    assert_eq!(ran.status, Some(PROBLEMS), "{ran:?}");
    let (severity, said, mend) = found(&ran, "sandbox").remove(0);
    assert!(severity == "problem" && !said.is_empty(), "{said}");
    assert!(mend.contains("start processes"), "{mend}");
}

#[test]
fn more_runs_than_the_machine_has_room_for_are_named() {
    let homestead = Homestead::new(true);
    settings(&homestead, "workers = 4096");
    let (severity, said, mend) = diagnose(&homestead, "capacity");
    assert!(severity == "warning" && said.starts_with("4096 runs at a time"), "{said}");
    assert!(mend.contains("daemon.workers"), "{mend}");
}

#[test]
fn something_else_on_the_socket_is_named() {
    let homestead = Homestead::new(true);
    let silent = std::os::unix::net::UnixListener::bind(homestead.home.socket()).unwrap();
    std::thread::spawn(move || silent.incoming().for_each(drop));
    let ran = homestead.types(&["doctor", "--json"]);
    assert_eq!(ran.status, Some(PROBLEMS), "{ran:?}");
    let (severity, said, mend) = found(&ran, "daemon").remove(0);
    assert!(severity == "problem" && said.contains("does not answer"), "{said}");
    assert!(mend.contains("assay down"), "{mend}");
}
