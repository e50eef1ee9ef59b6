//! The transfers of one blob that go on beside each other, and which of them makes room for another source.
//!
//! **Invariant:** no more than [`BESIDE_MAX`] go on; the one that comes fastest ends for nobody.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use assay_protocol::id::PeerId;
use futures::future::{AbortHandle, AbortRegistration};
use tokio::time::Instant;

use super::fetches::Next;
use crate::network::Progress;

/// Sources of one blob that are asked beside each other: each takes a place, and a part of what the line bears.
const BESIDE_MAX: usize = 3;
/// How long as many go on before the slowest makes room for a source that was not asked yet.
const ROOM_WAIT: Duration = Duration::from_secs(3);

/// Those of one blob, the longest first.
#[derive(Default)]
pub(super) struct Transfers(Vec<Transfer>);

struct Transfer {
    from: PeerId,
    progress: Progress,
    since: Instant,
    is_whole: Arc<AtomicBool>,
    handle: AbortHandle,
}

impl Transfers {
    /// Notes one that begins now: what ends it, and where it says that the blob has come whole.
    pub(super) fn begin(&mut self, next: &Next) -> (AbortRegistration, Arc<AtomicBool>) {
        let (handle, registration) = AbortHandle::new_pair();
        let (from, progress, is_whole) = (next.from, next.progress.clone(), Arc::<AtomicBool>::default());
        let told = Arc::clone(&is_whole);
        self.0.push(Transfer { from, progress, since: Instant::now(), is_whole, handle });
        (registration, told)
    }

    /// One from this source has ended.
    pub(super) fn note_end(&mut self, from: PeerId) {
        self.0.retain(|transfer| transfer.from != from);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True while another may go on beside them.
    pub(super) fn have_place(&self) -> bool {
        self.0.len() < BESIDE_MAX
    }

    /// True once one has brought the blob, which is on its way to the disk: nobody else is needed.
    pub(super) fn have_whole(&self) -> bool {
        self.0.iter().any(|transfer| transfer.is_whole.load(Ordering::Relaxed))
    }

    /// True once the youngest has had time to show how fast it is.
    pub(super) fn have_had_time(&self) -> bool {
        self.0.iter().all(|transfer| transfer.since.elapsed() >= ROOM_WAIT)
    }

    /// Ends the one that comes most slowly, of several that do the one that has for the longest: from whom that was.
    pub(super) fn end_slowest(&mut self) -> Option<PeerId> {
        let (place, _) = self.0.iter().enumerate().min_by_key(|(_, transfer)| transfer.pace())?;
        let Transfer { from, handle, .. } = self.0.remove(place);
        handle.abort();
        Some(from)
    }
}

impl Transfer {
    /// Bytes that have come in a second.
    fn pace(&self) -> u128 {
        u128::from(self.progress.bytes()) * 1_000 / self.since.elapsed().as_millis().max(1)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_slowest_makes_room_once_each_had_time_and_of_equals_the_oldest() {
        let mut transfers = Transfers::default();
        let begin = |transfers: &mut Transfers, seed: u8, bytes: u64| {
            let next = Next { from: PeerId([seed; 32]), bytes_max: 1, progress: Progress::default() };
            next.progress.add(bytes);
            drop(transfers.begin(&next));
        };
        // Two that send as much in a second, and one that has sent more than either and is slower.
        begin(&mut transfers, 1, 300);
        advance(ROOM_WAIT).await;
        begin(&mut transfers, 2, 200);
        assert!(transfers.have_place());
        begin(&mut transfers, 3, 200);
        assert!(!transfers.have_place() && !transfers.have_had_time());
        advance(ROOM_WAIT).await;
        assert!(transfers.have_had_time());
        let ended = [(); 3].map(|()| transfers.end_slowest());
        assert_eq!(ended, [1, 2, 3].map(|seed| Some(PeerId([seed; 32]))));
        assert!(transfers.is_empty() && transfers.end_slowest().is_none());
    }
}
