//! How a process that holds a model comes to its pack: it makes one of the model's file, or takes one that was made before.
//!
//! **Invariant:** nothing is computed with a pack that was handed over before all of it was found to be what its digest says,
//! and until then nothing else is done, so that whatever ends the process is that pack's fault. Where a pack cannot be kept,
//! it is made in memory, and no job feels it.

use std::io;

use assay_engine::{
    gguf::Gguf,
    model::{Choices, Model, ModelPlan},
    pack::{self, Pack, PackError},
    vocabulary::Vocabulary,
};
use assay_protocol::id::Digest;

use super::{
    child::Line,
    files,
    system::{self, Handed, Intake},
    wire::{PackPlace, WorkerReply},
};
use crate::outcome::{RunFailure, cut};

/// What a model is read from.
pub(super) enum PackSource {
    /// Its own file, and one that its pack is to be written into, if it is to be kept.
    Model { file: Handed, draft: Option<DraftFile> },
    /// A pack, by the digest of its bytes.
    Kept { file: Handed, digest: Digest },
}

/// An empty file for a pack.
pub(super) struct DraftFile {
    file: Handed,
    /// Bytes that there is room for.
    bytes_max: u64,
}

/// Why a model is not read.
pub(super) enum NotRead {
    /// It cannot be.
    Failed(RunFailure),
    /// The pack that was handed over is of no use.
    Pack(String),
}

impl From<RunFailure> for NotRead {
    fn from(failure: RunFailure) -> Self {
        Self::Failed(failure)
    }
}

impl PackSource {
    /// Takes what the parent hands over.
    pub(super) fn take(place: PackPlace, requests: &mut Intake) -> io::Result<Self> {
        let file = requests.take_file()?;
        Ok(match place {
            PackPlace::Memory => Self::Model { file, draft: None },
            PackPlace::Draft { bytes_max } => {
                Self::Model { file, draft: Some(DraftFile { file: requests.take_file()?, bytes_max }) }
            }
            PackPlace::Kept { digest } => Self::Kept { file, digest },
        })
    }
}

/// Reads the model called `name`, and says on the way what became of its pack.
pub(super) fn read(name: Digest, source: PackSource, threads: usize, line: &Line) -> Result<Model, NotRead> {
    match source {
        PackSource::Model { file, draft } => Ok(packed(name, file, draft, (threads, line))?),
        PackSource::Kept { file, digest } => {
            let taken = taken(name, &file, digest, threads);
            let model = taken.map_err(|why| NotRead::Pack(cut(why.to_string())))?;
            line.send(&WorkerReply::PackTaken, &[]);
            Ok(model)
        }
    }
}

/// A model by a pack that was made before.
fn taken(name: Digest, file: &Handed, digest: Digest, threads: usize) -> Result<Model, PackError> {
    let pack = system::pack(file)?;
    if pack.digest() != digest.0 || pack.source() != name.0 {
        return Err(PackError::Digest);
    }
    pack.verify_by(threads)?;
    Ok(Model::load(&pack, Choices::default())?)
}

/// A model by its own file.
fn packed(
    name: Digest,
    file: Handed,
    draft: Option<DraftFile>,
    (threads, line): (usize, &Line),
) -> Result<Model, RunFailure> {
    let bytes = files::read(file, name, RunFailure::ModelAbsent)?;
    let file = Gguf::parse(&bytes).map_err(refuse)?;
    let plan = ModelPlan::of(&file).map_err(refuse)?;
    // Each worker reads it again; that it can be read is known here.
    Vocabulary::read(&file).map_err(refuse)?;
    if let Some(draft) = draft {
        match written(&file, &plan, name, draft, threads) {
            Ok(pack) => {
                let model = Model::load(&pack, Choices::default()).map_err(refuse)?;
                line.send(&WorkerReply::Packed(Digest(pack.digest())), &[]);
                return Ok(model);
            }
            Err(PackError::Io(why)) => line.send(&WorkerReply::NotPacked(cut(why.to_string())), &[]),
            Err(why) => return Err(refuse(why)),
        }
    }
    let pack = Pack::of_file_by(threads, &file, name.0).map_err(refuse)?;
    Model::load(&pack, Choices::default()).map_err(refuse)
}

/// A pack that lies in the file which it was written into.
fn written(
    file: &Gguf<'_>,
    plan: &ModelPlan,
    name: Digest,
    draft: DraftFile,
    threads: usize,
) -> Result<Pack, PackError> {
    let DraftFile { file: mut draft, bytes_max } = draft;
    if plan.pack_bytes as u64 > bytes_max {
        let (takes, has) = (plan.pack_bytes >> 10, bytes_max >> 10);
        return Err(io::Error::other(format!("it takes {takes} KiB, and there is room for {has}")).into());
    }
    pack::write_by(threads, file, plan, name.0, &mut draft)?;
    system::pack(&draft)
}

fn refuse(why: impl std::fmt::Display) -> RunFailure {
    RunFailure::NotAModel(cut(why.to_string()))
}
