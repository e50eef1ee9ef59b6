//! Networks on ONNX Runtime: with the library of whoever runs the tests, where `ORT_DYLIB_PATH` names one or the folder of the Python
//! package `onnxruntime`, and without one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_runtime::outcome::RunFailure;

use crate::{
    networks::{job, written},
    onnx::{apart, double, line, lone, mapped, stump},
    world::World,
};

/// Where the tests are told where the library is.
const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";
/// What it is called, with a version behind, in the package.
const LIBRARY: [&str; 3] = ["libonnxruntime.so", "libonnxruntime.", "onnxruntime.dll"];

/// A place whose workers may load the library; nothing, said in a line, where there is none.
fn world() -> Option<World> {
    let Some(named) = std::env::var_os(LIBRARY_VARIABLE).map(PathBuf::from) else {
        eprintln!("skipped: {LIBRARY_VARIABLE} names no library of ONNX Runtime");
        return None;
    };
    let library = if named.is_dir() { in_package(&named.join("capi")) } else { named };
    Some(World::with_onnx_runtime(&library))
}

fn in_package(folder: &Path) -> PathBuf {
    let files =
        fs::read_dir(folder).expect("the package has it").map(|file| file.expect("it is read").path());
    let is_library = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        LIBRARY.iter().any(|library| name.starts_with(library))
    };
    files.into_iter().find(is_library).expect("the package has the library")
}

/// Two rows of four.
fn rows() -> Vec<u8> {
    written("x", &[2, 4], &[1.0, 0.25, 0.5, -1.0, 2.0, 0.75, 0.0, 1.0])
}

#[test]
fn a_learnt_model_is_computed_behind_all_walls() {
    let Some(world) = world() else { return };
    for (model, numbers) in [(line(), [-0.5, 8.0]), (stump(), [-1.0, 2.0])] {
        let job = job(&world, &model);
        let first = world.run(&job, &rows()).expect("it runs").output;
        assert_eq!(first, written("y", &[2, 1], &numbers));
        assert_eq!(world.run(&job, &rows()).expect("it runs again").output, first);
        let narrow = world.run(&job, &written("x", &[2, 3], &[0.0; 6])).expect_err("it is too narrow");
        assert!(narrow.to_string().contains("has shape [2, 3], not [rows, 4]"), "{narrow}");
        let other = world.run(&job, &written("z", &[2, 4], &[0.0; 8])).expect_err("there is no such input");
        assert!(other.to_string().contains("no input \"z\"; it has x"), "{other}");
    }
}

#[test]
fn an_operator_that_rten_gives_wrongly_is_given_rightly() {
    let Some(world) = world() else { return };
    // A product with a row, whose answer has an axis less.
    let job = job(&world, &lone("MatMul", &[]));
    let output = world.run(&job, &written("x", &[2, 3, 4], &[0.0; 24])).expect("it runs").output;
    assert_eq!(output, written("y", &[2, 3], &[0.0; 6]));
}

#[test]
fn what_it_does_not_run_it_refuses_by_its_name() {
    let Some(world) = world() else { return };
    for (model, says) in [
        (lone("Transmogrify", &[]), "ONNX Runtime "),
        (lone("Transmogrify", &[]), "Transmogrify"),
        (mapped(), "zipmap=False"),
        (apart(), "lies in another file"),
    ] {
        let failure = world.failure(&job(&world, &model));
        let RunFailure::NotAModel(why) = &failure else { panic!("{failure:?}") };
        assert!(why.contains(says), "{why}");
    }
}

#[test]
fn its_machines_are_a_class_beside_those_of_the_program() {
    let Some(world) = world() else { return };
    let machine = world.pool.examine().expect("the probes run");
    assert_eq!(machine.onnx_runtime_fault, None);
    let [own, _, brought] = &machine.classes[..] else { panic!("{:?}", machine.classes) };
    assert!(brought.is_onnx_runtime() && !own.is_onnx_runtime(), "{:?}", machine.classes);
    assert!(brought.to_string().starts_with("ONNX Runtime CPU 1."), "{brought}");
    assert_eq!(world.pool.examine().expect("they run again").classes, machine.classes);
}

#[test]
fn a_library_that_is_none_takes_nothing_else_with_it() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let library = folder.path().join("libonnxruntime.so");
    let world = World::with_onnx_runtime(&library);
    let machine = world.pool.examine().expect("the probes run");
    assert_eq!(machine.classes.len(), 2, "{:?}", machine.classes);
    let fault = machine.onnx_runtime_fault.expect("it says why");
    assert!(fault.contains("libonnxruntime.so"), "{fault}");
    // What rten runs is run, and what it does not is refused with the reason.
    let doubled =
        world.run(&job(&world, &double()), &written("x", &[1, 4], &[1.0; 4])).expect("it runs").output;
    assert_eq!(doubled, written("y", &[1, 4], &[2.0; 4]));
    let failure = world.failure(&job(&world, &line()));
    let RunFailure::NotAModel(why) = &failure else { panic!("{failure:?}") };
    assert!(why.contains("ai.onnx.ml.LinearRegressor") && why.contains("libonnxruntime.so"), "{why}");
}
