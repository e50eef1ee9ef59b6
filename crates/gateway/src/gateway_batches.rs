//! Batches that clients of the gateway handed in, in a folder of the home.
//!
//! **Invariant:** what is told of a batch is on the disk before. A batch that is not over goes on when a gateway starts again,
//! from where it was ([`crate::batch`]). One that is over keeps its record alone: what came of it is in files of its owner's.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use assay_protocol::id::Digest;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::{
    asked_once::{AskedOnce, KeptRequest, KeyTaken},
    batch::{BatchError, BatchFolder, BatchSign},
    batch_record::{BatchCounts, BatchRecord, BatchWait},
    counted::counted,
    damage::put_aside,
    drawn_name::BatchId,
    gateway_files::{FileOwner, make_private},
    owner_places::OwnerPlaces,
};

/// What an owner may have under way, and all of them. The lines of a batch are copied to where it is carried out.
const OPEN_MOST: BatchRoom = BatchRoom { batches: 16, bytes: 1024 * 1024 * 1024 };
const ALL_OPEN_MOST: BatchRoom = BatchRoom { batches: 64, bytes: 4 * 1024 * 1024 * 1024 };
/// Batches that are remembered of an owner, and of all: of more, those of whoever hands in another one that were over first are
/// forgotten.
const REMEMBERED_MAX: usize = 500;
const ALL_REMEMBERED_MAX: usize = 5_000;
/// Batches that are carried out at a time, for a key and for all.
const AT_A_TIME: (usize, usize) = (2, 4);
/// Behind the name of a batch's record; without it the name is of the folder that it is carried out in.
const RECORD: &str = ".json";

/// The batches of a gateway.
#[derive(Debug)]
pub(crate) struct GatewayBatches {
    folder: PathBuf,
    known: Mutex<BTreeMap<BatchId, Arc<OpenBatch>>>,
    /// Those that are carried out at a time.
    pub(crate) places: OwnerPlaces,
    /// Whether the gateway ends.
    ends: watch::Sender<bool>,
}

/// A batch, and whoever carries it out.
#[derive(Debug)]
pub(crate) struct OpenBatch {
    id: BatchId,
    owner: FileOwner,
    created: Timestamp,
    /// Of its lines.
    input_bytes: u64,
    once: AskedOnce,
    /// Whether its client is known to know of it.
    is_known: AtomicBool,
    /// Whether somebody carries it out.
    is_begun: AtomicBool,
    path: PathBuf,
    work: BatchFolder,
    record: Mutex<BatchRecord>,
    /// Held while the record is written: it is read meanwhile.
    writing: Mutex<()>,
    wait: Mutex<Option<BatchWait>>,
    /// That the notary is gone, as long as it is.
    notary: Mutex<Option<BatchWait>>,
    /// Whether its client wants no more of it.
    is_cancelled: watch::Sender<bool>,
}

/// So many batches, whose lines have so many bytes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BatchRoom {
    batches: usize,
    bytes: u64,
}

/// Why there is no more room for a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{whose} {} of {} bytes under way, where at most {} of {} may be; wait until one is over",
    counted(have.batches, "batch", "batches"), have.bytes, most.batches, most.bytes
)]
pub(crate) struct TooManyBatches {
    /// Who has them.
    whose: &'static str,
    have: BatchRoom,
    most: BatchRoom,
}

/// Why a batch is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BatchRefused {
    /// There are too many.
    #[error(transparent)]
    Many(#[from] TooManyBatches),
    /// The key of its request names another one.
    #[error(transparent)]
    Key(#[from] KeyTaken),
}

impl GatewayBatches {
    /// Those in a folder, which is made if there is none.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        make_private(folder)?;
        let batches = Self {
            folder: folder.to_owned(),
            known: Mutex::default(),
            places: OwnerPlaces::new("batches that are carried out", AT_A_TIME),
            ends: watch::Sender::new(false),
        };
        let (mut work, mut damaged) = (Vec::new(), Vec::new());
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            let Some(name) = name.to_str() else { continue };
            if let Some(id) = name.strip_suffix(RECORD).and_then(|id| id.parse::<BatchId>().ok()) {
                match batches.read(id)? {
                    Ok(record) => {
                        lock(&batches.known).insert(id, Arc::new(batches.batch(record)));
                    }
                    Err(why) => damaged.push((id, why)),
                }
            } else if let Ok(id) = name.parse::<BatchId>() {
                work.push(id);
            }
        }
        // One that cannot be read keeps back none of the others, and what came of it stays with it.
        for (id, why) in damaged {
            work.retain(|other| *other != id);
            put_aside(&[batches.record_path(id), batches.work_path(id)], &why);
        }
        for id in work {
            let is_open = lock(&batches.known).get(&id).is_some_and(|batch| !batch.is_over());
            if !is_open {
                fs::remove_dir_all(batches.work_path(id))?;
            }
        }
        Ok(batches)
    }

    /// The record of a batch, or why it is damaged.
    fn read(&self, id: BatchId) -> io::Result<Result<BatchRecord, String>> {
        match BatchRecord::read(&self.record_path(id)) {
            Ok(record) if record.id == id => Ok(Ok(record)),
            Ok(record) => Ok(Err(format!("it is the record of {}", record.id))),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Err(error.to_string())),
            Err(error) => Err(error),
        }
    }

    fn record_path(&self, id: BatchId) -> PathBuf {
        self.folder.join(format!("{id}{RECORD}"))
    }

    fn work_path(&self, id: BatchId) -> PathBuf {
        self.folder.join(id.to_string())
    }

    fn batch(&self, record: BatchRecord) -> OpenBatch {
        OpenBatch {
            id: record.id,
            owner: record.owner,
            created: record.times.created,
            input_bytes: record.input_bytes,
            once: record.once,
            is_known: AtomicBool::new(false),
            is_begun: AtomicBool::new(false),
            path: self.record_path(record.id),
            work: BatchFolder::at(self.work_path(record.id)),
            is_cancelled: watch::Sender::new(record.times.cancelling.is_some()),
            record: Mutex::new(record),
            writing: Mutex::default(),
            wait: Mutex::default(),
            notary: Mutex::default(),
        }
    }

    /// Those that are not over.
    pub(crate) fn unfinished(&self) -> Vec<Arc<OpenBatch>> {
        lock(&self.known).values().filter(|batch| !batch.is_over()).cloned().collect()
    }

    /// A batch of an owner's, who knows of it by its name.
    pub(crate) fn find(&self, owner: FileOwner, id: BatchId) -> Option<Arc<OpenBatch>> {
        let found = lock(&self.known).get(&id).filter(|batch| batch.owner == owner).cloned()?;
        found.is_known.store(true, Ordering::Relaxed);
        Some(found)
    }

    /// What an owner's request has handed in when it was sent before, if it was.
    pub(crate) fn asked_before(
        &self,
        owner: FileOwner,
        once: &AskedOnce,
    ) -> Result<Option<Arc<OpenBatch>>, KeyTaken> {
        asked_before(&lock(&self.known), owner, once)
    }

    /// All batches of an owner, youngest first.
    pub(crate) fn all(&self, owner: FileOwner) -> Vec<Arc<OpenBatch>> {
        let known = lock(&self.known);
        let mut all: Vec<Arc<OpenBatch>> =
            known.values().filter(|batch| batch.owner == owner).cloned().collect();
        drop(known);
        all.sort_by_key(|batch| Reverse((batch.created, batch.id)));
        all
    }

    /// Keeps another one, if there is room for it; or gives the one that its request has handed in before.
    pub(crate) fn add(
        &self,
        record: BatchRecord,
    ) -> Result<Result<Arc<OpenBatch>, BatchRefused>, BatchError> {
        let (owner, id) = (record.owner, record.id);
        let mut known = lock(&self.known);
        match asked_before(&known, owner, &record.once) {
            Ok(None) => {}
            Ok(Some(batch)) => return Ok(Ok(batch)),
            Err(taken) => return Ok(Err(taken.into())),
        }
        if let Err(many) = check_room(known.values(), owner, record.input_bytes) {
            return Ok(Err(many.into()));
        }
        let batch = Arc::new(self.batch(record.clone()));
        record.write(&batch.path)?;
        known.insert(id, batch.clone());
        drop(known);
        self.forget_more(owner);
        Ok(Ok(batch))
    }

    /// Forgets what an owner has more than is remembered.
    fn forget_more(&self, owner: FileOwner) {
        let all = self.all(owner);
        let beyond = lock(&self.known).len().saturating_sub(ALL_REMEMBERED_MAX);
        let kept = REMEMBERED_MAX.min(all.len().saturating_sub(beyond));
        for batch in all.iter().skip(kept).filter(|batch| batch.is_over()) {
            self.forget(batch);
        }
    }

    /// Forgets a batch; false if it is still there.
    fn forget(&self, batch: &OpenBatch) -> bool {
        if let Err(error) = fs::remove_file(&batch.path) {
            tracing::warn!(%error, "a batch that is over is not forgotten");
            return false;
        }
        lock(&self.known).remove(&batch.id).is_some()
    }

    /// The keys that batches belong to.
    pub(crate) fn owners(&self) -> BTreeSet<Digest> {
        lock(&self.known).values().filter_map(|batch| batch.owner).collect()
    }

    /// Forgets those of a key that are over, and says how many.
    pub(crate) fn forget_all(&self, key: Digest) -> usize {
        self.all(Some(key)).iter().filter(|batch| batch.is_over() && self.forget(batch)).count()
    }

    /// The gateway ends: what is carried out ends soon, and goes on with the next one.
    pub(crate) fn end(&self) {
        self.ends.send_replace(true);
    }

    /// Waits for that.
    pub(crate) async fn ended(&self) {
        is_so(&self.ends).await;
    }
}

impl OpenBatch {
    /// What it is called.
    pub(crate) fn id(&self) -> BatchId {
        self.id
    }

    /// Whose it is.
    pub(crate) fn owner(&self) -> FileOwner {
        self.owner
    }

    /// Whether nobody carried it out until now: whoever asks does.
    pub(crate) fn begin(&self) -> bool {
        !self.is_begun.swap(true, Ordering::Relaxed)
    }

    /// Whether nothing more happens to it.
    pub(crate) fn is_over(&self) -> bool {
        lock(&self.record).is_over()
    }

    /// What is known of it.
    pub(crate) fn record(&self) -> BatchRecord {
        lock(&self.record).clone()
    }

    /// Where it is carried out.
    pub(crate) fn work(&self) -> &BatchFolder {
        &self.work
    }

    /// As its client reads it.
    pub(crate) fn document(&self) -> serde_json::Value {
        let gone = lock(&self.notary).clone();
        let wait = gone.or_else(|| lock(&self.wait).clone());
        lock(&self.record).document(wait.as_ref())
    }

    /// Something happened to it; that is on the disk when this returns.
    pub(crate) fn change(&self, change: impl FnOnce(&mut BatchRecord)) -> Result<BatchRecord, BatchError> {
        let _writing = lock(&self.writing);
        let before = self.record();
        let mut next = before.clone();
        change(&mut next);
        // To say the same again, however often, is no work for the disk.
        if next == before {
            return Ok(next);
        }
        next.write(&self.path)?;
        *lock(&self.record) = next.clone();
        Ok(next)
    }

    /// Its client wants no more of it; nothing, if it is too late for that.
    pub(crate) fn cancel(&self) -> Result<Option<BatchRecord>, BatchError> {
        let record = self.change(|record| {
            if !record.is_over() && record.times.finalizing.is_none() && record.times.cancelling.is_none() {
                record.times.cancelling = Some(Timestamp::now());
            }
        })?;
        if record.times.cancelling.is_none() {
            return Ok(None);
        }
        self.is_cancelled.send_replace(true);
        Ok(Some(record))
    }

    /// Waits until its client wants no more of it.
    pub(crate) async fn cancelled(&self) {
        is_so(&self.is_cancelled).await;
    }

    /// How far it is, while it is carried out.
    pub(crate) fn tell(&self, sign: BatchSign) {
        match sign {
            BatchSign::Away => self.waits_for(Some(BatchWait::away())),
            BatchSign::Progress { tally, open, spent, is_held, .. } => {
                let mut record = lock(&self.record);
                let total = record.counts.total;
                record.counts = BatchCounts { total, completed: tally.answered, failed: tally.failed, spent };
                drop(record);
                if open > 0 {
                    self.waits_for(is_held.then(|| BatchWait::held(open)));
                }
            }
        }
    }

    /// Why it does not go on for now, if so.
    pub(crate) fn waits_for(&self, wait: Option<BatchWait>) {
        *lock(&self.wait) = wait;
    }

    /// That the notary is gone, if it is: whatever else keeps it back, it does not go on before that is there again.
    pub(crate) fn misses_notary(&self, gone: Option<BatchWait>) {
        *lock(&self.notary) = gone;
    }
}

/// What a request has handed in when it was sent before: the youngest that it may be.
fn asked_before(
    known: &BTreeMap<BatchId, Arc<OpenBatch>>,
    owner: FileOwner,
    once: &AskedOnce,
) -> Result<Option<Arc<OpenBatch>>, KeyTaken> {
    let own = known.values().filter(|batch| batch.owner == owner).map(|batch| KeptRequest {
        id: batch.id,
        once: batch.once,
        created: batch.created,
        is_known: batch.is_known.load(Ordering::Relaxed),
    });
    let note_known = |id: BatchId| {
        if let Some(batch) = known.get(&id) {
            batch.is_known.store(true, Ordering::Relaxed);
        }
    };
    let found = once.asked_before(own.collect(), note_known)?;
    Ok(found.and_then(|id| known.get(&id).cloned()))
}

/// Whether an owner may have another one under way, whose lines have so many bytes.
fn check_room<'a>(
    known: impl Iterator<Item = &'a Arc<OpenBatch>>,
    owner: FileOwner,
    bytes: u64,
) -> Result<(), TooManyBatches> {
    let (mut own, mut all) = (BatchRoom::default(), BatchRoom::default());
    for batch in known.filter(|batch| !batch.is_over()) {
        all = all.with(batch.input_bytes);
        if batch.owner == owner {
            own = own.with(batch.input_bytes);
        }
    }
    for (whose, have, most) in [("you have", own, OPEN_MOST), ("all keys together have", all, ALL_OPEN_MOST)]
    {
        let after = have.with(bytes);
        if after.batches > most.batches || after.bytes > most.bytes {
            return Err(TooManyBatches { whose, have, most });
        }
    }
    Ok(())
}

impl BatchRoom {
    /// The same with another one.
    fn with(self, bytes: u64) -> Self {
        Self { batches: self.batches + 1, bytes: self.bytes.saturating_add(bytes) }
    }
}

/// Waits until something is so.
async fn is_so(sender: &watch::Sender<bool>) {
    // It is never gone: whoever waits holds it.
    let _ = sender.subscribe().wait_for(|is| *is).await;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
