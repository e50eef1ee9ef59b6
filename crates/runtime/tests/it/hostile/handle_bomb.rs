//! A guest that gives no handle back.

use assay_runtime::outcome::RunFailure;

use super::{HANDLES, check, limited};
use crate::{
    guests::runner,
    world::{Job, World},
};

pub(super) fn jobs(world: &World) -> Vec<Job> {
    let body = "(loop $again
        (drop (call $tensor (i32.const 4096) (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 1)))
        (br $again)) (unreachable)";
    vec![limited(world.job(&runner(body)))]
}

#[test]
fn a_runner_that_hoards_handles_is_stopped() {
    check(jobs, &RunFailure::OutOfHandles { handles: HANDLES });
}
