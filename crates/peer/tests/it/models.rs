//! Blobs that are longer than any job reads or writes: between real peers, proven piece by piece.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    time::Duration,
};

use assay_peer::{
    blobs::Blobs,
    network::{FetchError, Progress},
    pieces::{BlobPieces, PIECE_BYTES},
};
use assay_protocol::{codec::BLOB_BYTES_MAX, id::Digest};
use tokio::{sync::mpsc, time::timeout};

use crate::world::{Peer, Source, pair_of, plan};

/// How long an event may take on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(240);
const HOLDER: Digest = Digest([1; 32]);
const ROOM: u64 = 1 << 40;

/// A file of so many bytes that are different everywhere.
fn write_model(path: &Path, bytes: u64) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    for at in 0..bytes / 8 {
        file.write_all(&at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).unwrap();
    }
    file.into_inner().unwrap().sync_all().unwrap();
}

/// What came of one try to get the pieces of a model from the one at `first` on, of which `most` are taken.
async fn get(
    by: &Peer,
    from: &Peer,
    (digest, pieces): (Digest, &BlobPieces),
    first: u64,
    most: u64,
) -> (u64, Result<(), FetchError>) {
    let (into, mut arriving) = mpsc::channel(4);
    let progress = Progress::default();
    let fetch = by.network.fetch_pieces(from.id, (digest, pieces), first, &progress, into);
    let take = async {
        let mut taken = 0;
        while taken < most
            && let Some(piece) = arriving.recv().await
        {
            assert!(pieces.proves(first + taken, &piece));
            taken += 1;
        }
        drop(arriving);
        taken
    };
    let (fetched, taken) = timeout(WAIT_MAX, async { tokio::join!(fetch, take) }).await.unwrap();
    (taken, fetched)
}

#[tokio::test]
async fn a_model_that_is_interrupted_five_times_comes_once() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    let bytes = BLOB_BYTES_MAX as u64 + 3 * PIECE_BYTES + 8;
    write_model(&model, bytes);
    let blobs = Blobs::open(&folder.path().join("blobs"), ROOM).unwrap();
    let digest = blobs.put_file(&model).unwrap();
    let (first, second) = pair_of(plan(1).serving(blobs.clone()), plan(2)).await;
    let absent = FetchError::Absent { digest };
    assert_eq!(second.network.ask_pieces(first.id, digest, ROOM).await, Err(absent), "it is for nobody yet");
    blobs.permit_all(HOLDER, digest);
    let too_long = FetchError::TooLong { digest, bytes, max: bytes - 1 };
    assert_eq!(second.network.ask_pieces(first.id, digest, bytes - 1).await, Err(too_long));
    let pieces = second.network.ask_pieces(first.id, digest, bytes).await.unwrap();
    assert_eq!(pieces.bytes(), bytes);
    let mut here = 0;
    for interruption in 0..6 {
        let most = if interruption < 5 { 11 } else { u64::MAX };
        here += get(&second, &first, (digest, &pieces), here, most).await.0;
    }
    assert_eq!(here, pieces.count());
}

#[tokio::test]
async fn a_source_that_has_something_else_is_found_out_before_any_of_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model");
    let bytes = 5 * PIECE_BYTES;
    write_model(&path, bytes);
    let (digest, pieces) = BlobPieces::read(File::open(&path).unwrap()).unwrap();
    let mut content = std::fs::read(&path).unwrap();
    content[3 * PIECE_BYTES as usize + 17] ^= 0x40;
    std::fs::write(&path, content).unwrap();
    let source = Source(move |_: &Digest, _: &_| File::open(&path).ok());
    let (first, second) = pair_of(plan(1).serving(source), plan(2)).await;
    let corrupt = Err(FetchError::Corrupt { digest });
    // It says the values of what it has, and they do not join to the digest.
    assert_eq!(second.network.ask_pieces(first.id, digest, ROOM).await, corrupt.map(|()| pieces.clone()));
    assert_eq!(get(&second, &first, (digest, &pieces), 0, u64::MAX).await, (0, corrupt));
}
