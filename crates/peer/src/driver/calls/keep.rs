//! Putting a file of the user's into the blob store.
//!
//! **Invariant:** what is kept is a whole file, under the digest of its bytes.

use std::{fs, io, path::PathBuf};

use assay_protocol::id::Digest;
use serde::{Deserialize, Serialize};

use crate::{
    blobs::{BlobError, Blobs},
    driver::responder::{Respond, Responder},
    handle::{Call, Refused},
};

/// Copy a file into the blob store, such as a runner or a model; answered with its digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepFile {
    /// Where the file is, as an absolute path.
    pub path: PathBuf,
}

impl Call for KeepFile {
    const NAME: &'static str = "keep_file";
    type Answer = Digest;
}

impl Respond for KeepFile {
    async fn respond(self, responder: &Responder) -> Result<Digest, Refused> {
        let blobs = responder.store.blobs.clone();
        let kept = responder.work(move |_| {
            let kept = self.keep(&blobs);
            kept.map_err(|error| Refused::Disk { reason: format!("{}: {error}", self.path.display()) })
        });
        kept.await?
    }
}

impl KeepFile {
    /// Reading a pipe could take for ever.
    fn keep(&self, blobs: &Blobs) -> Result<Digest, BlobError> {
        if !fs::metadata(&self.path)?.is_file() {
            return Err(io::Error::other("it is no file").into());
        }
        blobs.put_file(&self.path)
    }
}
