//! Models of a hub, in a home that belongs to no network yet.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    assay::{Ran, assay_among, command},
    fake_hub::{COMMIT, FakeHub, NamedFile},
    server::{Ends, Reply},
    splitter::split,
};

/// A model that the program carries, which can add.
const MODEL: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../models/sums/sums.gguf"));
/// Where the first connection says no more.
const HANGS_AT: usize = 700_000;
/// What is fetched twice at most.
const READ_BYTES: usize = 256 * 1024;
const PATIENCE: Duration = Duration::from_secs(300);

/// Somebody who asks a hub.
struct HubUser {
    folder: tempfile::TempDir,
    fake: FakeHub,
    variables: Vec<(&'static str, String)>,
}

impl HubUser {
    fn of(files: Vec<NamedFile>) -> Self {
        let fake = FakeHub::with(files);
        let variables = vec![("HF_ENDPOINT", fake.hub.address())];
        Self { folder: tempfile::tempdir().unwrap(), fake, variables }
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn variables(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    fn types(&self, arguments: &[&str]) -> Ran {
        assay_among(&self.home(), &self.variables(), arguments)
    }

    fn asks(&self, arguments: &[&str]) -> Value {
        self.types(&[arguments, &["--json"]].concat()).document()
    }

    /// Types what must fail, and reads the failure.
    fn fails(&self, name: &str, status: i32) -> Value {
        let ran = self.types(&["model", "add", name, "--json"]);
        assert_eq!(ran.status, Some(status), "{name}: {ran:?}");
        serde_json::from_str::<Value>(&ran.stderr).unwrap()["error"].clone()
    }

    /// Bytes of what has arrived in part.
    fn arrived(&self) -> u64 {
        let files = fs::read_dir(self.home().join("hub")).into_iter().flatten().flatten();
        let parts = files.filter(|file| file.path().extension().is_some_and(|ending| ending == "part"));
        parts.map(|part| part.metadata().unwrap().len()).sum()
    }
}

fn one() -> Vec<NamedFile> {
    vec![NamedFile::of("README.md", b"# Adds numbers".to_vec()), NamedFile::of("adder.gguf", MODEL.to_vec())]
}

#[test]
fn a_model_of_a_hub_is_added_though_its_fetching_was_killed() {
    let user = HubUser::of(one());
    user.fake.change(|script| script.ends = vec![Ends::Hanging(HANGS_AT)]);
    let mut add = command(&user.home(), &["model", "add", "hf:o/r"], &user.variables());
    let mut killed = add.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while user.arrived() < HANGS_AT as u64 {
        assert!(began.elapsed() < PATIENCE, "only {} bytes arrive", user.arrived());
        std::thread::sleep(Duration::from_millis(20));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    let added = user.asks(&["model", "add", "hf:o/r"]);
    let again = &user.fake.store.asked()[1];
    assert!(again.begins_at() + READ_BYTES >= HANGS_AT, "{again:?}");
    let source = format!("hf:o/r/adder.gguf@{COMMIT}");
    assert_eq!(
        (&added["name"], &added["licence"], &added["comes_from"], &added["is_here"]),
        (&"adder".into(), &"apache-2.0".into(), &source.clone().into(), &true.into())
    );
    let card = user.asks(&["model", "show", "adder"])["card"].as_str().unwrap().to_owned();
    assert_eq!(fs::read_to_string(card).unwrap(), "# Adds numbers");
    assert!(user.types(&["model", "show", "adder"]).stdout.contains(&source));
    let kept = fs::read_dir(user.home().join("hub")).unwrap().map(|entry| entry.unwrap().path());
    let is_lock = |path: &std::path::PathBuf| path.extension().is_some_and(|kind| kind == "lock");
    assert!(kept.collect::<Vec<_>>().iter().all(is_lock), "it lies among the blobs alone");
    assert_eq!(user.types(&["model", "rm", "adder"]).status, Some(0));
}

/// Puts a file where the hub's own tools do.
fn cached(cache: &Path, file: &[u8]) -> PathBuf {
    let blobs = cache.join("models--o--r/blobs");
    fs::create_dir_all(&blobs).unwrap();
    let blob = blobs.join(assay_hub::Sha256Sum::of(file).to_string());
    fs::write(&blob, file).unwrap();
    blob
}

#[test]
fn what_another_tool_has_fetched_is_used_in_place() {
    let mut user = HubUser::of(one());
    let cache = user.folder.path().join("cache");
    let blob = cached(&cache, MODEL);
    user.variables.push(("HF_HUB_CACHE", cache.to_str().unwrap().to_owned()));
    let ran = user.types(&["model", "add", "hf:o/r"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("another tool has fetched it already"), "{ran:?}");
    assert!(user.fake.store.asked().iter().all(|asked| !asked.path.contains(".gguf")));
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let named = fs::metadata(&blob).unwrap();
        let clones = user.folder.path().join("clone");
        let mut clone = std::process::Command::new("cp");
        clone.arg("--reflink=always").arg(&blob).arg(clones).stderr(Stdio::null());
        let is_cloned = clone.status().is_ok_and(|status| status.success());
        assert_eq!(named.nlink(), if is_cloned { 1 } else { 2 }, "it was copied");
    }
    fs::remove_file(blob).unwrap();
    assert_eq!(user.asks(&["model", "show", "adder"])["name"], "adder", "it stays without the other");
}

/// What the parts of the model are called.
const PARTS: [&str; 3] =
    ["q8/adder-00001-of-00003.gguf", "q8/adder-00002-of-00003.gguf", "q8/adder-00003-of-00003.gguf"];

/// Files below a folder, but for locks.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let below = paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] });
    below.filter(|path| path.extension().is_none_or(|kind| kind != "lock")).collect()
}

#[test]
fn a_model_in_parts_is_fetched_found_and_joined_and_is_the_one_that_was_cut() {
    let parts = split(MODEL, &[0, 20, 18]);
    let named = PARTS.into_iter().zip(&parts).map(|(path, part)| NamedFile::of(path, part.clone()));
    let mut user = HubUser::of(named.collect());
    let cache = user.folder.path().join("cache");
    let blob = cached(&cache, &parts[1]);
    user.variables.push(("HF_HUB_CACHE", cache.to_str().unwrap().to_owned()));
    // The last one breaks off, and is gone on with.
    user.fake.change(|script| script.ends = vec![Ends::WithAll, Ends::After(HANGS_AT)]);
    let ran = user.types(&["model", "add", "hf:o/r"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    for told in ["another tool has fetched 1 of 3 parts already", "joined 3 parts into one file of 2 MiB"] {
        assert!(ran.stderr.contains(told), "{told}: {ran:?}");
    }
    let asked: Vec<String> = user.fake.store.asked().into_iter().map(|asked| asked.path).collect();
    let wanted = [PARTS[0], PARTS[2], PARTS[2]].map(|path| format!("/{path}?signed=yes"));
    assert_eq!(asked, wanted);
    assert_eq!(files_below(&user.home().join("hub")), Vec::<PathBuf>::new(), "it lies among the blobs alone");
    assert_eq!(fs::read(blob).unwrap(), parts[1], "what others have stays as it is");
    let shown = user.asks(&["model", "show", "adder"]);
    assert_eq!(shown["comes_from"], format!("hf:o/r/{}@{COMMIT}", PARTS[0]));
    let whole = user.folder.path().join("adder.gguf");
    fs::write(&whole, MODEL).unwrap();
    let whole = user.asks(&["model", "add", whole.to_str().unwrap(), "--licence", "apache-2.0"]);
    assert_eq!((&whole["weights"], &whole["manifest"]), (&shown["weights"], &shown["manifest"]));
}

#[test]
fn parts_that_do_not_belong_together_are_let_go_and_a_part_that_is_missing_is_named() {
    let [one, two] = [[0, 20, 18], [0, 19, 19]].map(|counts| split(MODEL, &counts));
    let parts = [&one[0], &two[1], &one[2]];
    let named = PARTS.into_iter().zip(parts).map(|(path, part)| NamedFile::of(path, part.clone()));
    let user = HubUser::of(named.collect());
    let refused = user.fails("hf:o/r", 2);
    assert_eq!(refused["code"], "NO_MODEL");
    assert!(refused["message"].as_str().unwrap().contains("the parts have 37 tensors"), "{refused}");
    assert_eq!(files_below(&user.home().join("hub")), Vec::<PathBuf>::new(), "it would be no model again");
    user.fake.change(|script| drop(script.files.remove(1)));
    let missing = user.fails(&format!("hf:o/r/{}", PARTS[2]), 3);
    assert_eq!(missing["code"], "PARTS");
    let said = missing["message"].as_str().unwrap();
    assert!(said.contains(PARTS[1]) && said.contains("part 2 of 3"), "{missing}");
}

#[test]
fn parts_of_a_model_that_is_not_run_are_not_joined() {
    let mut other = MODEL.to_vec();
    let family = other.windows(5).position(|bytes| bytes == b"llama").unwrap();
    other[family..family + 5].copy_from_slice(b"other");
    let parts = split(&other, &[0, 20, 18]);
    let named = PARTS.into_iter().zip(&parts).map(|(path, part)| NamedFile::of(path, part.clone()));
    let user = HubUser::of(named.collect());
    let refused = user.fails("hf:o/r", 2);
    assert_eq!(refused["code"], "NO_MODEL");
    assert!(refused["message"].as_str().unwrap().contains("the family other are not run"), "{refused}");
    assert!(!user.home().join("hub/joined").exists(), "something was begun");
    let kept: Vec<_> =
        files_below(&user.home().join("hub")).into_iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(parts.iter().all(|part| kept.contains(part)), "a part is gone");
}

#[test]
fn a_hub_is_asked_for_models_by_name_only_where_that_is_said() {
    let user = HubUser::of(one());
    let found = user.asks(&["model", "search", "adder", "--hub"]);
    assert_eq!(found["hub_models"][0]["name"], "hf:o/r", "{found}");
    assert_eq!(
        (&found["hub_models"][0]["licence"], &found["hub_models"][0]["downloads"]),
        (&"apache-2.0".into(), &7.into())
    );
    let none = user.types(&["model", "search", "nothing", "--hub"]);
    assert!(none.status == Some(0) && none.stderr.contains("nothing is called so"), "{none:?}");
    let asked = user.fake.hub.asked().len();
    let alone = user.types(&["model", "search", "adder"]);
    assert_eq!((alone.status, user.fake.hub.asked().len()), (Some(3), asked), "it has no network: {alone:?}");
}

#[test]
fn what_cannot_be_had_is_said_in_two_lines() {
    let mut user = HubUser::of(one());
    for (name, status, code) in [
        ("hf:o", 2, "USAGE"),
        ("hf:o/../x", 2, "USAGE"),
        ("hf:o/other", 3, "NOT_ON_HUB"),
        ("hf:o/r@v9", 3, "NOT_ON_HUB"),
        ("hf:o/r/none.gguf", 3, "NOT_ON_HUB"),
    ] {
        assert_eq!(user.fails(name, status)["code"], code, "{name}");
    }
    user.fake.change(|script| script.list = Some(|| Reply::with(429, "").header("Retry-After", 17)));
    let busy = user.fails("hf:o/r", 1);
    assert_eq!((&busy["code"], &busy["details"]["retry_after_ms"]), (&"HUB_BUSY".into(), &17_000.into()));
    user.fake.change(|script| (script.list, script.token) = (None, Some("hf_secret")));
    assert_eq!(user.fails("hf:o/r", 4)["code"], "HUB_GATED");
    user.variables.push(("HF_TOKEN", "hf_other_secret".to_owned()));
    let gated = user.fails("hf:o/r", 4);
    assert_eq!(gated["code"], "HUB_GATED");
    assert!(!gated.to_string().contains("secret"), "{gated}");
    user.fake.change(|script| {
        let wrong = assay_hub::Sha256Sum::of(b"something else");
        (script.token, script.files[1].sha256) = (None, Some(wrong));
    });
    assert_eq!(user.fails("hf:o/r", 1)["code"], "HUB_WRONG_BYTES");
    user.variables[0].1 = "http://hub.example".to_owned();
    assert_eq!(user.fails("hf:o/r", 2)["code"], "HUB_SETTINGS");
}

#[test]
fn of_several_models_each_is_told_with_the_command_that_takes_it() {
    let hostile = "x; rm -rf ~\u{202e}.gguf";
    let parts = "big-00001-of-00002.gguf";
    let names = ["a.Q4_0.gguf", "quants/b.gguf", parts, hostile];
    let user = HubUser::of(names.map(|name| NamedFile::of(name, b"GGUF".to_vec())).to_vec());
    let ran = user.types(&["model", "add", "hf:o/r"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    for told in [
        "1 MiB: assay model add hf:o/r/a.Q4_0.gguf\n",
        "1 MiB: assay model add hf:o/r/quants/b.gguf\n",
        "1 MiB in 2 parts: assay model add hf:o/r/big-00001-of-00002.gguf\n",
        "error: hf:o/r has 4 GGUF files\n",
    ] {
        assert!(ran.stderr.contains(told), "{told}: {ran:?}");
    }
    assert!(!ran.stderr.contains('\u{202e}') && !ran.stderr.contains("add hf:o/r/x;"), "{ran:?}");
    assert_eq!(user.fails("hf:o/r", 2)["details"]["files"].as_array().unwrap().len(), 4);
    assert_eq!(user.fails(&format!("hf:o/r/{parts}"), 3)["code"], "PARTS");
}
