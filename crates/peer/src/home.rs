//! The home of a peer belongs to one process at a time, and to one account of the machine.
//!
//! **Invariant:** while a `HomeLock` lives, no other process holds one for the same folder; the kernel lets go of it
//! however the process ends, so a stale lock cannot exist. No home is taken that another account could read: it holds
//! the seeds of beacons, the secrets of clients and the inputs of strangers. A daemon whose home is gone learns it within
//! seconds.

pub(crate) mod books_mark;
pub mod departure;

use std::{
    fs::{File, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::{
    task::spawn_blocking,
    time::{MissedTickBehavior, interval},
};

use crate::{
    config::Home,
    system::{create_folder, exposed, has_name, private},
};

/// The file in a home that is locked. It holds the process id of the owner, for people to read.
pub const LOCK_FILE: &str = "lock";
/// Digits in the longest process id, and its line end.
const PID_BYTES_MAX: u64 = 16;
/// How often a home is tried that somebody has.
const TRIES_MAX: u32 = 20;
/// How long to wait between two tries.
const TRY_WAIT: Duration = Duration::from_millis(50);
/// How often an owner looks whether its home is still there.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Why a home could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// Others can read or enter it.
    #[error("others can get at {}: its mode is {mode:03o}", path.display())]
    Exposed {
        /// The home, or what in it is open to others.
        path: PathBuf,
        /// What the mode is.
        mode: u32,
        /// The home.
        home: PathBuf,
    },
    /// The lock file could not be made or read.
    #[error("the home {} cannot be locked: {error}", home.display())]
    Disk {
        /// The home.
        home: PathBuf,
        /// What the disk said.
        #[source]
        error: io::Error,
    },
}

/// Another process has the home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the home is in use by process {pid}")]
pub struct Locked {
    /// The process that has it, or 0 if it has not yet written its number.
    pub pid: u32,
}

/// Proof that this process owns a home.
#[derive(Debug)]
pub struct HomeLock {
    file: Arc<File>,
    folder: PathBuf,
}

impl LockError {
    /// What the disk said about this home.
    fn disk(home: &Path, error: io::Error) -> Self {
        Self::Disk { home: home.to_owned(), error }
    }
}

impl HomeLock {
    /// Takes the home in `folder`, which is made if there is none.
    ///
    /// # Errors
    /// [`LockError::Locked`] with the owner's process id, if another process has it; [`LockError::Exposed`], if other
    /// accounts can read what is in it.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        make(folder)?;
        let disk = |error| LockError::disk(folder, error);
        let path = folder.join(LOCK_FILE);
        let opened = private().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = opened.map_err(disk)?;
        lock(&file, folder)?;
        file.set_len(0).map_err(disk)?;
        file.rewind().map_err(disk)?;
        writeln!(file, "{}", std::process::id()).map_err(disk)?;
        Ok(Self { file: Arc::new(file), folder: folder.to_owned() })
    }

    /// Returns once the home is gone, with where it was: its lock has no name any more, or what has that name is another file. A
    /// disk that does not say is no reason.
    pub(crate) async fn lost(&self) -> PathBuf {
        has_gone(&self.file, &self.folder.join(LOCK_FILE)).await;
        self.folder.clone()
    }

    /// Whether the home is gone by now.
    pub(crate) async fn is_lost(&self) -> bool {
        is_gone(&self.file, &self.folder.join(LOCK_FILE)).await
    }
}

impl Drop for HomeLock {
    /// Lets go at once. Closing the file would not: a process that is just being started still has it open.
    fn drop(&mut self) {
        // What cannot be let go ends with this process.
        _ = self.file.unlock();
    }
}

/// Returns once nothing has the name of a file that is open, or another file has it. A disk that does not say is no reason.
pub async fn has_gone(file: &Arc<File>, path: &Path) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if is_gone(file, path).await {
            return;
        }
    }
}

async fn is_gone(file: &Arc<File>, path: &Path) -> bool {
    let (file, path) = (Arc::clone(file), path.to_owned());
    matches!(spawn_blocking(move || has_name(&file, &path)).await, Ok(Ok(false)))
}

/// Makes the folder of a home, if there is none.
///
/// # Errors
/// [`LockError::Exposed`], if there is one that other accounts can get at, or something in it that only its peer writes.
pub fn make(folder: &Path) -> Result<(), LockError> {
    create_folder(folder).map_err(|error| LockError::disk(folder, error))?;
    check(folder)
}

/// Looks whether a home is its owner's alone, where the system has such a thing.
///
/// # Errors
/// As [`make`].
pub fn check(folder: &Path) -> Result<(), LockError> {
    for path in Home::at(folder).private() {
        let mode = exposed(&path).map_err(|error| LockError::disk(folder, error))?;
        if let Some(mode) = mode {
            return Err(LockError::Exposed { path, mode, home: folder.to_owned() });
        }
    }
    Ok(())
}

/// Locks the file. An owner that was killed a moment ago may have left a process that is just being started, which has it
/// open until it runs its own program.
fn lock(file: &File, folder: &Path) -> Result<(), LockError> {
    for _ in 0..TRIES_MAX {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => thread::sleep(TRY_WAIT),
            Err(TryLockError::Error(error)) => return Err(LockError::disk(folder, error)),
        }
    }
    Err(Locked { pid: owner(file) }.into())
}

/// The process that has the home in `folder` now, if one has it: 0, where that has not yet written its number. A process that
/// took the home a moment ago may be told by the number of the one before it, so whoever acts on it asks twice.
///
/// # Errors
/// [`io::Error`], if the lock cannot be looked at.
pub fn owner_of(folder: &Path) -> io::Result<Option<u32>> {
    let file = match File::open(folder.join(LOCK_FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    // Shared, so that those who look do not take each other for an owner.
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| None),
        Err(TryLockError::WouldBlock) => Ok(Some(owner(&file))),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn owner(file: &File) -> u32 {
    let mut text = String::new();
    let read = file.take(PID_BYTES_MAX).read_to_string(&mut text);
    read.ok().and_then(|_| text.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_home_has_one_owner_until_it_lets_go() {
        let home = tempfile::tempdir().unwrap();
        let held = HomeLock::take(home.path()).unwrap();
        match HomeLock::take(home.path()) {
            Err(LockError::Locked(Locked { pid })) => assert_eq!(pid, std::process::id()),
            other => panic!("{other:?}"),
        }
        assert_eq!(owner_of(home.path()).unwrap(), Some(std::process::id()));
        drop(held);
        assert_eq!(owner_of(home.path()).unwrap(), None, "though its number still stands there");
        HomeLock::take(home.path()).unwrap();
    }

    #[test]
    fn a_home_is_let_go_though_a_child_of_its_owner_has_the_file_open() {
        let home = tempfile::tempdir().unwrap();
        let held = HomeLock::take(home.path()).unwrap();
        let _inherited = held.file.try_clone().unwrap();
        drop(held);
        HomeLock::take(home.path()).unwrap();
    }

    #[test]
    fn a_home_is_taken_once_a_child_of_its_killed_owner_runs_its_own_program() {
        let home = tempfile::tempdir().unwrap();
        drop(HomeLock::take(home.path()).unwrap());
        let inherited = File::open(home.path().join(LOCK_FILE)).unwrap();
        inherited.lock().unwrap();
        thread::scope(|scope| {
            let taken = scope.spawn(|| HomeLock::take(home.path()).map(drop));
            thread::sleep(4 * TRY_WAIT);
            drop(inherited);
            taken.join().unwrap().unwrap();
        });
    }

    #[tokio::test]
    async fn a_home_is_lost_once_its_lock_is_not_the_file_that_is_there() {
        let outer = tempfile::tempdir().unwrap();
        let (home, aside) = (outer.path().join("home"), outer.path().join("aside"));
        let held = HomeLock::take(&home).unwrap();
        let path = home.join(LOCK_FILE);
        let is_held = || has_name(&held.file, &path).unwrap();
        assert!(is_held());
        fs::rename(&home, &aside).unwrap();
        assert!(!is_held(), "it is nowhere");
        drop(HomeLock::take(&home).unwrap());
        assert!(!is_held(), "another home is there");
        assert_eq!(held.lost().await, home);
        fs::remove_dir_all(&home).unwrap();
        fs::write(&home, "no folder").unwrap();
        assert!(!is_held(), "nothing can be in it");
        fs::remove_file(&home).unwrap();
        fs::rename(&aside, &home).unwrap();
        assert!(is_held(), "it was put back");
        assert!(held.lost().now_or_never().is_none());
    }

    #[test]
    fn a_home_that_others_can_read_is_not_taken() {
        let outer = tempfile::tempdir().unwrap();
        let home = outer.path().join("above/home");
        drop(HomeLock::take(&home).unwrap());
        assert_eq!(exposed(&home).unwrap(), None);
        for (path, mode) in
            [(home.clone(), 0o750), (home.join("journal"), 0o604), (home.join("blobs"), 0o701)]
        {
            if !path.exists() {
                fs::write(&path, b"").unwrap();
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            match HomeLock::take(&home) {
                Err(LockError::Exposed { path: found, mode: of, .. }) => {
                    assert_eq!((found, of), (path.clone(), mode))
                }
                other => panic!("{other:?}"),
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o700)).unwrap();
        }
        HomeLock::take(&home).unwrap();
    }
}
