//! Receipts on a real disk: what is filed, who may have it, and what is not believed.

use std::{fs, io::Read, path::PathBuf};

use assay_protocol::signed::{Keypair, Signer};
use tokio::sync::mpsc;

use super::{
    collect::{CollectError, Expected, collect},
    *,
};
use crate::{
    blobs::BlobError,
    config::Home,
    disk::{Change, Watcher},
    fetcher::Carrier,
    network::{FetchError, Progress},
    pieces::BlobPieces,
    store::Store,
};

/// Bytes that blobs may have.
const QUOTA_BYTES: u64 = 1024;

/// A receipt of each of two jobs.
const CHECKED: &[u8] = include_bytes!("../../../protocol/tests/golden/receipts/checked.receipt");
const ABORTED: &[u8] = include_bytes!("../../../protocol/tests/golden/receipts/aborted.receipt");

/// A notary that serves some bytes, whatever is asked for, and counts how often.
struct Notary(Vec<u8>, Mutex<u32>);

impl Carrier for Notary {
    async fn bring(&self, _: PeerId, _: Digest, _: u64, _: &Progress) -> Result<Vec<u8>, FetchError> {
        *self.1.lock().unwrap() += 1;
        Ok(self.0.clone())
    }

    async fn ask_pieces(&self, _: PeerId, digest: Digest, _: u64) -> Result<BlobPieces, FetchError> {
        unreachable!("the receipt {digest} is not that long")
    }

    async fn bring_pieces(
        &self,
        _: PeerId,
        (digest, _): (Digest, &BlobPieces),
        _: u64,
        _: &Progress,
        _: mpsc::Sender<Vec<u8>>,
    ) -> Result<(), FetchError> {
        unreachable!("the receipt {digest} is not that long")
    }
}

fn receipt(bytes: &[u8]) -> Receipt {
    Receipt::from_bytes(bytes).unwrap()
}

/// What a receipt is expected to be by one who knows it.
fn expected(bytes: &[u8]) -> Expected {
    let receipt = receipt(bytes);
    let (job, digest) = (receipt.story.ticket.job, Digest::of(bytes));
    let notary = receipt.settled.said().signer();
    Expected { job, digest, notary, network: receipt.story.genesis.id() }
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store =
        Store::open(&crate::disk::HomeDisk::default(), &Home::at(folder.path()), QUOTA_BYTES).unwrap();
    (folder, store)
}

fn served(store: &Store, digest: &Digest, to: PeerId) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    store.open(digest, &to)?.file.read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

#[test]
fn the_parties_get_a_receipt_and_nobody_else_also_after_a_restart() {
    let (folder, store) = store();
    let digest = store.receipts.file(&receipt(CHECKED)).unwrap();
    assert_eq!(digest, Digest::of(CHECKED));
    let [client, provider] = parties::of(&receipt(CHECKED));
    let others = [expected(CHECKED).notary, Keypair::from_seed([77; 32]).id()];
    let again =
        Store::open(&crate::disk::HomeDisk::default(), &Home::at(folder.path()), QUOTA_BYTES).unwrap();
    for store in [&store, &again, &again] {
        for party in [client, provider] {
            assert_eq!(served(store, &digest, party).as_deref(), Some(CHECKED));
        }
        assert!(others.iter().all(|other| served(store, &digest, *other).is_none()));
        assert!(served(store, &Digest::of(ABORTED), client).is_none(), "not filed");
    }
}

#[test]
fn a_receipt_needs_no_room_among_blobs_and_outlives_them() {
    let (folder, store) = store();
    let job = Digest([1; 32]);
    store.blobs.put_for(job, &[1; QUOTA_BYTES as usize]).unwrap();
    assert!(matches!(store.blobs.put(b"more"), Err(BlobError::NoRoom { .. })));
    let digests = [CHECKED, ABORTED, CHECKED].map(|bytes| store.receipts.file(&receipt(bytes)).unwrap());
    store.blobs.release(job);
    store.blobs.put(&[2; QUOTA_BYTES as usize]).unwrap();
    let again =
        Store::open(&crate::disk::HomeDisk::default(), &Home::at(folder.path()), QUOTA_BYTES).unwrap();
    for store in [store, again] {
        assert_eq!(store.get(&digests[0]).unwrap().unwrap(), CHECKED);
        assert_eq!(store.get(&digests[1]).unwrap().unwrap(), ABORTED);
        assert_eq!(store.blobs.total_bytes(), QUOTA_BYTES);
        let mut listed = store.receipts.list().unwrap();
        listed.sort_unstable();
        let mut filed = digests[..2].to_vec();
        filed.sort_unstable();
        assert_eq!(listed, filed);
    }
}

#[test]
fn a_damaged_receipt_is_told_and_filed_anew() {
    let (_folder, store) = store();
    let digest = store.receipts.file(&receipt(CHECKED)).unwrap();
    fs::write(store.receipts.folder.path(&digest), b"damaged").unwrap();
    assert!(matches!(store.receipts.get(&digest), Err(ReceiptError::Damaged { .. })));
    let [client, _] = parties::of(&receipt(CHECKED));
    assert!(served(&store, &digest, client).is_none());
    store.receipts.file(&receipt(CHECKED)).unwrap();
    assert_eq!(served(&store, &digest, client).as_deref(), Some(CHECKED));
}

/// What becomes of a receipt that the notary serves as `bytes`.
async fn collected(
    store: &Store,
    bytes: &[u8],
    expected: Expected,
) -> Result<assay_protocol::receipt::Report, CollectError> {
    collect(&Notary(bytes.to_vec(), Mutex::default()), store, expected).await
}

#[tokio::test]
async fn a_receipt_is_judged_before_it_is_filed() {
    let (_folder, store) = store();
    let right = expected(CHECKED);
    let other = Digest([9; 32]);
    for (wrong, what) in [
        (Expected { network: other, ..right }, "network"),
        (Expected { notary: PeerId([9; 32]), ..right }, "notary"),
        (Expected { job: other, ..right }, "job"),
    ] {
        let refused = collected(&store, CHECKED, wrong).await;
        assert!(matches!(refused, Err(CollectError::Other { of }) if of == what), "{refused:?}");
    }
    let mut forged = receipt(CHECKED);
    forged.story.position += 1;
    let refused = collected(&store, &forged.to_bytes(), right).await;
    assert!(matches!(refused, Err(CollectError::Refuted(_))), "{refused:?}");
    let refused = collected(&store, b"no receipt", right).await;
    assert!(matches!(refused, Err(CollectError::Malformed(_))), "{refused:?}");
    assert!(store.receipts.list().unwrap().is_empty(), "nothing of that is filed");

    let report = collected(&store, CHECKED, right).await.unwrap();
    assert_eq!((report.job, report.label), (right.job, "checked"));
    assert_eq!(store.receipts.list().unwrap(), [right.digest]);
}

#[tokio::test]
async fn what_is_here_is_judged_too_and_not_fetched() {
    let (_folder, store) = store();
    let (right, notary) = (expected(ABORTED), Notary(ABORTED.to_vec(), Mutex::default()));
    store.receipts.file(&receipt(ABORTED)).unwrap();
    let wrong = Expected { job: Digest([9; 32]), ..right };
    assert!(collect(&notary, &store, wrong).await.is_err());
    assert!(collect(&notary, &store, right).await.is_ok());
    assert_eq!(*notary.1.lock().unwrap(), 0);
    fs::write(store.receipts.folder.path(&right.digest), b"damaged").unwrap();
    assert!(collect(&notary, &store, right).await.is_ok());
    assert_eq!(*notary.1.lock().unwrap(), 1, "what is damaged is fetched");
    assert_eq!(store.get(&right.digest).unwrap().unwrap(), ABORTED);
}

/// A disk whose first changes fail, so many of them.
struct Faulty(Mutex<u32>);

impl Watcher for Faulty {
    fn permit(&self, change: Change<'_>) -> io::Result<usize> {
        let mut left = self.0.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(if let Change::Write { bytes, .. } = change { bytes } else { 0 })
    }
}

#[tokio::test(start_paused = true)]
async fn a_receipt_that_found_no_room_is_stored_once_there_is_some() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("receipts")).unwrap();
    let disk = HomeDisk::watched(Arc::new(Faulty(Mutex::new(FILE_TRIES_MAX - 1))));
    let receipts = Receipts::open(&disk, &folder.path().join("receipts")).unwrap();
    let filed = receipts.file_in_time(receipt(CHECKED)).await.unwrap();
    assert_eq!(receipts.get(&filed).unwrap().unwrap(), CHECKED);
}

/// A disk that does not say of the first file that its name is on it, and of which folders it says that theirs are.
#[derive(Default)]
struct Unsure(Mutex<Vec<PathBuf>>);

impl Watcher for Unsure {
    fn permit(&self, change: Change<'_>) -> io::Result<usize> {
        if let Change::SyncFolder(folder) = change {
            let mut asked = self.0.lock().unwrap();
            asked.push(folder.to_owned());
            // Two are made for the file first.
            if asked.len() == 3 {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        Ok(if let Change::Write { bytes, .. } = change { bytes } else { 0 })
    }
}

/// What holds the name of a receipt, and the folders that it is in; the innermost first.
fn folders_of(receipts: &Receipts, digest: &Digest) -> Vec<PathBuf> {
    receipts.folder.path(digest).ancestors().skip(1).take(3).map(Path::to_owned).collect()
}

#[test]
fn a_receipt_whose_name_may_not_be_on_the_disk_is_counted_and_is_not_filed_before_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Unsure::default());
    let receipts = Receipts::open(&HomeDisk::watched(disk.clone()), &folder.path().join("receipts")).unwrap();
    let [own, _] = parties::of(&receipt(CHECKED));
    let wanted = ListReceipts { most: 10, ..ListReceipts::default() };
    let listed = || receipts.page(own, &wanted).unwrap().unwrap().receipts.len();
    assert_eq!(listed(), 0);
    assert!(receipts.file(&receipt(CHECKED)).is_err());
    assert_eq!(listed(), 1, "it is here");
    let digest = receipts.file(&receipt(CHECKED)).unwrap();
    assert_eq!(listed(), 1, "once");
    let folders = folders_of(&receipts, &digest);
    let asked = disk.0.lock().unwrap()[2..].to_vec();
    assert_eq!(asked, [vec![folders[0].clone()], folders].concat(), "all that it is in, and nothing before");
}

#[test]
fn a_folder_is_waited_for_until_the_disk_has_its_names_and_no_longer() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(Unsure::default());
    let receipts = Receipts::open(&HomeDisk::watched(disk.clone()), &folder.path().join("receipts")).unwrap();
    assert!(receipts.file(&receipt(CHECKED)).is_err());
    let [unsure, other] = [CHECKED, ABORTED].map(|bytes| folders_of(&receipts, &Digest::of(bytes)));
    assert_eq!(unsure[2], other[2]);
    assert_ne!(unsure[1], other[1], "they share the outermost alone");
    // Of the other, what it makes itself, and then what they share; of the first, what is left.
    for (bytes, asked) in [
        (ABORTED, vec![&other[2], &other[1], &other[0], &other[2]]),
        (CHECKED, vec![&unsure[0], &unsure[1]]),
        (CHECKED, vec![]),
        (ABORTED, vec![]),
    ] {
        let before = disk.0.lock().unwrap().len();
        receipts.file(&receipt(bytes)).unwrap();
        assert_eq!(disk.0.lock().unwrap()[before..].iter().collect::<Vec<_>>(), asked);
    }
}
