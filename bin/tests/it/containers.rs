//! What the file for containers says, as far as it can be held against the sources where no container is built.

use assay_cli::Cli;
use assay_peer::network::USUAL_PORT;
use clap::Parser;

use crate::tidy::repository;

const FILE: &str = include_str!("../../../Containerfile");
const IGNORED: &str = include_str!("../../../.containerignore");
const TOOLCHAIN: &str = include_str!("../../../rust-toolchain.toml");

/// What stands behind each of these words.
fn said(word: &str) -> Vec<&'static str> {
    FILE.lines().filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).collect()
}

#[test]
fn a_container_has_the_compiler_of_the_sources_and_the_usual_port() {
    let channel = TOOLCHAIN.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap();
    let (compiler, system) = (said("FROM")[0], said("FROM")[1]);
    assert!(compiler.contains(&format!("/rust:{}-", channel.trim_matches('"'))), "{compiler}");
    // What is linked to the library of one system needs that of the other to be as new.
    let release = system.split([':', '-']).nth(1).unwrap();
    assert!(compiler.contains(&format!("-{release} ")), "{compiler} builds for {system}");
    assert_eq!(said("EXPOSE"), [USUAL_PORT.to_string()]);
}

#[test]
fn what_is_copied_into_a_container_is_there_and_is_not_kept_out() {
    let copied = said("COPY").into_iter().filter(|line| !line.starts_with("--from"));
    let mut seen = 0;
    for path in copied.flat_map(|line| line.rsplit_once(' ').unwrap().0.split(' ')) {
        assert!(repository().join(path).exists(), "{path} is not there");
        assert!(IGNORED.lines().any(|line| line == format!("!{path}")), "{path} is kept out");
        seen += 1;
    }
    assert!(seen >= 6, "only {seen} paths are copied");
}

#[test]
fn what_a_container_runs_can_be_typed() {
    let list = |word: &str| serde_json::from_str::<Vec<String>>(said(word)[0]).unwrap();
    let started = [list("ENTRYPOINT"), list("CMD")].concat();
    assert_eq!(started[0], "assay");
    Cli::try_parse_from(&started).unwrap();
    let home = said("ENV").into_iter().find_map(|line| line.strip_prefix("ASSAY_HOME=")).unwrap();
    assert_eq!(said("VOLUME"), [home]);
    assert!(FILE.contains(&format!("--mode 0700 --owner assay --group assay {home}")), "its home is private");
    // What its head shows: everything behind the name of the image, or of the container and the program.
    let typed =
        FILE.lines().filter_map(|line| Some(line.strip_prefix("#   podman ")?.split_once(" assay ")?.1));
    let typed: Vec<&str> = typed.filter(|line| !line.starts_with(['.', '-'])).collect();
    for line in &typed {
        let words = line.split(' ').filter(|word| *word != "assay");
        Cli::try_parse_from(["assay"].into_iter().chain(words)).unwrap();
    }
    assert_eq!(typed.len(), 3, "{typed:?}");
}
