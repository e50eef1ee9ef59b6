//! The one door to the crate: a pool with a cache, files on disk, and jobs on them.
//!
//! **Invariant:** after every job, whatever became of it, an honest job in the same pool gives what it always gives.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::{Duration, Instant},
};

#[cfg(unix)]
use assay_engine::cpu::Isa;
use assay_protocol::{id::Digest, manifest::End};
use assay_runtime::{
    envelope::Envelope,
    outcome::{Completed, RunFailure},
    pool::Pool,
    worker::{Files, Follower, Given, Worker, WorkerSource},
};
use tempfile::TempDir;

use crate::guests;

/// The program that workers are.
const WORKER: &str = env!("CARGO_BIN_EXE_assay-worker");
/// How soon a fault must be known on a busy machine: before a run's time is over, if that is not short.
const FAULT_WAIT: Duration = Duration::from_secs(20);
/// How often a text is begun that is to be given up, where it ends before that is heard.
const TRIES: usize = 100;

static ECHO: LazyLock<Vec<u8>> = LazyLock::new(|| guests::runner(guests::ECHO));

pub(crate) struct World {
    pub(crate) pool: Pool,
    pub(crate) worker_source: WorkerSource,
    files: TempDir,
}

/// A runner and a model on disk, and the job that names them.
pub(crate) struct Job {
    pub(crate) envelope: Envelope,
    runner: PathBuf,
    model: Option<PathBuf>,
}

impl Job {
    pub(crate) fn files(&self) -> Files<'_> {
        Files { runner: &self.runner, model: self.model.as_deref() }
    }

    /// Lets the model's file be as long as this, with nothing behind what it had.
    #[cfg(unix)]
    pub(crate) fn stretch_model(&self, bytes: u64) {
        let model = self.model.as_ref().expect("the job has a model");
        fs::File::options()
            .write(true)
            .open(model)
            .and_then(|file| file.set_len(bytes))
            .expect("it is longer");
    }
}

/// Gives a run up once so many bytes of it were heard.
pub(crate) struct Impatient {
    pub(crate) bytes_left: usize,
}

impl Follower for Impatient {
    fn chunk(&mut self, bytes: &[u8]) {
        self.bytes_left = self.bytes_left.saturating_sub(bytes.len());
    }

    fn is_cancelled(&self) -> bool {
        self.bytes_left == 0
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(Path::new(WORKER).into())
    }

    /// One whose models are computed by these instructions.
    #[cfg(unix)]
    pub(crate) fn on(isa: Isa) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let scripts = tempfile::tempdir().expect("a temporary directory").keep();
        let script = scripts.join("worker");
        let text = format!("#!/bin/sh\nASSAY_INSTRUCTIONS={isa} exec '{WORKER}' \"$@\"\n");
        fs::write(&script, text).expect("it is written");
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it can be run");
        Self::of(script)
    }

    /// One whose workers are given a library of ONNX Runtime.
    pub(crate) fn with_onnx_runtime(library: &Path) -> Self {
        let world = Self::new();
        let worker_source =
            WorkerSource { onnx_runtime: Some(library.to_owned()), ..world.worker_source.clone() };
        Self { pool: Pool::new(worker_source.clone()), worker_source, ..world }
    }

    fn of(binary: PathBuf) -> Self {
        let files = tempfile::tempdir().expect("a temporary directory");
        let cache = Some(files.path().join("cache"));
        let worker_source = WorkerSource { binary, cache, onnx_runtime: None };
        Self { pool: Pool::new(worker_source.clone()), worker_source, files }
    }

    /// A job of a runner on no model.
    pub(crate) fn job(&self, runner: &[u8]) -> Job {
        let envelope = Envelope::new(Digest::of(runner), Digest::of(&[]));
        Job { envelope, runner: self.file(runner), model: None }
    }

    /// A job of a runner on a model.
    pub(crate) fn job_on(&self, runner: &[u8], model: &[u8]) -> Job {
        let envelope = Envelope::new(Digest::of(runner), Digest::of(model));
        Job { envelope, runner: self.file(runner), model: Some(self.file(model)) }
    }

    pub(crate) fn run(&self, job: &Job, input: &[u8]) -> Result<Completed, RunFailure> {
        self.follow(job, input, &mut ())
    }

    pub(crate) fn follow(
        &self,
        job: &Job,
        input: &[u8],
        follower: &mut dyn Follower,
    ) -> Result<Completed, RunFailure> {
        let ended = self.pool.run(&job.envelope, job.files(), input.into(), follower);
        self.next_job_works();
        ended
    }

    /// How a job fails, which must be known soon.
    pub(crate) fn failure(&self, job: &Job) -> RunFailure {
        let started = Instant::now();
        let ended = self.pool.run(&job.envelope, job.files(), Given::default(), &mut ());
        let took = started.elapsed();
        let limit = Duration::from_millis(job.envelope.limits.wall_ms).min(FAULT_WAIT) + FAULT_WAIT;
        assert!(took < limit, "the failure was known after {took:?}");
        self.next_job_works();
        ended.expect_err("the job fails")
    }

    /// Has a text begun and given up once so many bytes of it were heard. Where a machine is busy it is killed for that, or begun
    /// again.
    pub(crate) fn give_up(&self, job: &Job, input: &[u8], heard: usize) {
        for _ in 0..TRIES {
            let mut impatient = Impatient { bytes_left: heard };
            match self.pool.run(&job.envelope, job.files(), input.into(), &mut impatient) {
                Ok(Completed { end: End::Cancelled, .. }) | Err(RunFailure::Cancelled) => return,
                Ok(_) => {}
                Err(failure) => panic!("given up after {heard} bytes: {failure}"),
            }
        }
        panic!("nobody hears that it is given up after {heard} bytes");
    }

    pub(crate) fn worker(&self, job: &Job) -> Worker {
        Worker::spawn(&self.worker_source, &job.envelope.limits).expect("a worker starts")
    }

    fn next_job_works(&self) {
        let job = self.job(&ECHO);
        let outcome = self
            .pool
            .run(&job.envelope, job.files(), Given::from(&b"next"[..]), &mut ())
            .expect("the next job works");
        assert_eq!(outcome.output, b"next");
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.files.path().join(Digest::of(bytes).to_string());
        fs::write(&path, bytes).expect("the file is written");
        path
    }
}

/// A file of this repository.
pub(crate) fn shipped(path: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
