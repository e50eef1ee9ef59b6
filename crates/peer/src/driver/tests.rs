//! The barrier and the bookkeeping around it, on a journal whose disk does as it is told.

mod asking;
mod heard;
mod models;
pub(super) mod offers;
mod refusals;
mod room;
mod rows;
mod settings;
mod waiting;

use std::{path::Path, sync::Arc};

use assay_market::{input::Proven, record::ClientRecord};
use assay_protocol::{
    id::Digest,
    notice::Query,
    offer::{Bench, Offer, Reachability},
    outcome::Outcome,
    signed::{Signed, Signer},
    units::Amount,
};
use tempfile::TempDir;

use super::{
    calls::WatchUpdates,
    opening::Beginning,
    outbox::{LetOut, Passage},
    responder::{Respond, Responder},
    *,
};
use crate::{
    config::{self, Home, Settings},
    disk::HomeDisk,
    executor::{Conduct, Executor},
    home::books_mark::BooksMark,
    index::Index,
    journal::{Owner, tests::held_back},
    network::{Limits, Network, NetworkEvent, NetworkSettings},
    room::DiskRoom,
    sensors::Sensors,
    store::Store,
};

/// How long anything may take on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(240);

/// A driver whose disk waits for permits, and what it lets out.
struct Held {
    driver: Driver,
    inlets: Inlets,
    responder: Responder,
    let_through: std::sync::mpsc::Sender<()>,
    _begins: std::sync::mpsc::Receiver<()>,
    seen: mpsc::UnboundedReceiver<String>,
    _folder: TempDir,
}

/// A world that only writes down what it is shown.
struct Witness(mpsc::UnboundedSender<String>);

impl LetOut for Witness {
    fn let_out(&mut self, visible: Visible) -> Passage {
        let seen = match visible {
            Visible::Send(to, message) => format!("send {} {}", message.kind(), to.0[0]),
            Visible::Publish(_) => "publish".to_owned(),
            Visible::Serve { digest, to, .. } => format!("serve {} {}", digest.0[0], to.0[0]),
            Visible::Release(holder) => format!("release {}", holder.0[0]),
            Visible::File(_) => "file".to_owned(),
            Visible::Saved(_) | Visible::Flushed(_) => "saved".to_owned(),
        };
        self.0.send(seen).unwrap();
        Passage::Through
    }

    fn give_up(&mut self, to: PeerId) {
        self.0.send(format!("given up {}", to.0[0])).unwrap();
    }
}

/// A process that has just started, and whose disk waits for permits.
pub(super) struct Started {
    pub(super) driver: Driver,
    pub(super) inlets: Inlets,
    pub(super) responder: Responder,
    pub(super) let_through: std::sync::mpsc::Sender<()>,
    pub(super) begins: std::sync::mpsc::Receiver<()>,
}

impl Started {
    /// The process of this key's owner in a folder, with room for so many bytes of blobs.
    pub(super) async fn new(folder: &Path, secret: [u8; 32], genesis: Genesis, quota_bytes: u64) -> Self {
        let key = Keypair::from_seed(secret);
        let owner = Owner { peer: key.id(), network: genesis.id() };
        let (journal, let_through, begins) = held_back(folder, owner);
        let store = Store::open(&crate::disk::HomeDisk::default(), &Home::at(folder), quota_bytes).unwrap();
        let settings = NetworkSettings {
            secret,
            // There for others on this machine, so that these can be reached here by what is said of them.
            listen: vec!["/ip4/127.0.0.1/tcp/0".into()],
            known: Vec::new(),
            nearby: Vec::new(),
            network: genesis.id(),
            notaries: genesis.notaries.clone(),
            limits: Limits::default(),
        };
        let (network, events) = Network::start(settings, Arc::new(store.clone())).await.unwrap();
        let (compiled, blobs) = (folder.join("compiled"), store.blobs.clone());
        let executor = Executor::new("none".into(), compiled, 1, blobs, Conduct::Forge);
        let index = Index::open(&folder.join("index")).unwrap();
        let restored = restore(key, genesis.clone(), journal, Beginning::default(), index, false).unwrap();
        let (_, ending) = oneshot::channel();
        let settings = LiveSettings::new(Home::at(folder), Settings::default());
        let genesis = Arc::new(genesis);
        let parts = Parts {
            genesis,
            settings,
            network,
            events,
            store,
            executor,
            room: DiskRoom::with(1),
            sensors: Sensors::at(folder.to_owned()),
            ending,
            alone: true,
            has_contacts: false,
            mark: BooksMark::of(folder, HomeDisk::default()),
        };
        let (driver, inlets, responder) = restored.into_driver(parts);
        Self { driver, inlets, responder, let_through, begins }
    }
}

impl Held {
    #[expect(clippy::disallowed_methods, reason = "a witness keeps all it sees")]
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let genesis = config::genesis("test", Keypair::from_seed([1; 32]).id());
        let started = Started::new(folder.path(), [1; 32], genesis, 1 << 20).await;
        let Started { mut driver, inlets, responder, let_through, begins } = started;
        let (witness, seen) = mpsc::unbounded_channel();
        driver.outbox = Outbox::new(driver.journal.durable(), Witness(witness));
        Self { driver, inlets, responder, let_through, _begins: begins, seen, _folder: folder }
    }

    async fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.driver.perform(effect).await.unwrap();
        }
    }

    fn query(&self, to: u8) -> Effect {
        let query = Query { sequence: 1, job: None, standing: false };
        let message = Signed::seal(query, &Keypair::from_seed([1; 32]), self.driver.network_id).into();
        Effect::Send { to: PeerId([to; 32]), message }
    }

    fn offer(&self) -> Effect {
        let offer = Offer {
            sequence: 1,
            valid_until: assay_protocol::units::Timestamp::NEVER,
            benches: vec![Bench {
                class: Digest::default(),
                machine: String::new(),
                device: String::new(),
                memory_free: 1 << 30,
                slots: 1,
                services: Vec::new(),
            }],
            notaries: Vec::new(),
            addresses: Vec::new(),
            reachability: Reachability::Unknown,
            standing: None,
        };
        Effect::Publish(Signed::seal(offer, &Keypair::from_seed([1; 32]), self.driver.network_id).into())
    }

    /// What has left by now, once every other task of this thread had its turn.
    async fn left(&mut self) -> Vec<String> {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let mut left = Vec::new();
        while let Ok(seen) = self.seen.try_recv() {
            left.push(seen);
        }
        left
    }
}

fn closed(job: u8) -> ClientRecord {
    let (job, receipt) = (Digest([job; 32]), Digest([job; 32]));
    let proven = Proven { outcome: Outcome::NotDrawn, claim: None, cost: Amount::ZERO };
    ClientRecord::Closed { job, receipt, proven }
}

fn save(job: u8) -> Effect {
    Effect::Save(Record::Client(Box::new(closed(job))))
}

#[tokio::test]
async fn nothing_leaves_before_the_disk_has_it_and_nothing_overtakes() {
    let mut held = Held::new().await;
    let first = held.query(10);
    held.perform(vec![first]).await;
    assert_eq!(held.left().await, ["send Query 10"], "what rests on nothing waits for nothing");

    let (second, third, offer) = (held.query(20), held.query(30), held.offer());
    let holder = Digest([9; 32]);
    let serve = Effect::Serve { holder, digest: Digest([7; 32]), to: PeerId([8; 32]) };
    let stop = Effect::Release { holder };
    held.perform(vec![save(1), second, serve, save(2), offer]).await;
    held.perform(vec![third, stop]).await;
    assert_eq!(held.left().await, [""; 0], "the disk has nothing yet");

    held.let_through.send(()).unwrap();
    held.let_through.send(()).unwrap();
    held.driver.journal.wait(2).await.unwrap();
    held.driver.outbox.flush(2).await;
    let expected = ["send Query 20", "serve 7 8", "publish", "send Query 30", "release 9"];
    assert_eq!(held.left().await, expected);
}

/// A copy that was asked for meanwhile would be said to be cut.
#[tokio::test]
async fn a_journal_is_said_to_have_no_more_entries_than_can_be_read() {
    let mut held = Held::new().await;
    let entry = rows::tick(0, &Keypair::from_seed([1; 32]), held.driver.network_id);
    held.perform(vec![Effect::Save(entry)]).await;
    let seen = |driver: &Driver| {
        let (_, total, records) = driver.published(0, 10);
        (total, records.count())
    };
    assert_eq!(seen(&held.driver), (0, 0), "the disk has nothing yet");
    held.let_through.send(()).unwrap();
    held.driver.journal.wait(1).await.unwrap();
    assert_eq!(seen(&held.driver), (1, 1));
}

#[tokio::test]
async fn a_burst_is_one_sync() {
    let mut held = Held::new().await;
    // The first record is alone in its batch; everything that queues during its sync is the second.
    let burst: Vec<Effect> = (1..=100).map(save).collect();
    held.perform(burst).await;
    held.let_through.send(()).unwrap();
    held.let_through.send(()).unwrap();
    let both = held.driver.journal.wait(100);
    tokio::time::timeout(WAIT_MAX, both).await.expect("two syncs are enough").unwrap();
}

#[tokio::test]
async fn nothing_leaves_once_the_disk_has_failed() {
    let mut held = Held::new().await;
    let query = held.query(10);
    held.perform(vec![save(1), query]).await;
    let (let_through, _) = std::sync::mpsc::channel();
    drop(std::mem::replace(&mut held.let_through, let_through));
    assert!(held.driver.journal.wait(1).await.is_err());
    assert_eq!(held.left().await, [""; 0]);
    let ended = held.driver.run(held.inlets).await;
    assert!(ended.is_err(), "the loop ends with the journal");
}

#[tokio::test]
async fn rows_follow_the_disk() {
    let mut held = Held::new().await;
    held.perform(vec![save(5)]).await;
    held.driver.settle(Ok(0), true).unwrap();
    assert_eq!(held.driver.indexing.receipt(&Digest([5; 32])), None);
    held.let_through.send(()).unwrap();
    held.driver.journal.wait(1).await.unwrap();
    held.driver.settle(Ok(1), true).unwrap();
    assert_eq!(held.driver.indexing.receipt(&Digest([5; 32])), Some(Digest([5; 32])));
    assert_eq!(held.driver.indexing.sequence().unwrap(), 1);
}

#[tokio::test]
async fn a_watcher_that_is_too_slow_is_told_how_much_it_missed() {
    let mut held = Held::new().await;
    let mut updates = WatchUpdates::default().respond(&held.responder).await.unwrap();
    let seen =
        |number: usize| Event::OfferSeen { provider: PeerId([u8::try_from(number % 256).unwrap(); 32]) };
    for number in 0..opening::UPDATES_MAX + 5 {
        held.driver.tell(seen(number));
    }
    let missed = updates.next().await.unwrap().unwrap();
    assert!(matches!(missed, Update::Missed { updates: 5 }), "{missed:?}");
    for number in 5..opening::UPDATES_MAX + 5 {
        let update = updates.next().await.unwrap().unwrap();
        assert!(matches!(update, Update::Event(dated) if dated.event == seen(number)));
    }
    drop(held);
    assert!(updates.next().await.is_none(), "it ends with the loop");
}

#[tokio::test]
async fn the_loop_does_nothing_for_a_call_that_nobody_waits_for() {
    let mut held = Held::new().await;
    let (told, mut heard) = mpsc::channel(2);
    let visit = |name: &'static str| {
        let (responder, told) = (held.responder.clone(), told.clone());
        async move { responder.look(move |_| told.try_send(name).unwrap()).await }
    };
    let dropped = tokio::spawn(visit("dropped"));
    tokio::task::yield_now().await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    let waiting = tokio::spawn(visit("waiting"));
    for _ in 0..2 {
        let next = held.inlets.visits.recv().await.unwrap();
        next(&mut held.driver).await.unwrap();
    }
    waiting.await.unwrap().unwrap();
    assert_eq!((heard.try_recv(), heard.try_recv().is_err()), (Ok("waiting"), true));
}
