//! A guest whose table grows until it is refused.

use assay_runtime::outcome::RunFailure;

use super::{check, limited};
use crate::{
    guests::runner_with,
    world::{Job, World},
};

const ELEMENTS: u32 = 65_536;

pub(super) fn jobs(world: &World) -> Vec<Job> {
    let bomb = "(loop $again (br_if $again
        (i32.ne (table.grow $bomb (ref.null func) (i32.const 1000)) (i32.const -1)))) (unreachable)";
    let mut job = limited(world.job(&runner_with("(table $bomb 1 funcref)", bomb)));
    job.envelope.limits.table_elements = ELEMENTS;
    vec![job]
}

#[test]
fn a_table_bomb_is_refused() {
    check(jobs, &RunFailure::OutOfTable { elements: ELEMENTS });
}
