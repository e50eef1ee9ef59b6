//! Blobs on a real disk: what is kept, refused, evicted and swept away.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const QUOTA_BYTES: u64 = 1024;

fn store() -> (tempfile::TempDir, Blobs) {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path(), QUOTA_BYTES).unwrap();
    (folder, blobs)
}

#[test]
fn a_blob_is_found_by_its_digest_and_survives_a_restart() {
    let (folder, blobs) = store();
    let digest = blobs.put(b"content").unwrap();
    assert_eq!(digest, Digest::of(b"content"));
    let source = folder.path().join("source");
    fs::write(&source, b"from a file").unwrap();
    let second = blobs.put_file(&source).unwrap();
    for blobs in [blobs, Blobs::open(folder.path(), QUOTA_BYTES).unwrap()] {
        assert_eq!(blobs.get(&digest).unwrap().unwrap(), b"content");
        assert_eq!(fs::read(blobs.path(&second).unwrap().unwrap()).unwrap(), b"from a file");
        assert_eq!(blobs.total_bytes(), 18);
        assert_eq!(blobs.get(&Digest::of(b"absent")).unwrap(), None);
    }
}

#[test]
fn a_damaged_file_is_reported_once_and_then_absent() {
    for damage in [&b""[..], b"c0ntent", b"content and more"] {
        let (_folder, blobs) = store();
        let digest = blobs.put(b"content").unwrap();
        let path = blobs.path(&digest).unwrap().unwrap();
        fs::write(&path, damage).unwrap();
        assert!(matches!(blobs.get(&digest), Err(BlobError::Damaged { .. })));
        assert!(!path.exists() && !blobs.contains(&digest));
        assert_eq!(blobs.get(&digest).unwrap(), None);
        blobs.put(b"content").unwrap();
        fs::write(&path, damage).unwrap();
        assert!(matches!(blobs.path(&digest), Err(BlobError::Damaged { .. })));
    }
}

#[test]
fn what_an_ended_process_left_half_written_is_swept() {
    let (folder, blobs) = store();
    let digest = blobs.put(b"content").unwrap();
    let left = folder.path().join(TEMPORARY).join("left");
    fs::write(&left, b"con").unwrap();
    let blobs = Blobs::open(folder.path(), QUOTA_BYTES).unwrap();
    assert!(!left.exists() && blobs.contains(&digest));
}

#[test]
fn the_blob_unused_for_longest_makes_room_and_a_pinned_one_never() {
    let (_folder, blobs) = store();
    let put = |byte: u8| blobs.put(&[byte; 300]).unwrap();
    let [pinned, used, unused] = [1, 2, 3].map(put);
    blobs.pin(pinned);
    blobs.get(&used).unwrap().unwrap();
    let new = put(4);
    let there = [pinned, used, unused, new].map(|digest| blobs.contains(&digest));
    assert_eq!(there, [true, true, false, true]);
    let too_much = blobs.put(&[5; 800]);
    assert!(matches!(too_much, Err(BlobError::NoRoom { need: 800, have: 300, limit: QUOTA_BYTES })));
    assert!(blobs.contains(&used), "nothing goes for a blob that does not fit anyway");
    blobs.unpin(pinned);
    blobs.put(&[5; 800]).unwrap();
    assert_eq!(blobs.total_bytes(), 800);
}

#[test]
fn only_permitted_peers_open_a_blob() {
    let (_folder, blobs) = store();
    let digest = blobs.put(b"content").unwrap();
    let [friend, stranger] = [PeerId([1; 32]), PeerId([2; 32])];
    let opens = |peer| BlobSource::open(&blobs, &digest, &peer).is_some();
    assert!(!opens(friend));
    blobs.serve(digest, &[friend]);
    assert!(opens(friend) && !opens(stranger));
    blobs.stop_serving(&digest, &friend);
    assert!(!opens(friend));
    blobs.serve_all(digest);
    assert!(opens(stranger));
    blobs.stop_serving_all(&digest);
    assert!(!opens(stranger));
}

proptest! {
    #[test]
    fn the_shelf_counts_what_it_lists_and_keeps_what_is_pinned(
        steps in proptest::collection::vec((0..5_u8, 0..8_u8, 0..60_u64), 0..200),
    ) {
        let (mut shelf, mut model) = (Shelf::new(200), HashMap::new());
        let mut pinned = Vec::new();
        for (step, name, bytes) in steps {
            let digest = Digest([name; 32]);
            match step {
                0 | 1 => if let Ok(going) = shelf.make_room(bytes) {
                    prop_assert!(going.iter().all(|digest| !pinned.contains(digest)));
                    for digest in going { shelf.remove(&digest); model.remove(&digest); }
                    shelf.add(digest, bytes);
                    model.insert(digest, bytes);
                },
                2 => { shelf.remove(&digest); model.remove(&digest); }
                3 => { shelf.pin(digest); pinned.push(digest); }
                _ => { shelf.touch(&digest); }
            }
            prop_assert_eq!(shelf.bytes(), model.values().sum::<u64>());
            prop_assert!(shelf.bytes() <= 200 );
        }
    }
}
