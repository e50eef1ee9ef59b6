//! Arbitrary bytes into what reads strangers' files and texts. The same targets run without end under a fuzzer; here
//! each runs for a moment, with bytes that depend on nothing but a seed.

#[allow(dead_code, reason = "other targets make other choices")]
#[path = "../../../protocol/tests/it/fuzz/dice.rs"]
pub(crate) mod dice;
pub(crate) mod files;
mod models;
pub(crate) mod texts;

/// Bytes of one input are made from this and its number.
const SEED: u64 = 20_261_126;

/// So many bytes that depend on the seed and a number alone.
fn noise(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&SEED.to_le_bytes()).update(&number.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

/// Runs a target on so many inputs; one that fails says which, so that it can be run alone.
fn run(name: &str, inputs: u64, target: fn(&[u8])) {
    for number in 0..inputs {
        let bytes = noise(number, 1 + (number % 60) as usize);
        let ran = std::panic::catch_unwind(|| target(&bytes));
        assert!(ran.is_ok(), "{name} fails with seed {SEED}, input {number}: {bytes:02x?}");
    }
}

#[test]
fn no_file_harms_whoever_reads_it() {
    run("files", 100_000, files::target);
}

#[test]
fn what_is_made_of_tokens_is_the_text() {
    run("texts", 4_000, texts::target);
}

#[test]
fn a_model_that_is_run_gives_rows_or_is_refused() {
    run("models", 1_500, models::target);
}
