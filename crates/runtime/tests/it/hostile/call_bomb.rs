//! A guest that hands over more in one call than it may.

use assay_runtime::outcome::RunFailure;

use super::{CALL_BYTES, check, limited};
use crate::{
    guests::runner,
    world::{Job, World},
};

pub(super) fn jobs(world: &World) -> Vec<Job> {
    let body = "(drop (memory.grow (i32.const 100)))
        (drop (call $emit (i32.const 0) (i32.const 5242880))) (unreachable)";
    vec![limited(world.job(&runner(body)))]
}

#[test]
fn a_call_that_hands_over_too_much_is_stopped() {
    check(jobs, &RunFailure::HostCallTooLong { bytes: CALL_BYTES });
}
