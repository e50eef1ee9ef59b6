//! The socket of a home.
//!
//! **Invariant:** it has its name only once it is its owner's alone.

use std::{
    fs, io,
    os::unix::{fs::PermissionsExt, net::SocketAddr},
    path::Path,
};

use tokio::net::{
    UnixListener, UnixStream,
    unix::{OwnedReadHalf, OwnedWriteHalf},
};

/// A socket that listens.
#[derive(Debug)]
pub(crate) struct Listener(UnixListener);

impl Listener {
    /// Listens where nothing is.
    pub(crate) fn bind(path: &Path, unnamed: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(unnamed)?;
        fs::set_permissions(unnamed, fs::Permissions::from_mode(0o600))?;
        fs::rename(unnamed, path)?;
        Ok(Self(listener))
    }

    /// The next user's connection.
    pub(crate) async fn accept(&mut self) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
        Ok(self.0.accept().await?.0.into_split())
    }
}

/// Looks whether a socket can have this name: the system's are far shorter than those of files.
pub(crate) fn nameable(path: &Path) -> io::Result<()> {
    SocketAddr::from_pathname(path).map(drop)
}

/// A connection to whoever listens there.
pub(crate) async fn connect(path: &Path) -> io::Result<(OwnedReadHalf, OwnedWriteHalf)> {
    Ok(UnixStream::connect(path).await?.into_split())
}
