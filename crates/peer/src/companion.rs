//! What runs in the daemon's process and lives by it, such as a gateway.
//!
//! **Invariant:** a daemon that is asked to end tells its companion before it does anything about that, and takes calls until the
//! companion has left; it waits for [`LEAVE_WAIT`] at most.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

/// How long an ending daemon waits for its companion.
const LEAVE_WAIT: Duration = Duration::from_secs(8);

/// What uses a daemon in the same process, until it is asked to leave. Dropped, it has left.
#[derive(Debug)]
pub struct Companion {
    asked: oneshot::Receiver<()>,
    _here: oneshot::Sender<()>,
}

/// The daemon's side of a companion.
#[derive(Debug)]
pub struct CompanionHost {
    ask: oneshot::Sender<()>,
    gone: oneshot::Receiver<()>,
}

impl Companion {
    /// A companion, and what its daemon is started with.
    #[must_use]
    pub fn invited() -> (Self, CompanionHost) {
        let ((ask, asked), (here, gone)) = (oneshot::channel(), oneshot::channel());
        (Self { asked, _here: here }, CompanionHost { ask, gone })
    }

    /// Returns once the daemon wishes to end, or is gone.
    pub async fn asked_to_leave(&mut self) {
        // An error means that the daemon is gone, which is the same to a companion.
        let _ = (&mut self.asked).await;
    }
}

impl CompanionHost {
    async fn see_off(self) {
        // An error means that the companion has left by itself.
        let _ = self.ask.send(());
        if timeout(LEAVE_WAIT, self.gone).await.is_err() {
            tracing::warn!("ended before what runs beside it in its process had");
        }
    }
}

/// The companion of a daemon, if it has one. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct CompanionPlace(Arc<Mutex<Option<CompanionHost>>>);

impl CompanionPlace {
    /// The same place, with a companion in it.
    pub(crate) fn let_in(&self, host: Option<CompanionHost>) -> Self {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = host;
        self.clone()
    }

    /// Has the companion leave, if one is here and was not asked before, and waits until it has.
    pub(crate) async fn see_off(&self) {
        let host = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(host) = host {
            host.see_off().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_companion_is_asked_once_and_waited_for_until_it_is_gone() {
        let (place, has_left) = (CompanionPlace::default(), Arc::new(AtomicBool::new(false)));
        place.see_off().await;
        let (mut companion, host) = Companion::invited();
        place.let_in(Some(host));
        let leaves = has_left.clone();
        let staying = tokio::spawn(async move {
            companion.asked_to_leave().await;
            tokio::task::yield_now().await;
            leaves.store(true, Ordering::Relaxed);
            drop(companion);
        });
        place.see_off().await;
        assert!(has_left.load(Ordering::Relaxed), "the daemon went before its companion");
        staying.await.unwrap();
        place.see_off().await;
    }

    #[tokio::test]
    async fn a_companion_whose_daemon_is_gone_need_not_be_asked() {
        let (mut companion, host) = Companion::invited();
        drop(host);
        companion.asked_to_leave().await;
        let (companion, host) = Companion::invited();
        drop(companion);
        host.see_off().await;
    }
}
