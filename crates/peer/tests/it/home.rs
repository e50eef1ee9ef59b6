//! Homes of whole peers, and daemons in them.
//!
//! **Invariant:** nothing sleeps; a daemon is used once it says that it is ready, and has ended when its home is left.

use std::{path::PathBuf, time::Duration};

use assay_peer::{
    config::{self, Contact, Home, NetworkFile},
    daemon::{Daemon, DaemonError, Options, Ready},
    executor::Conduct,
    handle::{Handle, KeepFile},
};
use assay_protocol::{
    genesis::Genesis,
    id::{Digest, PeerId},
    manifest::{Manifest, Meter, Policy, WorkPerMeter},
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle, time::timeout};

use crate::world::id;

/// How long anything may take on a busy machine.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(240);

/// A runner and its model, from this repository.
pub(crate) const PURE: &[u8] = include_bytes!("../../../../runners/pure/pure.wasm");

/// A home in a folder of its own.
pub(crate) struct House {
    pub(crate) home: Home,
    _folder: TempDir,
}

/// A daemon that runs.
pub(crate) struct Running {
    pub(crate) ready: Ready,
    pub(crate) handle: Handle,
    task: JoinHandle<Result<(), DaemonError>>,
    stop: oneshot::Sender<()>,
}

/// The digits, computed wholly inside WebAssembly.
pub(crate) fn pure() -> Manifest {
    Manifest {
        name: "pure-digits".to_owned(),
        runner: Digest::of(PURE),
        model: Digest::of(b""),
        params: "{\"labels\":[\"0\",\"1\",\"2\",\"3\",\"4\",\"5\",\"6\",\"7\",\"8\",\"9\"]}".to_owned(),
        policy: Policy::Exact,
        meter: Meter::MegaFuel,
        work: WorkPerMeter { mega_fuel: 1, ..WorkPerMeter::default() },
        work_most: 1_000_000,
        memory_bytes: 1 << 26,
        licence: "CC-BY-4.0".to_owned(),
    }
}

/// A network of one notary that pins the digits.
pub(crate) fn genesis(notary: PeerId) -> Genesis {
    Genesis { notaries: vec![notary], manifests: vec![pure()], ..config::genesis("test", notary) }
}

pub(crate) fn worker() -> PathBuf {
    env!("CARGO_BIN_EXE_peer-worker").into()
}

impl House {
    /// The home of the peer with this seed, in a network.
    pub(crate) fn new(seed: u8, genesis: Genesis, contacts: Vec<Contact>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        assert_eq!(home.create_key_from([seed; 32]).unwrap(), id(seed));
        std::fs::write(home.network(), NetworkFile { genesis, contacts }.to_toml()).unwrap();
        Self { home, _folder: folder }
    }

    pub(crate) fn options(&self) -> Options {
        Options {
            listen: Some(vec!["/ip4/127.0.0.1/tcp/0".to_owned()]),
            alone: true,
            ..Options::new(worker())
        }
    }

    pub(crate) async fn start(&self) -> Running {
        self.start_as(Conduct::Honest).await
    }

    pub(crate) async fn start_as(&self, conduct: Conduct) -> Running {
        self.start_with(Options { conduct, ..self.options() }).await
    }

    pub(crate) async fn start_with(&self, options: Options) -> Running {
        let (told, ready) = oneshot::channel();
        let (stop, stopped) = oneshot::channel();
        let options = Options { ready: Some(told), stop: Some(stopped), ..options };
        let task = tokio::spawn(Daemon::run(self.home.clone(), options));
        let Ok(ready) = timeout(WAIT_MAX, ready).await.expect("ready in time") else {
            panic!("the daemon did not start: {:?}", task.await);
        };
        let handle = Handle::connect(&self.home).await.unwrap();
        Running { ready, handle, task, stop }
    }
}

impl Running {
    /// Puts the runner of the digits into the store.
    pub(crate) async fn keep_runner(&self, house: &House) {
        let path = house.home.root().join("pure.wasm");
        std::fs::write(&path, PURE).unwrap();
        assert_eq!(self.handle.call(KeepFile { path }).await.unwrap(), pure().runner);
    }

    /// Ends the daemon as a signal would.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(WAIT_MAX, self.task).await.expect("ends in time").unwrap().unwrap();
    }

    /// The same of one that may have ended by itself, whatever it says of that.
    pub(crate) async fn stopped_anyhow(self) {
        _ = self.stop.send(());
        drop(timeout(WAIT_MAX, self.task).await.expect("ends in time").unwrap());
    }

    /// Waits for a daemon that was told to end.
    pub(crate) async fn ended(self) {
        timeout(WAIT_MAX, self.task).await.expect("ends in time").unwrap().unwrap();
    }

    /// Waits for a daemon that ends by itself, and says why it did.
    pub(crate) async fn failed(self) -> DaemonError {
        timeout(WAIT_MAX, self.task).await.expect("ends in time").unwrap().unwrap_err()
    }

    pub(crate) fn contact(&self) -> Contact {
        Contact { peer: self.ready.peer, addresses: self.ready.addresses.clone() }
    }
}
