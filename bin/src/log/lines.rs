//! The queue of lines and the thread that writes them.
//!
//! **Invariant:** who puts a line in never waits and never fails; what does not fit, or cannot be written, is counted, and
//! the count is written as soon as a line can be.

use std::{
    io::{self, IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::Duration,
};

use tracing::Level;

use super::{LineTime, line, rotated::Rotated};
use crate::printer::{local, moment, number_of};

/// Lines that may wait.
const LINES_MAX: usize = 1_024;
/// How often the thread looks whether something is to be summed up.
const LOOK: Duration = Duration::from_secs(5);

/// Where lines are written.
pub(super) enum LogSink {
    Stderr,
    File(Rotated),
    #[cfg(test)]
    Test(Box<dyn Write + Send>),
}

/// The near end of the queue.
#[derive(Clone)]
pub(super) struct Lines {
    queue: SyncSender<Queued>,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicU64>,
}

enum Queued {
    Line(String),
    /// Everything before this was written, or could not be.
    Written(Sender<()>),
}

impl Lines {
    /// Starts the thread. It asks for sums every few seconds.
    pub(super) fn start(sink: LogSink, sums: impl FnMut() -> Vec<String> + Send + 'static) -> Self {
        // One more than lines, for whoever waits until they are written.
        let (queue, queued) = sync_channel(LINES_MAX + 1);
        let (waiting, lost) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicU64::new(0)));
        let writer = LineWriter { sink, waiting: Arc::clone(&waiting), lost: Arc::clone(&lost) };
        // Without a thread nothing is logged, and the queue counts that.
        drop(thread::Builder::new().name("log".into()).spawn(move || writer.work(&queued, sums)));
        Self { queue, waiting, lost }
    }

    /// Puts a line in.
    pub(super) fn push(&self, line: String) {
        let is_full = self.waiting.fetch_add(1, Ordering::Relaxed) >= LINES_MAX;
        if is_full || self.queue.try_send(Queued::Line(line)).is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything before was written, but not for long.
    pub(super) fn flush(&self, wait_max: Duration) {
        let (done, written) = channel();
        if self.queue.try_send(Queued::Written(done)).is_ok() {
            // Whatever comes of it, the wait is over.
            let _ = written.recv_timeout(wait_max);
        }
    }
}

struct LineWriter {
    sink: LogSink,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicU64>,
}

impl LineWriter {
    fn work(mut self, queued: &Receiver<Queued>, mut sums: impl FnMut() -> Vec<String>) {
        loop {
            match queued.recv_timeout(LOOK) {
                Ok(Queued::Line(line)) => {
                    self.write(&line);
                    self.waiting.fetch_sub(1, Ordering::Relaxed);
                }
                Ok(Queued::Written(done)) => drop(done.send(())),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            sums().iter().for_each(|line| self.write(line));
        }
    }

    fn write(&mut self, text: &str) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let were = if lost == 1 { "was" } else { "were" };
        let said = || {
            line(
                self.sink.stamp(),
                Level::WARN,
                &format!("{} of the log {were} lost", number_of(lost, "line")),
            )
        };
        let said = (lost > 0).then(said);
        let text = said.unwrap_or_default() + text;
        if self.sink.write(text.as_bytes()).is_err() {
            self.lost.fetch_add(lost + 1, Ordering::Relaxed);
        }
    }
}

impl LogSink {
    /// Somebody who looks on is told the time of the place; what is kept can be compared wherever it is read.
    pub(super) fn stamp(&self) -> LineTime {
        match self {
            Self::Stderr if io::stderr().is_terminal() => local,
            Self::Stderr | Self::File(_) => moment,
            #[cfg(test)]
            Self::Test(_) => moment,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stderr => io::stderr().lock().write_all(bytes),
            Self::File(file) => file.write(bytes),
            #[cfg(test)]
            Self::Test(sink) => sink.write_all(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// A place that takes a line only when it is told to, and fails when it is told to.
    struct Door {
        open: Receiver<bool>,
        entered: Sender<()>,
        written: Arc<Mutex<String>>,
    }

    impl Write for Door {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.entered.send(());
            if !self.open.recv().unwrap_or(true) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.written.lock().unwrap().push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_place_that_is_stuck_or_full_holds_up_nobody_and_what_is_lost_is_said() {
        let ((opener, open), (entered, is_stuck)) = (channel(), channel());
        let written = Arc::new(Mutex::new(String::new()));
        let sink = LogSink::Test(Box::new(Door { open, entered, written: Arc::clone(&written) }));
        let lines = Lines::start(sink, Vec::new);
        lines.push("0\n".into());
        is_stuck.recv().unwrap();
        // Far more than the queue holds, while nothing can be written.
        (1..3 * LINES_MAX).for_each(|number| lines.push(format!("{number}\n")));
        let lost = lines.lost.load(Ordering::Relaxed);
        assert!(lost >= 2 * LINES_MAX as u64 - 1, "{lost}");
        // The disk is full for two lines; then everything can be written.
        (0..2).for_each(|_| opener.send(false).unwrap());
        drop(opener);
        lines.flush(Duration::from_secs(30));
        let written = written.lock().unwrap();
        assert!(
            written.contains(&format!("{} lines of the log were lost\n", lost + 2)),
            "{}",
            &written[..200]
        );
        assert!(written.lines().count() >= LINES_MAX - 2);
    }
}
