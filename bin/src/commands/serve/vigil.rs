//! Whether the daemon behind a gateway is there: it is said when it goes and when it is back, and one that died is started
//! again.
//!
//! **Invariant:** a daemon that ended in good order stays ended, since somebody wanted that. Requests wait for none of this: each
//! finds its own way to the daemon, or is refused.

use std::{
    convert::Infallible,
    time::{Duration, Instant},
};

use assay_peer::{
    config::Home,
    handle::{CallError, Handle, Refused, Update, Updates, WatchUpdates},
};
use tokio::time::{sleep, timeout};

use crate::daemon::start_in;

/// Between two looks whether a daemon that is away is back.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Until one that died is started again: at first, and at most where it dies again and again.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// One that lived for so long did not die of its start.
const LIVED: Duration = Duration::from_secs(60);

/// A daemon that is in sight: it is gone when there are no more updates.
struct InSight {
    /// The way by which updates come.
    _daemon: Handle,
    updates: Updates<Update>,
}

/// How a daemon ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum DaemonEnd {
    /// In good order: it said so.
    InOrder,
    /// Without a word.
    Died,
}

/// Looks after the daemon of a home for as long as somebody serves; `starts` one that died.
pub(super) async fn keep(home: &Home, daemon: Handle, starts: bool) -> Infallible {
    let mut pause = PAUSE;
    let mut in_sight = InSight::of(daemon).await;
    loop {
        let since = Instant::now();
        let end = match &mut in_sight {
            Ok(in_sight) => in_sight.end().await,
            // It went before anybody looked.
            Err(end) => *end,
        };
        if since.elapsed() >= LIVED {
            pause = PAUSE;
        }
        tracing::info!("{}", said(end, starts));
        in_sight = Ok(match end {
            DaemonEnd::Died if starts => InSight::started(home, &mut pause).await,
            DaemonEnd::Died | DaemonEnd::InOrder => InSight::back(home).await,
        });
        tracing::info!("the daemon is back, and requests are answered again");
    }
}

/// What is said of a daemon that went.
fn said(end: DaemonEnd, starts: bool) -> &'static str {
    match end {
        DaemonEnd::InOrder => {
            "the daemon was ended: requests are answered with 503 until it runs again (`assay up` starts it)"
        }
        DaemonEnd::Died if starts => {
            "the daemon died: it is started again, and requests are answered with 503 until then"
        }
        DaemonEnd::Died => {
            "the daemon died: requests are answered with 503 until it runs again (`assay up` starts it)"
        }
    }
}

impl DaemonEnd {
    /// How one ended that answers so.
    fn of(error: &CallError) -> Self {
        if matches!(error, CallError::Refused(Refused::Ending)) { Self::InOrder } else { Self::Died }
    }
}

impl InSight {
    /// Keeps a daemon in sight, or says how it ended before that.
    async fn of(daemon: Handle) -> Result<Self, DaemonEnd> {
        match daemon.call(WatchUpdates::default()).await {
            Ok(updates) => Ok(Self { _daemon: daemon, updates }),
            Err(error) => Err(DaemonEnd::of(&error)),
        }
    }

    /// Waits until the daemon goes.
    async fn end(&mut self) -> DaemonEnd {
        loop {
            match self.updates.next().await {
                Some(Ok(_)) => {}
                None => return DaemonEnd::InOrder,
                Some(Err(error)) => return DaemonEnd::of(&error),
            }
        }
    }

    /// Waits until somebody has started one.
    async fn back(home: &Home) -> Self {
        loop {
            if let Ok(daemon) = Handle::connect(home).await
                && let Ok(in_sight) = Self::of(daemon).await
            {
                return in_sight;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Starts one, unless somebody else has meanwhile, or has ended that. Each failure makes the next try wait longer.
    async fn started(home: &Home, pause: &mut Duration) -> Self {
        loop {
            if let Ok(in_sight) = timeout(*pause, Self::back(home)).await {
                return in_sight;
            }
            *pause = pause.saturating_mul(2).min(PAUSE_MAX);
            match start_in(home).await {
                Ok(daemon) => match Self::of(daemon).await {
                    Ok(in_sight) => return in_sight,
                    Err(DaemonEnd::InOrder) => return Self::back(home).await,
                    Err(DaemonEnd::Died) => {}
                },
                Err(failure) => {
                    let [why, _] = failure.lines();
                    tracing::warn!("the daemon is not started: {why}; tried again in {} s", pause.as_secs());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use assay_peer::handle::FrameError;

    use super::*;

    #[test]
    fn one_that_is_ending_when_somebody_looks_at_it_first_has_not_died() {
        assert_eq!(DaemonEnd::of(&CallError::Refused(Refused::Ending)), DaemonEnd::InOrder);
        assert_eq!(DaemonEnd::of(&CallError::Lost(FrameError::Ended)), DaemonEnd::Died);
    }

    #[test]
    fn whoever_serves_is_told_in_a_line_whether_somebody_must_start_it() {
        let by_hand = "`assay up` starts it";
        for (end, starts, is_by_hand) in [
            (DaemonEnd::InOrder, true, true),
            (DaemonEnd::InOrder, false, true),
            (DaemonEnd::Died, true, false),
            (DaemonEnd::Died, false, true),
        ] {
            let said = said(end, starts);
            assert!(said.contains("503") && !said.contains('\n'), "{said}");
            assert_eq!(said.contains(by_hand), is_by_hand, "{end:?} {starts}: {said}");
        }
    }
}
