//! What stays of a blob that has arrived in part, and what goes.

use std::{fs, sync::mpsc, thread, time::Duration};

use super::*;
use crate::{
    brittle::{Brittle, Trouble},
    disk::HomeDisk,
    folder::TEMPORARY,
};

const QUOTA_BYTES: u64 = 4 * PIECE_BYTES;

/// A blob of three pieces.
fn content() -> Vec<u8> {
    (0..2 * PIECE_BYTES + 1000).map(|at| (at / 9) as u8).collect()
}

fn known() -> (Digest, BlobPieces) {
    BlobPieces::read(&content()[..]).unwrap()
}

fn piece(at: u64) -> Vec<u8> {
    let range = known().1.range(at);
    content()[range.start as usize..range.end as usize].to_vec()
}

fn store() -> (tempfile::TempDir, Blobs) {
    let folder = tempfile::tempdir().unwrap();
    let blobs = Blobs::open(folder.path(), QUOTA_BYTES).unwrap();
    (folder, blobs)
}

fn arrive(blobs: &Blobs) -> BlobArrival {
    let (digest, pieces) = known();
    blobs.arrive(digest, pieces).unwrap()
}

#[test]
fn what_has_arrived_stays_over_a_restart_and_goes_on() {
    let (folder, blobs) = store();
    let mut arrival = arrive(&blobs);
    assert_eq!(arrival.next(), 0);
    arrival.take(&piece(0)).unwrap();
    drop(arrival);
    assert_eq!(arrive(&blobs).next(), 1);
    let mut arrival = arrive(&Blobs::open(folder.path(), QUOTA_BYTES).unwrap());
    assert_eq!(arrival.next(), 1);
    arrival.take(&piece(1)).unwrap();
    arrival.take(&piece(2)).unwrap();
    let (blobs, digest) = (arrival.blobs.clone(), known().0);
    assert!(!blobs.contains(&digest), "before it is durable");
    arrival.settle().unwrap();
    assert!(blobs.get(&digest).unwrap().unwrap() == content());
    assert_eq!((blobs.total_bytes(), blobs.figures().blobs), (content().len() as u64, 1));
    let whole = blobs.put(&[1; PIECE_BYTES as usize]).unwrap();
    assert!(blobs.contains(&digest) && blobs.contains(&whole), "its room is promised no more");
    assert_eq!(fs::read_dir(folder.path().join(TEMPORARY)).unwrap().count(), 0);
}

#[test]
fn what_is_not_proven_is_cut_off() {
    for (damage, left) in [(100, 0), (PIECE_BYTES + 5, 1), (2 * PIECE_BYTES + 999, 2)] {
        let (folder, blobs) = store();
        let mut arrival = arrive(&blobs);
        (0..3).for_each(|at| arrival.take(&piece(at)).unwrap());
        drop(arrival);
        let part = folder.path().join(TEMPORARY).join(known().0.to_string());
        let mut bytes = fs::read(&part).unwrap();
        bytes[damage as usize] ^= 1;
        fs::write(&part, bytes).unwrap();
        let mut arrival = arrive(&blobs);
        assert_eq!(arrival.next(), left);
        (left..3).for_each(|at| arrival.take(&piece(at)).unwrap());
        arrival.settle().unwrap();
        assert!(blobs.get(&known().0).unwrap().unwrap() == content());
    }
}

#[test]
fn what_has_arrived_goes_before_any_blob_does() {
    let (folder, blobs) = store();
    let blob = blobs.put(&[1; PIECE_BYTES as usize]).unwrap();
    let mut arrival = arrive(&blobs);
    arrival.take(&piece(0)).unwrap();
    drop(arrival);
    let other = blobs.put(&[2; 2 * PIECE_BYTES as usize]).unwrap();
    let parts = || fs::read_dir(folder.path().join(TEMPORARY)).unwrap().count();
    assert_eq!(parts(), 1, "there is room for all of it");
    let third = blobs.put(&[3; PIECE_BYTES as usize]).unwrap();
    assert_eq!(parts(), 0);
    assert!([blob, other, third].iter().all(|digest| blobs.contains(digest)));
    assert_eq!(arrive(&blobs).next(), 0);
}

#[test]
fn a_part_that_finds_no_room_stays_in_the_books() {
    let (folder, blobs) = store();
    let mut arrival = arrive(&blobs);
    arrival.take(&piece(0)).unwrap();
    drop(arrival);
    let kept = blobs.put_for(Digest([1; 32]), &[1; 2 * PIECE_BYTES as usize]).unwrap();
    let (digest, pieces) = known();
    assert!(matches!(blobs.arrive(digest, pieces), Err(BlobError::NoRoom { .. })));
    let parts = || fs::read_dir(folder.path().join(TEMPORARY)).unwrap().count();
    assert_eq!(parts(), 1);
    blobs.put(&[2; 2 * PIECE_BYTES as usize]).unwrap();
    assert_eq!(parts(), 0, "it makes room");
    assert!(blobs.contains(&kept));
}

#[test]
fn what_is_no_part_is_swept() {
    let (folder, blobs) = store();
    let mut arrival = arrive(&blobs);
    arrival.take(&piece(0)).unwrap();
    drop(arrival);
    let arriving = folder.path().join(TEMPORARY);
    fs::create_dir(arriving.join(Digest([7; 32]).to_string())).unwrap();
    fs::write(arriving.join(Digest([0xab; 32]).to_string().to_uppercase()), "noise").unwrap();
    fs::write(arriving.join("half"), "noise").unwrap();
    drop(blobs);
    let blobs = Blobs::open(folder.path(), QUOTA_BYTES).unwrap();
    assert_eq!(fs::read_dir(arriving).unwrap().count(), 1);
    assert_eq!(arrive(&blobs).next(), 1);
}

#[test]
fn a_blob_arrives_once_at_a_time() {
    let (_folder, blobs) = store();
    let mut first = arrive(&blobs);
    let (begun, begins) = mpsc::channel();
    let second = {
        let blobs = blobs.clone();
        thread::spawn(move || {
            begun.send(()).unwrap();
            arrive(&blobs).next()
        })
    };
    begins.recv().unwrap();
    first.take(&piece(0)).unwrap();
    thread::sleep(Duration::from_millis(50));
    assert!(!second.is_finished(), "it waits");
    drop(first);
    assert_eq!(second.join().unwrap(), 1, "it goes on behind the other");
}

#[test]
fn a_disk_that_fails_keeps_nothing_of_it_and_no_room() {
    for trouble in [Trouble::Full, Trouble::Fault] {
        for at in 1.. {
            let (brittle, disk) = Brittle::new();
            let folder = tempfile::tempdir().unwrap();
            let blobs = Blobs::open_on(&disk, folder.path(), QUOTA_BYTES).unwrap();
            let (digest, pieces) = known();
            brittle.order(at, trouble);
            let arrived = blobs.arrive(digest, pieces).and_then(|mut arrival| {
                (0..3).try_for_each(|at| arrival.take(&piece(at)))?;
                arrival.settle()
            });
            if !brittle.has_struck() {
                arrived.unwrap();
                break;
            }
            assert!(arrived.is_err() || trouble == Trouble::Full, "{trouble:?} at {at}");
            brittle.mend();
            let parts = fs::read_dir(folder.path().join(TEMPORARY)).unwrap().count();
            assert!(parts == 0 || arrived.is_ok(), "{trouble:?} at {at}: something is left");
            let figures = blobs.figures();
            let mut arrival = arrive(&blobs);
            (arrival.next()..3).for_each(|at| arrival.take(&piece(at)).unwrap());
            arrival.settle().unwrap();
            assert!(blobs.get(&digest).unwrap().unwrap() == content(), "{trouble:?} at {at}");
            blobs.put(&[1; PIECE_BYTES as usize]).unwrap();
            assert!(
                blobs.contains(&digest),
                "{trouble:?} at {at}: no room is promised for ever, {figures:?}"
            );
        }
    }
}

#[test]
fn a_power_cut_leaves_only_what_is_proven() {
    for at in 1..12 {
        let (brittle, disk) = Brittle::new();
        let folder = tempfile::tempdir().unwrap();
        let (digest, pieces) = known();
        let blobs = Blobs::open_on(&disk, folder.path(), QUOTA_BYTES).unwrap();
        brittle.order(at, Trouble::Power);
        let settled = blobs.arrive(digest, pieces).and_then(|mut arrival| {
            (0..3).try_for_each(|at| arrival.take(&piece(at)))?;
            arrival.settle()
        });
        brittle.forget(&mut crate::brittle::Lot(at));
        let blobs = Blobs::open_on(&HomeDisk::default(), folder.path(), QUOTA_BYTES).unwrap();
        let there = blobs.get(&digest).unwrap();
        assert!(settled.is_err() || there.is_some(), "cut at {at}: what was settled is gone");
        if there.is_none() {
            let mut arrival = arrive(&blobs);
            (arrival.next()..3).for_each(|at| arrival.take(&piece(at)).unwrap());
            arrival.settle().unwrap();
        }
        assert!(blobs.get(&digest).unwrap().unwrap() == content());
    }
}
