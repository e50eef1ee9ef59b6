//! The socket in a home: who may connect, and how many at a time.
//!
//! A connection is a file and a few tasks, and most of them wait: for a job that runs, for whatever happens next. So they
//! are bounded by what a process can have open and not by what it can do at once, which each call is bounded by where it
//! is done. One more than that is hung up on, so that nobody waits without knowing it.
//!
//! **Invariant:** the socket has its name only once it is its owner's alone; a user who is slow or rude holds up nobody
//! else.

use std::{fs, io, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{
    FrameError,
    connection::{ATTACHED_BYTES_MAX, Dispatch, attend},
};
use crate::{config::Home, system::Listener};

/// Connections at a time.
const CONNECTIONS_MAX: usize = 1024;
/// How long a server that cannot take a connection waits before it tries again.
const ACCEPT_STEP: Duration = Duration::from_millis(100);
/// How long a server that ends waits for its connections.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// A socket that listens; its file goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    /// Nothing, once what has that name may be another's.
    path: Option<PathBuf>,
    listener: Option<Listener>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// Listens in a home that this process has locked: whatever socket is there was left behind.
    pub(crate) fn bind(home: &Home) -> io::Result<Self> {
        let path = home.socket();
        let unnamed = super::unnamed(&path);
        for old in [&path, &unnamed] {
            match fs::remove_file(old) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        let listener = Listener::bind(&path, &unnamed)?;
        Ok(Self { path: Some(path), listener: Some(listener), accepting: None })
    }

    /// Serves users until the daemon ends.
    pub(crate) fn serve(&mut self, dispatch: impl Dispatch) {
        if let Some(listener) = self.listener.take() {
            self.accepting = Some(tokio::spawn(accept(listener, dispatch)));
        }
    }

    /// Leaves the file to whoever has the home now.
    pub(crate) fn disown(&mut self) {
        self.path = None;
    }

    /// Lets the last answers of a daemon that has ended leave. Until then nobody else can take its place.
    pub(crate) async fn close(mut self) {
        if let Some(mut accepting) = self.accepting.take()
            && timeout(CLOSE_WAIT, &mut accepting).await.is_err()
        {
            accepting.abort();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whoever finds it later finds that nobody listens, which is as good.
        if let Some(path) = &self.path {
            drop(fs::remove_file(path));
        }
    }
}

async fn accept(mut listener: Listener, dispatch: impl Dispatch) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let room = Arc::new(Semaphore::new(ATTACHED_BYTES_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = dispatch.ended() => break,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((from, to)) => {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                    tracing::warn!(connections = CONNECTIONS_MAX, "a user is hung up on: there are too many");
                    continue;
                };
                let attending = attend(from, to, dispatch.clone(), Arc::clone(&room));
                connections.spawn(async move {
                    let _place = place;
                    match attending.await {
                        Ok(()) | Err(FrameError::Ended) => {}
                        Err(error) => tracing::debug!(%error, "a user's connection ended"),
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the socket takes no connection");
                sleep(ACCEPT_STEP).await;
            }
        }
    }
    while connections.join_next().await.is_some() {}
}
