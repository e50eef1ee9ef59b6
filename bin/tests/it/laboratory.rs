//! The laboratory, as whoever works in it sees it: scenarios of one's own, programs of others, attacks, searches for attacks, and
//! what is wrong made smaller.

use std::{
    fs,
    io::Read,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    assay::{BINARY, assay, command},
    sweeps::{Bench, PATIENCE, message},
};

/// A market that is over soon.
pub(crate) const SMALL: &str = "\
name = \"small\"
[run]
kernel = \"lab\"
horizon = \"2 s\"
seeds = 2
[workload]
between = \"50 ms\"
[[population]]
name = \"founders\"
count = 5
[[population]]
name = \"clients\"
role = \"client\"
count = 4
";
/// The same, in which results are worth nothing: whoever orders nothing gains what others pay.
const WORTHLESS: &str = "\
extends = \"market\"
name = \"worthless\"
[run]
horizon = \"2 s\"
seeds = 6
[workload]
between = \"50 ms\"
value = \"0 %\"
[[population]]
name = \"founders\"
count = 5
[[population]]
name = \"clients\"
role = \"client\"
count = 4
";
const IDLE: &str = "\
[[population]]
name = \"idle\"
role = \"client\"
count = 4
behaviour = \"bystander\"
coalition = \"ring\"
";
/// How many runs tell a gain from chance.
const SEEDS: [&str; 2] = ["--seeds", "6"];
/// What is sought in the small market: up to half of it that does not check as it should. Of any few of those that chance makes
/// up some have honest results cost stake, whatever the search's seed, so that none has to be a lucky one.
const SOUGHT: [&str; 4] = ["--family", "checks", "--share", "50"];

#[test]
#[ignore = "minutes of work: run by .ci/long, optimised"]
fn the_simulator_prints_its_figures_and_its_speeds_in_words_and_as_documents() {
    let cases: [(&[&str], &str); 2] =
        [(&["sim", "validate", "--quick"], "figures"), (&["sim", "bench"], "speeds")];
    for (typed, list) in cases {
        let read = assay(Path::new("/nowhere"), typed);
        assert!(read.status == Some(0) && read.stdout.lines().count() > 2, "{typed:?}: {read:?}");
        let document = assay(Path::new("/nowhere"), &[typed, &["--json"]].concat()).document();
        assert!(document[list].as_array().is_some_and(|list| !list.is_empty()), "{typed:?}: {document}");
    }
}

/// What there is more and more of.
const GROWN: [&str; 3] = ["peers", "jobs", "providers"];

#[test]
fn one_market_alone_is_measured_no_longer_than_was_said() {
    let folder = tempfile::tempdir().unwrap();
    let bench = |only: &str| {
        let typed = ["sim", "bench", "--only", only, "--limit", "1ms", "--json"];
        assay(folder.path(), &typed).document()
    };
    for only in ["4", "5"] {
        let measured = bench(only);
        let [market] = &measured["markets"].as_array().unwrap()[..] else { panic!("{measured}") };
        let name = market["name"].as_str().unwrap();
        assert!(name.ends_with(": not done within 1 ms"), "{name}");
        assert_eq!(market["running_seconds"], Value::Null);
    }
    let watch = bench("watch");
    assert_eq!((&watch["markets"], &watch["watch"]["times_as_long"]), (&json!([]), &Value::Null));
    let grown = bench("growth");
    let series = grown["growth"].as_array().unwrap();
    assert_eq!(series.iter().map(|one| one["name"].as_str().unwrap()).collect::<Vec<_>>(), GROWN);
    assert!(
        series.iter().all(|one| one["slope"].is_null() && one["points"][3]["grown_to"].is_u64()),
        "{grown}"
    );
}

#[test]
fn what_the_watch_costs_and_how_costs_grow_is_measured_of_small_markets_alike() {
    let bench = |only: &str, more: &[&str]| {
        let typed = ["sim", "bench", "--quick", "--scale", "1", "--only", only];
        assay(Path::new("/nowhere"), &[&typed[..], more].concat())
    };
    let said = bench("watch", &[]);
    assert!(said.stdout.starts_with("with the watch: "), "{said:?}");
    let watch = bench("watch", &["--json"]).document();
    assert_eq!(watch["watch"]["job_count"], 50);
    assert!(watch["watch"]["times_as_long"].as_f64() > Some(0.0), "{watch}");
    let grown = bench("growth", &["--json"]).document();
    for (name, series) in GROWN.iter().zip(grown["growth"].as_array().unwrap()) {
        assert_eq!(series["name"], *name);
        assert!(series["slope"].is_number() && series["slope_max"].as_f64() > Some(1.0), "{series}");
        assert!(series["points"][2]["running_seconds"].as_f64() > Some(0.0), "{series}");
    }
}

#[test]
fn a_new_scenario_is_read_as_it_is_and_stands_in_nobodys_place() {
    let bench = Bench::new(SMALL);
    let file = bench.at("fresh.toml");
    let written = bench.asks(&["new", "fresh", "--output", &file]);
    assert_eq!((&written["file"], &written["name"]), (&json!(file), &json!("fresh")));
    let checked = bench.asks(&["check", &file]);
    assert_eq!((&checked["peer_count"], &checked["program_lines"]), (&json!(19), &json!([])));
    let failure = bench.fails(&["new", "fresh", "--output", &file], 2);
    assert!(message(&failure).ends_with("is there already"), "{failure}");
    assert_eq!(bench.types(&["new", "a b"]).status, Some(2));
}

#[cfg(unix)]
#[test]
fn a_program_is_named_and_started_where_somebody_allowed_it() {
    let answers =
        "n=0; while read -r line; do n=$((n+1)); echo '{\\\"number\\\": '$n', \\\"answer\\\": null}'; done";
    let program = format!("behaviour = {{ command = [\"sh\", \"-c\", \"{answers}\"], within = \"10 min\" }}");
    let theirs =
        SMALL.replace("count = 5", &format!("count = 4\n[[population]]\nname = \"theirs\"\n{program}"));
    let bench = Bench::new(&theirs);
    let file = bench.scenario.as_str();
    let checked = bench.asks(&["check", file]);
    let line = checked["program_lines"][0].as_str().unwrap();
    assert!(line.starts_with("sh -c "), "{line}");
    for shown in ["check", "explain"] {
        assert!(bench.types(&[shown, file]).stdout.contains("starts `sh -c "), "{shown}");
    }
    let run = ["run", file, "--out", "./runs"];
    let refused = [
        &run[..],
        &["sweep", file, "--over", "market.slots=1,2", "--out", "./sweep"],
        &["attack", file, "--out", "./attack"],
        &["judge", file, "--out", "./judge"],
        &["seek", file, "--out", "./seek"],
        &["shrink", file],
    ];
    for words in refused {
        let failure = bench.fails(words, 4);
        assert_eq!(failure["code"], "PROGRAM", "{words:?}");
        assert!(message(&failure).starts_with("small starts `sh -c "), "{failure}");
        assert!(failure["hint"].as_str().unwrap().contains("--allow-programs"), "{failure}");
    }
    assert_eq!(fs::read_dir(bench.path(".")).unwrap().count(), 1, "nothing was begun");
    bench.asks(&[&run[..], &["--allow-programs"]].concat());
    assert_eq!(bench.fails(&["replay", "./runs"], 4)["code"], "PROGRAM");
    assert_eq!(bench.asks(&["replay", "./runs", "--allow-programs"])["run_count"], 2);
    // The market beside it is as it was; what the program decides may be something else by now.
    let attack = ["attack", file, "--seeds", "2", "--out", "./attack", "--allow-programs"];
    assert!(!bench.types(&attack).stderr.contains("before"));
    let again = bench.types(&attack);
    assert!(again.stderr.contains("1 of 2 markets was run before"), "{again:?}");
}

/// Answers each line: whether an order is agreed to is luck, of which there is new one each time that it is started.
#[cfg(unix)]
const BY_LUCK: &str = r#"
luck=$(od -An -N4 -tu4 /dev/urandom)
number=0
while read -r line; do
  number=$((number + 1))
  case $line in
  *'"at":"begin"'*) answer=$((luck)) ;;
  *'"at":"accept"'*) if [ $(((luck >> (number % 32)) % 2)) = 0 ]; then answer=true; else answer=false; fi ;;
  *) answer=null ;;
  esac
  echo "{\"number\": $number, \"answer\": $answer}"
done
"#;

#[cfg(unix)]
#[test]
fn a_program_whose_luck_is_not_that_of_its_seed_is_found_by_running_each_seed_twice() {
    let bench = Bench::new(SMALL);
    let market = |name: &str, script: &str| {
        let program = bench.at(&format!("{name}.sh"));
        fs::write(&program, script).unwrap();
        let theirs = format!(
            "count = 4\n[[population]]\nname = \"theirs\"\n\
             behaviour = {{ command = [\"sh\", \"{program}\"], within = \"10 min\" }}"
        );
        let scenario = bench.at(&format!("{name}.toml"));
        fs::write(&scenario, SMALL.replace("count = 5", &theirs)).unwrap();
        scenario
    };
    let lucky = market("lucky", BY_LUCK);
    bench.asks(&["run", &lucky, "--seeds", "1", "--allow-programs"]);
    let failure = bench.fails(&["run", &lucky, "--seeds", "1", "--allow-programs", "--doublecheck"], 15);
    assert_eq!(failure["code"], "NOT_DETERMINISTIC");
    let told = message(&failure);
    assert!(
        told.starts_with("seed 1 gave ") && told.ends_with("something beside the seed decides"),
        "{told}"
    );
    assert!(failure["hint"].as_str().unwrap().contains("draws its luck from the seed"), "{failure}");
    // The same program with the same luck each time.
    let settled = market("settled", &BY_LUCK.replace("$(od -An -N4 -tu4 /dev/urandom)", "2863311530"));
    bench.asks(&["run", &settled, "--seeds", "1", "--allow-programs", "--doublecheck"]);
}

/// The attack of this name.
fn attack<'a>(document: &'a Value, name: &str) -> &'a Value {
    let attacks = document["attacks"].as_array().unwrap();
    attacks.iter().find(|attack| attack["name"] == name).unwrap_or_else(|| panic!("{name}: {document}"))
}

#[test]
fn attacks_are_put_in_one_table_and_go_on_where_they_were_ended() {
    let bench = Bench::new(SMALL);
    let words = [
        "attack",
        "forger",
        "lazy-verifier",
        "--market",
        &bench.scenario,
        "--seeds",
        "2",
        "--out",
        "./attacks",
    ];
    let first = bench.types(&[&words[..], &["--json"]].concat());
    let document: Value = serde_json::from_str(&first.stdout).unwrap();
    assert_eq!((&document["seeds"], &document["attacks_left"]), (&json!(2), &json!(0)));
    assert_eq!(document["attacks"].as_array().unwrap().len(), 2);
    let forger = attack(&document, "forger");
    assert_eq!((&forger["stake_share"], &forger["honest_slashed"]), (&json!(0.2), &json!(0.0)));
    assert!(forger["surplus"]["mean"].as_f64().unwrap() < 0.0, "{forger}");
    let files = bench.files("attacks");
    // Two markets that are attacked and one beside both, two scenarios, a table.
    assert_eq!(files.len(), 3 + 2 + 1, "{:?}", files.keys());
    let kept = files.keys().find(|path| path.starts_with("runs")).unwrap();
    fs::remove_file(bench.path("attacks").join(kept)).unwrap();
    let again = bench.types(&words);
    assert_eq!(again.status, first.status, "{again:?}");
    assert!(again.stderr.contains("2 of 3 markets were run before"), "{again:?}");
    assert!(again.stdout.lines().any(|line| line.starts_with("forger\t20 %\t-")), "{again:?}");
    assert!(bench.files("attacks") == files, "the same runs, and the same table");
    bench.made_by_another("attacks/runs");
    let rebuilt = bench.types(&words);
    let said = "3 of 3 markets were run by another build of this program, and are run again";
    assert!(rebuilt.stderr.contains(said) && !rebuilt.stderr.contains("before"), "{rebuilt:?}");
    assert!(bench.files("attacks") == files, "nothing is left of theirs");
    let unknown = bench.fails(&["attack", "nobody", "--out", "./no"], 3);
    assert_eq!(unknown["code"], "NO_SCENARIO");
    let honest = bench.fails(&["attack", &bench.scenario, "--out", "./no"], 2);
    assert!(message(&honest).starts_with("nobody attacks in small"), "{honest}");
    assert!(!bench.path("no").exists());
}

#[test]
fn attacks_whose_scenarios_have_one_name_are_told_apart_and_leave_a_scenario_each() {
    let bench = Bench::new(SMALL);
    let forgers =
        SMALL.replace("count = 5", "count = 4\n[[population]]\nname = \"crooks\"\nbehaviour = \"forger\"");
    for (file, horizon) in [("a.toml", "2 s"), ("b.toml", "1 s")] {
        fs::write(bench.path(file), forgers.replace("2 s", horizon)).unwrap();
    }
    fs::write(bench.path("c.toml"), forgers.replace("name = \"small\"", "name = \"forger\"")).unwrap();
    let attacks = |words: [&str; 2], out: &str| -> Vec<String> {
        let rest = ["--market", &bench.scenario, "--seeds", "2", "--out", out, "--json"];
        let ran = bench.types(&[&["attack"][..], &words[..], &rest[..]].concat());
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(fs::read_dir(bench.path(out).join("scenarios")).unwrap().count(), 2);
        let attacks = document["attacks"].as_array().unwrap().iter();
        attacks.map(|each| each["name"].as_str().unwrap().to_owned()).collect()
    };
    let names = attacks(["./a.toml", "./b.toml"], "./attacks");
    assert!(names.len() == 2 && names[0] == "small" && names[1].ends_with("b.toml"), "{names:?}");
    // Nor is the one that comes first taken for an adversary that is named after it.
    let names = attacks(["./c.toml", "forger"], "./others");
    assert!(names.len() == 2 && names[0].ends_with("c.toml") && names[1] == "forger", "{names:?}");
}

#[test]
fn attacks_that_are_interrupted_keep_what_is_done() {
    let bench = Bench::new(&SMALL.replace("2 s", "4 s"));
    let out = bench.at("attacks");
    // All adversaries: these are not done before a signal comes, however late.
    let words =
        ["sim", "attack", "--market", &bench.scenario, "--seeds", "4", "--threads", "1", "--out", &out];
    let mut begun = command(Path::new("/nowhere"), &words, &[]);
    let begun = begun.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = begun.spawn().unwrap();
    let runs = bench.path("attacks/runs");
    let kept = || fs::read_dir(&runs).map_or(0, |entries| entries.flatten().filter(is_whole).count());
    let deadline = Instant::now() + PATIENCE;
    while kept() == 0 {
        assert!(Instant::now() < deadline, "no market is done");
        std::thread::sleep(Duration::from_millis(2));
    }
    kill_process(Pid::from_child(&running), Signal::INT).unwrap();
    let mut said = String::new();
    running.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(130), "{said}");
    assert!(
        said.contains("error: left after ") && said.contains("the same command goes on from there"),
        "{said}"
    );
    assert!(kept() > 0 && !bench.path("attacks/attacks.csv").exists());
    // Whoever wants fewer of them later takes what there is.
    let some = ["attack", "forger", "--market", &bench.scenario, "--seeds", "4", "--out", "./attacks"];
    let whole = bench.types(&some);
    assert!(whole.stderr.contains("of 2 markets w") && whole.stderr.contains(" run before"), "{whole:?}");
}

/// Whether a file is there under its own name.
fn is_whole(entry: &fs::DirEntry) -> bool {
    entry.path().extension().is_some_and(|ending| ending == "csv")
}

#[test]
fn a_gain_is_told_by_the_exit_status_and_stays_in_what_is_smaller() {
    let bench = Bench::new(&format!("{WORTHLESS}{IDLE}"));
    let file = bench.scenario.as_str();
    let ran = bench.types(&[&["attack", file, "--out", "./attack", "--json"][..], &SEEDS].concat());
    assert_eq!(ran.status, Some(14), "{ran:?}");
    let (document, failure): (Value, Value) =
        (serde_json::from_str(&ran.stdout).unwrap(), serde_json::from_str(&ran.stderr).unwrap());
    let worthless = attack(&document, "worthless");
    assert_eq!(
        (&worthless["verdict"], &failure["error"]["code"]),
        (&json!("broken"), &json!("BOUND_BROKEN"))
    );
    assert!(worthless["surplus"]["interval"][0].as_f64().unwrap() > 0.0, "{worthless}");
    assert_eq!(worthless["harm_over_cost"], Value::Null, "they have what they have without it: nothing");
    // A folder of what others wrote, in one table.
    fs::create_dir(bench.path("theirs")).unwrap();
    fs::write(bench.path("theirs/a.toml"), format!("{WORTHLESS}{IDLE}")).unwrap();
    let forgers =
        SMALL.replace("count = 5", "count = 4\n[[population]]\nname = \"crooks\"\nbehaviour = \"forger\"");
    fs::write(bench.path("theirs/b.toml"), forgers).unwrap();
    let judged = bench.types(&[&["judge", "./theirs", "--out", "./judged"][..], &SEEDS].concat());
    assert_eq!(judged.status, Some(14), "{judged:?}");
    assert!(judged.stderr.contains("of 2 attacks breaks a bound: worthless"), "{judged:?}");
    assert!(bench.path("judged/attacks.csv").exists());
    // Smaller, and still a gain.
    let shrunk = bench.asks(&["shrink", file, "--evaluations", "6", "--output", "./small.toml"]);
    assert_eq!(shrunk["fault"], "whoever attacks gains by it");
    assert!(shrunk["peer_count"].as_u64().unwrap() <= 14, "{shrunk}");
    let small = bench.types(&[&["attack", "./small.toml", "--out", "./again"][..], &SEEDS].concat());
    assert_eq!(small.status, Some(14), "{small:?}");
    let failure = bench.fails(&["shrink", "./theirs/b.toml", "--seed", "1", "--output", "./no.toml"], 3);
    assert_eq!(failure["code"], "NO_FAULT");
    assert!(!bench.path("no.toml").exists());
}

#[test]
fn a_search_finds_what_breaks_a_bound_and_writes_it_with_its_seeds() {
    let bench = Bench::new(SMALL);
    let file = bench.scenario.as_str();
    let seek = [&["seek", file, "--evaluations", "32", "--out", "./sought"][..], &SOUGHT].concat();
    let ran = bench.types(&[&seek[..], &["--json"]].concat());
    assert_eq!(ran.status, Some(14), "{ran:?}");
    let (document, failure): (Value, Value) =
        (serde_json::from_str(&ran.stdout).unwrap(), serde_json::from_str(&ran.stderr).unwrap());
    assert_eq!((&document["is_breach"], &failure["error"]["code"]), (&json!(true), &json!("BREACH")));
    assert!(document["best_score"].as_f64().unwrap() > 0.0, "{document}");
    let found = bench.at("sought/found.toml");
    assert_eq!(document["file"], found);
    let text = fs::read_to_string(&found).unwrap();
    assert!(text.starts_with("# surplus ") && text.contains("--first-seed 1001 --seeds "), "{text}");
    assert_eq!(document["found_files"], json!([found]));
    let shown = bench.types(&["attack", &found, "--first-seed", "1001", "--out", "./shown"]);
    assert_eq!(shown.status, Some(14), "{shown:?}");
    // What was found is not looked for again.
    assert_eq!(bench.types(&seek).status, Some(14));
    let other = bench.fails(&[&seek[..], &["--seed", "2"]].concat(), 2);
    assert_eq!(other["code"], "OTHER_SEARCH");
    // What decides may be other code by now: neither what was found nor what was tried says anything of that.
    bench.made_by_another("sought");
    let kept = bench.files("sought");
    let rebuilt = bench.fails(&seek, 2);
    assert_eq!(rebuilt["code"], "OTHER_SEARCH");
    assert!(message(&rebuilt).contains("another build of this program"), "{rebuilt}");
    assert!(bench.files("sought") == kept, "what was found stays");
}

#[test]
fn a_search_goes_on_after_what_it_finds_until_its_budget_is_spent_however_often_it_is_gone_on_with() {
    let bench = Bench::new(SMALL);
    let file = bench.scenario.as_str();
    let seek = |budget: &str, more: &[&str]| {
        let words = ["seek", file, "--out", "./sought", "--json", "--budget", budget];
        let ran = bench.types(&[&words[..], &SOUGHT, more].concat());
        assert_eq!(ran.status, Some(14), "{ran:?}");
        serde_json::from_str::<Value>(&ran.stdout).unwrap()
    };
    let first = seek("1h", &["--evaluations", "16"]);
    let found = first["found_files"].as_array().unwrap();
    let tried = first["attacks_tried"].as_u64().unwrap();
    assert!(!found.is_empty() && (1..=16).contains(&tried), "{first}");
    for (number, file) in (1..).zip(found) {
        let name = if number == 1 { "found.toml".to_owned() } else { format!("found-{number}.toml") };
        assert_eq!(*file, bench.at(&format!("sought/{name}")));
        assert!(bench.path("sought").join(name).exists());
    }
    let spent = first["core_seconds"].as_f64().unwrap();
    assert!(spent > 0.0, "{first}");
    // What was spent before counts: nothing is left of a shorter budget.
    let second = seek("1ms", &[]);
    assert_eq!((&second["attacks_tried"], &second["found_files"]), (&json!(tried), &first["found_files"]));
    assert!((second["core_seconds"].as_f64().unwrap() - spent).abs() < 0.01, "{second}");
    let third = seek("1h", &["--evaluations", "24"]);
    assert!(third["attacks_tried"].as_u64() >= Some(tried), "{third}");
    assert!(third["core_seconds"].as_f64() > Some(spent - 0.01), "{third}");
}

#[cfg(unix)]
#[test]
fn all_families_are_searched_one_after_another_and_gone_on_with() {
    let bench = Bench::new(SMALL);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../simulations/search");
    let searches = || {
        let mut command = std::process::Command::new("bash");
        let folder = bench.at("searches");
        let words = [script.to_str().unwrap(), "1ms", folder.as_str(), bench.scenario.as_str()];
        command.args(words).env("ASSAY", BINARY).stdin(Stdio::null());
        let output = command.output().unwrap();
        assert!([Some(0), Some(14)].contains(&output.status.code()), "{output:?}");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, told) = searches();
    let families = ["orders", "offers", "checks", "juries", "stakes", "time"];
    for family in families {
        assert!(told.contains(&format!("== {family}\n")), "{told}");
        assert!(bench.path("searches").join(family).join("tried.csv").exists(), "{family}");
    }
    let tried: Vec<&str> = told.lines().filter(|line| line.contains("attacks tried in ")).collect();
    assert!(tried.len() == 6 && tried.iter().all(|line| line.starts_with("8 attacks")), "{told}");
    // The budget of each is spent, so that the same command finds all done.
    assert_eq!(searches().0, code);
}

#[test]
fn a_search_that_is_gone_on_with_tries_what_one_at_a_time_tries() {
    let bench = Bench::new(SMALL);
    let seek = |evaluations: &str, threads: &str, out: &str| {
        let words = ["seek", &bench.scenario, "--seeds", "2", "--evaluations", evaluations];
        bench.types(&[&words[..], &["--threads", threads, "--out", out]].concat())
    };
    let (whole, begun) = (seek("16", "1", "./whole"), seek("5", "2", "./parts"));
    assert!(begun.stdout.starts_with("8 attacks tried in "), "{begun:?}");
    let parts = seek("16", "3", "./parts");
    assert_eq!(parts.status, whole.status, "{parts:?}");
    assert!(parts.stderr.contains("8 attacks were tried before"), "{parts:?}");
    let tried = |folder: &str| fs::read_to_string(bench.path(folder).join("tried.csv")).unwrap();
    assert_eq!(tried("parts"), tried("whole"));
}
