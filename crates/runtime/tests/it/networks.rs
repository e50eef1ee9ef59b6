//! Networks of anybody, on tensors as they are given: what is computed, and what is refused because it would be wrong.

use assay_runtime::outcome::RunFailure;

use crate::{
    onnx::{apart, double, line, lone, mapped, nameless},
    world::{Job, World, shipped},
};

/// The shipped runner on such a model.
pub(crate) fn job(world: &World, model: &[u8]) -> Job {
    world.job_on(&shipped("runners/tensors/tensors.wasm"), model)
}

/// One tensor as the runner reads and writes it.
pub(crate) fn written(name: &str, shape: &[u32], numbers: &[f32]) -> Vec<u8> {
    let line = format!(r#"[{{"name":"{name}","type":"f32","shape":{shape:?}}}]"#).replace(", ", ",");
    let numbers = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    [line.into_bytes(), b"\n".to_vec(), numbers].concat()
}

#[test]
fn any_network_runs_on_tensors_as_they_are_given() {
    let world = World::new();
    let mut job = job(&world, &double());
    let input = written("x", &[1, 4], &[1.0, 2.0, 3.0, 4.0]);
    let doubled = [2.0, 4.0, 6.0, 8.0];
    assert_eq!(world.run(&job, &input).expect("it runs").output, written("y", &[1, 4], &doubled));
    job.envelope.params = r#"{"output":"y"}"#.into();
    let numbers = world.run(&job, &input).expect("it runs").output;
    assert_eq!(numbers, doubled.iter().flat_map(|number: &f32| number.to_le_bytes()).collect::<Vec<_>>());
    let wide = world.run(&job, &written("x", &[1, 5], &[0.0; 5])).expect_err("it is too wide");
    assert!(wide.to_string().contains("has shape [1, 5], not [1, 4]"), "{wide}");
}

#[test]
fn axes_whose_name_says_nothing_may_differ() {
    let world = World::new();
    let completed = world.run(&job(&world, &nameless()), &written("x", &[2, 3], &[0.5; 6])).expect("it runs");
    assert_eq!(completed.output, written("y", &[2, 3], &[1.0; 6]));
}

#[test]
fn an_operator_that_would_give_something_wrong_is_refused_by_its_name() {
    let world = World::new();
    for (operator, words, says) in [
        ("ArgMax", &[][..], "rten does not run ArgMax (it takes the last"),
        ("Sign", &[], "rten does not run Sign (it gives"),
        ("NonMaxSuppression", &[], "rten does not run NonMaxSuppression ("),
        ("Resize", &[("mode", "cubic")], "rten does not run Resize with mode cubic ("),
        ("MatMul", &[], "rten does not run MatMul by a row ("),
        (
            "Transmogrify",
            &[],
            "it needs ONNX Runtime: rten does not run Transmogrify, and ONNX Runtime is not here",
        ),
    ] {
        let failure = world.failure(&job(&world, &lone(operator, words)));
        let RunFailure::NotAModel(why) = &failure else { panic!("{operator}: {failure:?}") };
        assert!(why.contains(says), "{operator}: {why}");
    }
    let linear = world.failure(&job(&world, &lone("Resize", &[("mode", "linear")])));
    assert!(!linear.to_string().contains("does not run"), "{linear}");
}

#[test]
fn what_no_engine_is_given_is_refused_by_its_name() {
    let world = World::new();
    for (model, says) in [
        (line(), "rten does not run ai.onnx.ml.LinearRegressor, and ONNX Runtime is not here"),
        (mapped(), "ai.onnx.ml.ZipMap gives maps, and a job has tensors alone; export it with zipmap=False"),
        (apart(), "its constant \"row\" lies in another file"),
    ] {
        let failure = world.failure(&job(&world, &model));
        let RunFailure::NotAModel(why) = &failure else { panic!("{failure:?}") };
        assert!(why.contains(says), "{why}");
    }
}
