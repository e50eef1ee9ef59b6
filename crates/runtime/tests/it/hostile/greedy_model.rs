//! A model that wants more memory than a process has.

use assay_runtime::outcome::RunFailure;

use super::{MIB, check, limited};
use crate::{
    guests::{CALL_ONCE, caller},
    onnx,
    world::{Job, World},
};

const PROCESS_BYTES: u64 = 512 * MIB;

pub(super) fn jobs(world: &World) -> Vec<Job> {
    let mut job = limited(world.job_on(&caller("model", "x", 4, 16, CALL_ONCE), &onnx::glutton()));
    job.envelope.limits.process_memory_bytes = PROCESS_BYTES;
    vec![job]
}

#[test]
fn a_model_that_eats_all_memory_is_told_so() {
    check(jobs, &RunFailure::OutOfProcessMemory { bytes: PROCESS_BYTES });
}
