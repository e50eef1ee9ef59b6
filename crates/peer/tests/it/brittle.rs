//! A disk that fails as disks do: it runs full, reports faults, writes less than it was given, and forgets at a power cut
//! what was not synced, bytes sector by sector and names one by one.
//!
//! Files lie where they lie; what is not synced yet is noted beside them, so that a power cut can take it back.
//!
//! **Invariant:** what was synced is never touched; the same seed takes back the same.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use assay_peer::disk::{Change, HomeDisk, Watcher};

/// What a disk writes whole or not at all.
pub(crate) const SECTOR_BYTES: u64 = 512;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The power fails: from here on nothing is changed any more.
    Power,
    /// There is no room, for as long as [`Brittle::mend`] is not called.
    Full,
    /// One change fails.
    Fault,
    /// One write takes half of what it was given.
    Short,
}

/// The disk.
pub(crate) struct Brittle {
    state: Mutex<State>,
    /// Where files lie that have lost their name, or lost it to another, until that is synced.
    graves: tempfile::TempDir,
}

#[derive(Default)]
struct State {
    /// Changes since the last trouble was ordered.
    changes: u64,
    trouble: Option<(u64, Trouble)>,
    is_full: bool,
    is_dead: bool,
    /// How much of each file that was written to is on the disk, and what a cut took away.
    files: BTreeMap<PathBuf, Unsynced>,
    /// Changes of names that are not on the disk, oldest first.
    names: Vec<NameChange>,
    buried: u64,
}

struct Unsynced {
    synced: u64,
    cut: Vec<u8>,
}

enum NameChange {
    Created(PathBuf),
    Renamed { from: PathBuf, to: PathBuf, over: Option<PathBuf> },
    Removed { path: PathBuf, grave: PathBuf },
}

/// Numbers that follow from a seed.
pub(crate) struct Lot(pub(crate) u64);

impl Lot {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

impl Brittle {
    /// A disk that holds for now, and the same as a home is opened on.
    pub(crate) fn new() -> (Arc<Self>, HomeDisk) {
        let graves = tempfile::tempdir().unwrap();
        let brittle = Arc::new(Self { state: Mutex::default(), graves });
        let disk = HomeDisk::watched(brittle.clone());
        (brittle, disk)
    }

    /// Orders trouble for the change of this number from now on; the next is 1.
    pub(crate) fn order(&self, at: u64, trouble: Trouble) {
        let mut state = self.state();
        (state.changes, state.trouble) = (0, Some((at, trouble)));
    }

    /// True once the trouble that was ordered has come.
    pub(crate) fn has_struck(&self) -> bool {
        self.state().trouble.is_none()
    }

    /// There is room again, and no trouble to come.
    pub(crate) fn mend(&self) {
        let mut state = self.state();
        (state.is_full, state.trouble) = (false, None);
    }

    /// Takes back, as the lot has it, what was not synced when the power failed. Nobody may be using the files.
    pub(crate) fn forget(&self, lot: &mut Lot) {
        let mut state = self.state();
        let state = &mut *state;
        for change in state.names.drain(..).rev() {
            if lot.coin() {
                undo(change, &mut state.files).unwrap();
            }
        }
        for (path, unsynced) in std::mem::take(&mut state.files) {
            if path.exists() {
                tear(&path, &unsynced, lot).unwrap();
            }
        }
        *state = State { buried: state.buried, ..State::default() };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Keeps a file that is about to lose its name.
    fn bury(&self, state: &mut State, path: &Path) -> io::Result<PathBuf> {
        state.buried += 1;
        let grave = self.graves.path().join(state.buried.to_string());
        if fs::hard_link(path, &grave).is_err() {
            fs::copy(path, &grave)?;
        }
        Ok(grave)
    }

    fn note(&self, state: &mut State, change: Change<'_>) -> io::Result<()> {
        match change {
            Change::Create(path) => {
                state.files.insert(path.into(), Unsynced { synced: 0, cut: Vec::new() });
                state.names.push(NameChange::Created(path.into()));
            }
            // Its bytes are another's, which nobody here writes to.
            Change::Share { to, .. } => state.names.push(NameChange::Created(to.into())),
            Change::Write { path, offset, .. } => {
                let unsynced = state.files.entry(path.into());
                let unsynced = unsynced.or_insert(Unsynced { synced: offset, cut: Vec::new() });
                unsynced.synced = unsynced.synced.min(offset);
                unsynced.cut.clear();
            }
            Change::Cut { path, length } => {
                let (mut file, mut cut) = (File::open(path)?, Vec::new());
                file.seek(SeekFrom::Start(length))?;
                file.read_to_end(&mut cut)?;
                let unsynced = state.files.entry(path.into());
                let unsynced = unsynced.or_insert(Unsynced { synced: length, cut: Vec::new() });
                (unsynced.synced, unsynced.cut) = (unsynced.synced.min(length), cut);
            }
            Change::Sync(path) => drop(state.files.remove(path)),
            Change::Rename { from, to } => {
                let over = if to.exists() { Some(self.bury(state, to)?) } else { None };
                if let Some(unsynced) = state.files.remove(from) {
                    state.files.insert(to.into(), unsynced);
                }
                state.names.push(NameChange::Renamed { from: from.into(), to: to.into(), over });
            }
            Change::Remove(path) => {
                let grave = self.bury(state, path)?;
                state.files.remove(path);
                state.names.push(NameChange::Removed { path: path.into(), grave });
            }
            Change::SyncFolder(folder) => {
                state.names.retain(|change| change.path().parent() != Some(folder));
            }
        }
        Ok(())
    }
}

impl Watcher for Brittle {
    fn permit(&self, change: Change<'_>) -> io::Result<usize> {
        let mut state = self.state();
        let state = &mut *state;
        if state.is_dead {
            return Err(io::Error::other("the power is gone"));
        }
        state.changes += 1;
        let bytes = if let Change::Write { bytes, .. } = change { bytes } else { 0 };
        if let Some((_, trouble)) = state.trouble.take_if(|(at, _)| *at <= state.changes) {
            match trouble {
                Trouble::Power => {
                    state.is_dead = true;
                    return Err(io::Error::other("the power fails"));
                }
                Trouble::Full => state.is_full = true,
                Trouble::Fault => return Err(io::Error::from_raw_os_error(5)),
                Trouble::Short if bytes > 1 => {
                    self.note(state, change)?;
                    return Ok(bytes / 2);
                }
                Trouble::Short => state.trouble = Some((state.changes + 1, Trouble::Short)),
            }
        }
        if state.is_full && matches!(change, Change::Create(_) | Change::Share { .. } | Change::Write { .. })
        {
            return Err(io::Error::from_raw_os_error(28));
        }
        self.note(state, change)?;
        Ok(bytes)
    }
}

impl NameChange {
    fn path(&self) -> &Path {
        match self {
            Self::Created(path) | Self::Removed { path, .. } => path,
            Self::Renamed { to, .. } => to,
        }
    }
}

fn undo(change: NameChange, files: &mut BTreeMap<PathBuf, Unsynced>) -> io::Result<()> {
    match change {
        NameChange::Created(path) => {
            if path.exists() {
                fs::remove_file(&path)?;
            }
            files.remove(&path);
        }
        NameChange::Renamed { from, to, over } => {
            if to.exists() && from.parent().is_some_and(Path::exists) {
                fs::rename(&to, &from)?;
                if let Some(unsynced) = files.remove(&to) {
                    files.insert(from, unsynced);
                }
                if let Some(over) = over {
                    fs::copy(over, to)?;
                }
            }
        }
        NameChange::Removed { path, grave } => {
            if !path.exists() && path.parent().is_some_and(Path::exists) {
                fs::copy(grave, path)?;
            }
        }
    }
    Ok(())
}

/// Leaves of a file what was synced, and of the rest some, sector by sector.
fn tear(path: &Path, unsynced: &Unsynced, lot: &mut Lot) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let (length, synced) = (file.metadata()?.len(), unsynced.synced);
    if length <= synced {
        if !unsynced.cut.is_empty() && lot.coin() {
            file.seek(SeekFrom::Start(length))?;
            file.write_all(&unsynced.cut)?;
        }
        return file.sync_all();
    }
    let mut at = synced;
    while at < length {
        let end = length.min((at / SECTOR_BYTES + 1) * SECTOR_BYTES);
        if lot.coin() {
            file.seek(SeekFrom::Start(at))?;
            file.write_all(&vec![0; (end - at) as usize])?;
        }
        at = end;
    }
    file.set_len(synced + lot.below(length - synced + 1))?;
    file.sync_all()
}
