//! Sweeps, and folders of experiments, as whoever runs them sees them: shared out, broken off, gone on with, put together,
//! compared, run again and shown.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use assay_simulations::lab::artefact::{Artefact, VERSION};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    assay::{Ran, assay, command},
    laboratory,
};

/// The longest that a test waits for something.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);
/// A market that is over soon.
const SMALL: &str =
    "extends = \"fraud-vs-check-rate\"\nname = \"small\"\n[run]\nhorizon = \"2 s\"\nseeds = 2\n";
/// What is swept.
const GRID: [&str; 4] = ["--over", "market.slots=1,4", "--over", "network.loss=0..10x5 %"];

/// Whoever experiments, in a folder.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    pub(crate) scenario: String,
}

impl Bench {
    pub(crate) fn new(scenario: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        fs::write(&path, scenario).unwrap();
        Self { scenario: path.to_str().unwrap().to_owned(), folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Types `assay sim`; words that begin with a point are names of this folder.
    pub(crate) fn types(&self, words: &[&str]) -> Ran {
        let words: Vec<String> = words
            .iter()
            .map(|word| word.strip_prefix("./").map_or_else(|| (*word).to_owned(), |name| self.at(name)))
            .collect();
        let words: Vec<&str> = ["sim"].into_iter().chain(words.iter().map(String::as_str)).collect();
        assay(Path::new("/nowhere"), &words)
    }

    pub(crate) fn asks(&self, words: &[&str]) -> Value {
        self.types(&[words, &["--json"]].concat()).document()
    }

    /// Types what must fail so, and reads the failure.
    pub(crate) fn fails(&self, words: &[&str], status: i32) -> Value {
        let ran = self.types(&[words, &["--json"]].concat());
        assert_eq!(ran.status, Some(status), "{words:?}: {ran:?}");
        let mut document: Value = serde_json::from_str(&ran.stderr).unwrap();
        document["error"].take()
    }

    /// The small sweep, whole or a share of it.
    fn sweep<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        [&["sweep", self.scenario.as_str()][..], &GRID[..], more].concat()
    }

    /// Every file of a folder, by its path within.
    pub(crate) fn files(&self, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let root = self.path(name);
        let mut files = BTreeMap::new();
        let mut left = vec![root.clone()];
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                files.insert(path.strip_prefix(&root).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
        files
    }

    /// Has the files of a folder say that another build of the program made what is in them.
    pub(crate) fn made_by_another(&self, folder: &str) {
        let mut changed = 0;
        for (name, bytes) in self.files(folder) {
            let text = String::from_utf8(bytes).unwrap();
            let Some((head, rest)) = text.split_once(", build ") else { continue };
            let (_, rest) = rest.split_once(", ").unwrap();
            let other = format!("{head}, build 0123456789ab, {rest}");
            fs::write(self.path(folder).join(name), other).unwrap();
            changed += 1;
        }
        assert!(changed > 0, "no file of {folder} says which build made it");
    }
}

pub(crate) fn message(failure: &Value) -> &str {
    failure["message"].as_str().unwrap()
}

#[test]
fn three_shares_put_together_are_to_the_byte_what_one_sweep_writes() {
    let bench = Bench::new(SMALL);
    let one = bench.asks(&bench.sweep(&["--out", "./one", "--threads", "1"]));
    assert_eq!(
        (&one["is_whole"], &one["cell_count"], &one["cells_done"]),
        (&json!(true), &json!(6), &json!(6))
    );
    for (share, threads) in [("1/3", "2"), ("2/3", "1"), ("3/3", "3")] {
        let out = format!("./part-{}", &share[..1]);
        let part = bench.asks(&bench.sweep(&["--cells", share, "--threads", threads, "--out", &out]));
        assert_eq!((&part["is_whole"], &part["cells_done"]), (&json!(false), &json!(2)), "{part}");
        assert!(part["manifest_text"].is_null() && !bench.path(&out[2..]).join("manifest.json").exists());
    }
    let merged = bench.asks(&["merge", "./part-2", "./part-3", "./part-1", "--out", "./merged"]);
    assert_eq!(merged["manifest_text"], one["manifest_text"]);
    let (whole, files) = (bench.files("one"), bench.files("merged"));
    assert_eq!(whole.keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>());
    for (name, bytes) in &whole {
        assert!(files[name] == *bytes, "{} is another file", name.display());
    }
    assert_eq!(whole.len(), 6 + 8, "six cells, and what all of them came to: {:?}", whole.keys());
    // Machines that see one folder need not put anything together.
    for share in ["1/2", "2/2"] {
        bench.asks(&bench.sweep(&["--cells", share, "--out", "./shared"]));
    }
    assert!(bench.files("shared") == whole);
}

#[test]
fn a_sweep_that_lost_cells_runs_these_alone_and_is_the_same_again() {
    let bench = Bench::new(SMALL);
    bench.asks(&bench.sweep(&["--out", "./sweep"]));
    let whole = bench.files("sweep");
    let cell = |number: usize| bench.path(&format!("sweep/cells/{number:05}.csv"));
    let kept = fs::metadata(cell(1)).unwrap().modified().unwrap();
    fs::remove_file(cell(2)).unwrap();
    let text = fs::read_to_string(cell(5)).unwrap();
    fs::write(cell(5), &text[..text.len() - 2]).unwrap();
    let again = bench.types(&bench.sweep(&["--out", "./sweep"]));
    assert_eq!(again.status, Some(0), "{again:?}");
    assert!(again.stderr.contains("00005.csv is not whole: its cell is run again"), "{again:?}");
    assert!(again.stderr.contains("4 of 6 cells were run before"), "{again:?}");
    assert!(bench.files("sweep") == whole);
    assert_eq!(fs::metadata(cell(1)).unwrap().modified().unwrap(), kept, "what was whole is left as it was");
    let rows = fs::read_to_string(bench.path("sweep/runs.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 12);
    assert!(rows.lines().nth(12).unwrap().starts_with("6,\"4\",\"10 %\",2,"), "{rows}");
}

#[test]
fn cells_of_another_build_are_run_again_and_a_whole_sweep_of_one_stays() {
    let bench = Bench::new(SMALL);
    bench.asks(&bench.sweep(&["--out", "./whole"]));
    let whole = bench.files("whole");
    bench.asks(&bench.sweep(&["--cells", "1/2", "--out", "./parts"]));
    bench.made_by_another("parts/cells");
    // Six cells are there, and no whole sweep of either build.
    let others = bench.types(&bench.sweep(&["--cells", "2/2", "--out", "./parts"]));
    assert_eq!(others.status, Some(0), "{others:?}");
    assert!(others.stdout.contains("3 of 6 cells are in "), "{others:?}");
    assert!(others.stderr.contains("3 others are of another build of this program"), "{others:?}");
    assert!(!others.stderr.contains("run again"), "the other share is not its own: {others:?}");
    let failure = bench.fails(&["report", "./parts"], 2);
    assert_eq!(failure["code"], "NOT_WHOLE");
    let expected = "of 6 cells, cells 2, 4 and 6 are of another build of this program";
    assert!(message(&failure).ends_with(expected), "{failure}");
    let again = bench.types(&bench.sweep(&["--out", "./parts"]));
    assert_eq!(again.status, Some(0), "{again:?}");
    for said in [
        "3 of 6 cells were run before",
        "3 of 6 cells were run by another build of this program, and are run again",
    ] {
        assert!(again.stderr.contains(said), "{again:?}");
    }
    assert!(bench.files("parts") == whole);
    bench.made_by_another("parts/cells");
    let theirs = bench.files("parts");
    assert_eq!(bench.fails(&bench.sweep(&["--out", "./parts"]), 2)["code"], "OTHER_BUILD");
    assert!(bench.files("parts") == theirs, "what is whole stays as it is");
    assert_eq!(bench.asks(&["replay", "./parts", "--seed", "1"])["run_count"], 6);
}

#[test]
fn parts_that_several_builds_have_run_are_not_put_together() {
    let bench = Bench::new(SMALL);
    let part = |share: &str, out: &str| {
        bench.asks(&bench.sweep(&["--cells", share, "--out", out]));
    };
    part("1/2", "./a");
    part("2/2", "./b");
    part("2/2", "./c");
    bench.made_by_another("b/cells");
    let (a, b) = (bench.at("a"), bench.at("b"));
    let failure = bench.fails(&["merge", "./a", "./b", "--out", "./out"], 2);
    assert_eq!(failure["code"], "OTHER_BUILD");
    assert_eq!(message(&failure), format!("{b} was run by another build of this program than {a}"));
    part("1/2", "./b");
    let failure = bench.fails(&["merge", "./b", "--out", "./out"], 2);
    assert_eq!(message(&failure), format!("not all cells of {b} were run by one build of this program"));
    assert!(!bench.path("out").exists(), "nothing was written");
    // Whoever puts parts together may be another one than all of them; then it says so, and leaves cells as they are.
    bench.made_by_another("a/cells");
    bench.made_by_another("c/cells");
    let merged = bench.types(&["merge", "./a", "./c", "--out", "./out"]);
    assert_eq!(merged.status, Some(0), "{merged:?}");
    let said = "the parts were run by another build of this program than this one";
    assert!(merged.stderr.contains(said), "{merged:?}");
    let mut cells = bench.files("a/cells");
    cells.append(&mut bench.files("c/cells"));
    assert!(bench.files("out/cells") == cells);
}

/// A program that decides nothing, and nothing at all while both of these files are there.
const WAITING: &str = r#"while [ -e "$1" ] && [ -e "$2" ]; do sleep 0.05; done
n=0; while read -r line; do n=$((n+1)); echo "{\"number\": $n, \"answer\": null}"; done
"#;

/// A small market that goes on no more once the file `first` is there, until `held` is removed.
fn held_back(first: &str) -> Bench {
    let bench = Bench::new("");
    let [program, held, first] = ["waiting.sh", "held", first].map(|name| bench.at(name));
    fs::write(&program, WAITING).unwrap();
    fs::write(&held, "").unwrap();
    let words = format!("command = [\"sh\", \"{program}\", \"{held}\", \"{first}\"], within = \"10 min\"");
    let waits = format!("count = 4\n[[population]]\nname = \"waits\"\nbehaviour = {{ {words} }}");
    fs::write(&bench.scenario, laboratory::SMALL.replace("count = 5", &waits)).unwrap();
    bench
}

#[test]
fn a_sweep_that_is_interrupted_keeps_what_is_done_and_goes_on() {
    let first = "sweep/cells/00001.csv";
    let bench = held_back(first);
    let (out, grid) = (bench.at("sweep"), "market.slots=1..12");
    let mine = ["sim", "sweep", &bench.scenario, "--allow-programs"];
    let sweep = [&mine[..], &["--over", grid, "--threads", "1", "--out", out.as_str()]].concat();
    interrupted(&sweep, &bench.path(first));
    fs::remove_file(bench.path("held")).unwrap();
    let kept = bench.files("sweep").len();
    assert!((3..14).contains(&kept), "{kept} files");
    assert!(!bench.path("sweep/manifest.json").exists());
    let failure = bench.fails(&["report", "./sweep"], 2);
    assert_eq!(failure["code"], "NOT_WHOLE");
    assert!(message(&failure).contains("of 12 cells, cell"), "{failure}");
    let whole = assay(Path::new("/nowhere"), &sweep);
    assert_eq!(whole.status, Some(0), "{whole:?}");
    assert!(whole.stderr.contains("of 12 cells w") && whole.stderr.contains(" run before"), "{whole:?}");
    let names: Vec<PathBuf> = bench.files("sweep").into_keys().collect();
    assert_eq!(names.len(), 12 + 8, "nothing is left of what was broken off: {names:?}");
}

/// Types what is interrupted once this file is there, and reads how it goes on.
fn interrupted(words: &[&str], first: &Path) {
    let mut begun = command(Path::new("/nowhere"), words, &[]);
    let begun = begun.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = begun.spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !first.exists() {
        assert!(Instant::now() < deadline, "nothing is done");
        std::thread::sleep(Duration::from_millis(2));
    }
    kill_process(Pid::from_child(&running), Signal::INT).unwrap();
    let mut said = String::new();
    running.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(130), "{said}");
    let expected = "error: left after ";
    assert!(said.contains(expected) && said.contains("the same command goes on from there"), "{said}");
}

#[test]
fn runs_that_are_interrupted_are_kept_and_leave_what_they_leave_at_once_on_any_number_of_threads() {
    let bench = Bench::new(&format!("{SMALL}kernel = \"lab\"\nseries = \"1 s\"\n"));
    let out = bench.at("runs");
    let run = |seeds| ["sim", "run", &bench.scenario, "--seeds", seeds, "--threads", "1", "--out", &out];
    // So many are not done before a signal comes, however late. Whoever wants fewer later takes what there is.
    interrupted(&run("10000"), &bench.path("runs/seeds/00001.csv"));
    let kept = fs::read_dir(bench.path("runs/seeds")).unwrap().count();
    assert!((1..10_000).contains(&kept), "{kept} files");
    assert_eq!(bench.fails(&["report", "./runs"], 3)["code"], "NO_EXPERIMENT");
    let whole = assay(Path::new("/nowhere"), &run("30"));
    assert_eq!(whole.status, Some(0), "{whole:?}");
    assert!(whole.stderr.contains("of 30 seeds w") && whole.stderr.contains(" run before"), "{whole:?}");
    let at_once = ["run", &bench.scenario, "--seeds", "30", "--threads", "2", "--out", "./at-once"];
    assert!(!bench.types(&at_once).stderr.contains("before"));
    let (files, expected) = (bench.files("runs"), bench.files("at-once"));
    assert_eq!(files.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, bytes) in &expected {
        assert!(files[name] == *bytes, "{} is another file", name.display());
    }
    assert_eq!(
        expected.len(),
        7 + 2,
        "nothing is left of the runs but what all came to: {:?}",
        expected.keys()
    );
}

#[test]
fn what_is_not_the_parts_of_one_sweep_is_refused_by_name() {
    let bench = Bench::new(SMALL);
    let part = |share: &str, out: &str, more: &[&str]| {
        bench.asks(&[&bench.sweep(&["--cells", share, "--out", out])[..], more].concat());
    };
    part("1/3", "./a", &[]);
    part("2/3", "./b", &[]);
    part("1/3", "./seeds", &["--seeds", "1"]);
    let merge =
        |parts: &[&str], status| bench.fails(&[&["merge"][..], parts, &["--out", "./out"]].concat(), status);
    let failure = merge(&["./a", "./b", "./a"], 2);
    assert!(
        message(&failure)
            .ends_with("of 6 cells, cells 3 and 6 are missing, and cells 1 and 4 are in several parts"),
        "{failure}"
    );
    assert_eq!(failure["details"], json!({ "cells_missing": [3, 6], "cells_doubled": [1, 4] }));
    let failure = merge(&["./a", "./seeds"], 2);
    assert!(message(&failure).ends_with("it differs in its seeds"), "{failure}");
    assert!(message(&failure).contains(&bench.at("seeds")), "{failure}");
    fs::write(bench.path("mine.toml"), SMALL.replace("2 s", "3 s")).unwrap();
    part("3/3", "./other", &[]);
    let failure = merge(&["./a", "./b", "./other"], 2);
    assert!(message(&failure).ends_with("it differs in its scenario"), "{failure}");
    let plan = fs::read_to_string(bench.path("b/sweep.toml")).unwrap();
    let version = plan.replace(&format!("version = \"{VERSION}\""), "version = \"0.0.9\"");
    fs::write(bench.path("b/sweep.toml"), version).unwrap();
    assert!(message(&merge(&["./a", "./b"], 2)).ends_with("it differs in its version"));
    fs::write(bench.path("b/sweep.toml"), plan).unwrap();
    let cell = bench.path("b/cells/00002.csv");
    let text = fs::read_to_string(&cell).unwrap();
    fs::write(&cell, text.replacen(",0", ",1", 1)).unwrap();
    let failure = merge(&["./a", "./b"], 2);
    assert_eq!(failure["code"], "DAMAGED_CELL");
    assert!(message(&failure).contains("b/cells/00002.csv"), "{failure}");
    assert_eq!(merge(&["./a", "./nowhere"], 3)["code"], "NO_EXPERIMENT");
    assert!(!bench.path("out").exists(), "nothing was written");
}

#[test]
fn a_folder_holds_one_experiment() {
    let bench = Bench::new(SMALL);
    let run = ["run", &bench.scenario, "--seeds", "1", "--out", "./runs"];
    assert_eq!(bench.types(&run).status, Some(0));
    assert!(message(&bench.fails(&run, 2)).ends_with("holds an experiment already"));
    assert!(
        message(&bench.fails(&bench.sweep(&["--out", "./runs"]), 2)).ends_with("holds an experiment already")
    );
    bench.asks(&bench.sweep(&["--cells", "1/6", "--out", "./part"]));
    let failure = bench.fails(&["run", &bench.scenario, "--out", "./part"], 2);
    assert!(message(&failure).ends_with("holds an experiment already"), "{failure}");
    let failure = bench.fails(&bench.sweep(&["--out", "./part", "--first-seed", "2"]), 2);
    assert_eq!(
        (&failure["code"], message(&failure).contains("it differs in its seeds")),
        (&json!("OTHER_SWEEP"), true)
    );
    let failure = bench.fails(&["sweep", &bench.scenario, "--over", "market.slotz=1", "--out", "./no"], 2);
    assert!(message(&failure).contains("the nearest is `market.slots`"), "{failure}");
    assert!(!bench.path("no").exists(), "a grid is read before a folder is made");
}

#[test]
fn what_differs_by_more_than_chance_is_found_and_what_is_the_same_is_not() {
    let bench = Bench::new(SMALL);
    let run = |scenario: &str, seeds: &str, out: &str| {
        let file = bench.path("other.toml");
        fs::write(&file, scenario).unwrap();
        let ran = bench.types(&["run", file.to_str().unwrap(), "--seeds", seeds, "--out", out]);
        assert_eq!(ran.status, Some(0), "{ran:?}");
    };
    run(SMALL, "6", "./few");
    run(SMALL, "6", "./same");
    run(&format!("{SMALL}[workload]\nbetween = \"50 ms\"\n"), "6", "./many");
    let same = bench.asks(&["compare", "./few", "./same"]);
    assert_eq!(same["differs"], false);
    let shown = bench.types(&["compare", "./few", "./same"]);
    assert!(shown.stdout.contains("both are the same, run by run"), "{shown:?}");
    let ran = bench.types(&["compare", "./few", "./many", "--json"]);
    assert_eq!(ran.status, Some(14), "{ran:?}");
    let (document, failure): (Value, Value) =
        (serde_json::from_str(&ran.stdout).unwrap(), serde_json::from_str(&ran.stderr).unwrap());
    assert_eq!((&document["differs"], &failure["error"]["code"]), (&json!(true), &json!("DIFFERENT")));
    let pairs = document["pairs"].as_array().unwrap();
    let orders = pairs.iter().find(|pair| pair["name"] == "orders").unwrap();
    assert_eq!(
        (&orders["difference"]["is_paired"], &orders["difference"]["is_significant"]),
        (&json!(true), &json!(true))
    );
    let [one, other] = ["first", "second"].map(|which| orders[which]["mean"].as_f64().unwrap());
    assert!(
        (orders["difference"]["mean"].as_f64().unwrap() - (other - one)).abs() < 1e-9 && other > 5.0 * one
    );
    let slashed = pairs.iter().find(|pair| pair["name"] == "honest results slashed").unwrap();
    assert_eq!(
        (&slashed["difference"]["mean"], &slashed["difference"]["chance"]),
        (&json!(0.0), &json!(1.0))
    );
    let shown = bench.types(&["compare", "./few", "./many"]);
    assert!(
        shown.stdout.lines().any(|line| line.starts_with("orders\t") && line.ends_with("differs")),
        "{shown:?}"
    );
    bench.asks(&bench.sweep(&["--out", "./sweep"]));
    assert_eq!(bench.fails(&["compare", "./few", "./sweep"], 2)["code"], "OTHER_KIND");
    assert_eq!(bench.asks(&["compare", "./sweep", "./sweep"])["pairs"][0]["cell_number"], 1);
}

#[test]
fn an_experiment_is_run_again_and_one_that_was_another_is_found() {
    let bench = Bench::new(SMALL);
    bench.asks(&["run", &bench.scenario, "--seeds", "3", "--out", "./runs"]);
    assert_eq!(bench.asks(&["replay", "./runs"])["run_count"], 3);
    assert_eq!(bench.asks(&["replay", "./runs", "--seed", "2"])["run_count"], 1);
    assert_eq!(bench.fails(&["replay", "./runs", "--seed", "9"], 3)["code"], "NO_RUN");
    let read = |name: &str| fs::read_to_string(bench.path("runs").join(name)).unwrap();
    let (scenario, runs) = (read("scenario.resolved.toml"), read("runs.csv"));
    let series = read("series.csv");
    let digest = runs.lines().nth(2).unwrap().split(',').nth(2).unwrap().to_owned();
    let forged = runs.replace(&digest, &"0".repeat(digest.len()));
    fs::write(bench.path("runs/runs.csv"), &forged).unwrap();
    let failure = bench.fails(&["replay", "./runs"], 2);
    assert_eq!(failure["code"], "BAD_EXPERIMENT", "the manifest says otherwise: {failure}");
    let forge = |version: &str| {
        let artefact = Artefact::read(version, &scenario, &forged, Some(&series)).unwrap();
        for (name, bytes) in artefact.files() {
            fs::write(bench.path("runs").join(name), bytes).unwrap();
        }
    };
    forge(VERSION);
    assert_eq!(bench.asks(&["replay", "./runs", "--seed", "3"])["run_count"], 1);
    let failure = bench.fails(&["replay", "./runs"], 15);
    assert_eq!(failure["code"], "UNLIKE_BEFORE");
    assert!(
        message(&failure).starts_with("seed 2 gave 0000") && message(&failure).contains(&digest),
        "{failure}"
    );
    forge("0.0.9");
    let other = bench.types(&["replay", "./runs"]);
    assert_eq!(other.status, Some(15), "{other:?}");
    assert!(other.stderr.contains("it was run by version 0.0.9"), "{other:?}");
    bench.asks(&bench.sweep(&["--out", "./sweep"]));
    assert_eq!(bench.asks(&["replay", "./sweep", "--seed", "1"])["run_count"], 6);
}

#[test]
fn a_page_is_written_beside_its_figures_and_anew_and_needs_nothing_else() {
    let bench = Bench::new(SMALL);
    bench.asks(&["run", &bench.scenario, "--out", "./runs"]);
    bench.asks(&bench.sweep(&["--out", "./sweep"]));
    for (folder, shown) in
        [("runs", "assay sim run scenario.resolved.toml"), ("sweep", "assay sim sweep scenario.")]
    {
        let beside = fs::read_to_string(bench.path(folder).join("report.html")).unwrap();
        let (from, to) = (format!("./{folder}"), format!("./{folder}.html"));
        let written = bench.asks(&["report", &from, "-o", &to]);
        assert_eq!(written["file"], bench.at(&format!("{folder}.html")));
        assert_eq!(fs::read_to_string(bench.path(&format!("{folder}.html"))).unwrap(), beside);
        for part in [shown, "<svg", "prefers-color-scheme", "What does a provider gain that sells noise"] {
            assert!(beside.contains(part), "{part} is not in {beside}");
        }
        for word in ["http:", "https:", "src=", "<script"] {
            assert!(!beside.contains(word), "{word} is in {beside}");
        }
        fs::remove_file(bench.path(folder).join("report.html")).unwrap();
        assert_eq!(bench.types(&["report", &from]).status, Some(0));
        assert_eq!(fs::read_to_string(bench.path(folder).join("report.html")).unwrap(), beside);
    }
    assert_eq!(bench.fails(&["report", "./nowhere"], 3)["code"], "NO_EXPERIMENT");
}
