//! Markets of a thousand peers and of ten thousand whose runs are pinned: they go as ever, on one thread and on two, in a build for
//! tests and in an optimised one. Small markets would hide what does not.

use std::fs;

use assay_protocol::codec;
use assay_simulations::lab::{
    experiment::{self, RunFigures},
    scenario::Scenario,
    shipped,
};

/// Set to `write`, this variable pins the markets anew.
const SWITCH: &str = "ASSAY_GOLDEN";
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/crowds");
/// Peers beside clients: the notary, founders who are honest, lie, and seal noise, and newcomers.
const OTHERS: u64 = 1 + 32 + 4 + 4 + 4;

/// A market of so many peers, two seeds of it.
fn market(peers: u64) -> Scenario {
    let clients = peers - OTHERS;
    let text = format!(
        "[run]\nkernel = \"lab\"\nhorizon = \"3 s\"\nseeds = 2\n[workload]\nbetween = \"20 ms\"\n\
         [[population]]\nname = \"honest\"\ncount = 32\n\
         [[population]]\nname = \"forgers\"\ncount = 4\nbehaviour = \"forger\"\n\
         [[population]]\nname = \"lazy\"\ncount = 4\nbehaviour = \"lazy-verifier\"\n\
         [[population]]\nname = \"newcomers\"\nrole = \"newcomer\"\ncount = 4\n\
         [[population]]\nname = \"clients\"\nrole = \"client\"\ncount = {clients}\n"
    );
    Scenario::read("crowd.toml", &text, &shipped::text).unwrap_or_else(|error| panic!("{error}"))
}

/// A run in a line: its digest, and that of its figures to the last bit.
fn line(run: &RunFigures) -> String {
    let bits: Vec<(&str, Option<u64>)> =
        run.figures.iter().map(|(name, value)| (name.as_str(), value.map(f64::to_bits))).collect();
    let figures = codec::digest("figures", &bits);
    let figures: String = figures.0.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("seed {}: {}, {} events, figures {figures}\n", run.seed, run.digest, run.events)
}

fn check(peers: u64) {
    let scenario = market(peers);
    let [one, two] = [1, 2].map(|threads| {
        experiment::run_on(threads, &scenario, 1, false).unwrap_or_else(|error| panic!("{error}"))
    });
    assert_eq!(one, two, "one thread and two");
    let now: String = one.iter().map(line).collect();
    let file = format!("{FOLDER}/{peers}.txt");
    if std::env::var(SWITCH).is_ok_and(|wish| wish == "write") {
        let written = fs::create_dir_all(FOLDER).and_then(|()| fs::write(&file, &now));
        written.unwrap_or_else(|error| panic!("{file}: {error}"));
    }
    let pinned = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert_eq!(
        now, pinned,
        "something else happens among {peers} peers than before; if that is meant, pin it anew with {SWITCH}=write"
    );
}

#[test]
fn the_same_happens_among_a_thousand_peers_as_ever() {
    check(1_000);
}

#[test]
#[ignore = "a minute or two: part of .ci/long, in a build for tests and in an optimised one"]
fn the_same_happens_among_ten_thousand_peers_as_ever_in_every_build() {
    check(10_000);
}
