//! A daemon of another manner in the place of a peer of a town.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use assay_peer::handle::ShowStatus;

use crate::{
    assay::{BINARY, assay},
    town::Town,
};

/// The longest that a daemon may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
const LOOK_STEP: Duration = Duration::from_millis(50);

/// A daemon that ends with the test, however that ends.
pub(crate) struct StandIn(Child);

impl Drop for StandIn {
    fn drop(&mut self) {
        self.kill();
    }
}

impl StandIn {
    /// One that is started so, in the place of a peer that was killed, where that listened.
    pub(crate) fn begin(town: &Town, name: &str, address: &str, change: impl FnOnce(&mut Command)) -> Self {
        Self::spawn(town.network.peer(name).home.root(), &["--listen", address], change)
    }

    /// The daemon of any home, once it takes calls; it listens there, or where it usually would.
    pub(crate) fn of(home: &Path, address: Option<&str>) -> Self {
        let listens = address.map_or_else(Vec::new, |address| vec!["--listen", address]);
        let mut daemon = Self::spawn(home, &listens, |command| {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        });
        let deadline = Instant::now() + PATIENCE;
        while assay(home, &["status", "--no-start"]).status != Some(0) {
            assert_eq!(daemon.0.try_wait().unwrap(), None, "it ended by itself");
            assert!(Instant::now() < deadline, "it takes no calls");
            thread::sleep(LOOK_STEP);
        }
        daemon
    }

    fn spawn(home: &Path, listens: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(BINARY);
        command.arg("up").args(listens).env_clear().env("ASSAY_HOME", home).stdin(Stdio::null());
        change(&mut command);
        Self(command.spawn().unwrap())
    }

    /// Waits until it is among the others again.
    pub(crate) async fn is_back(&mut self, town: &Town, name: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            assert_eq!(self.0.try_wait().unwrap(), None, "{name} ended by itself");
            if let Ok(handle) = town.network.peer(name).connect().await
                && let Ok(status) = handle.call(ShowStatus).await
                && !status.neighbours.is_empty()
            {
                return;
            }
            assert!(Instant::now() < deadline, "{name} does not come back");
            tokio::time::sleep(LOOK_STEP).await;
        }
    }

    /// Waits for its end, and gives its exit status.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }

    /// Kills it the way the system does, without a word.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
