//! The inside of an engine's process: reads one model, and serves a session to each worker that is handed one.
//!
//! **Invariant:** no guest ever runs here. What a stranger wrote is the model's file, which is read behind the walls, and what
//! a worker says that a guest took over.

use std::{io, thread};

use assay_engine::{
    gguf::Gguf,
    model::{Choices, MemoryNeed, Model, ModelPlan},
    pack::Pack,
    vocabulary::Vocabulary,
};
use assay_protocol::id::Digest;

use super::{
    child::{Line, ends},
    files,
    system::{Handed, Intake},
    wire::{self, HostedModel, Request, WorkerReply},
};
use crate::{
    engine::{draft_pieces::PIECE, far, shared_engine::SharedEngine},
    outcome::{RunFailure, cut},
};

/// Bytes of stack of a thread that computes: as the system has it.
const THREAD_STACK_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of stack of a thread that serves a session.
const SESSION_STACK_BYTES: usize = 256 * 1024;

/// Serves one parent until it goes away, or has no model for it.
pub(super) fn serve(mut requests: Intake, line: &Line) -> io::Result<()> {
    let malformed = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let Some((request, _)) = wire::receive(&mut requests, 0)? else { return Ok(()) };
    let Request::Load { model, threads, kept_bytes } = request else {
        return Err(malformed("no model came first"));
    };
    let file = requests.take_file()?;
    let engine = match load(model, file, usize::from(threads), kept_bytes) {
        Ok((hosted, engine)) => {
            line.send(&WorkerReply::Loaded(hosted), &[]);
            engine
        }
        Err(failure) => {
            line.send(&WorkerReply::Failed(failure), &[]);
            return Ok(());
        }
    };
    let engine = &*Box::leak(Box::new(engine));
    while let Some((request, _)) = wire::receive(&mut requests, 0)? {
        let Request::EngineSession(bounds) = request else {
            return Err(malformed("no session"));
        };
        let link = requests.take_link()?;
        let session = thread::Builder::new().name("session".into()).stack_size(SESSION_STACK_BYTES);
        let serving = session.spawn(move || {
            ends(|| {
                // A worker that goes away in the middle was killed; its parent knows why.
                let _ = far::serve(link, engine, bounds);
            });
        });
        // Without a thread its link is closed, which its job alone feels.
        drop(serving);
    }
    Ok(())
}

fn load(
    name: Digest,
    file: Handed,
    threads: usize,
    kept_bytes: u64,
) -> Result<(HostedModel, SharedEngine), RunFailure> {
    fn refuse(why: impl std::fmt::Display) -> RunFailure {
        RunFailure::NotAModel(cut(why.to_string()))
    }
    let bytes = files::read(file, name, RunFailure::ModelAbsent)?;
    let file = Gguf::parse(&bytes).map_err(refuse)?;
    // Each worker reads it again; that it can be read is known here.
    Vocabulary::read(&file).map_err(refuse)?;
    let need = MemoryNeed::of(&ModelPlan::of(&file).map_err(refuse)?);
    let pack = Pack::of_file_by(threads, &file, name.0).map_err(refuse)?;
    let model = Model::load(&pack, Choices::default()).map_err(refuse)?;
    let stacks = threads.saturating_mul(2 * THREAD_STACK_BYTES);
    let hosted = HostedModel {
        kept_bytes: need.weights.saturating_add(need.scratch).saturating_add(stacks) as u64,
        page_bytes: need.page as u64,
        draft_bytes: model.settings().draft_bytes(PIECE) as u64,
        positions: model.settings().context as u64,
    };
    let engine = SharedEngine::start(model, threads, kept_bytes).map_err(|error| {
        let why = format!("the engine has no thread: {error}");
        RunFailure::EngineDied(why)
    })?;
    Ok((hosted, engine))
}
