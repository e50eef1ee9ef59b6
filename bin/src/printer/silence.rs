//! What is said of a wait where nothing can move: a plain line now and then, for whoever reads a pipe or a log.
//!
//! **Invariant:** a line comes after [`SILENCE`] in which nothing else was said, and no sooner than [`BETWEEN`] after the last
//! one, whichever wait that was of; of a wait that has ended nothing is said.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use assay_protocol::units;

use super::{escape, stream::StandardStream, value::ago};

/// How long nothing is said before whoever waits is told for what.
const SILENCE: Duration = Duration::from_secs(5);
/// Between two lines.
const BETWEEN: Duration = Duration::from_secs(30);
/// Characters of what is waited for.
const TEXT_CHARS_MAX: usize = 200;

/// When a program last said anything, by a clock that begins with it.
#[derive(Clone, Debug)]
pub(super) struct Silence {
    begun: Instant,
    last: Arc<Mutex<LastWord>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct LastWord {
    /// Of anything.
    any: Duration,
    /// Of what is waited for.
    wait: Option<Duration>,
}

/// A wait, and what for.
#[derive(Debug)]
pub(super) struct PlainWait {
    aside: StandardStream,
    silence: Silence,
    since: Duration,
    text: Mutex<String>,
    /// Whoever looks at it now and then ends with this.
    lasts: Mutex<Option<mpsc::Sender<()>>>,
}

impl Silence {
    /// Begins with the program.
    pub(super) fn begin() -> Self {
        Self { begun: Instant::now(), last: Arc::default() }
    }

    /// Something was said.
    pub(super) fn breaks(&self) {
        let now = self.now();
        locked(&self.last).any = now;
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }
}

impl LastWord {
    /// How long it is until something is to be said of a wait.
    fn left(&self, since: Duration, now: Duration) -> Duration {
        let quiet = self.any.max(since) + SILENCE;
        let next = self.wait.map_or(quiet, |wait| quiet.max(wait + BETWEEN));
        next.saturating_sub(now)
    }
}

impl PlainWait {
    /// Begins to wait, with somebody who looks at it now and then.
    pub(super) fn begin(aside: StandardStream, silence: Silence) -> Arc<Self> {
        let since = silence.now();
        let (wait, ends) = Self::new(aside, silence, since);
        let wait = Arc::new(wait);
        let watched = Arc::downgrade(&wait);
        let watch = move || {
            while let Some(wait) = watched.upgrade() {
                let next = wait.look(wait.silence.now());
                drop(wait);
                if ends.recv_timeout(next) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        // Where there is no thread for it, a wait is as silent as it is on its own.
        let _ = thread::Builder::new().spawn(watch);
        wait
    }

    fn new(aside: StandardStream, silence: Silence, since: Duration) -> (Self, mpsc::Receiver<()>) {
        let (lasts, ends) = mpsc::channel();
        (Self { aside, silence, since, text: Mutex::default(), lasts: Mutex::new(Some(lasts)) }, ends)
    }

    /// Says what is waited for, once that is due.
    pub(super) fn say(&self, text: &str) {
        *locked(&self.text) = escape::field(text, TEXT_CHARS_MAX);
    }

    /// Nothing is waited for any more.
    pub(super) fn end(&self) {
        *locked(&self.lasts) = None;
    }

    /// Says what is waited for, if that is due; in how long to look again.
    pub(super) fn look(&self, now: Duration) -> Duration {
        let lasts = locked(&self.lasts);
        let mut last = locked(&self.silence.last);
        let (left, text) = (last.left(self.since, now), locked(&self.text).clone());
        if lasts.is_none() || text.is_empty() {
            return SILENCE;
        }
        if !left.is_zero() {
            return left;
        }
        last.wait = Some(now);
        let waited = u64::try_from(now.saturating_sub(self.since).as_millis()).unwrap_or(u64::MAX);
        let line = format!("still, after {}: {text}\n", ago(units::Duration(waited)));
        // Whoever does not listen misses what is said aside.
        let _ = self.aside.write(line.as_bytes());
        BETWEEN
    }
}

fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn wait(said: &Arc<Mutex<Vec<u8>>>, silence: &Silence, since: u64) -> PlainWait {
        PlainWait::new(StandardStream::kept(said, false), silence.clone(), seconds(since)).0
    }

    #[test]
    fn a_wait_is_told_after_a_silence_and_seldom_from_then_on() {
        let (said, silence) = (Arc::<Mutex<Vec<u8>>>::default(), Silence::begin());
        let heard = || String::from_utf8(std::mem::take(&mut *locked(&said))).unwrap();
        let first = wait(&said, &silence, 1);
        assert_eq!(first.look(seconds(20)), SILENCE, "it is not known yet what is waited for");
        first.say("looking for a \x1bprovider");
        assert_eq!((first.look(seconds(2)), heard()), (seconds(4), String::new()));
        locked(&silence.last).any = seconds(5);
        assert_eq!((first.look(seconds(6)), heard()), (seconds(4), String::new()), "something else was said");
        let told = "still, after 9 s: looking for a \\u{1b}provider\n".to_owned();
        assert_eq!((first.look(seconds(10)), heard()), (BETWEEN, told));
        first.say("running");
        assert_eq!((first.look(seconds(39)), heard()), (seconds(1), String::new()));
        assert_eq!((first.look(seconds(40)), heard()), (BETWEEN, "still, after 39 s: running\n".to_owned()));
        first.end();
        assert_eq!((first.look(seconds(99)), heard()), (SILENCE, String::new()), "it is over");

        let second = wait(&said, &silence, 50);
        second.say("waiting until it is closed");
        assert_eq!(second.look(seconds(56)), seconds(14), "whichever wait the last line was of");
    }
}
