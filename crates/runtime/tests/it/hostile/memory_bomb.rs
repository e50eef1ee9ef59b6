//! Guests whose memory grows until it is refused, or begins too large.

use assay_runtime::outcome::RunFailure;

#[cfg(target_os = "linux")]
use super::MIB;
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

/// Memory of a process, and what its guest may have of it: more than there is.
#[cfg(target_os = "linux")]
const PROCESS_BYTES: u64 = 512 * MIB;
#[cfg(target_os = "linux")]
const GUEST_BYTES: u64 = 2048 * MIB;

/// Guests that want what their machine has not: one goes on as well without it, the other begins with it.
#[cfg(target_os = "linux")]
fn larger_than_the_machine(world: &World) -> Vec<Job> {
    let goes_on =
        format!("(loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) {ECHO}");
    let jobs = [runner(&goes_on), runner_with("(memory $second 16384)", ECHO)];
    let jobs = jobs.map(|component| {
        let mut job = limited(world.job(&component));
        let limits = &mut job.envelope.limits;
        (limits.process_memory_bytes, limits.guest_memory_bytes) = (PROCESS_BYTES, GUEST_BYTES);
        job
    });
    jobs.into()
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_machine_has_no_memory_for_is_never_a_result_nor_a_trap() {
    check(larger_than_the_machine, &RunFailure::OutOfProcessMemory { bytes: PROCESS_BYTES });
}
