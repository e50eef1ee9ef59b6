//! Disks that run full, fail or write less under whole daemons in every role, and journals that were cut, flipped, put back,
//! swapped or deleted: a daemon goes on, or ends and says why, and nobody loses by it who did not accept that.

use std::{fs, path::Path};

use assay_cli::commands::demo::plan::Duty;
use assay_peer::{daemon::DaemonError, journal::OpenError};

use crate::{
    brittle::{Lot, Trouble},
    load::{ASKED, copy, number},
    village::{CHANGES_MAX, Village},
};

/// How often each trouble comes over each peer.
const ROUNDS: u64 = 2;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_disk_that_fails_ends_a_daemon_with_a_word_or_not_at_all() {
    let (mut village, mut lot) = (Village::start().await, Lot(3));
    let mut ends = 0;
    for _ in 0..ROUNDS {
        for trouble in [Trouble::Full, Trouble::Fault, Trouble::Short] {
            for place in 0..village.count() {
                let ended = village.strike(place, trouble, &mut lot).await;
                let name = village.peer(place).name;
                assert!(
                    matches!(ended, Ok(()) | Err(DaemonError::Broken(_))),
                    "{name}, {trouble:?}: {ended:?}"
                );
                ends += u64::from(ended.is_err());
                village.disk(place).mend();
                village.begin(place).await.unwrap_or_else(|error| panic!("{name}, {trouble:?}: {error}"));
            }
        }
    }
    let (jobs, paid) = village.load.check().await;
    println!("{ends} daemons ended by their disks, over {jobs} jobs of which {paid} were paid");
    assert!(ends > 0, "no disk failed a journal");
    village.end().await;
}

/// Set to a number, every so manieth change fails in turn.
const STEP: &str = "ASSAY_STEP";
/// The same otherwise.
const CHANGES_STEP: u64 = 3;
/// Jobs within which a change has to come: one of four providers runs each.
const JOBS_MAX: u64 = 30;

/// The changes of a few jobs' lives, one after another: of a notary, a client, and two that provide and check.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_disk_that_runs_full_at_any_change_of_a_job_ends_a_daemon_with_a_word_or_not_at_all() {
    let (mut village, step) = (Village::start().await, number(STEP).unwrap_or(CHANGES_STEP));
    for name in ["nora", "you", "ada", "ben"] {
        let place = (0..village.count()).find(|place| village.peer(*place).name == name).unwrap();
        let (mut ends, mut struck) = (0, 0);
        for change in (1..=CHANGES_MAX).step_by(step as usize) {
            // Before that a notary changes nothing.
            village.load.notary_signs().await;
            let ended = village.strike_at(place, Trouble::Full, change, JOBS_MAX).await;
            let told = matches!(ended, Ok(()) | Err(DaemonError::Broken(_)));
            assert!(told, "{name}, change {change}: {ended:?}");
            ends += u64::from(ended.is_err());
            let has_struck = village.disk(place).has_struck();
            struck += u64::from(has_struck);
            village.disk(place).mend();
            village.begin(place).await.unwrap_or_else(|error| panic!("{name}, change {change}: {error}"));
            if !has_struck {
                // As many jobs change no more than that.
                break;
            }
        }
        println!("{name}: {struck} changes found the disk full, {ends} times the daemon ended by it");
        assert!(ends > 0, "{name} ended by none");
    }
    let (jobs, paid) = village.load.check().await;
    println!("{jobs} jobs, of which {paid} were paid");
    village.end().await;
}

/// What somebody does to a journal.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Cut,
    Flipped,
    PutBack,
    Swapped,
    Deleted,
}

/// Does it to the journal of a stopped peer, with an older copy of it, or with another one's, at hand.
fn harm(journal: &Path, harm: Harm, older: &Path, others: &Path) {
    let mut parts: Vec<_> = fs::read_dir(journal).unwrap().map(|file| file.unwrap().path()).collect();
    parts.retain(|path| path.extension().is_some_and(|end| end == "records"));
    parts.sort();
    let last = parts.pop().unwrap();
    let mut bytes = fs::read(&last).unwrap();
    let put = |from: &Path| {
        fs::remove_dir_all(journal).unwrap();
        copy(from, journal).unwrap();
    };
    match harm {
        Harm::Cut => fs::write(last, &bytes[..bytes.len() - 40]).unwrap(),
        Harm::Flipped => {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(last, bytes).unwrap();
        }
        Harm::PutBack => put(older),
        Harm::Swapped => put(others),
        Harm::Deleted => fs::remove_dir_all(journal).unwrap(),
    }
}

fn is_told(harm: Harm, refused: &Result<(), DaemonError>) -> bool {
    let Err(DaemonError::Journal(error)) = refused else { return false };
    match harm {
        Harm::Cut | Harm::PutBack | Harm::Deleted => matches!(error, OpenError::LostTail { .. }),
        Harm::Flipped => matches!(error, OpenError::Damaged { .. }),
        Harm::Swapped => matches!(error, OpenError::Foreign { .. }),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_journal_that_was_harmed_is_refused_by_every_role_and_mends_by_its_copy() {
    let mut village = Village::start().await;
    for place in 0..village.count() {
        let (name, folder) = (village.peer(place).name, tempfile::tempdir().unwrap());
        let (journal, is_notary) =
            (village.peer(place).home.journal(), village.peer(place).duty == Duty::Notary);
        let others = village.peer((place + 1) % village.count()).home.journal();
        let (older, whole) = (folder.path().join("older"), folder.path().join("whole"));
        village.stop(place).await;
        copy(&journal, &older).unwrap();
        village.begin(place).await.unwrap();
        if village.peer(place).duty == Duty::Provider {
            // Whoever gets the next job, this peer has something to write down.
            village.peer(place).provide(ASKED).await.unwrap();
        }
        village.load.submit().await;
        village.load.all_end().await;
        village.stop(place).await;
        copy(&journal, &whole).unwrap();
        for what in [Harm::Cut, Harm::Flipped, Harm::PutBack, Harm::Swapped, Harm::Deleted] {
            harm(&journal, what, &older, &others);
            let refused = village.begin(place).await;
            assert!(is_told(what, &refused), "{name}, {what:?}: {refused:?}");
            if is_notary {
                let refused = village.begin_with(place, true).await;
                assert!(matches!(refused, Err(DaemonError::Forgetful)), "{what:?}: {refused:?}");
            }
            drop(fs::remove_dir_all(&journal));
            copy(&whole, &journal).unwrap();
        }
        village.begin(place).await.unwrap();
    }
    for place in 0..village.count() {
        // A notary never goes on without its end, and a client's own jobs are what it would accept to lose.
        if village.peer(place).duty == Duty::Notary || village.peer(place).name == "you" {
            continue;
        }
        village.stop(place).await;
        harm(&village.peer(place).home.journal(), Harm::Flipped, Path::new(""), Path::new(""));
        village.begin_with(place, true).await.unwrap();
        village.load.submit().await;
    }
    village.load.check().await;
    village.end().await;
}
