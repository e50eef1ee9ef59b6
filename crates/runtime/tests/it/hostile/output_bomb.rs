//! Guests whose output is longer than it may be.

use assay_protocol::manifest::End;
use assay_runtime::outcome::RunFailure;

use super::{MIB, OUTPUT_BYTES, check, limited};
use crate::{
    guests::runner,
    world::{Job, World},
};

pub(super) fn jobs(world: &World) -> Vec<Job> {
    let body = "(drop (memory.grow (i32.const 48)))
        (call $return (i32.const 0) (i32.const 2097152) (i32.const 0))";
    vec![limited(world.job(&runner(body)))]
}

#[test]
fn an_output_that_is_too_long_is_refused() {
    check(jobs, &RunFailure::OutputTooLong { bytes: 2 * MIB, max: OUTPUT_BYTES });
}

#[test]
fn a_runner_that_emits_for_ever_gets_no_more_than_its_ceiling() {
    let world = World::new();
    let body = "(loop $again
        (br_if $again (call $emit (i32.const 1024) (i32.const 4))))
        (call $return (i32.const 0) (i32.const 0) (i32.const 0))";
    let mut job = world.job(&runner(body));
    job.envelope.limits.output_bytes = 1_000;
    let outcome = world.run(&job, b"").expect("the runner returns when told");
    assert_eq!((outcome.output.len(), outcome.end), (1_000, End::Length));
}
