//! Blobs on a real disk: what is kept, refused, evicted and swept away.

use std::{collections::HashMap, fs};

use proptest::prelude::*;

use super::*;
use crate::{
    brittle::{Brittle, Lot, Trouble},
    folder::TEMPORARY,
};

const QUOTA_BYTES: u64 = 1024;
const JOB: Digest = Digest([1; 32]);
const OTHER_JOB: Digest = Digest([2; 32]);

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
fn a_pack_goes_with_its_model_however_that_goes_and_is_no_blob() {
    let (folder, blobs) = store();
    let [removed, dropped, evicted] = [1, 2, 3].map(|byte| blobs.put(&[byte; 300]).unwrap());
    let models = [removed, dropped, evicted];
    for model in models {
        let place = blobs.packs().join(model.to_string());
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("pack"), [7; 100]).unwrap();
    }
    let kept = || models.map(|model| blobs.pack_bytes_of(&model).is_some());
    assert_eq!((kept(), blobs.total_bytes()), ([true; 3], 900));
    assert_eq!(Blobs::open(folder.path(), QUOTA_BYTES).unwrap().figures().blobs, 3);
    blobs.remove(&removed).unwrap();
    assert_eq!(kept(), [false, true, true]);
    blobs.drop_idle(&dropped).unwrap();
    assert_eq!(kept(), [false, false, true]);
    blobs.put(&[4; 1000]).unwrap();
    assert_eq!((kept(), blobs.contains(&evicted)), ([false; 3], false));
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

/// Whether a blob was read whole to say where it is.
fn is_read_for_path(blobs: &Blobs, digest: &Digest) -> bool {
    let known = |blobs: &Blobs| {
        let file = blobs.open_file(digest).unwrap().unwrap();
        blobs.state().proofs.of(digest, Stamp::of(&file.metadata().unwrap()).as_ref()).is_some()
    };
    let before = known(blobs);
    blobs.path(digest).unwrap().unwrap();
    assert!(known(blobs));
    !before
}

#[test]
fn a_file_is_read_once_and_again_when_it_is_another() {
    let (folder, blobs) = store();
    let digest = blobs.put(b"content").unwrap();
    assert!(is_read_for_path(&blobs, &digest));
    assert!(!is_read_for_path(&blobs, &digest), "the second job");
    let path = blobs.path(&digest).unwrap().unwrap();
    let copy = folder.path().join("copy");
    fs::copy(&path, &copy).unwrap();
    fs::rename(&copy, &path).unwrap();
    assert!(is_read_for_path(&blobs, &digest), "the same bytes in another file");
    let before = fs::metadata(&path).unwrap();
    // The system's clock for files goes on in steps.
    while Stamp::of(&fs::metadata(&path).unwrap()) == Stamp::of(&before) {
        fs::write(&path, b"c0ntent").unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(before.modified().unwrap()).unwrap();
    }
    assert!(matches!(blobs.path(&digest), Err(BlobError::Damaged { .. })), "its time was set back");
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
fn the_blob_unused_for_longest_makes_room_and_a_kept_one_never() {
    let (_folder, blobs) = store();
    let put = |byte: u8| blobs.put(&[byte; 300]).unwrap();
    let [kept, used, unused] = [1, 2, 3].map(put);
    blobs.keep(JOB, kept);
    blobs.get(&used).unwrap().unwrap();
    let new = put(4);
    let there = [kept, used, unused, new].map(|digest| blobs.contains(&digest));
    assert_eq!(there, [true, true, false, true]);
    let too_much = blobs.put(&[5; 800]);
    assert!(matches!(too_much, Err(BlobError::NoRoom { need: 800, have: 300, limit: QUOTA_BYTES })));
    assert!(blobs.contains(&used), "nothing goes for a blob that does not fit anyway");
    blobs.release(JOB);
    blobs.put(&[5; 800]).unwrap();
    assert_eq!(blobs.total_bytes(), 800);
}

#[test]
fn a_blob_that_two_keep_stays_until_both_are_gone() {
    let (_folder, blobs) = store();
    let digest = blobs.put_for(JOB, &[1; 600]).unwrap();
    blobs.keep(OTHER_JOB, digest);
    blobs.keep(OTHER_JOB, digest);
    let figures = Figures { bytes: 600, pinned_bytes: 600, limit_bytes: QUOTA_BYTES, blobs: 1, holders: 2 };
    assert_eq!(blobs.figures(), figures);
    for holder in [JOB, JOB, OTHER_JOB] {
        assert!(matches!(blobs.put(&[2; 600]), Err(BlobError::NoRoom { .. })));
        blobs.release(holder);
    }
    assert_eq!(blobs.figures(), Figures { pinned_bytes: 0, holders: 0, ..figures });
    blobs.put(&[2; 600]).unwrap();
    assert!(!blobs.contains(&digest));
}

#[test]
fn what_is_kept_before_it_is_here_stays_once_it_is() {
    let (_folder, blobs) = store();
    let digest = Digest::of(&[1; 600]);
    blobs.keep(JOB, digest);
    assert!(matches!(blobs.put_for(OTHER_JOB, &[2; 2000]), Err(BlobError::NoRoom { .. })));
    assert_eq!(blobs.figures().holders, 1, "what could not be stored is not kept");
    blobs.put(&[1; 600]).unwrap();
    assert!(matches!(blobs.put(&[2; 600]), Err(BlobError::NoRoom { .. })));
    let held = blobs.hold([digest]);
    blobs.release(JOB);
    assert!(matches!(blobs.put(&[2; 600]), Err(BlobError::NoRoom { .. })));
    drop(held);
    blobs.put(&[2; 600]).unwrap();
}

#[test]
fn a_peer_opens_what_it_may_as_long_as_a_holder_permits_it() {
    let (_folder, blobs) = store();
    let digest = blobs.put(b"content").unwrap();
    let [friend, stranger] = [PeerId([1; 32]), PeerId([2; 32])];
    let opens = |peer| BlobSource::open(&blobs, &digest, &peer).is_some();
    assert!(!opens(friend));
    for holder in [JOB, OTHER_JOB] {
        blobs.permit(holder, digest, friend);
        blobs.permit(holder, digest, friend);
    }
    for holder in [JOB, OTHER_JOB] {
        assert!(opens(friend) && !opens(stranger));
        blobs.release(holder);
    }
    assert!(!opens(friend));
    blobs.permit_all(JOB, digest);
    assert!(opens(stranger));
    blobs.put(&[2; QUOTA_BYTES as usize]).unwrap();
    assert!(!opens(stranger), "a permission keeps nothing");
}

#[test]
fn puts_at_once_keep_within_the_quota() {
    let (_folder, blobs) = store();
    let stored = std::thread::scope(|scope| {
        let blobs = &blobs;
        let threads = (0..8_u8).map(|byte| scope.spawn(move || blobs.put_for(JOB, &[byte; 300]).is_ok()));
        let threads: Vec<_> = threads.collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|stored| *stored).count()
    });
    assert!((1..=3).contains(&stored), "{stored} blobs of 300 bytes");
    assert_eq!(blobs.total_bytes(), 300 * stored as u64);
}

proptest! {
    #[test]
    fn the_quota_counts_what_it_lists_and_spares_what_is_pinned(
        steps in proptest::collection::vec((0..6_u8, 0..8_u8, 0..60_u64), 0..200),
    ) {
        let (mut quota, mut model, mut pins) = (Quota::new(200), HashMap::new(), HashMap::new());
        for (step, name, bytes) in steps {
            let digest = Digest([name; 32]);
            match step {
                0 | 1 => if let Ok(going) = quota.reserve(bytes) {
                    prop_assert!(going.parts.is_empty());
                    for digest in going.blobs {
                        prop_assert!(!pins.contains_key(&digest));
                        model.remove(&digest).expect("listed");
                    }
                    quota.redeem(bytes);
                    quota.add(digest, bytes);
                    model.insert(digest, bytes);
                },
                2 => { quota.remove(&digest); model.remove(&digest); }
                3 => { quota.pin(digest); *pins.entry(digest).or_insert(0) += 1; }
                4 => {
                    quota.unpin(digest);
                    if let Some(count) = pins.get_mut(&digest) {
                        *count -= 1;
                        if *count == 0 { pins.remove(&digest); }
                    }
                }
                _ => { quota.touch(&digest); }
            }
            let pinned = model.iter().filter(|(digest, _)| pins.contains_key(digest)).map(|(_, bytes)| bytes);
            prop_assert_eq!(quota.pinned_bytes(), pinned.sum::<u64>());
            prop_assert_eq!(quota.bytes(), model.values().sum::<u64>());
            prop_assert_eq!(quota.blobs(), model.len() as u64);
            prop_assert!(quota.bytes() <= 200);
        }
    }
}

#[test]
fn a_blob_that_was_stored_outlasts_power_cuts_and_no_other_is_half_there() {
    for seed in 0..60 {
        let (brittle, disk) = Brittle::new();
        let (folder, mut lot) = (tempfile::tempdir().unwrap(), Lot(seed));
        let (mut stored, mut tried) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            brittle.order(1 + lot.below(20), Trouble::Power);
            if let Ok(blobs) = Blobs::open_on(&disk, folder.path(), 1 << 20) {
                for _ in 0..4 {
                    let bytes = vec![lot.below(256) as u8; lot.below(3_000) as usize];
                    tried.push(Digest::of(&bytes));
                    match blobs.put(&bytes) {
                        Ok(digest) => stored.push(digest),
                        Err(_) => break,
                    }
                }
            }
            brittle.forget(&mut lot);
            let blobs = Blobs::open(folder.path(), 1 << 20).unwrap();
            for digest in &stored {
                assert!(blobs.get(digest).unwrap().is_some(), "seed {seed}: {digest} is gone");
            }
            for digest in &tried {
                blobs.get(digest).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            }
        }
    }
}

#[test]
fn a_store_whose_disk_fails_at_any_change_says_so_and_goes_on() {
    for trouble in [Trouble::Full, Trouble::Fault, Trouble::Short] {
        for at in 1.. {
            let (brittle, disk) = Brittle::new();
            let folder = tempfile::tempdir().unwrap();
            let blobs = Blobs::open_on(&disk, folder.path(), 1 << 20).unwrap();
            brittle.order(at, trouble);
            let stored = blobs.put(&[7; 200_000]);
            if !brittle.has_struck() {
                break;
            }
            if trouble != Trouble::Full {
                assert_eq!(stored.is_ok(), trouble == Trouble::Short, "{trouble:?} at {at}");
            }
            brittle.mend();
            let digest = blobs.put(&[7; 200_000]).unwrap();
            assert_eq!(blobs.total_bytes(), 200_000);
            assert!(blobs.get(&digest).unwrap().is_some());
            assert_eq!(
                fs::read_dir(folder.path().join(TEMPORARY)).unwrap().count(),
                0,
                "{trouble:?} at {at}"
            );
        }
    }
}

/// The number of a file, and whether its disk makes clones of it.
#[cfg(unix)]
fn is_one_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let number = |path| fs::metadata(path).map(|file| (file.dev(), file.ino())).unwrap();
    number(one) == number(other)
}

#[cfg(unix)]
#[test]
fn a_shared_file_takes_no_room_twice_and_outlives_its_other_name() {
    let (folder, blobs) = store();
    let (source, link) = (folder.path().join("source"), folder.path().join("link"));
    fs::write(&source, b"from a file").unwrap();
    std::os::unix::fs::symlink(&source, &link).unwrap();
    let is_cloned = crate::system::clone_file(&source, &folder.path().join("clone")).is_ok();
    let digest = blobs.share_file(&link).unwrap();
    assert_eq!(digest, Digest::of(b"from a file"));
    let path = blobs.path(&digest).unwrap().unwrap();
    assert_ne!(is_one_file(&path, &source), is_cloned, "it was copied");
    assert_eq!(blobs.share_file(&source).unwrap(), digest, "the same once more");
    assert_eq!(fs::read_dir(folder.path().join(TEMPORARY)).unwrap().count(), 0);
    assert_eq!((blobs.total_bytes(), blobs.figures().blobs), (11, 1));
    fs::remove_file(&source).unwrap();
    assert_eq!(blobs.path(&digest).unwrap(), Some(path), "another name went, and no byte changed");
    assert_eq!(blobs.get(&digest).unwrap().unwrap(), b"from a file");
    assert!(blobs.share_file(&source).is_err());
}

#[cfg(unix)]
#[test]
fn a_shared_file_that_somebody_writes_into_is_found_damaged() {
    let (folder, blobs) = store();
    let source = folder.path().join("source");
    fs::write(&source, b"from a file").unwrap();
    let digest = blobs.share_file(&source).unwrap();
    let path = blobs.path(&digest).unwrap().unwrap();
    // On a disk that makes clones it would be the other file that changes.
    fs::write(&path, b"from a f1le").unwrap();
    assert!(matches!(blobs.path(&digest), Err(BlobError::Damaged { .. })), "it is looked at before each run");
    assert!(!blobs.contains(&digest), "nothing else is run by it");
}

#[test]
fn a_file_is_stored_whole_however_the_disk_fails_to_share_it() {
    for trouble in [Trouble::Full, Trouble::Fault] {
        for at in 1.. {
            let (brittle, disk) = Brittle::new();
            let folder = tempfile::tempdir().unwrap();
            let blobs = Blobs::open_on(&disk, &folder.path().join("blobs"), 1 << 20).unwrap();
            let source = folder.path().join("source");
            fs::write(&source, [7; 200_000]).unwrap();
            brittle.order(at, trouble);
            let shared = blobs.share_file(&source);
            if !brittle.has_struck() {
                break;
            }
            assert!(
                trouble == Trouble::Full || shared.is_ok(),
                "a copy is made instead: {trouble:?} at {at}"
            );
            brittle.mend();
            let digest = blobs.share_file(&source).unwrap();
            assert_eq!((blobs.total_bytes(), fs::read(&source).unwrap()), (200_000, vec![7; 200_000]));
            assert_eq!(blobs.get(&digest).unwrap().unwrap(), [7; 200_000]);
            let left = fs::read_dir(folder.path().join("blobs").join(TEMPORARY)).unwrap().count();
            assert_eq!(left, 0, "{trouble:?} at {at}");
        }
    }
}
