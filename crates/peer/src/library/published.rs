//! Models of the library that every peer of the network may fetch from here, offered or not.
//!
//! **Invariant:** what is published is in the library, and stays published over restarts until its owner takes that back or
//! lets the model go.

use std::{collections::BTreeSet, io, path::Path};

use assay_protocol::{id::Digest, manifest::Manifest};

use super::{Library, LibraryError, MODELS_MAX, marks};

/// The folder, in the library's: an empty file for each model that is published, named by the digest of its manifest.
const FOLDER: &str = "published";

impl Library {
    /// The models that are published, by their names.
    pub(crate) fn published(&self) -> Vec<Manifest> {
        let marked = self.known().published.clone();
        self.manifests().into_iter().filter(|manifest| marked.contains(&manifest.digest())).collect()
    }

    /// Publishes a model, and says whether it was not before. Durable when this returns.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub(crate) fn publish(&self, digest: &Digest) -> Result<bool, LibraryError> {
        let _writing = self.writing();
        {
            let known = self.known();
            if !known.manifests.contains_key(digest) {
                return Err(LibraryError::Gone);
            }
            if known.published.contains(digest) {
                return Ok(false);
            }
        }
        marks::note(&self.disk, &self.root.join(FOLDER), digest)?;
        self.known().published.insert(*digest);
        Ok(true)
    }

    /// Takes back that a model is published, which it need not be. Durable when this returns.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub(crate) fn withdraw(&self, digest: &Digest) -> Result<(), LibraryError> {
        let _writing = self.writing();
        Ok(self.unmark_published(digest)?)
    }

    /// The same for whoever is writing already.
    pub(super) fn unmark_published(&self, digest: &Digest) -> io::Result<()> {
        // First, so that nobody fetches it any more even where the disk fails.
        self.known().published.remove(digest);
        marks::erase(&self.disk, &self.root.join(FOLDER), digest)
    }
}

/// What stands in the folder of a library.
pub(super) fn published_in(root: &Path) -> io::Result<BTreeSet<Digest>> {
    marks::noted_in(&root.join(FOLDER), 2 * MODELS_MAX)
}
