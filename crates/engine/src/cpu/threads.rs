//! Threads that share the pieces of one work after another.
//!
//! **Invariant:** who takes which piece changes nothing; `run` comes back when every piece is done, and waits for no helper that
//! has not begun: where others have the cores, whoever calls does all of it. A thread without work looks out for some for a
//! moment, then parks. Each thread takes pieces side by side as long as it can, since what it asked for ahead belongs to the
//! next of them.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle, Thread},
    time::{Duration, Instant},
};

/// How long a thread looks before it parks: longer than it is between two works of one token, and no longer, since whoever has
/// nothing to do may keep a core from who has.
const LOOKING: Duration = Duration::from_micros(10);
/// Looks between two at the clock. What one takes differs twentyfold between processors.
const LOOKS: u32 = 16;

type Piece<'a> = dyn Fn(usize) + Sync + 'a;

/// A caller's thread and those that help it.
pub(super) struct Threads {
    shared: Arc<Sharing>,
    helpers: Vec<JoinHandle<()>>,
    /// Of the thread that runs; others wait for it.
    running: Mutex<()>,
}

struct Sharing {
    gate: Gate,
    /// Of each thread's share of the pieces, how many are taken.
    taken: Vec<OwnLine>,
    /// Helpers that have begun with the work and finished.
    finished: AtomicUsize,
    job: Mutex<Option<SharedPieces>>,
    panicked: AtomicBool,
    over: AtomicBool,
}

/// Who may still begin with a work: its number, whether it is over, and how many helpers have begun.
#[derive(Default)]
struct Gate(AtomicU64);

/// A number that no other shares a line of the cache with.
#[derive(Default)]
#[repr(align(128))]
struct OwnLine(AtomicUsize);

#[derive(Clone)]
struct SharedPieces {
    pieces: usize,
    piece: *const Piece<'static>,
    caller: Thread,
}

// SAFETY: the closure is `Sync`, and `run` does not come back before every helper is done with it.
unsafe impl Send for SharedPieces {}

impl Threads {
    pub(super) fn new(threads: usize) -> Self {
        let shared = Arc::new(Sharing {
            gate: Gate::default(),
            taken: (0..threads.max(1)).map(|_| OwnLine::default()).collect(),
            finished: AtomicUsize::new(0),
            job: Mutex::new(None),
            panicked: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let helper = |number| {
            let shared = shared.clone();
            thread::spawn(move || shared.help(number))
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
        let job = SharedPieces { pieces, piece: forgotten, caller: thread::current() };
        *shared.job.lock().unwrap_or_else(PoisonError::into_inner) = Some(job);
        shared.taken.iter().for_each(|taken| taken.0.store(0, Ordering::Relaxed));
        shared.finished.store(0, Ordering::Relaxed);
        shared.gate.open();
        self.helpers.iter().for_each(|helper| helper.thread().unpark());
        let mine = catch_unwind(AssertUnwindSafe(|| shared.take(0, pieces, piece)));
        let begun = shared.gate.close();
        // The closure lives until here: no helper has it any more, and none gets it.
        wait(|| shared.finished.load(Ordering::Acquire) == begun);
        let theirs = shared.panicked.swap(false, Ordering::Relaxed);
        drop(running);
        if let Err(panic) = mine {
            resume_unwind(panic);
        }
        assert!(!theirs, "a thread of the pool panicked");
    }
}

impl Sharing {
    /// The pieces of a thread's own share, then what others have not come to.
    fn take(&self, number: usize, pieces: usize, piece: &Piece<'_>) {
        let threads = self.taken.len();
        for share in (number..threads).chain(0..number) {
            let (first, end) = (share * pieces / threads, (share + 1) * pieces / threads);
            loop {
                let next = first + self.taken[share].0.fetch_add(1, Ordering::Relaxed);
                if next >= end {
                    break;
                }
                piece(next);
            }
        }
    }

    fn help(&self, number: usize) {
        let mut seen = 0;
        loop {
            wait(|| self.gate.is_open(seen) || self.over.load(Ordering::Acquire));
            if self.over.load(Ordering::Acquire) {
                return;
            }
            let Some(work) = self.gate.enter(seen) else { continue };
            seen = work;
            let job = self.job.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let Some(SharedPieces { pieces, piece, caller }) = job else { return };
            // SAFETY: `run` waits for all who have begun, and this thread has not finished yet.
            let piece = unsafe { &*piece };
            if catch_unwind(AssertUnwindSafe(|| self.take(number, pieces, piece))).is_err() {
                self.panicked.store(true, Ordering::Relaxed);
            }
            self.finished.fetch_add(1, Ordering::Release);
            caller.unpark();
        }
    }
}

impl Gate {
    /// How many have begun: the lowest bits.
    const BEGUN: u64 = 0xffff;
    /// Nobody begins any more.
    const OVER: u64 = Self::BEGUN + 1;
    /// One work more.
    const WORK: u64 = Self::OVER << 1;

    /// A work begins, which no helper has begun with. What was written before is seen by whoever enters.
    fn open(&self) {
        let work = self.0.load(Ordering::Relaxed) / Self::WORK;
        self.0.store(work.wrapping_add(1).wrapping_mul(Self::WORK), Ordering::Release);
    }

    /// Nobody begins with it any more; how many have.
    fn close(&self) -> usize {
        (self.0.fetch_or(Self::OVER, Ordering::Relaxed) & Self::BEGUN) as usize
    }

    /// True if a work can be begun with that is not the one of this number.
    fn is_open(&self, seen: u64) -> bool {
        let state = self.0.load(Ordering::Acquire);
        state & Self::OVER == 0 && state / Self::WORK != seen
    }

    /// Begins with it; its number, unless it is over meanwhile.
    fn enter(&self, seen: u64) -> Option<u64> {
        let one_more =
            |state: u64| (state & Self::OVER == 0 && state / Self::WORK != seen).then_some(state + 1);
        let state = self.0.fetch_update(Ordering::Acquire, Ordering::Relaxed, one_more);
        state.ok().map(|state| state / Self::WORK)
    }
}

/// Looks for a moment, then parks until it is so; whoever makes it so unparks.
fn wait(ready: impl Fn() -> bool) {
    let mut began = None;
    loop {
        for _ in 0..LOOKS {
            if ready() {
                return;
            }
            std::hint::spin_loop();
        }
        if began.get_or_insert_with(Instant::now).elapsed() > LOOKING {
            break;
        }
    }
    while !ready() {
        thread::park();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        for helper in self.helpers.drain(..) {
            helper.thread().unpark();
            // It does not panic: what a piece does is caught.
            let _ = helper.join();
        }
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} threads", self.threads())
    }
}

#[cfg(test)]
mod tests;
