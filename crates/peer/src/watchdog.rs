//! Watches over the parts of a daemon that run by themselves, so that none of them can fail unseen.
//!
//! **Invariant:** a part that panics is a fault of the whole daemon, which ends with its name; one that is merely told to
//! end is none.

use std::{sync::Arc, thread};

use tokio::sync::watch;

/// Who is told of a fault. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Watchdog(Arc<watch::Sender<Option<&'static str>>>);

/// Watches over one part for as long as it lives.
#[derive(Debug)]
pub(crate) struct WatchGuard {
    watchdog: Watchdog,
    part: &'static str,
}

impl Default for Watchdog {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Watchdog {
    /// To be owned by whatever the part runs in.
    pub(crate) fn guard(&self, part: &'static str) -> WatchGuard {
        WatchGuard { watchdog: self.clone(), part }
    }

    /// Waits until a part fails, and says which.
    pub(crate) async fn fault(&self) -> &'static str {
        let mut told = self.0.subscribe();
        // An error would mean that the sender is gone, and that is held here.
        let fault = told.wait_for(Option::is_some).await.ok().and_then(|fault| *fault);
        fault.unwrap_or("watchdog")
    }
}

impl Drop for WatchGuard {
    fn drop(&mut self) {
        if thread::panicking() {
            self.watchdog.0.send_replace(Some(self.part));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_told_and_an_end_is_not() {
        let watchdog = Watchdog::default();
        let [ended, aborted, threaded, fails] =
            ["ended", "aborted", "threaded", "fails"].map(|part| watchdog.guard(part));
        tokio::spawn(async move { drop(ended) }).await.unwrap();
        let waiting = tokio::spawn(async move {
            let _guard = aborted;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        tokio::task::spawn_blocking(move || drop(threaded)).await.unwrap();
        assert_eq!(watchdog.fault().now_or_never(), None);
        let failing = tokio::spawn(async move {
            let _guard = fails;
            panic!("a fault");
        });
        assert_eq!(watchdog.fault().await, "fails");
        assert!(failing.await.unwrap_err().is_panic());
    }
}
