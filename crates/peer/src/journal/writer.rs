//! The thread that writes: what queued while one batch was being synced is the next batch.
//!
//! **Invariant:** a sequence is announced as durable only after the sync that covers it returned well; after a failure
//! nothing is written or announced any more, for ever.

use std::{
    collections::VecDeque,
    io::{self, Write},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

use assay_protocol::id::Digest;
use tokio::sync::watch;

use super::{
    AppendError, BATCH_BYTES_MAX, Broken, QUEUE_BYTES_MAX, extent::Extent, format::Header,
    format::LENGTH_BYTES,
};
use crate::disk::DiskFile;

/// Where batches go. A test puts in its place a disk that forgets what was not synced.
pub(super) trait BatchSink: Send {
    /// Adds bytes at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns when everything added is durable.
    fn sync(&mut self) -> io::Result<()>;
}

impl BatchSink for DiskFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// What the appending side and the writing thread share.
pub(super) struct Shared {
    queue: Mutex<RecordQueue>,
    /// Signalled when a record was queued or the queue was closed.
    changed: Condvar,
    pub(super) extent: Mutex<Extent>,
    pub(super) durable: watch::Sender<Result<u64, Broken>>,
}

struct RecordQueue {
    records: VecDeque<Vec<u8>>,
    bytes: usize,
    /// The sequence of the last record queued.
    sequence: u64,
    closed: bool,
}

impl Shared {
    pub(super) fn new(extent: Extent) -> Self {
        let (sequence, records) = (extent.records, VecDeque::new());
        Self {
            queue: Mutex::new(RecordQueue { records, bytes: 0, sequence, closed: false }),
            changed: Condvar::new(),
            extent: Mutex::new(extent),
            durable: watch::Sender::new(Ok(sequence)),
        }
    }

    pub(super) fn push(&self, record: Vec<u8>) -> Result<u64, AppendError> {
        let mut queue = lock(&self.queue);
        // Looked at under the lock: the writer closes the queue under it when it fails.
        if let Err(broken) = &*self.durable.borrow() {
            return Err(AppendError::Broken(broken.clone()));
        }
        let bytes = queue.bytes + LENGTH_BYTES + record.len();
        if bytes > QUEUE_BYTES_MAX {
            return Err(AppendError::Full);
        }
        queue.bytes = bytes;
        queue.records.push_back(record);
        queue.sequence += 1;
        self.changed.notify_one();
        Ok(queue.sequence)
    }

    pub(super) fn close(&self) {
        lock(&self.queue).closed = true;
        self.changed.notify_one();
    }

    /// Waits for records; none when the queue is closed and empty.
    fn next_batch(&self) -> Option<Vec<Vec<u8>>> {
        let queue = lock(&self.queue);
        let mut queue = self
            .changed
            .wait_while(queue, |queue| queue.records.is_empty() && !queue.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(record) = queue.records.pop_front() {
            bytes += LENGTH_BYTES + record.len();
            if bytes > BATCH_BYTES_MAX {
                queue.records.push_front(record);
                break;
            }
            queue.bytes -= LENGTH_BYTES + record.len();
            batch.push(record);
        }
        (!batch.is_empty()).then_some(batch)
    }

    pub(super) fn announce(&self, state: Result<u64, Broken>) {
        self.durable.send_modify(|durable| *durable = state);
    }

    fn fail(&self, error: &io::Error) {
        let mut queue = lock(&self.queue);
        queue.records.clear();
        queue.bytes = 0;
        // Before anything else: whoever relies on the journal must hear of it, whatever becomes of the rest.
        self.announce(Err(Broken { reason: Arc::from(error.to_string()) }));
        drop(queue);
        tracing::error!(%error, "the journal cannot be written; nothing more will be acknowledged");
    }
}

/// Says that nothing more will be written if the thread panics.
struct LastWords<'a>(&'a Shared);

impl Drop for LastWords<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.announce(Err(Broken { reason: "the thread that writes it panicked".into() }));
        }
    }
}

/// Writes batch after batch until the queue is closed or the disk fails.
pub(super) fn write_batches(
    shared: &Shared,
    mut disk: Box<dyn BatchSink>,
    header: &Header,
    mut last: Digest,
) {
    let _last = LastWords(shared);
    while let Some(records) = shared.next_batch() {
        let (bytes, digest) = header.encode_batch(last, &records);
        if let Err(error) = disk.append(&bytes).and_then(|()| disk.sync()) {
            return shared.fail(&error);
        }
        last = digest;
        let durable = {
            let mut extent = lock(&shared.extent);
            extent.grow(records.len() as u64, bytes.len() as u64);
            extent.records
        };
        shared.announce(Ok(durable));
    }
}

/// Locks, whatever a thread that panicked left behind: nothing here is half changed at a point that can panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
