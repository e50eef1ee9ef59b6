//! The way between a worker and its parent where a system has nothing better than two pipes.
//!
//! A pipe can be neither written to nor read from for so long and no longer, so a thread of the parent stands at each end.
//! Open files do not travel on it: their bytes do, behind their length.
//!
//! **Invariant:** nothing here waits longer than it was asked to; what waits to be read is bounded.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::{Duration, Instant},
};

#[cfg(not(unix))]
use std::sync::Arc;

#[cfg(not(unix))]
use assay_engine::pack::{Pack, PackError};

use super::super::{WRITE_WAIT, wire};
#[cfg(not(unix))]
use super::{ReadPages, WrittenPages};

/// Bytes that are read or written at once.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces that were read and that nobody has asked for.
const PIECES_MAX: usize = 4;
/// Where Windows finds itself; processes that do not know start no thread pool and draw no random number.
const SYSTEM_ROOT: &str = "SystemRoot";

/// A file of a job, in the worker.
pub(in super::super) type Handed = io::Cursor<Vec<u8>>;

/// One end of the way between a worker and an engine: there is none.
#[cfg(not(unix))]
pub(crate) enum EngineLink {}

/// Nothing: a pipe cannot be handed over by what is here.
#[cfg(not(unix))]
pub(crate) fn links() -> io::Result<Option<(EngineLink, EngineLink)>> {
    Ok(None)
}

#[cfg(not(unix))]
impl EngineLink {
    pub(crate) fn again(&self) -> io::Result<Self> {
        match *self {}
    }

    pub(crate) fn end(&self) {
        match *self {}
    }

    pub(crate) fn is_gone(&self) -> bool {
        match *self {}
    }

    pub(crate) fn written_pages(&self) -> Option<WrittenPages> {
        match *self {}
    }

    pub(crate) fn read_pages(&self) -> Option<ReadPages> {
        match *self {}
    }
}

#[cfg(not(unix))]
impl Read for &EngineLink {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match **self {}
    }
}

#[cfg(not(unix))]
impl Write for &EngineLink {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match **self {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match **self {}
    }
}

/// Starts a process whose requests come from the outlet.
pub(in super::super) fn spawn(command: &mut Command) -> io::Result<(Child, Outlet)> {
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    let Some(stdin) = child.stdin.take() else { unreachable!("standard input is a pipe") };
    Ok((child, Outlet::over(stdin)?))
}

/// What a process needs of its parent's environment to start.
pub(in super::super) fn environment() -> Option<(&'static str, std::ffi::OsString)> {
    Some((SYSTEM_ROOT, std::env::var_os(SYSTEM_ROOT)?))
}

/// The pack that is in a file.
#[cfg(not(unix))]
pub(in super::super) fn pack(file: &Handed) -> Result<Pack, PackError> {
    Pack::open(Arc::new(file.get_ref().clone()))
}

/// Makes a folder, if there is none. Who else may read it, the folder above decides.
pub(in super::super) fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// The parent's end, to write to.
pub(in super::super) struct Outlet {
    pieces: SyncSender<Vec<u8>>,
    written: Receiver<io::Result<()>>,
}

impl Outlet {
    fn over(mut pipe: impl Write + Send + 'static) -> io::Result<Self> {
        let (pieces, wanted) = sync_channel::<Vec<u8>>(0);
        let (done, written) = sync_channel(1);
        let write = move || {
            while let Ok(piece) = wanted.recv() {
                if done.send(pipe.write_all(&piece).and_then(|()| pipe.flush())).is_err() {
                    break;
                }
            }
        };
        thread::Builder::new().name("requests".into()).spawn(write)?;
        Ok(Self { pieces, written })
    }

    /// Hands over what is in one file.
    pub(in super::super) fn give(&mut self, file: &File) -> io::Result<()> {
        let bytes = file.metadata()?.len();
        self.write_all(&bytes.to_le_bytes())?;
        let mut piece = Vec::new();
        let mut left = bytes;
        while left > 0 {
            piece.clear();
            file.take(left.min(PIECE_BYTES as u64)).read_to_end(&mut piece)?;
            if piece.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.write_all(&piece)?;
            left -= piece.len() as u64;
        }
        Ok(())
    }
}

#[cfg(not(unix))]
impl Outlet {
    pub(in super::super) fn give_link(&mut self, link: &EngineLink) -> io::Result<()> {
        match *link {}
    }
}

#[cfg(not(unix))]
impl Intake {
    pub(in super::super) fn take_link(&mut self) -> io::Result<EngineLink> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(PIECE_BYTES)];
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.pieces.send(piece.to_vec()).map_err(|error| gone(error.to_string()))?;
        match self.written.recv_timeout(WRITE_WAIT) {
            Ok(written) => written.map(|()| piece.len()),
            Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
            Err(error @ RecvTimeoutError::Disconnected) => Err(gone(error.to_string())),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The worker's end, to read from.
pub(in super::super) struct Intake<R = io::StdinLock<'static>> {
    pipe: R,
}

/// What this process, a worker, reads from.
#[cfg(not(unix))]
pub(in super::super) fn intake() -> io::Result<Intake> {
    Ok(Intake { pipe: io::stdin().lock() })
}

/// What this process, a worker, answers on.
#[cfg(not(unix))]
pub(in super::super) fn replies() -> io::Result<io::Stdout> {
    Ok(io::stdout())
}

impl<R: Read> Intake<R> {
    /// Takes what is in one file.
    pub(in super::super) fn take_file(&mut self) -> io::Result<Handed> {
        let mut length = [0; 8];
        self.pipe.read_exact(&mut length)?;
        Ok(io::Cursor::new(wire::exactly(&mut self.pipe, u64::from_le_bytes(length))?))
    }
}

impl<R: Read> Read for Intake<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.pipe.read(bytes)
    }
}

/// What a worker says, as it arrives.
pub(in super::super) struct Arrivals {
    pieces: Receiver<io::Result<Vec<u8>>>,
}

impl Arrivals {
    pub(in super::super) fn over(mut pipe: impl Read + Send + 'static) -> io::Result<Self> {
        let (sender, pieces) = sync_channel(PIECES_MAX);
        let read = move || {
            loop {
                let mut piece = vec![0; PIECE_BYTES];
                let read = pipe.read(&mut piece).map(|count| {
                    piece.truncate(count);
                    piece
                });
                let is_last = read.as_ref().map_or(true, Vec::is_empty);
                if sender.send(read).is_err() || is_last {
                    break;
                }
            }
        };
        thread::Builder::new().name("replies".into()).spawn(read)?;
        Ok(Self { pieces })
    }

    /// Adds what has arrived to `buffer`; false if nothing has by `until`, an error at the end.
    pub(in super::super) fn read(&mut self, until: Instant, buffer: &mut Vec<u8>) -> io::Result<bool> {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        match self.pieces.recv_timeout(left) {
            Ok(Ok(piece)) if !piece.is_empty() => {
                buffer.extend_from_slice(&piece);
                Ok(true)
            }
            Ok(Ok(_)) | Err(RecvTimeoutError::Disconnected) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(Err(error)) => Err(error),
            Err(RecvTimeoutError::Timeout) => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Seek;

    use super::{super::super::wire::Request, *};

    /// A process that says what it hears.
    fn echo() -> (Child, Outlet, Arrivals) {
        let (mut child, outlet) = spawn(Command::new("cat").stdout(Stdio::piped())).unwrap();
        let stdout = child.stdout.take().unwrap();
        (child, outlet, Arrivals::over(stdout).unwrap())
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(240)
    }

    #[test]
    fn a_request_and_its_files_arrive_whole_and_apart() {
        let (mut child, mut outlet, mut arrivals) = echo();
        let long: Vec<u8> = (0..3 * PIECE_BYTES + 5).map(|place| (place % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&long).unwrap();
        file.rewind().unwrap();
        let give = thread::spawn(move || {
            wire::send(&mut outlet, &Request::Classify, b"body").unwrap();
            outlet.give(&file).unwrap();
            outlet.give(&tempfile::tempfile().unwrap()).unwrap();
            wire::send(&mut outlet, &Request::Cancel, b"").unwrap();
        });
        let mut heard = Vec::new();
        let ended = loop {
            match arrivals.read(soon(), &mut heard) {
                Ok(true) => {}
                other => break other,
            }
        };
        give.join().unwrap();
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let mut intake = Intake { pipe: heard.as_slice() };
        let (first, body) = wire::receive(&mut intake, 8).unwrap().unwrap();
        assert!(matches!(first, Request::Classify) && body == b"body");
        assert!(intake.take_file().unwrap().into_inner() == long);
        assert!(intake.take_file().unwrap().into_inner().is_empty());
        let (last, _) = wire::receive(&mut intake, 8).unwrap().unwrap();
        assert!(matches!(last, Request::Cancel));
        assert!(wire::receive::<Request>(&mut intake, 8).unwrap().is_none());
        child.wait().unwrap();
    }

    #[test]
    fn nobody_waits_longer_than_asked_for_a_process_that_says_nothing() {
        let (mut child, outlet, mut arrivals) = echo();
        let mut heard = Vec::new();
        assert!(!arrivals.read(Instant::now(), &mut heard).unwrap());
        drop(outlet);
        assert!(arrivals.read(soon(), &mut heard).is_err(), "the end of its input is its end");
        child.wait().unwrap();
    }

    #[test]
    fn a_process_that_is_gone_takes_nothing() {
        let (mut child, mut outlet, _arrivals) = echo();
        child.kill().unwrap();
        child.wait().unwrap();
        let failed = (0..3).find_map(|_| outlet.write_all(&[0; PIECE_BYTES]).err());
        assert_eq!(failed.map(|error| error.kind()), Some(io::ErrorKind::BrokenPipe));
    }

    #[test]
    fn a_file_that_is_cut_on_its_way_is_none() {
        let mut whole = 4_u64.to_le_bytes().to_vec();
        whole.extend(b"cut");
        let taken = Intake { pipe: whole.as_slice() }.take_file();
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_folder_that_is_there_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("one/two");
        create_folder(&inner).and_then(|()| create_folder(&inner)).unwrap();
        assert!(inner.is_dir());
        assert!(environment().is_none_or(|(name, _)| name == SYSTEM_ROOT));
    }
}
