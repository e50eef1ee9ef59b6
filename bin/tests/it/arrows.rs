//! The arrows between the crates, as cargo sees them.

use std::{collections::BTreeSet, process::Command};

use serde_json::Value;

/// Who may know whom; nothing else.
const ARROWS: [(&str, &[&str]); 11] = [
    ("assay-protocol", &[]),
    ("assay-engine", &[]),
    ("assay-hub", &[]),
    ("assay-judge", &["assay-protocol"]),
    ("assay-market", &["assay-protocol"]),
    ("assay-recompute", &["assay-engine", "assay-protocol"]),
    ("assay-runtime", &["assay-engine", "assay-protocol"]),
    ("assay-peer", &["assay-market", "assay-protocol", "assay-runtime"]),
    ("assay-gateway", &["assay-market", "assay-peer", "assay-protocol"]),
    ("assay-simulations", &["assay-market", "assay-protocol"]),
    (
        "assay",
        &[
            "assay-gateway",
            "assay-hub",
            "assay-market",
            "assay-peer",
            "assay-protocol",
            "assay-runtime",
            "assay-simulations",
        ],
    ),
];

#[test]
fn the_crates_know_only_whom_they_may() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let names: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    assert_eq!(names, ARROWS.iter().map(|(name, _)| *name).collect(), "the crates of the workspace");
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let (_, allowed) = ARROWS.iter().find(|(known, _)| *known == name).unwrap();
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            let ours = names.contains(to) && dependency["kind"].is_null();
            assert!(!ours || allowed.contains(&to), "{name} must not know {to}");
        }
    }
}
