//! Guests whose memory grows until it is refused, or begins too large.

use assay_runtime::outcome::RunFailure;

use super::{MEMORY_BYTES, check, limited};
use crate::{
    guests::{ECHO, runner, runner_with},
    world::{Job, World},
};

pub(super) fn jobs(world: &World) -> Vec<Job> {
    let grows =
        "(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)";
    [runner(grows), runner_with("(memory $second 4096)", ECHO)]
        .map(|component| limited(world.job(&component)))
        .into()
}

#[test]
fn a_memory_bomb_is_told_that_memory_is_out_not_that_it_trapped() {
    check(jobs, &RunFailure::OutOfMemory { bytes: MEMORY_BYTES });
}
