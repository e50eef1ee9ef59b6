//! What clears a terminal, in every text of a run that a stranger chooses.
//!
//! It is told as it was said, or quoted, and never longer than it may be. Whoever shows it escapes it: a terminal has one door.

use assay_runtime::outcome::{RunFailure, TEXT_BYTES_MAX};

use super::{altered, failure, generator, limited};
use crate::{
    guests::{CALL_ONCE, ECHO, caller, quoted, runner, runner_with},
    onnx,
    world::{Job, World},
};

/// Clears a terminal, and calls its window something else.
const ESCAPE: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}";
/// As long as the name of the shipped model's family.
const SHORT: &str = "\u{1b}[2J\u{7}";

/// A runner that has the escape at 2048.
fn sayer(body: &str) -> Vec<u8> {
    runner_with(&format!(r#"(data (i32.const 2048) "{}")"#, quoted(ESCAPE)), body)
}

/// A runner that fails in one of four ways, with so many bytes of its memory.
fn failer(kind: usize, from: usize, bytes: usize) -> Vec<u8> {
    sayer(&format!("(call $fail_with (i32.const {kind}) (i32.const {from}) (i32.const {bytes}))"))
}

/// Each text that a stranger chooses, and what is told of it.
fn sayings(world: &World) -> Vec<(Job, RunFailure)> {
    let ways: [fn(String) -> RunFailure; 4] =
        [RunFailure::BadInput, RunFailure::BadParams, RunFailure::Unsupported, RunFailure::Internal];
    let length = ESCAPE.len();
    let mut sayings = Vec::new();
    for (kind, way) in ways.into_iter().enumerate() {
        sayings.push((world.job(&failer(kind, 2048, length)), way(ESCAPE.to_owned())));
        // Where nobody wrote there are noughts.
        sayings.push((world.job(&failer(kind, 8192, 5_000)), way("\0".repeat(TEXT_BYTES_MAX))));
    }
    let engine = |why: String| RunFailure::Internal(format!("oops (engine: {why})"));
    let asker = caller(ESCAPE, "x", 4, 16, CALL_ONCE);
    sayings.push((world.job_on(&asker, &onnx::double()), engine(format!("no graph is called {ESCAPE:?}"))));
    let giver = caller("model", ESCAPE, 4, 16, CALL_ONCE);
    let why = format!("the model has no input {ESCAPE:?}; it has x");
    sayings.push((world.job_on(&giver, &onnx::double()), engine(why)));
    let reader = sayer(&format!(
        "(call $tokenize (i32.const 2048) (i32.const {length}) (i32.const 1024) (i32.const 4)
          (i32.const 0) (i32.const 64))
        (call $fail_with (i32.const 3) (i32.load (i32.const 68)) (i32.load (i32.const 72)))"
    ));
    sayings.push((world.job(&reader), RunFailure::Internal(format!("no model is called {ESCAPE:?}"))));
    let why = format!("it needs ONNX Runtime: rten does not run {ESCAPE}, and ONNX Runtime is not here");
    sayings.push((world.job_on(&runner(ECHO), &onnx::lone(ESCAPE, &[])), RunFailure::NotAModel(why)));
    sayings
}

pub(super) fn jobs(world: &World) -> Vec<Job> {
    sayings(world).into_iter().map(|(job, _)| limited(job)).collect()
}

#[test]
fn what_a_guest_says_is_told_as_it_said_it_and_no_longer_than_it_may_be() {
    let world = World::new();
    let body = format!(
        "(call $log (i32.const 2048) (i32.const {}))
        (call $return (i32.const 0) (i32.const 0) (i32.const 0))",
        ESCAPE.len()
    );
    let outcome = world.run(&world.job(&sayer(&body)), b"").expect("the runner returns");
    assert_eq!(outcome.log, [ESCAPE]);
    for (job, told) in sayings(&world) {
        assert_eq!(failure(&world, &job), told);
    }
}

#[test]
fn what_a_model_of_language_says_is_told_as_it_said_it() {
    let world = World::new();
    let generate = generator(&world);
    let job = world.job_on(&generate, &altered("general.architecture", SHORT));
    let refused = failure(&world, &job);
    let RunFailure::NotAModel(why) = &refused else { panic!("{refused:?}") };
    assert!(why.starts_with(&format!("models of the family {SHORT} are not run")), "{why:?}");
    let template = format!("{{{{ raise_exception('{ESCAPE}') }}}}");
    let job = world.job_on(&generate, &altered("tokenizer.chat_template", &template));
    let refused = failure(&world, &job);
    let RunFailure::BadInput(why) = &refused else { panic!("{refused:?}") };
    assert!(why.contains(ESCAPE) && why.len() <= TEXT_BYTES_MAX, "{why:?}");
}
