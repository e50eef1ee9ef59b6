//! What every command has at hand: whose peer it acts for, and where it writes.

use std::{fs::File, io::ErrorKind, path::PathBuf};

use assay_peer::config::{Home, KeyError, NetworkFile};
use assay_protocol::{id::PeerId, signed::Signer};

use crate::{
    command_error::{CommandError, Exit},
    printer::Printer,
};

/// The home and the output of a command.
#[derive(Debug)]
pub struct Invocation {
    /// The folder of the peer; it need not exist.
    pub home: Home,
    /// Where the command writes.
    pub printer: Printer,
}

impl Invocation {
    /// The invocation for the home that was named, or for this user's own.
    ///
    /// # Errors
    /// [`CommandError`], if none was named and the user has no folder for such things.
    pub fn new(home: Option<PathBuf>, is_json: bool) -> Result<Self, CommandError> {
        let root = match home.or_else(default_root) {
            Some(root) => std::path::absolute(root).map_err(|error| no_folder(&error))?,
            None => return Err(no_folder(&"this user has no home directory")),
        };
        Ok(Self { home: Home::at(root), printer: Printer::new(is_json) })
    }

    /// Who the home's peer is; it is given a key if it has none.
    ///
    /// # Errors
    /// [`CommandError`], if the key cannot be made or read.
    pub(crate) fn own_or_new_key(&self) -> Result<PeerId, CommandError> {
        self.refuse_lost_key()?;
        match self.home.create_key() {
            Ok(peer) => Ok(peer),
            Err(KeyError::Present { .. }) => Ok(self.home.key()?.id()),
            Err(error) => Err(error.into()),
        }
    }

    /// Refuses to go on where the key is gone of the peer whose journal is here: a new one would be another peer's.
    ///
    /// # Errors
    /// [`CommandError`], if it is so.
    pub(crate) fn refuse_lost_key(&self) -> Result<(), CommandError> {
        let path = self.home.identity();
        if path.exists() || !self.home.journal().exists() {
            return Ok(());
        }
        Err(KeyError::Absent { path }.into())
    }

    /// Refuses to take a home that may not be looked into for one where nobody lives.
    ///
    /// # Errors
    /// [`CommandError`], if it is so.
    pub(crate) fn refuse_unreadable(&self) -> Result<(), CommandError> {
        // Whatever is asked of the file, the folders above it are asked first.
        match File::open(self.home.network()) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let message = format!("the home {} may not be read: {error}", self.home.root().display());
                let hint = "run it as who owns that folder, or name one of your own with --home DIR";
                Err(CommandError::new(Exit::Forbidden, "HOME_UNREADABLE", message, hint))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The network that the home belongs to.
    ///
    /// # Errors
    /// [`CommandError`], if the home was never set up or its file is damaged.
    pub fn network(&self) -> Result<NetworkFile, CommandError> {
        self.refuse_unreadable()?;
        if self.home.network().exists() {
            return Ok(NetworkFile::read(&self.home.network())?);
        }
        let root = self.home.root().display();
        let (message, hint) = match self.home.identity().exists() {
            true => {
                let hint = "`assay init --network FILE` joins one, or name another home with --home";
                (format!("{root} is in no network"), hint)
            }
            false => {
                let hint = "make one with `assay init --network FILE`, or name another with --home";
                (format!("no peer lives in {root}"), hint)
            }
        };
        Err(CommandError::new(Exit::NotFound, "NO_HOME", message, hint))
    }
}

/// The folder of this user's own peer.
pub(crate) fn default_root() -> Option<PathBuf> {
    Some(directories::ProjectDirs::from("", "", "assay")?.data_local_dir().to_owned())
}

fn no_folder(reason: &dyn std::fmt::Display) -> CommandError {
    let message = format!("there is no place for a peer: {reason}");
    CommandError::new(Exit::Usage, "NO_HOME", message, "name a folder with --home DIR or ASSAY_HOME")
}
