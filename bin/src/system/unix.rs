//! Unix systems.
//!
//! **Invariant:** a file that is made here is its owner's alone.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::AsFd,
        unix::{
            fs::{MetadataExt, OpenOptionsExt},
            process::CommandExt,
        },
    },
    path::Path,
    process::{Child, Command},
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process_group},
    stdio::{dup2_stderr, dup2_stdout},
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr},
};
use tokio::signal::unix::{SignalKind, signal};

use crate::command_error::Exit;

/// What this system does not give to the program.
pub(crate) fn lacks() -> &'static [&'static str] {
    &[]
}

/// Characters of a line of this terminal. One that knows no width says 0.
pub(crate) fn terminal_columns(terminal: impl AsFd) -> Option<usize> {
    let size = tcgetwinsize(terminal).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Bytes of memory that the machine has, if the system says so in a file, as Linux does.
pub(crate) fn memory_bytes() -> Option<u64> {
    memory("MemTotal:")
}

/// Bytes of it that programs can still have, if the system says so.
pub(crate) fn free_memory_bytes() -> Option<u64> {
    memory("MemAvailable:")
}

fn memory(kind: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes = text.lines().find_map(|line| line.strip_prefix(kind))?;
    kibibytes.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok()?.checked_mul(1024)
}

/// Waits until a person (Ctrl-C) or the system asks this process to end, and says with which status it then should.
pub(crate) async fn asked() -> Exit {
    tokio::select! {
        () = heard(SignalKind::interrupt()) => Exit::Interrupted,
        () = heard(SignalKind::terminate()) => Exit::Terminated,
        () = heard(SignalKind::hangup()) => Exit::Terminated,
    }
}

async fn heard(kind: SignalKind) {
    match signal(kind) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        // Without a handler the system's own applies, which ends the process.
        Err(_) => std::future::pending().await,
    }
}

/// Opens a log to add to it; others than its owner read nothing there.
pub(crate) fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// Makes a file that its owner alone reads, where there is none.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// While it lives, the terminal does not show what is typed.
pub(crate) struct Unseen(Termios);

impl Unseen {
    /// Has the terminal at standard input show nothing but the end of a line.
    pub(crate) fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut unseen = before.clone();
        unseen.local_modes.remove(LocalModes::ECHO);
        unseen.local_modes.insert(LocalModes::ECHONL);
        // What was typed before the question was seen already.
        tcsetattr(io::stdin(), OptionalActions::Flush, &unseen)?;
        Ok(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing anyway.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

/// Gives a process that is to start a group of its own.
pub(crate) fn detach(command: &mut Command) -> &mut Command {
    command.process_group(0)
}

/// Kills a process that [`detach`] made independent, and everything that it started.
pub(crate) fn kill(child: &mut Child) {
    // Its workers are of its group; a group that is gone is no error.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Kills a process that somebody else started and that has this file open, and everything that it started if [`detach`] made it
/// independent. That it is gone is no error.
pub(crate) fn kill_process(process: u32, file: &Path) -> io::Result<()> {
    // The first one's group is everybody.
    let pid = i32::try_from(process).ok().filter(|pid| *pid > 1).and_then(Pid::from_raw);
    let Some(pid) = pid.filter(|_| has_open(process, file)) else {
        return Err(io::Error::other("this number is not that of whoever has it: it may run in a container"));
    };
    match kill_process_group(pid, Signal::KILL) {
        // It leads no group.
        Err(Errno::SRCH) => match rustix::process::kill_process(pid, Signal::KILL) {
            Err(Errno::SRCH) => Ok(()),
            killed => Ok(killed?),
        },
        killed => Ok(killed?),
    }
}

/// Whether a process has a file open; true where the system does not say.
fn has_open(process: u32, file: &Path) -> bool {
    let Ok(open) = fs::read_dir(format!("/proc/{process}/fd")) else {
        return !Path::new("/proc/self/fd").exists();
    };
    let Ok(file) = fs::metadata(file) else { return false };
    let mut open = open.flatten().filter_map(|open| fs::metadata(open.path()).ok());
    open.any(|open| (open.dev(), open.ino()) == (file.dev(), file.ino()))
}

/// Whether this account owns a file.
pub(crate) fn is_ours(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.uid() == rustix::process::geteuid().as_raw())
}

/// Whether what this process says to standard error goes into this file.
pub(crate) fn is_standard_error(stderr: &io::Stderr, path: &Path) -> bool {
    let stream = stderr.as_fd().try_clone_to_owned().map(File::from);
    stream.is_ok_and(|stream| is_file_at(&stream, path))
}

/// Whether this path leads to a file that is open.
pub(crate) fn is_file_at(file: &File, path: &Path) -> bool {
    let (Ok(there), Ok(here)) = (fs::metadata(path), file.metadata()) else { return false };
    (there.dev(), there.ino()) == (here.dev(), here.ino())
}

/// From now on standard output and standard error go into this file.
pub(crate) fn take_over_output(file: &File) -> io::Result<()> {
    Ok(dup2_stdout(file).and_then(|()| dup2_stderr(file))?)
}

/// Something as it is typed at a shell: in quotes, where a shell would take anything in it for more than a letter.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "/._-+=:,@%".contains(letter);
    // Some shells look for a program of the name that stands behind such a letter.
    match !text.is_empty() && !text.starts_with('=') && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_is_one_word_of_a_shell() {
        for plain in ["seven.receipt", "/home/jürgen/a-b_c+d=e@f,g%h:1.png"] {
            assert_eq!(shell_word(plain), plain);
        }
        let cases = [
            ("my receipts/7", "'my receipts/7'"),
            ("$HOME;ls", "'$HOME;ls'"),
            ("~/x", "'~/x'"),
            ("ada's", r"'ada'\''s'"),
            ("=ls", "'=ls'"),
            ("", "''"),
        ];
        for (text, word) in cases {
            assert_eq!(shell_word(text), word);
        }
    }
}
