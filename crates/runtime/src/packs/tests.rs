//! Files of packs, as their keeper sees them: what is found, what goes, and what is never there.

use std::{io::Write, sync::atomic::AtomicBool};

use super::*;

const MIB: u64 = 1 << 20;

/// Hears all of it, and wants every model but those named.
#[derive(Clone, Default)]
struct Ear {
    heard: Arc<Mutex<Vec<(Digest, PackNews)>>>,
    unwanted: Arc<Mutex<Vec<Digest>>>,
}

impl PackKeeper for Ear {
    fn room(&self) -> u64 {
        MIB
    }

    fn is_wanted(&self, model: Digest) -> bool {
        !self.unwanted.lock().unwrap().contains(&model)
    }

    fn hear(&self, model: Digest, news: &PackNews) {
        self.heard.lock().unwrap().push((model, news.clone()));
    }
}

/// Wants every model, on a disk that is large.
struct Roomy;

impl PackKeeper for Roomy {
    fn room(&self) -> u64 {
        1 << 30
    }

    fn is_wanted(&self, _: Digest) -> bool {
        true
    }

    fn hear(&self, _: Digest, _: &PackNews) {}
}

fn model(number: u8) -> Digest {
    Digest([number; 32])
}

/// A folder whose packs make room for others at once.
fn open(root: &Path, bytes_max: u64, ear: &Ear) -> Arc<PackFolder> {
    let folder = PackFolder::open(root, bytes_max, ear.clone()).unwrap();
    Arc::new(PackFolder { stay: Duration::ZERO, ..folder })
}

/// Keeps a pack of so many bytes.
fn keep(folder: &Arc<PackFolder>, of: Digest, bytes: usize) {
    let draft = folder.begin(of, 0).unwrap();
    (&draft.file).write_all(&vec![7; bytes]).unwrap();
    draft.settle(Digest::of(&of.0));
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    fs::read_dir(folder).unwrap().map(name).collect()
}

#[test]
fn a_pack_is_found_by_its_model_with_the_digest_that_its_writer_said() {
    let (root, ear) = (tempfile::tempdir().unwrap(), Ear::default());
    let folder = open(root.path(), MIB, &ear);
    assert!(folder.find(model(1)).is_none());
    keep(&folder, model(1), 100);
    for folder in [&folder, &open(root.path(), MIB, &ear)] {
        let kept = folder.find(model(1)).unwrap();
        assert_eq!((kept.digest, kept.file.metadata().unwrap().len()), (Digest::of(&model(1).0), 100));
        assert!(folder.find(model(2)).is_none());
    }
    assert_eq!(bytes_of(root.path(), model(1)), Some(100));
    assert_eq!(*ear.heard.lock().unwrap(), [(model(1), PackNews::Kept { bytes: 100 })]);
    folder.find(model(1)).unwrap().refuse("it is another");
    assert!(folder.find(model(1)).is_none(), "what is refused is gone");
    keep(&folder, model(1), 100);
    remove(root.path(), model(1)).unwrap();
    remove(root.path(), model(1)).unwrap();
    assert!(folder.find(model(1)).is_none() && bytes_of(root.path(), model(1)).is_none());
}

#[test]
fn nobody_is_promised_what_somebody_else_is_nor_more_than_a_pack_has() {
    let (root, ear) = (tempfile::tempdir().unwrap(), Ear::default());
    let folder = open(root.path(), 1 << 40, &ear);
    let draft = folder.begin(model(1), 1000).unwrap();
    assert_eq!(draft.bytes_max, MIB, "all that there is");
    assert!(folder.begin(model(2), 1000).is_none());
    drop(draft);
    let roomy = Arc::new(PackFolder::open(root.path(), 1 << 40, Roomy).unwrap());
    let drafts = [1, 2].map(|number| roomy.begin(model(number), 1000).unwrap());
    assert_eq!(drafts.map(|draft| draft.bytes_max), [2000 + BESIDE_BYTES; 2]);
}

#[test]
fn what_is_not_whole_leaves_nothing_and_what_an_ended_process_left_goes() {
    let (root, ear) = (tempfile::tempdir().unwrap(), Ear::default());
    let folder = open(root.path(), MIB, &ear);
    let making = root.path().join(MAKING);
    let draft = folder.begin(model(1), 0).unwrap();
    (&draft.file).write_all(b"half of it").unwrap();
    assert_eq!(names(&making).len(), 1);
    drop(draft);
    folder.begin(model(1), 0).unwrap().give_up("the disk is full");
    assert!(names(&making).is_empty() && folder.find(model(1)).is_none());
    fs::write(making.join("0"), b"half of it").unwrap();
    open(root.path(), MIB, &ear);
    assert!(names(&making).is_empty());
}

#[test]
fn packs_go_with_their_models() {
    let (root, ear) = (tempfile::tempdir().unwrap(), Ear::default());
    let folder = open(root.path(), MIB, &ear);
    keep(&folder, model(1), 100);
    let draft = folder.begin(model(2), 0).unwrap();
    ear.unwanted.lock().unwrap().extend([model(1), model(2)]);
    draft.settle(model(9));
    assert!(folder.find(model(2)).is_none(), "it was let go while it was packed");
    assert!(matches!(ear.heard.lock().unwrap().last(), Some((_, PackNews::NotKept { .. }))));
    open(root.path(), MIB, &ear);
    assert_eq!(names(root.path()), [MAKING]);
}

#[test]
fn a_model_that_goes_while_its_pack_is_named_leaves_none() {
    /// Wants a model the first time that it is asked.
    struct Leaving(AtomicBool);
    impl PackKeeper for Leaving {
        fn room(&self) -> u64 {
            MIB
        }

        fn is_wanted(&self, _: Digest) -> bool {
            !self.0.swap(true, Ordering::Relaxed)
        }

        fn hear(&self, _: Digest, news: &PackNews) {
            assert!(matches!(news, PackNews::NotKept { .. }), "{news:?}");
        }
    }
    let root = tempfile::tempdir().unwrap();
    let folder = Arc::new(PackFolder::open(root.path(), MIB, Leaving(AtomicBool::default())).unwrap());
    keep(&folder, model(1), 100);
    assert_eq!(names(root.path()), [MAKING]);
}

#[test]
fn the_pack_that_was_not_used_for_longest_makes_room() {
    let (root, ear) = (tempfile::tempdir().unwrap(), Ear::default());
    let folder = open(root.path(), 250, &ear);
    keep(&folder, model(1), 100);
    keep(&folder, model(2), 100);
    folder.find(model(1)).unwrap();
    keep(&folder, model(3), 100);
    let is_there = [1, 2, 3].map(|number| folder.find(model(number)).is_some());
    assert_eq!(is_there, [true, false, true]);
    assert_eq!(ear.heard.lock().unwrap().last(), Some(&(model(2), PackNews::MadeRoom { bytes: 100 })));
    open(root.path(), 99, &ear);
    assert!([1, 3].iter().all(|number| bytes_of(root.path(), model(*number)).is_none()));
}

#[test]
fn what_was_used_lately_makes_room_for_no_other() {
    let (root, ear) = (tempfile::tempdir().unwrap(), Ear::default());
    keep(&open(root.path(), 250, &ear), model(1), 100);
    let folder = Arc::new(PackFolder::open(root.path(), 250, ear).unwrap());
    let room = |number| folder.begin(model(number), 1000).map_or(0, |draft| draft.bytes_max);
    assert_eq!(room(2), 250, "nobody has used one since the daemon started");
    folder.find(model(1)).unwrap();
    assert_eq!((room(2), room(1)), (150, 250), "nothing is in its own way");
    keep(&folder, model(2), 150);
    assert_eq!((room(3), room(1)), (0, 100));
    assert!([1, 2].iter().all(|number| folder.find(model(*number)).is_some()));
}

// Where an entry of a folder is looked at when it is asked, not when it was listed.
#[cfg(unix)]
#[test]
fn what_goes_while_packs_are_listed_takes_no_other_with_it() {
    let root = tempfile::tempdir().unwrap();
    let folder = Arc::new(PackFolder::open(root.path(), 250, Ear::default()).unwrap());
    keep(&folder, model(1), 100);
    keep(&folder, model(2), 100);
    let place = root.path().join(model(1).to_string());
    let listed: Vec<fs::DirEntry> = fs::read_dir(&place).unwrap().map(Result::unwrap).collect();
    let seen = PackFile::of(model(1), &listed[0]).unwrap();
    assert_eq!(seen.map(|file| (file.model, file.bytes)), Some((model(1), 100)));
    remove(root.path(), model(1)).unwrap();
    assert!(PackFile::of(model(1), &listed[0]).unwrap().is_none(), "a file that has gone since");
    // A name that leads nowhere is what a folder is that has gone since.
    std::os::unix::fs::symlink(root.path().join("nowhere"), &place).unwrap();
    let files = folder.list().unwrap();
    assert_eq!(files.iter().map(|file| file.model).collect::<Vec<_>>(), [model(2)]);
    let room = folder.begin(model(3), 1000).map(|draft| draft.bytes_max);
    assert_eq!(room, Some(150), "what is there is counted, and it was used lately");
}

#[test]
fn a_pack_of_another_version_is_not_found_and_goes_when_one_of_this_is_kept() {
    let (root, ear) = (tempfile::tempdir().unwrap(), Ear::default());
    let folder = open(root.path(), MIB, &ear);
    let place = root.path().join(model(1).to_string());
    fs::create_dir_all(&place).unwrap();
    let digest = model(5);
    let names_of_others = [
        format!("0-{VERSION}-{PROGRAM}-{digest}"),
        format!("{ARITHMETIC_VERSION}-0-{PROGRAM}-{digest}"),
        format!("{ARITHMETIC_VERSION}-{VERSION}-0.0.9-{digest}"),
        format!("{ARITHMETIC_VERSION}-{VERSION}-{digest}"),
    ];
    for name in names_of_others {
        fs::write(place.join(name), b"older").unwrap();
    }
    assert!(folder.find(model(1)).is_none());
    keep(&folder, model(1), 100);
    assert_eq!(names(&place).len(), 1);
    assert!(folder.find(model(1)).is_some());
}

#[test]
fn a_pack_that_there_is_no_room_for_is_not_begun() {
    struct Full(Ear);
    impl PackKeeper for Full {
        fn room(&self) -> u64 {
            0
        }

        fn is_wanted(&self, model: Digest) -> bool {
            self.0.is_wanted(model)
        }

        fn hear(&self, model: Digest, news: &PackNews) {
            self.0.hear(model, news);
        }
    }
    let (root, ear) = (tempfile::tempdir().unwrap(), Ear::default());
    let folder = Arc::new(PackFolder::open(root.path(), MIB, Full(ear.clone())).unwrap());
    assert!(folder.begin(model(1), 0).is_none());
    assert!(matches!(ear.heard.lock().unwrap()[..], [(_, PackNews::NotKept { .. })]));
}
