//! What it takes to hold an answer to a schema where the vocabulary is as large as those in use: counted in the guest's own
//! instructions, which are the same on every machine.

use assay_protocol::manifest::{Meter, TokenWeights};
use assay_runtime::{envelope::RunLimits, outcome::Completed};

use crate::{
    wide::{self, TOKENS},
    world::{Job, World, shipped},
};

/// Instructions of an answer, of those that a run may have: a twentieth.
const ANSWER_SHARE: u64 = 20;
/// The same of one more choice behind the first, which asks what each token's bytes are: a two-thousandth.
const CHOICE_SHARE: u64 = 2_000;
/// Tokens of a short and of a long answer.
const LENGTHS: [u32; 2] = [8, 40];

/// Where little may follow, so that all of the vocabulary is asked before a token is found, and where nearly all of it may.
const SCHEMAS: [(&str, &str); 2] = [
    ("little may follow", r#"{"type":"array","minItems":64,"items":{"enum":["cat","cattle","dog"]}}"#),
    ("most may follow", r#"{"type":"string","minLength":1000}"#),
];

/// An answer of so many tokens at most.
fn answer(world: &World, job: &mut Job, schema: &str, temperature: u32, tokens: u32) -> Completed {
    job.envelope.params = format!(r#"{{"raw":true,"temperature":{temperature},"max_tokens":{tokens}}}"#);
    let input = format!(r#"{{"text":"27+58=","json_schema":{schema}}}"#);
    world.run(job, input.as_bytes()).expect("the job succeeds")
}

#[test]
fn a_schema_over_150_000_tokens_takes_a_small_part_of_the_instructions_of_a_run() {
    let (world, all) = (World::new(), RunLimits::default().fuel);
    let mut job = world.job_on(&shipped("runners/generate/generate.wasm"), &wide::model());
    job.envelope.meter = Meter::Tokens(TokenWeights { read: 1, written: 4 });
    for (name, schema) in SCHEMAS {
        for temperature in [0, 1] {
            let [short, long] = LENGTHS.map(|tokens| answer(&world, &mut job, schema, temperature, tokens));
            let written = [&short, &long].map(|answer| answer.rows.len() as u64);
            assert_eq!(written, LENGTHS.map(u64::from), "{name} at {temperature}: it ends where it was to");
            let each = (long.meters.fuel - short.meters.fuel) / (written[1] - written[0]);
            let (beside, whole) = ((written[0] - 1) * each, long.meters.fuel);
            let first = short.meters.fuel.saturating_sub(beside);
            println!(
                "{TOKENS} tokens, {name}, temperature {temperature}: {:.1} million instructions for the first of them, {:.1} \
                 for each of the others, {:.2} % of a run for {}",
                first as f64 / 1e6,
                each as f64 / 1e6,
                100.0 * whole as f64 / all as f64,
                written[1],
            );
            assert!(whole <= all / ANSWER_SHARE, "{name} at {temperature}: {whole} of {all}");
            assert!(each <= all / CHOICE_SHARE, "{name} at {temperature}: {each} a choice, of {all}");
        }
    }
}
