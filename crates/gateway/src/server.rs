//! Connections of clients.
//!
//! **Invariant:** there are at most so many, whoever is slow to say what it wants or to read what it is told is hung up on, and
//! none outlives the gateway.

mod heeded_stream;

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Semaphore,
    task::JoinSet,
    time::sleep,
};

use self::heeded_stream::{HeededStream, ReadingPace};

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Between two tries to take a connection, after one failed.
const ACCEPT_STEP: Duration = Duration::from_millis(100);

/// Connections at a time.
const CONNECTIONS_MAX: usize = 4_096;
/// How long a client is waited for.
#[derive(Clone, Copy, Debug)]
struct ClientWaits {
    /// How long it may take to say what it wants, however it says it, and a connection may be idle.
    head: Duration,
    /// How it reads what there is for it, once the system holds no more of that.
    unread: ReadingPace,
}

impl ClientWaits {
    /// Those of a gateway.
    const USUAL: Self = Self {
        head: Duration::from_secs(75),
        unread: ReadingPace { wait: Duration::from_secs(300), bytes: 1_024 },
    };
}

/// Serves everybody who connects, until `stop` comes.
pub(crate) async fn serve(listener: TcpListener, routes: Router, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = connections.join_next(), if !connections.is_empty() => continue,
            () = &mut stop => break,
        };
        match accepted {
            Ok((connection, _)) => {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                    tracing::warn!(
                        connections = CONNECTIONS_MAX,
                        "a client is hung up on: there are too many"
                    );
                    continue;
                };
                // Words leave one by one; that they are few is no reason to wait.
                let _ = connection.set_nodelay(true);
                let routes = routes.clone();
                connections.spawn(async move {
                    attend(connection, routes, ClientWaits::USUAL).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no connection is taken");
                sleep(ACCEPT_STEP).await;
            }
        }
    }
    // What was being answered ends here, and cancels its jobs.
    connections.shutdown().await;
}

async fn attend<S>(connection: S, routes: Router, waits: ClientWaits)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = HeededStream::new(connection, waits.unread);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(waits.head)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(connection), TowerToHyperService::new(routes));
    if let Err(error) = served.await {
        tracing::debug!(%error, "a client's connection ended");
    }
}

#[cfg(test)]
mod tests;
