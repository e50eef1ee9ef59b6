//! Runs that are under way on several threads, while whoever waits may have enough of it.
//!
//! **Invariant:** whatever ends this, what was told before is kept.

use std::{
    num::NonZero,
    panic,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use assay_protocol::units;
use assay_simulations::lab::pieces::{self, DonePiece, ListedPieces, PieceSource};

use crate::{
    command_error::{CommandError, Exit},
    invocation::Invocation,
    printer::{Spinner, ago, verb},
    stop,
};

/// Between two looks whether somebody wants this to end, and how far it is.
pub(super) const GLANCE: Duration = Duration::from_millis(200);
/// Parts of the bar that shows how much is done.
const BAR_PARTS: u64 = 10;

/// How many runs at a time.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct ThreadArgs {
    /// How many runs at a time; as many as there are cores, if nothing is said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
}

impl ThreadArgs {
    pub(super) fn count(self) -> usize {
        let cores = || thread::available_parallelism().map_or(1, NonZero::get);
        self.threads.map_or_else(cores, usize::from)
    }
}

/// Why runs ended before all were done.
#[derive(Debug)]
pub(super) enum CutShort {
    /// Somebody asked.
    Asked(Exit),
    /// Something went wrong.
    Failed(CommandError),
}

/// Whoever waits, and what it sees meanwhile.
pub(super) struct RunWatch {
    asked: Arc<OnceLock<Exit>>,
    watch: tokio::task::JoinHandle<()>,
    spinner: Spinner,
    begun: Instant,
    threads: usize,
}

impl RunWatch {
    /// Begins to look whether somebody asks this to end.
    pub(super) fn begin(text: &str, threads: usize, invocation: &Invocation) -> Self {
        let asked = Arc::new(OnceLock::new());
        let watch = tokio::spawn({
            let asked = Arc::clone(&asked);
            async move {
                let _ = asked.set(stop::asked().await);
            }
        });
        let spinner = invocation.printer.spinner(text);
        Self { asked, watch, spinner, begun: Instant::now(), threads }
    }

    /// Somebody has asked.
    pub(super) fn asked(&self) -> Option<Exit> {
        self.asked.get().copied()
    }

    pub(super) fn say(&self, text: &str) {
        self.spinner.say(text);
    }

    /// How long it takes already.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Has these runs made; each is taken as it is done, and `says` how far it is.
    pub(super) fn runs(
        &self,
        pieces: ListedPieces,
        take: impl FnMut(DonePiece) -> Result<(), CommandError>,
        says: impl Fn(u64, u64) -> String,
    ) -> Result<(), CutShort> {
        let all = pieces.pieces.len() as u64;
        self.pieces(&Arc::new(pieces), all, take, says)
    }

    /// The same of so many runs from anywhere.
    pub(super) fn pieces(
        &self,
        source: &Arc<impl PieceSource>,
        all: u64,
        take: impl FnMut(DonePiece) -> Result<(), CommandError>,
        says: impl Fn(u64, u64) -> String,
    ) -> Result<(), CutShort> {
        let goes_on = Arc::new(AtomicBool::new(true));
        let done = begin(source, self.threads, &goes_on);
        self.hear(&done, &goes_on, all, take, says)
    }

    /// Takes each of so many things as it is done, until whoever does them ends; where that is wanted sooner, `goes_on` says so.
    pub(super) fn hear<T>(
        &self,
        done: &Receiver<T>,
        goes_on: &AtomicBool,
        all: u64,
        mut take: impl FnMut(T) -> Result<(), CommandError>,
        says: impl Fn(u64, u64) -> String,
    ) -> Result<(), CutShort> {
        let mut count = 0;
        self.say(&says(count, all));
        loop {
            // Whoever is asked to end takes what is done, and does not wait for what is under way: that ends with the process.
            if let Some(exit) = self.asked() {
                goes_on.store(false, Ordering::Relaxed);
                done.try_iter().try_for_each(take).map_err(CutShort::Failed)?;
                return Err(CutShort::Asked(exit));
            }
            match done.recv_timeout(GLANCE) {
                Ok(thing) => {
                    count += 1;
                    if let Err(failure) = take(thing) {
                        goes_on.store(false, Ordering::Relaxed);
                        return Err(CutShort::Failed(failure));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            self.say(&says(count, all));
        }
    }
}

impl Drop for RunWatch {
    fn drop(&mut self) {
        self.spinner.end();
        self.watch.abort();
    }
}

/// Begins the pieces; what comes of each is heard at the other end.
fn begin(source: &Arc<impl PieceSource>, threads: usize, goes_on: &Arc<AtomicBool>) -> Receiver<DonePiece> {
    let (sender, done) = mpsc::sync_channel(threads);
    let goes_on = Arc::clone(goes_on);
    pieces::begin(source, threads, move |piece| {
        sender.send(piece).is_ok() && goes_on.load(Ordering::Relaxed)
    });
    done
}

/// Panics say nothing by themselves while this lives: whoever runs something takes what they say.
pub(super) struct QuietPanics(());

impl QuietPanics {
    pub(super) fn begin() -> Self {
        panic::set_hook(Box::new(|_| {}));
        Self(())
    }
}

impl Drop for QuietPanics {
    fn drop(&mut self) {
        // One that is dropped while something panics cannot change how.
        if !thread::panicking() {
            drop(panic::take_hook());
        }
    }
}

/// Says how many things of all another build of the program has kept: what decides them may be other code by now.
pub(super) fn run_by_others(count: usize, all: &str) -> String {
    let (were, are) = (verb(count, "was", "were"), verb(count, "is", "are"));
    format!("{count} of {all} {were} run by another build of this program, and {are} run again")
}

/// How much of all is done.
pub(super) fn bar(done: u64, all: u64) -> String {
    let full = (done.min(all) * BAR_PARTS / all.max(1)) as usize;
    format!("[{}{}]", "#".repeat(full), ".".repeat(BAR_PARTS as usize - full))
}

/// How long the rest takes if it goes on so; nothing before anything is done, or once all is.
pub(super) fn left(done: u64, all: u64, since: Duration) -> String {
    if !(1..all).contains(&done) {
        return String::new();
    }
    let left = since.as_millis() * u128::from(all - done) / u128::from(done);
    format!(", about {} left", ago(units::Duration(u64::try_from(left).unwrap_or(u64::MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_is_and_how_long_the_rest_takes_is_told() {
        let of = |done: u64, seconds: u64| {
            format!("{}{}", bar(done, 60), left(done, 60, Duration::from_secs(seconds)))
        };
        assert_eq!(of(0, 9), "[..........]");
        assert_eq!(of(20, 10), "[###.......], about 20 s left");
        assert_eq!(of(59, 5_900), "[#########.], about 100 s left");
        assert_eq!(of(60, 60), "[##########]");
        assert_eq!(bar(0, 0), "[..........]");
        assert_eq!(bar(7, 5), "[##########]");
    }
}
