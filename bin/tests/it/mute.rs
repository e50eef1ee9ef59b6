//! A log on a full disk, and a log whose reader has seen enough after one line, at every role: the daemon goes on, its part
//! of a job is done, and it ends when it is asked to; only what could not be written makes that a failure.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use assay_market::view::AttemptState;
use assay_peer::handle::{ShowStatus, Shutdown};

use crate::{assay::BINARY, town::Town};

/// The longest that a daemon may take.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
const LOOK_STEP: Duration = Duration::from_millis(50);

/// A daemon that ends with the test, however that ends.
struct Mute(Child);

impl Drop for Mute {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Mute {
    /// One that says all that it can, in the place of a peer that was killed, where that listened.
    fn begin(town: &Town, name: &str, address: &str, out: Stdio, aside: Stdio) -> Self {
        let mut command = Command::new(BINARY);
        command.args(["up", "--listen", address]).env_clear().env("ASSAY_LOG", "trace");
        command.env("ASSAY_HOME", town.network.peer(name).home.root()).stdin(Stdio::null());
        Self(command.stdout(out).stderr(aside).spawn().unwrap())
    }

    /// Waits until it is among the others again.
    async fn is_back(&mut self, town: &Town, name: &str) {
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
}

/// Lets each role go on with such a log in turn, and has a job done meanwhile.
async fn goes_on_at_every_role(code: i32, begin: impl Fn(&Town, &str, &str) -> Mute) {
    let mut town = Town::start().await;
    let names: Vec<&str> = town.network.peers().iter().map(|peer| peer.name).collect();
    for name in names {
        let status = town.network.peer(name).connect().await.unwrap().call(ShowStatus).await.unwrap();
        town.network.kill(name);
        let mut mute = begin(&town, name, &status.addresses[0]);
        mute.is_back(&town, name).await;
        let key = town.submit().await;
        let job = town.end_of(key).await;
        let is_paid = |state| matches!(state, AttemptState::Closed(outcome) if outcome.is_paid());
        assert!(job.attempts.iter().any(|attempt| is_paid(attempt.state)), "{name}: {job:?}");
        town.network.peer(name).connect().await.unwrap().call(Shutdown).await.unwrap();
        assert_eq!(mute.0.wait().unwrap().code(), Some(code), "{name}");
        town.network.restart(name).await.unwrap();
    }
    town.check_books().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_log_that_cannot_be_written_stops_no_role() {
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    // In the end it says, to whoever started it, that what it said is lost.
    goes_on_at_every_role(1, |town, name, address| Mute::begin(town, name, address, full(), full())).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_log_whose_reader_has_seen_enough_stops_no_role() {
    goes_on_at_every_role(0, |town, name, address| {
        let (read, write) = std::io::pipe().unwrap();
        let mute = Mute::begin(town, name, address, write.try_clone().unwrap().into(), write.into());
        let mut line = String::new();
        BufReader::new(read).read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "{name}");
        mute
    })
    .await;
}
