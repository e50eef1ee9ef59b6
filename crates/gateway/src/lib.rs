//! The door for tools that speak to other endpoints: people keep them, and change one address.
//!
//! What is asked as OpenAI's or Ollama's clients ask it becomes jobs of the market; what comes of them is told as those
//! clients read it, with where each answer ran and where its receipt is beside it.
//!
//! For people there is a dashboard, which shows what the command line prints and changes nothing.
//!
//! **Invariant:** the gateway decides nothing about jobs, trust or money of a peer: it is one more user of the daemon. What
//! cannot be done is refused, never ignored. Nothing is done for a page of another origin, nor without a key where there are
//! keys; only this machine is served without any.
//!
//! What a request says is also read without a gateway, a line at a time ([`BatchedRequest`]): a batch means by it what the
//! endpoints do. How a batch is carried out stands here too ([`BatchCourse`]), for commands and for the gateway.

mod answer;
mod asked_once;
mod batch;
mod batch_record;
mod batch_run;
mod browser_rules;
mod chances;
mod chat_wish;
mod conversation;
mod counted;
mod credits;
mod damage;
mod dashboard;
mod disk_floor;
mod documents;
mod drawn_name;
mod failure;
mod gateway_batches;
mod gateway_files;
mod guard;
mod jobs;
mod json_answer;
mod json_body;
mod keyed_answers;
mod keys;
mod known_besides;
mod link;
mod lost_provider;
mod metrics;
mod ollama;
mod openai;
mod order;
mod order_set;
mod ordered_json;
mod otlp;
mod owner_places;
mod reaper;
mod routes;
mod server;
mod spending;
mod spending_limit;
mod spoken;
#[cfg(test)]
#[cfg(unix)]
mod stand_in;
mod template_cache;
mod template_traits;
mod think_wish;
mod tokens_read;
mod tools;
mod waited_job;

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use assay_protocol::units::Amount;
use tokio::{net::TcpListener, sync::Semaphore};

pub use self::{
    batch::{
        BATCH_BYTES_MAX, BatchCourse, BatchDaemon, BatchError, BatchFolder, BatchGear, BatchLines, BatchLock,
        BatchPlan, BatchSign, BatchStop, BatchTold, LineEnd, LineLog, LineRecord, LineResult, LineState,
        LineTally, Retracted, StopNote, TOKENS_USUAL, WrongLine, affordable, quoted, replace_with, retract,
        under_way, write_answers,
    },
    documents::{DocumentFuture, PageDocuments, PageQuestion, Unanswered},
    keys::{AccessKey, AccessKeys, KeysError},
    link::DaemonLink,
    lost_provider::lost_amid,
    openai::{
        batched::{BatchedFailure, BatchedRequest, DeliveredAnswer},
        choice::{WrongChoice, check_choice},
    },
    tokens_read::tokens_read_most,
};
use self::{
    gateway_batches::GatewayBatches, gateway_files::GatewayFiles, keyed_answers::KeyedAnswers,
    metrics::Metrics, otlp::Collector, owner_places::OwnerPlaces, reaper::GoneKeys, spending::Spending,
    template_cache::TemplateCache, waited_job::Cancels,
};

/// How long a gateway that ends waits until the jobs of its answers are cancelled.
const CANCEL_WAIT: Duration = Duration::from_secs(5);
/// Answers that are being written at a time, to a key and to all.
const ANSWERS_MAX: (usize, usize) = (128, 256);
/// Bodies of requests that are read at a time.
const READERS_MAX: (usize, usize) = (16, 32);
/// Files that are uploaded at a time.
const UPLOADS_MAX: (usize, usize) = (4, 16);
/// Files that are fetched at a time.
const DOWNLOADS_MAX: (usize, usize) = (16, 64);
/// Streams of events that pages read at a time. Each has a connection to the daemon, which has others to attend to.
const WATCHERS_MAX: usize = 128;

/// How a gateway is to be.
#[derive(Clone, Debug)]
pub struct GatewayOptions {
    /// The way to the daemon.
    pub link: DaemonLink,
    /// Who writes what pages are told of it.
    pub documents: Arc<dyn PageDocuments>,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The file of keys, which need not be there.
    pub keys_file: PathBuf,
    /// The file of what keys spent today, which need not be there.
    pub spending_file: PathBuf,
    /// The folder of files that clients upload, which need not be there.
    pub files_folder: PathBuf,
    /// The folder of batches that they hand in, which need not be there.
    pub batches_folder: PathBuf,
    /// The folder of answers whose requests have keys, which need not be there.
    pub answers_folder: PathBuf,
    /// The file of which keys are gone that something belongs to, which need not be there.
    pub gone_file: PathBuf,
    /// Names by which it is called beside `localhost` and its address.
    pub hosts: Vec<String>,
    /// Origins whose pages may use it.
    pub origins: Vec<String>,
    /// A collector of OpenTelemetry that is told figures and answers, as an address of the web.
    pub otlp: Option<String>,
    /// The most tokens of an answer where nobody says.
    pub tokens_max: u32,
    /// The most that an order of a key may cost.
    pub cost_max: Amount,
    /// Bytes that the disk must have free; below, nothing of clients is taken.
    pub free_bytes_min: u64,
}

/// Why there is no gateway.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// It would serve others without a key.
    #[error("a gateway at {0} can be reached by others, and there is no key")]
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
    /// Another one of the same home is served.
    #[error("a gateway of this home runs already{}", place_of(*address))]
    Running {
        /// Where, if it says so.
        address: Option<SocketAddr>,
    },
    /// What was spent cannot be read.
    #[error("what keys have spent cannot be read: {0}")]
    Spending(io::Error),
    /// Files of clients cannot be read.
    #[error("what clients uploaded cannot be read: {0}")]
    Files(io::Error),
    /// The folder of what it keeps was removed while it ran, or another is in its place.
    #[error("the folder {} of this gateway is gone: it was removed, moved, or replaced by another", folder.display())]
    Gone {
        /// Where it was.
        folder: PathBuf,
    },
    /// An origin that is none.
    #[error("{0:?} is no origin such as https://notes.example")]
    Origin(String),
    /// A collector that cannot be one.
    #[error("{0:?} is no address of a collector such as http://127.0.0.1:4318")]
    Collector(String),
}

/// What all requests share.
#[derive(Debug)]
pub(crate) struct Gateway {
    link: DaemonLink,
    documents: Arc<dyn PageDocuments>,
    keys_file: PathBuf,
    spending: Spending,
    files: GatewayFiles,
    batches: GatewayBatches,
    keyed: KeyedAnswers,
    gone: GoneKeys,
    metrics: Metrics,
    /// Who is told what is counted.
    collector: Option<Collector>,
    templates: TemplateCache,
    /// Answers that are written at a time.
    places: OwnerPlaces,
    /// Requests whose bodies are read at a time.
    readers: OwnerPlaces,
    /// Files that are uploaded at a time.
    uploads: OwnerPlaces,
    /// Files that are fetched at a time.
    downloads: OwnerPlaces,
    /// Streams of events that pages read at a time.
    watchers: Arc<Semaphore>,
    hosts: Vec<String>,
    origins: Vec<String>,
    tokens_max: u32,
    cost_max: Amount,
    /// Jobs that nobody waits for any more.
    cancels: Cancels,
    /// Whether a key is needed, even where none is left. Once it is, it stays so.
    needs_key: AtomicBool,
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
        let GatewayOptions { link, documents, listen, keys_file, spending_file, files_folder, .. } = options;
        let GatewayOptions { batches_folder, gone_file, hosts, origins, otlp, tokens_max, .. } = options;
        let GatewayOptions { answers_folder, cost_max, free_bytes_min, .. } = options;
        let keys = AccessKeys::read(&keys_file)?;
        // With another name something stands in front of it that others reach.
        let needs_key = !listen.ip().is_loopback() || !hosts.is_empty();
        if keys.keys.is_empty() && needs_key {
            return Err(GatewayError::Open(listen));
        }
        if let Some(wrong) = origins.iter().find(|origin| !is_origin(origin)) {
            return Err(GatewayError::Origin(wrong.clone()));
        }
        let collector = collector(otlp)?;
        let spending = Spending::open(spending_file.clone()).map_err(|error| {
            if error.kind() == io::ErrorKind::WouldBlock {
                return GatewayError::Running { address: Spending::server_of(&spending_file) };
            }
            GatewayError::Spending(error)
        })?;
        let files = GatewayFiles::open(&files_folder, free_bytes_min).map_err(GatewayError::Files)?;
        let batches = GatewayBatches::open(&batches_folder).map_err(GatewayError::Files)?;
        let keyed = KeyedAnswers::open(&answers_folder).map_err(GatewayError::Files)?;
        let gone = GoneKeys::open(gone_file).map_err(GatewayError::Files)?;
        let listening = TcpListener::bind(listen).await;
        let listener = listening.map_err(|error| GatewayError::Listen { address: listen, error })?;
        let address =
            listener.local_addr().map_err(|error| GatewayError::Listen { address: listen, error })?;
        spending.served_at(address).map_err(GatewayError::Spending)?;
        let gateway = Gateway {
            link,
            documents,
            keys_file,
            spending,
            files,
            batches,
            keyed,
            gone,
            metrics: Metrics::new(collector.is_some()),
            collector,
            templates: TemplateCache::default(),
            places: OwnerPlaces::new("answers that are being written", ANSWERS_MAX),
            readers: OwnerPlaces::new("requests that are being read", READERS_MAX),
            uploads: OwnerPlaces::new("files that are being uploaded", UPLOADS_MAX),
            downloads: OwnerPlaces::new("files that are being fetched", DOWNLOADS_MAX),
            watchers: Arc::new(Semaphore::new(WATCHERS_MAX)),
            hosts: own_names(address).chain(hosts).collect(),
            origins,
            tokens_max,
            cost_max,
            cancels: Cancels::default(),
            needs_key: AtomicBool::new(needs_key || !keys.keys.is_empty()),
        };
        Ok(Self { gateway: Arc::new(gateway), listener, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` comes; what is under way then ends, and its jobs are cancelled, but for those of batches and of
    /// requests with keys: they go on, as do batches when there is a gateway again.
    ///
    /// # Errors
    /// [`GatewayError::Gone`], once the folder of what it keeps is. Nothing is written there any more, for another gateway may have
    /// what is in its place.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), GatewayError> {
        let Self { gateway, listener, address } = self;
        for batch in gateway.batches.unfinished() {
            openai::batches::begin(&gateway, batch);
        }
        let reaper = tokio::spawn(reaper::run(gateway.clone()));
        let routes = routes::of(&gateway);
        let telling = async {
            match &gateway.collector {
                Some(collector) => otlp::tell(&gateway, collector, address.to_string()).await,
                None => std::future::pending().await,
            }
        };
        let gone = tokio::select! {
            () = server::serve(listener, routes, stop) => None,
            () = telling => None,
            folder = gateway.spending.lost() => Some(folder),
        };
        reaper.abort();
        gateway.batches.end();
        if let Some(folder) = gone {
            // The daemon of such jobs ends with its home, and what is there now knows of none of them.
            return Err(GatewayError::Gone { folder });
        }
        gateway.cancels.finish(CANCEL_WAIT).await;
        Ok(())
    }
}

fn place_of(address: Option<SocketAddr>) -> String {
    address.map_or_else(String::new, |address| format!(", at http://{address}"))
}

/// Who is told what is counted, if somebody is.
fn collector(otlp: Option<String>) -> Result<Option<Collector>, GatewayError> {
    let at = |address: String| Collector::at(&address).ok_or(GatewayError::Collector(address));
    otlp.map(at).transpose()
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

#[cfg(test)]
pub(crate) mod tests {
    use assay_peer::{config::Home, handle::Submit};
    use assay_protocol::{
        id::Digest,
        manifest::{Manifest, Meter, Policy, WorkPerMeter},
    };

    use super::*;
    use crate::{batch::BatchPayer, documents::EchoedDocuments, failure::HttpFailure};

    /// A gateway of a home in which no daemon runs.
    pub(crate) async fn bound(
        folder: &std::path::Path,
        listen: &str,
        host: Option<&str>,
    ) -> Result<BoundGateway, GatewayError> {
        BoundGateway::bind(options(folder, listen, host)).await
    }

    /// How such a gateway is to be.
    pub(crate) fn options(folder: &std::path::Path, listen: &str, host: Option<&str>) -> GatewayOptions {
        GatewayOptions {
            link: DaemonLink(Home::at(folder)),
            documents: Arc::new(EchoedDocuments),
            listen: listen.parse().unwrap(),
            keys_file: folder.join("keys.toml"),
            spending_file: folder.join("spending.json"),
            files_folder: folder.join("files"),
            batches_folder: folder.join("batches"),
            answers_folder: folder.join("answers"),
            gone_file: folder.join("gone.json"),
            hosts: host.map(str::to_owned).into_iter().collect(),
            origins: Vec::new(),
            otlp: None,
            tokens_max: 1,
            cost_max: Amount::credits(1),
            free_bytes_min: 0,
        }
    }

    /// A model of language, of which nothing is anywhere.
    pub(crate) fn poet() -> Manifest {
        Manifest {
            name: "poet".into(),
            runner: Digest::default(),
            model: Digest::default(),
            params: String::new(),
            policy: Policy::Replay,
            meter: Meter::Calls,
            work: WorkPerMeter::default(),
            work_most: 1,
            memory_bytes: 1,
            licence: "MIT".into(),
        }
    }

    #[tokio::test]
    async fn others_are_not_served_without_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        for (listen, host) in [("0.0.0.0:0", None), ("127.0.0.1:0", Some("mine.example"))] {
            assert!(matches!(bound(at, listen, host).await, Err(GatewayError::Open(_))), "{listen} {host:?}");
        }
        assert!(bound(at, "127.0.0.1:0", None).await.is_ok());
        let mut keys = AccessKeys::default();
        keys.add("phone", None, Vec::new()).unwrap();
        keys.write(&at.join("keys.toml")).unwrap();
        assert!(bound(at, "0.0.0.0:0", None).await.is_ok());
        let first = bound(at, "127.0.0.1:0", None).await.unwrap();
        let second = bound(at, "127.0.0.1:0", None).await.unwrap_err();
        let place = first.address();
        assert!(
            matches!(second, GatewayError::Running { address: Some(address) } if address == place),
            "two would not know what the other spends"
        );
        assert_eq!(second.to_string(), format!("a gateway of this home runs already, at http://{place}"));
        drop(first);
        assert!(bound(at, "127.0.0.1:0", None).await.is_ok());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_gateway_ends_with_its_folder_and_lets_the_one_in_its_place_be() {
        let outer = tempfile::tempdir().unwrap();
        let (home, aside) = (outer.path().join("home"), outer.path().join("aside"));
        std::fs::create_dir(&home).unwrap();
        let first = bound(&home, "127.0.0.1:0", None).await.unwrap();
        std::fs::rename(&home, &aside).unwrap();
        std::fs::create_dir(&home).unwrap();
        let _second = bound(&home, "127.0.0.1:0", None).await.unwrap();
        let ended = first.serve(std::future::pending()).await;
        assert!(matches!(&ended, Err(GatewayError::Gone { folder }) if *folder == home), "{ended:?}");
        let nobody = bound(&home, "127.0.0.1:0", None).await;
        assert!(matches!(nobody, Err(GatewayError::Running { .. })), "the second is none the worse");
    }

    #[tokio::test]
    async fn a_batch_is_paid_by_its_key_as_that_is_by_now() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.toml");
        let mut keys = AccessKeys::default();
        keys.add("phone", None, Vec::new()).unwrap();
        keys.write(&file).unwrap();
        let gateway = bound(folder.path(), "127.0.0.1:0", None).await.unwrap().gateway;
        let mut payer = BatchPayer::of(&gateway, Some(keys.keys[0].digest));
        let (order, much) = (Digest::of(b"order"), Amount::credits(9));
        let mut submit = Submit { cost_max: Some(much), ..Submit::default() };
        payer.allow(order, &mut submit).await.unwrap();
        assert_eq!((submit.cost_max, payer.most(much)), (Some(gateway.cost_max), gateway.cost_max));
        keys.keys[0].daily_max = Some(Amount::credits(1));
        keys.write(&file).unwrap();
        let unasked = payer.allow(order, &mut submit).await.unwrap_err();
        assert_eq!(unasked.code(), HttpFailure::NO_DAEMON, "what it costs is asked before it is ordered");
        keys.remove("phone").unwrap();
        keys.write(&file).unwrap();
        assert_eq!(payer.allow(order, &mut submit).await.unwrap_err().code(), "invalid_api_key");
        let mut homes = BatchPayer::of(&gateway, None);
        submit.cost_max = Some(much);
        homes.allow(order, &mut submit).await.unwrap();
        assert_eq!(
            (submit.cost_max, homes.most(much)),
            (Some(much), much),
            "the daemon has bounds of its own"
        );
    }

    #[test]
    fn an_origin_is_a_scheme_and_a_host() {
        for origin in ["https://notes.example", "http://localhost:8080"] {
            assert!(is_origin(origin), "{origin}");
        }
        for origin in ["notes.example", "ftp://notes.example", "https://notes.example/", "https://a@b", "*"] {
            assert!(!is_origin(origin), "{origin}");
        }
    }
}
