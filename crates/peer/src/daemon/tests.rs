//! How a daemon begins and ends: with the best snapshot that is of its journal, and with the first part that fails.

use std::future::pending;

use assay_protocol::id::Digest;

use super::*;
use crate::{
    driver::snapshotting_tests::{Filled, LAST, damage},
    journal::{Base, PART_RECORDS},
};

#[test]
fn a_start_goes_on_from_the_last_snapshot_that_is_of_this_journal() {
    let filled = Filled::new(false);
    filled.make_both();
    let snapshots = filled.snapshots();
    let [first, second] =
        [PART_RECORDS, 2 * PART_RECORDS].map(|record| snapshots.read(record).unwrap().unwrap());
    let (home, path) = (filled.home.clone(), filled.path(2 * PART_RECORDS));
    filled.journal.close().unwrap();
    let records = |home: &Home| examine(home).map(|examined| examined.records);
    assert_eq!(records(&home).unwrap(), LAST);
    damage(&path);
    assert_eq!(records(&home).unwrap(), LAST, "the one before it is whole");
    let elsewhere = |base: Base| Base { digest: Digest([3; 32]), ..base };
    snapshots.write(&elsewhere(second.base), &second.body).unwrap();
    assert_eq!(records(&home).unwrap(), LAST, "the last is of another journal");
    snapshots.write(&elsewhere(first.base), &first.body).unwrap();
    let refused = records(&home);
    assert!(matches!(refused, Err(DaemonError::Journal(OpenError::NoBeginning { .. }))), "{refused:?}");
    snapshots.write(&first.base, &first.body).unwrap();
    assert_eq!(records(&home).unwrap(), LAST);
}

#[tokio::test]
async fn a_part_that_fails_ends_a_daemon_whose_loop_goes_on() {
    let watchdog = Watchdog::default();
    let mut running = tokio::spawn(pending());
    let guard = watchdog.guard("network");
    tokio::spawn(async move {
        let _guard = guard;
        panic!("a fault");
    });
    let ended = until_ended(&mut running, pending(), (pending(), &watchdog)).await;
    assert_eq!(ended.unwrap_err().to_string(), "the network of the daemon failed by a fault of this program");
}

#[tokio::test]
async fn a_loop_that_panics_is_a_fault_and_one_that_was_told_to_end_is_none() {
    let watchdog = Watchdog::default();
    let mut panics = tokio::spawn(async { panic!("a fault") });
    let ended = until_ended(&mut panics, pending(), (pending(), &watchdog)).await;
    assert!(matches!(ended, Err(DaemonError::Fault { part: "loop" })), "{ended:?}");
    let (end, ending) = oneshot::channel();
    let mut running =
        tokio::spawn(
            async move { ending.await.map_err(|_| Ended::Broken(Broken { reason: "lost".into() })) },
        );
    until_ended(&mut running, async { end.send(()).unwrap() }, (pending(), &watchdog)).await.unwrap();
}

#[tokio::test]
async fn a_home_that_is_gone_ends_a_daemon_before_its_loop_has_the_last_word() {
    let watchdog = Watchdog::default();
    let mut running = tokio::spawn(async { Ok(()) });
    let gone = std::future::ready(PathBuf::from("home"));
    let ended = until_ended(&mut running, pending(), (gone, &watchdog)).await;
    assert!(matches!(ended, Err(DaemonError::HomeGone { .. })), "{ended:?}");
    running.await.unwrap().unwrap();
}
