//! A call of a model that never returns, which neither fuel nor a clock within the process ends.

use assay_runtime::outcome::RunFailure;

use super::{check, limited};
use crate::{
    guests::{CALL_ONCE, caller},
    onnx,
    world::{Job, World},
};

const WALL_MS: u64 = 500;

pub(super) fn jobs(world: &World) -> Vec<Job> {
    let mut job = limited(world.job_on(&caller("model", "x", 1, 4, CALL_ONCE), &onnx::sloth()));
    job.envelope.limits.wall_ms = WALL_MS;
    vec![job]
}

#[test]
fn a_model_call_that_does_not_return_is_killed_from_outside() {
    check(jobs, &RunFailure::WallTime { ms: WALL_MS });
}
