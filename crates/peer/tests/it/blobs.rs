//! Blobs from peer to peer.

use std::fs::File;

use assay_peer::{
    blobs::Blobs,
    network::{BLOB_BYTES_MAX, FetchError},
};
use assay_protocol::id::{Digest, PeerId};

use crate::world::{Source, id, pair_of, plan};

#[tokio::test]
async fn the_longest_blob_arrives_and_only_where_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path(), 1 << 30).unwrap();
    let mut content: Vec<u8> = (0..BLOB_BYTES_MAX).map(|at| (at / 7) as u8).collect();
    let longest = blobs.put(&content).unwrap();
    content.push(0);
    let too_long = blobs.put(&content).unwrap();
    blobs.serve_all(too_long);
    content.pop();
    let (first, second) = pair_of(plan(1).serving(blobs.clone()), plan(2)).await;
    let absent = |digest| Err(FetchError::Absent { digest });
    blobs.serve(longest, &[id(3)]);
    assert!(second.network.fetch(first.id, longest).await == absent(longest), "served without permission");
    blobs.serve(longest, &[second.id]);
    assert!(second.network.fetch(first.id, longest).await == Ok(content));
    blobs.stop_serving(&longest, &second.id);
    assert!(second.network.fetch(first.id, longest).await == absent(longest), "served after it was stopped");
    assert!(second.network.fetch(first.id, too_long).await == absent(too_long), "served over the cap");
}

#[tokio::test]
async fn other_bytes_than_were_asked_for_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong");
    std::fs::write(&path, b"something else").unwrap();
    let source = Source(move |_: &Digest, _: &PeerId| File::open(&path).ok());
    let (first, second) = pair_of(plan(1).serving(source), plan(2)).await;
    let digest = Digest::of(b"content");
    assert_eq!(second.network.fetch(first.id, digest).await, Err(FetchError::Corrupt { digest }));
    let other = Digest::of(b"something else");
    assert_eq!(second.network.fetch(first.id, other).await.unwrap(), b"something else");
}

#[tokio::test]
async fn many_blobs_at_once_all_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path(), 1 << 30).unwrap();
    let digests: Vec<_> = (0..12_u8).map(|byte| blobs.put(&vec![byte; 1 << 20]).unwrap()).collect();
    digests.iter().for_each(|digest| blobs.serve_all(*digest));
    let generous = plan(1).serving(blobs).with(|settings| settings.limits.per_peer_max = 12);
    let (first, second) = pair_of(generous, plan(2)).await;
    let fetches = digests.iter().map(|digest| second.network.fetch(first.id, *digest));
    for (fetched, digest) in futures::future::join_all(fetches).await.into_iter().zip(&digests) {
        assert_eq!(Digest::of(&fetched.unwrap()), *digest);
    }
}
