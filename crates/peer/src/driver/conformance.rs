//! The shell of real peers follows the cases that every shell follows.
//!
//! The driver, its outbox, its tasks, the store on a disk, the fetcher and the network are the real ones; the brain is never
//! told anything, and what the loop would tell it is taken from the loop's inlets. The disk waits for permits. The others
//! are networks of their own that serve what they are given. No worker is at hand: jobs for pay are made up by a machine
//! that forges, and a check only gets as far as its input.

#[path = "../../../market/tests/conformance/suite.rs"]
mod suite;

use std::{
    collections::{HashMap, VecDeque},
    io::{Read, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use assay_market::Steady;
use assay_protocol::{id::Digest, receipt::Receipt, signed::Signer};
use tempfile::TempDir;
use tokio::{runtime, time::timeout};

use self::suite::{Cast, Left, QUOTA_BYTES, Shell};
use super::{
    outbox::{LetOut, Outside, Passage},
    tests::Started,
    *,
};
use crate::{
    blobs::Hold,
    network::{BlobSource, Limits, Network, NetworkSettings},
    pieces::ServedBlob,
};

/// How long anything may take on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(240);
/// Of the peer's key.
const SECRET: [u8; 32] = [99; 32];
/// Turns that every other task of a thread is given when all should be done.
const TURNS: u32 = 100;
/// Two ends of a job, which the golden notary signed.
const RECEIPTS: [&[u8]; 2] = [
    include_bytes!("../../../protocol/tests/golden/receipts/checked.receipt"),
    include_bytes!("../../../protocol/tests/golden/receipts/aborted.receipt"),
];

#[test]
fn the_shell_of_real_peers_does_what_every_shell_does() {
    suite::check(Machine::new);
}

/// A machine on which a peer runs, and those whom it can reach.
struct Machine {
    life: Option<Life>,
    others: Vec<Other>,
    /// Where the others run.
    _around: runtime::Runtime,
    folder: TempDir,
}

/// A process, from its start to its end.
struct Life {
    /// The journal ends with its permits, so they go first.
    let_through: std::sync::mpsc::Sender<()>,
    _begins: std::sync::mpsc::Receiver<()>,
    driver: Driver,
    inlets: Inlets,
    /// The record behind which each thing that others can see has yet to leave.
    waiting: VecDeque<u64>,
    /// How many should have left.
    due: usize,
    left: Arc<Mutex<Vec<Left>>>,
    /// How much of it is still being stored.
    underway: Arc<AtomicUsize>,
    /// How many of these were looked at.
    looked_at: usize,
    /// Senders of reports while nothing is under way.
    idle: usize,
    _runner: Hold,
    /// Everything else ends in it.
    runtime: runtime::Runtime,
}

/// Another peer.
struct Other {
    id: PeerId,
    address: String,
    stock: Arc<Stock>,
    _network: Network,
}

/// What another peer serves.
#[derive(Default)]
struct Stock {
    blobs: Mutex<HashMap<Digest, Vec<u8>>>,
    asked: AtomicUsize,
}

impl BlobSource for Stock {
    fn open(&self, digest: &Digest, _: &PeerId) -> Option<ServedBlob> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let blobs = self.blobs.lock().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(blobs.get(digest)?).unwrap();
        ServedBlob::read(file).ok().map(|(_, served)| served)
    }
}

/// The real world, with a list of what has left, and how much of that is still being stored.
struct Watched(Outside, Arc<Mutex<Vec<Left>>>, Arc<AtomicUsize>);

impl LetOut for Watched {
    fn let_out(&mut self, visible: Visible) -> Passage {
        let left = match &visible {
            Visible::Send(to, _) => Some(Left::Sent(*to)),
            Visible::Publish(_) => Some(Left::Published),
            Visible::Serve { digest, to, .. } => Some(Left::Served(*digest, *to)),
            Visible::Release(holder) => Some(Left::Released(*holder)),
            Visible::File(receipt) => Some(Left::filed(receipt)),
            Visible::Saved(_) | Visible::Flushed(_) => None,
        };
        self.1.lock().unwrap().extend(left);
        match self.0.let_out(visible) {
            Passage::Through => Passage::Through,
            Passage::Leaving(leaving, peers) => {
                self.2.fetch_add(1, Ordering::SeqCst);
                let underway = Arc::clone(&self.2);
                let leaving = async move {
                    leaving.await;
                    underway.fetch_sub(1, Ordering::SeqCst);
                };
                Passage::Leaving(Box::pin(leaving), peers)
            }
            Passage::Busy(_) => panic!("the network has little to do"),
        }
    }

    fn give_up(&mut self, to: PeerId) {
        self.0.give_up(to);
    }
}

fn receipts() -> [Receipt; 2] {
    RECEIPTS.map(|bytes| Receipt::from_bytes(bytes).unwrap())
}

fn genesis() -> Genesis {
    let [first, second] = receipts().map(|receipt| receipt.story.genesis);
    assert_eq!(first.id(), second.id(), "one network");
    Arc::unwrap_or_clone(first)
}

impl Other {
    /// One that listens on this machine and passes over whatever it hears.
    async fn start(secret: [u8; 32]) -> Self {
        let stock = Arc::new(Stock::default());
        let settings = NetworkSettings {
            secret,
            listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()],
            known: Vec::new(),
            nearby: Vec::new(),
            network: genesis().id(),
            notaries: genesis().notaries,
            limits: Limits::default(),
        };
        let (network, mut events) =
            Network::start(settings, Arc::clone(&stock) as Arc<dyn BlobSource>).await.unwrap();
        tokio::spawn(async move { while events.recv().await.is_some() {} });
        let address = network.listening()[0].clone();
        Self { id: Keypair::from_seed(secret).id(), address, stock, _network: network }
    }
}

impl Machine {
    fn new() -> Self {
        let around = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        // The first is the notary that signed the receipts.
        let secrets = [codec::digest("test key", &1_u64).0, [2; 32], [3; 32]];
        let others: Vec<Other> =
            secrets.into_iter().map(|secret| around.block_on(Other::start(secret))).collect();
        let folder = tempfile::tempdir().unwrap();
        let life = Some(Life::new(&folder, &others));
        Self { life, others, _around: around, folder }
    }

    fn life(&mut self) -> &mut Life {
        self.life.as_mut().expect("it runs")
    }
}

impl Life {
    fn new(folder: &TempDir, others: &[Other]) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let started = Started::new(folder.path(), SECRET, genesis(), QUOTA_BYTES as u64);
        let Started { mut driver, inlets, let_through, begins, .. } = runtime.block_on(started);
        let left = Arc::new(Mutex::new(Vec::new()));
        let background = &driver.background;
        let outside = Outside {
            network: background.network.clone(),
            store: background.store.clone(),
            fetcher: background.fetcher.clone(),
            own: (driver.own, driver.network_id),
            reports: background.reports.clone(),
        };
        for other in others {
            background.network.add_address(other.id, &other.address).unwrap();
        }
        // What every run needs takes no room.
        let runner = background.store.blobs.put(b"").unwrap();
        background.store.library.ship([runner]);
        let runner = background.store.blobs.hold([runner]);
        let underway = Arc::<AtomicUsize>::default();
        let watched = Watched(outside, Arc::clone(&left), Arc::clone(&underway));
        driver.outbox = runtime.block_on(async { Outbox::new(driver.journal.durable(), watched) });
        let mut life = Self {
            let_through,
            _begins: begins,
            driver,
            inlets,
            waiting: VecDeque::new(),
            due: 0,
            left,
            underway,
            looked_at: 0,
            idle: 0,
            _runner: runner,
            runtime,
        };
        // The first outbox goes with its task.
        life.wait(async |_| give_turns().await);
        life.idle = life.inlets.reports.sender_strong_count();
        life
    }

    /// Lets something happen, and fails if it takes too long.
    fn wait<T>(&mut self, happen: impl AsyncFnOnce(&mut Alive<'_>) -> T) -> T {
        let Self { driver, inlets, let_through, runtime, .. } = self;
        let mut alive = Alive { driver, inlets, let_through };
        runtime.block_on(async { timeout(WAIT_MAX, happen(&mut alive)).await.expect("nothing happens") })
    }

    /// Lets all leave that may.
    fn leave(&mut self) {
        let durable = self.durable();
        while self.waiting.pop_front_if(|saved| *saved <= durable).is_some() {
            self.due += 1;
        }
        let (left, due, underway) = (Arc::clone(&self.left), self.due, Arc::clone(&self.underway));
        self.wait(async |_| {
            while left.lock().unwrap().len() < due || underway.load(Ordering::SeqCst) > 0 {
                tokio::task::yield_now().await;
            }
        });
    }

    fn durable(&self) -> u64 {
        self.driver.journal.durable().borrow().clone().unwrap()
    }
}

/// The parts of a process that something happens to.
struct Alive<'a> {
    driver: &'a mut Driver,
    inlets: &'a mut Inlets,
    let_through: &'a std::sync::mpsc::Sender<()>,
}

async fn give_turns() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

impl Shell for Machine {
    fn cast(&self) -> Cast {
        let others = [0, 1, 2].map(|number: usize| self.others[number].id);
        let away = Keypair::from_seed([4; 32]).id();
        Cast::new(&Keypair::from_seed(SECRET), genesis().id(), others, away, receipts())
    }

    fn now(&mut self) -> Steady {
        moment().steady
    }

    fn put(&mut self, bytes: &[u8]) -> bool {
        self.life().leave();
        self.life().driver.background.store.blobs.put(bytes).is_ok()
    }

    fn stock(&mut self, other: usize, digest: Digest, bytes: &[u8]) {
        self.others[other].stock.blobs.lock().unwrap().insert(digest, bytes.to_vec());
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        let life = self.life();
        let visible = life.wait(async |alive| {
            let mut visible = Vec::new();
            for effect in effects {
                let is_visible = Left::of(&effect).is_some();
                alive.driver.perform(effect).await.unwrap();
                visible.extend(is_visible.then_some(alive.driver.saved));
            }
            visible
        });
        life.waiting.extend(visible);
    }

    fn sync(&mut self) {
        let life = self.life();
        let mut durable = life.driver.journal.durable();
        life.wait(async |alive| {
            while *durable.borrow_and_update() != Ok(alive.driver.saved) {
                alive.let_through.send(()).unwrap();
                durable.changed().await.unwrap();
            }
        });
        life.leave();
    }

    fn crash(&mut self) {
        self.life = None;
        self.life = Some(Life::new(&self.folder, &self.others));
    }

    fn left(&mut self) -> Vec<Left> {
        let life = self.life();
        life.leave();
        life.wait(async |_| give_turns().await);
        let left = life.left.lock().unwrap()[life.looked_at..].to_vec();
        life.looked_at += left.len();
        left
    }

    fn ask(&mut self, by: PeerId, digest: Digest) -> Option<Vec<u8>> {
        let life = self.life();
        life.leave();
        let mut bytes = Vec::new();
        life.driver.background.store.open(&digest, &by)?.file.read_to_end(&mut bytes).unwrap();
        Some(bytes)
    }

    fn asked(&mut self, other: usize) -> usize {
        self.others[other].stock.asked.load(Ordering::SeqCst)
    }

    fn answers(&mut self) -> Vec<Input> {
        let life = self.life();
        life.leave();
        let idle = life.idle;
        life.wait(async |alive| {
            let reports = &mut alive.inlets.reports;
            // Each task that has yet to answer holds a sender.
            while reports.sender_strong_count() > idle {
                tokio::task::yield_now().await;
            }
            std::iter::from_fn(|| reports.try_recv().ok()).collect()
        })
    }

    fn woken(&mut self) -> Steady {
        self.life().wait(async |alive| {
            alive.driver.alarm.rings().await;
            alive.driver.alarm.rest();
            moment().steady
        })
    }

    fn undelivered(&mut self) -> PeerId {
        self.life().wait(async |alive| {
            loop {
                if let Arrival::Undelivered { to, .. } = alive.inlets.arrivals.recv().await.unwrap() {
                    return to;
                }
            }
        })
    }
}
