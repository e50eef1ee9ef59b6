//! Getting blobs from peers: each once, however many want it, from the first source that has it.
//!
//! Whoever wants a blob joins the fetch of it, or begins one, and adds the peers it knows. The fetch looks into the store,
//! then asks one source after the other; what arrives is kept for all who want it. A fetch that nobody wants any more ends
//! where it is, on the wire too. A source that has not brought it within a second is asked still, and the next one beside it, so
//! that nobody keeps it from others by sending it slowly; but no more than a few at a time, for a blob that nobody sends well would take
//! every place of others: the slowest of those makes room for a source that was not asked yet. One that may be longer than what jobs
//! read and write goes to the disk piece by piece, and the next source goes on where the last one ended.
//!
//! **Invariant:** a blob counts as fetched only once it is in the store under its own digest, and there is no moment at
//! which it could go before a holder that wanted it keeps it; of one digest there is at most one fetch.

mod fetches;
#[cfg(test)]
mod tests;
mod transfers;

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use assay_market::input::Blob;
use assay_protocol::{
    codec::BLOB_BYTES_MAX,
    id::{Digest, PeerId},
    merkle::{self, RECORD_BYTES},
};
use futures::{StreamExt, future::Abortable, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
    time::{sleep, timeout},
};

use self::{
    fetches::{FetchId, FetchResult, Fetches, Joined, Next},
    transfers::Transfers,
};
use crate::{
    blobs::{BlobArrival, BlobError, Blobs},
    network::{ExchangeFailure, FetchError, Network, Progress},
    pieces::BlobPieces,
};

/// Blobs that may be longer than this go to the disk piece by piece.
const LONG_BYTES: u64 = BLOB_BYTES_MAX as u64;
/// Times that the sources of one fetch may be busy.
const BUSY_MAX: u32 = 6;
/// How long one that is busy is left alone, for the first time; each time twice as long.
const BUSY_WAIT: Duration = Duration::from_millis(100);
/// How long a source has to bring a blob that is not long before the next one is asked beside it.
const BESIDE_WAIT: Duration = Duration::from_secs(1);
/// Times in a row that a long blob may not come at all before its source is given up.
const LOST_MAX: u32 = 5;
/// How long such a source is left alone.
const LOST_WAIT: Duration = Duration::from_secs(3);
/// Pieces that wait for the disk: one goes there while another arrives.
const PIECES_QUEUED: usize = 4;

/// Whoever brings a blob from a peer. What it brings has the digest that was asked for.
pub(crate) trait Carrier: Send + Sync + 'static {
    /// Brings a blob of at most `bytes_max` bytes. Dropped, it stops.
    fn bring(
        &self,
        from: PeerId,
        digest: Digest,
        bytes_max: u64,
        progress: &Progress,
    ) -> impl Future<Output = Result<Vec<u8>, FetchError>> + Send;

    /// Says what pieces a blob of at most `bytes_max` bytes has.
    fn ask_pieces(
        &self,
        from: PeerId,
        digest: Digest,
        bytes_max: u64,
    ) -> impl Future<Output = Result<BlobPieces, FetchError>> + Send;

    /// Brings the pieces of a blob from one on, one after the other, each proven. Dropped, it stops.
    fn bring_pieces(
        &self,
        from: PeerId,
        blob: (Digest, &BlobPieces),
        first: u64,
        progress: &Progress,
        into: mpsc::Sender<Vec<u8>>,
    ) -> impl Future<Output = Result<(), FetchError>> + Send;
}

impl Carrier for Network {
    async fn bring(
        &self,
        from: PeerId,
        digest: Digest,
        bytes_max: u64,
        progress: &Progress,
    ) -> Result<Vec<u8>, FetchError> {
        self.fetch(from, digest, bytes_max, progress).await
    }

    async fn ask_pieces(
        &self,
        from: PeerId,
        digest: Digest,
        bytes_max: u64,
    ) -> Result<BlobPieces, FetchError> {
        self.ask_pieces(from, digest, bytes_max).await
    }

    async fn bring_pieces(
        &self,
        from: PeerId,
        blob: (Digest, &BlobPieces),
        first: u64,
        progress: &Progress,
        into: mpsc::Sender<Vec<u8>>,
    ) -> Result<(), FetchError> {
        self.fetch_pieces(from, blob, first, progress, into).await
    }
}

/// A wish for a blob.
#[derive(Clone, Debug)]
pub(crate) struct Want {
    /// For whom it is kept once it is here.
    pub(crate) holder: Digest,
    /// Which blob.
    pub(crate) digest: Digest,
    /// Who may have it, in this order.
    pub(crate) from: Vec<PeerId>,
    /// The most bytes it may have.
    pub(crate) bytes_max: u64,
}

/// Why a blob is not here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfetched {
    #[error("nobody served the blob {digest}")]
    Nobody { digest: Digest },
    #[error("the blob {digest} has {bytes} bytes, where at most {max} are wanted")]
    TooLong { digest: Digest, bytes: u64, max: u64 },
    #[error("there is no room for {need} bytes: {have} of {limit} are in use")]
    NoRoom { need: u64, have: u64, limit: u64 },
    #[error("the blob cannot be stored: {reason}")]
    Disk { reason: String },
    #[error("the holder of the blob was released")]
    Released,
}

/// Fetches blobs. Cheap to clone.
pub(crate) struct Fetcher<C = Network> {
    inner: Arc<Inner<C>>,
}

struct Inner<C> {
    carrier: C,
    blobs: Blobs,
    own: PeerId,
    fetches: Mutex<Fetches>,
}

impl<C> Clone for Fetcher<C> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<C: Carrier> Fetcher<C> {
    pub(crate) fn new(carrier: C, blobs: Blobs, own: PeerId) -> Self {
        Self { inner: Arc::new(Inner { carrier, blobs, own, fetches: Mutex::default() }) }
    }

    /// Gets a blob, and says what is here then. It is kept for the holder until that is released, however this ends.
    /// Both begin with the call, so that a release which comes after it ends them. Dropped, it ends the fetch if nobody
    /// else wants the blob.
    pub(crate) fn fetch(&self, want: Want) -> impl Future<Output = Result<Blob, Unfetched>> + Send + use<C> {
        self.inner.blobs.keep(want.holder, want.digest);
        let (waiting, answer) = self.join(want);
        async move {
            let outcome = answer.await.unwrap_or(Err(Unfetched::Released));
            drop(waiting);
            outcome
        }
    }

    fn join(&self, want: Want) -> (Waiting<C>, oneshot::Receiver<FetchResult>) {
        let mut fetches = self.inner.fetches();
        let Joined { id, waiter, answer, is_new } = fetches.join(want, self.inner.own);
        if is_new {
            let task = tokio::spawn(run(Arc::clone(&self.inner), id));
            fetches.assign(id, task.abort_handle());
        }
        (Waiting { inner: Arc::clone(&self.inner), id, waiter }, answer)
    }
}

impl<C: Carrier> Fetcher<C> {
    /// Ends everything that a holder wants, keeps and permits.
    pub(crate) fn release(&self, holder: Digest) {
        self.inner.fetches().release(&holder);
        self.inner.blobs.release(holder);
    }

    /// How far a blob is that is on its way.
    pub(crate) fn progress(&self, digest: &Digest) -> Option<Progress> {
        self.inner.fetches().progress(digest)
    }
}

/// Somebody waits for a fetch.
struct Waiting<C> {
    inner: Arc<Inner<C>>,
    id: FetchId,
    waiter: u64,
}

impl<C> Drop for Waiting<C> {
    fn drop(&mut self) {
        self.inner.fetches().leave(self.id, self.waiter);
    }
}

/// Why a source was of no use, or nobody can be.
enum Unbrought {
    Source(FetchError),
    /// The same behind pieces that have come.
    OnTheWay(FetchError),
    Here(Unfetched),
}

impl From<FetchError> for Unbrought {
    fn from(error: FetchError) -> Self {
        Self::Source(error)
    }
}

/// Sees to one fetch: looks here, then asks one source after the other.
async fn run<C: Carrier>(inner: Arc<Inner<C>>, id: FetchId) {
    if let Some(found) = inner.find(id.digest).await {
        return inner.fetches().end(id, &Ok(found));
    }
    let (mut busy, mut lost) = (0, 0);
    loop {
        let Some(next) = inner.fetches().next(id) else { return };
        let is_long = next.is_long();
        let (from, error, has_come) = match inner.bring(id, next).await {
            Ok(blob) => return inner.fetches().end(id, &Ok(blob)),
            Err((_, Unbrought::Here(failure))) => return inner.fetches().end(id, &Err(failure)),
            Err((from, Unbrought::Source(error))) => (from, error, false),
            Err((from, Unbrought::OnTheWay(error))) => (from, error, true),
        };
        tracing::debug!(digest = %id.digest, %from, %error, "a blob was not served");
        match error {
            FetchError::Failed(ExchangeFailure::Busy) if busy < BUSY_MAX => {
                inner.fetches().again(id, from);
                sleep(BUSY_WAIT * 2_u32.pow(busy)).await;
                busy += 1;
            }
            // What is long may lose its only source on the way, or find that it has to read all of it first.
            FetchError::Failed(ExchangeFailure::Broken | ExchangeFailure::TimedOut) if is_long => {
                lost = if has_come { 0 } else { lost + 1 };
                if lost < LOST_MAX {
                    inner.fetches().again(id, from);
                    sleep(LOST_WAIT).await;
                } else {
                    inner.fetches().pass_over(id, from);
                }
            }
            error @ (FetchError::TooLong { .. }
            | FetchError::Corrupt { .. }
            | FetchError::Absent { .. }
            | FetchError::Failed(_)) => inner.pass_over(id, from, error),
        }
    }
}

impl<C: Carrier> Inner<C> {
    /// Gets a blob from a source into the store, for those who already keep it; while that takes long, from the next ones beside
    /// it. Where none of them brings it, the one that failed last is told.
    async fn bring(&self, id: FetchId, next: Next) -> Result<Blob, (PeerId, Unbrought)> {
        let from = next.from;
        if next.is_long() {
            return self.bring_in_pieces(id.digest, next).await.map_err(|error| (from, error));
        }
        let (mut going, mut transfers) = (FuturesUnordered::new(), Transfers::default());
        let (ended_by, is_whole) = transfers.begin(&next);
        going.push(Abortable::new(self.bring_whole(id.digest, next, is_whole), ended_by));
        loop {
            let Ok(ended) = timeout(BESIDE_WAIT, going.next()).await else {
                if let Some(next) = self.beside(id, &mut transfers) {
                    let (ended_by, is_whole) = transfers.begin(&next);
                    going.push(Abortable::new(self.bring_whole(id.digest, next, is_whole), ended_by));
                }
                continue;
            };
            let Some(ended) = ended else { unreachable!("one is asked until all have failed") };
            // Otherwise it has made room for another.
            let Ok((from, brought)) = ended else { continue };
            transfers.note_end(from);
            match brought {
                Ok(blob) => return Ok(blob),
                Err(Unbrought::Source(error)) if !transfers.is_empty() => {
                    tracing::debug!(digest = %id.digest, %from, %error, "a blob was not served");
                    match error {
                        FetchError::Failed(ExchangeFailure::Busy) => self.fetches().again(id, from),
                        error @ (FetchError::TooLong { .. }
                        | FetchError::Corrupt { .. }
                        | FetchError::Absent { .. }
                        | FetchError::Failed(_)) => self.pass_over(id, from, error),
                    }
                }
                Err(error) => return Err((from, error)),
            }
        }
    }

    /// Whom to ask beside those who are asked: the next one, or, where there are as many as may be, one that was not asked yet, for
    /// whom the slowest makes room. That is asked again in its turn, where others fail. Nobody, while the disk takes what has come.
    fn beside(&self, id: FetchId, transfers: &mut Transfers) -> Option<Next> {
        if transfers.have_whole() {
            return None;
        }
        let mut fetches = self.fetches();
        if transfers.have_place() {
            return fetches.beside(id);
        }
        if !transfers.have_had_time() {
            return None;
        }
        let next = fetches.beside_unasked(id)?;
        if let Some(slowest) = transfers.end_slowest() {
            fetches.again(id, slowest);
        }
        Some(next)
    }

    /// Gets a blob from one source, and says from which; says before it goes to the disk that it is whole.
    async fn bring_whole(
        &self,
        digest: Digest,
        next: Next,
        is_whole: Arc<AtomicBool>,
    ) -> (PeerId, Result<Blob, Unbrought>) {
        let Next { from, bytes_max, progress } = next;
        let brought = match self.carrier.bring(from, digest, bytes_max, &progress).await {
            Ok(bytes) => {
                is_whole.store(true, Ordering::Relaxed);
                let store = move |blobs: Blobs| blobs.put(&bytes).map(|_| facts(&bytes));
                self.on_disk(store).await.map_err(Unbrought::Here)
            }
            Err(error) => Err(error.into()),
        };
        (from, brought)
    }

    /// Gets a blob to the disk piece by piece, and goes on with what is here of it.
    async fn bring_in_pieces(&self, digest: Digest, next: Next) -> Result<Blob, Unbrought> {
        let Next { from, bytes_max, progress } = next;
        let pieces = self.carrier.ask_pieces(from, digest, bytes_max).await?;
        progress.expect(pieces.bytes());
        let known = pieces.clone();
        let arrival =
            self.on_disk(move |blobs| blobs.arrive(digest, known)).await.map_err(Unbrought::Here)?;
        let first = arrival.next();
        let (into, arriving) = mpsc::channel(PIECES_QUEUED);
        let brings = self.carrier.bring_pieces(from, (digest, &pieces), first, &progress, into);
        let takes = self.on_disk(move |_| take(arrival, arriving));
        let (brought, taken) = tokio::join!(brings, takes);
        let arrival = taken.map_err(Unbrought::Here)?;
        if arrival.next() < pieces.count() {
            let has_come = arrival.next() > first;
            brought.map_err(
                |error| if has_come { Unbrought::OnTheWay(error) } else { Unbrought::Source(error) },
            )?;
        }
        self.on_disk(move |_| arrival.settle()).await.map_err(Unbrought::Here)?;
        let reason = "it is gone again".to_owned();
        self.find(digest).await.ok_or(Unbrought::Here(Unfetched::Disk { reason }))
    }
}

/// Puts pieces onto the disk until no more come.
fn take(mut arrival: BlobArrival, mut arriving: mpsc::Receiver<Vec<u8>>) -> Result<BlobArrival, BlobError> {
    while let Some(piece) = arriving.blocking_recv() {
        arrival.take(&piece)?;
    }
    Ok(arrival)
}

impl<C> Inner<C> {
    /// Notes why a source was of no use, where somebody should know.
    fn pass_over(&self, id: FetchId, from: PeerId, error: FetchError) {
        if let FetchError::TooLong { digest, bytes, max } = error {
            return self.fetches().refuse_as_long(id, from, Unfetched::TooLong { digest, bytes, max });
        }
        if let FetchError::Corrupt { digest } = error {
            tracing::warn!(%digest, %from, "a peer served something else under the name of a blob");
        }
        self.fetches().pass_over(id, from);
    }

    fn fetches(&self) -> MutexGuard<'_, Fetches> {
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a blob that is here.
    async fn find(&self, digest: Digest) -> Option<Blob> {
        if !self.blobs.contains(&digest) {
            return None;
        }
        let blobs = self.blobs.clone();
        let read = spawn_blocking(move || match blobs.get(&digest) {
            Ok(bytes) => bytes.map(|bytes| facts(&bytes)),
            // Nobody asks for records of what is longer than what jobs read and write.
            Err(BlobError::TooLong { bytes }) => Some(Blob { bytes, root: Digest::default() }),
            Err(_) => None,
        });
        read.await.ok().flatten()
    }

    /// Does something with the store, where it may take long.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(Blobs) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, Unfetched> {
        let blobs = self.blobs.clone();
        let done = spawn_blocking(move || work(blobs)).await;
        let done = done.unwrap_or_else(|cut_short| Err(BlobError::Disk(io::Error::other(cut_short))));
        done.map_err(|error| match error {
            BlobError::NoRoom { need, have, limit } => Unfetched::NoRoom { need, have, limit },
            error @ (BlobError::Damaged { .. }
            | BlobError::TooLong { .. }
            | BlobError::DiskFull { .. }
            | BlobError::Disk(_)) => Unfetched::Disk { reason: error.to_string() },
        })
    }
}

/// Length and root of a blob.
fn facts(bytes: &[u8]) -> Blob {
    Blob { bytes: bytes.len() as u64, root: merkle::root(bytes, RECORD_BYTES) }
}
