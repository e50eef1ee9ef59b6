//! The fetches under way, by digest: who waits for each, and whom it has yet to ask.
//!
//! **Invariant:** of one digest there is at most one fetch, and it is listed exactly as long as somebody waits for it; when
//! the last one leaves, its task is ended. Everybody who waits is answered once, or learns that its holder was released.

use std::collections::{HashMap, HashSet, VecDeque};

use assay_market::input::Blob;
use assay_protocol::id::{Digest, PeerId};
use tokio::{sync::oneshot, task::AbortHandle};

use super::{LONG_BYTES, Unfetched, Want};
use crate::network::Progress;

/// What comes of a fetch.
pub(super) type FetchResult = Result<Blob, Unfetched>;

/// All fetches.
#[derive(Default)]
pub(super) struct Fetches {
    fetches: HashMap<Digest, Fetch>,
    /// What each holder waits for.
    by_holder: HashMap<Digest, HashSet<(Digest, u64)>>,
    /// Fetches and waiters that there have been.
    count: u64,
}

/// Names one fetch, and no later one of the same digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FetchId {
    pub(super) digest: Digest,
    number: u64,
}

struct Fetch {
    number: u64,
    waiters: HashMap<u64, Waiter>,
    /// Whom to ask, in this order, but first those that were not asked yet.
    sources: VecDeque<PeerId>,
    /// Who is, or was, among them.
    named: HashSet<PeerId>,
    /// Who is asked now, and for how many bytes at most.
    asked_now: HashMap<PeerId, u64>,
    /// Who was asked so far.
    asked: HashSet<PeerId>,
    /// The most bytes that any waiter takes.
    bytes_max: u64,
    /// What is told if no source is left.
    failure: Unfetched,
    progress: Progress,
    task: Option<AbortHandle>,
}

struct Waiter {
    holder: Digest,
    bytes_max: u64,
    answer: oneshot::Sender<FetchResult>,
}

/// What a waiter is given.
pub(super) struct Joined {
    pub(super) id: FetchId,
    pub(super) waiter: u64,
    pub(super) answer: oneshot::Receiver<FetchResult>,
    /// The fetch is new, and a task must see to it.
    pub(super) is_new: bool,
}

/// Whom to ask next.
pub(super) struct Next {
    pub(super) from: PeerId,
    pub(super) bytes_max: u64,
    pub(super) progress: Progress,
}

impl Next {
    /// Whether it may be longer than what jobs read and write.
    pub(super) fn is_long(&self) -> bool {
        self.bytes_max > LONG_BYTES
    }
}

impl Fetches {
    /// Joins the fetch of a blob, or begins it.
    pub(super) fn join(&mut self, want: Want, own: PeerId) -> Joined {
        let Want { holder, digest, from, bytes_max } = want;
        self.count += 1;
        let (waiter, is_new) = (self.count, !self.fetches.contains_key(&digest));
        let fetch = self.fetches.entry(digest).or_insert_with(|| Fetch::new(waiter, digest));
        if bytes_max > fetch.bytes_max {
            // Who refused because the blob was too long may be asked once more; who is asked now has not refused.
            fetch.bytes_max = bytes_max;
            fetch.named = fetch.sources.iter().chain(fetch.asked_now.keys()).copied().collect();
            fetch.asked = fetch.asked_now.keys().copied().collect();
        }
        for peer in from.into_iter().filter(|peer| *peer != own) {
            if fetch.named.insert(peer) {
                fetch.sources.push_back(peer);
            }
        }
        let (answer, answered) = oneshot::channel();
        fetch.waiters.insert(waiter, Waiter { holder, bytes_max, answer });
        self.by_holder.entry(holder).or_default().insert((digest, waiter));
        Joined { id: FetchId { digest, number: fetch.number }, waiter, answer: answered, is_new }
    }

    /// Names the task that sees to a new fetch.
    pub(super) fn assign(&mut self, id: FetchId, task: AbortHandle) {
        if let Some(fetch) = self.fetch(id) {
            fetch.task = Some(task);
        }
    }

    /// Somebody waits no more.
    pub(super) fn leave(&mut self, id: FetchId, waiter: u64) {
        let Some(fetch) = self.fetch(id) else { return };
        let Some(Waiter { holder, .. }) = fetch.waiters.remove(&waiter) else { return };
        if fetch.waiters.is_empty() {
            if let Some(task) = &fetch.task {
                task.abort();
            }
            self.fetches.remove(&id.digest);
        }
        self.forget(holder, id.digest, waiter);
    }

    /// Nothing that is for this holder is waited for any more.
    pub(super) fn release(&mut self, holder: &Digest) {
        for (digest, waiter) in self.by_holder.remove(holder).unwrap_or_default() {
            let number = self.fetches.get(&digest).map(|fetch| fetch.number);
            if let Some(number) = number {
                self.leave(FetchId { digest, number }, waiter);
            }
        }
    }

    /// The next source of a fetch. If none is left, everybody is told; if the fetch is over, nobody is.
    pub(super) fn next(&mut self, id: FetchId) -> Option<Next> {
        let fetch = self.fetch(id)?;
        let Some(from) = fetch.take_source() else {
            let failure = fetch.failure.clone();
            self.end(id, &Err(failure));
            return None;
        };
        let progress = fetch.progress.clone();
        Some(fetch.ask(from, progress))
    }

    /// The next source of a fetch that is not long, to be asked beside others; none, if none is left.
    pub(super) fn beside(&mut self, id: FetchId) -> Option<Next> {
        let fetch = self.fetch(id).filter(|fetch| fetch.bytes_max <= LONG_BYTES)?;
        let from = fetch.take_source()?;
        // What is shown is how far the first is.
        Some(fetch.ask(from, Progress::default()))
    }

    /// The same of those that were not asked yet.
    pub(super) fn beside_unasked(&mut self, id: FetchId) -> Option<Next> {
        let fetch = self.fetch(id).filter(|fetch| fetch.bytes_max <= LONG_BYTES)?;
        let place = fetch.unasked()?;
        let from = fetch.sources.remove(place)?;
        Some(fetch.ask(from, Progress::default()))
    }

    /// A source was of no use, and is asked no more.
    pub(super) fn pass_over(&mut self, id: FetchId, from: PeerId) {
        if let Some(fetch) = self.fetch(id) {
            fetch.asked_now.remove(&from);
        }
    }

    /// A source is asked again, once all others were.
    pub(super) fn again(&mut self, id: FetchId, from: PeerId) {
        if let Some(fetch) = self.fetch(id) {
            fetch.asked_now.remove(&from);
            fetch.sources.push_back(from);
        }
    }

    /// A source was of no use because its blob is too long. Where somebody has come since it was asked who takes more it is asked
    /// again, and else that is what is told.
    pub(super) fn refuse_as_long(&mut self, id: FetchId, from: PeerId, failure: Unfetched) {
        let Some(fetch) = self.fetch(id) else { return };
        if fetch.asked_now.remove(&from).is_some_and(|most| most < fetch.bytes_max) {
            fetch.sources.push_back(from);
        } else {
            fetch.failure = failure;
        }
    }

    /// Tells everybody what came of a fetch.
    pub(super) fn end(&mut self, id: FetchId, outcome: &FetchResult) {
        if self.fetch(id).is_none() {
            return;
        }
        let fetch = self.fetches.remove(&id.digest);
        for (number, waiter) in fetch.into_iter().flat_map(|fetch| fetch.waiters) {
            self.forget(waiter.holder, id.digest, number);
            let outcome = outcome.clone().and_then(|blob| within(id.digest, blob, waiter.bytes_max));
            // An error means that the waiter is just leaving.
            drop(waiter.answer.send(outcome));
        }
    }

    pub(super) fn progress(&self, digest: &Digest) -> Option<Progress> {
        self.fetches.get(digest).map(|fetch| fetch.progress.clone())
    }

    fn fetch(&mut self, id: FetchId) -> Option<&mut Fetch> {
        self.fetches.get_mut(&id.digest).filter(|fetch| fetch.number == id.number)
    }

    fn forget(&mut self, holder: Digest, digest: Digest, waiter: u64) {
        let Some(waits) = self.by_holder.get_mut(&holder) else { return };
        waits.remove(&(digest, waiter));
        if waits.is_empty() {
            self.by_holder.remove(&holder);
        }
    }
}

impl Fetch {
    fn new(number: u64, digest: Digest) -> Self {
        Self {
            number,
            waiters: HashMap::new(),
            sources: VecDeque::new(),
            named: HashSet::new(),
            asked_now: HashMap::new(),
            asked: HashSet::new(),
            bytes_max: 0,
            failure: Unfetched::Nobody { digest },
            progress: Progress::default(),
            task: None,
        }
    }

    /// Where in the queue the first one is that was not asked yet. Who joins brings it in behind those that are asked again.
    fn unasked(&self) -> Option<usize> {
        self.sources.iter().position(|peer| !self.asked.contains(peer))
    }

    /// Takes the next source out of the queue.
    fn take_source(&mut self) -> Option<PeerId> {
        let place = self.unasked().unwrap_or(0);
        self.sources.remove(place)
    }

    /// Asks a source, which is in the queue no more.
    fn ask(&mut self, from: PeerId, progress: Progress) -> Next {
        self.asked_now.insert(from, self.bytes_max);
        self.asked.insert(from);
        Next { from, bytes_max: self.bytes_max, progress }
    }
}

fn within(digest: Digest, blob: Blob, max: u64) -> FetchResult {
    let bytes = blob.bytes;
    if bytes > max { Err(Unfetched::TooLong { digest, bytes, max }) } else { Ok(blob) }
}
