//! Where models of the library come from, and the cards that came with them: for the owner of this home to read.
//!
//! Nothing of it is in a manifest: the same weights are the same model wherever they were fetched, so that those who check it
//! count together.
//!
//! **Invariant:** it says nothing to anybody else, and decides nothing.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use assay_protocol::id::Digest;
use serde::{Deserialize, Serialize};

use super::Library;

/// The folder, in the library's.
const FOLDER: &str = "origins";
/// Bytes of where a model comes from.
const SOURCE_BYTES_MAX: usize = 1024;
/// Bytes of a card; what is longer is cut.
const CARD_BYTES_MAX: usize = 256 * 1024;

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelOrigin {
    /// What it is called there, with the commit.
    pub source: String,
    /// Its card, if it has one.
    pub card: Option<String>,
}

impl Library {
    /// Where a model comes from, and the file that its card is in.
    #[must_use]
    pub fn origin(&self, digest: &Digest) -> Option<(String, Option<PathBuf>)> {
        let [source, card] = self.origin_paths(digest);
        let mut text = String::new();
        fs::File::open(source).ok()?.take(SOURCE_BYTES_MAX as u64).read_to_string(&mut text).ok()?;
        Some((text, Some(card).filter(|card| card.is_file())))
    }

    /// Notes where a model comes from. Durable when this returns.
    pub(super) fn note_origin(&self, digest: &Digest, origin: &ModelOrigin) -> io::Result<()> {
        let _writing = self.writing();
        self.disk.create_folder(&self.root.join(FOLDER))?;
        let [source, card] = self.origin_paths(digest);
        if let Some(text) = &origin.card {
            self.write_origin(&card, text, CARD_BYTES_MAX)?;
        }
        self.write_origin(&source, &origin.source, SOURCE_BYTES_MAX)
    }

    /// Forgets where it came from.
    pub(super) fn forget_origin(&self, digest: &Digest) -> io::Result<()> {
        self.origin_paths(digest).iter().try_for_each(|path| self.disk.remove(path))
    }

    fn write_origin(&self, path: &Path, text: &str, bytes_max: usize) -> io::Result<()> {
        let mut file = self.disk.create(&path.with_extension("new"))?;
        file.write_all(&text.as_bytes()[..text.floor_char_boundary(bytes_max)])?;
        self.disk.publish(&mut file, path)
    }

    fn origin_paths(&self, digest: &Digest) -> [PathBuf; 2] {
        ["source", "md"].map(|ending| self.root.join(FOLDER).join(format!("{digest}.{ending}")))
    }
}
