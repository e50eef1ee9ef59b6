//! Connections of clients.
//!
//! **Invariant:** there are at most so many, and those of clients that were let in are kept from none of them by strangers. Whoever
//! is slow to say what it wants, or to read what it is told, is hung up on, and none outlives the gateway.

mod heeded_stream;
mod unknown_clients;

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::sleep,
};
use tower::Layer;

pub(crate) use self::unknown_clients::UnknownClient;
use self::{
    heeded_stream::{HeededStream, ReadingPace},
    unknown_clients::UnknownClients,
};

/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Between two tries to take a connection, after one failed.
const ACCEPT_STEP: Duration = Duration::from_millis(100);

/// How many connections there may be, and how long their clients are waited for.
#[derive(Clone, Copy, Debug)]
struct ServerLimits {
    /// Connections at a time.
    connections: usize,
    /// Those of clients that were not let in yet, from one address and from all.
    unknown: (usize, usize),
    waits: ClientWaits,
}

/// How long a client is waited for.
#[derive(Clone, Copy, Debug)]
struct ClientWaits {
    /// How long it may take to say what it wants, however it says it, and a connection may be idle.
    head: Duration,
    /// How it reads what there is for it, once the system holds no more of that.
    unread: ReadingPace,
}

impl ServerLimits {
    /// Those of a gateway. A quarter of the connections is for clients that were let in.
    const USUAL: Self = Self {
        connections: 4_096,
        unknown: (1_024, 3_072),
        waits: ClientWaits {
            head: Duration::from_secs(75),
            unread: ReadingPace { wait: Duration::from_secs(300), bytes: 1_024 },
        },
    };
}

/// Serves everybody who connects, until `stop` comes.
pub(crate) async fn serve(listener: TcpListener, routes: Router, stop: impl Future<Output = ()>) {
    serve_within(listener, routes, stop, ServerLimits::USUAL).await;
}

async fn serve_within(
    listener: TcpListener,
    routes: Router,
    stop: impl Future<Output = ()>,
    limits: ServerLimits,
) {
    let doorway = Doorway::new(limits);
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = connections.join_next(), if !connections.is_empty() => continue,
            () = &mut stop => break,
        };
        match accepted {
            Ok((connection, from)) => {
                let entered = tokio::select! {
                    entered = doorway.enter(from.ip()) => entered,
                    () = &mut stop => break,
                };
                let Some((client, place)) = entered else { continue };
                // Words leave one by one; that they are few is no reason to wait.
                let _ = connection.set_nodelay(true);
                let routes = routes.clone();
                connections.spawn(async move {
                    attend(connection, routes, client, limits.waits).await;
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

/// Where connections come in.
struct Doorway {
    places: Arc<Semaphore>,
    unknown: UnknownClients,
    most: usize,
}

impl Doorway {
    fn new(limits: ServerLimits) -> Self {
        let (places, unknown) = (Arc::new(Semaphore::new(limits.connections)), limits.unknown);
        Self { places, unknown: UnknownClients::new(unknown), most: limits.connections }
    }

    /// A place for one more, for which a stranger goes if there is none; none, where all are of clients that were let in.
    async fn enter(&self, from: IpAddr) -> Option<(UnknownClient, OwnedSemaphorePermit)> {
        let (client, has_room) = self.unknown.come(from);
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Some((client, place));
        }
        if has_room || self.unknown.make_room() {
            // Whoever was sent away goes at once.
            return Some((client, Arc::clone(&self.places).acquire_owned().await.ok()?));
        }
        tracing::warn!(connections = self.most, "a client is hung up on: there are too many");
        None
    }
}

async fn attend<S>(connection: S, routes: Router, client: UnknownClient, waits: ClientWaits)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let routes = Extension(client.clone()).layer(routes);
    let connection = HeededStream::new(connection, waits.unread);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(waits.head)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(connection), TowerToHyperService::new(routes));
    tokio::select! {
        served = served => if let Err(error) = served {
            tracing::debug!(%error, "a client's connection ended");
        },
        () = client.sent_away() => tracing::debug!("a client that was not let in is hung up on for others"),
    }
}

#[cfg(test)]
mod tests;
