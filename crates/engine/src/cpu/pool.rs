//! Threads that share the pieces of one work after another.
//!
//! **Invariant:** who takes which piece changes nothing; `run` comes back when every piece is done; a thread without
//! work looks out for some for a moment, then parks.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle, Thread},
};

/// How often a thread looks before it parks: about ten microseconds, the time between two works of one token.
const LOOKS: u32 = 4_000;

type Piece<'a> = dyn Fn(usize) + Sync + 'a;

/// A caller's thread and those that help it.
pub(super) struct Pool {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    /// Of the thread that runs; others wait for it.
    running: Mutex<()>,
}

struct Shared {
    /// Counts the works; a helper that has seen fewer has one to do.
    work: AtomicUsize,
    /// The piece that is taken next.
    next: AtomicUsize,
    /// Helpers that have not finished the work.
    left: AtomicUsize,
    job: Mutex<Option<Job>>,
    panicked: AtomicBool,
    over: AtomicBool,
}

#[derive(Clone)]
struct Job {
    pieces: usize,
    piece: *const Piece<'static>,
    caller: Thread,
}

// SAFETY: the closure is `Sync`, and `run` does not come back before every helper is done with it.
unsafe impl Send for Job {}

impl Pool {
    pub(super) fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared {
            work: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            left: AtomicUsize::new(0),
            job: Mutex::new(None),
            panicked: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let helper = |_| {
            let shared = shared.clone();
            thread::spawn(move || shared.help())
        };
        let helpers = (1..threads).map(helper).collect();
        Self { shared, helpers, running: Mutex::new(()) }
    }

    pub(super) fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Does pieces `0..pieces`, each once.
    pub(super) fn run(&self, pieces: usize, piece: &Piece<'_>) {
        if pieces <= 1 || self.helpers.is_empty() {
            return (0..pieces).for_each(piece);
        }
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &*self.shared;
        // SAFETY: only the lifetime is forgotten; the pointer is used within this call, see below.
        let forgotten = unsafe { std::mem::transmute::<&Piece<'_>, &'static Piece<'static>>(piece) };
        let job = Job { pieces, piece: forgotten, caller: thread::current() };
        *shared.job.lock().unwrap_or_else(PoisonError::into_inner) = Some(job);
        shared.next.store(0, Ordering::Relaxed);
        shared.left.store(self.helpers.len(), Ordering::Relaxed);
        shared.work.fetch_add(1, Ordering::Release);
        self.helpers.iter().for_each(|helper| helper.thread().unpark());
        let mine = catch_unwind(AssertUnwindSafe(|| shared.take(pieces, piece)));
        // The closure lives until here: no helper has it any more.
        wait(|| shared.left.load(Ordering::Acquire) == 0);
        let theirs = shared.panicked.swap(false, Ordering::Relaxed);
        drop(running);
        if let Err(panic) = mine {
            resume_unwind(panic);
        }
        assert!(!theirs, "a thread of the pool panicked");
    }
}

impl Shared {
    fn take(&self, pieces: usize, piece: &Piece<'_>) {
        loop {
            let taken = self.next.fetch_add(1, Ordering::Relaxed);
            if taken >= pieces {
                return;
            }
            piece(taken);
        }
    }

    fn help(&self) {
        let mut seen = 0;
        loop {
            wait(|| self.work.load(Ordering::Acquire) != seen || self.over.load(Ordering::Acquire));
            if self.over.load(Ordering::Acquire) {
                return;
            }
            seen += 1;
            let job = self.job.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let Some(Job { pieces, piece, caller }) = job else { return };
            // SAFETY: `run` waits until `left` is 0, which this thread has not let it be yet.
            let piece = unsafe { &*piece };
            if catch_unwind(AssertUnwindSafe(|| self.take(pieces, piece))).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            if self.left.fetch_sub(1, Ordering::Release) == 1 {
                caller.unpark();
            }
        }
    }
}

/// Looks for a moment, then parks until it is so; whoever makes it so unparks.
fn wait(ready: impl Fn() -> bool) {
    for _ in 0..LOOKS {
        if ready() {
            return;
        }
        std::hint::spin_loop();
    }
    while !ready() {
        thread::park();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        for helper in self.helpers.drain(..) {
            helper.thread().unpark();
            // It does not panic: what a piece does is caught.
            let _ = helper.join();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} threads", self.threads())
    }
}

#[cfg(test)]
mod tests;
