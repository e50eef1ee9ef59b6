//! The way to a daemon: what the command line and the gateway may ask of it, over a socket in its home.
//!
//! Frames are a length and JSON, so that a person can read what goes by. Both sides say their version first. One
//! connection answers one request at a time, in order; a watch takes a connection of its own until either side ends it.
//!
//! **Invariant:** whoever can open the socket owns the peer, so the socket is its owner's alone; no request shows the key.

mod frame;
mod request;
mod response;
mod server;

pub use self::{
    frame::{FRAME_BYTES_MAX, FrameError, HANDLE_VERSION},
    request::{Bytes, INPUT_BYTES_MAX, Provide, Request, Stall, Submit},
    response::{
        Audited, Explained, JobView, Moment, Neighbour, OfferView, Providing, Refused, Response, ServiceView,
        Status, Update,
    },
};
pub(crate) use self::{
    frame::{Hello, read_frame, write_frame},
    response::concerns,
    server::{Server, UPDATES_MAX},
};

use std::{io, path::PathBuf};

use tokio::{net::UnixStream, sync::Mutex};

use crate::config::Home;

/// Why there is no way to a daemon.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody listens on the socket.
    #[error("no daemon is running in {}", home.display())]
    NotRunning {
        /// The home that was tried.
        home: PathBuf,
    },
    /// The daemon speaks another version.
    #[error("the daemon is version {daemon} and speaks protocol {theirs}, this program speaks {ours}")]
    WrongVersion {
        /// The daemon's program version.
        daemon: String,
        /// The daemon's protocol.
        theirs: u32,
        /// Ours.
        ours: u32,
    },
    /// The socket belongs to somebody else.
    #[error("the daemon's socket {} is not yours to use", socket.display())]
    Forbidden {
        /// Which socket.
        socket: PathBuf,
    },
    /// Something else listens there, or the connection failed.
    #[error("the daemon does not answer: {0}")]
    Broken(#[from] FrameError),
}

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The daemon says why not.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The daemon went away or sent nonsense.
    #[error("the daemon went away: {0}")]
    Lost(#[from] FrameError),
    /// The daemon could not be reached anew.
    #[error(transparent)]
    Connect(#[from] ConnectError),
}

/// A connection to the daemon of a home.
#[derive(Debug)]
pub struct Handle {
    home: Home,
    stream: Mutex<UnixStream>,
}

impl Handle {
    /// Finds the daemon of `home`.
    ///
    /// # Errors
    /// [`ConnectError`], by which a program knows whether to start a daemon.
    pub async fn connect(home: &Home) -> Result<Self, ConnectError> {
        Ok(Self { home: home.clone(), stream: Mutex::new(open(home).await?) })
    }

    /// Asks one thing and waits for the answer. A call that is dropped half way leaves the handle unusable.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call(&self, request: Request) -> Result<Response, CallError> {
        let mut stream = self.stream.lock().await;
        write_frame(&mut *stream, &request).await?;
        let answer: Result<Response, Refused> = read_frame(&mut *stream).await?;
        Ok(answer?)
    }

    /// Watches one job, named by its key, a job id or a unique prefix of either; or everything.
    ///
    /// # Errors
    /// [`CallError`], if there is no such job.
    pub async fn watch(&self, name: Option<String>) -> Result<Updates, CallError> {
        let mut stream = open(&self.home).await?;
        write_frame(&mut stream, &Request::Watch { name }).await?;
        let answer: Result<Response, Refused> = read_frame(&mut stream).await?;
        answer?;
        Ok(Updates { stream })
    }
}

/// What happens at a daemon, as it happens.
#[derive(Debug)]
pub struct Updates {
    stream: UnixStream,
}

impl Updates {
    /// The next thing that happens.
    ///
    /// # Errors
    /// [`FrameError`], above all when the daemon ends.
    pub async fn next(&mut self) -> Result<Update, FrameError> {
        read_frame(&mut self.stream).await
    }
}

async fn open(home: &Home) -> Result<UnixStream, ConnectError> {
    let socket = home.socket();
    let mut stream = match UnixStream::connect(&socket).await {
        Ok(stream) => stream,
        Err(error) => return Err(unreached(error, home)),
    };
    write_frame(&mut stream, &Hello::ours()).await?;
    let hello: Hello = read_frame(&mut stream).await?;
    if hello.assay != HANDLE_VERSION {
        return Err(ConnectError::WrongVersion {
            daemon: hello.program,
            theirs: hello.assay,
            ours: HANDLE_VERSION,
        });
    }
    Ok(stream)
}

fn unreached(error: io::Error, home: &Home) -> ConnectError {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return ConnectError::Forbidden { socket: home.socket() };
    }
    let nobody = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
    match nobody {
        true => ConnectError::NotRunning { home: home.root().to_owned() },
        false => ConnectError::Broken(FrameError::Io(error)),
    }
}
