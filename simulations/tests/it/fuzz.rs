//! Arbitrary bytes into what reads strangers' scenarios. The same target runs without end under a fuzzer; here it runs for a moment,
//! with bytes that depend on nothing but a seed.

#[allow(dead_code, reason = "other targets make other choices")]
#[path = "../../../crates/protocol/tests/it/fuzz/dice.rs"]
pub(crate) mod dice;
pub(crate) mod scenarios;

/// Bytes of one input are made from this and its number.
const SEED: u64 = 20_261_129;
/// Inputs of a run.
const INPUTS: u64 = 3_000;

/// So many bytes that depend on the seed and a number alone.
fn noise(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&SEED.to_le_bytes()).update(&number.to_le_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

#[test]
fn no_scenario_harms_whoever_reads_it_and_each_that_is_refused_says_where() {
    for number in 0..INPUTS {
        let bytes = noise(number, 1 + (number % 60) as usize);
        let ran = std::panic::catch_unwind(|| scenarios::target(&bytes));
        assert!(ran.is_ok(), "it fails with seed {SEED}, input {number}: {bytes:02x?}");
    }
}
