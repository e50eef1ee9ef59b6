//! A daemon that went away, and is waited for: it goes on with its jobs when it is back.
//!
//! **Invariant:** none is started here: somebody may have ended it on purpose.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{CallError, FrameError, Handle, Refused, Update, Updates, WatchUpdates};
use crate::config::Home;

/// How long a daemon may be away.
const AWAY_MAX: Duration = Duration::from_secs(60);
/// Between two looks whether it is back.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Waits for the daemon of a home, and follows the job of this name there, or all.
///
/// # Errors
/// [`CallError::Lost`], if it stays away; [`CallError::Refused`], if there is nothing to follow.
pub async fn watch_again(home: &Home, name: Option<&str>) -> Result<(Handle, Updates<Update>), CallError> {
    let deadline = Instant::now() + AWAY_MAX;
    loop {
        if let Ok(handle) = Handle::connect(home).await {
            match handle.call(WatchUpdates { name: name.map(str::to_owned) }).await {
                Ok(updates) => return Ok((handle, updates)),
                Err(CallError::Lost(_) | CallError::Refused(Refused::Ending)) => {}
                Err(error) => return Err(error),
            }
        }
        if Instant::now() > deadline {
            return Err(CallError::Lost(FrameError::Ended));
        }
        sleep(LOOK_EVERY).await;
    }
}
