//! Every way to fail that needs no network: its line, its hint, its exit code, and the same as a document.

use std::{ffi::OsStr, fs, os::unix::ffi::OsStrExt, path::Path};

use serde_json::Value;

use crate::{
    assay::{assay, assay_among, command},
    homes::private_folder,
};

/// Arguments, exit status, the line and the hint. `HOME` stands for the home, `FILE` for a file in it.
type Case = (&'static [&'static str], i32, &'static str, &'static str);

const NO_HOME: (&str, &str) =
    ("no peer lives in HOME", "make one with `assay init --network FILE`, or name another with --home");

const COMMAND_MISSING: &str = "a command is missing";

/// Failures in a folder where nothing is.
const EMPTY: &[Case] = &[
    (&[], 2, COMMAND_MISSING, "`assay --help` shows what can be said, with examples"),
    (&["job"], 2, COMMAND_MISSING, "`assay job --help` shows what can be said, with examples"),
    (&["runn"], 2, "unrecognized subcommand 'runn'", "some similar subcommands exist: 'earnings', 'run'"),
    (
        &["run", "digits"],
        2,
        "the following required arguments were not provided: <INPUT>",
        "what is asked, or the file with it, stands behind the model; `assay run MODEL -` reads standard input",
    ),
    (
        &["run", "sums", "--prompt", "27+58="],
        2,
        "unexpected argument '--prompt' found",
        "what is asked stands behind the model, without a flag: `assay run MODEL \"what is asked\"`",
    ),
    (
        &["up", "--background"],
        2,
        "unexpected argument '--background' found",
        "`assay status` starts it in the background where none runs, as each command does that needs one; `assay service install` \
         has the system do so",
    ),
    (
        &["sim", "run", "churn", "--seeds", "-1"],
        2,
        "invalid value '-1' for '--seeds <N>': -1 is not in 1..=10000",
        "`assay sim run --help` shows what can be said, with examples",
    ),
    (&["balance"], 2, "unrecognized subcommand 'balance'", "`assay account show` says what there is"),
    (
        &["models"],
        2,
        "unrecognized subcommand 'models'",
        "`assay model ls` lists models, `assay offers` what can be ordered",
    ),
    (
        &["run", "digits", "FILE", "--timeout", "soon"],
        2,
        "invalid value 'soon' for '--timeout <TIME>': expected a time such as 500ms, 30s, 5m or 2h",
        "`assay run --help` shows what can be said, with examples",
    ),
    (
        &["run", "digits", "FILE", "--max-cost", "1e3"],
        2,
        "invalid value '1e3' for '--max-cost <CREDITS>': expected credits such as 12 or 0.0035, with at most nine digits behind the point",
        "`assay run --help` shows what can be said, with examples",
    ),
    (
        &["run", "digits", "FILE", "--max-cost", "-1"],
        2,
        "invalid value '-1' for '--max-cost <CREDITS>': expected an amount of credits, 0 or more",
        "`assay run --help` shows what can be said, with examples",
    ),
    (
        &["quote", "digits", "--max-price", "-0.5"],
        2,
        "invalid value '-0.5' for '--max-price <CREDITS>': expected an amount of credits, 0 or more",
        "`assay quote --help` shows what can be said, with examples",
    ),
    (
        &["account", "stake", "-5"],
        2,
        "invalid value '-5' for '<CREDITS>': expected an amount of credits, 0 or more",
        "`assay account stake --help` shows what can be said, with examples",
    ),
    (
        &["provider", "price", "-0.1"],
        2,
        "invalid value '-0.1' for '[MODEL]': expected an amount of credits, 0 or more",
        "`assay provider price --help` shows what can be said, with examples",
    ),
    (
        &["run", "digits", "FILE", "--attempts", "-1"],
        2,
        "invalid value '-1' for '--attempts <N>': -1 is not in 1..=65535",
        "`assay run --help` shows what can be said, with examples",
    ),
    (
        &["run", "sums", "27+58=", "--temperature", "-1"],
        2,
        "invalid value '-1' for '--temperature <NUMBER>': temperature is a number from 0 to 2, and not -1",
        "`assay run --help` shows what can be said, with examples",
    ),
    (
        &["chat", "sums", "--temperature", "9"],
        2,
        "invalid value '9' for '--temperature <NUMBER>': temperature is a number from 0 to 2, and not 9",
        "`assay chat --help` shows what can be said, with examples",
    ),
    (
        &["run", "digits", "FILE", "--provider", "ada"],
        2,
        "invalid value 'ada' for '--provider <PEER>': expected the 64 hexadecimal digits of a peer, or at least the first 8",
        "`assay run --help` shows what can be said, with examples",
    ),
    (
        &["run", "digits", "-f", "HOME/none.png"],
        2,
        "the input HOME/none.png cannot be read: No such file or directory (os error 2)",
        "name a file, or - for standard input",
    ),
    (&["run", "digits", "FILE"], 3, NO_HOME.0, NO_HOME.1),
    (
        &["quote"],
        2,
        "the following required arguments were not provided: <NAME>",
        "`assay quote --help` shows what can be said, with examples",
    ),
    (
        &["quote", "digits", "--units", "0"],
        2,
        "invalid value '0' for '--units <N>': 0 is not in 1..18446744073709551615",
        "`assay quote --help` shows what can be said, with examples",
    ),
    (
        &["job", "explain"],
        2,
        "the following required arguments were not provided: <JOB>",
        "`assay job explain --help` shows what can be said, with examples",
    ),
    (&["quote", "digits"], 3, NO_HOME.0, NO_HOME.1),
    (&["status"], 3, NO_HOME.0, NO_HOME.1),
    (&["offers"], 3, NO_HOME.0, NO_HOME.1),
    (&["provide"], 3, NO_HOME.0, NO_HOME.1),
    (&["provider"], 2, COMMAND_MISSING, "`assay provider --help` shows what can be said, with examples"),
    (&["provider", "price"], 3, NO_HOME.0, NO_HOME.1),
    (&["provider", "models"], 3, NO_HOME.0, NO_HOME.1),
    (&["provider", "models", "rm", "digits"], 3, NO_HOME.0, NO_HOME.1),
    (&["provider", "limits"], 3, NO_HOME.0, NO_HOME.1),
    (&["provider", "bench"], 3, NO_HOME.0, NO_HOME.1),
    (&["provider", "allow"], 3, NO_HOME.0, NO_HOME.1),
    (&["provider", "block"], 3, NO_HOME.0, NO_HOME.1),
    (
        &["provider", "unblock"],
        2,
        "the following required arguments were not provided: <PEER>...",
        "`assay provider unblock --help` shows what can be said, with examples",
    ),
    (
        &["provider", "block", "ada"],
        2,
        "invalid value 'ada' for '[PEER]...': expected the 64 hexadecimal digits of a peer, or at least the first 8",
        "`assay provider block --help` shows what can be said, with examples",
    ),
    (
        &["provider", "price", "digits", "much"],
        2,
        "invalid value 'much' for '[CREDITS]': expected credits such as 12 or 0.0035, with at most nine digits behind the point",
        "`assay provider price --help` shows what can be said, with examples",
    ),
    (
        &["provider", "limits", "--slots", "0"],
        2,
        "invalid value '0' for '--slots <N>': 0 is not in 1..=65535",
        "`assay provider limits --help` shows what can be said, with examples",
    ),
    (
        &["provider", "models", "add"],
        2,
        "the following required arguments were not provided: <MODEL>",
        "`assay provider models add --help` shows what can be said, with examples",
    ),
    (&["job", "ls"], 3, NO_HOME.0, NO_HOME.1),
    (&["job", "show", "00"], 3, NO_HOME.0, NO_HOME.1),
    (&["job", "explain", "00"], 3, NO_HOME.0, NO_HOME.1),
    (&["job", "result", "00"], 3, NO_HOME.0, NO_HOME.1),
    // Known before a result is handed over.
    (
        &["job", "result", "00", "-o", "/nowhere/seven"],
        2,
        "/nowhere/seven cannot be written: No such file or directory (os error 2)",
        "name a file that can be written; of a job that was ordered `assay job result` prints what it gave",
    ),
    (&["job", "watch", "00"], 3, NO_HOME.0, NO_HOME.1),
    (&["job", "wait", "00"], 3, NO_HOME.0, NO_HOME.1),
    (&["job", "retry", "00"], 3, NO_HOME.0, NO_HOME.1),
    (&["ps"], 3, NO_HOME.0, NO_HOME.1),
    (
        &["job", "ls", "--since", "soon"],
        2,
        "invalid value 'soon' for '--since <TIME>': expected a time such as 30m, 2h, 7d, 2026-11-28 or 2026-11-28T09:30:00Z",
        "so long ago: `assay job ls --since 30m`, 2h or 7d; from a day on: `--since 2026-11-28`, or from a time of it here: `--since \"2026-11-28 09:30\"`",
    ),
    (
        &["logs", "--since", "yesterday"],
        2,
        "invalid value 'yesterday' for '--since <TIME>': expected a time such as 30m, 2h, 7d, 2026-11-28 or 2026-11-28T09:30:00Z",
        "so long ago: `assay logs --since 30m`, 2h or 7d; from a day on: `--since 2026-11-28`, or from a time of it here: `--since \"2026-11-28 09:30\"`",
    ),
    (
        &["earnings", "--since", "1 week"],
        2,
        "invalid value '1 week' for '--since <TIME>': expected a time such as 30m, 2h, 7d, 2026-11-28 or 2026-11-28T09:30:00Z",
        "so long ago: `assay earnings --since 30m`, 2h or 7d; from a day on: `--since 2026-11-28`, or from a time of it here: `--since \"2026-11-28 09:30\"`",
    ),
    (
        &["job", "wait"],
        2,
        "the following required arguments were not provided: <JOB>...",
        "`assay job wait --help` shows what can be said, with examples",
    ),
    (&["receipt", "show", "00"], 3, NO_HOME.0, NO_HOME.1),
    (&["account", "show"], 3, NO_HOME.0, NO_HOME.1),
    (&["notary", "audit"], 3, NO_HOME.0, NO_HOME.1),
    (&["config"], 2, COMMAND_MISSING, "`assay config --help` shows what can be said, with examples"),
    (
        &["config", "get", "client.cost_mx"],
        2,
        "client.cost_mx is no known key; is client.cost_max meant?",
        "`assay config ls` lists all keys, each with what it is for",
    ),
    (
        &["config", "set", "client.costmax", "1"],
        2,
        "client.costmax is no known key; is client.cost_max meant?",
        "`assay config ls` lists all keys, each with what it is for",
    ),
    (
        &["config", "unset", "daemon"],
        2,
        "daemon is no known key",
        "`assay config ls` lists all keys, each with what it is for",
    ),
    (
        &["config", "set", "client.cost_max", "much"],
        2,
        "client.cost_max is \"much\": expected credits such as \"12\" or \"0.0035\"",
        "`assay config get client.cost_max` prints what holds",
    ),
    (
        &["config", "edit"],
        2,
        "neither VISUAL nor EDITOR says what to edit with",
        "name one in EDITOR, or change a value with `assay config set KEY VALUE`",
    ),
    (&["up"], 3, NO_HOME.0, NO_HOME.1),
    (&["leave", "--yes"], 3, NO_HOME.0, NO_HOME.1),
    (
        &["key", "restore", "FILE"],
        2,
        "FILE is no backup of a key that can be used: it does not begin with `Assay key backup 1`",
        "take another copy of it: a backup is used whole or not at all",
    ),
    (
        &["init", "--yes"],
        2,
        "no network was named",
        "pass --network FILE; `assay demo --stay` founds a network here and prints its file",
    ),
    (
        &["init", "--yes", "--network", "HOME/none.toml"],
        2,
        "HOME/none.toml cannot be read: No such file or directory (os error 2)",
        "name the file that whoever founded the network gave you",
    ),
    (
        &["init", "--yes", "--network", "FILE"],
        2,
        "FILE: network.name is missing: expected a text",
        "correct this line, or get the file anew from whoever founded the network",
    ),
    (
        &["receipt", "verify", "HOME/none.receipt"],
        2,
        "HOME/none.receipt cannot be read: No such file or directory (os error 2)",
        "name a receipt file, such as `assay run --receipt FILE` writes",
    ),
    (
        &["receipt", "verify", "FILE"],
        2,
        "FILE is no receipt: it is empty",
        "name a receipt file, such as `assay run --receipt FILE` writes",
    ),
];

/// Failures in a home whose daemon must not be started.
const SETTLED: &[Case] = &[
    (
        &["status", "--no-start"],
        5,
        "no daemon is running in HOME",
        "start it with `assay up`, or leave out --no-start",
    ),
    (
        &["provider", "price", "0.02", "--no-start"],
        5,
        "no daemon is running in HOME",
        "start it with `assay up`, or leave out --no-start",
    ),
    (
        &["quote", "digits", "--no-start"],
        5,
        "no daemon is running in HOME",
        "start it with `assay up`, or leave out --no-start",
    ),
    (
        &["run", "digits", "FILE", "--no-start"],
        5,
        "no daemon is running in HOME",
        "start it with `assay up`, or leave out --no-start",
    ),
];

#[test]
fn every_failure_is_a_line_a_hint_and_an_exit_code() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    EMPTY.iter().for_each(|case| check(home.path(), &file, case));
}

#[test]
fn an_argument_that_is_no_text_is_refused_like_any_other() {
    let home = tempfile::tempdir().unwrap();
    let cases: [&[&[u8]]; 4] =
        [&[b"run", b"\xff", b"x"], &[b"\xff"], &[b"job", b"show", b"\xff"], &[b"status", b"--\xff"]];
    for arguments in cases {
        let mut refused = command(home.path(), &[], &[]);
        let refused = refused.args(arguments.iter().map(|bytes| OsStr::from_bytes(bytes))).output().unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(
            lines.len() == 2 && lines[0].starts_with("error: ") && lines[1].starts_with("hint: `assay "),
            "{said}"
        );
    }
}

#[test]
fn a_variable_that_is_empty_is_named_where_it_names_no_home() {
    let home = tempfile::tempdir().unwrap();
    let refused = assay_among(home.path(), &[("ASSAY_HOME", "")], &["status"]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    assert!(
        refused.stderr.contains("an ASSAY_HOME that is empty names none: `unset ASSAY_HOME`"),
        "{refused:?}"
    );
}

#[test]
fn a_daemon_is_not_started_where_that_is_forbidden() {
    let home = private_folder();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    let network = home.path().join("joined.toml");
    let peer = assay_protocol::id::PeerId([1; 32]);
    let genesis = assay_peer::config::genesis("test", peer);
    fs::write(&network, assay_peer::config::to_documented_toml(&genesis, &[])).unwrap();
    let joined = assay(home.path(), &["init", "--yes", "--json", "--network", network.to_str().unwrap()]);
    assert_eq!(joined.document()["network"], genesis.id().to_string());
    SETTLED.iter().for_each(|case| check(home.path(), &file, case));
}

#[test]
fn every_command_says_that_the_path_of_a_home_is_too_long_for_a_socket() {
    let folder = private_folder();
    let (home, file) = (folder.path().join("h".repeat(120)), folder.path().join("file"));
    fs::write(&file, "").unwrap();
    let network = folder.path().join("joined.toml");
    let genesis = assay_peer::config::genesis("test", assay_protocol::id::PeerId([1; 32]));
    fs::write(&network, assay_peer::config::to_documented_toml(&genesis, &[])).unwrap();
    let joined = assay(&home, &["init", "--yes", "--network", network.to_str().unwrap()]);
    assert_eq!(joined.status, Some(0), "{joined:?}");
    let expected = format!(
        "error: cannot listen on {}: path must be shorter than SUN_LEN\n\
         hint: choose a --home with a shorter path, on a local disk that you own\n",
        home.join("socket").display()
    );
    let cases: [&[&str]; 5] = [
        &["status"],
        &["status", "--no-start"],
        &["run", "digits", file.to_str().unwrap()],
        &["offers"],
        &["down"],
    ];
    for arguments in cases {
        let ran = assay(&home, arguments);
        assert_eq!((ran.status, &*ran.stderr), (Some(4), &*expected), "{arguments:?}");
    }
    assert!(!home.join("daemon.log").exists(), "a daemon was started");
    let up = assay(&home, &["up", "--listen", "/ip4/127.0.0.1/tcp/0"]);
    assert_eq!(up.status, Some(4), "{up:?}");
    assert!(up.stderr.ends_with(&expected), "{up:?}");
}

#[test]
fn a_home_keeps_its_key_and_its_network() {
    let home = private_folder();
    let join = |name: &str| {
        let network = home.path().join(name);
        let genesis = assay_peer::config::genesis(name, assay_protocol::id::PeerId([1; 32]));
        fs::write(&network, assay_peer::config::to_documented_toml(&genesis, &[])).unwrap();
        assay(home.path(), &["init", "--yes", "--json", "--network", network.to_str().unwrap()])
    };
    let first = join("first").document();
    assert_eq!(join("first").document(), first);
    let other = join("second");
    assert_eq!(other.status, Some(2));
    assert!(other.stderr.contains("belongs to another network"), "{other:?}");
}

fn check(home: &Path, file: &Path, (arguments, status, line, hint): &Case) {
    let fill =
        |text: &str| text.replace("HOME", home.to_str().unwrap()).replace("FILE", file.to_str().unwrap());
    let filled: Vec<String> = arguments.iter().map(|argument| fill(argument)).collect();
    let mut words: Vec<&str> = filled.iter().map(String::as_str).collect();
    // `--network FILE` in a hint is not the file of the test.
    let hint = if hint.contains("FILE`") || hint.contains("FILE;") { (*hint).to_owned() } else { fill(hint) };
    let hint = hint.replace("HOME", home.to_str().unwrap());
    let ran = assay(home, &words);
    assert_eq!(ran.status, Some(*status), "{arguments:?}: {ran:?}");
    assert_eq!(ran.stdout, "", "{arguments:?}");
    let lines = format!("error: {}\nhint: {hint}\n", fill(line));
    let help = ran.stderr.strip_suffix(lines.as_str());
    let help = help.unwrap_or_else(|| panic!("{arguments:?}: {lines} is not what ends {ran:?}"));
    // Whoever names no command reads first which there are.
    match *line == COMMAND_MISSING {
        true => assert!(help.contains("\nUsage: assay") && help.ends_with("\n\n"), "{arguments:?}: {help}"),
        false => assert_eq!(help, "", "{arguments:?}"),
    }
    words.push("--json");
    let ran = assay(home, &words);
    let document: Value = serde_json::from_str(&ran.stderr).unwrap();
    assert_eq!(ran.status, Some(*status), "{arguments:?}");
    assert_eq!(document["error"]["message"], fill(line), "{arguments:?}");
    assert_eq!(document["error"]["hint"], hint, "{arguments:?}");
}
