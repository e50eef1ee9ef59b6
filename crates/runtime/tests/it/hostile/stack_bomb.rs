//! A guest that calls deeper and deeper.

use assay_runtime::outcome::RunFailure;

use super::{check, limited};
use crate::{
    guests::runner_with,
    world::{Job, World},
};

const STACK_BYTES: u32 = 512 * 1024;

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
