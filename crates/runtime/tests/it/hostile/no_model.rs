//! Files that are no models, or none that an engine here runs.

use assay_runtime::outcome::RunFailure;

use super::{failure, limited};
use crate::{
    guests::{ECHO, runner},
    onnx,
    world::{Job, World},
};

/// Each, with what is said of it.
fn models() -> [(Vec<u8>, &'static str); 2] {
    [(b"no model at all".to_vec(), ""), (onnx::exotic(), "Transmogrify")]
}

pub(super) fn jobs(world: &World) -> Vec<Job> {
    models().map(|(model, _)| limited(world.job_on(&runner(ECHO), &model))).into()
}

#[test]
fn what_is_no_model_is_refused() {
    let world = World::new();
    for (job, (_, said)) in jobs(&world).iter().zip(models()) {
        let failure = failure(&world, job);
        let RunFailure::NotAModel(why) = &failure else { panic!("{failure:?}") };
        assert!(why.contains(said), "{why:?} does not say {said:?}");
    }
}
