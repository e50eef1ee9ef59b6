//! A guest that calls its model more often than was ordered.

use assay_protocol::manifest::End;
use assay_runtime::outcome::RunFailure;

use super::{check, limited};
use crate::{
    guests::caller,
    onnx,
    world::{Job, World},
};

const UNITS: u64 = 3;

/// Calls until it is refused, and does this then.
fn calls(world: &World, then: &str) -> Job {
    let body = format!("(loop $again (br_if $again (i32.eqz (call $once)))) {then}");
    let mut job = limited(world.job_on(&caller("model", "x", 4, 16, &body), &onnx::double()));
    job.envelope.units_max = UNITS;
    job
}

pub(super) fn jobs(world: &World) -> Vec<Job> {
    vec![calls(world, "(call $fail (i32.const 3))")]
}

#[test]
fn a_call_beyond_the_units_ordered_is_refused() {
    check(jobs, &RunFailure::OutOfUnits { units: UNITS });
    let world = World::new();
    let content = calls(&world, "(call $return (i32.const 1024) (i32.const 1) (i32.const 0))");
    let outcome = world.run(&content, b"").expect("the runner returns what it has");
    assert_eq!((outcome.end, outcome.meters.calls), (End::Length, UNITS));
}
