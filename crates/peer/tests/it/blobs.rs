//! Blobs from peer to peer.

use std::{
    fs::File,
    sync::{Mutex, mpsc},
    time::Duration,
};

use assay_peer::{
    blobs::Blobs,
    network::{BlobSource, ExchangeFailure, FetchError, Progress},
};
use assay_protocol::{
    codec::BLOB_BYTES_MAX,
    id::{Digest, PeerId},
};
use futures::future::join_all;
use tokio::{task::JoinSet, time::timeout};

use crate::world::{Peer, Plan, Source, id, pair_of, plan};

/// How long an event may take on a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(240);
const JOB: Digest = Digest([1; 32]);

/// Fetches a blob that may be as long as any.
async fn fetch(by: &Peer, from: PeerId, digest: Digest) -> Result<Vec<u8>, FetchError> {
    by.network.fetch(from, digest, u64::MAX, &Progress::default()).await
}

#[tokio::test]
async fn the_longest_blob_arrives_and_only_where_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path(), 1 << 30).unwrap();
    let mut content: Vec<u8> = (0..BLOB_BYTES_MAX).map(|at| (at / 7) as u8).collect();
    let longest = blobs.put(&content).unwrap();
    content.push(0);
    let too_long = blobs.put(&content).unwrap();
    blobs.permit_all(JOB, too_long);
    content.pop();
    let (first, second) = pair_of(plan(1).serving(blobs.clone()), plan(2)).await;
    let absent = |digest| Err(FetchError::Absent { digest });
    blobs.permit(JOB, longest, id(3));
    assert!(fetch(&second, first.id, longest).await == absent(longest), "served without permission");
    blobs.permit(JOB, longest, second.id);
    assert!(fetch(&second, first.id, longest).await == Ok(content));
    let (max, progress) = (BLOB_BYTES_MAX as u64 - 1, Progress::default());
    let over = Err(FetchError::TooLong { digest: longest, bytes: max + 1, max });
    assert!(second.network.fetch(first.id, longest, max, &progress).await == over);
    assert_eq!(progress.bytes(), 0, "and nothing of it was read");
    let (bytes, max) = (BLOB_BYTES_MAX as u64 + 1, BLOB_BYTES_MAX as u64);
    let over = Err(FetchError::TooLong { digest: too_long, bytes, max });
    assert!(fetch(&second, first.id, too_long).await == over, "held in memory over the cap");
    blobs.release(JOB);
    assert!(fetch(&second, first.id, longest).await == absent(longest), "served after it was stopped");
}

#[tokio::test]
async fn other_bytes_than_were_asked_for_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong");
    std::fs::write(&path, b"something else").unwrap();
    let source = Source(move |_: &Digest, _: &PeerId| File::open(&path).ok());
    let (first, second) = pair_of(plan(1).serving(source), plan(2)).await;
    let digest = Digest::of(b"content");
    assert_eq!(fetch(&second, first.id, digest).await, Err(FetchError::Corrupt { digest }));
    let other = Digest::of(b"something else");
    assert_eq!(fetch(&second, first.id, other).await.unwrap(), b"something else");
}

#[tokio::test]
async fn many_blobs_at_once_all_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path(), 1 << 30).unwrap();
    let digests: Vec<_> = (0..12_u8).map(|byte| blobs.put(&vec![byte; 1 << 20]).unwrap()).collect();
    digests.iter().for_each(|digest| blobs.permit_all(JOB, *digest));
    let (first, second) = pair_of(plan(1).serving(blobs), plan(2)).await;
    let fetches = digests.iter().map(|digest| fetch(&second, first.id, *digest));
    for (fetched, digest) in join_all(fetches).await.into_iter().zip(&digests) {
        assert_eq!(Digest::of(&fetched.unwrap()), *digest);
    }
}

/// A source that says when it is asked, and serves the longest blob once it is told to, or when nobody can tell it.
fn held_back() -> (impl BlobSource, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let ((asked, is_asked), (tell, told)) = (mpsc::channel(), mpsc::channel());
    let told = Mutex::new(told);
    let source = Source(move |_: &Digest, _: &PeerId| {
        asked.send(()).ok()?;
        told.lock().unwrap().recv().unwrap_or(());
        let file = tempfile::tempfile().ok()?;
        file.set_len(BLOB_BYTES_MAX as u64).ok().map(|()| file)
    });
    (source, is_asked, tell)
}

/// Waits for something that happens on a thread of its own.
async fn happened(receiver: mpsc::Receiver<()>) -> mpsc::Receiver<()> {
    let waiting = tokio::task::spawn_blocking(move || {
        receiver.recv_timeout(WAIT_MAX).expect("it happens in time");
        receiver
    });
    waiting.await.unwrap()
}

#[tokio::test]
async fn a_peer_that_stalls_delays_no_fetch_from_another() {
    let (source, is_asked, tell) = held_back();
    let slow = plan(3).serving(source).start().await;
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path(), 1 << 20).unwrap();
    let digests: Vec<_> = (0..20_u8).map(|byte| blobs.put(&[byte; 1000]).unwrap()).collect();
    digests.iter().for_each(|digest| blobs.permit_all(JOB, *digest));
    let (quick, second) = pair_of(plan(1).serving(blobs), plan(2).knowing(&slow)).await;
    let mut stalled = JoinSet::new();
    for byte in 0..30_u8 {
        let (network, from) = (second.network.clone(), slow.id);
        stalled.spawn(async move {
            network.fetch(from, Digest([byte; 32]), u64::MAX, &Progress::default()).await
        });
    }
    let _is_asked = happened(is_asked).await;
    let fetches = join_all(digests.iter().map(|digest| fetch(&second, quick.id, *digest)));
    let fetched = tokio::select! {
        fetched = timeout(WAIT_MAX, fetches) => fetched.expect("they do not wait for the other peer"),
        answered = stalled.join_next() => panic!("the other peer has answered: {answered:?}"),
    };
    assert!(fetched.iter().all(Result::is_ok));
    drop(tell);
}

#[tokio::test]
async fn a_fetch_that_is_dropped_frees_its_place_at_once_and_ends_on_the_wire() {
    let (source, is_asked, tell) = held_back();
    let with_one_place = |plan: Plan| {
        plan.with(|settings| {
            let limits = &mut settings.limits;
            (limits.fetches_max, limits.fetches_per_peer_max) = (1, 1);
            (limits.serves_max, limits.per_peer_max) = (1, 1);
            // Only the end of the stream can free the place in time.
            limits.pace.grace = 10 * WAIT_MAX;
        })
    };
    let plans = (with_one_place(plan(1)).serving(source), with_one_place(plan(2)));
    let (first, second) = pair_of(plans.0, plans.1).await;
    let (digest, progress) = (Digest([7; 32]), Progress::default());
    let (network, from, counted) = (second.network.clone(), first.id, progress.clone());
    let stalled = tokio::spawn(async move { network.fetch(from, digest, u64::MAX, &counted).await });
    let _is_asked = happened(is_asked).await;
    stalled.abort();
    assert!(stalled.await.unwrap_err().is_cancelled());
    let busy = Err(ExchangeFailure::Busy.into());
    let next = timeout(WAIT_MAX, fetch(&second, first.id, digest)).await;
    assert_eq!(next, Ok(busy.clone()), "the place is free here, though not there");
    drop(tell);
    let served = async { while fetch(&second, first.id, digest).await == busy {} };
    timeout(WAIT_MAX, served).await.expect("it is free there, too");
    assert_eq!(progress.bytes(), 0, "nothing of the blob came after that");
}
