//! The way between a worker and its parent on Unix systems: a socket, which open files travel on, and a pipe; and that
//! between a worker and an engine: a socket, and pages for rows where the system has such.
//!
//! **Invariant:** a file travels with exactly one byte of its own, so that plain reads of frames never swallow it; nothing
//! here waits longer than it was asked to.

use std::{
    fs::{DirBuilder, File},
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{fs::DirBuilderExt, net::UnixStream},
    },
    path::Path,
    process::{Child, ChildStdout, Command},
    time::{Duration, Instant},
};

use assay_engine::pack::{Pack, PackError};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, Shutdown, recv, recvmsg, sendmsg, shutdown, sockopt::set_socket_send_buffer_size,
    },
};

use super::{super::WRITE_WAIT, PagesEnd, ReadPages, WrittenPages};

/// Bytes that wait on the way between a worker and an engine, as far as the system gives them.
const LINK_BYTES: usize = 1024 * 1024;
/// Bytes of rows that lie in pages at once: a row of the largest vocabularies, or some of most. More go over the socket.
const PAGES_BYTES: u64 = 4 * 1024 * 1024;
/// Files that travel with one byte, at most: a link and its pages.
const FILES_TOGETHER_MAX: usize = 2;
/// Bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

/// A file of a job, in the worker.
pub(in super::super) type Handed = File;

/// One end of the way between a worker and an engine. A file, since those may be written to behind the walls.
pub(crate) struct EngineLink {
    file: File,
    /// What rows lie in, where there is such a thing.
    pages: Option<PagesEnd>,
}

/// The engine's end of a way and the worker's; nothing where a system has none that can be handed over.
pub(crate) fn links() -> io::Result<Option<(EngineLink, EngineLink)>> {
    links_of(PAGES_BYTES)
}

/// The same with pages of so many bytes; of none, without.
pub(crate) fn links_of(pages_bytes: u64) -> io::Result<Option<(EngineLink, EngineLink)>> {
    let (one, other) = UnixStream::pair()?;
    for socket in [&one, &other] {
        // Most rows fit at once then. The system may give less, which makes it slower and nothing else.
        let _ = set_socket_send_buffer_size(socket, LINK_BYTES);
    }
    let link = |socket, pages| EngineLink { file: File::from(OwnedFd::from(socket)), pages };
    // Without pages rows go over the socket, which gives the same.
    let (written, read) = PagesEnd::pair(pages_bytes).ok().filter(|_| pages_bytes > 0).unzip();
    Ok(Some((link(one, written), link(other, read))))
}

impl EngineLink {
    /// The same end once more.
    pub(crate) fn again(&self) -> io::Result<Self> {
        Ok(Self { file: self.file.try_clone()?, pages: self.pages.clone() })
    }

    /// The pages that the engine lays rows in; nothing where there are none, or where this is the other's end.
    pub(crate) fn written_pages(&self) -> Option<WrittenPages> {
        self.pages.as_ref()?.written()
    }

    /// The pages that the worker copies rows from; nothing where there are none.
    pub(crate) fn read_pages(&self) -> Option<ReadPages> {
        self.pages.as_ref()?.read()
    }

    /// Ends the way, whoever else has this end.
    pub(crate) fn end(&self) {
        // One that is ended already is.
        let _ = shutdown(&self.file, Shutdown::Both);
    }

    /// Whether the other end is closed and all that came from there was read.
    pub(crate) fn is_gone(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        matches!(recv(&self.file, &mut [0; 1], flags), Ok((_, 0)))
    }
}

impl Read for &EngineLink {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        (&self.file).read(bytes)
    }
}

impl Write for &EngineLink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.file).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts a process whose requests come from the outlet.
pub(in super::super) fn spawn(command: &mut Command) -> io::Result<(Child, Outlet)> {
    let (socket, stdin) = UnixStream::pair()?;
    socket.set_write_timeout(Some(WRITE_WAIT))?;
    Ok((command.stdin(OwnedFd::from(stdin)).spawn()?, Outlet { socket }))
}

/// What a process needs of its parent's environment to start: nothing.
pub(in super::super) fn environment() -> Option<(&'static str, std::ffi::OsString)> {
    None
}

/// The pack that is in a file.
pub(in super::super) fn pack(file: &Handed) -> Result<Pack, PackError> {
    Pack::read(file)
}

/// Makes a folder that is its owner's alone, if there is none.
pub(in super::super) fn create_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The parent's end, to write to.
pub(in super::super) struct Outlet {
    socket: UnixStream,
}

impl Outlet {
    /// Hands over one open file.
    pub(in super::super) fn give(&mut self, file: &File) -> io::Result<()> {
        self.hand_over(&[file.as_fd()])
    }

    /// Hands over one end of a way to an engine, with its pages.
    pub(in super::super) fn give_link(&mut self, link: &EngineLink) -> io::Result<()> {
        match &link.pages {
            Some(pages) => self.hand_over(&[link.file.as_fd(), pages.as_fd()]),
            None => self.hand_over(&[link.file.as_fd()]),
        }
    }

    fn hand_over(&mut self, files: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_TOGETHER_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(files));
        sendmsg(&self.socket, &[IoSlice::new(&[0])], &mut control, SendFlags::empty())?;
        Ok(())
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

/// The worker's end, to read from.
pub(in super::super) struct Intake {
    socket: UnixStream,
}

/// What this process, a worker, reads from.
pub(in super::super) fn intake() -> io::Result<Intake> {
    Ok(Intake { socket: UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?) })
}

/// What this process, a worker, answers on.
pub(in super::super) fn replies() -> io::Result<File> {
    Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?))
}

impl Intake {
    /// Takes one open file.
    pub(in super::super) fn take_file(&mut self) -> io::Result<Handed> {
        self.take().map(|(file, _)| File::from(file))
    }

    /// Takes one end of a way to an engine, with its pages.
    pub(in super::super) fn take_link(&mut self) -> io::Result<EngineLink> {
        let (file, pages) = self.take()?;
        Ok(EngineLink { file: File::from(file), pages: pages.and_then(PagesEnd::received) })
    }

    /// What travelled with one byte: a file, and perhaps another.
    fn take(&mut self) -> io::Result<(OwnedFd, Option<OwnedFd>)> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_TOGETHER_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        recvmsg(&self.socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::empty())?;
        let files = control.drain().find_map(|message| {
            let RecvAncillaryMessage::ScmRights(mut files) = message else { return None };
            Some((files.next()?, files.next()))
        });
        files.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

impl Read for Intake {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.socket.read(bytes)
    }
}

/// What a worker says, as it arrives.
pub(in super::super) struct Arrivals {
    pipe: ChildStdout,
}

impl Arrivals {
    pub(in super::super) fn over(pipe: ChildStdout) -> io::Result<Self> {
        Ok(Self { pipe })
    }

    /// Adds what has arrived to `buffer`; false if nothing has by `until`, an error at the end.
    pub(in super::super) fn read(&mut self, until: Instant, buffer: &mut Vec<u8>) -> io::Result<bool> {
        if !self.wait(until)? {
            return Ok(false);
        }
        let start = buffer.len();
        buffer.resize(start + READ_BYTES, 0);
        let count = self.pipe.read(&mut buffer[start..]);
        buffer.truncate(start + *count.as_ref().unwrap_or(&0));
        match count? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(true),
        }
    }

    /// True once there is something to read, or the end.
    fn wait(&self, until: Instant) -> io::Result<bool> {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left.max(Duration::from_millis(1))).map_err(io::Error::other)?;
        let mut fds = [PollFd::from_borrowed_fd(self.pipe.as_fd(), PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
