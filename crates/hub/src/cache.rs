//! What the hub's own tools have fetched already: `models--OWNER--REPO` with its `blobs`, `refs` and `snapshots`.
//!
//! **Invariant:** nothing in it is changed; a file is given out only if it has the digest that it is asked for by.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use crate::{
    listing::{HubFile, HubListing},
    name::{HubName, is_commit, is_path},
    sha256::{Sha256Hasher, Sha256Sum},
};

/// Bytes of a file with the name of a commit.
const REFERENCE_BYTES_MAX: u64 = 64;
/// Entries of a snapshot that are looked at, in all its folders.
const ENTRIES_MAX: usize = 10_000;
/// Folders in folders.
const DEPTH_MAX: usize = 8;

/// A repository as it lies in the cache.
pub(crate) struct CachedRepository {
    folder: PathBuf,
}

impl CachedRepository {
    /// The repository of this name, if anything of it is here.
    pub(crate) fn find(cache: &Path, name: &HubName) -> Option<Self> {
        let folder = cache.join(format!("models--{}--{}", name.owner, name.repo));
        folder.is_dir().then_some(Self { folder })
    }

    /// The file with this digest, once all of it was read.
    pub(crate) fn file(&self, sha256: Sha256Sum, bytes: u64) -> Option<PathBuf> {
        let path = self.folder.join("blobs").join(sha256.to_string());
        let has_length = fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() == bytes);
        let mut hasher = Sha256Hasher::default();
        let is_whole = has_length && File::open(&path).and_then(|file| hasher.read(file)).is_ok();
        (is_whole && hasher.sum() == sha256).then_some(path)
    }

    /// What is here of a revision, as the hub would list it. A file is listed with the digest that it is called by.
    pub(crate) fn listing(&self, name: &HubName) -> Option<HubListing> {
        let revision = name.revision();
        let commit = if is_commit(revision) { revision.to_owned() } else { self.commit(revision)? };
        let root = self.folder.join("snapshots").join(&commit);
        let (mut models, mut left) = (Vec::new(), ENTRIES_MAX);
        collect(&root, "", 0, &mut left, &mut models);
        models.sort_by(|one: &HubFile, other| one.path.cmp(&other.path));
        let has_card = root.join("README.md").is_file();
        Some(HubListing { commit, licence: None, models, has_card })
            .filter(|listing| !listing.models.is_empty())
    }

    /// The text of a file of a snapshot, cut after so many bytes.
    pub(crate) fn text(&self, commit: &str, path: &str, bytes_max: u64) -> Option<Vec<u8>> {
        let file = self.folder.join("snapshots").join(commit).join(path);
        let mut text = Vec::new();
        fs::metadata(&file).ok().filter(fs::Metadata::is_file)?;
        File::open(file).ok()?.take(bytes_max).read_to_end(&mut text).ok()?;
        Some(text)
    }

    fn commit(&self, revision: &str) -> Option<String> {
        let mut text = String::new();
        let reference = File::open(self.folder.join("refs").join(revision)).ok()?;
        reference.take(REFERENCE_BYTES_MAX).read_to_string(&mut text).ok()?;
        Some(text.trim().to_owned()).filter(|commit| is_commit(commit))
    }
}

/// Lists the models in a folder of a snapshot and in those inside it.
fn collect(root: &Path, inside: &str, depth: usize, left: &mut usize, models: &mut Vec<HubFile>) {
    let entries = fs::read_dir(root.join(inside)).into_iter().flatten().flatten();
    for entry in entries {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        if *left == 0 {
            return;
        }
        *left -= 1;
        if !is_path(&path) {
            continue;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < DEPTH_MAX => collect(root, &path, depth + 1, left, models),
            Ok(_) => models.extend(model(root, path)),
            Err(_) => {}
        }
    }
}

/// A model of a snapshot: a link to what lies under its digest.
fn model(root: &Path, path: String) -> Option<HubFile> {
    if !path.to_ascii_lowercase().ends_with(".gguf") {
        return None;
    }
    let file = fs::canonicalize(root.join(&path)).ok()?;
    let sha256 = file.file_name()?.to_str()?.parse().ok()?;
    Some(HubFile { bytes: fs::metadata(&file).ok()?.len(), path, sha256: Some(sha256) })
}
