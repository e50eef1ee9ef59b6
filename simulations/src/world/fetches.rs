//! The fetches of one peer, by digest: who waits for each, and whom it has yet to ask.
//!
//! **Invariant:** of one digest there is at most one fetch, and it is listed exactly as long as somebody waits for it;
//! everybody who waits is answered once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use assay_protocol::id::{Digest, PeerId};

/// All fetches of a peer.
#[derive(Debug, Default)]
pub(crate) struct SimulatedFetches {
    fetches: BTreeMap<Digest, Fetch>,
    /// Fetches that there have been.
    count: u64,
}

/// Names one fetch, and no later one of the same digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FetchId {
    pub(crate) digest: Digest,
    number: u64,
}

/// A wish for a blob.
#[derive(Clone, Debug)]
pub(crate) struct Want {
    pub(crate) holder: Digest,
    pub(crate) digest: Digest,
    pub(crate) from: Vec<PeerId>,
    pub(crate) bytes_max: u64,
}

/// Somebody who waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub(crate) holder: Digest,
    pub(crate) bytes_max: u64,
}

#[derive(Debug)]
struct Fetch {
    number: u64,
    waiters: Vec<Waiter>,
    /// Whom to ask, in this order.
    sources: VecDeque<PeerId>,
    /// Who is, or was, among them.
    named: BTreeSet<PeerId>,
    /// The most bytes that any waiter takes.
    bytes_max: u64,
}

impl SimulatedFetches {
    /// Joins the fetch of a blob, or begins it; says which one is new.
    pub(crate) fn join(&mut self, want: Want, own: PeerId) -> Option<FetchId> {
        let Want { holder, digest, from, bytes_max } = want;
        let is_new = !self.fetches.contains_key(&digest);
        self.count += u64::from(is_new);
        let number = self.count;
        let fetch = self.fetches.entry(digest).or_insert_with(|| Fetch {
            number,
            waiters: Vec::new(),
            sources: VecDeque::new(),
            named: BTreeSet::new(),
            bytes_max: 0,
        });
        if bytes_max > fetch.bytes_max {
            // Who refused because the blob was too long may be asked once more.
            fetch.bytes_max = bytes_max;
            fetch.named.clear();
        }
        for peer in from.into_iter().filter(|peer| *peer != own) {
            if fetch.named.insert(peer) {
                fetch.sources.push_back(peer);
            }
        }
        fetch.waiters.push(Waiter { holder, bytes_max });
        is_new.then_some(FetchId { digest, number })
    }

    /// True while somebody waits for this fetch.
    pub(crate) fn goes_on(&self, id: FetchId) -> bool {
        self.fetches.get(&id.digest).is_some_and(|fetch| fetch.number == id.number)
    }

    /// The next source of a fetch and the most bytes that it may give.
    pub(crate) fn next(&mut self, id: FetchId) -> Option<(PeerId, u64)> {
        let fetch = self.fetches.get_mut(&id.digest).filter(|fetch| fetch.number == id.number)?;
        Some((fetch.sources.pop_front()?, fetch.bytes_max))
    }

    /// Ends a fetch, and says who waited for it.
    pub(crate) fn end(&mut self, id: FetchId) -> Vec<Waiter> {
        if !self.goes_on(id) {
            return Vec::new();
        }
        self.fetches.remove(&id.digest).map(|fetch| fetch.waiters).unwrap_or_default()
    }

    /// Nothing that is for this holder is waited for any more; says what was, as often as it was.
    pub(crate) fn release(&mut self, holder: &Digest) -> Vec<Digest> {
        let mut left = Vec::new();
        self.fetches.retain(|digest, fetch| {
            fetch.waiters.retain(|waiter| {
                let goes = waiter.holder == *holder;
                left.extend(goes.then_some(*digest));
                !goes
            });
            !fetch.waiters.is_empty()
        });
        left
    }
}
