//! Answers by a schema: what is written fits it, a check holds to the same, and what breaks it is no claim that stands.
//!
//! **Invariant:** the model is the one that is shipped, which knows nothing but sums, and so is the runner.

use assay_protocol::{
    frames,
    manifest::{End, Meter, TokenWeights, tokens_read_least},
};
use assay_runtime::{
    outcome::{Completed, RunFailure},
    worker::Given,
};

use crate::world::{Job, World, shipped};

const SCHEMA: &str = r#"{"type":"object","properties":{"sum":{"type":"integer"},"sure":{"type":"boolean"},
    "words":{"type":"string","maxLength":12},"rest":{"type":"array","items":{"anyOf":[{"type":"null"},{"const":"é"}]},"maxItems":2}},
    "required":["sum","sure","words","rest"],"additionalProperties":false}"#;

fn sums(world: &World, params: &str) -> Job {
    let mut job = world.job_on(&shipped("runners/generate/generate.wasm"), &shipped("models/sums/sums.gguf"));
    job.envelope.params = params.into();
    job.envelope.meter = Meter::Tokens(TokenWeights { read: 1, written: 4 });
    job
}

fn asked(schema: &str) -> String {
    format!(r#"{{"text":"27+58=","json_schema":{schema}}}"#)
}

fn text(completed: &Completed) -> String {
    String::from_utf8(frames::text(&completed.output)).expect("an answer is UTF-8")
}

fn check(world: &World, job: &Job, input: &str, claimed: &Completed) -> Completed {
    let given = Given { input: input.as_bytes(), draft: &claimed.output, ..Given::default() };
    world.pool.run(&job.envelope, job.files(), given, &mut ()).expect("the check succeeds")
}

/// Whether it is an object by [`SCHEMA`], asked without looking at the schema.
fn fits(text: &str) -> bool {
    let fields: Vec<&str> = text.split('"').skip(1).step_by(2).collect();
    let bare: String = text.chars().filter(|character| *character != ' ').collect();
    bare.starts_with(r#"{"sum":"#)
        && bare.ends_with("]}")
        && ["sum", "sure", "words"].iter().zip(&fields).all(|(due, field)| due == field)
        && (bare.contains(r#","sure":true,"#) || bare.contains(r#","sure":false,"#))
        && text.contains(r#""rest":"#)
}

#[test]
fn an_answer_by_a_schema_fits_it_and_its_check_agrees() {
    let world = World::new();
    let input = asked(SCHEMA);
    for (temperature, seed) in [(0, 0), (1, 1), (1, 2), (9, 3), (9, 4)] {
        let job = sums(&world, &format!(r#"{{"temperature":{temperature},"seed":{seed},"max_tokens":400}}"#));
        let claimed = world.run(&job, input.as_bytes()).expect("the job succeeds");
        assert_eq!(claimed.end, End::Stop, "{}", text(&claimed));
        assert!(fits(&text(&claimed)), "{}", text(&claimed));
        assert_eq!(check(&world, &job, &input, &claimed), claimed);
    }
    // What the model would have said anyway it says, and ends as it would.
    let job = sums(&world, r#"{"temperature":0}"#);
    let claimed = world.run(&job, asked(r#"{"type":"integer"}"#).as_bytes()).expect("the job succeeds");
    assert_eq!((text(&claimed).as_str(), claimed.end), ("85", End::Stop));
    let free = world.run(&job, b"27+58=").expect("the job succeeds");
    // To hold a schema is work of the guest's alone, which no token and no row shows.
    assert_eq!((&claimed.output, &claimed.rows), (&free.output, &free.rows));
}

#[test]
fn a_text_that_breaks_its_schema_is_not_what_a_check_finds() {
    let world = World::new();
    let job = sums(&world, r#"{"temperature":0,"max_tokens":400}"#);
    let input = asked(SCHEMA);
    let honest = world.run(&job, input.as_bytes()).expect("the job succeeds");
    // Prose, which costs its provider less, and a document by another schema, which begins in the same way.
    let prose = world.run(&job, b"27+58=").expect("the job succeeds");
    let other = SCHEMA.replace("\"integer\"", "\"null\"");
    let other = world.run(&job, asked(&other).as_bytes()).expect("the job succeeds");
    assert!(text(&other).starts_with(r#"{"sum":"#) && text(&other) != text(&honest), "{}", text(&other));
    for lie in [prose, other] {
        let checked = check(&world, &job, &input, &lie);
        assert_eq!(checked, honest, "a lie changes nothing of what is found");
        assert_ne!((&checked.output, &checked.rows), (&lie.output, &lie.rows));
    }
}

#[test]
fn a_document_that_is_cut_off_says_so_and_one_that_cannot_be_held_is_refused() {
    let world = World::new();
    let job = sums(&world, r#"{"temperature":0,"max_tokens":9}"#);
    let input = asked(SCHEMA);
    let cut = world.run(&job, input.as_bytes()).expect("the job succeeds");
    assert_eq!((cut.end, cut.rows.len()), (End::Length, 9));
    assert!(text(&cut).starts_with(r#"{"sum":"#), "{}", text(&cut));
    assert_eq!(check(&world, &job, &input, &cut), cut);
    let refused = world.run(&job, asked(r#"{"type":"string","pattern":"a"}"#).as_bytes());
    let why = r#"the parameters are wrong: json_schema: "pattern" at its root is not held"#;
    assert_eq!(refused, Err(RunFailure::BadParams(why.into())));
}

#[test]
fn the_bytes_of_a_schema_are_paid_though_no_model_reads_them() {
    let world = World::new();
    let words: Vec<String> = (0..400).map(|number| format!("\"word {number}\"")).collect();
    let input = asked(&format!(r#"{{"enum":[{}]}}"#, words.join(",")));
    let least = tokens_read_least(input.len() as u64);
    let mut job = sums(&world, r#"{"temperature":0}"#);
    let claimed = world.run(&job, input.as_bytes()).expect("the job succeeds");
    assert_eq!(claimed.meters.tokens_read, least, "{}", text(&claimed));
    assert_eq!(check(&world, &job, &input, &claimed), claimed);
    job.envelope.units_max = least - 1;
    let unpaid = world.run(&job, input.as_bytes());
    assert_eq!(unpaid, Err(RunFailure::OutOfUnits { units: least - 1 }));
}
