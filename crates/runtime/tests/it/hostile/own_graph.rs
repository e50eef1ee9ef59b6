//! A guest that brings a graph of its own.

use assay_runtime::outcome::RunFailure;

use super::{check, limited};
use crate::{
    guests::runner,
    onnx,
    world::{Job, World},
};

pub(super) fn jobs(world: &World) -> Vec<Job> {
    let body = "(call $load (i32.const 4096) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 64))
        (if (result i32) (i32.load8_u (i32.const 64))
          (then (call $fail (i32.const 2))) (else (unreachable)))";
    vec![limited(world.job_on(&runner(body), &onnx::double()))]
}

#[test]
fn a_graph_from_the_guests_own_bytes_is_refused() {
    check(jobs, &RunFailure::Unsupported("oops".into()));
}
