//! Windows.
//!
//! **Invariant:** nothing here pretends: what this system does not give is in [`lacks`].

use std::{
    env,
    fs::{self, File, OpenOptions},
    io,
    os::windows::process::CommandExt,
    path::Path,
    process::{Child, Command},
};

use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown};

use crate::command_error::Exit;

/// Begins a group that Ctrl-C of this console does not reach.
const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;
/// Gives the process a console that is not shown.
const CREATE_NO_WINDOW: u32 = 0x0800_0000;
/// Set for a process in the background: its standard error is the log of its home, which cannot be seen from inside.
const BACKGROUND: &str = "ASSAY_BACKGROUND";

/// What this system does not give to the program.
pub(crate) fn lacks() -> &'static [&'static str] {
    &[
        "what a daemon in the background says beside its log stays in the log before, once there is one",
        "a passphrase cannot be typed unseen: --passphrase-file names a file that it is read from",
    ]
}

/// Not known: lines are as long as they are.
pub(crate) fn terminal_columns<T>(_terminal: T) -> Option<usize> {
    None
}

/// Not known.
pub(crate) fn memory_bytes() -> Option<u64> {
    None
}

/// Not known.
pub(crate) fn free_memory_bytes() -> Option<u64> {
    None
}

/// Waits until a person (Ctrl-C) or the system asks this process to end, and says with which status it then should.
pub(crate) async fn asked() -> Exit {
    let (Ok(mut interrupt), Ok(mut breaking), Ok(mut closing), Ok(mut shutdown)) =
        (ctrl_c(), ctrl_break(), ctrl_close(), ctrl_shutdown())
    else {
        // Without a handler the system's own applies, which ends the process.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => Exit::Interrupted,
        _ = breaking.recv() => Exit::Terminated,
        _ = closing.recv() => Exit::Terminated,
        _ = shutdown.recv() => Exit::Terminated,
    }
}

/// Opens a log to add to it. Who else may read it, the folder says that it is in.
pub(crate) fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Makes a file where there is none. Who else may read it, the folder says that it is in.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    File::create_new(path)
}

/// There is none: the console shows what is typed.
pub(crate) enum UnseenConsole {}

impl UnseenConsole {
    /// Not asked for here.
    pub(crate) fn begin() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Gives a process that is to start a console of its own.
pub(crate) fn detach(command: &mut Command) -> &mut Command {
    command.creation_flags(CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW).env(BACKGROUND, "1")
}

/// Kills a process. Its workers end when they find that nobody speaks to them any more.
pub(crate) fn kill(child: &mut Child) {
    // One that is gone is no error.
    let _ = child.kill();
}

/// Kills a process that somebody else started, and everything that it started.
pub(crate) fn kill_process(process: u32, _file: &Path) -> io::Result<()> {
    let killed = Command::new("taskkill").args(["/F", "/T", "/PID", &process.to_string()]).output()?;
    match killed.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(String::from_utf8_lossy(&killed.stderr).into_owned())),
    }
}

/// Whether this account owns a file: whoever may write where it lies is asked nothing else here.
pub(crate) fn is_ours(path: &Path) -> bool {
    path.exists()
}

/// Whether what this process says to standard error goes into this file: whoever started it in the background saw to that.
pub(crate) fn is_standard_error(_stderr: &io::Stderr, path: &Path) -> bool {
    env::var_os(BACKGROUND).is_some() && path.exists()
}

/// Whether this path leads to a file that is open, as far as lengths show it: a log that has turned begins anew.
pub(crate) fn is_file_at(file: &File, path: &Path) -> bool {
    let (Ok(there), Ok(here)) = (fs::metadata(path), file.metadata()) else { return false };
    there.len() >= here.len()
}

/// Standard output and standard error stay where they are.
pub(crate) fn take_over_output(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Something as it is typed at a shell: in the quotes that both shells of this system know, where it needs them. No path here has such
/// a quote in it, and each has the stroke that separates its folders. Of a path that has the name of a variable between two `%` the
/// older shell makes something else even so; what would keep it from that, the newer one takes for a part of the path.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || r"\/._-+=:~".contains(letter);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("\"{text}\""),
    }
}
