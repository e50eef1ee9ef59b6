//! A notary that is put back from a copy: it asks others what it said last, and signs nothing that it would say otherwise.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use assay_cli::commands::demo::network::DemoPeer;
use assay_peer::handle::ShowStatus;

use crate::{assay::assay, load::copy, town::Town};

/// The longest that a test waits for something.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks.
const LOOK_STEP: Duration = Duration::from_millis(50);

/// Puts what the peer must not forget back as it was in a copy.
fn put_back(copy_of: &Path, peer: &DemoPeer) {
    for folder in [peer.home.journal(), peer.home.index()] {
        fs::remove_dir_all(&folder).unwrap();
        copy(&copy_of.join(folder.file_name().unwrap()), &folder).unwrap();
    }
}

async fn entries(town: &Town) -> u64 {
    town.network.peer("nora").books().await.unwrap().head.sequence
}

async fn wait_for<F: Future<Output = bool>>(what: &str, is_so: impl Fn() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(LOOK_STEP).await;
    }
}

/// A notary whose journal and index are gone is none that begins: it hears what it has signed, and ends.
async fn loses_all(town: &mut Town) {
    town.network.kill("nora");
    let home = town.network.peer("nora").home.clone();
    [home.journal(), home.index()].iter().for_each(|folder| fs::remove_dir_all(folder).unwrap());
    town.network.restart("nora").await.unwrap();
    let nora = town.network.peer("nora");
    wait_for("the notary ends again", || async { nora.connect().await.is_err() }).await;
    let log = || async { fs::read_to_string(nora.home.log()).unwrap() };
    wait_for("it says that nothing is left", || async { log().await.contains("and holds 0 of them") }).await;
}

#[tokio::test]
async fn a_notary_from_an_older_copy_signs_nothing_and_one_from_the_last_goes_on() {
    let mut town = Town::start().await;
    town.network.kill("nora");
    let folder = tempfile::tempdir().unwrap();
    copy(town.network.peer("nora").home.root(), folder.path()).unwrap();
    town.network.restart("nora").await.unwrap();
    let begun = entries(&town).await;
    // Whoever is alive asks again and again, and is told where the journal ends.
    wait_for("the notary goes on", || async { entries(&town).await > begun + 4 }).await;
    let said = town.network.peer("you").account().await.unwrap().head.sequence;
    assert!(said > begun, "{said}");
    town.network.kill("nora");
    let newest = tempfile::tempdir().unwrap();
    copy(town.network.peer("nora").home.root(), newest.path()).unwrap();
    put_back(folder.path(), town.network.peer("nora"));
    town.network.restart("nora").await.unwrap();
    let nora = town.network.peer("nora");
    wait_for("the notary ends", || async { nora.connect().await.is_err() }).await;
    let log = || async { fs::read_to_string(nora.home.log()).unwrap() };
    // The log is written by a thread of its own, which nothing waits for.
    wait_for("it says why", || async { log().await.contains("it signed the head of a journal of") }).await;
    loses_all(&mut town).await;
    town.network.kill("nora");
    put_back(newest.path(), town.network.peer("nora"));
    town.network.restart("nora").await.unwrap();
    wait_for("the notary goes on", || async { entries(&town).await > said }).await;
    let you = town.network.peer("you").connect().await.unwrap().call(ShowStatus).await.unwrap();
    assert_eq!(you.forked, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_is_found_out_though_its_operator_says_that_it_is_alone() {
    let mut town = Town::start().await;
    town.network.kill("nora");
    let folder = tempfile::tempdir().unwrap();
    copy(town.network.peer("nora").home.root(), folder.path()).unwrap();
    town.network.restart("nora").await.unwrap();
    let begun = entries(&town).await;
    wait_for("the notary goes on", || async { entries(&town).await > begun + 4 }).await;
    let said = town.network.peer("you").account().await.unwrap().head.sequence;
    assert!(said > begun, "{said}");
    let status = town.network.peer("nora").connect().await.unwrap().call(ShowStatus).await.unwrap();
    assert_eq!(status.left_by, 0);
    town.network.kill("nora");
    put_back(folder.path(), town.network.peer("nora"));
    let home = town.network.peer("nora").home.root();
    let ended = assay(home, &["up", "--alone", "--listen", &status.addresses[0]]);
    assert_eq!(ended.status, Some(12), "{ended:?}");
    for said in ["it signed the head of a journal of", "this is an older copy", "nothing was signed"] {
        assert!(ended.stderr.contains(said), "{said}: {ended:?}");
    }
    let you = town.network.peer("you").connect().await.unwrap().call(ShowStatus).await.unwrap();
    assert_eq!(you.forked, [], "nobody has left it");
}
