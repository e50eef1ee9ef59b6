//! The folder that holds everything of one peer.
//!
//! **Invariant:** every path of a peer is made here, below one root; the key is its owner's alone to read.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use assay_protocol::{
    id::{Digest, PeerId},
    signed::{Keypair, Signer},
};

use crate::system::{self, exposed, private};

/// Why a home has no key to use.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is none.
    #[error("there is no key at {}", path.display())]
    Absent {
        /// Where it should be.
        path: PathBuf,
    },
    /// There is one already.
    #[error("there is a key at {} already", path.display())]
    Present {
        /// Where it is.
        path: PathBuf,
    },
    /// Others can read it.
    #[error("the key {} can be read by others: its mode is {mode:03o}, where 600 is expected", path.display())]
    Exposed {
        /// Where it is.
        path: PathBuf,
        /// What the mode is.
        mode: u32,
    },
    /// Not 64 hexadecimal digits.
    #[error("the key {} is not 64 hexadecimal digits", path.display())]
    Malformed {
        /// Where it is.
        path: PathBuf,
    },
    /// The disk failed, or there is no randomness.
    #[error("the key {} cannot be used: {error}", path.display())]
    Disk {
        /// Where it is or should be.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// The folder of one peer; nothing in it need exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The home at `root`.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The secret key.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.root.join("identity.key")
    }

    /// The network's rules.
    #[must_use]
    pub fn network(&self) -> PathBuf {
        self.root.join("network.toml")
    }

    /// The user's settings.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// What the peer must not forget.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// What the journal says, arranged for looking up.
    #[must_use]
    pub fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    /// Inputs, outputs, runners, models.
    #[must_use]
    pub fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    /// Manifests of models beside those that the network pins.
    #[must_use]
    pub fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    /// Files that arrive from hubs, and what has come of those that were interrupted.
    #[must_use]
    pub fn hub(&self) -> PathBuf {
        self.root.join("hub")
    }

    /// Who may use the gateway, and what was spent through it.
    #[must_use]
    pub fn gateway(&self) -> PathBuf {
        self.root.join("gateway")
    }

    /// Batches of this user's: what is asked, and what came of it.
    #[must_use]
    pub fn batches(&self) -> PathBuf {
        self.root.join("batches")
    }

    /// Networks of this user's on this machine, a folder for each.
    #[must_use]
    pub fn devnets(&self) -> PathBuf {
        self.root.join("devnet")
    }

    /// What proves how jobs ended.
    #[must_use]
    pub fn receipts(&self) -> PathBuf {
        self.root.join("receipts")
    }

    /// What models were offered for, hour by hour.
    #[must_use]
    pub fn prices(&self) -> PathBuf {
        self.root.join("prices")
    }

    /// What belongs to networks that this home has left.
    #[must_use]
    pub fn left(&self) -> PathBuf {
        self.root.join("left")
    }

    /// Compiled runners, which can be made again from the runners.
    #[must_use]
    pub fn compiled(&self) -> PathBuf {
        self.root.join("compiled")
    }

    /// What the daemon listens on.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.root.join("socket")
    }

    /// All that the peer itself writes, and nobody else may read: what it must not forget, what it was given in
    /// confidence, and what can be made again from these.
    pub(crate) fn private(&self) -> [PathBuf; 9] {
        [
            self.root.clone(),
            self.journal(),
            self.index(),
            self.blobs(),
            self.models(),
            self.receipts(),
            self.compiled(),
            self.prices(),
            self.log(),
        ]
    }

    /// What the daemon logs when it runs in the background.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.root.join("daemon.log")
    }

    /// Reads the seed of the secret key.
    ///
    /// # Errors
    /// [`KeyError`], also if others can read the file.
    pub fn seed(&self) -> Result<[u8; 32], KeyError> {
        let path = self.identity();
        let fail = |error: io::Error| {
            let path = self.identity();
            let absent = error.kind() == io::ErrorKind::NotFound;
            if absent { KeyError::Absent { path } } else { KeyError::Disk { path, error } }
        };
        if let Some(mode) = exposed(&path).map_err(fail)? {
            return Err(KeyError::Exposed { path, mode });
        }
        let text = fs::read_to_string(&path).map_err(fail)?;
        let seed: Digest = text.trim_end().parse().map_err(|_| KeyError::Malformed { path })?;
        Ok(seed.0)
    }

    /// Reads the secret key.
    ///
    /// # Errors
    /// As [`Home::seed`].
    pub fn key(&self) -> Result<Keypair, KeyError> {
        self.seed().map(Keypair::from_seed)
    }

    /// Makes a new secret key.
    ///
    /// # Errors
    /// [`KeyError::Present`], if there is one: a key is never replaced.
    pub fn create_key(&self) -> Result<PeerId, KeyError> {
        let mut seed = [0; 32];
        let random = getrandom::fill(&mut seed).map_err(io::Error::other);
        random.map_err(|error| KeyError::Disk { path: self.identity(), error })?;
        self.create_key_from(seed)
    }

    /// Makes the secret key that grows from `seed`.
    ///
    /// # Errors
    /// [`KeyError::Present`], if there is one: a key is never replaced.
    pub fn create_key_from(&self, seed: [u8; 32]) -> Result<PeerId, KeyError> {
        let path = self.identity();
        let fail = |error: io::Error| {
            let path = self.identity();
            let present = error.kind() == io::ErrorKind::AlreadyExists;
            if present { KeyError::Present { path } } else { KeyError::Disk { path, error } }
        };
        system::create_folder(&self.root).map_err(fail)?;
        let mut file = private().write(true).create_new(true).open(path).map_err(fail)?;
        writeln!(file, "{}", Digest(seed)).and_then(|()| file.sync_all()).map_err(fail)?;
        system::sync_folder(&self.root).map_err(fail)?;
        Ok(Keypair::from_seed(seed).id())
    }
}
