//! The executor: runs jobs in the sandbox, a few at a time, and keeps what they give as blobs.
//!
//! **Invariant:** a run that was asked for ends in one answer, or is stopped; its output is on the disk before anybody
//! hears of it. What a run cost is computed from the host's meters alone. Checks wait for no job.

mod begun;
mod benching;
mod cards;
mod chances;
mod classes;
mod following;
mod forge;
mod packs;
mod rounding;
mod sample;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use assay_market::{
    effect::Run,
    input::{RunId, RunResult},
    pace::TYPICAL_TOKENS,
};
use assay_protocol::{
    check::ShownRecord,
    claim::Written,
    codec, compare, frames,
    id::{Digest, JobId, PeerId},
    manifest::{End, Manifest, Meter, Meters},
    merkle::{self, RECORD_BYTES},
    order::Failure,
    units::Duration,
};
use assay_runtime::{
    class::Class,
    envelope::{Envelope, RunLimits},
    outcome::{Completed, RunFailure},
    pool::Pool,
    worker::{Files, FoundCard, Given, WorkerSource},
};
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

use self::{
    begun::Begun,
    following::{Course, Following},
};
pub use self::{
    benching::ModelPace,
    cards::DeviceWish,
    classes::NoClass,
    following::TOLD_TOKENS,
    sample::{reads_texts, vectors},
};
pub(crate) use self::{cards::ModelCard, sample::sample};
use crate::{blobs::Blobs, heard_texts::HeardTexts};

/// Bytes of salt before the input in an input's blob.
pub(crate) const SALT_BYTES: usize = 32;
/// Checks that run whatever else does; more take the places of jobs.
pub const CHECK_PLACES: usize = 1;
/// The longest run of a test before an offer.
const TEST_WAIT: Duration = Duration::seconds(60);

/// How a peer behaves when it is paid to run a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conduct {
    /// It runs the job.
    #[default]
    Honest,
    /// It makes an output up: for demonstrations and tests.
    Forge,
    /// It writes the beginning of a text, [`TOLD_TOKENS`] long, and once nobody waits for more that is all: for tests.
    Stall,
    /// Of a model of language it runs a file with less of each weight: for demonstrations and tests.
    Round,
}

/// What a run took that was made to see how long it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MeasuredRun {
    /// How long.
    pub(crate) run: Duration,
    /// How many tokens it wrote, of a model that writes texts.
    pub(crate) tokens_written: u64,
}

/// Runs jobs. Cheap to clone.
#[derive(Clone)]
pub struct Executor {
    inner: Arc<Inner>,
}

struct Inner {
    pool: Pool,
    blobs: Blobs,
    conduct: Conduct,
    places: Arc<Semaphore>,
    places_max: usize,
    /// The place that checks have to themselves, however many jobs run or wait.
    checks: Semaphore,
    /// Where models of language are wanted.
    wish: Mutex<DeviceWish>,
    /// The card that they are on, once it was looked for.
    card: Mutex<Option<Option<FoundCard>>>,
    classes: Mutex<Option<Vec<Class>>>,
    /// Walls that this machine does not give to workers, once that is known.
    missing_walls: Mutex<Vec<String>>,
    /// Why ONNX Runtime, whose library the owner named, is of no use, once that is known.
    onnx_runtime_fault: Mutex<Option<String>>,
    running: Mutex<BTreeMap<RunId, Arc<Course>>>,
    /// What clients heard of jobs elsewhere that are to run here.
    handed: HeardTexts<(PeerId, JobId)>,
    /// What an honest run gave, by manifest: what a forger starts from.
    seen: Mutex<BTreeMap<Digest, (Vec<u8>, Meters)>>,
    /// The rounded files of models, by the whole ones, where those are run instead.
    rounded: Mutex<BTreeMap<Digest, Digest>>,
}

/// How often a model's bytes may be in the memory of a process: read, packed, and for what runs have of it.
const MODEL_COPIES: u64 = 4;

/// Cores of this machine, as far as this process may use them.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs at a time where `places` are asked for: one for every two cores if that is 0.
#[must_use]
pub fn places_of(places: usize) -> usize {
    if places == 0 { cores().div_ceil(2) } else { places }
}

impl Executor {
    /// An executor whose workers are `worker` (a program that runs [`assay_runtime::worker::main`] when its first argument
    /// is `worker`), as many at a time as `places`, or one for every two cores if that is 0, and a check beside them.
    #[must_use]
    pub fn new(worker: PathBuf, cache: PathBuf, places: usize, blobs: Blobs, conduct: Conduct) -> Self {
        let worker_source = WorkerSource { binary: worker, cache: Some(cache), onnx_runtime: None };
        Self::of(worker_source, places, blobs, conduct)
    }

    /// The same with workers from this source.
    #[must_use]
    pub fn of(worker_source: WorkerSource, places: usize, blobs: Blobs, conduct: Conduct) -> Self {
        let places_max = places_of(places);
        Self {
            inner: Arc::new(Inner {
                pool: Pool::new(worker_source),
                blobs,
                conduct,
                places: Arc::new(Semaphore::new(places_max)),
                places_max,
                checks: Semaphore::new(CHECK_PLACES),
                wish: Mutex::default(),
                card: Mutex::default(),
                classes: Mutex::new(None),
                missing_walls: Mutex::default(),
                onnx_runtime_fault: Mutex::default(),
                running: Mutex::default(),
                handed: HeardTexts::default(),
                seen: Mutex::default(),
                rounded: Mutex::default(),
            }),
        }
    }

    /// Jobs at the same time; a check may run beside them.
    #[must_use]
    pub fn places(&self) -> usize {
        self.inner.places_max
    }

    /// Runs that are going on or wait for a place.
    #[must_use]
    pub fn running(&self) -> usize {
        lock(&self.inner.running).len()
    }

    /// Runs a job whose runner, model and input are here. Nothing comes of one that was stopped, or that goes on already.
    pub async fn run(&self, run: Run) -> Option<Result<RunResult, Failure>> {
        self.begin(run)?.go(None).await
    }

    /// Notes a run as going on: from now on it can be stopped, and what it needs stays once it is here. One that is asked
    /// for again while it goes on is the same run, unless it was stopped.
    pub(crate) fn begin(&self, run: Run) -> Option<Begun> {
        let course = Arc::<Course>::default();
        let mut running = lock(&self.inner.running);
        let goes_on = running.get(&run.id).is_some_and(|course| !course.is_stopped());
        if goes_on {
            return None;
        }
        running.insert(run.id, Arc::clone(&course));
        let held = self.inner.blobs.hold([run.input, run.manifest.runner, run.manifest.model]);
        Some(Begun::new(self.clone(), run, course, held))
    }

    /// Notes what a client heard elsewhere of a job that is to run here. Nobody else's job is tried along it.
    pub(crate) fn expect(&self, client: PeerId, job: JobId, heard: &[u8]) {
        self.inner.handed.note((client, job), 0, heard);
    }

    #[cfg(test)]
    pub(crate) fn handed(&self, client: PeerId, job: JobId) -> Option<Vec<u8>> {
        self.inner.handed.get(&(client, job))
    }

    /// Stops a run, if it still goes on.
    pub fn stop(&self, run: RunId) {
        if let Some(course) = lock(&self.inner.running).get(&run) {
            course.stop();
        }
    }

    /// Ends a run soon, if it still goes on: what it has written until then is what it gives.
    pub(crate) fn cut(&self, run: RunId) {
        if let Some(course) = lock(&self.inner.running).get(&run) {
            course.cut();
        }
    }

    /// Lets workers go that have waited long.
    pub fn sweep(&self) {
        self.inner.pool.sweep();
    }

    /// Lets the workers go that have nothing to do, and the models that nobody runs: somebody else wants the machine.
    pub(crate) fn make_way(&self) {
        self.inner.pool.clear();
    }

    /// Stops everything and lets the workers go.
    pub fn end(&self) {
        lock(&self.inner.running).values().for_each(|course| course.stop());
        self.inner.places.close();
        self.inner.checks.close();
        self.inner.pool.clear();
    }

    /// Runs a manifest once to see that it works and once to see how long it takes.
    ///
    /// # Errors
    /// [`Failure`], if it does not work.
    pub async fn test(&self, manifest: Manifest, input: Vec<u8>) -> Result<Duration, Failure> {
        self.measure(manifest, input).await.map(|measured| measured.run)
    }

    /// The same, and how much such a run writes. An input that the runner refuses in good order shows that the sandbox works,
    /// and no more.
    ///
    /// # Errors
    /// [`Failure`], if it does not work.
    pub(crate) async fn measure(&self, manifest: Manifest, input: Vec<u8>) -> Result<MeasuredRun, Failure> {
        let tested = self.block(move |inner| {
            let manifest = inner.ran_for(&manifest)?;
            inner.place(&manifest)?;
            let files = inner.files(&manifest)?;
            let units = test_units(&manifest);
            let envelope = envelope(&manifest, Digest::default(), units, TEST_WAIT, files.model_bytes);
            let mut measured = MeasuredRun::default();
            for _ in 0..2 {
                let started = Instant::now();
                let mut tokens_written = 0;
                match inner.pool.run(&envelope, files.borrowed(), input[..].into(), &mut ()) {
                    // Without the rows that it was made by an output could not be checked.
                    Ok(outcome) if manifest.policy.is_proven_by_rows() && outcome.rows.is_empty() => {
                        return Err(Failure::Unusable);
                    }
                    Ok(outcome) => {
                        tokens_written = outcome.meters.tokens_written;
                        inner.note(&manifest, outcome.output, outcome.meters);
                    }
                    // Of a text, which any model of language goes on from, nothing would have been tried.
                    Err(RunFailure::BadInput(_)) if !manifest.policy.is_proven_by_rows() => {}
                    Err(failure) => return Err(mapped(&failure)),
                }
                let run = Duration(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX).max(1));
                measured = MeasuredRun { run, tokens_written };
            }
            Ok(measured)
        });
        tested.await.unwrap_or(Err(Failure::Machine))
    }

    /// Reads records of an output with the paths that show them; none if the blob is gone.
    pub async fn show(&self, output: Digest, positions: Vec<u64>) -> Vec<ShownRecord> {
        let shown = self.block(move |inner| {
            let bytes = inner.blobs.get(&output).ok().flatten()?;
            positions.into_iter().map(|position| record(&bytes, position)).collect::<Option<Vec<_>>>()
        });
        shown.await.flatten().unwrap_or_default()
    }

    async fn block<T: Send + 'static>(&self, work: impl FnOnce(&Inner) -> T + Send + 'static) -> Option<T> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || work(&inner)).await.ok()
    }
}

/// The paths of a job's files.
struct Paths {
    runner: PathBuf,
    model: Option<PathBuf>,
    model_bytes: u64,
}

impl Paths {
    fn borrowed(&self) -> Files<'_> {
        Files { runner: &self.runner, model: self.model.as_deref() }
    }
}

impl Inner {
    /// Waits for a place. Jobs never keep a check from running: who is drawn for one and is late counts as absent.
    async fn enter(&self, check: bool) -> Result<SemaphorePermit<'_>, AcquireError> {
        if !check {
            return self.places.acquire().await;
        }
        tokio::select! {
            biased;
            place = self.checks.acquire() => place,
            place = self.places.acquire() => place,
        }
    }

    fn run(&self, run: &Run, mut following: Following) -> Result<RunResult, Failure> {
        // A check is of what was ordered, whatever is sold.
        let ran = if run.id.check { run.manifest.clone() } else { self.ran_for(&run.manifest)? };
        self.place(&ran)?;
        let files = self.files(&ran)?;
        let input = self.blobs.get(&run.input).ok().flatten().ok_or(Failure::InputAbsent)?;
        let input = input.get(SALT_BYTES..).ok_or(Failure::BadInput)?;
        let envelope = envelope_of(run, &ran, files.model_bytes);
        let draft = self.draft_of(run).unwrap_or_default();
        // A check, which nobody listens to, is done as if nothing had been said before.
        let asker = run.listener.map(|client| codec::digest("asker", &client));
        let given = Given { input, draft: &draft, asker, chances: None };
        let completed =
            self.pool.run(&envelope, files.borrowed(), given, &mut following).map_err(|failure| {
                tracing::info!(job = %run.id.job, %failure, "a run failed");
                mapped(&failure)
            })?;
        self.note(&run.manifest, completed.output.clone(), completed.meters);
        let kept = self.keep(run, &following.given(completed))?;
        following.end();
        Ok(kept)
    }

    /// What a run is tried along: a check what was claimed, a job what its client heard of it elsewhere.
    fn draft_of(&self, run: &Run) -> Option<Vec<u8>> {
        match run.draft {
            Some(claimed) => self.blobs.get(&claimed).ok().flatten(),
            None => self.handed.get(&(run.listener?, run.id.job)),
        }
    }

    fn forge(&self, run: &Run) -> Result<RunResult, Failure> {
        let seen = lock(&self.seen).get(&run.manifest.digest()).cloned();
        let (output, meters) = forge::forge(&run.manifest, &run.seed, seen);
        tracing::warn!(job = %run.id.job, "made an output up");
        // Whatever rows it says that it has, nobody finds them.
        let row = |place| codec::digest("made-up row", &(run.seed, place as u64));
        let rows = (0..frames::tokens(&output).len()).map(row).collect();
        let (chances, log) = (Vec::new(), Vec::new());
        self.keep(run, &Completed { output, end: End::Stop, meters, rows, chances, log })
    }

    /// Puts an output into the store, for its job, and says what it is worth.
    fn keep(&self, run: &Run, completed: &Completed) -> Result<RunResult, Failure> {
        let (manifest, Completed { output, end, meters, rows, .. }) = (&run.manifest, completed);
        self.blobs.put_for(run.id.job, output).map_err(|error| {
            tracing::warn!(job = %run.id.job, %error, "an output cannot be stored");
            Failure::Machine
        })?;
        let written = Written::of(output);
        let (evidence_root, evidence_records) = match manifest.policy.is_proven_by_rows() {
            true => (merkle::root_of(rows.iter().map(|row| row.0.as_slice())), rows.len() as u64),
            false => (written.root, written.records),
        };
        Ok(RunResult {
            written,
            evidence_root,
            evidence_records,
            units: manifest.units(meters),
            work: manifest.work(meters),
            check_work: manifest.check_work(meters),
            end: *end,
            rms: compare::rms(manifest.policy, output),
        })
    }

    fn files(&self, manifest: &Manifest) -> Result<Paths, Failure> {
        let path = |digest| self.blobs.path(&digest).ok().flatten().ok_or(Failure::Unusable);
        let model = if has_model(manifest) { Some(path(manifest.model)?) } else { None };
        let length = |path: &PathBuf| path.metadata().map_or(0, |metadata| metadata.len());
        let model_bytes = model.as_ref().map_or(0, length);
        Ok(Paths { runner: path(manifest.runner)?, model, model_bytes })
    }

    fn note(&self, manifest: &Manifest, output: Vec<u8>, meters: Meters) {
        if self.conduct == Conduct::Forge {
            lock(&self.seen).insert(manifest.digest(), (output, meters));
        }
    }
}

/// Whether a manifest names a model; the digest of nothing stands for none.
pub(crate) fn has_model(manifest: &Manifest) -> bool {
    manifest.model != Digest::of(b"") && manifest.model != Digest::default()
}

/// The units of a test: a text without a limit would go on to the end of its context.
fn test_units(manifest: &Manifest) -> u64 {
    match manifest.meter {
        Meter::Tokens(_) => {
            let (tokens_read, tokens_written) = (TYPICAL_TOKENS, TYPICAL_TOKENS);
            manifest.units(&Meters { tokens_read, tokens_written, ..Meters::default() })
        }
        Meter::Calls | Meter::MegaFuel => u64::MAX,
    }
}

/// A job for the sandbox. Its ceilings come from the manifest, its model and the order alone, so every machine has the same.
fn envelope(
    manifest: &Manifest,
    seed: Digest,
    units_max: u64,
    run_max: Duration,
    model_bytes: u64,
) -> Envelope {
    let assumed = RunLimits::default();
    // A manifest is a stranger's word: it gets what a model of this length could need, and no more.
    let needed = assumed.process_memory_bytes.saturating_add(model_bytes.saturating_mul(MODEL_COPIES));
    Envelope {
        params: manifest.params.clone(),
        seed: seed.0,
        meter: manifest.meter,
        units_max,
        limits: RunLimits {
            wall_ms: run_max.0,
            process_memory_bytes: assumed.process_memory_bytes.max(manifest.memory_bytes).min(needed),
            ..assumed
        },
        ..Envelope::new(manifest.runner, if has_model(manifest) { manifest.model } else { Digest::of(b"") })
    }
}

/// That of a run, or of its check, which ends nowhere that the run could have gone on.
fn envelope_of(run: &Run, ran: &Manifest, model_bytes: u64) -> Envelope {
    let ordered = envelope(ran, run.seed, run.units_max, run.run_max, model_bytes);
    Envelope { limits: if run.id.check { ordered.limits.of_check() } else { ordered.limits }, ..ordered }
}

fn record(bytes: &[u8], position: u64) -> Option<ShownRecord> {
    let path = merkle::prove(bytes, RECORD_BYTES, position)?;
    let chunk = bytes.chunks(RECORD_BYTES).nth(usize::try_from(position).ok()?)?;
    Some(ShownRecord { position, bytes: chunk.to_vec(), path })
}

/// What the market is told of a failure of the sandbox.
fn mapped(failure: &RunFailure) -> Failure {
    match failure {
        RunFailure::BadInput(_) | RunFailure::BadParams(_) | RunFailure::Unsupported(_) => Failure::BadInput,
        RunFailure::ParamsTooLong { .. } | RunFailure::InputTooLong { .. } => Failure::BadInput,
        RunFailure::Internal(_) | RunFailure::Trap(_) => Failure::Trap,
        RunFailure::OutOfFuel { .. }
        | RunFailure::OutOfMemory { .. }
        | RunFailure::OutOfTable { .. }
        | RunFailure::OutOfHandles { .. }
        | RunFailure::OutOfStack { .. }
        | RunFailure::HostCallTooLong { .. }
        | RunFailure::OutOfUnits { .. }
        | RunFailure::OutputTooLong { .. } => Failure::Limit,
        RunFailure::WallTime { .. } => Failure::Overdue,
        RunFailure::NotARunner(_)
        | RunFailure::RunnerAbsent(_)
        | RunFailure::ModelAbsent(_)
        | RunFailure::NotAModel(_)
        | RunFailure::WrongBytes { .. } => Failure::Unusable,
        RunFailure::Cancelled
        | RunFailure::OutOfProcessMemory { .. }
        | RunFailure::EngineDied(_)
        | RunFailure::CardRefused(_)
        | RunFailure::WorkerDied(_)
        | RunFailure::WorkerAbsent(_) => Failure::Machine,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
