//! A worker: the child process that a job runs in, since only the death of a process interrupts an engine and gives all
//! memory back.
//!
//! **Invariant:** a worker runs one job at a time and only jobs of one runner and one model; after anything but an
//! orderly end it is dead.
//!
//! ```text
//!   parent                                   worker
//!   Prepare ───────────────────────────────▶ walls go up
//!           ◀─────────────────────── Ready
//!   (Draft) Start, input, files, session ─────▶ compile, load (once), run
//!           ◀────────── Chunk, Line, Rows …
//!   Cancel ────────────────────────────────▶ emit answers false
//!           ◀────────────── Done or Failed
//! ```

use std::{
    fs::File,
    path::Path,
    time::{Duration, Instant},
};

use assay_protocol::{id::Digest, manifest::PARAMS_BYTES_MAX};

#[cfg(all(unix, test))]
pub(crate) use self::system::links_of;
pub use self::{
    child::main,
    process::WorkerSource,
    wire::{CardLayers, FoundCard},
};
pub(crate) use self::{
    child::{ends, give_up},
    model_process::{HandedModel, LoadProgress, ModelProcess, cards},
    system::{EngineLink, ReadPages, WrittenPages, links},
    wire::{CardName, CardPlace, HostedModel},
};
use self::{
    gathered::Gathered,
    process::Process,
    wire::{Purpose, Request, WorkerReply},
};
use crate::{
    class::{ARITHMETIC, Class, ProbedMachine, model_header},
    envelope::{Envelope, RunLimits},
    outcome::{Completed, RunFailure},
};

mod child;
mod confine;
mod files;
mod gathered;
mod hosting;
mod inbox;
mod model_process;
mod packing;
mod process;
mod system;
pub(crate) mod wire;

/// Bytes of the longest input of any job.
pub const INPUT_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// What a worker has beyond the wall limit before it is killed.
const GRACE: Duration = Duration::from_secs(1);
/// What it has after a cancel, so that a guest which does not listen is gone within a second.
const LEAVE_GRACE: Duration = Duration::from_millis(800);
/// The same where it has written nothing, as while a prompt is read: so much that a guest which listens is there for the next job.
const UNWRITTEN_GRACE: Duration = Duration::from_millis(100);
/// The same where somebody waits for what was written until then: as long as a model may take for the token that it is at.
const CUT_GRACE: Duration = Duration::from_secs(4);
/// How long a worker may refuse to read before it is given up.
const WRITE_WAIT: Duration = Duration::from_secs(10);
/// What a worker has to compile a component or compute the probe.
const CHORE_WAIT: Duration = Duration::from_secs(60);
/// How often a follower is asked whether it still wants the rest.
const GLANCE: Duration = Duration::from_millis(20);

/// The files of a job.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// The component.
    pub runner: &'a Path,
    /// The model, for runners that need one.
    pub model: Option<&'a Path>,
}

impl Files<'_> {
    /// Whether the model is one of language. One that cannot be read is none: whoever reads it says so.
    pub(crate) fn are_of_language(self) -> bool {
        self.model.is_some_and(|model| model_header(model).is_ok_and(|header| ARITHMETIC.runs(&header)))
    }
}

/// What a job is given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// Its input.
    pub input: &'a [u8],
    /// An output that it is expected to write, or empty: a hint, which decides how fast it is done and nothing else.
    pub draft: &'a [u8],
    /// For whom a session of a model of language is kept once the job has ended, so that one that goes on from there begins
    /// at once; for nobody, if absent. It too decides the speed and nothing else.
    pub asker: Option<Digest>,
    /// How many of the likeliest tokens are told of each place of a text, and how likely what was written is; nothing, if
    /// absent.
    pub chances: Option<u8>,
}

impl<'a> From<&'a [u8]> for Given<'a> {
    fn from(input: &'a [u8]) -> Self {
        Self { input, ..Self::default() }
    }
}

/// Who follows a run.
pub trait Follower {
    /// Hears a piece of output as soon as it is emitted.
    fn chunk(&mut self, _bytes: &[u8]) {}
    /// Hears a line of the log.
    fn line(&mut self, _line: &str) {}
    /// True once the rest is not wanted; asked many times a second.
    fn is_cancelled(&self) -> bool {
        false
    }
    /// True if somebody waits for what a run has written that was cancelled.
    fn is_awaited(&self) -> bool {
        false
    }
}

/// Nobody follows, nobody cancels.
impl Follower for () {}

/// A process that runs jobs. Dropping it kills it.
pub struct Worker {
    process: Process,
    limits: RunLimits,
    /// The runner and the model that it holds since its first job.
    held: Option<(Digest, Digest)>,
}

impl Worker {
    /// Starts a worker under the two of `limits` that hold for a whole process: stack and process memory.
    ///
    /// # Errors
    /// [`RunFailure::WorkerAbsent`] or [`RunFailure::WorkerDied`], if the process does not come up.
    pub fn spawn(worker_source: &WorkerSource, limits: &RunLimits) -> Result<Self, RunFailure> {
        Ok(Self {
            process: Process::start(worker_source, limits, Purpose::Run)?,
            limits: *limits,
            held: None,
        })
    }

    /// Compiles a job's component into the cache, in a process that never runs a guest.
    ///
    /// # Errors
    /// [`RunFailure::NotARunner`] for what is not one, and those of [`Worker::spawn`].
    pub fn compile(
        worker_source: &WorkerSource,
        files: Files<'_>,
        limits: &RunLimits,
    ) -> Result<(), RunFailure> {
        let file = open(files.runner, RunFailure::RunnerAbsent)?;
        let mut process = Process::start(worker_source, limits, Purpose::Compile)?;
        let (has_one_nan, stack_bytes) = (files.are_of_language(), limits.stack_bytes);
        process.send(&Request::Compile { has_one_nan, stack_bytes }, &[], &[file])?;
        let reply = process.answer(CHORE_WAIT)?;
        if reply == WorkerReply::Compiled { Ok(()) } else { Err(process.astray(reply)) }
    }

    /// Says what this machine is, by computing the probes where jobs are computed.
    ///
    /// # Errors
    /// [`RunFailure::NotAModel`] if an engine does not run its probe, and those of a process that dies.
    pub fn classes(&mut self) -> Result<Vec<Class>, RunFailure> {
        self.probe().map(|machine| machine.classes)
    }

    /// The same, with what the machine has not.
    ///
    /// # Errors
    /// Those of [`Worker::classes`].
    pub fn probe(&mut self) -> Result<ProbedMachine, RunFailure> {
        self.process.send(&Request::Classify, &[], &[])?;
        let reply = self.process.answer(CHORE_WAIT)?;
        if let WorkerReply::Classified { classes, onnx_runtime_fault } = reply {
            Ok(ProbedMachine { classes, missing: self.process.missing.clone(), onnx_runtime_fault })
        } else {
            Err(self.process.astray(reply))
        }
    }

    /// The protections that this machine did not give to the worker.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.process.missing
    }

    /// The number of the process, for those who watch it.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// True while the process lives.
    pub fn is_alive(&mut self) -> bool {
        self.process.is_alive()
    }

    /// True if this worker can run the job: its process has the job's limits, and is fresh or holds the same runner and
    /// model.
    #[must_use]
    pub fn fits(&self, envelope: &Envelope) -> bool {
        let RunLimits { stack_bytes, process_memory_bytes, .. } = self.limits;
        stack_bytes == envelope.limits.stack_bytes
            && process_memory_bytes == envelope.limits.process_memory_bytes
            && self.held.is_none_or(|held| held == (envelope.runner, envelope.model))
    }

    /// Runs one job to its end. After a failure that is not orderly the process is dead.
    ///
    /// # Errors
    /// [`RunFailure`], whatever goes wrong.
    ///
    /// # Panics
    /// If the worker does not fit the job, see [`Worker::fits`].
    pub fn run(
        &mut self,
        envelope: &Envelope,
        files: Files<'_>,
        given: Given<'_>,
        follower: &mut dyn Follower,
    ) -> Result<Completed, RunFailure> {
        self.run_at(None, envelope, files, given, (Instant::now(), follower))
    }

    /// The same at a session of the engine that holds the model, where there is one; the job's time runs since `started`.
    pub(crate) fn run_at(
        &mut self,
        session: Option<EngineLink>,
        envelope: &Envelope,
        files: Files<'_>,
        given: Given<'_>,
        (started, follower): (Instant, &mut dyn Follower),
    ) -> Result<Completed, RunFailure> {
        assert!(self.fits(envelope), "a worker runs jobs of one runner and one model");
        let Given { input, draft, chances, .. } = given;
        check_lengths(envelope, input)?;
        let files = if session.is_some() { Files { model: None, ..files } } else { files };
        let handed = if self.held.is_some() { Vec::new() } else { open_all(files)? };
        let count = u8::try_from(handed.len()).unwrap_or(u8::MAX);
        // A draft is an output, so one that is longer than any is none.
        if !draft.is_empty() && draft.len() as u64 <= envelope.limits.output_bytes.min(INPUT_BYTES_MAX) {
            self.process.send(&Request::Draft, draft, &[])?;
        }
        let has_session = session.is_some();
        let start = Request::Start { envelope: envelope.clone(), files: count, has_session, chances };
        match session {
            Some(link) => self.process.session(&start, input, &handed, &link)?,
            None => self.process.send(&start, input, &handed)?,
        }
        let ended = self.follow(Gathered::new(&envelope.limits, chances), started, follower);
        match &ended {
            Err(failure) if !failure.is_orderly() => self.process.kill(),
            Ok(_) | Err(_) => self.held = Some((envelope.runner, envelope.model)),
        }
        ended
    }

    /// Follows a running job, of which nothing was heard yet, to its end, which comes in time or is made.
    fn follow(
        &mut self,
        mut gathered: Gathered,
        started: Instant,
        follower: &mut dyn Follower,
    ) -> Result<Completed, RunFailure> {
        let limits = gathered.limits;
        let body_bytes_max = limits.output_bytes.max(limits.log_bytes.into()).max(child::ROWS_BYTES_MAX);
        let mut kill_at = started + Duration::from_millis(limits.wall_ms) + GRACE;
        let mut cancelled = false;
        loop {
            if !cancelled && follower.is_cancelled() {
                cancelled = true;
                kill_at = kill_at.min(Instant::now() + grace(&gathered, follower));
                self.process.send(&Request::Cancel, &[], &[])?;
            }
            let glance = kill_at.min(Instant::now() + GLANCE);
            if let Some(reply) = self.process.next(glance, body_bytes_max)?
                && let Some(ended) = gathered.add(reply, follower)
            {
                return ended;
            }
            if Instant::now() >= kill_at {
                let late = RunFailure::WallTime { ms: limits.wall_ms };
                return Err(if cancelled { RunFailure::Cancelled } else { late });
            }
        }
    }
}

/// How long a run may go on after a cancel.
fn grace(gathered: &Gathered, follower: &dyn Follower) -> Duration {
    match (gathered.has_output(), follower.is_awaited()) {
        (false, _) => UNWRITTEN_GRACE,
        (true, false) => LEAVE_GRACE,
        (true, true) => CUT_GRACE,
    }
}

fn check_lengths(envelope: &Envelope, input: &[u8]) -> Result<(), RunFailure> {
    let (bytes, max) = (envelope.params.len() as u64, PARAMS_BYTES_MAX as u64);
    if bytes > max {
        return Err(RunFailure::ParamsTooLong { bytes, max });
    }
    let (bytes, max) = (input.len() as u64, envelope.limits.input_bytes.min(INPUT_BYTES_MAX));
    if bytes > max {
        return Err(RunFailure::InputTooLong { bytes, max });
    }
    Ok(())
}

fn open_all(files: Files<'_>) -> Result<Vec<File>, RunFailure> {
    let mut handed = vec![open(files.runner, RunFailure::RunnerAbsent)?];
    if let Some(model) = files.model {
        handed.push(open(model, RunFailure::ModelAbsent)?);
    }
    Ok(handed)
}

fn open(path: &Path, absent: fn(String) -> RunFailure) -> Result<File, RunFailure> {
    File::open(path).map_err(|error| absent(format!("{}: {error}", path.display())))
}
