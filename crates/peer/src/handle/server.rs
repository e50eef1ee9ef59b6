//! The daemon's end of the socket.
//!
//! **Invariant:** the socket has its name only once it is its owner's alone; a user who is slow or rude holds up nobody
//! else.

use std::{fs, io, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc, time::Duration};

use assay_protocol::id::Digest;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::{Semaphore, broadcast, mpsc, oneshot},
    time::timeout,
};

use super::{
    FrameError, HANDLE_VERSION, Hello, JobView, Refused, Request, Response, Update, concerns, read_frame,
    write_frame,
};
use crate::{config::Home, driver::Call};

/// Connections at a time.
const CONNECTIONS_MAX: usize = 64;
/// Updates that a watcher may be behind.
pub(crate) const UPDATES_MAX: usize = 1024;
/// How long a user has to say hello.
const HELLO_WAIT: Duration = Duration::from_secs(5);

/// A socket that listens; its file goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    path: PathBuf,
    listener: Option<UnixListener>,
}

impl Server {
    /// Listens in a home that this process has locked: whatever socket is there was left behind.
    pub(crate) fn bind(home: &Home) -> io::Result<Self> {
        let path = home.socket();
        let unnamed = path.with_extension("new");
        for old in [&path, &unnamed] {
            match fs::remove_file(old) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        let listener = UnixListener::bind(&unnamed)?;
        fs::set_permissions(&unnamed, fs::Permissions::from_mode(0o600))?;
        fs::rename(&unnamed, &path)?;
        Ok(Self { path, listener: Some(listener) })
    }

    /// Serves users until the daemon ends.
    pub(crate) fn serve(&mut self, calls: mpsc::Sender<Call>, updates: broadcast::Sender<Update>) {
        if let Some(listener) = self.listener.take() {
            tokio::spawn(accept(listener, Desk { calls, updates }));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whoever finds it later finds that nobody listens, which is as good.
        drop(fs::remove_file(&self.path));
    }
}

async fn accept(listener: UnixListener, desk: Desk) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = desk.calls.closed() => return,
        };
        match stream {
            Ok((stream, _)) => {
                let desk = desk.clone();
                tokio::spawn(async move {
                    let _place = place;
                    match desk.attend(stream).await {
                        Ok(()) | Err(FrameError::Ended) => {}
                        Err(error) => tracing::debug!(%error, "a user's connection ended"),
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the socket takes no connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Where requests go.
#[derive(Clone)]
struct Desk {
    calls: mpsc::Sender<Call>,
    updates: broadcast::Sender<Update>,
}

impl Desk {
    async fn attend(&self, mut stream: UnixStream) -> Result<(), FrameError> {
        write_frame(&mut stream, &Hello::ours()).await?;
        let hello = timeout(HELLO_WAIT, read_frame::<Hello>(&mut stream)).await;
        if hello.map_err(|_| FrameError::Ended)??.assay != HANDLE_VERSION {
            return Ok(());
        }
        loop {
            let request = match read_frame::<Request>(&mut stream).await {
                Err(FrameError::Malformed(error)) => {
                    let reason = error.to_string();
                    write_frame(&mut stream, &Err::<Response, _>(Refused::Unreadable { reason })).await?;
                    continue;
                }
                read => read?,
            };
            if let Request::Watch { name } = request {
                return self.watch(stream, name).await;
            }
            let answer = self.ask(request).await;
            write_frame(&mut stream, &answer).await?;
        }
    }

    async fn ask(&self, request: Request) -> Result<Response, Refused> {
        let (reply, answer) = oneshot::channel();
        self.calls.send(Call { request, reply }).await.map_err(|_| Refused::Ending)?;
        answer.await.map_err(|_| Refused::Ending)?
    }

    async fn watch(&self, mut stream: UnixStream, name: Option<String>) -> Result<(), FrameError> {
        // Subscribed before the state is asked for, so that nothing falls between the two.
        let mut updates = self.updates.subscribe();
        let watched = match self.find(name).await {
            Ok(watched) => watched,
            Err(refused) => return write_frame(&mut stream, &Err::<Response, _>(refused)).await,
        };
        write_frame(&mut stream, &Ok::<_, Refused>(Response::Watching)).await?;
        let key = watched.as_ref().map(|job| job.submission.key);
        if let Some(job) = watched {
            write_frame(&mut stream, &Update::Job(job)).await?;
        }
        loop {
            let update = tokio::select! {
                update = updates.recv() => update,
                () = self.calls.closed() => return Ok(()),
                gone = stream.readable() => {
                    gone?;
                    match stream.try_read(&mut [0]) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                        Ok(_) | Err(_) => return Ok(()),
                    }
                }
            };
            match update {
                Ok(update) if key.is_none_or(|key| is_about(&update, &key)) => {
                    write_frame(&mut stream, &update).await?;
                }
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(updates)) => {
                    self.catch_up(&mut stream, updates, key).await?;
                }
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            }
        }
    }

    async fn find(&self, name: Option<String>) -> Result<Option<Box<JobView>>, Refused> {
        let Some(name) = name else { return Ok(None) };
        let Response::Job(job) = self.ask(Request::Job { name: name.clone() }).await? else {
            return Err(Refused::UnknownJob { name });
        };
        Ok(Some(job))
    }

    async fn catch_up(
        &self,
        stream: &mut UnixStream,
        updates: u64,
        key: Option<Digest>,
    ) -> Result<(), FrameError> {
        write_frame(stream, &Update::Missed { updates }).await?;
        if let Ok(Some(job)) = self.find(key.map(|key| key.to_string())).await {
            write_frame(stream, &Update::Job(job)).await?;
        }
        Ok(())
    }
}

fn is_about(update: &Update, key: &Digest) -> bool {
    match update {
        Update::Event(moment) => concerns(&moment.event).0 == Some(*key),
        Update::Job(job) => job.submission.key == *key,
        Update::Missed { .. } => true,
    }
}
