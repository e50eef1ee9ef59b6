//! A running peer: opens a home, joins its network, serves its user, ends in good order.
//!
//! **Invariant:** a home is locked before anything in it is touched, and everything is closed before the lock is let go,
//! but for the thread that fills an index again.

use std::{io, path::PathBuf, sync::Arc, thread};

use assay_market::node::Config;
use assay_protocol::{
    codec::Malformed,
    genesis::Genesis,
    id::{Digest, PeerId},
    notice::Head,
    signed::{Keypair, Signer},
};
use assay_runtime::worker::WorkerSource;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    blobs::Blobs,
    companion::{CompanionHost, CompanionPlace},
    config::{ConfigError, DaemonSettings, Home, KeyError, NetworkFile, Settings},
    disk::HomeDisk,
    driver::{Ended, LiveSettings, OpeningError, Parts, Restored, Snapshotting, beginnings, restore},
    executor::{Conduct, Executor},
    handle::{Handle, Local, Server},
    home::{HomeLock, LockError, books_mark::BooksMark},
    index::{FilledRows, Index, IndexError},
    journal::{Broken, Journal, OpenError, Owner, ReadError},
    network::{
        Limits, Network, NetworkError, NetworkEvent, NetworkSettings, USUAL_PORT, everywhere, note_taken,
    },
    price_history::keeper::PriceKeeper,
    receipts::Receipts,
    room::DiskRoom,
    sensors::Sensors,
    snapshots::Snapshots,
    store::Store,
    system::{Signals, raise_open_files},
    watchdog::Watchdog,
};

/// How a daemon is to run.
#[derive(Debug)]
pub struct Options {
    /// Where to listen, instead of where the settings say, or what its role needs.
    pub listen: Option<Vec<String>>,
    /// The program that jobs run in: one that calls [`assay_runtime::worker::main`] when its first argument is `worker`.
    pub worker: PathBuf,
    /// How this peer behaves as a provider.
    pub conduct: Conduct,
    /// Go on although the journal has lost its end, or what stands there is damaged. Not for a notary: it would say other
    /// things under numbers that it has used.
    pub accept_lost_tail: bool,
    /// Keep books although nobody says what this notary said last: who is there within ten seconds is asked.
    pub alone: bool,
    /// Runners that come with the program, and may run whoever names them.
    pub runners: Vec<Digest>,
    /// The disk that the home lies on.
    pub disk: HomeDisk,
    /// Where the system shows what goes on in it: the root of its files, but for tests.
    pub machine: PathBuf,
    /// Told once the daemon takes requests.
    pub ready: Option<oneshot::Sender<Ready>>,
    /// Ends the daemon as a signal does; a sender that is dropped ends nothing.
    pub stop: Option<oneshot::Receiver<()>>,
    /// What runs beside it in its process, and is to leave before it ends.
    pub companion: Option<CompanionHost>,
}

impl Options {
    /// An honest peer as its settings have it.
    #[must_use]
    pub fn new(worker: PathBuf) -> Self {
        Self {
            listen: None,
            worker,
            conduct: Conduct::Honest,
            accept_lost_tail: false,
            alone: false,
            runners: Vec::new(),
            disk: HomeDisk::default(),
            machine: "/".into(),
            ready: None,
            stop: None,
            companion: None,
        }
    }
}

/// What a daemon says once it takes requests.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The peer.
    pub peer: PeerId,
    /// What people call its network.
    pub network: String,
    /// Where it listens.
    pub addresses: Vec<String>,
    /// The way to it within this process.
    pub handle: Handle,
}

/// Why a daemon did not start, or ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another daemon runs here.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// There is no key to sign with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Network file or settings cannot be used.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// The journal cannot be opened.
    #[error(transparent)]
    Journal(#[from] OpenError),
    /// The journal cannot be read back.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A notary has signed what its journal does not hold.
    #[error("the journal of this notary is not the one that others heard of: {reason}")]
    Behind {
        /// What was heard of it.
        reason: String,
        /// True if it has signed more since this start.
        has_begun: bool,
    },
    /// Whoever keeps books for others cannot forget what it told them.
    #[error(
        "a notary cannot go on without the end of its journal: it would say other things under numbers it has used"
    )]
    Forgetful,
    /// The journal holds what this program does not know.
    #[error("record {sequence} of the journal is of a version that this program does not know: {error}")]
    Record {
        /// Which record.
        sequence: u64,
        /// What is wrong with it.
        error: Malformed,
    },
    /// The index cannot even be made anew.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Blobs or receipts cannot be used.
    #[error("blobs and receipts cannot be opened: {0}")]
    Blobs(io::Error),
    /// The network cannot be joined.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The home was removed while the daemon ran, or another is in its place.
    #[error("the home {} is gone: it was removed, moved, or replaced by another", home.display())]
    HomeGone {
        /// Where it was.
        home: PathBuf,
    },
    /// No socket for the user.
    #[error("cannot listen on {}: {error}", path.display())]
    Socket {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The journal broke while the daemon ran.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// A part of the daemon failed by a fault of this program.
    #[error("the {part} of the daemon failed by a fault of this program")]
    Fault {
        /// Which part.
        part: &'static str,
    },
    /// The system failed.
    #[error("the system failed: {0}")]
    System(io::Error),
}

impl From<OpeningError> for DaemonError {
    fn from(error: OpeningError) -> Self {
        match error {
            OpeningError::Read(error) => Self::Read(error),
            OpeningError::Record { sequence, error } => Self::Record { sequence, error },
            OpeningError::Open(error) => Self::Journal(error),
            OpeningError::Index(error) => Self::Index(error),
            OpeningError::Disk(error) => Self::System(error),
            OpeningError::Random(error) => Self::System(io::Error::other(error)),
        }
    }
}

/// What a home remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Examined {
    /// Records in its journal.
    pub records: u64,
    /// Where its journal as a notary ends; nothing, if it is none.
    pub head: Option<Head>,
    /// Whether books were kept here before.
    pub has_kept_books: bool,
}

/// Reads what a home remembers, as a daemon would when it starts, and says nothing of it to anybody.
///
/// # Errors
/// [`DaemonError`], as a daemon that would not start.
pub fn examine(home: &Home) -> Result<Examined, DaemonError> {
    let _lock = HomeLock::take(home.root())?;
    let file = NetworkFile::read(&home.network())?;
    let (restored, _) = open_journal(home, &file, &HomeDisk::default(), false)?;
    Ok(restored.examined(BooksMark::of(home.root(), HomeDisk::default()).is_set()))
}

/// The way to the network, and what happens there.
type JoinedNetwork = (Network, mpsc::Receiver<NetworkEvent>);

/// A peer that runs until it is told to end.
#[derive(Debug)]
pub struct Daemon;

impl Daemon {
    /// Runs the peer of a home until its user, a signal or `options.stop` ends it.
    ///
    /// # Errors
    /// [`DaemonError`].
    pub async fn run(home: Home, options: Options) -> Result<(), DaemonError> {
        let lock = HomeLock::take(home.root())?;
        raise_open_files();
        let mut signals = Signals::new().map_err(DaemonError::System)?;
        let file = NetworkFile::read(&home.network())?;
        let settings = Settings::read(&home)?;
        let (restored, snapshotting) = open_journal(&home, &file, &options.disk, options.accept_lost_tail)?;
        let store =
            Store::open(&options.disk, &home, settings.daemon.blob_bytes_max).map_err(DaemonError::Blobs)?;
        store.library.ship(options.runners);
        if let Some(index) = restored.incomplete_index() {
            fill_index(index, store.receipts.clone()).map_err(DaemonError::System)?;
        }
        let told = options.listen.unwrap_or_else(|| settings.daemon.listen.clone());
        let is_server = restored.serves(&file.genesis) || !store.library.published().is_empty();
        let (network, events) = join_as_told(&home, &file, (told, is_server), &store).await?;
        let worker = (options.worker, options.conduct);
        let executor = executor(&home, &settings.daemon, worker, store.blobs.clone());
        let mut server = bind(&home)?;
        let (end, ending) = oneshot::channel();
        let peer = restored.peer();
        let has_contacts = file.contacts.iter().any(|contact| contact.peer != peer);
        let (name, addresses) = (file.genesis.name.clone(), network.listening());
        let genesis = Arc::new(file.genesis);
        let room = DiskRoom::watch(home.root().to_owned(), settings.daemon.free_bytes_min);
        // Whoever changed something before the socket was there was told that no daemon runs.
        let settings = LiveSettings::new(home.clone(), Settings::read(&home).unwrap_or(settings));
        let mark = BooksMark::of(home.root(), options.disk.clone());
        mark_begun(&mark, &restored, &genesis)?;
        let parts = Parts {
            genesis,
            settings,
            network,
            events,
            store,
            executor,
            room,
            sensors: Sensors::at(options.machine),
            ending,
            alone: options.alone,
            has_contacts,
            mark,
        };
        let (closing, runs) = (parts.network.clone(), parts.executor.clone());
        let (driver, inlets, responder) = restored.into_driver(parts);
        let companions = responder.beside.companions.let_in(options.companion);
        let keeper = PriceKeeper::start(home.prices(), responder.clone()).await;
        let snapshotting = snapshotting.start(responder.clone());
        let mut running = tokio::spawn(driver.run(inlets));
        server.serve(responder.clone());
        let handle = Handle::Local(Local::new(responder));
        tell_ready(Ready { peer, network: name, addresses, handle }, options.ready);
        let wish = end_as_wished(options.stop, &mut signals, &companions, end);
        let ended = until_ended(&mut running, wish, (lock.lost(), closing.watchdog())).await;
        running.abort();
        runs.end();
        // Whatever ended it: once its home is gone, what is there may be another's.
        if matches!(ended, Err(DaemonError::HomeGone { .. })) || lock.is_lost().await {
            server.disown();
            keeper.disown();
            snapshotting.disown();
        }
        // The loop has ended both, unless it ended by a fault or with its home.
        closing.shutdown().await;
        snapshotting.end().await;
        keeper.end().await;
        server.close().await;
        drop(lock);
        ended
    }
}

/// Listens for users.
fn bind(home: &Home) -> Result<Server, DaemonError> {
    Server::bind(home).map_err(|error| DaemonError::Socket { path: home.socket(), error })
}

/// Says that the daemon takes requests now.
fn tell_ready(ready: Ready, told: Option<oneshot::Sender<Ready>>) {
    let listening = if ready.addresses.is_empty() { "nowhere".to_owned() } else { ready.addresses.join(" ") };
    tracing::info!(own = %ready.peer, network = ready.network, %listening, "ready");
    if let Some(told) = told {
        drop(told.send(ready));
    }
}

/// What runs jobs, as the settings have it.
fn executor(
    home: &Home,
    settings: &DaemonSettings,
    (worker, conduct): (PathBuf, Conduct),
    blobs: Blobs,
) -> Executor {
    let places = usize::try_from(settings.workers).unwrap_or(0);
    let cache = Some(home.compiled());
    let worker_source = WorkerSource { binary: worker, cache, onnx_runtime: settings.onnx_library() };
    let executor = Executor::of(worker_source, places, blobs, conduct);
    let Ok(wish) = settings.device.parse();
    executor.prefer(wish);
    executor.keep_packs(settings.pack_bytes_max, settings.free_bytes_min);
    executor
}

/// Waits for the end of the loop, which may be wished for, or for that of its home or of a part, without which it would go on for
/// nothing. Once the home is known to be gone, nothing else is heard.
async fn until_ended(
    running: &mut JoinHandle<Result<(), Ended>>,
    wish: impl Future<Output = ()>,
    (gone, watchdog): (impl Future<Output = PathBuf>, &Watchdog),
) -> Result<(), DaemonError> {
    let wished_for = async {
        wish.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        home = gone => Err(DaemonError::HomeGone { home }),
        ended = running => match ended {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Ended::Broken(broken))) => Err(DaemonError::Broken(broken)),
            Ok(Err(behind @ (Ended::Behind { .. } | Ended::Forked { .. }))) => {
                Err(DaemonError::Behind { reason: behind.to_string(), has_begun: behind.has_begun() })
            }
            Err(_) => Err(DaemonError::Fault { part: "loop" }),
        },
        part = watchdog.fault() => Err(DaemonError::Fault { part }),
        () = wished_for => unreachable!("a wish alone ends nothing"),
    }
}

/// Looks all receipts through, on a thread of its own, for rows that an index has not.
fn fill_index(index: Index, receipts: Receipts) -> io::Result<()> {
    let fill = move || match index.fill(&receipts) {
        Ok(FilledRows { rows, unreadable }) if unreadable.is_empty() => {
            tracing::info!(rows, "the index was made anew from the receipts");
        }
        Ok(FilledRows { rows, unreadable }) => tracing::warn!(
            rows,
            unreadable = unreadable.len(),
            first = ?unreadable.first(),
            "receipts cannot be read, so what became of their jobs may be unknown; the next start tries again"
        ),
        Err(error) => tracing::warn!(%error, "the index cannot be made anew; the next start tries again"),
    };
    thread::Builder::new().name("index".into()).spawn(fill).map(drop)
}

/// Notes that books are kept here where some are.
fn mark_begun(mark: &BooksMark, restored: &Restored, genesis: &Genesis) -> Result<(), DaemonError> {
    let keeps = genesis.notaries.contains(&restored.peer()) && restored.has_entries();
    if keeps { mark.set().map_err(DaemonError::System) } else { Ok(()) }
}

/// Opens the journal where the best snapshot stands that it goes on from.
fn open_journal(
    home: &Home,
    file: &NetworkFile,
    disk: &HomeDisk,
    accept_lost_tail: bool,
) -> Result<(Restored, Snapshotting), DaemonError> {
    let (key, folder) = (home.key()?, home.journal());
    let (own, owner) = (key.id(), Owner { peer: key.id(), network: file.genesis.id() });
    let config = Config::new(file.genesis.clone());
    if config.is_notary(own) && accept_lost_tail {
        return Err(DaemonError::Forgetful);
    }
    let snapshots = Snapshots::new(disk, &folder, owner);
    let mut refused = None;
    for begun in beginnings(&snapshots, own, &config).map_err(DaemonError::System)? {
        if accept_lost_tail && let Some(aside) = Journal::cut_damage(disk, &folder, owner, &begun.base)? {
            tracing::warn!(path = %aside.display(), "what was behind the damage in the journal was moved there");
        }
        let journal = match Journal::open(disk, &folder, owner, &begun.base) {
            Err(OpenError::LostTail { .. }) if accept_lost_tail => {
                Journal::begin(disk, &folder, owner, &begun.base)?
            }
            // Another snapshot may be of this journal.
            Err(error @ OpenError::Damaged { offset: 0, .. }) => {
                refused.get_or_insert(error);
                continue;
            }
            opened => opened?,
        };
        let index = Index::open(&home.index())?;
        let snapshotting =
            Snapshotting::new(home.seed()?, config.clone(), snapshots.clone(), journal.reader());
        let restored = restore(key, file.genesis.clone(), journal, begun, index, accept_lost_tail)?;
        return Ok((restored, snapshotting));
    }
    Err(refused.unwrap_or(OpenError::NotAJournal).into())
}

/// Joins where it was told to listen, or as its role needs.
async fn join_as_told(
    home: &Home,
    file: &NetworkFile,
    (told, is_server): (Vec<String>, bool),
    store: &Store,
) -> Result<JoinedNetwork, DaemonError> {
    match told.is_empty() && is_server {
        true => join_as_usual(home, file, store).await,
        false => join(home, file, told, store).await,
    }
}

/// Joins as one who serves others and was told nothing: on the usual port, or on any where somebody else has that.
async fn join_as_usual(home: &Home, file: &NetworkFile, store: &Store) -> Result<JoinedNetwork, DaemonError> {
    match join(home, file, vec![everywhere(USUAL_PORT)], store).await {
        Err(DaemonError::Network(NetworkError::Listen { reason, .. })) => {
            note_taken(&reason);
            join(home, file, vec![everywhere(0)], store).await
        }
        joined => joined,
    }
}

async fn join(
    home: &Home,
    file: &NetworkFile,
    listen: Vec<String>,
    store: &Store,
) -> Result<JoinedNetwork, DaemonError> {
    let secret = home.seed()?;
    let own = Keypair::from_seed(secret).id();
    let others = file.contacts.iter().filter(|contact| contact.peer != own);
    let known =
        others.flat_map(|contact| contact.addresses.iter().map(|address| (contact.peer, address.clone())));
    let settings = NetworkSettings {
        secret,
        listen,
        known: known.collect(),
        nearby: file.unplaced().collect(),
        network: file.genesis.id(),
        notaries: file.genesis.notaries.clone(),
        limits: Limits::default(),
    };
    Ok(Network::start(settings, Arc::new(store.clone())).await?)
}

/// Has the loop end once somebody outside wishes for that and whatever runs beside it has left.
async fn end_as_wished(
    stop: Option<oneshot::Receiver<()>>,
    signals: &mut Signals,
    companions: &CompanionPlace,
    end: oneshot::Sender<()>,
) {
    wished(stop, signals).await;
    companions.see_off().await;
    // An error means that it has just ended by itself.
    end.send(()).unwrap_or(());
}

/// Returns when somebody outside wishes for the end.
async fn wished(stop: Option<oneshot::Receiver<()>>, signals: &mut Signals) {
    let told = async {
        let said = match stop {
            Some(stop) => stop.await.is_ok(),
            None => false,
        };
        if !said {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = told => {}
        () = signals.any() => {}
    }
}

#[cfg(test)]
mod tests;
