//! When notaries were asked what this peer's account holds, by whoever needed that soon.
//!
//! **Invariant:** one at a time asks a notary, and whoever waited meanwhile asks again only where what was said may be older than
//! that wait: of many who wait for one word two ask at most, and nobody asks one that was silent a moment ago.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex as HeldMutex, PoisonError},
    time::{Duration, Instant},
};

use assay_protocol::id::PeerId;
use tokio::sync::Mutex;

/// For how long a notary that did not say it is not asked again: whoever looks for what can be paid asks for many quotes.
const SILENT: Duration = Duration::from_secs(10);

/// What came of it when a notary was last asked; nothing, if none was.
type LastAnswer = Mutex<Option<NotaryAnswer>>;

/// Notaries that were asked. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct AskedNotaries(Arc<HeldMutex<BTreeMap<PeerId, Arc<LastAnswer>>>>);

/// What came of asking.
#[derive(Clone, Copy, Debug)]
enum NotaryAnswer {
    /// It said what the account holds, asked at that time.
    Said { asked: Instant },
    /// It did not say so soon.
    Silent { since: Instant },
}

impl NotaryAnswer {
    /// What is known by it, at this time, for one who needs to know what the account holds since then, if anything.
    fn known(self, needed: Instant, now: Instant) -> Option<bool> {
        match self {
            // What it was asked earlier may be what it said before a grant.
            Self::Said { asked } => (asked >= needed).then_some(true),
            Self::Silent { since } => (now.saturating_duration_since(since) < SILENT).then_some(false),
        }
    }
}

impl AskedNotaries {
    /// Whether a notary has said what the account holds now, by asking it unless that is known.
    pub(crate) async fn has_said(&self, notary: PeerId, ask: impl Future<Output = bool> + Send) -> bool {
        let needed = Instant::now();
        let last = self.of(notary);
        let mut last = last.lock().await;
        let asked = Instant::now();
        if let Some(known) = last.and_then(|answer| answer.known(needed, asked)) {
            return known;
        }
        let has_said = ask.await;
        *last = Some(match has_said {
            true => NotaryAnswer::Said { asked },
            false => NotaryAnswer::Silent { since: Instant::now() },
        });
        has_said
    }

    fn of(&self, notary: PeerId) -> Arc<LastAnswer> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(notary).or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;

    use super::*;

    const NOTARIES: [PeerId; 2] = [PeerId([1; 32]), PeerId([2; 32])];

    #[test]
    fn what_was_said_holds_for_who_needed_it_before_and_silence_for_a_while() {
        let at = Instant::now();
        let [before, after] = [at, at + 2 * Duration::from_secs(1)];
        let said = NotaryAnswer::Said { asked: at + Duration::from_secs(1) };
        assert_eq!([said.known(before, after), said.known(after, after)], [Some(true), None]);
        let silent = NotaryAnswer::Silent { since: at };
        assert_eq!([silent.known(after, after), silent.known(after, at + SILENT)], [Some(false), None]);
    }

    #[tokio::test]
    async fn many_who_wait_for_one_notary_ask_it_twice_at_most_and_a_silent_one_once() {
        let (notaries, asked) = (&AskedNotaries::default(), &AtomicU32::new(0));
        let asks = move |notary: PeerId, says: bool| {
            notaries.has_said(notary, async move {
                asked.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                says
            })
        };
        let [spoken, mute] = NOTARIES;
        assert_eq!(join_all((0..8).map(|_| asks(spoken, true))).await, [true; 8]);
        assert!((1..=2).contains(&asked.swap(0, Ordering::Relaxed)), "the second begins after all of them");
        assert_eq!(join_all((0..8).map(|_| asks(mute, false))).await, [false; 8]);
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}
