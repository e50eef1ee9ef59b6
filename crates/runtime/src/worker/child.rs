//! The inside of a worker: reads requests, runs one job at a time, answers.
//!
//! **Invariant:** the walls stand before the second message is read. The thread that reads requests never runs a job, so
//! a cancel arrives and a lost parent is noticed whatever a guest or an engine is doing.

use std::{
    io::{self, Write},
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use assay_protocol::{codec, frames, id::Digest};

use super::{
    INPUT_BYTES_MAX,
    confine::{Confined, Enclosure},
    files, hosting,
    system::{self, EngineLink, Handed, Intake},
    wire::{self, Purpose, Request, WorkerReply},
};
use crate::{
    class::{self, Class},
    counts::Port,
    engine::language::LanguageModel,
    envelope::Envelope,
    models::{JobModel, Loaded, Unread},
    outcome::RunFailure,
    sandbox::{Finished, Sandbox, SandboxWork},
};

/// Bytes of stack that the host's own code has below a guest's.
const HOST_STACK_BYTES: usize = 2 * 1024 * 1024;
/// Rows of evidence that are said at once.
const ROWS_AT_ONCE: usize = 1024;
/// Bytes of them.
pub(super) const ROWS_BYTES_MAX: u64 = (ROWS_AT_ONCE * size_of::<Digest>()) as u64;
/// Tokens whose chances are said at once.
const CHANCES_AT_ONCE: usize = 64;
/// The exit status of a worker in which something panicked.
const PANICKED: i32 = 101;

/// Serves one parent over standard input and output, until it goes away. Never returns.
pub fn main() -> ! {
    match serve() {
        Ok(()) => process::exit(0),
        Err(error) => {
            // The parent reads the last words of a worker from its standard error.
            give_up(&error)
        }
    }
}

/// One request that the thread for jobs carries out.
enum ThreadRequest {
    Job(Box<Ordered>),
    Compile { has_one_nan: bool, stack_bytes: u32, file: Handed },
    Classify,
}

/// A job, with all that it was given.
struct Ordered {
    envelope: Envelope,
    input: Vec<u8>,
    draft: Arc<[u32]>,
    files: Vec<Handed>,
    /// The way to the engine that holds the model, where there is one.
    link: Option<EngineLink>,
    deadline: Instant,
    /// How many of the likeliest tokens are told of each place, if chances are.
    chances: Option<u8>,
}

fn serve() -> io::Result<()> {
    let mut requests = system::intake()?;
    let replies = Box::new(system::replies()?);
    let Some((first, _)) = wire::receive(&mut requests, 0)? else { return Ok(()) };
    let Request::Prepare {
        purpose,
        cache,
        onnx_runtime,
        user,
        stack_bytes,
        process_memory_bytes,
        file_bytes,
    } = first
    else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the first message is not Prepare"));
    };
    if let Some(library) = onnx_runtime {
        class::load_onnx_runtime(Path::new(&library));
        if !system::is_single_threaded() {
            return Err(io::Error::other("ONNX Runtime starts threads, which no wall would hold"));
        }
    }
    let Confined { missing, cache, has_file_wall } =
        system::confine(Enclosure { purpose, cache, user, process_memory_bytes, file_bytes });
    // Without the first filter, which is named then, there is nothing to seal.
    let can_seal = !missing.iter().any(|wall| wall.starts_with("system calls"));
    let line = Arc::new(Line { replies: Mutex::new(replies), cancelled: AtomicBool::new(false) });
    line.send(&WorkerReply::Ready { missing }, &[]);
    match purpose {
        Purpose::Host | Purpose::Card => return hosting::serve(requests, &line, has_file_wall),
        Purpose::Run | Purpose::Compile => {}
    }
    let warm = Warm { line: Arc::clone(&line), cache: cache.map(PathBuf::from), can_seal, loaded: None };
    let (sender, work) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name("job".into())
        .stack_size(HOST_STACK_BYTES + stack_bytes as usize)
        .spawn(move || labour(warm, &work))?;
    let mut draft = Arc::default();
    while let Some((request, body)) = wire::receive(&mut requests, INPUT_BYTES_MAX)? {
        if let Some(work) = accept(request, body, &mut draft, &mut requests, &line)? {
            // The receiver lives as long as the process.
            let _ = sender.send(work);
        }
    }
    Ok(())
}

fn accept(
    request: Request,
    body: Vec<u8>,
    draft: &mut Arc<[u32]>,
    requests: &mut Intake,
    line: &Line,
) -> io::Result<Option<ThreadRequest>> {
    match request {
        Request::Start { envelope, files, has_session, chances } => {
            let deadline = Instant::now() + Duration::from_millis(envelope.limits.wall_ms);
            line.cancelled.store(false, Ordering::Relaxed);
            let files = (0..files).map(|_| requests.take_file()).collect::<io::Result<_>>()?;
            let link = has_session.then(|| requests.take_link()).transpose()?;
            let draft = mem::take(draft);
            let ordered = Ordered { envelope, input: body, draft, files, link, deadline, chances };
            Ok(Some(ThreadRequest::Job(Box::new(ordered))))
        }
        Request::Compile { has_one_nan, stack_bytes } => {
            Ok(Some(ThreadRequest::Compile { has_one_nan, stack_bytes, file: requests.take_file()? }))
        }
        Request::Classify => Ok(Some(ThreadRequest::Classify)),
        Request::Draft => {
            *draft = frames::tokens(&body).into();
            Ok(None)
        }
        Request::Cancel => {
            line.cancelled.store(true, Ordering::Relaxed);
            Ok(None)
        }
        Request::Prepare { .. } | Request::Cards | Request::Load { .. } | Request::EngineSession { .. } => {
            Err(io::Error::new(io::ErrorKind::InvalidData, "that is nothing for a worker"))
        }
    }
}

/// Carries out one request after the other. A panic ends the process, since what panicked may be half done.
fn labour(mut warm: Warm, work: &mpsc::Receiver<ThreadRequest>) {
    while let Ok(work) = work.recv() {
        ends(|| warm.perform(work));
    }
}

/// Does something whose panic ends the process.
pub(crate) fn ends(work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        process::exit(PANICKED);
    }
}

/// Ends the process with its last words, where nothing that it holds is of use any more.
pub(crate) fn give_up(why: &dyn std::fmt::Display) -> ! {
    eprintln!("{why}");
    process::exit(1)
}

/// The way to the parent.
pub(super) struct Line {
    replies: Mutex<Box<dyn Write + Send>>,
    cancelled: AtomicBool,
}

impl Line {
    /// Sends a reply. Without a parent to take it there is nothing left to do.
    pub(super) fn send(&self, reply: &WorkerReply, body: &[u8]) {
        let mut replies = self.replies.lock().unwrap_or_else(PoisonError::into_inner);
        if wire::send(&mut *replies, reply, body).is_err() {
            process::exit(0);
        }
    }
}

impl Port for Line {
    fn chunk(&self, bytes: Vec<u8>) {
        self.send(&WorkerReply::Chunk, &bytes);
    }

    fn line(&self, line: String) {
        self.send(&WorkerReply::Line, line.as_bytes());
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// What a worker works with: the runner and the model that it keeps for the next job.
struct Warm {
    line: Arc<Line>,
    cache: Option<PathBuf>,
    can_seal: bool,
    loaded: Option<(Sandbox, Option<Loaded>)>,
}

impl Warm {
    fn perform(&mut self, work: ThreadRequest) {
        let done = match work {
            ThreadRequest::Job(ordered) => self.run(*ordered).map(|finished| {
                let Finished { output, end, meters, rows, chances } = finished;
                for rows in rows.chunks(ROWS_AT_ONCE) {
                    let rows: Vec<u8> = rows.iter().flat_map(|Digest(row)| *row).collect();
                    self.line.send(&WorkerReply::Rows, &rows);
                }
                for chances in chances.chunks(CHANCES_AT_ONCE) {
                    self.line.send(&WorkerReply::Chances, &codec::encode(chances));
                }
                self.line.send(&WorkerReply::Done { end, meters }, &output);
            }),
            ThreadRequest::Compile { has_one_nan, stack_bytes, file } => self
                .compile(has_one_nan, stack_bytes, file)
                .map(|()| self.line.send(&WorkerReply::Compiled, &[])),
            ThreadRequest::Classify => Class::probe().map(|(classes, onnx_runtime_fault)| {
                self.line.send(&WorkerReply::Classified { classes, onnx_runtime_fault }, &[])
            }),
        };
        if let Err(failure) = done {
            self.line.send(&WorkerReply::Failed(failure), &[]);
        }
    }

    fn run(&mut self, ordered: Ordered) -> Result<Finished, RunFailure> {
        let Ordered { envelope, input, draft, files, link, deadline, chances } = ordered;
        if self.loaded.is_none() {
            self.loaded = Some(self.load(&envelope, files, link.as_ref())?);
        }
        let Some((sandbox, model)) = &self.loaded else { unreachable!("it was loaded just now") };
        let model = model.as_ref().map(|model| JobModel::new(model, &draft, link));
        let work = SandboxWork { envelope: &envelope, input: &input, deadline, chances };
        sandbox.run(&work, model, Arc::clone(&self.line) as Arc<dyn Port>)
    }

    fn load(
        &self,
        envelope: &Envelope,
        files: Vec<Handed>,
        link: Option<&EngineLink>,
    ) -> Result<(Sandbox, Option<Loaded>), RunFailure> {
        let mut files = files.into_iter();
        let file = files.next().ok_or_else(|| RunFailure::RunnerAbsent("none was handed over".into()))?;
        let runner = files::read(file, envelope.runner, RunFailure::RunnerAbsent)?;
        let model = files.next().map(|file| files::read(file, envelope.model, RunFailure::ModelAbsent));
        // As whoever had it compiled into the cache saw by the model's header.
        let is_language = link.is_some() || matches!(&model, Some(Ok(bytes)) if LanguageModel::is_one(bytes));
        let stack_bytes = envelope.limits.stack_bytes;
        let sandbox = Sandbox::compile(&runner, is_language, stack_bytes, self.cache.as_deref())?;
        let model = model.transpose()?.map(Unread::prepare);
        self.seal();
        let model = match link {
            Some(link) => Some(Loaded::far(envelope.model, link)?),
            None => model.map(|model| Loaded::read(envelope.model, model)).transpose()?,
        };
        Ok((sandbox, model))
    }

    /// From here on there is no file to open and no thread to start, for the model's reader as well. The engine's threads
    /// are here before.
    fn seal(&self) {
        if self.can_seal
            && let Err(error) = system::seal()
        {
            eprintln!("the worker cannot be sealed: {error}");
            process::exit(1);
        }
    }

    fn compile(&self, has_one_nan: bool, stack_bytes: u32, mut file: Handed) -> Result<(), RunFailure> {
        let mut runner = Vec::new();
        io::Read::read_to_end(&mut file, &mut runner)
            .map_err(|error| RunFailure::RunnerAbsent(error.to_string()))?;
        Sandbox::compile(&runner, has_one_nan, stack_bytes, self.cache.as_deref()).map(drop)
    }
}
