//! Looks at the offers that are known now and then, and writes down what they ask.
//!
//! **Invariant:** the loop is looked at, and waits for nothing here; what was seen of an hour is written when it is over,
//! and when the daemon ends.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use assay_protocol::units::Timestamp;
use tokio::{
    sync::oneshot,
    task::{JoinHandle, spawn_blocking},
    time::sleep,
};

use super::{PriceHistory, PriceLook, PricedModel, hour_of, price_file::PriceFile};
use crate::{clock::wall, driver::responder::Responder};

/// From the start to the first look: offers are heard by then.
const FIRST_WAIT: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK_STEP: Duration = Duration::from_secs(600);

/// What is known of prices, for whoever asks. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct PriceBoard(Arc<Mutex<PriceHistory>>);

impl PriceBoard {
    /// What models were offered for.
    pub(crate) fn view(&self) -> Vec<PricedModel> {
        self.lock().view()
    }

    fn lock(&self) -> MutexGuard<'_, PriceHistory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at offers, for as long as the daemon runs.
pub(crate) struct PriceKeeper {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl PriceKeeper {
    /// Begins, once what is written in a file is known.
    pub(crate) async fn start(path: PathBuf, responder: Responder) -> Self {
        let board = responder.beside.prices.clone();
        let opened = spawn_blocking(move || PriceFile::open(path)).await.ok();
        let file = opened.map(|(file, history)| {
            *board.lock() = history;
            file
        });
        let (stop, stopped) = oneshot::channel();
        let diary = PriceDiary { file, board, hour: None };
        Self { stop, task: tokio::spawn(keep(diary, responder, stopped)) }
    }

    /// Ends, and writes nothing more: the folder is another's.
    pub(crate) fn disown(&self) {
        self.task.abort();
    }

    /// Ends once what was seen is written.
    pub(crate) async fn end(self) {
        drop(self.stop);
        // An error means that it failed by a fault of its own: there is nothing to wait for.
        drop(self.task.await);
    }
}

async fn keep(mut diary: PriceDiary, responder: Responder, mut stopped: oneshot::Receiver<()>) {
    let mut wait = FIRST_WAIT;
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => break,
            () = sleep(wait) => {}
        }
        // It ends.
        let Ok(looks) = responder.price_looks().await else { break };
        diary.note(wall(), looks).await;
        wait = LOOK_STEP;
    }
    diary.close().await;
}

/// What is written of what is seen.
struct PriceDiary {
    /// Away while something is written, or where it could not be.
    file: Option<PriceFile>,
    board: PriceBoard,
    /// The hour that was looked at last, if it is not written.
    hour: Option<u64>,
}

impl PriceDiary {
    async fn note(&mut self, now: Timestamp, looks: Vec<PriceLook>) {
        let hour = hour_of(now);
        if self.hour.is_some_and(|last| last != hour) {
            self.close().await;
        }
        self.board.lock().note(now, looks);
        self.hour = Some(hour);
    }

    /// Writes down the last hour.
    async fn close(&mut self) {
        let (Some(hour), Some(mut file)) = (self.hour.take(), self.file.take()) else { return };
        let history = self.board.lock().clone();
        let written = spawn_blocking(move || {
            let added = file.add(&history, hour);
            (file, added)
        });
        // A write that failed by a fault of its own is the last.
        let Ok((file, added)) = written.await else { return };
        self.file = Some(file);
        if let Err(error) = added {
            tracing::warn!(%error, "what models are offered for cannot be written down");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_was_seen_is_written_at_the_end_and_nothing_where_the_folder_is_anothers() {
        for is_anothers in [false, true] {
            let (written, (stop, stopped)) = (Arc::new(AtomicBool::new(false)), oneshot::channel::<()>());
            let writes = Arc::clone(&written);
            let task = tokio::spawn(async move {
                // An error means that it is to end.
                _ = stopped.await;
                writes.store(true, Ordering::Relaxed);
            });
            let keeper = PriceKeeper { stop, task };
            if is_anothers {
                keeper.disown();
            }
            keeper.end().await;
            assert_eq!(written.load(Ordering::Relaxed), !is_anothers);
        }
    }
}
