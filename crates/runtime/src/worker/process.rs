//! The child process behind a worker: how it starts, is spoken to, and ends.
//!
//! **Invariant:** the process inherits three pipes and nothing else; its environment holds the number of engine threads,
//! what the system cannot start a process without, for one with a card what its driver is told, for one with ONNX Runtime
//! that it is to tell nobody anything, and nothing else. A process that broke off is dead by the time its failure is known.

use std::{
    env,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read},
    path::{self, Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    GRACE,
    confine::FILE_BYTES_MAX,
    inbox::Inbox,
    system::{self, EngineLink, Outlet},
    wire::{self, Purpose, Request, WorkerReply},
};
use crate::{
    class::ModelNeed,
    engine::rten::{THREADS, THREADS_VARIABLE},
    envelope::RunLimits,
    outcome::{RunFailure, cut},
};

/// What a process has to shut itself in, on a machine that has much else to do.
const READY_WAIT: Duration = Duration::from_secs(30);
/// How often a process that is ending is looked at.
const GLANCE: Duration = Duration::from_millis(2);
/// Bytes of a dead process's last words.
const LAST_WORDS_BYTES_MAX: u64 = 4096;
/// Where drivers of cards lie, if not where they usually do.
const DRIVER_VARIABLES: [&str; 3] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "LD_LIBRARY_PATH"];
/// What tells ONNX Runtime, by the names of several of its versions, to say nothing to its makers: some begin to when they are
/// opened, on a thread of their own, before anything can be set.
const SILENCE: [(&str, &str); 2] = [("ORT_DISABLE_TELEMETRY", "1"), ("ORT_TELEMETRY_DISABLED", "1")];
/// The words with which Rust's allocator gives up.
const OUT_OF_MEMORY: &str = "memory allocation of";

/// Where workers come from.
#[derive(Clone, Debug)]
pub struct WorkerSource {
    /// A program whose first argument `worker` makes it call [`main`](super::main).
    pub binary: PathBuf,
    /// Where compiled components are kept; made if absent. Without it everything is compiled anew.
    pub cache: Option<PathBuf>,
    /// The library of ONNX Runtime, if this machine has it: code that its owner trusts as this program, since it is loaded
    /// before a worker shuts itself in.
    pub onnx_runtime: Option<PathBuf>,
}

impl WorkerSource {
    /// The same for workers that load no library.
    pub(crate) fn without_onnx_runtime(&self) -> Self {
        Self { onnx_runtime: None, ..self.clone() }
    }

    /// The same for workers that run this model, which load a library only if it needs that.
    pub(crate) fn for_model(&self, model: Option<&Path>) -> Self {
        let needs = |file: &Path| matches!(ModelNeed::of(file), Ok(ModelNeed::OnnxRuntime(_)));
        // Nothing is looked at where it decides nothing.
        if self.onnx_runtime.is_some() && model.is_some_and(needs) {
            return self.clone();
        }
        self.without_onnx_runtime()
    }
}

/// A live child. Dropping it kills it.
pub(super) struct Process {
    child: Child,
    outlet: Outlet,
    inbox: Inbox,
    limits: RunLimits,
    /// The walls that the machine did not give.
    pub(super) missing: Vec<String>,
}

impl Process {
    /// Starts a process and waits until it has shut itself in.
    pub(super) fn start(
        worker_source: &WorkerSource,
        limits: &RunLimits,
        purpose: Purpose,
    ) -> Result<Self, RunFailure> {
        Self::start_writing(worker_source, limits, purpose, FILE_BYTES_MAX)
    }

    /// The same, one that may write a file of so many bytes.
    pub(super) fn start_writing(
        worker_source: &WorkerSource,
        limits: &RunLimits,
        purpose: Purpose,
        file_bytes: u64,
    ) -> Result<Self, RunFailure> {
        let absent = |error: io::Error| RunFailure::WorkerAbsent(error.to_string());
        let cache = cache(worker_source)?;
        let onnx_runtime = onnx_runtime(worker_source, purpose)?;
        let user = system::user(cache.as_deref());
        // The child stands in another directory.
        let binary = path::absolute(&worker_source.binary).map_err(absent)?;
        let mut command = Command::new(&binary);
        command
            .arg("worker")
            .env_clear()
            .envs(system::environment())
            .env(THREADS_VARIABLE, THREADS.to_string())
            .envs(driver_environment(purpose))
            .envs(SILENCE.into_iter().filter(|_| onnx_runtime.is_some()))
            .current_dir("/")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let (mut child, outlet) = system::spawn(&mut command)
            .map_err(|error| RunFailure::WorkerAbsent(format!("{}: {error}", binary.display())))?;
        let Some(replies) = child.stdout.take() else { unreachable!("standard output is a pipe") };
        let inbox = Inbox::new(replies).map_err(absent)?;
        let mut process = Self { child, outlet, inbox, limits: *limits, missing: Vec::new() };
        let RunLimits { stack_bytes, process_memory_bytes, .. } = *limits;
        process.send(
            &Request::Prepare {
                purpose,
                cache,
                onnx_runtime,
                user,
                stack_bytes,
                process_memory_bytes,
                file_bytes,
            },
            &[],
            &[],
        )?;
        let reply = process.answer(READY_WAIT)?;
        let WorkerReply::Ready { missing } = reply else { return Err(process.astray(reply)) };
        process.missing = missing;
        Ok(process)
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Says something and hands over the files that go with it.
    pub(super) fn send(&mut self, request: &Request, body: &[u8], files: &[File]) -> Result<(), RunFailure> {
        let sent = wire::send(&mut self.outlet, request, body)
            .and_then(|()| files.iter().try_for_each(|file| self.outlet.give(file)));
        sent.map_err(|error| self.mourn(&format!("it takes no message ({error})")))
    }

    /// Says something and hands over one end of a way to an engine.
    pub(super) fn session(
        &mut self,
        request: &Request,
        body: &[u8],
        files: &[File],
        link: &EngineLink,
    ) -> Result<(), RunFailure> {
        self.send(request, body, files)?;
        self.outlet.give_link(link).map_err(|error| self.mourn(&format!("it takes no session ({error})")))
    }

    /// The next reply and its body; nothing if none is complete by `until`.
    pub(super) fn next(
        &mut self,
        until: Instant,
        body_bytes_max: u64,
    ) -> Result<Option<(WorkerReply, Vec<u8>)>, RunFailure> {
        self.inbox.next(until, body_bytes_max).map_err(|error| {
            let ended = error.kind() == io::ErrorKind::UnexpectedEof;
            self.mourn(&if ended { "it broke off".into() } else { format!("it made no sense ({error})") })
        })
    }

    /// The one reply to a chore.
    pub(super) fn answer(&mut self, wait: Duration) -> Result<WorkerReply, RunFailure> {
        match self.next(Instant::now() + wait, 0)? {
            Some((reply, _)) => Ok(reply),
            None => {
                self.kill();
                Err(self.mourn("it did not answer in time"))
            }
        }
    }

    /// The failure behind a process that did not say what it should.
    pub(super) fn astray(&mut self, reply: WorkerReply) -> RunFailure {
        self.kill();
        if let WorkerReply::Failed(failure) = reply {
            return failure;
        }
        self.mourn(&format!("it answered {reply:?}"))
    }

    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Says how a process ended, in its own words where it left some. One that has not ended by itself soon is killed.
    pub(super) fn mourn(&mut self, why: &str) -> RunFailure {
        let until = Instant::now() + GRACE;
        while self.is_alive() && Instant::now() < until {
            thread::sleep(GLANCE);
        }
        self.kill();
        let status = self.child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        let words = self.last_words();
        if words.contains(OUT_OF_MEMORY) {
            return RunFailure::OutOfProcessMemory { bytes: self.limits.process_memory_bytes };
        }
        let words = words.trim().replace('\n', " ");
        let colon = if words.is_empty() { "" } else { ": " };
        RunFailure::WorkerDied(cut(format!("{why}, {status}{colon}{words}")))
    }

    fn last_words(&mut self) -> String {
        let mut words = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            let _ = stderr.take(LAST_WORDS_BYTES_MAX).read_to_end(&mut words);
        }
        String::from_utf8_lossy(&words).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What a driver of cards is told, for a process that opens one. Neither keeps compiled shaders: their folders are walled off.
fn driver_environment(purpose: Purpose) -> Vec<(&'static str, OsString)> {
    if purpose != Purpose::Card {
        return Vec::new();
    }
    let given = DRIVER_VARIABLES.into_iter().filter_map(|name| Some((name, env::var_os(name)?)));
    let no_cache = [("MESA_SHADER_CACHE_DISABLE", "true"), ("__GL_SHADER_DISK_CACHE", "0")];
    given.chain(no_cache.map(|(name, value)| (name, value.into()))).collect()
}

/// The library's absolute path, for a process that runs guests or their models: no other has a use for it.
fn onnx_runtime(worker_source: &WorkerSource, purpose: Purpose) -> Result<Option<String>, RunFailure> {
    let library = worker_source.onnx_runtime.as_ref().filter(|_| purpose == Purpose::Run);
    let Some(library) = library else { return Ok(None) };
    let absent =
        |error: &str| RunFailure::WorkerAbsent(format!("ONNX Runtime {}: {error}", library.display()));
    let path = path::absolute(library).map_err(|error| absent(&error.to_string()))?;
    let path = path.into_os_string().into_string().map_err(|_| absent("not Unicode"))?;
    Ok(Some(path))
}

/// The cache's absolute path, since the child stands in another directory.
fn cache(worker_source: &WorkerSource) -> Result<Option<String>, RunFailure> {
    let Some(path) = &worker_source.cache else { return Ok(None) };
    let absent = |error: String| RunFailure::WorkerAbsent(format!("cache {}: {error}", path.display()));
    // Nobody else may put compiled code there, nor see what is run.
    system::create_folder(path).map_err(|error| absent(error.to_string()))?;
    let path = fs::canonicalize(path).map_err(|error| absent(error.to_string()))?;
    let path = path.into_os_string().into_string().map_err(|_| absent("not Unicode".into()))?;
    Ok(Some(path))
}
