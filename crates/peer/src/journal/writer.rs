//! The thread that writes: what queued while one batch was being synced is the next batch.
//!
//! **Invariant:** a sequence is announced as durable only after the sync that covers it returned well; after a failure
//! nothing is written or announced any more, for ever.

use std::{
    collections::VecDeque,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

use assay_protocol::id::Digest;
use tokio::sync::watch;

use super::{
    AppendError, BATCH_BYTES_MAX, BATCH_RECORDS_MAX, Broken, QUEUE_BYTES_MAX, TEMPORARY,
    extent::Extent,
    format::{HEADER_BYTES, Header, LENGTH_BYTES, StoredRecord},
};
use crate::disk::{DiskFile, HomeDisk};

/// Where batches go. A test puts in its place what holds a sync back.
pub(super) trait BatchSink: Send {
    /// Adds bytes at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns when everything added is durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Begins the part with this header, durably; what is added from now on goes there.
    fn begin(&mut self, header: &Header) -> io::Result<()>;
}

/// The last part of a journal.
pub(super) struct LastPart {
    pub(super) disk: HomeDisk,
    pub(super) folder: PathBuf,
    pub(super) file: DiskFile,
}

impl BatchSink for LastPart {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn begin(&mut self, header: &Header) -> io::Result<()> {
        self.file = create(&self.disk, &self.folder, header)?;
        Ok(())
    }
}

/// Makes a part without records, which has its name only once its header is whole.
pub(super) fn create(disk: &HomeDisk, folder: &Path, header: &Header) -> io::Result<DiskFile> {
    let mut file = disk.create(&folder.join(TEMPORARY))?;
    file.write_all(&header.encode())?;
    disk.publish(&mut file, &header.place.path(folder))?;
    Ok(file)
}

/// What the appending side and the writing thread share.
pub(super) struct Shared {
    queue: Mutex<RecordQueue>,
    /// Signalled when a record was queued or the queue was closed.
    changed: Condvar,
    pub(super) extent: Mutex<Extent>,
    pub(super) durable: watch::Sender<Result<u64, Broken>>,
    /// The number of the last record in a part that is sealed.
    pub(super) sealed: watch::Sender<u64>,
}

struct RecordQueue {
    records: VecDeque<StoredRecord>,
    bytes: usize,
    /// The sequence of the last record queued.
    sequence: u64,
    closed: bool,
}

impl Shared {
    pub(super) fn new(extent: Extent) -> Self {
        let (sequence, records) = (extent.records, VecDeque::new());
        let sealed = extent.parts.last().map_or(0, |place| place.first - 1);
        Self {
            queue: Mutex::new(RecordQueue { records, bytes: 0, sequence, closed: false }),
            changed: Condvar::new(),
            extent: Mutex::new(extent),
            durable: watch::Sender::new(Ok(sequence)),
            sealed: watch::Sender::new(sealed),
        }
    }

    pub(super) fn push(&self, record: StoredRecord) -> Result<u64, AppendError> {
        let mut queue = lock(&self.queue);
        // Looked at under the lock: the writer closes the queue under it when it fails.
        if let Err(broken) = &*self.durable.borrow() {
            return Err(AppendError::Broken(broken.clone()));
        }
        let bytes = queue.bytes + LENGTH_BYTES + record.bytes.len();
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
    fn next_batch(&self) -> Option<Vec<StoredRecord>> {
        let queue = lock(&self.queue);
        let mut queue = self
            .changed
            .wait_while(queue, |queue| queue.records.is_empty() && !queue.closed)
            .unwrap_or_else(PoisonError::into_inner);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some(record) = queue.records.pop_front() {
            bytes += LENGTH_BYTES + record.bytes.len();
            if bytes > BATCH_BYTES_MAX || batch.len() >= BATCH_RECORDS_MAX {
                queue.records.push_front(record);
                break;
            }
            queue.bytes -= LENGTH_BYTES + record.bytes.len();
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
    mut header: Header,
    mut last: Digest,
) {
    let _last = LastWords(shared);
    while let Some(records) = shared.next_batch() {
        let (bytes, digest) = header.encode_batch(last, &records);
        if let Err(error) = disk.append(&bytes).and_then(|()| disk.sync()) {
            return shared.fail(&error);
        }
        last = digest;
        let entries = records.iter().filter(|record| record.is_entry).count() as u64;
        let (durable, next) = {
            let mut extent = lock(&shared.extent);
            extent.grow(records.len() as u64, entries, bytes.len() as u64);
            (extent.records, extent.next_part())
        };
        shared.announce(Ok(durable));
        if let Some(place) = next {
            header = header.next(place, last);
            if let Err(error) = disk.begin(&header) {
                return shared.fail(&error);
            }
            last = header.digest();
            lock(&shared.extent).begin(place, HEADER_BYTES as u64);
            shared.sealed.send_replace(durable);
        }
    }
}

/// Locks, whatever a thread that panicked left behind: nothing here is half changed at a point that can panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
