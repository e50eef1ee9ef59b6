//! Guests that say of a tensor what it is not.

use assay_runtime::outcome::RunFailure;

use super::{failure, limited};
use crate::{
    guests::{CALL_ONCE, caller},
    onnx,
    world::{Job, World},
};

/// The input, its columns and its bytes, and what is said of them.
const LIES: [(&str, u32, u32, &str); 5] = [
    ("x", 4, 12, "holds 12 bytes, where its shape needs 16"),
    ("x", 4, 0, "holds 0 bytes, where its shape needs 16"),
    ("x", 5, 20, "has shape [1, 5], not [1, 4]"),
    ("x", u32::MAX, 16, "has shape [1, 4294967295], not [1, 4]"),
    ("z", 4, 16, r#"the model has no input "z"; it has x"#),
];

pub(super) fn jobs(world: &World) -> Vec<Job> {
    let liar = |(input, columns, bytes, _)| caller("model", input, columns, bytes, CALL_ONCE);
    LIES.map(|lie| limited(world.job_on(&liar(lie), &onnx::double()))).into()
}

#[test]
fn a_tensor_that_lies_never_reaches_the_engine() {
    let world = World::new();
    for (job, (_, _, _, said)) in jobs(&world).iter().zip(LIES) {
        let failure = failure(&world, job);
        let RunFailure::Internal(why) = &failure else { panic!("{failure:?}") };
        assert!(why.contains(said), "{why}");
    }
}
