//! Taking a file of the user's into the library: shared or copied, run once, and only then named.
//!
//! **Invariant:** what the library names of it is what was run; what was stored of a file that does not work may make room.

use std::{fs, io, path::PathBuf};

use assay_protocol::{id::Digest, manifest::Manifest, order::Failure};
use tokio::task::spawn_blocking;

use super::{Library, LibraryError, ModelOrigin};
use crate::{
    blobs::{BlobError, Blobs},
    executor::{Executor, NoClass, sample},
};

/// A file of the user's, and how it is to be run.
#[derive(Debug)]
pub struct NewModel {
    /// The file of the model.
    pub file: PathBuf,
    /// The component that runs it.
    pub runner: Vec<u8>,
    /// How it is run; runner and model are named by what is stored.
    pub manifest: Manifest,
    /// Where it comes from, if somebody else has it too.
    pub origin: Option<ModelOrigin>,
    /// Whether it is copied even where the disk can share its bytes.
    pub is_copied: bool,
}

/// Why a file is not added.
#[derive(Debug, thiserror::Error)]
pub enum NotAdded {
    /// It cannot be stored.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// This machine cannot run it.
    #[error(transparent)]
    NoClass(#[from] NoClass),
    /// A run of it failed.
    #[error("a run of it failed: {0}")]
    Failed(Failure),
    /// The library does not take it.
    #[error(transparent)]
    Library(#[from] LibraryError),
}

impl Library {
    /// Stores a model, runs it once and takes it in.
    ///
    /// # Errors
    /// [`NotAdded`].
    pub async fn add_file(&self, new: NewModel, executor: &Executor) -> Result<Manifest, NotAdded> {
        let held = self.blobs.hold([]);
        let (blobs, holder) = (self.blobs.clone(), held.holder());
        let stored = blocking(move || store(&blobs, holder, &new).map(|parts| (parts, new))).await;
        let ((runner, model), NewModel { manifest, origin, .. }) = stored?;
        let manifest = Manifest { runner, model, ..manifest };
        self.tried(&manifest, executor).await?;
        if let Some(origin) = origin {
            let (library, digest) = (self.clone(), manifest.digest());
            blocking(move || Ok(library.note_origin(&digest, &origin).map_err(LibraryError::from)?)).await?;
        }
        drop(held);
        Ok(manifest)
    }

    async fn tried(&self, manifest: &Manifest, executor: &Executor) -> Result<(), NotAdded> {
        executor.class_of(manifest).await?;
        executor.test(manifest.clone(), sample(manifest)).await.map_err(NotAdded::Failed)?;
        let (library, manifest) = (self.clone(), manifest.clone());
        blocking(move || {
            library.allow(&manifest.runner)?;
            Ok(library.add(&manifest)?)
        })
        .await
    }
}

/// Puts both into the store, for a holder. Reading a pipe could take for ever.
fn store(blobs: &Blobs, holder: Digest, new: &NewModel) -> Result<(Digest, Digest), NotAdded> {
    let NewModel { file, runner, is_copied, .. } = new;
    let is_file = fs::metadata(file).map_err(BlobError::from)?.is_file();
    if !is_file {
        return Err(BlobError::from(io::Error::other("it is no file")).into());
    }
    let runner = blobs.put_for(holder, runner)?;
    let model = if *is_copied { blobs.put_file(file)? } else { blobs.share_file(file)? };
    blobs.keep(holder, model);
    Ok((runner, model))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NotAdded> + Send + 'static,
) -> Result<T, NotAdded> {
    let done = spawn_blocking(work).await;
    done.unwrap_or_else(|cut_short| Err(BlobError::from(io::Error::other(cut_short)).into()))
}
