//! What people meet when the world is against them: each time one line, what helps, and its own exit status; and which test sees
//! which trouble at which command.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::ffi::OsStrExt,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use assay_market::event::Event;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    assay::{Ran, assay, command},
    gateways::Serving,
    homes::{Homestead, private_folder},
    person::Person,
    tidy::{files, repository},
    town::Town,
};

/// The commands that everything else rests on.
const VERBS: [&str; 8] =
    ["up", "run", "provide", "batch run", "serve", "network new", "init", "a notary's up"];

// What has spaces is a reason for which there is nothing to see, and no name of a test.
const NOBODY_NEEDED: &str = "it asks nobody";
const NO_MONEY_NEEDED: &str = "it costs nothing";
const AS_UP: &str = "a notary's daemon is a daemon";
const AS_RUN: &str = "it orders as `run` does, and waits with what it has";
const NOT_ASKED: &str = "it asks nothing at a terminal";
const SMALL: &str = "what it writes is a few kilobytes";

const HERE: &str = "where_nobody_is_reached_that_is_said";
const BIT_BY_BIT: &str = "a_network_that_goes_away_bit_by_bit_is_told_in_two_lines_each_time";
const NOTARY_GONE: &str = "a_notary_that_is_gone_is_named_to_whoever_waits_for_it";
const LEFT: &str = "ctrl_c_ends_each_with_its_status_and_a_line";
const PATHS: &str = "what_is_no_text_is_refused_as_a_word_and_taken_as_a_path";
const UNWRITABLE: &str = "a_home_that_may_not_be_written_is_refused_in_two_lines";
const ROOM: &str = "a_disk_with_too_little_room_takes_nothing_new_and_says_so";
const CASES: &str = "every_failure_is_a_line_a_hint_and_an_exit_code";
const UNFOUNDED: &str = "a_network_that_cannot_be_run_is_not_founded";
const STRANGERS: &str = "two_strangers_join_and_trade";

/// Each trouble, and the test that sees it at each of these commands.
const TROUBLES: [(&str, [&str; VERBS.len()]); 11] = [
    (
        "nobody is reached",
        [
            "a_notary_that_was_not_heard_is_named",
            HERE,
            HERE,
            "a_batch_comes_to_an_end_though_nobody_offers_its_models_any_more",
            HERE,
            NOBODY_NEEDED,
            NOBODY_NEEDED,
            "a_notary_that_is_nowhere_to_be_found_is_not_said_to_have_been_waited_for",
        ],
    ),
    (
        "the notary is gone",
        [
            "a_notary_that_was_not_heard_is_named",
            NOTARY_GONE,
            BIT_BY_BIT,
            NOTARY_GONE,
            NOTARY_GONE,
            NOBODY_NEEDED,
            NOBODY_NEEDED,
            "a_notary_that_is_killed_with_a_job_open_closes_it",
        ],
    ),
    (
        "the provider is gone",
        [
            NOBODY_NEEDED,
            BIT_BY_BIT,
            "a_provider_that_is_killed_while_it_runs_a_job_leaves_it_closed",
            "two_thousand_lines_are_answered_and_paid_once_though_client_and_daemon_are_killed",
            AS_RUN,
            NOBODY_NEEDED,
            NOBODY_NEEDED,
            NOBODY_NEEDED,
        ],
    ),
    (
        "there is no money",
        [
            NO_MONEY_NEEDED,
            BIT_BY_BIT,
            NO_MONEY_NEEDED,
            "a_batch_costs_no_more_than_its_ceiling_and_goes_on_under_a_higher_one",
            "who_would_pay_too_little_is_told_what_is_enough",
            NO_MONEY_NEEDED,
            NO_MONEY_NEEDED,
            NO_MONEY_NEEDED,
        ],
    ),
    (
        "something wrong is said",
        [
            "whoever_finds_its_port_taken_is_told_how_to_take_another",
            CASES,
            "prices_models_and_slots_change_one_at_a_time_and_outlast_a_restart",
            "a_batch_that_cannot_be_carried_out_whole_is_refused_before_anything_is_spent",
            "what_cannot_be_done_is_refused_and_pages_of_strangers_can_do_nothing",
            UNFOUNDED,
            CASES,
            "a_notary_whose_journal_lost_its_end_signs_nothing",
        ],
    ),
    (
        "the disk is full",
        [
            "a_disk_that_runs_full_at_any_change_of_a_job_ends_a_daemon_with_a_word_or_not_at_all",
            ROOM,
            ROOM,
            ROOM,
            "nothing_is_taken_that_would_fill_the_disk",
            "every_bundle_has_room_in_the_smallest_home",
            SMALL,
            "a_log_that_cannot_be_written_stops_no_role",
        ],
    ),
    (
        "the home may not be written",
        [UNWRITABLE, UNWRITABLE, UNWRITABLE, UNWRITABLE, UNWRITABLE, UNWRITABLE, UNWRITABLE, AS_UP],
    ),
    (
        "another one runs already",
        [
            STRANGERS,
            "commands_at_the_same_time_start_one_daemon_and_are_all_answered",
            "prices_models_and_slots_change_one_at_a_time_and_outlast_a_restart",
            "a_batch_is_carried_out_by_one_process_at_a_time",
            "a_daemon_serves_tools_of_others_and_what_it_was_answering_is_cancelled_when_it_ends",
            UNFOUNDED,
            "a_home_keeps_its_key_and_its_network",
            "a_notary_from_an_older_copy_signs_nothing_and_one_from_the_last_goes_on",
        ],
    ),
    (
        "what is said is no text",
        [
            PATHS,
            "an_argument_that_is_no_text_is_refused_like_any_other",
            PATHS,
            PATHS,
            PATHS,
            PATHS,
            "a_home_whose_name_is_no_text_is_a_home",
            AS_UP,
        ],
    ),
    (
        "nobody sits at a terminal",
        [
            "a_daemon_goes_on_when_its_reader_has_seen_enough",
            "who_reads_a_pipe_is_told_what_is_waited_for_and_who_reads_a_document_is_not",
            NOT_ASKED,
            NOT_ASKED,
            NOT_ASKED,
            NOT_ASKED,
            "nobody_joins_a_network_without_having_said_so",
            AS_UP,
        ],
    ),
    ("somebody types Ctrl-C", [LEFT, LEFT, LEFT, LEFT, LEFT, "it ends as `init` does", LEFT, AS_UP]),
];

#[test]
fn every_trouble_is_seen_at_every_command_or_has_a_reason() {
    let folders = ["bin", "crates/gateway/src", "crates/peer"].map(|folder| repository().join(folder));
    let sources = folders.iter().flat_map(|folder| files(folder, "rs"));
    let text: String = sources.map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut missing = Vec::new();
    for (trouble, seen) in TROUBLES {
        for (verb, test) in VERBS.iter().zip(seen) {
            if !test.contains(' ') && !text.contains(&format!("fn {test}(")) {
                missing.push(format!("`assay {verb}` where {trouble}: there is no test {test}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Whether a failure is a line and what helps, behind whatever was noted before.
fn ends_in_two_lines(said: &str) -> bool {
    let lines: Vec<&str> = said.lines().collect();
    let [.., error, hint] = lines.as_slice() else { return false };
    let others = &lines[..lines.len() - 2];
    error.starts_with("error: ")
        && hint.starts_with("hint: ")
        && !others.iter().any(|line| line.starts_with("error: "))
}

/// Holds a failure to its exit status and its two lines.
fn fails(ran: &Ran, statuses: &[i32]) {
    let is_one = ran.status.is_some_and(|status| statuses.contains(&status));
    assert!(is_one && ends_in_two_lines(&ran.stderr), "{statuses:?}: {ran:?}");
}

/// A command, what it says before it is left, and its exit status then.
type Stage<'a> = (&'a [&'a str], &'a str, i32);

/// What a daemon says that was started for a command.
const STARTED: &str = "started a daemon";
/// What is said once in the life of a home, right before something is ordered.
const ORDERED: &str = "note: the provider can read";

/// Types something, types Ctrl-C once that was said, and says how it ends and what it said after that.
fn is_left(home: &Path, typed: &[&str], sign: &str) -> (Option<i32>, String) {
    let mut left = command(home, typed, &[]);
    let mut left = left.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(left.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut said = Vec::new();
    for line in lines.by_ref() {
        let is_sign = line.contains(sign);
        said.push(line);
        if is_sign {
            break;
        }
    }
    assert!(said.last().is_some_and(|last| last.contains(sign)), "{typed:?} never says {sign}: {said:?}");
    kill_process(Pid::from_child(&left), Signal::INT).unwrap();
    let rest: Vec<String> = lines.collect();
    (left.wait().unwrap().code(), rest.join("\n"))
}

#[test]
fn ctrl_c_ends_each_with_its_status_and_a_line() {
    let (homestead, folder) = (Homestead::new(false), private_folder());
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [lines, output, picture] = ["lines.jsonl", "out.jsonl", "seven.png"].map(at);
    let body = json!({ "model": "sums", "messages": [{ "role": "user", "content": "27+58=" }] });
    fs::write(&lines, format!("{}\n", json!({ "custom_id": "one", "body": body }))).unwrap();
    fs::write(&picture, assay_cli::Bundle::all()[0].samples[0].bytes).unwrap();
    let batch = ["batch", "run", &lines, "-o", &output, "--max-tokens", "8"];
    let stages: [Stage<'_>; 7] = [
        (&["run", "digits", &picture], ORDERED, 130),
        (&["run", "sums", "27+58="], STARTED, 130),
        (&["provide", "digits"], STARTED, 130),
        (&batch, "whatever ends this", 130),
        (&["account", "show"], STARTED, 130),
        (&["up", "--listen", "/ip4/127.0.0.1/tcp/0"], "`assay down` ends it", 0),
        (&["serve", "--listen", "127.0.0.1:0"], "Ctrl-C ends it", 0),
    ];
    for (typed, sign, status) in stages {
        let (ended, said) = is_left(homestead.home.root(), typed, sign);
        assert_eq!(homestead.types(&["down"]).status, Some(0));
        assert_eq!(ended, Some(status), "{typed:?}: {said}");
        assert_eq!(ends_in_two_lines(&said), status != 0, "{typed:?}: {said}");
    }
    leaves_what_holds_its_thread(folder.path());
}

/// A file that is read for ever, as a question at a terminal is asked: nothing else of the process goes on meanwhile.
fn leaves_what_holds_its_thread(folder: &Path) {
    let (pipe, home) = (folder.join("network.toml"), folder.join("home"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut joins = command(&home, &["init", "--yes", "--network", pipe.to_str().unwrap()], &[]);
    let joins = joins.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    // It opens once the other end is.
    let writes = File::options().write(true).open(&pipe).unwrap();
    kill_process(Pid::from_child(&joins), Signal::INT).unwrap();
    let ended = joins.wait_with_output().unwrap();
    drop(writes);
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!((ended.status.code(), said.lines().count()), (Some(130), 2), "{said}");
    assert!(ends_in_two_lines(&said) && !home.exists(), "{said}");
}

#[test]
fn what_is_no_text_is_refused_as_a_word_and_taken_as_a_path() {
    let folder = private_folder();
    let at = |name: &[u8]| [folder.path().as_os_str().as_bytes(), name].concat();
    let (lines, output, astray) = (at(b"/lines.jsonl"), at(b"/out.jsonl"), at(b"/\xff"));
    fs::write(OsStr::from_bytes(&lines), "").unwrap();
    let cases: [&[&[u8]]; 9] = [
        &[b"up", b"--listen", b"\xff"],
        &[b"run", b"digits", b"-f", &astray],
        &[b"provide", b"\xff"],
        &[b"batch", b"run", &astray, b"-o", &output],
        &[b"batch", b"run", &lines, b"-o", &astray],
        &[b"serve", b"--host", b"\xff"],
        &[b"network", b"new", b"\xff", b"--verifier", b"\xff"],
        &[b"init", b"--yes", b"--network", &astray],
        &[b"receipt", b"verify", &astray],
    ];
    for words in cases {
        let mut refused = command(&folder.path().join("home"), &[], &[]);
        let refused = refused.args(words.iter().map(|word| OsStr::from_bytes(word))).output().unwrap();
        let said = String::from_utf8(refused.stderr).unwrap();
        let typed = words.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" ");
        assert_eq!((refused.status.code(), said.lines().count()), (Some(2), 2), "{typed}: {said}");
        assert!(ends_in_two_lines(&said), "{typed}: {said}");
    }
}

/// Each waits for somebody; they do so side by side.
#[test]
fn where_nobody_is_reached_that_is_said() {
    let (homestead, folder) = (Homestead::new(false), private_folder());
    let picture = folder.path().join("seven.png");
    fs::write(&picture, assay_cli::Bundle::all()[0].samples[0].bytes).unwrap();
    let picture = picture.to_str().unwrap();
    assert_eq!(homestead.types(&["status"]).status, Some(0));
    let gateway = Serving::start(homestead.home.root());
    thread::scope(|scope| {
        scope.spawn(|| fails(&homestead.types(&["run", "digits", picture, "--timeout", "300ms"]), &[10]));
        scope.spawn(|| fails(&homestead.types(&["run", "digits", picture]), &[6]));
        scope.spawn(|| {
            let provided = homestead.types(&["provide", "digits"]);
            assert_eq!(provided.status, Some(0), "it stands for whoever comes: {provided:?}");
            assert!(provided.stderr.contains("nobody is connected"), "{provided:?}");
            assert!(
                provided.stderr.contains("the notary does not say how many jobs it allows"),
                "{provided:?}"
            );
        });
        scope.spawn(|| {
            let asked = json!({ "model": "sums", "prompt": "27+58=", "max_tokens": 4 });
            let answered = gateway.post("/v1/completions", &asked);
            answered.fails(503, "no_offer");
            assert!(answered.headers.contains_key("retry-after"), "{answered:?}");
        });
    });
    assert_eq!(homestead.types(&["down"]).status, Some(0));
}

/// Each waits for it; they do so side by side.
#[tokio::test(flavor = "multi_thread")]
async fn a_notary_that_is_gone_is_named_to_whoever_waits_for_it() {
    let (mut town, folder) = (Town::start().await, private_folder());
    let you = town.network.peer("you").home.root().to_owned();
    let seven = town.network.folder().join("seven-1.png").to_str().unwrap().to_owned();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let [lines, output] = ["lines.jsonl", "out.jsonl"].map(at);
    let body =
        json!({ "model": "sums", "messages": [{ "role": "user", "content": "27+58=" }], "max_tokens": 8 });
    fs::write(&lines, format!("{}\n", json!({ "custom_id": "one", "body": body }))).unwrap();
    let gateway = Serving::start(&you);
    town.network.kill("nora");
    let names_it = |ran: &Ran| {
        fails(ran, &[13]);
        assert!(ran.stderr.contains("error: no connection to the notary "), "{ran:?}");
        assert!(ran.stderr.contains(", which was last heard "), "{ran:?}");
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            let ran = assay(&you, &["run", "digits", &seven]);
            names_it(&ran);
            is_named_to_who_ordered_before(&you, &seven, &ran, names_it);
        });
        scope.spawn(|| {
            let patient = assay(&you, &["run", "digits", &seven, "--timeout", "45s"]);
            fails(&patient, &[10]);
            assert!(patient.stderr.contains("it is waited for as long as was said"), "{patient:?}");
        });
        scope.spawn(|| {
            names_it(&assay(&you, &["batch", "run", &lines, "-o", &output]));
            let status = assay(&you, &["batch", "ls"]);
            assert!(status.stderr.contains(" stands: no connection to the notary "), "{status:?}");
            let names = assay(&you, &["batch", "ls", "--quiet"]).stdout;
            fs::remove_file(&output).unwrap();
            let cancelled = assay(&you, &["batch", "cancel", names.trim()]);
            names_it(&cancelled);
            assert!(fs::exists(&output).unwrap(), "what there is is written all the same");
            assert!(cancelled.stdout.contains(": 1 job cancelled, "), "{cancelled:?}");
            assert!(cancelled.stderr.contains("hint: nothing more of it is ordered"), "{cancelled:?}");
        });
        scope.spawn(|| {
            let answered = gateway.post("/v1/chat/completions", &body);
            answered.fails(503, "notary_gone");
            let message = answered.document()["error"]["message"].as_str().unwrap().to_owned();
            assert!(message.starts_with("there is no connection to the notary "), "{message}");
        });
    });
}

/// Its result is here before long, and nobody else says whether it holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_notary_that_is_gone_is_named_to_whoever_waits_for_a_job_that_it_has_opened() {
    let mut town = Town::start().await;
    let you = town.network.peer("you").home.root().to_owned();
    let key = town.submit().await;
    town.hear("you", |event| matches!(event, Event::Opened { .. })).await;
    town.network.kill("nora");
    let name = key.to_string();
    thread::scope(|scope| {
        scope.spawn(|| {
            // Both are told at once, and not one a minute after the other.
            let waited = assay(&you, &["job", "wait", &name, &name]);
            fails(&waited, &[13]);
            assert!(waited.stderr.contains("error: no connection to the notary "), "{waited:?}");
            assert!(waited.stderr.contains(" was opened, and nobody else says what "), "{waited:?}");
            assert!(waited.stderr.contains("hint: it goes on once the notary is back"), "{waited:?}");
        });
        scope.spawn(|| {
            let patient = assay(&you, &["job", "wait", &name, "--timeout", "120s"]);
            fails(&patient, &[10]);
            assert!(patient.stderr.contains("it is waited for as long as was said"), "{patient:?}");
        });
    });
}

/// Who waits for a job that was ordered before is told as `run` was that ordered it; who waits for none is told, too.
fn is_named_to_who_ordered_before(you: &Path, seven: &str, ran: &Ran, names_it: impl Fn(&Ran)) {
    let name = ran.stderr.split("`assay job wait ").nth(1).and_then(|rest| rest.split('`').next()).unwrap();
    let waited = assay(you, &["job", "wait", name]);
    names_it(&waited);
    assert!(waited.stderr.contains(&format!(": the job {name} is not opened")), "{waited:?}");
    assert_eq!(waited.stderr.lines().last(), ran.stderr.lines().last(), "what helps is the same");
    let twice = assay(you, &["job", "wait", name, name, "--json"]);
    let failed: Value = serde_json::from_str(twice.stderr.lines().last().unwrap()).unwrap();
    let error = &failed["error"];
    assert_eq!((twice.status, &error["code"]), (Some(13), &json!("NOTARY_GONE")), "{twice:?}");
    assert_eq!(error["retryable"], false, "as it is of `run`");
    let patient = assay(you, &["job", "wait", name, "--timeout", "30s"]);
    fails(&patient, &[10]);
    assert!(patient.stderr.contains("it is waited for as long as was said"), "{patient:?}");

    let submitted = assay(you, &["job", "submit", "digits", seven]);
    assert_eq!(submitted.status, Some(0), "the daemon goes on with it: {submitted:?}");
    assert!(submitted.stderr.contains("no connection to the notary "), "{submitted:?}");
    assert!(submitted.stderr.contains(" waits for it, and `assay job cancel "), "{submitted:?}");
    let submitted = assay(you, &["job", "submit", "digits", seven, "--json"]).document();
    assert!(submitted["notary_lost_ms"].is_u64(), "{submitted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_goes_away_bit_by_bit_is_told_in_two_lines_each_time() {
    let (mut town, folder) = (Town::start().await, private_folder());
    let seven = town.network.folder().join("seven-1.png").to_str().unwrap().to_owned();
    let ada = town.network.peer("ada").id.to_string();
    let [poor, rich] = ["poor", "rich"].map(|name| Person::join(folder.path(), name, &town.network.file()));
    for person in [&poor, &rich] {
        person.waits_for_offer("digits", &ada).await;
        assert_eq!(person.account()["free"]["amount"], "5.00");
    }

    // All that it has is at stake.
    poor.asks(&["account", "stake", "5"]);
    let refused = poor.types(&["run", "digits", &seven]);
    fails(&refused, &[7]);
    assert!(refused.stderr.contains("error: the account holds 0.00, and the job needs 0."), "{refused:?}");
    assert!(refused.stderr.contains("`assay provide` earns more"), "{refused:?}");
    assert!(refused.stderr.contains("what of it need only be there and stays yours"), "{refused:?}");
    assert_eq!(poor.account()["held"]["amount"], "0.00");

    town.network.kill("ada");
    let order = ["run", "digits", &seven, "--provider", &ada, "--timeout", "90s"];
    fails(&rich.types(&order), &[6, 10]);
    assert_eq!(rich.account()["free"]["amount"], "5.00", "nothing was spent");

    town.network.kill("nora");
    fails(&rich.types(&["account", "show"]), &[13]);
    let provided = rich.types(&["provide", "digits"]);
    assert_eq!(provided.status, Some(0), "an offer stands without a notary: {provided:?}");
    assert!(provided.stderr.contains("the notary does not say how many jobs it allows"), "{provided:?}");
}
