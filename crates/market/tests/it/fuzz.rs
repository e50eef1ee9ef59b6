//! Arbitrary bytes into a notary's books: a moment of what runs without end under a fuzzer, with bytes that depend on
//! nothing but a seed.

use std::panic::catch_unwind;

use assay_protocol::codec;

use super::facts;

/// Bytes of one input are made from this and its number.
const SEED: u64 = 20_261_121;
/// Inputs in one run.
const INPUTS: u64 = 200;

/// So many bytes that depend on the seed and a number alone.
fn noise(number: u64, length: usize) -> Vec<u8> {
    let blocks = (0_u64..).flat_map(|block| codec::digest("noise", &(SEED, number, block)).0);
    blocks.take(length).collect()
}

#[test]
fn no_sequence_of_facts_breaks_the_books() {
    for number in 0..INPUTS {
        let bytes = noise(number, 1 + (number * 7 % 900) as usize);
        let ran = catch_unwind(|| facts::target(&bytes));
        assert!(ran.is_ok(), "facts fails with seed {SEED}, input {number}: {bytes:02x?}");
    }
}
