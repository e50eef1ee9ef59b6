//! Power cuts under load: whichever peer loses its power at whichever change of its disk, what it had acknowledged is
//! there when it starts again; every job ends, nothing is paid twice, the audit is clean and no honest stake is touched.
//!
//! Each peer is a whole daemon on a disk that forgets what was not synced. After a cut its index is perhaps gone or
//! garbage too: that is a database of its own, and its files are not watched.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use assay_cli::{
    Bundle,
    commands::demo::{
        network::DemoNetwork,
        plan::{Duty, PARTS, PRICE, Part, STAKE},
    },
};
use assay_market::view::{AttemptState, SubmissionView};
use assay_peer::{
    blobs::Blobs,
    config::NetworkFile,
    daemon::{Daemon, DaemonError, Options},
    disk::HomeDisk,
    handle::{ListJobs, ListOffers},
};
use assay_protocol::{id::Digest, units::Amount};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

use crate::{
    assay::BINARY,
    brittle::{Brittle, Lot, Trouble},
    town::closed_books,
};

/// The longest that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a peer may change nothing before its cut comes all the same.
const IDLE: Duration = Duration::from_secs(3);
/// Between two looks.
const LOOK_STEP: Duration = Duration::from_millis(50);
/// Bytes of blobs that a home may hold.
const BLOB_BYTES: u64 = 1 << 30;
/// Set to numbers, these choose how many cuts there are, and what chance decides.
const CUTS: &str = "ASSAY_CUTS";
const SEED: &str = "ASSAY_SEED";

/// A network of daemons in this process, each on a disk of its own.
struct Village {
    network: DemoNetwork,
    disks: Vec<(Arc<Brittle>, HomeDisk)>,
    listen: Vec<String>,
    daemons: Vec<Option<Life>>,
    submitted: BTreeSet<Digest>,
}

/// A daemon that runs.
struct Life {
    task: JoinHandle<Result<(), DaemonError>>,
    stop: oneshot::Sender<()>,
}

impl Village {
    async fn start() -> Self {
        let honest: Vec<Part> = PARTS.into_iter().filter(|part| part.duty != Duty::Cheat).collect();
        let network = DemoNetwork::found(Path::new(BINARY), &honest).unwrap();
        let notary = NetworkFile::read(&network.file()).unwrap().contacts.remove(0).addresses.remove(0);
        let listen = network.peers().iter().map(|peer| {
            let free = || TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
            if peer.duty == Duty::Notary { notary.clone() } else { format!("/ip4/127.0.0.1/tcp/{}", free()) }
        });
        let (listen, count) = (listen.collect(), network.peers().len());
        let mut village = Self {
            network,
            disks: (0..count).map(|_| Brittle::new()).collect(),
            listen,
            daemons: (0..count).map(|_| None).collect(),
            submitted: BTreeSet::new(),
        };
        for place in 0..count {
            let blobs = Blobs::open(&village.network.peers()[place].home.blobs(), BLOB_BYTES).unwrap();
            for bundle in Bundle::all() {
                for part in [bundle.runner, bundle.model] {
                    blobs.put(part).unwrap();
                }
            }
            drop(blobs);
            village.begin(place).await.unwrap();
        }
        village.network.peer("you").account().await.unwrap();
        for peer in village.network.peers().iter().filter(|peer| peer.duty == Duty::Provider) {
            peer.provide(Amount(PRICE.0 / 50)).await.unwrap();
        }
        village.offers_are_known().await;
        village
    }

    /// Waits until the client knows an offer.
    async fn offers_are_known(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.network.peer("you").connect().await.unwrap().call(ListOffers).await.unwrap().is_empty() {
            assert!(Instant::now() < deadline, "no offer is heard of");
            tokio::time::sleep(LOOK_STEP).await;
        }
    }

    /// Starts a daemon and waits until it takes requests. What listened before may need a moment to let go of its port.
    async fn begin(&mut self, place: usize) -> Result<(), DaemonError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.try_to_begin(place).await {
                Err(DaemonError::Network(_)) if Instant::now() < deadline => {
                    tokio::time::sleep(LOOK_STEP).await;
                }
                begun => return begun,
            }
        }
    }

    async fn try_to_begin(&mut self, place: usize) -> Result<(), DaemonError> {
        let home = self.network.peers()[place].home.clone();
        let ((told, ready), (stop, stopped)) = (oneshot::channel(), oneshot::channel());
        let options = Options {
            listen: Some(vec![self.listen[place].clone()]),
            disk: self.disks[place].1.clone(),
            ready: Some(told),
            stop: Some(stopped),
            ..Options::new(BINARY.into())
        };
        let task = tokio::spawn(Daemon::run(home, options));
        match timeout(PATIENCE, ready).await.expect("ready in time") {
            Ok(_) => {
                self.daemons[place] = Some(Life { task, stop });
                Ok(())
            }
            Err(_) => task.await.unwrap(),
        }
    }

    /// Lets the power of a peer fail at a change to come, and starts it again on what its disk then holds.
    async fn cut(&mut self, place: usize, lot: &mut Lot) {
        let brittle = self.disks[place].0.clone();
        self.submit().await;
        brittle.order(1 + lot.below(40), Trouble::Power);
        self.submit().await;
        let Life { mut task, stop } = self.daemons[place].take().unwrap();
        let ended = if let Ok(ended) = timeout(IDLE, &mut task).await {
            ended.unwrap()
        } else {
            stop.send(()).unwrap_or(());
            timeout(PATIENCE, task).await.expect("ends in time").unwrap()
        };
        let name = self.network.peers()[place].name;
        // One that wrote nothing since ends as it was told to.
        assert!(matches!(ended, Ok(()) | Err(DaemonError::Broken(_))), "{name} ended otherwise: {ended:?}");
        brittle.forget(lot);
        spoil_index(&self.network.peers()[place].home.index(), lot);
        self.begin(place).await.unwrap_or_else(|error| panic!("{name} does not start again: {error}"));
    }

    /// Has one more picture read, if the client is there to ask.
    async fn submit(&mut self) {
        let sample = &Bundle::all()[0].samples[0];
        let submitted = timeout(PATIENCE, self.network.peer("you").submit(sample, None)).await.unwrap();
        self.submitted.extend(submitted);
    }

    /// Waits until every submission that was acknowledged has come to its end.
    async fn all_end(&self) -> Vec<SubmissionView> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let handle = self.network.peer("you").connect().await.unwrap();
            let jobs = handle.call(ListJobs).await.unwrap();
            let jobs: Vec<SubmissionView> = jobs.into_iter().map(|job| job.submission).collect();
            let known: BTreeSet<Digest> = jobs.iter().map(|job| job.key).collect();
            let lost: Vec<&Digest> = self.submitted.difference(&known).collect();
            assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
            if jobs.iter().all(|job| job.ended) {
                return jobs;
            }
            assert!(Instant::now() < deadline, "a job never ends: {:?}", jobs.iter().find(|job| !job.ended));
            tokio::time::sleep(LOOK_STEP).await;
        }
    }

    async fn check(&self) -> usize {
        self.offers_are_known().await;
        let (jobs, deadline) = (self.all_end().await, Instant::now() + PATIENCE);
        let mut paid = 0;
        for job in &jobs {
            let of_it = job.attempts.iter().filter(
                |attempt| matches!(attempt.state, AttemptState::Closed(outcome) if outcome.is_paid()),
            );
            let of_it = of_it.count();
            assert!(of_it <= 1, "paid twice: {job:?}");
            paid += of_it;
        }
        let books = closed_books(&self.network, deadline).await;
        assert!(paid > 0, "no job came to anything: {jobs:?}");
        for peer in self.network.peers().iter().filter(|peer| peer.duty == Duty::Provider) {
            let account = books.accounts.iter().find(|account| account.peer == peer.id).unwrap();
            assert!(account.stake >= STAKE, "{} lost stake: {account:?}", peer.name);
        }
        let audited = self.network.peer("you").audit().await.unwrap();
        assert_eq!((audited.divergence, audited.total), (None, audited.supply));
        paid
    }

    async fn end(mut self) {
        for life in self.daemons.iter_mut().filter_map(Option::take) {
            life.stop.send(()).unwrap_or(());
            timeout(PATIENCE, life.task).await.expect("ends in time").unwrap().unwrap();
        }
    }
}

/// What a power cut may leave of a database that was not watched: all, nothing, or garbage.
fn spoil_index(folder: &Path, lot: &mut Lot) {
    match lot.below(4) {
        0 => fs::remove_dir_all(folder).unwrap(),
        1 => fs::write(folder.join("db"), vec![lot.below(256) as u8; 8_192]).unwrap(),
        _ => {}
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Cuts the power so often, of a peer that the lot names.
async fn survives(cuts: u64, seed: u64) {
    let (cuts, seed) = (number(CUTS).unwrap_or(cuts), number(SEED).unwrap_or(seed));
    let (mut village, mut lot) = (Village::start().await, Lot(seed));
    eprintln!("{cuts} power cuts, {SEED}={seed}");
    for cut in 0..cuts {
        let place = lot.below(village.daemons.len() as u64) as usize;
        eprintln!("cut {cut} of {}", village.network.peers()[place].name);
        village.cut(place, &mut lot).await;
    }
    let paid = village.check().await;
    eprintln!("{} jobs, {paid} paid", village.submitted.len());
    village.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute or two"]
async fn no_power_cut_loses_what_was_acknowledged() {
    survives(10, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes the better part of an hour"]
async fn a_thousand_power_cuts_lose_nothing() {
    survives(1_000, 2).await;
}
