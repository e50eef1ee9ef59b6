//! Models that somebody publishes and does not sell, and runners that are built where their sources lie.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use assay_peer::pieces::PIECE_BYTES;
use serde_json::{Value, json};

use crate::{
    assay::{assay_among, command},
    foundings::model,
    person::Person,
    stand_in::StandIn,
    town::Town,
};

/// Bytes that are added to a model, so that it is on its way for a while.
const FILLER: usize = 256 << 20;
/// The longest that something may take, and the time between two looks at how far a model is.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK_STEP: Duration = Duration::from_millis(1);

/// How others are told to fetch something from who published it: its manifest, the peer, and all places where that listens.
pub(crate) fn pull(published: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut pull = ["model", "pull"].map(str::to_owned).to_vec();
    pull.push(text(&published["published"][0]["manifest"]));
    pull.extend(["--from".to_owned(), text(&published["peer"])]);
    for address in published["addresses"].as_array().unwrap() {
        pull.extend(["--at".to_owned(), text(address)]);
    }
    pull
}

/// Somebody who was only told how to fetch it.
fn pulls(folder: &Path, town: &Town, name: &str, told: &[String]) -> Person {
    let person = Person::join(folder, name, &town.network.file());
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(person.fails(&["model", "pull", told[2]], 3), "UNKNOWN_MODEL", "nobody is told of it");
    let pulled = person.asks(&told);
    assert_eq!(
        (&pulled["manifest"], &pulled["name"], &pulled["is_here"]),
        (&told[2].into(), &"adder".into(), &true.into())
    );
    person
}

#[tokio::test]
async fn a_model_is_fetched_from_who_publishes_it_and_sells_nothing() {
    let town = Town::start().await;
    let folder = tempfile::tempdir().unwrap();
    let author = Person::join(folder.path(), "author", &town.network.file());
    let file = model(folder.path());
    let added = author.asks(&["model", "add", file.to_str().unwrap(), "--units", "512", "--licence", "MIT"]);
    assert_eq!(author.fails(&["model", "publish", "sums"], 2), "NOT_PUBLISHED", "the network pins it");
    assert_eq!(author.fails(&["model", "publish", "nothing"], 3), "UNKNOWN_MODEL");
    assert_eq!(author.asks(&["model", "publish"])["published"], json!([]));
    let published = author.asks(&["model", "publish", "adder"]);
    let model = json!([{ "name": "adder", "manifest": added["manifest"], "bytes": added["bytes"] }]);
    assert_eq!(published["published"], model);
    pulls(folder.path(), &town, "reader", &pull(&published));

    assert_eq!(author.types(&["down"]).status, Some(0));
    let again = author.asks(&["model", "publish"]);
    assert_eq!((&again["published"], &again["peer"]), (&model, &published["peer"]), "it stays published");
    let other = pulls(folder.path(), &town, "other", &pull(&again));

    // Who has it can give it further.
    let further = other.asks(&["model", "publish", "adder"]);
    assert_eq!(further["published"], model);
    assert_eq!(author.asks(&["model", "publish", "adder", "--stop"])["published"], json!([]));
    let late = Person::join(folder.path(), "late", &town.network.file());
    let told = pull(&again);
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(late.fails(&told, 13), "MANIFEST_ABSENT", "the author gives it no more");
    pulls(folder.path(), &town, "last", &pull(&further));
    other.asks(&["model", "rm", "adder"]);
    assert_eq!(other.asks(&["model", "publish"])["published"], json!([]), "who let it go publishes nothing");
}

/// A network that reads digits, with a description that is far longer than all the rest.
fn large_model(folder: &Path) -> PathBuf {
    let mut bytes = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../models/digits/digits.onnx")).unwrap();
    // Field 6 of a model, a text: its number, its length, and then it.
    bytes.push(6 << 3 | 2);
    let mut left = FILLER;
    while left >= 128 {
        bytes.push((left % 128) as u8 | 128);
        left /= 128;
    }
    bytes.push(left as u8);
    bytes.resize(bytes.len() + FILLER, b'-');
    let path = folder.join("large.onnx");
    fs::write(&path, bytes).unwrap();
    path
}

/// Somebody who fetches a large model.
struct Fetcher<'a> {
    person: &'a Person,
    told: &'a [String],
    /// Where it arrives.
    part: PathBuf,
}

impl Fetcher<'_> {
    fn begins(&self) -> Child {
        let told: Vec<&str> = self.told.iter().map(String::as_str).collect();
        let mut pull = command(&self.person.home, &told, &[]);
        pull.arg("--no-start").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        pull.spawn().unwrap()
    }

    /// How many pieces of it have arrived.
    fn has(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |part| part.len() / PIECE_BYTES)
    }

    /// Waits until more of them have arrived than so many.
    fn has_more_than(&self, before: u64) -> u64 {
        let deadline = Instant::now() + PATIENCE;
        while self.has() <= before {
            assert!(Instant::now() < deadline, "no more of it arrives");
            thread::sleep(LOOK_STEP);
        }
        self.has()
    }
}

#[tokio::test]
#[ignore = "moves some hundred megabytes"]
async fn a_model_on_its_way_goes_on_where_it_was_after_either_side_was_killed() {
    let town = Town::start().await;
    let folder = tempfile::tempdir().unwrap();
    let [author, reader] =
        ["author", "reader"].map(|name| Person::join(folder.path(), name, &town.network.file()));
    let file = large_model(folder.path());
    let runner = concat!(env!("CARGO_MANIFEST_DIR"), "/../runners/tensors/tensors.wasm");
    let added = author.asks(&["model", "add", file.to_str().unwrap(), "--runner", runner, "--name", "large"]);
    let mut source = StandIn::of(&author.home, Some("/ip4/127.0.0.1/tcp/0"));
    let published = author.asks(&["model", "publish", "large"]);
    let address = published["addresses"][0].as_str().unwrap();
    let mut daemon = StandIn::of(&reader.home, None);
    let weights = added["weights"].as_str().unwrap();
    let part = reader.home.join("blobs").join("arriving").join(weights);
    let told = pull(&published);
    let fetcher = Fetcher { person: &reader, told: &told, part };

    let mut pulling = fetcher.begins();
    fetcher.has_more_than(0);
    daemon.kill();
    let arrived = fetcher.has();
    assert!(!pulling.wait().unwrap().success() && arrived > 0);
    let _daemon = StandIn::of(&reader.home, None);
    assert_eq!(fetcher.has(), arrived, "what has arrived stays");

    let mut pulling = fetcher.begins();
    let arrived = fetcher.has_more_than(arrived);
    source.kill();
    let _source = StandIn::of(&author.home, Some(address));
    // A source that is away for longer than it is waited for is asked again by the same command.
    let lost = Instant::now();
    while !pulling.wait().unwrap().success() {
        assert!(fetcher.has() >= arrived, "what has arrived stays");
        assert!(lost.elapsed() < PATIENCE, "it never arrives");
        pulling = fetcher.begins();
    }
    let list = reader.asks(&["model", "ls"]);
    let large = list["models"].as_array().unwrap().iter().find(|model| model["name"] == "large").unwrap();
    assert_eq!((&large["is_here"], &large["bytes"]), (&true.into(), &added["bytes"]));
}

/// A program in the place of Rust's own tools, which notes how it is called and does this.
fn compiler(folder: &Path, name: &str, does: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\necho \"$@\" > said\n{does}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_runner_is_built_by_the_tools_of_its_language_and_what_comes_of_it_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let made = command(&home, &["model", "new", "shout"], &[]).current_dir(folder.path()).output().unwrap();
    assert!(made.status.success());
    let shout = folder.path().join("shout");
    let path = shout.to_str().unwrap();
    let builds = |compiler: &Path, folder: &str| {
        let compiler = [("CARGO", compiler.to_str().unwrap())];
        assay_among(&home, &compiler, &["model", "build", folder, "--json"])
    };
    let pure = concat!(env!("CARGO_MANIFEST_DIR"), "/../runners/pure/pure.wasm");
    let works = compiler(folder.path(), "works", &format!("/bin/cp '{pure}' shout.wasm"));
    let built = builds(&works, path).document();
    assert_eq!(
        (&built["name"], &built["file"], &built["bytes"]),
        (&"shout".into(), &format!("{path}/shout.wasm").into(), &fs::metadata(pure).unwrap().len().into())
    );
    assert_eq!(fs::read_to_string(shout.join("said")).unwrap(), "run --quiet --package wrap\n");
    assert_eq!(fs::read(shout.join("shout.wasm")).unwrap(), fs::read(pure).unwrap());

    let fails = |compiler: &Path, folder: &str, status: i32, code: &str| {
        let ran = builds(compiler, folder);
        assert_eq!(ran.status, Some(status), "{ran:?}");
        assert!(ran.stderr.contains(code), "{ran:?}");
    };
    fails(&compiler(folder.path(), "fails", "exit 101"), path, 1, "NOT_BUILT");
    fails(&folder.path().join("absent"), path, 1, "NO_COMPILER");
    let module = compiler(folder.path(), "module", "printf '\\0asm\\001\\0\\0\\0' > shout.wasm");
    fails(&module, path, 2, "a module of WebAssembly");
    fails(&works, folder.path().to_str().unwrap(), 2, "NO_RUNNER");
    fs::write(shout.join("Cargo.toml"), "[workspace]\n").unwrap();
    fails(&works, path, 2, "names no package");
}
