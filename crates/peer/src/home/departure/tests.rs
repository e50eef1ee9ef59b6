//! Homes that leave and come back, and whose power fails meanwhile.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use assay_protocol::id::Digest;
use tempfile::TempDir;

use super::*;
use crate::{
    disk::{Change, Watcher},
    system::create_folder,
};

const SEED: [u8; 32] = [3; 32];

/// All files of a home, but for its lock, and what is in them.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(
                files(&path)
                    .into_iter()
                    .map(|(name, text)| (PathBuf::from(path.file_name().unwrap()).join(name), text)),
            );
        } else if !path.ends_with("lock") {
            found.insert(path.file_name().unwrap().into(), fs::read_to_string(&path).unwrap());
        }
    }
    found
}

struct Farm {
    _folder: TempDir,
    home: Home,
    lock: HomeLock,
    network: NetworkId,
    peer: PeerId,
}

impl Farm {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        let peer = home.create_key_from(SEED).unwrap();
        for name in
            ["journal/1.records", "journal.lost-7/1.records", "index/db", "receipts/ab/cd", "batches/1/plan"]
        {
            let path = home.root().join(name);
            create_folder(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        for name in ["network.toml", "config.toml"] {
            fs::write(home.root().join(name), name).unwrap();
        }
        let lock = HomeLock::take(home.root()).unwrap();
        Self { _folder: folder, home, lock, network: Digest([1; 32]), peer }
    }

    fn leaves(&self, disk: &HomeDisk, with_key: bool) -> io::Result<PathBuf> {
        set_aside(disk, &self.home, (self.network, self.peer), with_key, &self.lock)
    }

    fn returns(&self, disk: &HomeDisk) -> io::Result<bool> {
        take_up(disk, &self.home, self.network, &self.lock)
    }

    fn files(&self) -> BTreeMap<PathBuf, String> {
        files(self.home.root())
    }

    /// Whether a daemon would begin with a part of these.
    fn is_torn(&self, whole: &BTreeMap<PathBuf, String>) -> bool {
        self.home.network().exists() && !whole.keys().all(|name| self.home.root().join(name).exists())
    }
}

fn disk() -> HomeDisk {
    HomeDisk::default()
}

#[test]
fn what_belongs_to_a_network_goes_with_it_and_comes_back_whole() {
    let farm = Farm::new();
    let before = farm.files();
    let aside = farm.leaves(&disk(), false).unwrap();
    assert!(aside.ends_with(format!("left/{}/{}", farm.network, farm.peer)));
    let stays: Vec<PathBuf> =
        fs::read_dir(farm.home.root()).unwrap().map(|entry| entry.unwrap().path()).collect();
    let expected = ["config.toml", "identity.key", "left", "lock"].map(|name| farm.home.root().join(name));
    assert_eq!(stays.iter().collect::<std::collections::BTreeSet<_>>(), expected.iter().collect());
    assert_eq!(files(&aside).len(), before.len() - 2);
    assert!(!take_up(&disk(), &farm.home, Digest([2; 32]), &farm.lock).unwrap(), "another network");
    assert!(farm.returns(&disk()).unwrap());
    assert_eq!(farm.files(), before);
    assert!(!farm.returns(&disk()).unwrap(), "it is here already");
}

#[test]
fn a_home_without_a_key_comes_back_as_the_peer_that_left_with_it() {
    let farm = Farm::new();
    let before = farm.files();
    farm.leaves(&disk(), true).unwrap();
    assert!(!farm.home.identity().exists());
    farm.home.create_key_from([4; 32]).unwrap();
    assert!(!farm.returns(&disk()).unwrap(), "what another peer left is not this one's");
    fs::remove_file(farm.home.identity()).unwrap();
    assert!(farm.returns(&disk()).unwrap());
    assert_eq!(farm.files(), before);
}

#[test]
fn nothing_is_moved_over_something_else() {
    let farm = Farm::new();
    let aside = farm.leaves(&disk(), false).unwrap();
    for name in ["network.toml", "journal"] {
        let path = farm.home.root().join(name);
        fs::write(&path, "another").unwrap();
        let before = farm.files();
        let refused = farm.returns(&disk()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists, "{refused}");
        let refused = farm.leaves(&disk(), false).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists, "{refused}");
        assert_eq!(farm.files(), before);
        fs::remove_file(path).unwrap();
    }
    fs::create_dir(farm.home.receipts()).unwrap();
    assert!(farm.returns(&disk()).unwrap(), "what is empty is in nobody's way");
    assert!(!aside.exists());
}

/// A disk that takes so many changes and no more.
struct Failing(Mutex<usize>);

impl Watcher for Failing {
    fn permit(&self, change: Change<'_>) -> io::Result<usize> {
        let mut left = self.0.lock().unwrap();
        *left = left.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
        Ok(if let Change::Write { bytes, .. } = change { bytes } else { 0 })
    }
}

fn failing(changes: usize) -> HomeDisk {
    HomeDisk::watched(Arc::new(Failing(Mutex::new(changes))))
}

#[test]
fn a_move_that_is_cut_short_anywhere_is_carried_on() {
    let whole = Farm::new();
    let before = whole.files();
    whole.leaves(&disk(), true).unwrap();
    let aside = whole.files();
    let (mut cuts, mut is_over) = (0, false);
    while !is_over {
        let farm = Farm::new();
        is_over = farm.leaves(&failing(cuts), true).is_ok();
        assert!(!farm.is_torn(&before), "{cuts}: half of a home is in no network");
        carry_on(&disk(), &farm.home, &farm.lock).unwrap();
        if farm.home.network().exists() {
            farm.leaves(&disk(), true).unwrap();
        }
        assert_eq!(farm.files(), aside, "{cuts}");
        let _ = farm.returns(&failing(cuts));
        assert!(!farm.is_torn(&before), "{cuts}: half of a home is in no network");
        farm.returns(&disk()).unwrap();
        assert_eq!(farm.files(), before, "{cuts}");
        cuts += 1;
    }
    assert!(cuts > 8, "{cuts}");
}

#[test]
fn what_a_move_is_called_is_read_as_it_was_written() {
    for (way, _) in MoveWay::ALL {
        let begun = HomeMove { network: Digest([1; 32]), peer: PeerId(Digest::of(b"peer").0), way };
        assert_eq!(HomeMove::parse(&begun.to_text()), Some(begun));
    }
    for text in ["", "in", "out with its key\n", "00 00 in\n"] {
        assert_eq!(HomeMove::parse(text), None, "{text}");
    }
}
