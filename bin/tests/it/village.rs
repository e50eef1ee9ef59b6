//! A network of whole daemons in this process, each on a disk of its own that fails as it is told to.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use assay_cli::{
    Bundle,
    commands::demo::network::{DemoNetwork, DemoPeer},
};
use assay_peer::{
    blobs::Blobs,
    daemon::{Daemon, DaemonError, Options},
    disk::HomeDisk,
};
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

use crate::{
    assay::BINARY,
    brittle::{Brittle, Lot, Trouble},
    load::{LOOK_STEP, Load, PATIENCE, honest},
};

/// How long a peer may take to the change that fails before there is one more job, and how many those are at most; then it
/// is ended all the same.
const IDLE: Duration = Duration::from_millis(750);
const JOBS_MAX: u64 = 6;
/// Changes up to which one fails.
pub(crate) const CHANGES_MAX: u64 = 40;
/// Bytes of blobs that a home may hold.
const BLOB_BYTES: u64 = 1 << 30;

/// A network of daemons in this process, each on a disk of its own.
pub(crate) struct Village {
    pub(crate) load: Load,
    disks: Vec<(Arc<Brittle>, HomeDisk)>,
    listen: Vec<String>,
    daemons: Vec<Option<Life>>,
}

/// A daemon that runs.
struct Life {
    task: JoinHandle<Result<(), DaemonError>>,
    stop: oneshot::Sender<()>,
}

impl Village {
    pub(crate) async fn start() -> Self {
        let network = DemoNetwork::found(Path::new(BINARY), &honest()).unwrap();
        let listen = network.peers().iter().map(|peer| peer.listen().to_owned());
        let (listen, count) = (listen.collect(), network.peers().len());
        let mut village = Self {
            load: Load::new(network),
            disks: (0..count).map(|_| Brittle::new()).collect(),
            listen,
            daemons: (0..count).map(|_| None).collect(),
        };
        for place in 0..count {
            let blobs = Blobs::open(&village.load.network.peers()[place].home.blobs(), BLOB_BYTES).unwrap();
            for bundle in Bundle::all() {
                for part in [bundle.runner, bundle.model] {
                    blobs.put(part).unwrap();
                }
            }
            drop(blobs);
            village.begin(place).await.unwrap();
        }
        village.load.open_market().await;
        village
    }

    /// How many peers there are.
    pub(crate) fn count(&self) -> usize {
        self.daemons.len()
    }

    pub(crate) fn peer(&self, place: usize) -> &DemoPeer {
        &self.load.network.peers()[place]
    }

    pub(crate) fn disk(&self, place: usize) -> &Brittle {
        &self.disks[place].0
    }

    /// Starts a daemon and waits until it takes requests.
    pub(crate) async fn begin(&mut self, place: usize) -> Result<(), DaemonError> {
        self.begin_with(place, false).await
    }

    /// The same, perhaps without the end of its journal. What listened before may need a moment to let go of its port.
    pub(crate) async fn begin_with(
        &mut self,
        place: usize,
        accept_lost_tail: bool,
    ) -> Result<(), DaemonError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.try_to_begin(place, accept_lost_tail).await {
                Err(DaemonError::Network(_)) if Instant::now() < deadline => {
                    tokio::time::sleep(LOOK_STEP).await;
                }
                begun => return begun,
            }
        }
    }

    async fn try_to_begin(&mut self, place: usize, accept_lost_tail: bool) -> Result<(), DaemonError> {
        let home = self.load.network.peers()[place].home.clone();
        let ((told, ready), (stop, stopped)) = (oneshot::channel(), oneshot::channel());
        let options = Options {
            listen: Some(vec![self.listen[place].clone()]),
            disk: self.disks[place].1.clone(),
            ready: Some(told),
            stop: Some(stopped),
            accept_lost_tail,
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

    /// Orders trouble for a change to come, has the peer busy, and waits for its end; it is ended if it does not by itself,
    /// or goes on although it met the trouble. Says how it ended.
    pub(crate) async fn strike(
        &mut self,
        place: usize,
        trouble: Trouble,
        lot: &mut Lot,
    ) -> Result<(), DaemonError> {
        self.strike_at(place, trouble, 1 + lot.below(CHANGES_MAX), JOBS_MAX).await
    }

    /// The same for the change of this number from now on, and with at most so many jobs.
    pub(crate) async fn strike_at(
        &mut self,
        place: usize,
        trouble: Trouble,
        change: u64,
        jobs_max: u64,
    ) -> Result<(), DaemonError> {
        self.load.breathe().await;
        self.load.submit().await;
        self.disk(place).order(change, trouble);
        let Life { mut task, stop } = self.daemons[place].take().unwrap();
        for _ in 0..jobs_max {
            self.load.submit().await;
            if let Ok(ended) = timeout(IDLE, &mut task).await {
                return ended.unwrap();
            }
            if self.disk(place).has_struck() {
                break;
            }
        }
        stop.send(()).unwrap_or(());
        timeout(PATIENCE, task).await.expect("ends in time").unwrap()
    }

    /// Ends a daemon in good order.
    pub(crate) async fn stop(&mut self, place: usize) {
        let Life { task, stop } = self.daemons[place].take().unwrap();
        stop.send(()).unwrap_or(());
        timeout(PATIENCE, task).await.expect("ends in time").unwrap().unwrap();
    }

    pub(crate) async fn end(mut self) {
        for place in 0..self.count() {
            if self.daemons[place].is_some() {
                self.stop(place).await;
            }
        }
    }
}
