//! The door for tools that speak to other endpoints: people keep them, and change one address.
//!
//! What is asked as OpenAI's or Ollama's clients ask it becomes jobs of the market; what comes of them is told as those
//! clients read it, with where each answer ran and where its receipt is beside it.
//!
//! **Invariant:** the gateway decides nothing about jobs, trust or money of a peer: it is one more user of the daemon. What
//! cannot be done is refused, never ignored. Nothing is done for a page of another origin, nor without a key where there are
//! keys; only this machine is served without any.

mod answer;
mod credits;
mod failure;
mod guard;
mod jobs;
mod json_body;
mod keys;
mod link;
mod metrics;
mod ollama;
mod openai;
mod order;
mod order_set;
mod routes;
mod server;
mod spending;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use tokio::{net::TcpListener, sync::Semaphore};

pub use self::{
    keys::{AccessKey, AccessKeys, KeysError},
    link::DaemonLink,
};
use self::{metrics::Metrics, spending::Spending};

/// Answers that are being written at a time.
const ANSWERS_MAX: usize = 256;

/// How a gateway is to be.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// The way to the daemon.
    pub link: DaemonLink,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The file of keys, which need not be there.
    pub keys_file: PathBuf,
    /// The file of what keys spent today, which need not be there.
    pub spending_file: PathBuf,
    /// Names by which it is called beside `localhost` and its address.
    pub hosts: Vec<String>,
    /// Origins whose pages may use it.
    pub origins: Vec<String>,
    /// The most tokens of an answer where nobody says.
    pub tokens_max: u32,
}

/// Why there is no gateway.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// It would serve others without a key.
    #[error("{0} can be reached by others, and there is no key")]
    Open(SocketAddr),
    /// The address cannot be had.
    #[error("{address} cannot be listened on: {error}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// Keys cannot be read.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// What was spent cannot be read.
    #[error("what keys have spent cannot be read: {0}")]
    Spending(io::Error),
    /// An origin that is none.
    #[error("{0:?} is no origin such as https://notes.example")]
    Origin(String),
}

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Gateway {
    link: DaemonLink,
    keys_file: PathBuf,
    spending: Spending,
    metrics: Metrics,
    places: Arc<Semaphore>,
    hosts: Vec<String>,
    origins: Vec<String>,
    tokens_max: u32,
    /// Whether only this machine reaches it.
    is_for_this_machine: bool,
}

/// A gateway that listens, and serves nobody yet.
#[derive(Debug)]
pub struct BoundGateway {
    gateway: Arc<Gateway>,
    listener: TcpListener,
    address: SocketAddr,
}

impl BoundGateway {
    /// Begins to listen.
    ///
    /// # Errors
    /// [`GatewayError`].
    pub async fn bind(options: GatewayOptions) -> Result<Self, GatewayError> {
        let GatewayOptions { link, listen, keys_file, spending_file, hosts, origins, tokens_max } = options;
        let keys = AccessKeys::read(&keys_file)?;
        if keys.keys.is_empty() && !listen.ip().is_loopback() {
            return Err(GatewayError::Open(listen));
        }
        if let Some(wrong) = origins.iter().find(|origin| !is_origin(origin)) {
            return Err(GatewayError::Origin(wrong.clone()));
        }
        let spending = Spending::open(spending_file).map_err(GatewayError::Spending)?;
        let listening = TcpListener::bind(listen).await;
        let listener = listening.map_err(|error| GatewayError::Listen { address: listen, error })?;
        let address =
            listener.local_addr().map_err(|error| GatewayError::Listen { address: listen, error })?;
        let gateway = Gateway {
            link,
            keys_file,
            spending,
            metrics: Metrics::new(),
            places: Arc::new(Semaphore::new(ANSWERS_MAX)),
            hosts: own_names(address).chain(hosts).collect(),
            origins,
            tokens_max,
            is_for_this_machine: address.ip().is_loopback(),
        };
        Ok(Self { gateway: Arc::new(gateway), listener, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` comes; what is under way then ends, and its jobs are cancelled.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let routes = routes::of(&self.gateway);
        server::serve(self.listener, routes, stop).await;
    }
}

/// By what a gateway at an address is called anyway.
fn own_names(address: SocketAddr) -> impl Iterator<Item = String> {
    let ip = address.ip();
    let own = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
    ["localhost", "127.0.0.1", "[::1]"].map(str::to_owned).into_iter().chain([own])
}

fn is_origin(origin: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    (scheme == "http" || scheme == "https")
        && authority
            .parse::<axum::http::uri::Authority>()
            .is_ok_and(|authority| !authority.as_str().contains('@'))
}
