//! Arbitrary bytes into the law. The same targets run without end under a fuzzer that watches which lines they reach;
//! here each runs for a moment, with bytes that depend on nothing but a seed.

pub(crate) mod decode;
pub(crate) mod dice;
pub(crate) mod open;
pub(crate) mod play;
pub(crate) mod run;
pub(crate) mod seeds;
pub(crate) mod steps;
pub(crate) mod town;
pub(crate) mod verify;

use std::collections::BTreeSet;

use assay_protocol::{codec, outcome::Outcome};

use self::{
    dice::Dice,
    play::Play,
    town::{EXACT, SOUND, TEXTS, Town},
};

/// Bytes of one input are made from this and its number.
const SEED: u64 = 20_261_121;

/// So many bytes that depend on the seed and a number alone.
pub(crate) fn noise(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 32);
    while bytes.len() < length {
        let block = codec::digest("noise", &(SEED, number, bytes.len() as u64));
        bytes.extend(block.0);
    }
    bytes.truncate(length);
    bytes
}

/// Runs a target on so many inputs; one that fails says which, so that it can be run alone.
fn run(name: &str, inputs: u64, input: impl Fn(u64) -> Vec<u8>, target: fn(&[u8])) {
    for number in 0..inputs {
        let bytes = input(number);
        let ran = std::panic::catch_unwind(|| target(&bytes));
        assert!(
            ran.is_ok(),
            "{name} fails with seed {SEED}, input {number}: {} bytes {bytes:02x?}",
            bytes.len()
        );
    }
}

/// Noise of a length that grows with its number and begins again.
fn any_noise(number: u64) -> Vec<u8> {
    noise(number, 1 + (number % 300) as usize)
}

#[test]
fn what_is_read_has_one_encoding() {
    run("decode", 20_000, any_noise, decode::target);
}

#[test]
fn what_is_signed_opens_and_what_was_changed_does_not() {
    run("open", 2_000, any_noise, open::target);
}

#[test]
fn true_receipts_are_confirmed_and_changed_ones_refused() {
    run("verify", 1_000, any_noise, verify::target);
}

#[test]
fn the_played_jobs_end_in_every_way() {
    let ends = (0..6_000).filter_map(|number| {
        let choices = noise(number, 40);
        let town: &Town = [&*SOUND, &EXACT, &TEXTS][number as usize % 3];
        let story = Play::to_its_end(town, &mut Dice::new(&choices)).receipt()?.story;
        Some(story.outcome)
    });
    let ends: BTreeSet<Outcome> = ends.collect();
    let missing: Vec<&Outcome> = Outcome::ALL.iter().filter(|outcome| !ends.contains(outcome)).collect();
    assert!(missing.is_empty(), "no job ended as {missing:?}");
}

#[test]
fn no_sequence_of_steps_breaks_a_job() {
    run("steps", 1_000, any_noise, steps::target);
}
