//! Runners that may run here beside those that the network pins: what the program ships, and what the owner of this home
//! brought or allowed. The manifest of a stranger names a runner of the stranger's.
//!
//! **Invariant:** a runner is allowed by the owner of this home alone, and stays so over restarts; never more than
//! [`RUNNERS_MAX`] are.

use std::{collections::BTreeSet, io, path::Path};

use assay_protocol::{genesis::Genesis, id::Digest, manifest::Manifest};
use serde::{Deserialize, Serialize};

use super::{Library, LibraryError, marks};
use crate::handle::OfferRefused;

/// The folder, in the library's: an empty file for each runner that was allowed, named by its digest.
const FOLDER: &str = "allowed";
/// Runners that one home allows.
pub const RUNNERS_MAX: usize = 256;

/// On whose word a runner runs here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunnerSource {
    /// The network pins a model that it runs.
    Network,
    /// It comes with the program.
    Program,
    /// The owner of this home brought it or allowed it.
    Owner,
}

impl Library {
    /// Notes which runners come with the program.
    pub(crate) fn ship(&self, runners: impl IntoIterator<Item = Digest>) {
        self.known().shipped.extend(runners);
    }

    /// On whose word a runner runs here; nothing, if on nobody's.
    pub(crate) fn runner_source(&self, runner: &Digest, genesis: &Genesis) -> Option<RunnerSource> {
        let known = self.known();
        match () {
            () if genesis.manifests.iter().any(|manifest| manifest.runner == *runner) => {
                Some(RunnerSource::Network)
            }
            () if known.shipped.contains(runner) => Some(RunnerSource::Program),
            () if known.allowed.contains(runner) => Some(RunnerSource::Owner),
            () => None,
        }
    }

    /// Whether the runner of a model may run here.
    pub(crate) fn lets_run(&self, manifest: &Manifest, genesis: &Genesis) -> Result<(), OfferRefused> {
        let runner = manifest.runner;
        match self.runner_source(&runner, genesis) {
            Some(_) => Ok(()),
            None => Err(OfferRefused::RunnerNotAllowed { name: manifest.name.clone(), runner }),
        }
    }

    /// Those that the owner of this home brought or allowed.
    pub(crate) fn allowed(&self) -> BTreeSet<Digest> {
        self.known().allowed.clone()
    }

    /// Lets a runner run here. Durable when this returns.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub(crate) fn allow(&self, runner: &Digest) -> Result<(), LibraryError> {
        let _writing = self.writing();
        {
            let known = self.known();
            // What comes with this version of the program may not come with the next.
            if known.allowed.contains(runner) {
                return Ok(());
            }
            if known.allowed.len() >= RUNNERS_MAX {
                return Err(LibraryError::RunnersFull { max: RUNNERS_MAX });
            }
        }
        marks::note(&self.disk, &self.root.join(FOLDER), runner)?;
        self.known().allowed.insert(*runner);
        Ok(())
    }

    /// Takes back that a runner may run here. Durable when this returns.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub(crate) fn disallow(&self, runner: &Digest) -> Result<(), LibraryError> {
        let _writing = self.writing();
        // First, so that it runs no more even where the disk fails.
        self.known().allowed.remove(runner);
        Ok(marks::erase(&self.disk, &self.root.join(FOLDER), runner)?)
    }
}

/// What stands in the folder of a library.
pub(super) fn allowed_in(root: &Path) -> io::Result<BTreeSet<Digest>> {
    marks::noted_in(&root.join(FOLDER), 2 * RUNNERS_MAX)
}
