//! A guest that calls deeper and deeper.

use assay_runtime::outcome::RunFailure;

use super::{check, limited};
use crate::{
    guests::{ECHO, runner_with},
    world::{Job, World},
};

const STACK_BYTES: u32 = 512 * 1024;
/// Calls within each other that a run has no stack for, and its check has: each takes between 27 and 104 bytes.
const CALLS: u32 = 20_000;

pub(super) fn jobs(world: &World) -> Vec<Job> {
    let fields = "(func $deeper (param i32) (result i32)
        (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (local.get 0)))";
    let component = runner_with(fields, "(drop (call $deeper (i32.const 0))) (unreachable)");
    let mut job = limited(world.job(&component));
    job.envelope.limits.stack_bytes = STACK_BYTES;
    vec![job]
}

#[test]
fn a_stack_bomb_is_stopped() {
    check(jobs, &RunFailure::OutOfStack { bytes: STACK_BYTES });
}

#[test]
fn a_check_calls_deeper_than_the_run_that_it_checks_could() {
    let world = World::new();
    let fields = "(func $deeper (param i32) (result i32)
        (if (result i32) (local.get 0)
            (then (i32.add (call $deeper (i32.sub (local.get 0) (i32.const 1))) (local.get 0)))
            (else (i32.const 0))))";
    let body = format!("(drop (call $deeper (i32.const {CALLS}))) {ECHO}");
    let mut job = limited(world.job(&runner_with(fields, &body)));
    job.envelope.limits.stack_bytes = STACK_BYTES;
    assert_eq!(world.failure(&job), RunFailure::OutOfStack { bytes: STACK_BYTES });
    job.envelope.limits = job.envelope.limits.of_check();
    let ran = world.run(&job, b"deep").expect("there is stack for it");
    assert_eq!(ran.output, b"deep");
}
