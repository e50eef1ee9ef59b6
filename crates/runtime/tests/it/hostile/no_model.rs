//! Files that are no models, or none that an engine here runs.

use assay_engine::gguf::Writer;
use assay_runtime::outcome::RunFailure;

use super::{failure, limited};
use crate::{
    guests::{ECHO, runner},
    onnx,
    world::{Job, World},
};

/// Each, with what is said of it.
fn models() -> [(Vec<u8>, &'static str); 3] {
    let part = Writer::new().key("split.no", 0_u16).key("split.count", 3_u16).to_bytes(|_, _| {});
    [
        (b"no model at all".to_vec(), ""),
        (onnx::exotic(), "Transmogrify"),
        (part, "the file is part 1 of 3 of a model"),
    ]
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
