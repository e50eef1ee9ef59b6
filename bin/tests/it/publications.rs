//! Models that somebody publishes and does not sell, and runners that are built where their sources lie.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    assay::{assay_among, command},
    foundings::model,
    person::Person,
    town::Town,
};

/// How others are told to fetch something from who published it: its manifest, the peer, and all places where that listens.
fn pull(published: &Value) -> Vec<String> {
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
