//! A job that is followed for as long as it goes on, whatever becomes of the daemon meanwhile.
//!
//! **Invariant:** whoever follows a job is told how it stands at first, and again after each time that the daemon was away.

use std::time::Duration;

use assay_peer::{
    config::Home,
    handle::{CallError, FrameError, Handle, Refused, Update, Updates, WatchUpdates},
};
use tokio::time::{Instant, sleep};

use crate::command_error::{CommandError, lost};

/// How long a daemon may be away.
const AWAY_MAX: Duration = Duration::from_secs(60);
/// Between two looks whether it is back.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// A job that is followed.
pub(super) struct JobWatch<'a> {
    home: &'a Home,
    name: String,
    updates: Updates<Update>,
}

impl<'a> JobWatch<'a> {
    /// Begins to follow the job of this name.
    pub(super) async fn begin(home: &'a Home, handle: &Handle, name: String) -> Result<Self, CommandError> {
        let updates = match handle.call(WatchUpdates { name: Some(name.clone()) }).await {
            // It was started again since.
            Err(CallError::Lost(_) | CallError::Refused(Refused::Ending)) => {
                again(home, Some(&name)).await?.1
            }
            updates => updates?,
        };
        Ok(Self { home, name, updates })
    }

    /// What is told next. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Result<Update, CommandError> {
        loop {
            match self.updates.next().await {
                Some(Ok(update)) => return Ok(update),
                Some(Err(CallError::Lost(_) | CallError::Refused(Refused::Ending))) | None => {
                    self.updates = again(self.home, Some(&self.name)).await?.1;
                }
                Some(Err(error)) => return Err(error.into()),
            }
        }
    }
}

/// Waits for a daemon, and follows the same job there, or all. None is started: somebody may have ended it on purpose.
pub(crate) async fn again(
    home: &Home,
    name: Option<&str>,
) -> Result<(Handle, Updates<Update>), CommandError> {
    let deadline = Instant::now() + AWAY_MAX;
    loop {
        if let Ok(handle) = Handle::connect(home).await {
            match handle.call(WatchUpdates { name: name.map(str::to_owned) }).await {
                Ok(updates) => return Ok((handle, updates)),
                Err(CallError::Lost(_) | CallError::Refused(Refused::Ending)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if Instant::now() > deadline {
            return Err(lost(&FrameError::Ended));
        }
        sleep(LOOK_EVERY).await;
    }
}
