//! What works, and what a caller is told on the way.

use std::cell::Cell;

use assay_protocol::{id::Digest, manifest::End};
use assay_runtime::{
    class::Class,
    outcome::RunFailure,
    worker::{Follower, Given, Worker},
};

use crate::{
    guests::{self, CALL_ONCE, SPIN, caller, runner},
    onnx,
    world::{World, shipped},
};

const PARAMS: &str = r#"{"labels":["0","1","2","3","4","5","6","7","8","9"],"input":"pixels","output":"scores","width":8,"height":8}"#;

fn f32s(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect()
}

#[test]
fn the_shipped_runner_reads_the_shipped_digits() {
    let world = World::new();
    let mut job =
        world.job_on(&shipped("runners/classify/classify.wasm"), &shipped("models/digits/digits.onnx"));
    job.envelope.params = PARAMS.into();
    let held_out = shipped("models/digits/held-out.u8");
    let pictures: Vec<&[u8; 65]> = held_out.as_chunks::<65>().0.iter().take(60).collect();
    let mut right = 0;
    for picture in &pictures {
        let outcome = world.run(&job, &picture[1..]).expect("the job succeeds");
        let scores = f32s(&outcome.output);
        let best =
            (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).expect("there are scores");
        right += usize::from(best == usize::from(picture[0]));
        assert_eq!((outcome.end, outcome.meters.calls), (End::Stop, 1));
        assert!(outcome.meters.fuel > 0);
    }
    assert!(right * 100 >= pictures.len() * 95, "{right} of {}", pictures.len());
}

#[test]
fn the_same_job_gives_the_same_bytes_and_meters_in_another_process() {
    let world = World::new();
    let job = world.job_on(&caller("model", "x", 4, 16, CALL_ONCE), &onnx::double());
    let first = world.run(&job, b"").expect("the job succeeds");
    world.pool.clear();
    assert_eq!(world.run(&job, b""), Ok(first));
}

#[test]
fn a_graph_is_found_by_the_digest_of_its_model() {
    let world = World::new();
    let model = onnx::double();
    let job = world.job_on(&caller(&Digest::of(&model).to_string(), "x", 4, 16, CALL_ONCE), &model);
    assert_eq!(world.run(&job, b"").expect("the job succeeds").meters.calls, 1);
}

#[test]
fn a_worker_stays_warm_for_the_same_runner_and_model() {
    let world = World::new();
    let job = world.job(&runner(guests::ECHO));
    let mut worker = world.worker(&job);
    for input in [b"one", b"two"] {
        let outcome = worker
            .run(&job.envelope, job.files(), Given::from(input.as_slice()), &mut ())
            .expect("the job succeeds");
        assert_eq!(outcome.output, input);
    }
    assert!(worker.is_alive());
    let other = world.job(&runner(SPIN));
    assert!(worker.fits(&job.envelope) && !worker.fits(&other.envelope));
}

#[test]
fn a_failure_that_the_runner_reports_leaves_its_worker_warm() {
    let world = World::new();
    for (kind, expected) in [
        (0, RunFailure::BadInput("oops".into())),
        (1, RunFailure::BadParams("oops".into())),
        (2, RunFailure::Unsupported("oops".into())),
        (3, RunFailure::Internal("oops".into())),
    ] {
        let job = world.job(&runner(&format!("(call $fail (i32.const {kind}))")));
        let mut worker = world.worker(&job);
        for _ in 0..2 {
            assert_eq!(
                worker.run(&job.envelope, job.files(), Given::default(), &mut ()),
                Err(expected.clone())
            );
            assert!(worker.is_alive());
        }
    }
}

/// Cancels after so many chunks.
struct Impatient {
    chunks_left: Cell<u32>,
}

impl Follower for Impatient {
    fn chunk(&mut self, _bytes: &[u8]) {
        self.chunks_left.set(self.chunks_left.get().saturating_sub(1));
    }

    fn is_cancelled(&self) -> bool {
        self.chunks_left.get() == 0
    }
}

#[test]
fn a_cancelled_run_returns_what_it_has() {
    let world = World::new();
    let body = "(loop $again (br_if $again (call $emit (i32.const 1024) (i32.const 4))))
        (call $return (i32.const 0) (i32.const 0) (i32.const 0))";
    let job = world.job(&runner(body));
    let outcome = world.follow(&job, b"", &mut Impatient { chunks_left: Cell::new(3) }).expect("it returns");
    assert_eq!(outcome.end, End::Cancelled);
    assert!(outcome.output.len() >= 12 && outcome.output.starts_with(b"oopsoops"));
}

#[test]
fn a_cancelled_run_that_does_not_listen_is_killed() {
    let world = World::new();
    let mut job = world.job(&runner(SPIN));
    job.envelope.limits.fuel = u64::MAX;
    let ended = world.follow(&job, b"", &mut Impatient { chunks_left: Cell::new(0) });
    assert_eq!(ended, Err(RunFailure::Cancelled));
}

#[test]
fn files_that_are_absent_or_false_are_told_apart() {
    let world = World::new();
    let (echo, double) = (runner(guests::ECHO), onnx::double());
    let job = world.job_on(&echo, &double);
    let other = world.job(&runner(SPIN));
    let absent = std::path::Path::new("/nowhere/at/all");
    let run = |files| world.pool.run(&job.envelope, files, Given::default(), &mut ());
    let files = job.files();
    let with_runner = |runner| assay_runtime::worker::Files { runner, ..files };
    assert!(matches!(run(with_runner(absent)), Err(RunFailure::RunnerAbsent(_))));
    assert!(matches!(
        run(assay_runtime::worker::Files { model: Some(absent), ..files }),
        Err(RunFailure::ModelAbsent(_))
    ));
    let wrong = RunFailure::WrongBytes { name: job.envelope.runner };
    assert_eq!(run(with_runner(other.files().runner)), Err(wrong));
}

#[test]
fn lengths_are_checked_before_a_worker_hears_of_the_job() {
    let world = World::new();
    let mut job = world.job(&runner(guests::ECHO));
    job.envelope.limits.input_bytes = 3;
    assert_eq!(world.run(&job, b"1234"), Err(RunFailure::InputTooLong { bytes: 4, max: 3 }));
    job.envelope.params = " ".repeat(5_000);
    assert_eq!(world.run(&job, b""), Err(RunFailure::ParamsTooLong { bytes: 5_000, max: 4_096 }));
}

#[test]
fn the_classes_are_the_same_in_every_process_and_name_the_machine() {
    let world = World::new();
    let classes = || world.pool.examine().expect("the probes run").classes;
    let first = classes();
    assert_eq!(first, classes());
    let [engine, arithmetic] = &first[..] else { panic!("{first:?}") };
    assert_ne!(engine.digest(), arithmetic.digest());
    assert!(engine.to_string().starts_with("rten 0.27"), "{engine}");
    assert_eq!(arithmetic.to_string(), "arithmetic 1");
    assert!(arithmetic.runs(b"GGUF") && !arithmetic.runs(b""));
    assert!(engine.runs(b"") && engine.runs(&[8, 10, 58, 0]) && !engine.runs(b"GGUF"));
}

#[test]
fn the_probe_is_what_the_tests_make() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/class/probe.onnx");
    if std::env::var_os("ASSAY_WRITE_PROBE").is_some() {
        std::fs::write(&path, onnx::probe()).expect("the probe is written");
    }
    assert!(
        std::fs::read(path).expect("the probe is there") == onnx::probe(),
        "set ASSAY_WRITE_PROBE=1 to make it again"
    );
}

#[test]
fn the_class_names_the_version_of_rten_that_is_linked() {
    let lock = String::from_utf8(shipped("Cargo.lock")).expect("the lock file is text");
    let world = World::new();
    let classes = world.pool.examine().expect("the probes run").classes;
    let Class::Engine(engine) = &classes[0] else { panic!("{classes:?}") };
    assert!(lock.contains(&format!("name = \"rten\"\nversion = \"{}\"\n", engine.version)), "{engine}");
}

#[test]
fn a_runner_is_compiled_by_a_process_that_runs_none() {
    let world = World::new();
    let job = world.job(&runner(guests::ECHO));
    let limits = job.envelope.limits;
    Worker::compile(&world.worker_source, job.files(), &limits).expect("the runner compiles");
    let cache = world.worker_source.cache.clone().expect("there is a cache").join("modules");
    assert!(cache.read_dir().expect("the cache was written").next().is_some());
}
