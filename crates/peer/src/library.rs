//! The library: manifests that a home knows beside those its network pins, each a file named by the manifest's digest.
//!
//! A file holds the bytes that the digest of its manifest is over, so its name proves it, here and wherever it is fetched as
//! a blob. Runner and model lie among the blobs and are kept for as long as the library names them, whether they are here
//! yet or not: of a model that was added or pulled they are, of one that was only ordered from others they are not.
//!
//! **Invariant:** what the library names makes room for nothing; a file that is not what its name says is passed over, and
//! keeps nobody from the rest.

mod adding;
mod marks;
mod origins;
mod published;
mod runners;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use assay_protocol::{
    codec,
    genesis::Genesis,
    id::Digest,
    manifest::{Manifest, Meter, Policy, TokenWeights},
    units::Amount,
};

pub use self::{
    adding::{NewModel, NotAdded},
    origins::ModelOrigin,
    runners::{RUNNERS_MAX, RunnerSource},
};
use crate::{
    blobs::Blobs,
    disk::HomeDisk,
    executor::has_model,
    folder::{Content, Folder},
};

/// Manifests in one library.
pub const MODELS_MAX: usize = 256;
/// Bytes in the longest manifest: its name, its licence, its parameters and a few numbers.
pub(crate) const MANIFEST_BYTES_MAX: u64 = 8 * 1024;
/// Digits of the shortest prefix that names a file.
const PREFIX_DIGITS_MIN: usize = 4;
/// A meter by which nothing counts.
const UNBILLED: Meter = Meter::Tokens(TokenWeights { read: 0, written: 0 });
/// What the digest of a manifest is over begins with.
const TAG: &str = "manifest";

/// Why a manifest is not taken into a library, or does not leave it.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// There are as many as there may be.
    #[error("the library holds {max} models, which is as many as it may")]
    Full {
        /// How many.
        max: usize,
    },
    /// As many runners are allowed as may be.
    #[error("{max} runners are allowed, which is as many as may be")]
    RunnersFull {
        /// How many.
        max: usize,
    },
    /// The model was let go meanwhile.
    #[error("it is not in the library any more")]
    Gone,
    /// The disk failed.
    #[error("the library cannot be used: {0}")]
    Disk(#[from] io::Error),
}

/// Why nobody could order a run by a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// A text is missing or too long.
    #[error("its manifest has no name or no licence, or longer ones than a manifest may have")]
    Texts,
    /// Its name can be taken for something else.
    #[error("its manifest has a name with other letters than those of the alphabet, digits, dots and lines")]
    Name,
    /// Whatever a run did would cost nothing.
    #[error("its manifest bills nothing that a run does")]
    Unbilled,
    /// No order asks for less work than one.
    #[error("its manifest allows a run no work")]
    NoWork,
    /// Nobody can have so much at stake.
    #[error("its manifest allows a run more work than this network has money to check")]
    TooMuchWork,
    /// The network does not say when such outputs are the same.
    #[error("this network has no rule for when two of its outputs are the same")]
    Policy,
}

/// Whether a name is one word, that neither a prefix nor a shell takes for anything else.
pub(crate) fn is_plain(name: &str) -> bool {
    name.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_'))
}

/// Whether a network's law lets a run be ordered by this manifest.
///
/// # Errors
/// [`Unusable`].
pub fn examine(manifest: &Manifest, genesis: &Genesis) -> Result<(), Unusable> {
    let comparable = match manifest.policy {
        Policy::Exact | Policy::Replay => true,
        Policy::Tensor(format) => genesis.threshold(format).is_some(),
    };
    match () {
        () if !manifest.is_bounded() => Err(Unusable::Texts),
        () if !is_plain(&manifest.name) => Err(Unusable::Name),
        () if manifest.meter == UNBILLED => Err(Unusable::Unbilled),
        () if manifest.work_most == 0 => Err(Unusable::NoWork),
        () if genesis.stake_least(manifest.work_most) == Amount(u64::MAX) => Err(Unusable::TooMuchWork),
        () if !comparable => Err(Unusable::Policy),
        () => Ok(()),
    }
}

/// The library of one peer. Cheap to clone; methods that change it block on the disk.
#[derive(Clone)]
pub struct Library {
    folder: Arc<Folder>,
    disk: HomeDisk,
    root: PathBuf,
    blobs: Blobs,
    known: Arc<Mutex<KnownModels>>,
    /// Held by whoever writes, so that nobody who asks what is known waits for the disk.
    writing: Arc<Mutex<()>>,
}

#[derive(Default)]
struct KnownModels {
    manifests: BTreeMap<Digest, Manifest>,
    /// Files that are not what their names say.
    damaged: BTreeSet<Digest>,
    /// Runners that come with the program.
    shipped: BTreeSet<Digest>,
    /// Runners that the owner of this home brought or allowed.
    allowed: BTreeSet<Digest>,
    /// Models that everybody may fetch from here, offered or not.
    published: BTreeSet<Digest>,
}

impl Library {
    /// Opens the library in `folder`, made if there is none, whose runners and models are among these blobs.
    ///
    /// # Errors
    /// If the folder cannot be read or written.
    pub fn open(folder: &Path, blobs: &Blobs) -> io::Result<Self> {
        Self::open_on(&HomeDisk::default(), folder, blobs)
    }

    /// The same on a disk that may be watched.
    pub(crate) fn open_on(disk: &HomeDisk, root: &Path, blobs: &Blobs) -> io::Result<Self> {
        let folder = Folder::open(disk, root)?;
        let (allowed, published) = (runners::allowed_in(root)?, published::published_in(root)?);
        let mut known = KnownModels { allowed, published, ..KnownModels::default() };
        for found in folder.list()? {
            let digest = found.digest;
            let content = folder.read(&digest, MANIFEST_BYTES_MAX);
            let manifest = if let Ok(Content::Whole(bytes)) = content { read(&bytes) } else { None };
            match manifest {
                Some(_) if known.manifests.len() >= MODELS_MAX => {
                    tracing::warn!(%digest, "a model of the library is passed over: there are too many");
                }
                Some(manifest) => drop(known.manifests.insert(digest, manifest)),
                None => {
                    tracing::warn!(%digest, "the manifest of a model in the library is damaged; the others are used");
                    known.damaged.insert(digest);
                }
            }
        }
        known.manifests.iter().for_each(|(digest, manifest)| keep(blobs, *digest, manifest));
        let (folder, known) = (Arc::new(folder), Arc::new(Mutex::new(known)));
        let (disk, root) = (disk.clone(), root.to_owned());
        Ok(Self { folder, disk, root, blobs: blobs.clone(), known, writing: Arc::default() })
    }

    /// Takes a manifest in. Durable when this returns; one that is there already changes nothing.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn add(&self, manifest: &Manifest) -> Result<(), LibraryError> {
        let digest = manifest.digest();
        let _writing = self.writing();
        let count = {
            let known = self.known();
            if known.manifests.contains_key(&digest) {
                return Ok(());
            }
            known.manifests.len()
        };
        if count >= MODELS_MAX {
            return Err(LibraryError::Full { max: MODELS_MAX });
        }
        self.folder.store(&bytes_of(manifest)[..])?;
        keep(&self.blobs, digest, manifest);
        let known = &mut *self.known();
        known.damaged.remove(&digest);
        known.manifests.insert(digest, manifest.clone());
        Ok(())
    }

    /// Takes a manifest out, after which it is published no more, and its runner and model may make room. What is not there is
    /// no error.
    ///
    /// # Errors
    /// [`LibraryError::Disk`].
    pub fn remove(&self, digest: &Digest) -> Result<(), LibraryError> {
        let _writing = self.writing();
        // First: added again, it is to be published only if its owner says so again.
        self.unmark_published(digest)?;
        self.folder.remove(digest)?;
        self.forget_origin(digest)?;
        let known = &mut *self.known();
        known.damaged.remove(digest);
        known.manifests.remove(digest);
        self.blobs.release(holder(*digest));
        Ok(())
    }

    /// The manifest of this digest.
    #[must_use]
    pub fn get(&self, digest: &Digest) -> Option<Manifest> {
        self.known().manifests.get(digest).cloned()
    }

    /// All manifests, by their names.
    #[must_use]
    pub fn manifests(&self) -> Vec<Manifest> {
        let mut all: Vec<Manifest> = self.known().manifests.values().cloned().collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// Files that are not what their names say.
    #[must_use]
    pub fn damaged(&self) -> Vec<Digest> {
        self.known().damaged.iter().copied().collect()
    }

    /// The one of these that this is the beginning of the name of.
    #[must_use]
    pub fn damaged_of(&self, prefix: &str) -> Option<Digest> {
        let begins =
            |digest: &Digest| prefix.len() >= PREFIX_DIGITS_MIN && digest.to_string().starts_with(prefix);
        let mut damaged = self.damaged().into_iter().filter(begins);
        damaged.next().filter(|_| damaged.next().is_none())
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, KnownModels> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who keeps the parts of a model that the library names.
pub(crate) fn holder(manifest: Digest) -> Digest {
    codec::digest("model of the library", &manifest)
}

fn keep(blobs: &Blobs, digest: Digest, manifest: &Manifest) {
    parts(manifest).for_each(|(_, part)| blobs.keep(holder(digest), part));
}

/// What a manifest needs, in words and by its digest.
pub(crate) fn parts(manifest: &Manifest) -> impl Iterator<Item = (&'static str, Digest)> {
    let model = has_model(manifest).then_some(("model", manifest.model));
    [("runner", manifest.runner)].into_iter().chain(model)
}

/// The bytes that the digest of a manifest is over.
pub(crate) fn bytes_of(manifest: &Manifest) -> Vec<u8> {
    codec::encode(&(TAG, manifest))
}

/// The manifest that these are the bytes of, if they are its one encoding.
pub(crate) fn read(bytes: &[u8]) -> Option<Manifest> {
    let max = usize::try_from(MANIFEST_BYTES_MAX).ok()?;
    let (tag, manifest): (String, Manifest) = codec::decode(bytes, max).ok()?;
    (tag == TAG).then_some(manifest)
}
