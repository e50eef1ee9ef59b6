//! What a job costs beyond its own work: a cold start with the runner in the cache, and a trivial job in a warm worker.
//!
//! **Invariant:** the runner is `classify` on `digits`, as they are shipped, so the figures are those of a real job.

use std::{fs, path::PathBuf};

use assay_protocol::id::Digest;
use assay_runtime::{
    envelope::Envelope,
    pool::Pool,
    worker::{Files, Given, WorkerSource},
};

fn main() {
    divan::main();
}

const PARAMS: &str = r#"{"labels":["0","1","2","3","4","5","6","7","8","9"],"input":"pixels","output":"scores","width":8,"height":8}"#;

struct Job {
    envelope: Envelope,
    runner: PathBuf,
    model: PathBuf,
    pool: Pool,
    _cache: tempfile::TempDir,
}

impl Job {
    fn new() -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let (runner, model) =
            (root.join("runners/classify/classify.wasm"), root.join("models/digits/digits.onnx"));
        let name = |path| Digest::of(&fs::read(path).expect("the shipped files are there"));
        let mut envelope = Envelope::new(name(&runner), name(&model));
        envelope.params = PARAMS.into();
        let cache = tempfile::tempdir().expect("a temporary directory");
        let binary = env!("CARGO_BIN_EXE_assay-worker").into();
        let pool = Pool::new(WorkerSource { binary, cache: Some(cache.path().into()), onnx_runtime: None });
        let job = Self { envelope, runner, model, pool, _cache: cache };
        job.run();
        job
    }

    fn run(&self) {
        let files = Files { runner: &self.runner, model: Some(&self.model) };
        self.pool
            .run(&self.envelope, files, Given::from(&[0; 64][..]), &mut ())
            .expect("the shipped runner runs");
    }
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn cold_start_from_the_cache(bencher: divan::Bencher<'_, '_>) {
    let job = Job::new();
    bencher.with_inputs(|| job.pool.clear()).bench_local_values(|()| job.run());
}

#[divan::bench(sample_count = 500, sample_size = 1)]
fn job_in_a_warm_worker(bencher: divan::Bencher<'_, '_>) {
    let job = Job::new();
    bencher.bench_local(|| job.run());
}
