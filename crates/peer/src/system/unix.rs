//! Unix systems.
//!
//! **Invariant:** what is made here nobody else reads, writes or enters, whatever the process's mask is.

mod socket;

use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    time::Duration,
};

use rustix::{
    fs::statvfs,
    process::{Resource, Rlimit, getrlimit, setrlimit},
    time::{ClockId, clock_gettime},
};
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(crate) use self::socket::{Listener, connect, nameable};

/// Only the owner reads and writes.
const FILE_MODE: u32 = 0o600;
/// Only the owner reads, writes and enters.
const FOLDER_MODE: u32 = 0o700;
/// Whoever else may read, write or enter.
const OTHERS: u32 = 0o077;

/// Files that a daemon has open at a time.
const FILES_OPEN_MAX: u64 = 16_384;
/// The clock that goes on in sleep: on Apple's systems that is this one, by their manual.
#[cfg(not(target_os = "linux"))]
const STEADY: ClockId = ClockId::Monotonic;
/// The clock that goes on in sleep.
#[cfg(target_os = "linux")]
const STEADY: ClockId = ClockId::Boottime;

/// What this system does not give to a peer.
#[must_use]
pub fn lacks() -> &'static [&'static str] {
    &[]
}

/// How a file of the owner's alone is opened where it may have to be made.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE_MODE);
    options
}

/// Makes a folder of the owner's alone, and those above it that are missing. One in which something stands already stays
/// as it is: who could read that has perhaps read it, and its owner ought to know.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    if exposed(folder)?.is_some() && fs::read_dir(folder)?.next().is_none() {
        fs::set_permissions(folder, Permissions::from_mode(FOLDER_MODE))?;
    }
    Ok(())
}

/// The mode of a file or folder that others than its owner may read, write or enter; `None` where nobody may, or where
/// there is nothing.
pub(crate) fn exposed(path: &Path) -> io::Result<Option<u32>> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata?,
    };
    let mode = metadata.permissions().mode() & 0o777;
    Ok((mode & OTHERS != 0).then_some(mode))
}

/// Whether this path leads to a file that is open.
///
/// # Errors
/// [`io::Error`], if the disk does not say.
pub fn has_name(file: &File, path: &Path) -> io::Result<bool> {
    let there = match fs::metadata(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(false);
        }
        metadata => metadata?,
    };
    let here = file.metadata()?;
    Ok((there.dev(), there.ino()) == (here.dev(), here.ino()))
}

/// Waits until the entries of a folder are on the disk.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// What a file is, and when anything of it last changed. The last of these is the system's own: nobody sets it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    file: (u64, u64),
    bytes: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Option<Self> {
        Some(Self {
            file: (metadata.dev(), metadata.ino()),
            bytes: metadata.len(),
            written: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// Makes a file that shares the bytes of another until one of them is written to.
#[cfg(target_os = "linux")]
pub(crate) fn clone_file(from: &Path, to: &Path) -> io::Result<()> {
    let source = File::open(from)?;
    let clone = private().write(true).create_new(true).open(to)?;
    rustix::fs::ioctl_ficlone(&clone, &source).map_err(|error| {
        // One that is left empty is swept with what else is half written.
        let _ = fs::remove_file(to);
        error.into()
    })
}

/// Not asked for here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn clone_file(_from: &Path, _to: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Bytes that the disk of a folder has free for this user; nothing if it does not say.
#[must_use]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    statvfs(folder).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The time since the machine was started, its sleep included.
pub(crate) fn since_start() -> Duration {
    let since = clock_gettime(STEADY);
    Duration::new(since.tv_sec.unsigned_abs(), u32::try_from(since.tv_nsec).unwrap_or(0))
}

/// Lets this process have as many files open as the system gives it: each peer and each user takes one.
pub fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let most = maximum.unwrap_or(FILES_OPEN_MAX).min(FILES_OPEN_MAX);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum }) {
        tracing::warn!(%error, "no more files can be open at a time");
    }
}

/// The signals that end a daemon.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the first of them.
    pub(crate) async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
