//! A log on a full disk, and a log whose reader has seen enough after one line, at every role: the daemon goes on, its part
//! of a job is done, and it ends when it is asked to; only what could not be written makes that a failure.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use assay_market::view::AttemptState;
use assay_peer::handle::{ShowStatus, Shutdown};

use crate::{stand_in::StandIn, town::Town};

/// Has a daemon say all that it can, there.
fn says_all(out: Stdio, aside: Stdio) -> impl FnOnce(&mut Command) {
    move |command: &mut Command| {
        command.env("ASSAY_LOG", "trace").stdout(out).stderr(aside);
    }
}

/// Lets each role go on with such a log in turn, and has a job done meanwhile.
async fn goes_on_at_every_role(code: i32, begin: impl Fn(&Town, &str, &str) -> StandIn) {
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
        assert_eq!(mute.wait(), Some(code), "{name}");
        town.network.restart(name).await.unwrap();
    }
    town.check_books().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_log_that_cannot_be_written_stops_no_role() {
    let full = || Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    // In the end it says, to whoever started it, that what it said is lost.
    goes_on_at_every_role(1, |town, name, address| {
        StandIn::begin(town, name, address, says_all(full(), full()))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_log_whose_reader_has_seen_enough_stops_no_role() {
    goes_on_at_every_role(0, |town, name, address| {
        let (read, write) = std::io::pipe().unwrap();
        let saying = says_all(write.try_clone().unwrap().into(), write.into());
        let mute = StandIn::begin(town, name, address, saying);
        let mut line = String::new();
        BufReader::new(read).read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "{name}");
        mute
    })
    .await;
}
