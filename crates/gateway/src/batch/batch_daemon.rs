//! The daemon as a batch needs it: what becomes of its jobs, whatever becomes of the daemon meanwhile.
//!
//! **Invariant:** whenever something may have been missed of a job, that is said ([`Self::has_missed`]) until it was looked at.

use assay_peer::{
    config::Home,
    handle::{
        CallError, FrameError, Handle, JobView, KnownJob, KnownJobs, Refused, Update, Updates, WatchUpdates,
        watch_again,
    },
};
use assay_protocol::id::Digest;

use super::{
    batch_error::BatchError,
    batch_gear::{BatchSign, BatchTold},
};

/// A daemon that may go away and come back.
pub struct BatchDaemon<'a> {
    home: &'a Home,
    tell: BatchTold<'a>,
    pub(super) handle: Handle,
    updates: Updates<Update>,
    has_missed: bool,
}

impl<'a> BatchDaemon<'a> {
    /// Begins to hear what becomes of its jobs.
    ///
    /// # Errors
    /// [`BatchError::Call`].
    pub async fn watch(home: &'a Home, tell: BatchTold<'a>, handle: Handle) -> Result<Self, BatchError> {
        let updates = handle.call(WatchUpdates { name: None }).await?;
        Ok(Self { home, tell, handle, updates, has_missed: false })
    }

    /// How some job stands that something happened to; nothing, if that may have been missed. May be dropped and called
    /// again.
    pub(super) async fn next(&mut self) -> Result<Option<Box<JobView>>, BatchError> {
        while !self.has_missed {
            match self.updates.next().await {
                Some(Ok(Update::Job(view))) => return Ok(Some(view)),
                Some(Ok(Update::Event(_))) => {}
                Some(Ok(Update::Missed { .. })) => self.has_missed = true,
                Some(Err(error)) if !is_away(&error) => return Err(error.into()),
                Some(Err(_)) | None => self.connect().await?,
            }
        }
        Ok(None)
    }

    /// Whether something may have been missed since this was last asked.
    pub(super) fn has_missed(&mut self) -> bool {
        std::mem::take(&mut self.has_missed)
    }

    /// How these jobs stand, but for those that were never ordered.
    pub(super) async fn known(&mut self, keys: Vec<Digest>) -> Result<Vec<KnownJob>, BatchError> {
        loop {
            match self.handle.call(KnownJobs { keys: keys.clone() }).await {
                Err(error) if is_away(&error) => self.connect().await?,
                known => return Ok(known?),
            }
        }
    }

    /// Waits for a daemon, which goes on with its jobs when it is back.
    pub(super) async fn connect(&mut self) -> Result<(), BatchError> {
        (self.tell)(BatchSign::Away);
        self.has_missed = true;
        (self.handle, self.updates) = watch_again(self.home, None).await?;
        Ok(())
    }
}

/// Whether a call failed only because the daemon is gone, or about to be.
pub(super) fn is_away(error: &CallError) -> bool {
    matches!(
        error,
        CallError::Lost(FrameError::Ended | FrameError::Io(_)) | CallError::Refused(Refused::Ending)
    )
}
