//! A job that is followed for as long as it goes on, whatever becomes of the daemon meanwhile.
//!
//! **Invariant:** whoever follows a job is told how it stands at first, and again after each time that the daemon was away.

use assay_peer::{
    config::Home,
    handle::{CallError, Handle, Refused, Update, Updates, WatchUpdates, watch_again},
};

use crate::command_error::{CommandError, lost};

/// A job that is followed.
pub(super) struct JobWatch<'a> {
    home: &'a Home,
    name: String,
    /// The way to the daemon that is there now.
    handle: Handle,
    updates: Updates<Update>,
}

impl<'a> JobWatch<'a> {
    /// Begins to follow the job of this name.
    pub(super) async fn begin(home: &'a Home, handle: &Handle, name: String) -> Result<Self, CommandError> {
        let (handle, updates) = match handle.call(WatchUpdates { name: Some(name.clone()) }).await {
            // It was started again since.
            Err(CallError::Lost(_) | CallError::Refused(Refused::Ending)) => again(home, &name).await?,
            updates => (handle.clone(), updates?),
        };
        Ok(Self { home, name, handle, updates })
    }

    /// The way to the daemon that tells it.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What is told next. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Result<Update, CommandError> {
        loop {
            match self.updates.next().await {
                Some(Ok(update)) => return Ok(update),
                Some(Err(CallError::Lost(_) | CallError::Refused(Refused::Ending))) | None => {
                    (self.handle, self.updates) = again(self.home, &self.name).await?;
                }
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }
}

/// Waits for a daemon, and follows the same job there.
async fn again(home: &Home, name: &str) -> Result<(Handle, Updates<Update>), CommandError> {
    match watch_again(home, Some(name)).await {
        Ok(found) => Ok(found),
        Err(CallError::Lost(error)) => Err(lost(&error)),
        Err(error) => Err(error.into()),
    }
}
