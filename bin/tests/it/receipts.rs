//! Receipts of real jobs, judged by a process that has nothing but the file.

use std::{fs, path::Path};

use assay_peer::config::NetworkFile;
use assay_protocol::{
    receipt::{Receipt, verify},
    signed::Ed25519,
};

use crate::{assay::assay, homes::Homestead, town::Town};

/// Bytes between two that are changed where each costs a process.
const STRIDE: usize = 293;

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
