//! The models that a network is founded with: each a copy where others fetch it, and run once.
//!
//! **Invariant:** whoever leaves meanwhile leaves nothing behind that was joined for it.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

use assay_peer::{
    blobs::{BlobError, Blobs, Hold},
    config::DaemonSettings,
    executor::{Conduct, Executor},
};
use assay_protocol::{id::Digest, manifest::Manifest};

use super::EXTENT;
use crate::{
    bundle::SUMS,
    command_error::{CommandError, Exit},
    commands::model::{blocking, whole_file},
    home_models,
    invocation::Invocation,
    own_model::{self, WholeFile},
};

/// What each model is asked before a network is founded with it.
const QUESTION: &[u8] = b"Hello";
/// What helps where there is no room.
const ROOM: &str = "free some space; daemon.blob_bytes_max in config.toml says how much models may take, here and at whoever runs them";

/// Stores the models of these files and the runner of all, and says how each is run.
pub(super) async fn stored(
    files: &[PathBuf],
    settings: &DaemonSettings,
    invocation: &Invocation,
) -> Result<Vec<Manifest>, CommandError> {
    let blobs = Blobs::open(&invocation.home.blobs(), settings.blob_bytes_max).map_err(BlobError::from);
    let blobs = blobs.map_err(|error| failed(&invocation.home.blobs(), &error, ROOM))?;
    blobs.put(SUMS.runner).map_err(|error| failed(Path::new("the runner"), &error, ROOM))?;
    let executor =
        Executor::new(home_models::worker()?, invocation.home.compiled(), 1, blobs.clone(), Conduct::Honest);
    executor.keep_packs(settings.pack_bytes_max, settings.free_bytes_min);
    let mut held: Vec<Hold> = vec![blobs.hold([Digest::of(SUMS.runner)])];
    let mut manifests = Vec::new();
    for file in files {
        let whole = whole_file(file, invocation).await?;
        let spinner = invocation.printer.spinner("storing a model, and running it once");
        let tried = tried(file, &whole, &blobs, &executor).await;
        spinner.end();
        let (hold, manifest) = tried?;
        held.push(hold);
        manifests.push(manifest);
    }
    Ok(manifests)
}

/// Stores one, of a file or of its parts, all of which are in `whole`, and runs it once.
async fn tried(
    file: &Path,
    whole: &WholeFile,
    blobs: &Blobs,
    executor: &Executor,
) -> Result<(Hold, Manifest), CommandError> {
    let (store, source) = (blobs.clone(), whole.path().to_owned());
    // Into what was joined nobody else writes, and there was room asked for one of it.
    let is_joined = matches!(whole, WholeFile::Joined(_));
    let put = blocking(move || match is_joined {
        true => store.share_file(&source),
        false => store.put_file(&source),
    });
    let put = put.await?;
    let digest = put.map_err(|error| failed(file, &error, ROOM))?;
    let hold = blobs.hold([digest]);
    let manifest = own_model::manifest(file, digest, EXTENT)?;
    let run = executor.test(manifest.clone(), QUESTION.to_vec()).await;
    run.map_err(|failure| {
        let why = format!("a run of it failed: {failure}");
        failed(file, &why, "docs/arithmetic.md lists what the engine knows")
    })?;
    Ok((hold, manifest))
}

fn failed(file: &Path, error: &dyn Display, hint: &str) -> CommandError {
    let message = format!("{} cannot be sold: {error}", file.display());
    CommandError::new(Exit::Usage, "NO_MODEL", message, hint)
}
