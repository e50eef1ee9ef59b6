//! Windows.
//!
//! **Invariant:** nothing here pretends: what this system does not give is in [`lacks`].

mod socket;

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    path::Path,
    sync::LazyLock,
    time::{Duration, Instant},
};

use tokio::signal::windows::{
    CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
};

pub(crate) use self::socket::{Listener, connect, nameable};

/// When this process first looked at the clock.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// What this system does not give to a peer.
#[must_use]
pub fn lacks() -> &'static [&'static str] {
    &[
        "who else can read the home is not looked at: it is as private as the folder that it is in",
        "how much the disk has free is not known: daemon.free_bytes_min holds nothing back",
        "a power cut may undo the renaming of a file that was written",
        "a home that another is put in the place of is not told from it: its daemon goes on",
        "runners and models are read anew before each job, since a changed file cannot be told from an old one",
    ]
}

/// How a file is opened where it may have to be made. Who may read it, the folder says that it is made in.
pub(crate) fn private() -> OpenOptions {
    OpenOptions::new()
}

/// Makes a folder, and those above it that are missing.
pub(crate) fn create_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Files have no mode.
pub(crate) fn exposed(_path: &Path) -> io::Result<Option<u32>> {
    Ok(None)
}

/// Whether this path leads to a file that is open, as far as it can be told: to any.
///
/// # Errors
/// [`io::Error`], if the disk does not say.
pub fn has_name(_file: &File, path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        metadata => metadata.map(|_| true),
    }
}

/// Only a system's own processes may have a folder written out.
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// There is none: anybody who may write a file may set each of its times back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamp {}

impl Stamp {
    pub(crate) fn of(_metadata: &Metadata) -> Option<Self> {
        None
    }
}

/// Not asked for here.
pub(crate) fn clone_file(_from: &Path, _to: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Not known.
#[must_use]
pub fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

/// The time since this process first asked. The counter behind it goes on while the machine sleeps.
pub(crate) fn since_start() -> Duration {
    STARTED.elapsed()
}

/// The system gives as many as there is memory for.
pub fn raise_open_files() {}

/// The events that end a daemon.
pub(crate) struct Signals {
    interrupt: CtrlC,
    breaking: CtrlBreak,
    closing: CtrlClose,
    shutdown: CtrlShutdown,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            breaking: ctrl_break()?,
            closing: ctrl_close()?,
            shutdown: ctrl_shutdown()?,
        })
    }

    /// Waits for the first of them.
    pub(crate) async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.breaking.recv() => {}
            _ = self.closing.recv() => {}
            _ = self.shutdown.recv() => {}
        }
    }
}
