//! Makes snapshots while the peer runs: of each part of the journal that is sealed, on a thread of its own.
//!
//! It takes the last snapshot as it lies on the disk, folds the records since, and writes down what that leads to; so no
//! snapshot rests on what only this life knows, and each is read before parts of the journal go that it stands for.
//!
//! **Invariant:** records are removed only where two snapshots stand for them, of which the older was just read; a notary
//! keeps all of them, for they are what others audit. In a home that is another's by now nothing is written or removed.

#[cfg(test)]
pub(crate) mod tests;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use assay_market::{Effects, Node, Record, node::Config};
use assay_protocol::{
    id::PeerId,
    signed::{Keypair, Signer},
};
use tokio::{
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
};

use super::{opening::beginnings, responder::Responder};
use crate::{
    journal::{JournalReader, ReadError},
    snapshots::Snapshots,
};

/// Bytes of snapshot that are written for one of records at most: a large one waits for several parts.
const BYTES_PER_BYTE: u64 = 16;

/// What snapshots are made with.
pub(crate) struct Snapshotting {
    maker: Arc<Maker>,
}

/// The same, at work.
pub(crate) struct Making {
    maker: Arc<Maker>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

struct Maker {
    seed: [u8; 32],
    own: PeerId,
    config: Config,
    snapshots: Snapshots,
    reader: JournalReader,
    /// The home is gone: what is there by now may be another's.
    is_disowned: AtomicBool,
}

/// Why none was made.
#[derive(Debug, thiserror::Error)]
enum SnapshotError {
    #[error(transparent)]
    Disk(#[from] io::Error),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("record {0} cannot be read back")]
    Record(u64),
}

impl Snapshotting {
    pub(crate) fn new(seed: [u8; 32], config: Config, snapshots: Snapshots, reader: JournalReader) -> Self {
        let own = Keypair::from_seed(seed).id();
        let is_disowned = AtomicBool::new(false);
        Self { maker: Arc::new(Maker { seed, own, config, snapshots, reader, is_disowned }) }
    }

    /// Begins to make snapshots, now and whenever a part is sealed.
    pub(crate) fn start(self, responder: Responder) -> Making {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(work(Arc::clone(&self.maker), responder, stopped));
        Making { maker: self.maker, stop, task }
    }
}

impl Making {
    /// Changes nothing more in the folder: it is another's.
    pub(crate) fn disown(&self) {
        self.maker.disown();
    }

    /// Ends once a snapshot that was begun is made.
    pub(crate) async fn end(self) {
        drop(self.stop);
        drop(self.task.await);
    }
}

async fn work(maker: Arc<Maker>, responder: Responder, mut stopped: oneshot::Receiver<()>) {
    let mut sealed = maker.reader.sealed();
    loop {
        let last = *sealed.borrow_and_update();
        let making = maker.clone();
        match spawn_blocking(move || making.make(last)).await {
            Ok(Ok(true)) => {
                let reach = move |driver: &mut super::Driver| driver.reach(last);
                drop(responder.look(reach).await);
            }
            Ok(Ok(false)) | Err(_) => {}
            Ok(Err(error)) => tracing::warn!(%error, "no snapshot could be made; the journal stays as it is"),
        }
        tokio::select! {
            biased;
            _ = &mut stopped => return,
            changed = sealed.changed() => if changed.is_err() { return },
        }
    }
}

impl Maker {
    fn disown(&self) {
        self.is_disowned.store(true, Ordering::Relaxed);
    }

    fn is_disowned(&self) -> bool {
        self.is_disowned.load(Ordering::Relaxed)
    }

    /// Makes the snapshot of all up to this record, which ends a part; says whether there is a new one.
    fn make(&self, sealed: u64) -> Result<bool, SnapshotError> {
        let Some(begun) = beginnings(&self.snapshots, self.own, &self.config)?.next() else {
            return Ok(false);
        };
        let since = begun.base.records;
        if sealed <= since || self.reader.first() > since + 1 {
            return Ok(false);
        }
        let Some((base, bytes)) = self.reader.base_at(sealed, since)? else { return Ok(false) };
        if begun.bytes > bytes.saturating_mul(BYTES_PER_BYTE) {
            return Ok(false);
        }
        let mut failed = None;
        let saved = self.reader.records(since + 1).map_while(|read| {
            let record = read.map_err(SnapshotError::from).and_then(|(sequence, bytes)| {
                Ok((sequence, Record::read(&bytes).map_err(|_| SnapshotError::Record(sequence))?))
            });
            match record {
                Ok((sequence, record)) => (sequence <= sealed).then_some(record),
                Err(error) => {
                    failed = Some(error);
                    None
                }
            }
        });
        let (key, config) = (Keypair::from_seed(self.seed), self.config.clone());
        let node = Node::restore_from(key, config, [0; 32], begun.snapshot, saved, &mut Effects::new());
        if let Some(error) = failed {
            return Err(error);
        }
        let body = node.snapshot();
        // The home may have gone while the records were read, and again while the snapshot went to the disk.
        if self.is_disowned() {
            return Ok(false);
        }
        self.snapshots.write(&base, &body)?;
        if self.is_disowned() {
            return Ok(false);
        }
        self.snapshots.prune([sealed, since])?;
        // Whoever asks may read a notary's from the first record on.
        if !self.config.is_notary(self.own) {
            self.reader.forget(since)?;
        }
        Ok(true)
    }
}
