//! Components that are no runners: without the export, with an import that runners may not have, or no components at all.

use assay_runtime::outcome::RunFailure;

use super::{failure, limited};
use crate::{
    guests::{ECHO, runner},
    world::{Job, World},
};

/// Each, with what is said of it.
fn components() -> [(Vec<u8>, &'static str); 6] {
    let component = |text: &str| wat::parse_str(text).expect("it is well formed");
    [
        (Vec::new(), ""),
        (b"\0asm\x01\0\0\0".to_vec(), "module"),
        (runner(ECHO)[..500].to_vec(), ""),
        (component("(component)"), "it does not export assay:runner/running@2.0.0"),
        (
            component(r#"(component (import "wasi:clocks/wall-clock@0.2.0" (instance)))"#),
            "it imports wasi:clocks/wall-clock@0.2.0, which runners may not",
        ),
        (
            component(
                r#"(component (instance $empty) (export "assay:runner/running@2.0.0" (instance $empty)))"#,
            ),
            "run",
        ),
    ]
}

pub(super) fn jobs(world: &World) -> Vec<Job> {
    components().map(|(component, _)| limited(world.job(&component))).into()
}

#[test]
fn what_is_no_runner_is_refused_by_name() {
    let world = World::new();
    for (job, (_, said)) in jobs(&world).iter().zip(components()) {
        let failure = failure(&world, job);
        let RunFailure::NotARunner(why) = &failure else { panic!("{failure:?}") };
        assert!(why.contains(said), "{why:?} does not say {said:?}");
    }
}
