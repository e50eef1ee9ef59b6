//! Receipts of real jobs, judged by a process that has nothing but the file.

use std::{collections::BTreeSet, fs, path::Path};

use assay_peer::config::NetworkFile;
use assay_protocol::{
    codec, draw,
    id::Digest,
    notice::{Checkpoint, Tick},
    receipt::{Happening, Receipt, Story, verify},
    signed::{Ed25519, Keypair, Signed},
    units::Timestamp,
};

use crate::{assay::assay, homes::Homestead, town::Town};

/// Bytes between two that are changed where each costs a process.
const STRIDE: usize = 293;
/// When the notary begins to tick of the receipts that lie with the law, in milliseconds.
const EPOCH_MILLIS: u64 = 1_800_000_000_000;
/// Statements in those receipts, by their place among the events, and how many ticks later they are too late: that the
/// provider gives up, that it claims the fee, the client's secret, what opens a claim and what opens a seal.
const LATE: [(&str, usize, u64); 5] =
    [("aborted", 0, 14), ("cancelled", 1, 6), ("not_drawn", 1, 6), ("checked", 6, 6), ("checked", 7, 6)];

#[tokio::test]
async fn a_receipt_holds_anywhere_and_no_byte_of_it_can_be_changed() {
    let town = Town::start().await;
    let key = town.submit().await;
    town.end_of(key).await;
    let bytes = town.network.peer("you").receipt(key).await.unwrap();
    let network = NetworkFile::read(&town.network.file()).unwrap().genesis.id().to_string();
    let notary = town.network.peer("nora").id.to_string();
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("network.toml");
    fs::copy(town.network.file(), &rules).unwrap();
    drop(town);

    let receipt = folder.path().join("receipt");
    fs::write(&receipt, &bytes).unwrap();
    let judge = |extra: &[&str]| {
        let arguments = ["receipt", "verify", "--json", receipt.to_str().unwrap()];
        assay(Path::new("/nowhere"), &[&arguments, extra].concat())
    };
    let document = judge(&[]).document();
    assert_eq!(document["label"], "checked");
    assert_eq!(document["pinned"], false);
    assert_eq!(
        (document["network"].as_str(), document["notary"].as_str()),
        (Some(&*network), Some(&*notary))
    );
    assert_eq!(judge(&["--network", rules.to_str().unwrap()]).document()["pinned"], true);

    reads_as_json_and_back(folder.path(), &receipt, &bytes);
    refuses_another_network(folder.path(), &receipt);
    refuses_every_change(&bytes);
    for place in (0..bytes.len()).step_by(STRIDE) {
        fs::write(&receipt, changed(&bytes, place)).unwrap();
        let refused = judge(&[]);
        assert_eq!(refused.status, Some(9), "byte {place}: {refused:?}");
        let error: serde_json::Value = serde_json::from_str(&refused.stderr).unwrap();
        assert!(error["error"]["details"]["step"].is_string(), "byte {place}: {error}");
    }
}

#[test]
fn a_statement_that_came_too_late_is_refused_for_that_alone_though_everything_is_signed_anew() {
    let folder = tempfile::tempdir().unwrap();
    for (name, statement, ticks) in LATE {
        let judge = |ticks: u64| {
            let file = folder.path().join(format!("{name}-{statement}-{ticks}"));
            fs::write(&file, later(name, statement, ticks).to_bytes()).unwrap();
            assay(Path::new("/nowhere"), &["receipt", "verify", file.to_str().unwrap()])
        };
        let in_time = judge(ticks - 1);
        assert_eq!(in_time.status, Some(0), "{name}, event {statement}: {in_time:?}");
        let late = judge(ticks);
        assert_eq!(late.status, Some(9), "{name}, event {statement}: {late:?}");
        assert!(late.stderr.contains("step \"in time\" fails"), "{name}, event {statement}: {late:?}");
    }
}

#[test]
fn no_daemon_is_started_for_what_is_no_file_and_cannot_be_the_name_of_a_job() {
    let homestead = Homestead::new(false);
    for arguments in
        [["receipt", "show", "nofile"], ["receipt", "export", "seven.receipt"], ["receipt", "show", ""]]
    {
        let refused = homestead.types(&arguments);
        assert_eq!(refused.status, Some(3), "{refused:?}");
        assert!(refused.stderr.contains("is no file, and nothing that a job"), "{refused:?}");
        assert_eq!(refused.stderr.lines().count(), 2, "{refused:?}");
    }
    assert!(!homestead.home.socket().exists() && !homestead.home.log().exists(), "a daemon was started");
    // What may be a name is asked of a daemon.
    let asked = homestead.types(&["receipt", "show", "3fa29c", "--no-start"]);
    assert_eq!(asked.status, Some(5), "{asked:?}");
}

/// The readable form proves the same, can be turned back, and cannot be changed.
fn reads_as_json_and_back(folder: &Path, receipt: &Path, bytes: &[u8]) {
    let nowhere = Path::new("/nowhere");
    let (view, copy) = (folder.join("receipt.json"), folder.join("copy"));
    let [receipt, view_name, copy_name] = [receipt, &view, &copy].map(|path| path.to_str().unwrap());
    let export = assay(nowhere, &["receipt", "export", receipt, "--readable", "-o", view_name]);
    assert_eq!(export.status, Some(0), "{export:?}");
    let judged = assay(nowhere, &["receipt", "verify", "--json", view_name]).document();
    assert_eq!(judged["label"], "checked");
    assay(nowhere, &["receipt", "export", view_name, "-o", copy_name]);
    assert_eq!(fs::read(&copy).unwrap(), bytes);
    let text = fs::read_to_string(&view).unwrap();
    let printed = assay(nowhere, &["receipt", "export", receipt, "--json"]);
    assert_eq!(printed.stdout, text);
    fs::write(&view, text.replacen("\"nonce\": 0", "\"nonce\": 1", 1)).unwrap();
    let refused = assay(nowhere, &["receipt", "verify", view_name]);
    assert_eq!(refused.status, Some(9), "{refused:?}");
}

fn refuses_another_network(folder: &Path, receipt: &Path) {
    let other = folder.join("other.toml");
    let genesis = assay_peer::config::genesis("other", assay_protocol::id::PeerId([1; 32]));
    fs::write(&other, assay_peer::config::to_documented_toml(&genesis, &[])).unwrap();
    let arguments = ["receipt", "verify", receipt.to_str().unwrap(), "--network", other.to_str().unwrap()];
    let refused = assay(Path::new("/nowhere"), &arguments);
    assert_eq!(refused.status, Some(9));
    assert!(refused.stderr.contains("step \"network\" fails"), "{refused:?}");
}

fn refuses_every_change(bytes: &[u8]) {
    for place in 0..bytes.len() {
        let judged =
            Receipt::from_bytes(&changed(bytes, place)).ok().map(|receipt| verify::<Ed25519>(&receipt));
        assert!(!matches!(judged, Some(Ok(_))), "byte {place} can be changed");
    }
}

fn changed(bytes: &[u8], place: usize) -> Vec<u8> {
    let mut copy = bytes.to_vec();
    copy[place] ^= 1 << (place % 8);
    copy
}

/// A receipt that lies with the law as if this statement and all behind it had come so many ticks later, signed by its notary.
fn later(name: &str, statement: usize, ticks: u64) -> Receipt {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/protocol/tests/golden/receipts");
    let file = Path::new(folder).join(format!("{name}.receipt"));
    let Receipt { mut story, .. } = Receipt::from_bytes(&fs::read(file).unwrap()).unwrap();
    let notary = Keypair::from_seed(codec::digest("test key", &1_u64).0);
    let network = story.genesis.id();
    story.events[statement..].iter_mut().for_each(|event| event.round += ticks);
    let told = rounds(&story).into_iter().map(|round| tick(&story, round));
    story.ticks = told.map(|tick| Signed::seal(tick, &notary, network).into_signed()).collect();
    Receipt::seal(story, &notary, network).0
}

/// The rounds whose ticks a story is told with.
fn rounds(story: &Story) -> BTreeSet<u64> {
    let begun = |round: u64| round - round % story.genesis.timers.epoch_ticks;
    let mut rounds: BTreeSet<u64> = story.events.iter().map(|event| event.round).collect();
    rounds.insert(story.ticket.standing.round);
    let anchors: Vec<u64> = rounds.iter().map(|round| begun(round.saturating_sub(1))).collect();
    rounds.extend(anchors);
    let claimed = story.events.iter().find(|event| matches!(event.what, Happening::Claim { .. }));
    rounds.extend(claimed.map(|event| begun(event.round)));
    rounds
}

/// The tick of a round, by the clock and the hash chains of the notary of a story.
fn tick(story: &Story, round: u64) -> Tick {
    let timers = story.genesis.timers;
    let length = timers.epoch_ticks;
    let told = story.ticks.iter().find(|tick| tick.said().round == round);
    let same = told.and_then(|tick| tick.said().checkpoint.clone());
    let another = || story.ticks.iter().find_map(|tick| tick.said().checkpoint.clone());
    let begun = same.or_else(another).filter(|_| round.is_multiple_of(length));
    let checkpoint = begun.map(|begun| Checkpoint { anchor: chain(round / length, length, 0), ..begun });
    let beacon = match round.checked_sub(1) {
        Some(before) => chain(before / length, length, before % length + 1),
        None => chain(0, length, 0),
    };
    let time = Timestamp(EPOCH_MILLIS).after(timers.tick.times(round + 1));
    Tick { round, time, live: time, beacon, checkpoint }
}

/// The value at a place in that notary's chain of an epoch; its anchor is at place 0.
fn chain(epoch: u64, length: u64, place: u64) -> Digest {
    (place..length).fold(codec::digest("test beacon", &epoch), |value, _| draw::chain_step(value))
}
