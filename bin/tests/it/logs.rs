//! What a daemon says while it runs, and what becomes of it when that cannot be written.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Lines, Read, Write},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::{
    assay::{BINARY, assay, command},
    homes::private_folder,
    statuses::{Hermit, Stranger},
    terminals::on_terminal,
};

/// How long a daemon may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Messages that are none.
const JUNK: usize = 32;

/// A daemon in the foreground, killed with the test.
struct Foreground(Child);

impl Foreground {
    /// Starts it with all that can be said.
    fn start(hermit: &Hermit, out: Stdio, aside: Stdio) -> Self {
        let mut command = Command::new(BINARY);
        command.args(["up", "--listen", "/ip4/127.0.0.1/tcp/0"]).env_clear();
        command.env("ASSAY_HOME", hermit.home()).env("ASSAY_LOG", "trace").stdin(Stdio::null());
        Self(command.stdout(out).stderr(aside).spawn().unwrap())
    }

    /// Answers, again and again, and ends in good order when it is asked to.
    fn lives_on(mut self, hermit: &Hermit) {
        let begin = Instant::now();
        for _ in 0..5 {
            while hermit.types(&["status", "--no-start"]).status != Some(0) {
                assert_eq!(self.0.try_wait().unwrap(), None, "it ended by itself");
                assert!(begin.elapsed() < PATIENCE, "it never answers");
            }
        }
        assert_eq!(hermit.types(&["down"]).status, Some(0));
        assert_eq!(self.0.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Foreground {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn first_line(out: &mut Option<ChildStdout>) -> String {
    let mut line = String::new();
    BufReader::new(out.take().unwrap()).read_line(&mut line).unwrap();
    line
}

#[test]
fn a_daemon_goes_on_when_its_reader_has_seen_enough() {
    let hermit = Hermit::found();
    let (read, write) = std::io::pipe().unwrap();
    let daemon = Foreground::start(&hermit, write.try_clone().unwrap().into(), write.into());
    let mut line = String::new();
    BufReader::new(read).read_line(&mut line).unwrap();
    assert!(!line.is_empty());
    daemon.lives_on(&hermit);
}

#[test]
fn a_daemon_that_is_told_to_end_says_in_a_line_that_it_has_and_what_goes_on() {
    let hermit = Hermit::found();
    for signal in [Signal::TERM, Signal::INT] {
        let mut daemon = command(hermit.home(), &["up", "--listen", "/ip4/127.0.0.1/tcp/0"], &[]);
        daemon.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut daemon = Foreground(daemon.spawn().unwrap());
        assert!(first_line(&mut daemon.0.stdout).starts_with("Peer "));
        kill_process(Pid::from_child(&daemon.0), signal).unwrap();
        let mut said = String::new();
        daemon.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(daemon.0.wait().unwrap().code(), Some(0), "{said}");
        let ends = |line: &&str| line.ends_with("info   ended in good order; nothing is under way");
        assert_eq!(said.lines().filter(ends).count(), 1, "{said}");
        assert!(!said.lines().any(|line| line.starts_with("error: ")), "{said}");
    }
}

#[test]
fn a_daemon_waits_for_nobody_who_reads_its_log() {
    let hermit = Hermit::found();
    let mut daemon = Foreground::start(&hermit, Stdio::piped(), Stdio::piped());
    // Standard error is a pipe that is never read.
    assert!(first_line(&mut daemon.0.stdout).starts_with("Peer "));
    daemon.lives_on(&hermit);
}

#[test]
fn a_daemon_whose_log_is_on_a_full_disk_goes_on() {
    let hermit = Hermit::found();
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    Foreground::start(&hermit, Stdio::null(), full()).lives_on(&hermit);
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_finds_no_room_is_a_failure() {
    let home = private_folder();
    let ended = |arguments: &[&str]| {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = command(home.path(), arguments, &[]).stdout(full).output().unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    let said = "error: standard output could not be written\n\
                hint: free some space where the output goes and try again\n";
    assert_eq!(ended(&["version"]), (Some(1), said.to_owned()));
    let (status, said) = ended(&["version", "--json"]);
    let failure: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((status, &failure["error"]["code"]), (Some(1), &json!("OUTPUT_LOST")));
}

/// The stranger goes on while a command is waited for.
#[tokio::test(flavor = "multi_thread")]
async fn junk_is_said_once_and_whoever_sends_it_again_and_again_is_kept_out() {
    let hermit = Hermit::found();
    let before = hermit.status();
    let stranger = Stranger::knocks_at(&hermit, &before).await;
    let begin = Instant::now();
    let malformed = || hermit.status()["malformed"].as_u64().unwrap();
    while malformed() < JUNK as u64 {
        assert!(begin.elapsed() < PATIENCE, "{} of {JUNK}", malformed());
        (0..JUNK).for_each(|_| stranger.sends(b"\x1b[2Jno message".to_vec()));
    }
    while hermit.status()["neighbours"] != json!([]) {
        assert!(begin.elapsed() < PATIENCE, "whoever sends junk is kept out");
    }
    // It knocks again and again.
    assert_eq!(hermit.status()["neighbours"], json!([]));
    let log = fs::read_to_string(hermit.home().join("daemon.log")).unwrap();
    let said = log.lines().filter(|line| line.contains("a peer sent what is no message")).count();
    assert!((1..=2).contains(&said), "{said} lines:\n{log}");
    let odd = |letter: char| letter.is_control() && letter != '\n';
    assert!(!log.contains(odd), "{log}");
    let line = log.lines().find(|line| line.contains("no message")).unwrap();
    assert!(line[..24].ends_with('Z') && line[24..].starts_with("  warn   a peer sent"), "{line}");
}

#[test]
fn a_disk_with_too_little_room_takes_nothing_new_and_says_so() {
    let hermit = Hermit::found();
    let settings = "[daemon]\nfree_bytes_min = 9000000000000000000\n";
    fs::write(hermit.home().join("config.toml"), settings).unwrap();
    let status = hermit.types(&["status"]).stdout;
    let disk = status.lines().find_map(|line| line.strip_prefix("disk\t")).unwrap();
    assert!(disk.ends_with(": no new jobs are taken, and nothing is offered"), "{disk}");
    assert_eq!(hermit.status()["takes_new_jobs"], false);
    let seven = hermit.home().join("seven.png");
    fs::write(&seven, "an input").unwrap();
    let [lines, output] = ["lines.jsonl", "out.jsonl"].map(|name| hermit.home().join(name));
    let body = json!({ "model": "sums", "messages": [{ "role": "user", "content": "27+58=" }] });
    fs::write(&lines, json!({ "custom_id": "one", "body": body }).to_string()).unwrap();
    let [seven, lines, output] = [&seven, &lines, &output].map(|path| path.to_str().unwrap());
    for arguments in [
        &["run", "digits", seven, "--json"][..],
        &["provide", "digits", "--json"],
        &["batch", "run", lines, "-o", output, "--max-tokens", "8", "--json"],
    ] {
        let refused = hermit.types(arguments);
        let error: serde_json::Value = serde_json::from_str(&refused.stderr).unwrap();
        assert_eq!((refused.status, &error["error"]["code"]), (Some(1), &"NO_ROOM".into()), "{refused:?}");
    }
}

/// Lines of a log, the last of them with what a stranger would do to a terminal.
const OLDER: &str =
    "2026-11-28T09:00:00.000Z  info   ready\n2026-11-28T09:00:01.000Z  warn   a clock is late\n";
const NEWER: &str = "2026-11-28T10:00:00.000Z  error  it ended\nthread 'main' panicked: \x1b[2J\n";
/// The same as people of the zone of tests read it.
const OLDER_TOLD: &str = "2026-11-28 14:30:00  info   ready\n2026-11-28 14:30:01  warn   a clock is late\n";
const NEWER_TOLD: &str = "2026-11-28 15:30:00  error  it ended\nthread 'main' panicked: \x1b[2J\n";

#[test]
fn a_log_is_printed_over_its_files_and_acts_on_no_terminal() {
    let home = private_folder();
    let types = |arguments: &[&str]| assay(home.path(), &[&["logs"], arguments].concat());
    let nothing = types(&[]);
    let log = home.path().join("daemon.log");
    assert_eq!((nothing.status, nothing.stdout.as_str()), (Some(0), ""));
    assert!(nothing.stderr.contains(log.to_str().unwrap()), "it says where it would be: {nothing:?}");
    assert_eq!(assay(&home.path().join("nobody"), &["logs"]).status, Some(3));
    fs::write(home.path().join("daemon.log.1"), OLDER).unwrap();
    fs::write(&log, NEWER).unwrap();
    assert_eq!(types(&[]).stdout, format!("{OLDER_TOLD}{NEWER_TOLD}"));
    assert_eq!(types(&["--lines", "1"]).stdout, NEWER.lines().nth(1).unwrap().to_owned() + "\n");
    assert_eq!(types(&["--since", "2026-11-28T09:30:00Z"]).stdout, NEWER_TOLD);
    assert_eq!(types(&["--since", "2026-11-28 15:00"]).stdout, NEWER_TOLD, "as it is told");
    assert_eq!(types(&["--since", "2026-11-28T09:00:01Z", "-n", "9"]).stdout.lines().count(), 3);
    let documents: Vec<serde_json::Value> =
        types(&["--json"]).stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected = json!({
        "schema": "assay.log/1", "at": "2026-11-28T09:00:01.000Z", "level": "warn", "words": "a clock is late",
    });
    assert_eq!((documents.len(), &documents[1]), (4, &expected));
    assert_eq!(documents[3]["at"], serde_json::Value::Null);
    let shown = on_terminal(home.path(), &["logs"]);
    assert!(
        shown.ends_with("panicked: \\u{1b}[2J\n") && shown.starts_with("2026-11-28 14:30:00"),
        "{shown:?}"
    );
}

#[test]
fn a_log_is_followed_over_its_turn_until_nobody_reads_it() {
    let home = private_folder();
    let log = home.path().join("daemon.log");
    fs::write(&log, OLDER).unwrap();
    let mut follows = command(home.path(), &["logs", "--follow", "--lines", "1"], &[]);
    let mut follows = Foreground(follows.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(follows.0.stdout.take().unwrap()).lines();
    let next = |lines: &mut Lines<BufReader<ChildStdout>>| lines.next().unwrap().unwrap();
    assert_eq!(next(&mut lines), OLDER_TOLD.lines().nth(1).unwrap());
    let mut file = File::options().append(true).open(&log).unwrap();
    write!(file, "one").unwrap();
    writeln!(file, " line").unwrap();
    assert_eq!(next(&mut lines), "one line");
    fs::rename(&log, home.path().join("daemon.log.1")).unwrap();
    writeln!(file, "the last before the turn").unwrap();
    fs::write(&log, "the first behind it\n").unwrap();
    assert_eq!(next(&mut lines), "the last before the turn");
    assert_eq!(next(&mut lines), "the first behind it");
    drop(lines);
    let begin = Instant::now();
    while follows.0.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < PATIENCE, "it tells nobody for ever");
        writeln!(File::options().append(true).open(&log).unwrap(), "heard by nobody").unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(follows.0.wait().unwrap().code(), Some(0));
}
