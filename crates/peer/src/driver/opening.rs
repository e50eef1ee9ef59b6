//! From what is on the disk to a running loop.
//!
//! **Invariant:** the brain is restored from all that the journal led to, or not at all.

use std::{io, sync::Arc, time::Instant};

use assay_market::{
    Book, Command, Effects, Input, Node, Record,
    node::{Config, REFILED_ENTRIES, Snapshot},
    provision::Provision,
};
use assay_protocol::{
    codec::{self, Malformed},
    genesis::Genesis,
    id::PeerId,
    signed::{Keypair, Signer},
};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::{
    Afterwards, Confirming, Driver, Inlets,
    alarm::WakeTime,
    background::Background,
    history::History,
    indexing::Indexing,
    intake::Intake,
    live_settings::LiveSettings,
    open_models::OpenModels,
    outbox::{Outbox, Outside},
    pinned::Pinned,
    provider_signs::ProviderSigns,
    responder::{BesideLoop, Responder, VISITS_MAX},
    retried_jobs::RetriedJobs,
};
use crate::{
    clock::moment,
    daemon::Examined,
    executor::Executor,
    fetcher::Fetcher,
    home::books_mark::BooksMark,
    index::{Index, IndexError, OpenedIndex},
    journal::{Base, Journal, OpenError, ReadError},
    network::{Network, NetworkEvent},
    room::DiskRoom,
    sensors::{Lookout, Sensors},
    snapshots::Snapshots,
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
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("the system has no randomness: {0}")]
    Random(#[from] getrandom::Error),
}

/// A peer as it was when it ended.
pub(crate) struct Restored {
    node: Node<Keypair>,
    own: PeerId,
    book: Book,
    effects: Effects,
    journal: Journal,
    indexing: Indexing,
    /// The index has not all rows of what the snapshot stands for.
    lacks_rows: bool,
    /// The last record, and how many of all are entries.
    last: u64,
    entries: u64,
}

/// Where a peer begins: what is known of its journal, and what that led to.
#[derive(Default)]
pub(crate) struct Beginning {
    pub(crate) base: Base,
    pub(crate) snapshot: Option<Snapshot>,
    /// Bytes of the snapshot.
    pub(crate) bytes: u64,
}

/// Where a peer can begin, the best first: with each snapshot that can be read, or with nothing.
pub(crate) fn beginnings<'a>(
    snapshots: &'a Snapshots,
    own: PeerId,
    config: &'a Config,
) -> io::Result<impl Iterator<Item = Beginning> + 'a> {
    let read = move |record: u64| {
        let read = snapshots.read(record).inspect_err(|error| tracing::warn!(%error, record, "no snapshot"));
        let begun = read.ok().flatten().and_then(|read| {
            let (base, bytes) = (read.base, read.body.len() as u64);
            let snapshot = Snapshot::read(&read.body, own, config)?;
            Some(Beginning { base, snapshot: Some(snapshot), bytes })
        });
        if begun.is_none() {
            tracing::warn!(record, "a snapshot cannot be used");
        }
        begun
    };
    Ok(snapshots.list()?.into_iter().filter_map(read).chain([Beginning::default()]))
}

/// Restores the brain from where it begins and the journal behind that, and the index beside it if it is behind. An index
/// that is ahead has seen records that are gone: what rested on them was said to others, so only an owner who knows of it
/// may go on without them.
pub(crate) fn restore(
    key: Keypair,
    genesis: Genesis,
    journal: Journal,
    begun: Beginning,
    index: OpenedIndex,
    accept_lost_tail: bool,
) -> Result<Restored, OpeningError> {
    let (own, Beginning { base, snapshot, .. }) = (key.id(), begun);
    let OpenedIndex { index, rebuilt } = index;
    let mut indexing = Indexing::new(index);
    let present = *journal.durable().borrow().as_ref().unwrap_or(&0);
    let indexed = match indexing.sequence()? {
        indexed if indexed <= present => indexed,
        _ if accept_lost_tail => {
            indexing.clear()?;
            0
        }
        known => return Err(OpenError::LostTail { known, present }.into()),
    };
    // Before the sequence goes on: a crash from here on leaves an index that says what it lacks.
    let mut lacks_rows = rebuilt || indexed < base.records || indexing.index().is_incomplete()?;
    if lacks_rows {
        indexing.index().note_missing()?;
    }
    let mut entropy = [0; 32];
    getrandom::fill(&mut entropy)?;
    let book = Book::new(codec::digest("seed of the book", &entropy));
    let (mut last, mut entries, mut failed, mut effects) = (base.records, base.entries, None, Effects::new());
    let mut unindexed = 0;
    let mut next = |read: Result<(u64, Vec<u8>), ReadError>| -> Result<Record, OpeningError> {
        let (sequence, bytes) = read?;
        let record = Record::read(&bytes).map_err(|error| OpeningError::Record { sequence, error })?;
        last = sequence;
        let is_entry = matches!(record, Record::Chain(_));
        entries += u64::from(is_entry);
        if sequence > indexed {
            // Whose receipts a notary's books do not file again, and no other record names.
            unindexed += u64::from(is_entry);
            if unindexed > REFILED_ENTRIES && !lacks_rows {
                lacks_rows = true;
                indexing.index().note_missing()?;
            }
            indexing.note(sequence, &record);
            indexing.settle_many(sequence)?;
        }
        Ok(record)
    };
    let saved = journal
        .records(base.records + 1)
        .map_while(|read| next(read).map_err(|error| failed = Some(error)).ok());
    let node = Node::restore_from(key, Config::new(genesis), entropy, snapshot, saved, &mut effects);
    match failed {
        Some(error) => Err(error),
        None => {
            indexing.settle(last)?;
            Ok(Restored { node, own, book, effects, journal, indexing, lacks_rows, last, entries })
        }
    }
}

/// What else a loop is made of.
pub(crate) struct Parts {
    pub(crate) genesis: Arc<Genesis>,
    pub(crate) settings: LiveSettings,
    pub(crate) network: Network,
    pub(crate) events: mpsc::Receiver<NetworkEvent>,
    pub(crate) store: Store,
    pub(crate) executor: Executor,
    pub(crate) room: DiskRoom,
    pub(crate) sensors: Sensors,
    pub(crate) ending: oneshot::Receiver<()>,
    /// A notary is not to wait for somebody who remembers what it said, beyond a while.
    pub(crate) alone: bool,
    /// The network file says where others are.
    pub(crate) has_contacts: bool,
    /// Whether this home has kept books before.
    pub(crate) mark: BooksMark,
}

impl Restored {
    /// The index, if rows are missing in it that only receipts tell.
    pub(crate) fn incomplete_index(&self) -> Option<Index> {
        self.lacks_rows.then(|| self.indexing.index())
    }

    /// What is remembered.
    pub(crate) fn examined(&self, has_kept_books: bool) -> Examined {
        Examined { records: self.last, head: self.node.books().map(|books| books.head), has_kept_books }
    }

    /// True if a notary's entries are here.
    pub(crate) fn has_entries(&self) -> bool {
        self.entries > 0
    }

    /// Whose journal it was.
    pub(crate) fn peer(&self) -> PeerId {
        self.own
    }

    /// Whether others have to reach this peer: it keeps books, checks from the first day, or offers something.
    pub(crate) fn serves(&self, genesis: &Genesis) -> bool {
        let is_founder = genesis.verifiers.iter().any(|founder| founder.peer == self.own);
        let provides = self.node.provision().is_some_and(|provision| !provision.is_empty());
        genesis.notaries.contains(&self.own) || is_founder || provides
    }

    /// A loop that is ready to run, what comes into it, and what its user's calls are answered with.
    #[expect(
        clippy::disallowed_methods,
        reason = "reports answer effects: never more than the brain asked for"
    )]
    pub(crate) fn into_driver(self, parts: Parts) -> (Driver, Inlets, Responder) {
        let Parts { genesis, settings, network, store, executor, room, .. } = parts;
        let Self { mut node, own, book, effects, journal, indexing, last, entries, .. } = self;
        settings.instruct(&mut node);
        let (network_id, is_notary, now) = (genesis.id(), genesis.notaries.contains(&own), Instant::now());
        let (is_empty, whom) = (entries == 0, (parts.alone, parts.has_contacts));
        let confirming = is_notary.then(|| Confirming::begun(now, is_empty, whom, parts.mark));
        confirming.iter().for_each(|_| node.hold_books_back());
        let ((reports, reported), (visits, visited)) = (mpsc::unbounded_channel(), mpsc::channel(VISITS_MAX));
        let (updates, _) = broadcast::channel(UPDATES_MAX);
        let (intake, arrivals, thrown) = Intake::start(&network, parts.events, &genesis);
        let fetcher = Fetcher::new(network.clone(), store.blobs.clone(), own);
        let outside = {
            let (network, store) = (network.clone(), store.clone());
            let (fetcher, reports) = (fetcher.clone(), reports.clone());
            Outside { network, store, fetcher, own: (own, network_id), reports }
        };
        let pinned = Arc::new(Pinned::new(network.clone(), store.blobs.clone(), fetcher.clone(), &genesis));
        let open_models = OpenModels::new(store.blobs.clone(), store.library.clone(), Arc::clone(&genesis));
        let responder = Responder {
            lookout: Lookout::start(parts.sensors, settings.clone(), reports.downgrade()),
            visits,
            updates: updates.downgrade(),
            own,
            genesis: Arc::clone(&genesis),
            settings,
            network: network.clone(),
            store: store.clone(),
            executor: executor.clone(),
            pinned: Arc::clone(&pinned),
            open_models: open_models.clone(),
            works: Responder::works(),
            room: room.clone(),
            beside: BesideLoop::default(),
        };
        let (rules, durable, heard) =
            (Arc::clone(&genesis), journal.durable(), responder.beside.heard.clone());
        let background =
            Background { network, store, executor, fetcher, pinned, rules, intake, heard, reports };
        let inlets = Inlets { ending: parts.ending, visits: visited, reports: reported, arrivals, durable };
        let driver = Driver {
            own,
            network_id,
            genesis,
            retried: RetriedJobs::among(node.submission_keys()),
            node,
            book,
            signs: ProviderSigns::default(),
            effects,
            outbox: Outbox::new(journal.durable(), outside),
            journal,
            saved: last,
            entries,
            indexing,
            background,
            open_models,
            started: moment(),
            alarm: WakeTime::default(),
            history: History::default(),
            updates,
            thrown,
            unpublished: None,
            confirming,
            afterwards: Afterwards::new(is_notary, now),
            was_short: room.is_short(),
            room,
            ended: false,
        };
        (driver.prepared(), inlets, responder)
    }
}

impl Driver {
    /// Begins to get what its role needs, opens what it offers or publishes, and offers again under the addresses of today.
    fn prepared(self) -> Self {
        let prepared = self.open_models.prepare_all(self.node.provision());
        drop(prepared.inspect_err(|error| {
            tracing::warn!(%error, "a manifest that is offered or published is not here");
        }));
        self.open_models.settle(self.node.provision());
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
