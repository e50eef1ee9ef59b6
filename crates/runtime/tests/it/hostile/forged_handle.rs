//! Guests that use handles which nobody gave them, or not for this.

use assay_runtime::outcome::RunFailure;

use super::{failure, limited};
use crate::{
    guests::runner,
    onnx,
    world::{Job, World},
};

/// What each does, and what it is told.
const FORGERS: [(&str, &str); 3] = [
    ("(call $context (i32.const 4242) (i32.const 64)) (unreachable)", "unknown handle index 4242"),
    ("(call $context (i32.const 0) (i32.const 64)) (unreachable)", "unknown handle index 0"),
    (
        "(call $context
          (call $tensor (i32.const 4096) (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 1))
          (i32.const 64)) (unreachable)",
        "used with the wrong type",
    ),
];

pub(super) fn jobs(world: &World) -> Vec<Job> {
    FORGERS.map(|(body, _)| limited(world.job_on(&runner(body), &onnx::double()))).into()
}

#[test]
fn a_forged_handle_is_a_trap() {
    let world = World::new();
    for (job, (_, said)) in jobs(&world).iter().zip(FORGERS) {
        let failure = failure(&world, job);
        let RunFailure::Trap(why) = &failure else { panic!("{failure:?}") };
        assert!(why.contains(said), "{why}");
    }
}
