//! What the fuzz targets run: the same files that the seeded runs in the tests of `crates/protocol`, `crates/market`,
//! `crates/engine` and `simulations` are made of.
#![allow(dead_code, reason = "the seeded runs use more of these files")]

mod books;
#[path = "../../crates/protocol/tests/it/fuzz/decode.rs"]
mod decode;
#[path = "../../crates/protocol/tests/it/fuzz/dice.rs"]
mod dice;
#[path = "../../crates/engine/tests/it/fuzz/files.rs"]
mod files;
#[path = "../../crates/engine/tests/it/fuzz/models.rs"]
mod models;
#[path = "../../crates/protocol/tests/it/fuzz/open.rs"]
mod open;
#[path = "../../crates/protocol/tests/it/fuzz/play.rs"]
mod play;
#[path = "../../crates/protocol/tests/it/fuzz/run.rs"]
mod run;
#[path = "../../crates/protocol/tests/it/samples.rs"]
mod samples;
#[path = "../../simulations/tests/it/fuzz/scenarios.rs"]
mod scenarios;
#[path = "../../crates/protocol/tests/it/fuzz/seeds.rs"]
mod seeds;
#[path = "../../crates/engine/tests/it/shapes.rs"]
mod shapes;
#[path = "../../crates/protocol/tests/it/fuzz/steps.rs"]
mod steps;
#[path = "../../crates/engine/tests/it/fuzz/texts.rs"]
mod texts;
#[path = "../../crates/protocol/tests/it/fuzz/town.rs"]
mod town;
#[path = "../../crates/protocol/tests/it/fuzz/verify.rs"]
mod verify;

/// Bytes from strangers.
pub fn decode(bytes: &[u8]) {
    decode::target(bytes);
}

/// Statements that are signed and then changed.
pub fn open(bytes: &[u8]) {
    open::target(bytes);
}

/// Receipts that are judged, changed and judged again.
pub fn verify(bytes: &[u8]) {
    verify::target(bytes);
}

/// Steps into a job.
pub fn steps(bytes: &[u8]) {
    steps::target(bytes);
}

/// Facts into a notary's books.
pub fn facts(bytes: &[u8]) {
    books::facts::target(bytes);
}

/// Model files.
pub fn files(bytes: &[u8]) {
    files::target(bytes);
}

/// Models that are run.
pub fn models(bytes: &[u8]) {
    models::target(bytes);
}

/// Texts by small vocabularies.
pub fn texts(bytes: &[u8]) {
    texts::target(bytes);
}

/// Scenarios.
pub fn scenarios(bytes: &[u8]) {
    scenarios::target(bytes);
}
