//! Guests that ask for graphs which are not their job's.

use assay_runtime::outcome::RunFailure;

use super::{failure, limited};
use crate::{
    guests::{CALL_ONCE, caller},
    onnx,
    world::{Job, World},
};

const NAMES: [&str; 4] =
    ["../../etc/passwd", "digits", "", "0000000000000000000000000000000000000000000000000000000000000000"];

fn asker(name: &str) -> Vec<u8> {
    caller(name, "x", 4, 16, CALL_ONCE)
}

pub(super) fn jobs(world: &World) -> Vec<Job> {
    NAMES.map(|name| limited(world.job_on(&asker(name), &onnx::double()))).into()
}

fn refused(why: &str) -> RunFailure {
    RunFailure::Internal(format!("oops (engine: {why})"))
}

#[test]
fn a_graph_by_a_forged_name_is_not_found() {
    let world = World::new();
    for (job, name) in jobs(&world).iter().zip(NAMES) {
        assert_eq!(failure(&world, job), refused(&format!("no graph is called {name:?}")));
    }
    let job = world.job(&asker("model"));
    assert_eq!(failure(&world, &job), refused("the job has no model"));
}
