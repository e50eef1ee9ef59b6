//! From what is on the disk to a running loop.
//!
//! **Invariant:** the brain is restored from the whole journal or not at all.

use std::{io, sync::Arc};

use assay_market::{
    Book, Command, Effects, Input, Node, Record, node::Config, provision::Provision, record::RECORD_BYTES_MAX,
};
use assay_protocol::{
    codec::{self, Malformed},
    genesis::Genesis,
    id::PeerId,
    signed::{Keypair, Signer},
};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::{
    Driver, Inlets,
    alarm::WakeTime,
    background::Background,
    history::History,
    indexing::Indexing,
    intake::Intake,
    outbox::{Outbox, Outside},
    pinned::Pinned,
    responder::{Responder, VISITS_MAX},
};
use crate::{
    clock::moment,
    config::ClientSettings,
    executor::Executor,
    fetcher::Fetcher,
    index::{Index, IndexError},
    journal::{Journal, ReadError},
    network::{Network, NetworkEvent},
    room::DiskRoom,
    store::Store,
};

/// Updates that a watcher may be behind.
pub(super) const UPDATES_MAX: usize = 1024;

/// Why the peer could not be restored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpeningError {
    #[error("the journal cannot be read: {0}")]
    Disk(#[from] io::Error),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("record {sequence} of the journal is of a version that this program does not know: {error}")]
    Record { sequence: u64, error: Malformed },
    #[error(
        "the journal holds {present} records where there were {indexed}: its end is lost, or it was put back from an \
         older copy"
    )]
    LostTail { indexed: u64, present: u64 },
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the system has no randomness: {0}")]
    Random(#[from] getrandom::Error),
}

/// A peer as it was when it ended.
pub(crate) struct Restored {
    node: Node<Keypair>,
    own: PeerId,
    effects: Effects,
    journal: Journal,
    indexing: Indexing,
    seen: Seen,
}

/// What the shell itself learns from the records.
#[derive(Default)]
struct Seen {
    last: u64,
    chain: Vec<u64>,
}

impl Seen {
    fn note(&mut self, sequence: u64, record: &Record) {
        self.last = sequence;
        if matches!(record, Record::Chain(_)) {
            self.chain.push(sequence);
        }
    }
}

/// Restores the brain from the journal, and the index beside it if it is behind. An index that is ahead has seen records
/// that are gone: what rested on them was said to others, so only an owner who knows of it may go on without them.
pub(crate) fn restore(
    key: Keypair,
    genesis: Genesis,
    journal: Journal,
    index: Index,
    accept_lost_tail: bool,
) -> Result<Restored, OpeningError> {
    let own = key.id();
    let mut indexing = Indexing::new(index);
    let present = *journal.durable().borrow().as_ref().unwrap_or(&0);
    let indexed = match indexing.sequence()? {
        indexed if indexed <= present => indexed,
        _ if accept_lost_tail => {
            indexing.clear()?;
            0
        }
        indexed => return Err(OpeningError::LostTail { indexed, present }),
    };
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy)?;
    let (mut seen, mut failed, mut effects) = (Seen::default(), None, Effects::new());
    let mut next = |read: Result<(u64, Vec<u8>), ReadError>| -> Result<Record, OpeningError> {
        let (sequence, bytes) = read?;
        let record = codec::decode::<Record>(&bytes, RECORD_BYTES_MAX)
            .map_err(|error| OpeningError::Record { sequence, error })?;
        seen.note(sequence, &record);
        if sequence > indexed {
            indexing.note(sequence, &record);
            indexing.settle_many(sequence)?;
        }
        Ok(record)
    };
    let records = journal.records(1)?;
    let saved = records.map_while(|read| next(read).map_err(|error| failed = Some(error)).ok());
    let node = Node::restore(key, Config::new(genesis), entropy, saved, &mut effects);
    match failed {
        Some(error) => Err(error),
        None => {
            indexing.settle(seen.last)?;
            Ok(Restored { node, own, effects, journal, indexing, seen })
        }
    }
}

/// What else a loop is made of.
pub(crate) struct Parts {
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) settings: ClientSettings,
    pub(crate) network: Network,
    pub(crate) events: mpsc::Receiver<NetworkEvent>,
    pub(crate) store: Store,
    pub(crate) executor: Executor,
    pub(crate) room: DiskRoom,
    pub(crate) ending: oneshot::Receiver<()>,
}

impl Restored {
    /// Whose journal it was.
    pub(crate) fn peer(&self) -> PeerId {
        self.own
    }

    /// A loop that is ready to run, what comes into it, and what its user's calls are answered with.
    #[expect(
        clippy::disallowed_methods,
        reason = "reports answer effects: never more than the brain asked for"
    )]
    pub(crate) fn into_driver(self, parts: Parts) -> (Driver, Inlets, Responder) {
        let Parts { genesis, settings, network, events, store, executor, room, ending } = parts;
        let Self { node, own, effects, journal, indexing, seen } = self;
        let network_id = genesis.id();
        let (reports, reported) = mpsc::unbounded_channel();
        let (visits, visited) = mpsc::channel(VISITS_MAX);
        let (updates, _) = broadcast::channel(UPDATES_MAX);
        let (intake, arrivals, thrown) = Intake::start(&network, events, &genesis);
        let fetcher = Fetcher::new(network.clone(), store.blobs.clone(), own);
        let outside = Outside {
            network: network.clone(),
            store: store.clone(),
            fetcher: fetcher.clone(),
            own: (own, network_id),
            reports: reports.clone(),
        };
        let outbox = Outbox::new(journal.durable(), outside);
        let pinned = Arc::new(Pinned::new(network.clone(), store.blobs.clone(), fetcher.clone(), &genesis));
        let responder = Responder {
            visits,
            updates: updates.downgrade(),
            own,
            genesis: Arc::clone(&genesis),
            settings,
            network: network.clone(),
            store: store.clone(),
            executor: executor.clone(),
            pinned: Arc::clone(&pinned),
            works: Responder::works(),
            room: room.clone(),
        };
        let background = Background { network, store, executor, fetcher, pinned, intake, reports };
        let inlets =
            Inlets { ending, visits: visited, reports: reported, arrivals, durable: journal.durable() };
        let driver = Driver {
            own,
            network_id,
            genesis,
            node,
            book: Book::default(),
            effects,
            journal,
            saved: seen.last,
            chain: seen.chain,
            outbox,
            indexing,
            background,
            started: moment(),
            alarm: WakeTime::default(),
            history: History::default(),
            updates,
            thrown,
            unpublished: None,
            was_short: room.is_short(),
            room,
            ended: false,
        };
        (driver.prepared(), inlets, responder)
    }
}

impl Driver {
    /// Begins to get what its role needs, and offers again under the addresses of today.
    fn prepared(self) -> Self {
        let addresses = self.background.network.listening();
        if let Some(provision) = self.node.provision().filter(|provision| provision.addresses != addresses) {
            let again = Provision { addresses, ..provision.clone() };
            drop(self.background.reports.send(Input::Command(Command::Provide(again))));
        }
        if self.runs_jobs() {
            self.background.equip(self.genesis.manifests.clone());
        }
        self
    }
}
